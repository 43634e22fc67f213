"""A partner's events at a glance: who was invited and what they answered (docs/rules.md, "The year's events").

Whoever has the link of a pledge sees the names of people in the organization who are coming, and no more. Their
personal links are only emailed to them.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from django.core.validators import slug_re
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from imagine.core.errors import RuleViolation
from partners.models import Contact, Organization
from partners.pledges.page_state import PageState
from summit import rsvp_links
from summit.invitations import links as invitation_links
from summit.models import Event, Invitation, Rsvp
from summit.school_year import current_school_year

MAX_EVENTS = 60


class NoLink(RuleViolation):
    """This person has no link for this event."""


@dataclass(frozen=True)
class PersonAnswer:
    """What one person of the organization answered to one event."""

    name: str
    rsvp: Rsvp | None
    is_declined: bool
    is_own: bool

    @property
    def comes(self) -> bool:
        return self.rsvp is not None and not self.rsvp.canceled_at

    @property
    def is_open(self) -> bool:
        return self.rsvp is None and not self.is_declined


@dataclass(frozen=True)
class EventAnswers:
    """An event with the answers of one organization, the reader's own answer first."""

    event: Event
    answers: list[PersonAnswer] = field(default_factory=list)

    @property
    def own(self) -> PersonAnswer | None:
        return next((answer for answer in self.answers if answer.is_own), None)


@dataclass
class PartnerYear:
    coming: list[EventAnswers] = field(default_factory=list)
    past: list[EventAnswers] = field(default_factory=list)


def load_partner_year(organization: Organization, own: Contact | None) -> PartnerYear:
    """Return what the page of a pledge's link shows: upcoming public events, and those of this school year that someone
    of the organization was invited to or has an RSVP for. Three queries, however many there are."""
    rsvps = {(rsvp.event_id, rsvp.email.lower() or rsvp.pk): rsvp for rsvp in rsvps_of(organization, own)}
    answers: dict[int, list[PersonAnswer]] = defaultdict(list)
    for invitation in invitations_of(organization):
        elsewhere = rsvps.pop((invitation.event_id, invitation.contact.email.lower()), None)
        answers[invitation.event_id].append(answer_to(invitation, elsewhere, own))
    answered = {answer.rsvp.pk for found in answers.values() for answer in found if answer.rsvp}
    for rsvp in rsvps.values():
        if rsvp.pk not in answered:
            answers[rsvp.event_id].append(
                PersonAnswer(rsvp.name, rsvp, is_declined=False, is_own=is_own(rsvp.email, own))
            )
    year, now = PartnerYear(), timezone.now()
    for event in events_with(answers):
        own_first = sorted(answers[event.pk], key=lambda answer: (not answer.is_own, answer.name))
        (year.coming if event.ends_at > now else year.past).append(EventAnswers(event, own_first))
    year.past.reverse()
    return year


def is_own(email: str, own: Contact | None) -> bool:
    return own is not None and email.lower() == own.email.lower()


def answer_to(invitation: Invitation, elsewhere: Rsvp | None, own: Contact | None) -> PersonAnswer:
    """Return the answer to an invitation, which may be an RSVP that the same address made elsewhere."""
    rsvp = invitation.rsvp or elsewhere
    is_declined = bool(invitation.declined_at) and not (rsvp and not rsvp.canceled_at)
    contact = invitation.contact
    return PersonAnswer(contact.name, None if is_declined else rsvp, is_declined, is_own=is_own(contact.email, own))


def invitations_of(organization: Organization) -> QuerySet[Invitation]:
    """Return the invitations that were emailed; others may still be withdrawn."""
    written = Invitation.objects.filter(contact__organization=organization, emailed_at__isnull=False)
    return written.select_related("contact", "rsvp").order_by("pk")


def rsvps_of(organization: Organization, own: Contact | None) -> QuerySet[Rsvp]:
    """Return the organization's RSVPs, and unmatched ones of the reader's own address."""
    theirs = Q(organization=organization)
    if own:
        theirs |= Q(organization=None, lower_email=own.email.lower())
    return Rsvp.objects.alias(lower_email=Lower("email")).filter(theirs).order_by("pk")


def events_with(answers: dict[int, list[PersonAnswer]]) -> list[Event]:
    this_year = Q(pk__in=list(answers), school_year__gte=current_school_year())
    to_come = Q(ends_at__gt=timezone.now()) & (Q(invitation_only=False) | Q(pk__in=list(answers)))
    shown = Event.objects.published().with_seats().filter(this_year | to_come)
    return list(shown.order_by("starts_at", "pk")[:MAX_EVENTS])


def mail_own_link(state: PageState, slug: str) -> bool:
    """Email the contact of a pledge their own link for an upcoming event, of the RSVP or else of the invitation. Return
    whether it was queued. Raise NoLink."""
    own = state.answering_contact
    coming = {"event__slug": slug, "event__is_published": True, "event__ends_at__gt": timezone.now()}
    if own is None or not slug_re.match(slug):
        raise NoLink
    rsvp = Rsvp.objects.active().with_email(own.email).filter(**coming).select_related("event").first()
    if rsvp:
        return rsvp_links.mail_rsvp_link(rsvp)
    invitation = own.invitations.filter(**coming, emailed_at__isnull=False).first()
    if invitation is None:
        raise NoLink
    return invitation_links.mail_invitation_link(invitation)
