"""What staff change about an event itself, and whom each change tells."""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from summit import seats
from summit.emails import invitation as invitation_emails
from summit.emails import reminder as reminder_emails
from summit.emails import rsvp as rsvp_emails
from summit.invitations import change_notices
from summit.models import Event, Rsvp

# Changing any of these can make room for waitlisted parties.
PROMOTING_FIELDS = ["capacity", "reserved_seats", "starts_at", "waitlist_closes_hours_before"]
# Everyone who comes or was invited is told of a change of these.
NOTIFIED_FIELDS = ["starts_at", "ends_at", "venue", "address"]


@transaction.atomic
def save_event(event: Event) -> Event:
    """Saves what staff changed. More room is given to the waiting list at once; less throws nobody out (rule 1). When
    the time or the place of a coming event moved, every party is told, and invitations and reminders that have not left
    are written anew."""
    if event.pk is None:
        event.save()
        return event
    before = seats.lock_event(event.pk)
    event.canceled_at = before.canceled_at
    event.save()
    audit.log_change(event, logged_facts(before), logged_facts(event))
    if notifies_guests(before, event):
        for rsvp in active_rsvps(event):
            rsvp_emails.event_moved(rsvp, before)
        invitation_emails.write_anew(event)
        reminder_emails.take_back(before)
        change_notices.begin(event)
    if any(getattr(before, name) != getattr(event, name) for name in PROMOTING_FIELDS):
        seats.promote_waitlist(event)
    return event


def notifies_guests(before: Event, event: Event) -> bool:
    """Whether every party is told when `before` becomes `event`: time or place of a coming event moved."""
    moved = any(getattr(before, f) != getattr(event, f) for f in NOTIFIED_FIELDS)
    return moved and event.is_editable


@transaction.atomic
def cancel_event(event: Event) -> Event:
    """Calls the event off and tells every party; invitations and reminders that have not left never do. The RSVPs stay
    as they are, as a record. Raises Closed when it is over; a second time changes nothing."""
    event = seats.lock_event(event.pk)
    if event.canceled_at:
        return event
    if event.is_over:
        raise seats.RsvpClosed(_("This event is over, so it cannot be cancelled."))
    event.canceled_at = timezone.now()
    event.save(update_fields=["canceled_at"])
    audit.log_change(event, {"canceled": False}, {"canceled": True})
    for rsvp in active_rsvps(event):
        rsvp_emails.event_cancelled(rsvp)
    invitation_emails.write_anew(event)
    reminder_emails.take_back(event)
    change_notices.begin(event)
    return event


def logged_facts(event: Event) -> dict:
    """What history tells of an event, as plain values by the field's name."""
    names = [field.name for field in Event._meta.fields if field.name not in {"id", "canceled_at"}]
    values = {name: getattr(event, name) for name in names}
    return {name: local_text(value) if isinstance(value, datetime) else value for name, value in values.items()}


def local_text(moment: datetime) -> str:
    """A time in the district's zone, to the second, as staff typed it."""
    return f"{timezone.localtime(moment, timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S}"


def active_rsvps(event: Event) -> Iterator[Rsvp]:
    """The RSVPs of an event that are not cancelled, with their guests, each knowing the event as it is in memory."""
    for rsvp in event.rsvps.active().order_by("pk").prefetch_related("guests"):
        rsvp.event = event
        yield rsvp
