"""Invite an audience once, if as many people will be invited as staff confirmed."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.security_events import record_event
from imagine.mail import dispatch
from imagine.mail.models import Mailing
from imagine.mail.security_events import MailEventKind
from partners.models import Contact
from partners.organizations import contacts
from summit import seats
from summit.emails.kinds import SummitEmailKind
from summit.invitations import audience_query
from summit.invitations.audience_query import AudienceMember
from summit.models import Audience, Event, Invitation, Rsvp

MAX_LENGTH_TITLE = Mailing._meta.get_field("title").max_length


class CannotInvite(RuleViolation):
    """No one is invited. The message tells staff why."""


class EventNotInvitable(CannotInvite):
    """No one can be invited to the event as it is."""


class NoRecipients(CannotInvite):
    """No one in the audience can be invited."""


class RecipientsChanged(CannotInvite):
    """Other people would be invited than staff confirmed; `number` is how many now."""

    def __init__(self, number: int, *, as_many: bool):
        other_number = ngettext(
            "The recipients have changed: %(number)d person would be invited now. No one was invited. Review the list "
            "and confirm again.",
            "The recipients have changed: %(number)d people would be invited now. No one was invited. Review the list "
            "and confirm again.",
            number,
        )
        others = ngettext(
            "The recipients have changed: it’s a different person now. No one was invited. Review the list and confirm "
            "again.",
            "The recipients have changed: they’re as many as before, but not the same people. No one was invited. "
            "Review the list and confirm again.",
            number,
        )
        super().__init__(others if as_many else other_number % {"number": number})
        self.number = number


def check_invitable(event: Event) -> None:
    """Raise EventNotInvitable unless people could answer an invitation now."""
    if event.canceled_at:
        raise EventNotInvitable(_("This event was canceled, so no one can be invited."))
    if event.is_over:
        raise EventNotInvitable(_("This event is over, so no one can be invited."))
    if not event.is_published:
        raise EventNotInvitable(
            _("This event isn’t published yet. Publish it so that people can open their invitations.")
        )
    if event.rsvp_is_closed:
        raise EventNotInvitable(_("RSVPs for this event are closed, so no one could answer. Set a later closing date."))
    if not event.accepts_rsvps:
        raise EventNotInvitable(
            _("RSVPs for this event aren’t open yet, so no one could answer. Set an earlier opening date.")
        )


@transaction.atomic
def start_invitations(event: Event, audience: Audience, *, count: int, by: str, mark: str | None = None) -> Mailing:
    """Create invitations to an event for everyone in an audience who isn't skipped. Their emails are written soon
    after.

    `count` is the number staff confirmed, `by` who confirmed it, `mark` the mark of the people they were shown. Guests
    become contacts. Raise EventNotInvitable, NoRecipients, or RecipientsChanged. Repeating it invites no one twice.
    """
    event = seats.lock_event(event.pk)
    check_invitable(event)
    people = confirmed_recipients(audience, event, count, mark)
    mailing = Mailing.objects.create(
        about=event,
        template=SummitEmailKind.INVITATION,
        title=f"{event.title}: {audience.name}"[:MAX_LENGTH_TITLE],
        recipient_count=count,
        started_by=by,
    )
    create_invitations(event, mailing, [person.contact_id for person in people if person.contact_id])
    audit.log_change(event, {"invited": ""}, {"invited": f"{audience.name}: {count}"})
    record_event(MailEventKind.MAILING_APPROVED, mailing, template=mailing.template, recipients=count)
    transaction.on_commit(lambda: dispatch.send_task("summit.tasks.write_invitations", mailing.pk), robust=True)
    return mailing


def create_invitations(event: Event, mailing: Mailing, contacts: list[int]) -> None:
    Invitation.objects.bulk_create(
        [Invitation(event=event, mailing=mailing, contact_id=contact) for contact in contacts], batch_size=2000
    )


def confirmed_recipients(audience: Audience, event: Event, count: int, mark: str | None) -> list[AudienceMember]:
    """Return the confirmed people as contacts, locked so that they can't be deleted before the transaction ends."""
    people = list(audience_query.audience_people(audience, event, reason=""))
    if not people:
        raise NoRecipients(_("No one in this audience can be invited."))
    if are_confirmed(people, count, mark) and make_contacts(person for person in people if not person.contact_id):
        people = list(audience_query.audience_people(audience, event, reason=""))
    locked = contacts.keep_contacts({person.contact_id for person in people if person.contact_id})
    if locked != len(people) or not are_confirmed(people, count, mark):
        raise RecipientsChanged(locked, as_many=locked == count)
    return people


def are_confirmed(people: list[AudienceMember], count: int, mark: str | None) -> bool:
    """Return whether there are as many people as confirmed and, given a mark, the same people."""
    return len(people) == count and (mark is None or mark == audience_query.fingerprint_people(people))


def make_contacts(guests: Iterable[AudienceMember]) -> int:
    """Turn guests into contacts of the organization their RSVP was matched with, or without one if their address isn't
    verified. They typed the organization's name, so they may not open its pledge. Return how many."""
    guests = list(guests)
    verified = Rsvp.objects.filter(pk__in=[guest.rsvp_id for guest in guests], verified_at__isnull=False)
    partners = dict(verified.values_list("pk", "organization_id"))
    contacts.add_contacts(
        Contact(
            organization_id=partners.get(guest.rsvp_id) if guest.rsvp_id else None,
            name=guest.name,
            email=guest.email,
            language=guest.language,
            may_open_pledge=False,
        )
        for guest in guests
    )
    return len(guests)
