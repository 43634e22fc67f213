"""What says itself before and after an event, each thing once (docs/rules.md).

When something is due stands in reminder_times.py; it is never counted down. After an outage it is said late, with words
that are true then, or not at all when it is too late to help. A run locks the event, so that two at once do not write
twice and nobody cancels in between; the message's key keeps it at once for good. What waits in the database too long,
because mail does not flow, is taken back and, while there is time, written anew.
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

from imagine.mail.models import Message
from imagine.mail.queue import enqueue_many
from summit import seats
from summit.emails import reminder as reminder_emails
from summit.emails.kinds import EmailKind
from summit.emails.queries import emailed, unwilling
from summit.models import Event, Guest, Invitation, Reminder, Rsvp
from summit.reminders.schedule import SPANS, day_of, days_ago, worth_until

logger = logging.getLogger(__name__)
Kind = Reminder.Kind

BATCH = 50  # letters in one transaction, while the event is locked
SECONDS = 30  # for one run; the next one goes on
UNANSWERED_DAYS = 7  # after the invitation was sent
LONGEST_AGO = timedelta(days=12)  # an event that ended earlier is thanked for no more
LONGEST_AHEAD = timedelta(days=9)
TOLD = (
    EmailKind.RSVP_CONFIRMED,
    EmailKind.RSVP_PROMOTED,
    EmailKind.EVENT_RESCHEDULED,
)  # letters that say all that a reminder would


# To whom -------------------------------------------------------------------------------------------------------


def parties(event: Event, kind: Reminder.Kind) -> QuerySet[Rsvp]:
    """Who is to be written to and was not yet. Nobody who answered after it was due: they were told all of it."""
    due = SPANS[kind].due(event)
    found = event.rsvps.active().filter(created_at__lt=due).filter(~unwilling("email", "reminders"))
    reminder = {"reminder__event": event, "reminder__kind": kind, "reminder__event_date": day_of(event.starts_at)}
    found = found.exclude(emailed(Rsvp, reminder_emails.KINDS[kind].code, **reminder))
    if kind == Kind.THANKS:
        return found.filter(who_came(event))
    found = found.filter(held_seats__gt=0)
    if kind == Kind.NAMES:
        return found.filter(Exists(Guest.objects.filter(rsvp=OuterRef("pk"), position__gt=1, name="")))
    return found.exclude(pk__in=told_since(due))


def who_came(event: Event) -> Q:
    """Of an event's RSVPs: somebody of the party came. When nobody noted who came, whoever held seats."""
    arrived = Guest.objects.filter(rsvp__event=event, checked_in_at__isnull=False)
    return Q(pk__in=arrived.values("rsvp")) if arrived.exists() else Q(held_seats__gt=0)


def told_since(due: datetime) -> list[int]:
    """The RSVPs that got a letter with all that a reminder would say, since it was due."""
    told = Message.objects.filter(kind__in=TOLD, created_at__gte=due, object_id__isnull=False)
    return [pk for pk in told.values_list("object_id", flat=True) if pk is not None]


# Say -----------------------------------------------------------------------------------------------------------


def remind(now: datetime | None = None) -> None:
    """Says all that is due at `now`, for at most SECONDS. Twice, or two at once, says nothing twice."""
    now, stop_at = now or timezone.now(), time.monotonic() + SECONDS
    take_back(now)
    for event, kind in due_now(now):
        say(event, partial(say_some, event, kind, now), stop_at)
    for event in asked_and_open(now):
        say(event, partial(ask_some, event, now), stop_at)


def say(event: Event, some: Callable[[], bool], stop_at: float) -> None:
    """Says one thing about an event, batch by batch. What goes wrong with it holds up no other event's."""
    try:
        while time.monotonic() < stop_at and some():
            pass
    except Exception:
        logger.exception("What is said by itself about event %s was not said.", event.pk)


def due_now(now: datetime) -> Iterator[tuple[Event, Reminder.Kind]]:
    """What is due of which event and not done."""
    near = Event.objects.published().filter(canceled_at__isnull=True)
    events = list(near.filter(starts_at__lt=now + LONGEST_AHEAD, ends_at__gt=now - LONGEST_AGO).order_by("starts_at"))
    completed = Reminder.objects.filter(event__in=events, completed_at__isnull=False)
    done = set(completed.values_list("event_id", "kind", "event_date"))
    for event in events:
        for kind, span in SPANS.items():
            if span.due(event) <= now and (event.pk, kind, day_of(event.starts_at)) not in done:
                yield event, kind


@transaction.atomic
def say_some(loaded: Event, kind: Reminder.Kind, now: datetime) -> bool:
    """Writes the next letters of one reminder, under the event's lock. Says whether there may be more."""
    event = locked(loaded)
    if event is None or now < SPANS[kind].due(event):
        return False
    reminder, _made = Reminder.objects.get_or_create(event=event, kind=kind, event_date=day_of(event.starts_at))
    if reminder.completed_at:
        return False
    rsvps = list(parties(event, kind).order_by("pk").prefetch_related("guests")[:BATCH])
    reminder.too_late = bool(rsvps) and now >= SPANS[kind].until(event)
    if reminder.too_late or not rsvps:
        reminder.completed_at = now
    else:
        until = worth_until(kind, event, now)
        add(
            reminder, reminder_emails.of_parties(event, kind, rsvps, day=reminder.event_date, now=now, expires_at=until)
        )
    reminder.save()
    return reminder.completed_at is None


def add(reminder: Reminder, messages: list[Message]) -> None:
    enqueue_many(messages)
    reminder.messages.add(*messages)
    reminder.recipient_count += len(messages)


def locked(event: Event) -> Event | None:
    """The event as it stands under its lock, unless it is gone, called off or hidden since."""
    try:
        event = seats.lock_event(event.pk)
    except Event.DoesNotExist:
        return None
    return event if event.is_published and not event.canceled_at else None


# Invitations without an answer -----------------------------------------------------------------------------------


def asked_and_open(now: datetime) -> QuerySet[Event]:
    """Events that take an answer for another day at least."""
    coming = Event.objects.published().filter(canceled_at__isnull=True, rsvp_opens_at__lte=now)
    asked = Exists(Invitation.objects.filter(event=OuterRef("pk"), declined_at__isnull=True, rsvp__isnull=True))
    return coming.filter(asked, rsvp_closes_at__gte=now + timedelta(days=1)).order_by("pk")


def unanswered(event: Event, now: datetime) -> QuerySet[Invitation]:
    """Invitations that left so many days ago and are not answered, to who was not asked again."""
    long_ago = {"state": Message.State.SENT, "sent_at__lt": days_ago(now, UNANSWERED_DAYS)}
    sent = emailed(Invitation, EmailKind.INVITATION, **long_ago)
    comes = Rsvp.objects.active().filter(event=event).alias(folded=Lower("email"))
    return (
        event.invitations.filter(sent, declined_at__isnull=True, rsvp__isnull=True)
        .filter(
            ~emailed(Invitation, EmailKind.INVITATION_UNANSWERED),
            ~unwilling("contact__email", "invitations", "reminders"),
        )
        .filter(~Exists(comes.filter(folded=Lower(OuterRef("contact__email")))))
    )


@transaction.atomic
def ask_some(loaded: Event, now: datetime) -> bool:
    """Asks the next ones who did not answer, once each. Says whether there may be more."""
    event = locked(loaded)
    if event is None or not (event.rsvp_opens_at <= now <= event.rsvp_closes_at - timedelta(days=1)):
        return False
    invitations = list(unanswered(event, now).select_related("contact__organization").order_by("pk")[:BATCH])
    if not invitations:
        return False
    reminder, _made = Reminder.objects.get_or_create(
        event=event, kind=Kind.UNANSWERED, event_date=day_of(event.starts_at)
    )
    add(reminder, reminder_emails.of_invitations(event, invitations, expires_at=event.rsvp_closes_at))
    reminder.completed_at = now
    reminder.save()
    return True


# What waited too long ------------------------------------------------------------------------------------------


def take_back(now: datetime) -> None:
    """Deletes reminders that were written and not sent, when they are not true any more: their time is over, they are
    answered, the party holds no seats now, the event was moved or called off. Who is still to be told is found anew."""
    waiting = Message.objects.not_handed_over().filter(expires_at__isnull=False)
    for reminder in Reminder.objects.filter(messages__in=waiting).select_related("event").distinct():
        messages = reminder.messages.filter(expires_at__isnull=False)
        still_true = Q(object_id__in=readers(reminder).values("pk"), expires_at__gt=now)
        reminder_emails.forget(messages.exclude(still_true))


def readers(reminder: Reminder) -> QuerySet:
    """To whom a reminder still says what is true: parties, or invitations."""
    event = reminder.event
    if reminder.kind == Kind.UNANSWERED:
        return event.invitations.unanswered() if not event.canceled_at else event.invitations.none()
    takes_place = event.is_published and not event.canceled_at and day_of(event.starts_at) == reminder.event_date
    parties = event.rsvps.active() if takes_place else event.rsvps.none()
    return parties if reminder.kind == Kind.THANKS else parties.filter(held_seats__gt=0)


# What staff see ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned:
    """One reminder of an event: what it is, its mail's kind, when it is due, and what became of it."""

    label: str
    wording: str
    due: datetime | None
    said_at: datetime | None
    count: int
    state: str  # "coming", "said", "partly", "nobody", "too late", "never"


def plan(event: Event, now: datetime | None = None) -> list[Planned]:
    """What is said by itself around an event, in its order: one query."""
    now = now or timezone.now()
    rows = {row.kind: row for row in event.reminders.filter(event_date=day_of(event.starts_at))}
    dues = sorted(((kind, span.due(event)) for kind, span in SPANS.items()), key=itemgetter(1))
    return [planned(kind, due, rows.get(kind), event, now) for kind, due in [(Kind.UNANSWERED, None), *dues]]


def planned(kind: Kind, due: datetime | None, row: Reminder | None, event: Event, now: datetime) -> Planned:
    count, said_at = (row.recipient_count, row.completed_at) if row else (0, None)
    if row and said_at and row.too_late:
        state = "partly" if count else "too late"
    elif said_at:
        state = "said" if count else "nobody"
    else:
        ends = SPANS[kind].until(event) if kind in SPANS else event.rsvp_closes_at
        state = "coming" if now < ends else "never"
    return Planned(str(kind.label), reminder_emails.KINDS[kind].code, due, said_at, count, state)
