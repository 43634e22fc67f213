"""An event far enough ahead that a test can walk through the days around it; nothing here waits."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from imagine.mail.models import Message
from summit.models import Event, Guest, Reminder, Rsvp
from summit.reminders import sending as reminder_sending
from tests import factories

STOCKTON = ZoneInfo("America/Los_Angeles")
# The clocks of 2061 change on 13 March and 6 November.


def moment(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2061, month, day, hour, minute, tzinfo=STOCKTON)


def event(month: int = 4, day: int = 7, hour: int = 8, **fields) -> Event:
    """A summit on Thursday, 7 April 2061, at 8 in the morning; RSVP is open now, and until the day before."""
    starts_at = moment(month, day, hour)
    now = timezone.now()
    times = {"rsvp_opens_at": now - timedelta(days=1), "rsvp_closes_at": starts_at - timedelta(days=1)}
    return factories.event(**({"starts_at": starts_at, "capacity": 100} | times | fields))


def rsvp(of: Event, name: str = "Alma Reyes", *, made: datetime | None = None, came: int = 0, **fields) -> Rsvp:
    """A party that answered in March 2061, or at another time; of which so many came."""
    party = factories.rsvp(of, name, **fields)
    Rsvp.objects.filter(pk=party.pk).update(created_at=made or moment(3, 1))
    Guest.objects.filter(rsvp=party, position__lte=came).update(checked_in_at=moment(4, 7, 8))
    party.messages.update(created_at=made or moment(3, 1), state="sent", sent_at=moment(3, 1))
    party.refresh_from_db()
    return party


def sent_reminders() -> list[str]:
    """What reminders say to whom, without the number of the RSVP or invitation: week alma.reyes@example.org"""
    reminders = Message.objects.filter(queue=Message.Queue.BULK, reminder__isnull=False)
    return [f"{kind} {to}" for to, kind in sorted(reminders.values_list("recipient", "reminder__kind"))]


def run_reminders(*moments: datetime, sent: bool = True) -> list[str]:
    """Runs at each of these moments, and returns all that was said. Unless mail does not flow, it is sent at once."""
    for now in moments:
        reminder_sending.send_due_reminders(now)
        if sent:
            send_queued(now)
    return sent_reminders()


def send_queued(now: datetime) -> None:
    """Mail flows: what waits, and helps somebody yet, is sent."""
    waiting = Message.objects.filter(state=Message.State.QUEUED).exclude(expires_at__lte=now)
    waiting.update(state=Message.State.SENT, sent_at=now)


def only_reminder(kind: str) -> Message:
    """The one reminder of this kind."""
    return Message.objects.get(queue=Message.Queue.BULK, reminder__kind=kind)


def reminder_rows() -> list[tuple]:
    """What is written down of reminders: kind, day, how many, whether it was too late, whether it is done."""
    reminders = Reminder.objects.order_by("event_date", "kind")
    return [
        (row.kind, f"{row.event_date:%m-%d}", row.recipient_count, row.too_late, row.completed_at is not None)
        for row in reminders
    ]
