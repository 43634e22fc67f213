"""Who gets an email that staff wrote to the guests of an event, and who is excluded and why (docs/rules.md).

People are told apart by address, ignoring case: each address gets one email.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from summit.emails.staff_email import Recipient
from summit.models import Event, Guest, Invitation, Rsvp, StaffEmail, StaffEmailRecipient

Status = StaffEmail.Status
UNSUBSCRIBED = "unsubscribed"


class ExclusionReason(TextChoices):
    """Why someone isn't emailed."""

    NO_EMAIL = "no_email", _("No email address")
    UNSUBSCRIBED = UNSUBSCRIBED, _("Unsubscribed")
    BOUNCED = "bounced", _("Bouncing address")
    DUPLICATE = "duplicate", _("Same address as someone else here")


# Who -------------------------------------------------------------------------------------------------------------


def find_recipients(email: StaffEmail, confirmed: Sequence[StaffEmailRecipient] | None = None) -> list[Recipient]:
    """Return everyone with the statuses of an email, by name, with the reason for each who is excluded. With
    `confirmed`, only those of them who still have such a status."""
    people = list(everyone(email, confirmed))
    addresses = {person.email.lower() for person in people}
    known = {row.email: row for row in EmailPreference.objects.filter(email__in=addresses)}
    seen: set[str] = set()
    found = []
    for person in people:
        reason = exclusion(person, known, seen)
        if not reason:
            seen.add(person.email.lower())
        found.append(person._replace(reason=reason))
    return sorted(found, key=lambda person: (person.name.lower(), person.email.lower(), person.key))


def exclusion(person: Recipient, known: dict[str, EmailPreference], seen: set[str]) -> str:
    address = person.email.lower()
    if not address:
        return ExclusionReason.NO_EMAIL
    if address in seen:
        return ExclusionReason.DUPLICATE
    if reason := preferences.skip_reason(known.get(address), person.topic):
        return ExclusionReason.UNSUBSCRIBED if reason == UNSUBSCRIBED else ExclusionReason.BOUNCED
    return ""


def everyone(email: StaffEmail, confirmed: Sequence[StaffEmailRecipient] | None) -> Iterator[Recipient]:
    rsvps, invitations = parties_with(email.event, email.statuses), invitations_with(email.event, email.statuses)
    if confirmed is not None:
        rsvps = rsvps.filter(pk__in=[each.rsvp_id for each in confirmed if each.rsvp_id])
        invitations = invitations.filter(pk__in=[each.invitation_id for each in confirmed if each.invitation_id])
    for rsvp in rsvps.order_by("pk"):
        rsvp.event = email.event
        yield Recipient(rsvp, rsvp.name, rsvp.email, rsvp.organization_name, rsvp.language)
    for invitation in invitations.select_related("contact__organization").order_by("pk"):
        invitation.event, contact = email.event, invitation.contact
        organization = contact.organization.name if contact.organization else ""
        yield Recipient(invitation, contact.name, contact.email, organization, contact.language)


def parties_with(event: Event, statuses: Iterable[str]) -> QuerySet[Rsvp]:
    """Return the parties with one of these statuses. A partly confirmed party is both confirmed and waitlisted. No one
    is a no-show until someone was checked in."""
    checked_in = Guest.objects.filter(rsvp__event=event, checked_in_at__isnull=False)
    came = Q(pk__in=checked_in.values("rsvp"))
    conditions = {
        Status.CONFIRMED: Q(held_seats__gt=0),
        Status.WAITLISTED: Q(waitlisted_seats__gt=0),
        Status.ATTENDED: came,
        Status.NO_SHOW: Q(held_seats__gt=0) & ~came if checked_in.exists() else Q(pk__in=[]),
    }
    chosen = Q(pk__in=[])
    for status, condition in conditions.items():
        if status in statuses:
            chosen |= condition
    return event.rsvps.active().filter(chosen, anonymized_at__isnull=True)


def invitations_with(event: Event, statuses: Iterable[str]) -> QuerySet[Invitation]:
    """Return the invitations that were emailed and not answered, without people who RSVP'd from the same address."""
    if Status.INVITED not in statuses:
        return event.invitations.none()
    coming = event.rsvps.active().alias(folded=Lower("email")).filter(folded=Lower(OuterRef("contact__email")))
    return event.invitations.unanswered().filter(~Exists(coming), emailed_at__isnull=False)


def count_by_status(event: Event) -> dict[str, int]:
    """Return how many parties or invitations have each status."""
    counts = {str(status): parties_with(event, [status]).count() for status in Status}
    return counts | {str(Status.INVITED): invitations_with(event, [Status.INVITED]).count()}


def fingerprint_email(email: StaffEmail, people: Iterable[Recipient]) -> str:
    """Return a mark that changes when other people would get the email, or it would say something else."""
    lines = [*(f"{person.key} {person.email}" for person in people), email.changed_at.isoformat()]
    return hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()
