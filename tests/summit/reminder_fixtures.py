"""An event far enough in the future that tests can run reminders on the days around it without waiting."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from imagine.mail.models import Message
from summit.models import Event, Guest, Reminder, Rsvp
from summit.reminders import sending as reminder_sending
from tests import factories

STOCKTON = ZoneInfo("America/Los_Angeles")
# Daylight saving time in 2061 starts on March 13 and ends on November 6.


def moment(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2061, month, day, hour, minute, tzinfo=STOCKTON)


def event(month: int = 4, day: int = 7, hour: int = 8, **fields) -> Event:
    """Create a summit on Thursday, April 7, 2061, at 8 a.m. RSVP is open from now until the day before."""
    starts_at = moment(month, day, hour)
    now = timezone.now()
    times = {"rsvp_opens_at": now - timedelta(days=1), "rsvp_closes_at": starts_at - timedelta(days=1)}
    return factories.event(**({"starts_at": starts_at, "capacity": 100} | times | fields))


def rsvp(
    of: Event, name: str = "Alma Reyes", *, created_at: datetime | None = None, checked_in: int = 0, **fields
) -> Rsvp:
    """Create a party that answered in March 2061, unless `created_at` says otherwise. `checked_in` of its guests
    came."""
    party = factories.rsvp(of, name, **fields)
    Rsvp.objects.filter(pk=party.pk).update(created_at=created_at or moment(3, 1))
    Guest.objects.filter(rsvp=party, position__lte=checked_in).update(checked_in_at=moment(4, 7, 8))
    party.messages.update(created_at=created_at or moment(3, 1), state="sent", sent_at=moment(3, 1))
    party.refresh_from_db()
    return party


def sent_reminders() -> list[str]:
    """Return the kind and recipient of each reminder: "week alma.reyes@example.org"."""
    reminders = Message.objects.filter(queue=Message.Queue.BULK, reminder__isnull=False)
    return [f"{kind} {to}" for to, kind in sorted(reminders.values_list("recipient", "reminder__kind"))]


def run_reminders(*moments: datetime, sent: bool = True) -> list[str]:
    """Send due reminders at each of these moments. Return all reminders so far. With `sent`, queued email is sent at
    once."""
    for now in moments:
        reminder_sending.send_due_reminders(now)
        if sent:
            send_queued(now)
    return sent_reminders()


def send_queued(now: datetime) -> None:
    """Mark queued email as sent unless it expired."""
    queued = Message.objects.filter(state=Message.State.QUEUED).exclude(expires_at__lte=now)
    queued.update(state=Message.State.SENT, sent_at=now)


def only_reminder(kind: str) -> Message:
    """Return the only reminder email of this kind."""
    return Message.objects.get(queue=Message.Queue.BULK, reminder__kind=kind)


def reminder_rows() -> list[tuple]:
    """Return each reminder's kind, day, number of recipients, and whether it was too late and is completed."""
    reminders = Reminder.objects.order_by("event_date", "kind")
    return [
        (row.kind, f"{row.event_date:%m-%d}", row.recipient_count, row.too_late, row.completed_at is not None)
        for row in reminders
    ]
