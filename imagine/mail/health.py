"""Is email flowing? Heartbeats of the queues, and what is overdue. All by the database's clock."""

from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from imagine.core.database import database_now
from imagine.mail.bulk.rate_limit import get_send_rate
from imagine.mail.models import Message, QueueHeartbeat


def record_heartbeat(queue: str) -> None:
    """Note that a task came through a queue."""
    QueueHeartbeat.objects.update_or_create(queue=queue, defaults={"at": Now()})


def seconds_since_heartbeat(queue: str) -> float | None:
    """Seconds since a task last came through a queue; None if none ever did."""
    age = QueueHeartbeat.objects.filter(queue=queue).values_list(Now() - F("at"), flat=True).first()
    return None if age is None else age.total_seconds()


def seconds_overdue() -> float:
    """For how many seconds the oldest message that a person waits for has waited; 0 if none waits."""
    transactional = Message.objects.filter(queue=Message.Queue.TRANSACTIONAL)
    waiting = transactional.filter(state=Message.State.QUEUED, attempts=0)  # not one that its own mailbox refuses
    age = waiting.order_by("created_at").values_list(Now() - F("created_at"), flat=True).first()
    return age.total_seconds() if age else 0.0


def bulk_seconds_overdue() -> float:
    """For how many seconds some bulk email has been due while none left; 0 if none is due, or it leaves at its rate."""
    due = Message.objects.due(Message.Queue.BULK)
    oldest = due.order_by("send_after").values_list("send_after", flat=True).first()
    return max(0.0, (database_now() - max(oldest, get_send_rate().next_at)).total_seconds()) if oldest else 0.0


def failed_within(period: timedelta) -> int:
    """How many messages failed for good on a try that was due in this period. When they were written says less: one
    that failed in the end was tried for a day."""
    return Message.objects.undelivered().filter(send_after__gte=Now() - period).count()
