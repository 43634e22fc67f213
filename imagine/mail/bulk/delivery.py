"""Send bulk email: claim a batch, then hand over one message after the other at the office's send rate.

No bulk email is sent twice unless staff ask for it. `handed_over_at` is committed before a message is transmitted, and
the outcome before the next one is handed over. So a crash, of the worker or of PostgreSQL, leaves at most one message
per sender whose delivery is unknown, and staff decide about it. The rest of the batch is sent by another worker.
"""

import smtplib
import time
import uuid
from collections import deque

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from imagine.core.database import database_now
from imagine.mail import preferences
from imagine.mail.backends import failure_reason, server
from imagine.mail.bulk.send_rate import get_send_rate, wait_for_slot
from imagine.mail.delivery import CLAIM_DURATION, back_off, record_outcome, server_backoff, transmit
from imagine.mail.dispatch import clear_wakeup, wake_workers
from imagine.mail.models import KEEP_TRYING, EmailPreference, Mailing, Message

BULK = Message.Queue.BULK
BATCH_SIZE = 50
DELIVER_SECONDS = 5  # the heartbeat goes through the same queue
RELEASED = {"claim_id": None, "claim_expires_at": None}


def deliver_batches() -> None:
    """Send batches of what is due for about DELIVER_SECONDS. The first one wakes another worker to help. A worker that
    ends with work left wakes one more: the other may have looked while all of it was claimed here."""
    clear_wakeup(BULK)
    stop_at, needs_help = time.monotonic() + DELIVER_SECONDS, True
    while not server_backoff.is_active and (batch := claim_batch()):
        if needs_help:
            wake_workers(BULK)
            needs_help = False
        send_batch(batch, stop_at)
        if time.monotonic() >= stop_at:
            wake_workers(BULK)
            return


def release_abandoned() -> None:
    """Release what a dead sender left behind, and wake a worker if something is due."""
    with transaction.atomic():
        abandoned = Message.objects.abandoned().filter(queue=BULK).lock(skip_locked=True)
        abandoned.filter(handed_over_at__isnull=False).update(state=Message.State.UNKNOWN, **RELEASED)
        abandoned.filter(state=Message.State.SENDING).update(state=Message.State.QUEUED, **RELEASED)
    if Message.objects.due(BULK).exists():
        wake_workers(BULK)


@transaction.atomic
def claim_batch() -> list[Message]:
    """Claim the first due messages: what leaves in a second, at most BATCH_SIZE. A message has its day of tries from
    the first one on, however long its mailing was paused."""
    due = Message.objects.due(BULK).order_by("send_after").select_for_update(skip_locked=True, of=("self",))
    batch = list(due[: min(BATCH_SIZE, get_send_rate().per_second)])
    now, claim_id = database_now(), uuid.uuid4()
    for message in batch:
        message.claim_id = claim_id
        if not message.attempts:
            message.retry_until = now + KEEP_TRYING
    claimed = Message.objects.filter(pk__in=[message.pk for message in batch])
    claimed.filter(attempts=0).update(retry_until=now + KEEP_TRYING)
    claimed.update(
        state=Message.State.SENDING, claim_id=claim_id, claim_expires_at=now + CLAIM_DURATION, handed_over_at=None
    )
    return batch


def send_batch(batch: list[Message], stop_at: float) -> None:
    """Send a claimed batch, each message in its slot, and release what was not handed over."""
    waiting = deque(filter_recipients(batch))
    while waiting and time.monotonic() < stop_at and not server_backoff.is_active:
        slot = wait_for_slot()
        try:
            server.open()
        except (smtplib.SMTPException, OSError) as error:
            back_off()
            release(batch, last_error=failure_reason(error))
            return
        message = waiting.popleft()
        if mark_handed_over(message):
            if slot.is_missed:  # the database or the machine was busy
                wait_for_slot()
            record_outcome(message, **transmit(message))
    release(batch)


def filter_recipients(batch: list[Message]) -> list[Message]:
    """Return the messages that are still wanted: people may have unsubscribed, and their mail server may have rejected
    another email for good, since the message was written."""
    emails = {message.recipient.lower() for message in batch}
    known = {address.email: address for address in EmailPreference.objects.filter(email__in=emails)}
    wanted = []
    for message in batch:
        if reason := preferences.skip_reason(known.get(message.recipient.lower()), message.topic):
            record_outcome(message, state=Message.State.REJECTED, last_error=reason)
        else:
            wanted.append(message)
    return wanted


def mark_handed_over(message: Message) -> bool:
    """Commit that a message is handed to the mail server now. Return False if it must not be: the claim is no
    longer ours, its mailing was paused or stopped, or it is no longer needed."""
    is_held = Q(paused_at__isnull=False) | Q(stopped_at__isnull=False)
    held = Mailing.objects.filter(is_held, pk=OuterRef("mailing_id"))
    ours = Message.objects.filter(pk=message.pk, claim_id=message.claim_id, claim_expires_at__gt=Now())
    needed = ours.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
    marked = needed.exclude(Exists(held)).update(handed_over_at=Now(), attempts=F("attempts") + 1)
    message.attempts += marked
    return bool(marked)


def release(batch: list[Message], **fields: str) -> None:
    """Queue again what was claimed and not handed over. One by one: a sender holds no message while it waits for
    another, so that it can't stand in the way of a rule that has locked several."""
    pks = [message.pk for message in batch]
    ours = Message.objects.filter(claim_id=batch[0].claim_id, handed_over_at=None)
    for pk in ours.filter(pk__in=pks).values_list("pk", flat=True):
        ours.filter(pk=pk).update(state=Message.State.QUEUED, **RELEASED, **fields)
