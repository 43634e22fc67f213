"""Watch the delivery of email: heartbeats of the queues, and overdue messages. All times are the database's."""

from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from imagine.core.database import database_now
from imagine.mail.bulk.send_rate import get_send_rate
from imagine.mail.models import Message, QueueHeartbeat
from imagine.mail.reports import mailbox

MAX_REPORTS_AGE = timedelta(minutes=30)  # it is read every five


def record_heartbeat(queue: str) -> None:
    """Record that a worker ran a task of a queue."""
    QueueHeartbeat.objects.update_or_create(queue=queue, defaults={"recorded_at": Now()})


def seconds_since_heartbeat(queue: str) -> float | None:
    """Return the seconds since a worker last ran a task of a queue, or None if none ever did."""
    age = QueueHeartbeat.objects.filter(queue=queue).values_list(Now() - F("recorded_at"), flat=True).first()
    return None if age is None else age.total_seconds()


def seconds_overdue() -> float:
    """Return how many seconds the oldest transactional message has been waiting, or 0 if none is."""
    transactional = Message.objects.filter(queue=Message.Queue.TRANSACTIONAL)
    waiting = transactional.filter(state=Message.State.QUEUED, attempts=0)  # retries wait for other reasons
    age = waiting.order_by("created_at").values_list(Now() - F("created_at"), flat=True).first()
    return age.total_seconds() if age else 0.0


def bulk_seconds_overdue() -> float:
    """Return for how many seconds bulk email has been due while none was sent, or 0 if it is sent at the send rate."""
    due = Message.objects.due(Message.Queue.BULK)
    oldest = due.order_by("send_after").values_list("send_after", flat=True).first()
    return max(0.0, (database_now() - max(oldest, get_send_rate().next_at)).total_seconds()) if oldest else 0.0


def reports_are_late() -> bool:
    """Return whether the mailbox for delivery reports, if there is one, wasn't read lately."""
    if not mailbox.is_configured():
        return False
    read_at = mailbox.last_read_at()
    return read_at is None or read_at < database_now() - MAX_REPORTS_AGE
