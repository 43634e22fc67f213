"""What staff change about an event, and who is notified.

A change only marks the event. A worker writes the emails to its guests afterwards in batches, so that no one waits for
a thousand of them under the event's lock. Each email says how the event differs from what the party was last notified
of. If the event changes again before all are notified, parties that were notified get a second email, and the others
one email about both changes.
"""

import time
from copy import copy
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.mail import dispatch, queue
from imagine.mail.models import Mailing, Message
from summit import seats
from summit.emails import invitation as invitation_emails
from summit.emails import reminder as reminder_emails
from summit.emails import rsvp as rsvp_emails
from summit.invitations import change_notices
from summit.models import Event, EventVersion, Rsvp, RsvpQuerySet
from summit.staff_emails import writing as staff_email_writing

# Changing any of these can make room for waitlisted parties.
PROMOTING_FIELDS = ["capacity", "reserved_seats", "starts_at", "waitlist_closes_hours_before"]
UNLOGGED_FIELDS = {"id", "canceled_at", "notices_pending_since"}
BATCH_SIZE = 50  # emails written in one transaction, while the event is locked
NOTIFY_SECONDS = 10  # then another task continues, so that other tasks get their turn


def save_event(event: Event) -> Event:
    save_and_promote(event)
    return event


@transaction.atomic
def save_and_promote(event: Event) -> list[int]:
    """Save what staff changed. More capacity goes to the waitlist right away; less takes no one's seat (rule 1). If an
    upcoming event was rescheduled or its place changed, every party is notified, and unsent invitations and reminders
    are rewritten. Return the number of seats that each party moved off the waitlist got."""
    if event.pk is None:
        event.save()
        return []
    before = seats.lock_event(event.pk)
    event.canceled_at, event.notices_pending_since = before.canceled_at, before.notices_pending_since
    event.save()
    audit.log_change(event, event_for_history(before), event_for_history(event))
    if notifies_guests(before, event):
        mark_notices_pending(before, event)
        lock_invitations_of_event(event)
        invitation_emails.rewrite_unsent_invitations(event)
        reminder_emails.recall_event_reminders(before)
        staff_email_writing.rewrite_unsent_of_event(event)
        change_notices.start_notices(event)
    if any(getattr(before, name) != getattr(event, name) for name in PROMOTING_FIELDS):
        return seats.promote_waitlist(event)
    return []


def notifies_guests(before: Event, event: Event) -> bool:
    """Return whether every party is notified when `before` becomes `event`: when an upcoming event is rescheduled or
    moved."""
    moved = any(getattr(before, f) != getattr(event, f) for f in EventVersion.FIELDS)
    return moved and event.is_editable


@transaction.atomic
def publish_event(event: Event) -> bool:
    """Make the event's page public. Return False if it is already."""
    event = seats.lock_event(event.pk)
    if event.is_published:
        return False
    event.is_published = True
    event.save(update_fields=["is_published"])
    audit.log_change(event, {"is_published": False}, {"is_published": True})
    return True


@transaction.atomic
def cancel_event(event: Event) -> Event:
    """Cancel the event and notify every party. Unsent invitations and reminders are deleted. RSVPs stay as they are, as
    a record. Raise seats.RsvpClosed if the event is over. Safe to repeat."""
    event = seats.lock_event(event.pk)
    if event.canceled_at:
        return event
    if event.is_over:
        raise seats.RsvpClosed(_("This event is over, so it can’t be canceled."))
    before = copy(event)
    event.canceled_at = timezone.now()
    event.save(update_fields=["canceled_at"])
    audit.log_change(event, {"canceled": False}, {"canceled": True})
    mark_notices_pending(before, event)
    lock_invitations_of_event(event)
    invitation_emails.rewrite_unsent_invitations(event)
    reminder_emails.recall_event_reminders(event)
    staff_email_writing.rewrite_unsent_of_event(event)
    change_notices.start_notices(event)
    return event


def lock_invitations_of_event(event: Event) -> None:
    """Lock the event's mailings, then its invitations, before messages about them are changed."""
    Mailing.objects.about(event).lock()
    event.invitations.lock()


def event_for_history(event: Event) -> dict:
    """Return what history says about an event, as plain values by field name."""
    names = [field.name for field in Event._meta.fields if field.name not in UNLOGGED_FIELDS]
    values = {name: getattr(event, name) for name in names}
    return {name: local_text(value) if isinstance(value, datetime) else value for name, value in values.items()}


def local_text(moment: datetime) -> str:
    """Return a time in the district's time zone, to the second, as staff typed it."""
    return f"{timezone.localtime(moment, timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S}"


# Notify the guests ----------------------------------------------------------------------------------------------


def mark_notices_pending(before: Event, event: Event) -> None:
    """Call it in the transaction of a change, under the event's lock. The number of queries doesn't grow with the
    guests."""
    values = {field: getattr(before, field) for field in EventVersion.FIELDS}
    EventVersion.objects.get_or_create(event=event, version=before.schedule_version, defaults=values)
    event.rsvps.filter(notified_version="").update(notified_version=before.schedule_version)
    event.notices_pending_since = timezone.now()
    event.save(update_fields=["notices_pending_since"])
    transaction.on_commit(lambda: dispatch.send_task("summit.tasks.notify_guests", event.pk), robust=True)


def notify_next_guests(event_pk: int) -> bool:
    """Write the pending emails for up to NOTIFY_SECONDS. Return whether all are written.

    Continue where an earlier call was interrupted. Two calls at once take turns, and nothing is written twice.
    """
    stop_at = time.monotonic() + NOTIFY_SECONDS
    while notify_some_guests(event_pk):
        if time.monotonic() > stop_at:
            return False
    return True


@transaction.atomic
def notify_some_guests(event_pk: int) -> bool:
    """Write one batch in one transaction with who was notified. Return whether there may be more."""
    event = seats.lock_event(event_pk)
    if event.notices_pending_since is None:
        return False
    rsvps = (
        [] if event.is_over else list(unnotified_rsvps(event).order_by("pk").prefetch_related("guests")[:BATCH_SIZE])
    )
    if rsvps:
        queue.enqueue_many(change_notices_to(event, rsvps))
        Rsvp.objects.bulk_update(rsvps, ["ics_sequence", "notified_version"])
    else:
        event.notices_pending_since = None
        event.save(update_fields=["notices_pending_since"])
    return bool(rsvps)


def unnotified_rsvps(event: Event) -> RsvpQuerySet:
    return event.rsvps.active().exclude(notified_version__in=["", event.schedule_version])


def change_notices_to(event: Event, rsvps: list[Rsvp]) -> list[Message]:
    versions = {version.version: version.applied_to(event) for version in event.versions.all()}
    messages = []
    for rsvp in rsvps:
        before = versions.get(rsvp.notified_version, event)
        rsvp.ics_sequence += 1
        if event.canceled_at:
            rsvp.event = before  # as they know it, but canceled
            messages.append(rsvp_emails.event_canceled_message(rsvp))
        else:
            rsvp.event = event
            messages.append(rsvp_emails.event_rescheduled_message(rsvp, before))
        rsvp.notified_version = event.schedule_version
    return messages


def events_with_pending_notices() -> list[int]:
    return list(Event.objects.filter(notices_pending_since__isnull=False).order_by("pk").values_list("pk", flat=True))
