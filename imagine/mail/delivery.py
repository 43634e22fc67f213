"""Deliver email that a person waits for: claim a message, transmit it, record the outcome, sweep up after a crash.

A message is stored in the transaction of what it reports. Celery is only its alarm clock: if the broker, the worker or
the mail server is down, the message waits in the database and `requeue_abandoned` sends it later. An email is sent
twice only if it isn't known whether it was: after a crash between the mail server's "250" and our commit, or when that
reply was lost. Then all copies have the same Message-ID, and staff see "may have been sent more than once".
"""

import logging
import smtplib
import time
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from imagine.core.database import database_now
from imagine.mail import preferences
from imagine.mail.attachments import AttachmentFailed
from imagine.mail.backends import LostReply, failure_reason, is_permanent, rejects_mailbox, server
from imagine.mail.dispatch import Backoff, clear_wakeup, wake_workers
from imagine.mail.mime import build_email
from imagine.mail.models import Message, default_retry_until

logger = logging.getLogger(__name__)
server_backoff = Backoff()

CLAIM_DURATION = timedelta(seconds=150)  # longer than the steps of one SMTP conversation, each at most EMAIL_TIMEOUT
RETRY_PAUSES = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400)]
UNREACHABLE_PAUSE = timedelta(seconds=15)  # the server's fault, not the message's: no need to wait for hours
DELIVER_SECONDS = 5  # the heartbeat goes through the same queue
SWEEP_SECONDS = 20


# Deliver -------------------------------------------------------------------------------------------------------


def deliver_messages() -> None:
    """Send what is due, oldest first, for at most DELIVER_SECONDS. The first message found wakes another worker, which
    helps or carries on when this one ends."""
    clear_wakeup()
    send_due(DELIVER_SECONDS, needs_help=True)


def requeue_abandoned() -> None:
    """Queue again what a dead sender left behind, and send what is due."""
    with transaction.atomic():
        abandoned = Message.objects.abandoned().filter(queue=Message.Queue.TRANSACTIONAL).lock(skip_locked=True)
        released = {"claim_id": None, "claim_expires_at": None, "possible_duplicate": True}
        abandoned.filter(retry_until__lt=Now()).update(state=Message.State.FAILED, **released)
        abandoned.filter(state=Message.State.SENDING).update(state=Message.State.QUEUED, send_after=Now(), **released)
    send_due(SWEEP_SECONDS)


def send_due(seconds: float, *, needs_help: bool = False) -> None:
    """Send what is due for so many seconds. If this worker `needs_help`, the first message wakes another."""
    stop_at = time.monotonic() + seconds
    while time.monotonic() < stop_at and not server_backoff.is_active and (message := claim_message()):
        if needs_help:
            wake_workers()
            needs_help = False
        record_outcome(message, **send(message))


@transaction.atomic
def claim_message() -> Message | None:
    """Claim the first due message for this process."""
    due = Message.objects.due(Message.Queue.TRANSACTIONAL).order_by("send_after")
    message = due.select_for_update(skip_locked=True, of=("self",)).first()
    if message:
        message.claim_id, message.attempts = uuid.uuid4(), message.attempts + 1
        Message.objects.filter(pk=message.pk).update(
            state=Message.State.SENDING,
            claim_id=message.claim_id,
            claim_expires_at=Now() + CLAIM_DURATION,
            attempts=message.attempts,
        )
    return message


def send(message: Message) -> dict:
    """Transmit a claimed message. Return the fields that say what became of it."""
    try:
        server.open()
    except (smtplib.SMTPException, OSError) as error:
        back_off()
        # The server's fault: the message loses none of its time, and none is given up however long it takes.
        return {
            "state": Message.State.QUEUED,
            "send_after": Now() + UNREACHABLE_PAUSE,
            "retry_until": default_retry_until(),
            "attempts": message.attempts - 1,
            "last_error": failure_reason(error),
        }
    return transmit(message)


def back_off() -> None:
    """The mail server can't be reached: this process doesn't try again for a few seconds."""
    server_backoff.start()
    server.close()


def transmit(message: Message) -> dict:
    """Send a message over the open connection. Return the fields that say what became of it."""
    try:
        server.send(build_email(message))
    except LostReply as error:
        return handle_lost_reply(message, failure_reason(error))
    except AttachmentFailed as error:
        return schedule_retry(message, failure_reason(error))
    except ValueError as error:
        return {"state": Message.State.REJECTED, "last_error": failure_reason(error)}
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        if not is_permanent(error):
            return schedule_retry(message, failure_reason(error))
        if rejects_mailbox(error):
            preferences.suppress(message.recipient, failure_reason(error))
        return {"state": Message.State.REJECTED, "last_error": failure_reason(error)}
    except (smtplib.SMTPException, OSError) as error:
        if isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code != 421:
            server_backoff.start()  # it would refuse our next email as well
        return schedule_retry(message, failure_reason(error))
    return {"state": Message.State.SENT, "sent_at": Now(), "last_error": ""}


def handle_lost_reply(message: Message, reason: str) -> dict:
    """The server may have accepted the email. A person who waits for it gets it again, so each try may be one copy
    more; about bulk email staff decide."""
    if message.queue == Message.Queue.BULK:
        return {"state": Message.State.UNKNOWN, "last_error": reason}
    return schedule_retry(message, reason) | {"possible_duplicate": True}


def schedule_retry(message: Message, reason: str) -> dict:
    """Let a message wait for its next try, longer each time, until its time is up."""
    send_after = database_now() + RETRY_PAUSES[min(message.attempts, len(RETRY_PAUSES)) - 1]
    if send_after > message.retry_until:
        return {"state": Message.State.FAILED, "last_error": reason}
    return {"state": Message.State.QUEUED, "send_after": send_after, "last_error": reason}


def record_outcome(message: Message, **outcome) -> None:
    """Write what became of a message if the claim is still ours: a sender that slept until its claim expired must not
    write anything."""
    recorded = Message.objects.filter(pk=message.pk, claim_id=message.claim_id).update(
        claim_id=None, claim_expires_at=None, **outcome
    )
    logger.info("mail", extra={"message_id": str(message.pk), "state": str(outcome["state"]), "ours": bool(recorded)})
