"""Reminders before and after an event, each sent once (docs/rules.md).

schedule.py computes from the event when each is due. After an outage a reminder is sent late, with text that is true
then, or not at all if it is too late to help. A run locks the event, so that two runs don't write twice and no one
cancels in between; the message's key makes it unique for good. Reminders that stay queued too long, because email isn't
going out, are deleted and, while there is time, written again.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from imagine.core.database import database_now
from imagine.core.formatting import district_date
from imagine.mail.models import Message
from imagine.mail.queue import enqueue_many
from summit import seats
from summit.emails import reminder as reminder_emails
from summit.emails.kinds import SummitEmailKind
from summit.emails.queries import has_email, opted_out
from summit.models import Event, Guest, Invitation, Reminder, Rsvp
from summit.reminders.schedule import DUE_PERIODS, start_of_day_before, useful_until

logger = logging.getLogger(__name__)
ReminderKind = Reminder.Kind

BATCH_SIZE = 50  # emails in one transaction, while the event is locked
RUN_SECONDS = 30  # then the next run continues
UNANSWERED_DAYS = 7  # after the invitation was sent
MAX_AGE = timedelta(days=12)  # of an ended event
MAX_AHEAD = timedelta(days=9)
FULLY_INFORMING_KINDS = (
    SummitEmailKind.RSVP_CONFIRMED,
    SummitEmailKind.RSVP_PROMOTED,
    SummitEmailKind.EVENT_RESCHEDULED,
)  # they say everything a reminder would


# Whom to remind ------------------------------------------------------------------------------------------------


def rsvps_to_remind(event: Event, kind: Reminder.Kind) -> QuerySet[Rsvp]:
    """Return the parties still to be sent a reminder, without those who RSVP'd after it was due: their confirmation
    said everything."""
    due = DUE_PERIODS[kind].due(event)
    rsvps = event.rsvps.active().exclude(email="").filter(created_at__lt=due).filter(~opted_out("email", "reminders"))
    reminder = {
        "reminder__event": event,
        "reminder__kind": kind,
        "reminder__event_date": district_date(event.starts_at),
    }
    rsvps = rsvps.exclude(has_email(Rsvp, reminder_emails.KINDS[kind].code, **reminder))
    if kind == ReminderKind.THANKS:
        return rsvps.filter(attended(event))
    rsvps = rsvps.filter(held_seats__gt=0)
    if kind == ReminderKind.NAMES:
        return rsvps.filter(Exists(Guest.objects.filter(rsvp=OuterRef("pk"), position__gt=1, name="")))
    return rsvps.exclude(pk__in=informed_since(due))


def attended(event: Event) -> Q:
    """Match an event's parties of which someone was checked in or, if no one was checked in, that held seats."""
    arrived = Guest.objects.filter(rsvp__event=event, checked_in_at__isnull=False)
    return Q(pk__in=arrived.values("rsvp")) if arrived.exists() else Q(held_seats__gt=0)


def informed_since(due: datetime) -> list[int]:
    """Return the RSVPs that got an email with everything a reminder would say since it was due."""
    informing = Message.objects.filter(kind__in=FULLY_INFORMING_KINDS, created_at__gte=due, object_id__isnull=False)
    return [pk for pk in informing.values_list("object_id", flat=True) if pk is not None]


# Write reminders -----------------------------------------------------------------------------------------------


def send_due_reminders(now: datetime | None = None) -> None:
    """Write everything due at `now`, for up to RUN_SECONDS. Nothing is written twice, even by two runs at once."""
    now, stop_at = now or database_now(), time.monotonic() + RUN_SECONDS
    delete_outdated_reminders(now)
    for event, kind in due_reminders(now):
        run_batches(event, partial(write_reminder_batch, event, kind, now), stop_at)
    for event in events_with_open_invitations(now):
        run_batches(event, partial(write_unanswered_batch, event, now), stop_at)


def run_batches(event: Event, write_batch: Callable[[], bool], stop_at: float) -> None:
    """Write batch by batch. An error with one event doesn't hold up the others."""
    try:
        while time.monotonic() < stop_at and write_batch():
            pass
    except Exception:
        logger.exception("Couldn't write the reminders of event %s.", event.pk)


def due_reminders(now: datetime) -> Iterator[tuple[Event, Reminder.Kind]]:
    """Yield the reminders that are due and not completed."""
    candidates = Event.objects.published().filter(canceled_at__isnull=True)
    events = list(candidates.filter(starts_at__lt=now + MAX_AHEAD, ends_at__gt=now - MAX_AGE).order_by("starts_at"))
    completed = Reminder.objects.filter(event__in=events, completed_at__isnull=False)
    done = set(completed.values_list("event_id", "kind", "event_date"))
    for event in events:
        for kind, span in DUE_PERIODS.items():
            if span.due(event) <= now and (event.pk, kind, district_date(event.starts_at)) not in done:
                yield event, kind


@transaction.atomic
def write_reminder_batch(loaded: Event, kind: Reminder.Kind, now: datetime) -> bool:
    """Write the next emails of one reminder under the event's lock. Return whether there may be more."""
    event = lock_active_event(loaded)
    if event is None or now < DUE_PERIODS[kind].due(event):
        return False
    reminder = lock_reminder(event, kind)
    if reminder.completed_at:
        return False
    rsvps = list(rsvps_to_remind(event, kind).order_by("pk").prefetch_related("guests")[:BATCH_SIZE])
    reminder.too_late = bool(rsvps) and now >= DUE_PERIODS[kind].until(event)
    if reminder.too_late or not rsvps:
        reminder.completed_at = now
    else:
        until = useful_until(kind, event, now)
        queue_reminders(
            reminder,
            reminder_emails.party_reminders(event, kind, rsvps, day=reminder.event_date, now=now, expires_at=until),
        )
    reminder.save()
    return reminder.completed_at is None


def lock_reminder(event: Event, kind: Reminder.Kind) -> Reminder:
    """Return the reminder for the event's day, locked, because taking back expired emails reopens it without the lock
    of the event."""
    reminders = Reminder.objects.select_for_update(no_key=True)
    reminder, _created = reminders.get_or_create(event=event, kind=kind, event_date=district_date(event.starts_at))
    return reminder


def queue_reminders(reminder: Reminder, messages: list[Message]) -> None:
    enqueue_many(messages)
    reminder.messages.add(*messages)
    reminder.recipient_count += len(messages)


def lock_active_event(event: Event) -> Event | None:
    """Return the locked event, or None if it was deleted, canceled or hidden since."""
    try:
        event = seats.lock_event(event.pk)
    except Event.DoesNotExist:
        return None
    return event if event.is_published and not event.canceled_at else None


# Unanswered invitations ------------------------------------------------------------------------------------------


def events_with_open_invitations(now: datetime) -> QuerySet[Event]:
    """Return events that can be answered for at least another day."""
    coming = Event.objects.published().filter(canceled_at__isnull=True, rsvp_opens_at__lte=now)
    has_open_invitation = Exists(
        Invitation.objects.filter(event=OuterRef("pk"), declined_at__isnull=True, rsvp__isnull=True)
    )
    return coming.filter(has_open_invitation, rsvp_closes_at__gte=now + timedelta(days=1)).order_by("pk")


def invitations_to_remind(event: Event, now: datetime) -> QuerySet[Invitation]:
    """Return invitations sent long enough ago that weren't answered, to people who weren't reminded yet."""
    long_enough_ago = {"state": Message.State.SENT, "sent_at__lt": start_of_day_before(now, UNANSWERED_DAYS)}
    sent = has_email(Invitation, SummitEmailKind.INVITATION, **long_enough_ago)
    coming = Rsvp.objects.active().filter(event=event).alias(folded=Lower("email"))
    return (
        event.invitations.filter(sent, declined_at__isnull=True, rsvp__isnull=True)
        .filter(
            ~has_email(Invitation, SummitEmailKind.INVITATION_UNANSWERED),
            ~opted_out("contact__email", "invitations", "reminders"),
        )
        .filter(~Exists(coming.filter(folded=Lower(OuterRef("contact__email")))))
    )


@transaction.atomic
def write_unanswered_batch(loaded: Event, now: datetime) -> bool:
    """Remind the next people who didn't answer, once each. Return whether there may be more."""
    event = lock_active_event(loaded)
    if event is None or not (event.rsvp_opens_at <= now <= event.rsvp_closes_at - timedelta(days=1)):
        return False
    invitations = list(
        invitations_to_remind(event, now).select_related("contact__organization").order_by("pk")[:BATCH_SIZE]
    )
    if not invitations:
        return False
    reminder = lock_reminder(event, ReminderKind.UNANSWERED)
    queue_reminders(reminder, reminder_emails.unanswered_reminders(event, invitations, expires_at=event.rsvp_closes_at))
    reminder.completed_at = now
    reminder.save()
    return True


# Outdated reminders --------------------------------------------------------------------------------------------


def delete_outdated_reminders(now: datetime) -> None:
    """Delete queued reminders that aren't true anymore: their time is over, the invitation was answered, the party
    holds no seats, or the event was rescheduled or canceled. People still to be reminded are found again."""
    waiting = Message.objects.not_handed_over().filter(expires_at__isnull=False)
    for reminder in Reminder.objects.filter(messages__in=waiting).select_related("event").distinct():
        messages = reminder.messages.filter(expires_at__isnull=False)
        still_true = Q(object_id__in=current_recipients(reminder).values("pk"), expires_at__gt=now)
        reminder_emails.delete_unsent_reminders(messages.exclude(still_true))


def current_recipients(reminder: Reminder) -> QuerySet:
    """Return the parties or invitations for which a reminder is still true."""
    event = reminder.event
    if reminder.kind == ReminderKind.UNANSWERED:
        return event.invitations.unanswered() if not event.canceled_at else event.invitations.none()
    takes_place = event.is_published and not event.canceled_at and district_date(event.starts_at) == reminder.event_date
    parties = event.rsvps.active() if takes_place else event.rsvps.none()
    return parties if reminder.kind == ReminderKind.THANKS else parties.filter(held_seats__gt=0)


# The plan for staff --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlannedReminder:
    """One reminder of an event for staff: its template, when it is due, and what became of it."""

    label: str
    template: str
    due: datetime | None
    sent_at: datetime | None
    count: int
    state: str  # "coming", "sent", "partly", "nobody", "too late" or "never"


def reminder_plan(event: Event, now: datetime | None = None) -> list[PlannedReminder]:
    """Return the reminders of an event in order, in one query."""
    now = now or timezone.now()
    rows = {row.kind: row for row in event.reminders.filter(event_date=district_date(event.starts_at))}
    dues = sorted(((kind, span.due(event)) for kind, span in DUE_PERIODS.items()), key=itemgetter(1))
    return [
        planned_reminder(kind, due, rows.get(kind), event, now)
        for kind, due in [(ReminderKind.UNANSWERED, None), *dues]
    ]


def planned_reminder(
    kind: ReminderKind, due: datetime | None, row: Reminder | None, event: Event, now: datetime
) -> PlannedReminder:
    count, sent_at = (row.recipient_count, row.completed_at) if row else (0, None)
    if row and sent_at and row.too_late:
        state = "partly" if count else "too late"
    elif sent_at:
        state = "sent" if count else "nobody"
    else:
        ends = DUE_PERIODS[kind].until(event) if kind in DUE_PERIODS else event.rsvp_closes_at
        state = "coming" if now < ends else "never"
    return PlannedReminder(str(kind.label), reminder_emails.KINDS[kind].code, due, sent_at, count, state)
