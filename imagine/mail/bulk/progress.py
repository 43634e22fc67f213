"""The progress of a mailing, in numbers of people."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from imagine.mail.bulk.send_rate import get_send_rate
from imagine.mail.models import Mailing, Message

RECENT_SECONDS = 30  # over which the real speed is measured


def unfinished_mailings() -> QuerySet[Mailing]:
    """Return the mailings that still have emails to write or send, or emails whose delivery is unknown."""
    messages = Message.objects.filter(mailing__isnull=False).order_by()
    queued, unknown = (
        messages.filter(state=state).values("mailing") for state in (Message.State.QUEUED, Message.State.UNKNOWN)
    )
    unfinished = Q(rendered_at__isnull=True) | Q(pk__in=queued)
    return Mailing.objects.filter(Q(stopped_at__isnull=True) & unfinished | Q(pk__in=unknown))


@dataclass(frozen=True)
class MailingProgress:
    """`waiting` are written and not sent yet, `deferred` those of them whose mail server said "later". `seconds_left`
    is None if it isn't known."""

    count: int
    to_write: int
    waiting: int
    deferred: int
    sent: int
    rejected: int
    failed: int
    unknown: int
    skipped: int
    share: float
    seconds_left: int | None
    state: str


def mailing_progress(mailing: Mailing) -> MailingProgress:
    """Two queries for any number of messages."""
    counted = mailing.messages.aggregate(
        **{state.value: Count("pk", filter=Q(state=state)) for state in Message.State},
        deferred=Count("pk", filter=Q(state=Message.State.QUEUED, attempts__gt=0, send_after__gt=Now())),
        recent=Count("pk", filter=Q(sent_at__gt=Now() - timedelta(seconds=RECENT_SECONDS))),
    )
    waiting = counted["queued"] + counted["sending"]
    done = sum(counted[state] for state in ("sent", "rejected", "failed", "unknown"))
    is_writing = not (mailing.rendered_at or mailing.stopped_at)
    to_write = max(0, mailing.recipient_count - mailing.skipped_count - waiting - done) if is_writing else 0
    whole = mailing.recipient_count - mailing.skipped_count if mailing.stopped_at else done + waiting + to_write
    state = mailing_state(mailing, waiting)
    return MailingProgress(
        count=mailing.recipient_count,
        to_write=to_write,
        waiting=waiting,
        deferred=counted["deferred"],
        **{state: counted[state] for state in ("sent", "rejected", "failed", "unknown")},
        skipped=mailing.skipped_count,
        share=min(1.0, done / whole) if whole > 0 else 1.0,
        seconds_left=seconds_left(to_write + waiting - counted["deferred"], counted["recent"], state),
        state=state,
    )


def mailing_state(mailing: Mailing, waiting: int) -> str:
    if mailing.stopped_at:
        return "stopped"
    if mailing.rendered_at and not waiting:
        return "done"
    if mailing.paused_at:
        return "paused"
    return "sending" if mailing.rendered_at else "writing"


def seconds_left(number: int, recent: int, state: str) -> int | None:
    """Return how long that many more emails will take, at the send rate or the recent speed, whichever is slower."""
    if state not in {"writing", "sending"} or not recent:
        return None
    return round(number / min(get_send_rate().per_second, recent / RECENT_SECONDS))
