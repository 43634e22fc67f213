"""Pause, resume and stop a mailing; decide about messages whose delivery is unknown.

The mailing is locked before its messages, and those in the order of their primary keys.
"""

from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from imagine.core.security_events import record_event
from imagine.mail import queue
from imagine.mail.bulk.delivery import BULK, RELEASED
from imagine.mail.dispatch import wake_workers
from imagine.mail.models import Mailing, Message
from imagine.mail.security_events import MailEventKind

EVENT_KINDS = {
    ("paused_at", True): MailEventKind.MAILING_PAUSED,
    ("paused_at", False): MailEventKind.MAILING_RESUMED,
    ("stopped_at", True): MailEventKind.MAILING_STOPPED,
}


@transaction.atomic
def pause_mailing(mailing: Mailing) -> None:
    """Send nothing more of the mailing until it is resumed. Pausing twice does no harm."""
    set_timestamp_once(mailing, paused_at=timezone.now())


@transaction.atomic
def resume_mailing(mailing: Mailing) -> None:
    """Harmless twice; a stopped mailing stays stopped."""
    set_timestamp_once(mailing, paused_at=None)
    transaction.on_commit(lambda: wake_workers(BULK), robust=True)


@transaction.atomic
def stop_mailing(mailing: Mailing) -> list[tuple[str, int]]:
    """End a mailing for good. Delete what was not handed over and return it as `recall` does, so that what it reported
    can be undone. Harmless twice."""
    set_timestamp_once(mailing, stopped_at=timezone.now())
    return recall(mailing)


def recall(mailing: Mailing) -> list[tuple[str, int]]:
    """Delete the messages of a locked mailing that were not handed over. Return the kind and the object's primary key
    of each. Keep those that were "delivery unknown" before staff resent them, since they may have arrived: they are
    "delivery unknown" again."""
    waiting = list(mailing.messages.not_handed_over().lock())
    doubtful = [message.pk for message in waiting if message.possible_duplicate]
    recalled = [message for message in waiting if not message.possible_duplicate]
    Message.objects.filter(pk__in=doubtful).update(state=Message.State.UNKNOWN, **RELEASED)
    Message.objects.filter(pk__in=[message.pk for message in recalled]).delete()
    return [(message.kind, message.object_id) for message in recalled]


def set_timestamp_once(mailing: Mailing, **timestamp) -> None:
    """Write one timestamp of a mailing under its lock: the first one stays, and after a stop nothing changes."""
    [(name, value)] = timestamp.items()
    locked = Mailing.objects.select_for_update(no_key=True).get(pk=mailing.pk)
    is_set = getattr(locked, name) is not None
    if not locked.stopped_at and is_set != (value is not None):
        setattr(locked, name, value)
        locked.save(update_fields=[name])
        record_event(EVENT_KINDS[name, value is not None], mailing)
    mailing.paused_at, mailing.stopped_at = locked.paused_at, locked.stopped_at


def resolve_unknown(message: Message, arrived: bool) -> bool:
    """Staff know or decide what became of a message whose delivery is unknown: it arrived, or it is to be sent again.
    Return whether there was something to decide: harmless twice, and nothing of a stopped mailing is sent again. Raise
    CannotResend."""
    if arrived:
        unknown = Message.objects.filter(pk=message.pk, state=Message.State.UNKNOWN)
        sent_at = Coalesce("handed_over_at", Now())
        return bool(unknown.update(state=Message.State.SENT, sent_at=sent_at, last_error=""))
    if message.state != Message.State.UNKNOWN or (message.mailing and message.mailing.stopped_at):
        return False
    return queue.resend(message)
