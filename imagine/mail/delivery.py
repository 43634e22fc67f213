"""Mail: queue a message, deliver it, sweep up what was left behind.

A message is written in the transaction of what it tells. Celery is only its alarm clock: when the broker, the worker or
the mail server is down, the message waits in the database and `sweep` sends it later. A thing is sent twice only when
nobody knows whether it was: after a crash between the mail server's "250" and our commit, or when that answer was lost.
Then all copies carry the same Message-ID, and staff see "maybe sent more than once".
"""

import logging
import smtplib
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import Model
from django.utils import timezone

from imagine.core.db.inserts import FEW, insert
from imagine.core.db.selects import first, with_columns
from imagine.mail import preferences
from imagine.mail.backends import Unanswered, reason, refused_for_good, refused_mailbox, server
from imagine.mail.dispatch import Silence, nudge, take_up_nudge
from imagine.mail.mime import Unattached
from imagine.mail.models import Message, QueueHeartbeat, default_retry_until

logger = logging.getLogger(__name__)
server_silent = Silence()

LEASE = timedelta(seconds=150)  # longer than the steps of one SMTP conversation, each at most EMAIL_TIMEOUT
PAUSES = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400)]
UNREACHABLE_PAUSE = timedelta(seconds=15)  # the server's fault, not the message's: it need not wait for hours
DELIVER_SECONDS = 5  # the heartbeat goes through the same queue
SWEEP_SECONDS = 20

# The first that MessageQuerySet.due has, by its own test; as they stand, for each mail asks them.
CLAIM = """
    UPDATE mail_message
    SET state = 'sending', claim_id = %s, claim_expires_at = %s, attempts = attempts + 1
    WHERE id = (
        SELECT id FROM mail_message message
        WHERE queue = 'transactional' AND state = 'queued' AND send_after <= %s AND (
            SELECT ahead.id FROM mail_message ahead
            WHERE ahead.queue = 'transactional' AND ahead.state IN ('queued', 'sending')
            AND ahead.recipient = message.recipient AND ahead.created_at < message.created_at LIMIT 1
        ) IS NULL
        ORDER BY send_after LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING {}
"""
MARK_SENT = """
    UPDATE mail_message SET state = 'sent', sent_at = %s, last_error = '', claim_id = NULL, claim_expires_at = NULL
    WHERE id = %s AND claim_id = %s
"""


# Queue ---------------------------------------------------------------------------------------------------------


def queue(
    *, idempotency_key: str, recipient: str, language: str, subject: str, body_text: str, body_html: str, **also
) -> None:
    """Stores one message in the caller's transaction and nudges Celery once that has committed.

    A message whose key exists already is not written again. `also` are further fields of a message: its calendar part,
    its attachment, the queue that it goes through, its mailing, where one unsubscribes. `attachment` names a function
    and what it is called with, "partners.emails.pledge.certificate:17"; imagine.mail.mime.attached says what it gives.
    """
    queue_many(
        [
            Message(
                idempotency_key=idempotency_key,
                recipient=recipient,
                language=language,
                subject=subject,
                body_text=body_text,
                body_html=body_html,
                **also,
            )
        ]
    )


def queue_many(messages: Sequence[Message], *, after: Sequence[Model] = ()) -> None:
    """Stores messages as `queue` does, and before them the new rows that they come `after` as they tell of them: a few
    in one trip to the database."""
    if len(messages) <= FEW:
        insert(*after, if_new=messages)
    else:
        insert(*after)
        Message.objects.bulk_create(messages, ignore_conflicts=True)
    for name in {message.queue for message in messages}:
        transaction.on_commit(lambda name=name: nudge(name), robust=True)


# Deliver -------------------------------------------------------------------------------------------------------


def deliver() -> None:
    """Sends what is due, oldest first, for at most DELIVER_SECONDS. The first message found nudges another worker: it
    helps, or goes on where this one ends."""
    take_up_nudge()
    send_due(DELIVER_SECONDS, alone=True)


def sweep() -> None:
    """Takes up what a sender left behind that died, and sends what is due and nobody was nudged for."""
    left = {"claim_id": None, "claim_expires_at": None, "possible_duplicate": True}
    abandoned = Message.objects.abandoned().filter(queue=Message.Queue.TRANSACTIONAL)
    abandoned.filter(retry_until__lt=timezone.now()).update(state=Message.State.FAILED, **left)
    abandoned.update(state=Message.State.QUEUED, send_after=timezone.now(), **left)
    send_due(SWEEP_SECONDS)


def send_due(seconds: float, *, alone: bool = False) -> None:
    """Sends what is due for so many seconds. Who is alone nudges another worker for help, once there is work."""
    stop_at, taken = time.monotonic() + seconds, None
    while time.monotonic() < stop_at and not server_silent:
        try:
            message = claim(after=taken)
        except DatabaseError:
            if taken:
                mark(taken, **sent())  # which was taken back with the claim
            raise
        if message is None:
            return
        if alone:
            nudge()
            alone = False
        taken = send(message)
    if taken:
        mark(taken, **sent())


def claim(after: Message | None = None) -> Message | None:
    """Takes the first due message for this process, in a short transaction of its own, which also marks the one `after`
    which it goes: the mail server has just taken that, and it may be in the way of this one."""
    now, calls = timezone.now(), []
    if after:
        calls.append((MARK_SENT, [now, after.pk, after.claim_id]))
    calls.append((with_columns(CLAIM, Message), [uuid.uuid4(), now + LEASE, now]))
    message = first(Message, *calls, anew=True)
    if after:
        logger.info("mail", extra={"message_id": str(after.pk), "state": "sent"})
    return message


def send(message: Message) -> Message | None:
    """Hands a claimed message to the mail server and marks what became of it. Returns one that was taken: that is still
    to be marked."""
    try:
        server.open()
    except (smtplib.SMTPException, OSError) as error:
        lose_server()
        # The server's fault: the message loses none of its time, and none is given up however long it takes.
        outcome = {
            "state": Message.State.QUEUED,
            "send_after": timezone.now() + UNREACHABLE_PAUSE,
            "retry_until": default_retry_until(),
            "attempts": message.attempts - 1,
            "last_error": reason(error),
        }
    else:
        outcome = hand_over(message)
    if outcome["state"] == Message.State.SENT:
        return message
    mark(message, **outcome)
    return None


def lose_server() -> None:
    """The mail server cannot be reached: nobody in this process tries again for a breath."""
    server_silent.begin()
    server.close()


def hand_over(message: Message) -> dict:
    """Sends a message over the open connection. Returns the fields that say what became of it."""
    try:
        server.send(message)
    except Unanswered as error:
        return unanswered(message, reason(error))
    except Unattached as error:
        return put_off(message, reason(error))
    except ValueError as error:
        return {"state": Message.State.REJECTED, "last_error": reason(error)}
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        if not refused_for_good(error):
            return put_off(message, reason(error))
        if refused_mailbox(error):
            preferences.refuse(message.recipient, reason(error))
        return {"state": Message.State.REJECTED, "last_error": reason(error)}
    except (smtplib.SMTPException, OSError) as error:
        if isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code != 421:
            server_silent.begin()  # it would refuse the next mail of ours as well
        return put_off(message, reason(error))
    return sent()


def sent() -> dict:
    return {"state": Message.State.SENT, "sent_at": timezone.now(), "last_error": ""}


def unanswered(message: Message, why: str) -> dict:
    """Gone without a word, the server may have taken the mail. A person who waits for it gets it again, so that each
    try may be one copy more; of mail to many staff decide."""
    if message.queue == Message.Queue.BULK:
        return {"state": Message.State.UNKNOWN, "last_error": why}
    return put_off(message, why) | {"possible_duplicate": True}


def put_off(message: Message, why: str) -> dict:
    """Lets a message wait for its next try, longer each time, until its time is up."""
    pause = PAUSES[min(message.attempts, len(PAUSES)) - 1]
    if timezone.now() + pause > message.retry_until:
        return {"state": Message.State.FAILED, "last_error": why}
    return {"state": Message.State.QUEUED, "send_after": timezone.now() + pause, "last_error": why}


def mark(message: Message, **outcome) -> None:
    """Writes the outcome, if the claim is still ours: a sender that slept past its lease has lost its say."""
    marked = Message.objects.filter(pk=message.pk, claim_id=message.claim_id).update(
        claim_id=None, claim_expires_at=None, **outcome
    )
    logger.info("mail", extra={"message_id": str(message.pk), "state": str(outcome["state"]), "ours": bool(marked)})


@transaction.atomic
def send_again(message: Message) -> bool:
    """Staff want it sent once more: a failed one is queued again, a sent one is copied (once a minute at most). Says
    whether there is something to send; not for one that waits to be sent anyway, or whose mailing was stopped."""
    message = Message.objects.select_for_update(of=("self",)).select_related("mailing").get(pk=message.pk)
    now = timezone.now()
    if message.state in Message.PENDING or (message.mailing and message.mailing.stopped_at):
        return False
    if message.state == Message.State.SENT:
        fields = [
            *("recipient", "language", "subject", "body_text", "body_html"),
            *("ics", "ics_method", "attachment", "attachment_name", "unsubscribe_url"),
        ]
        original = message.idempotency_key.split(":again:")[0]
        queue(idempotency_key=f"{original}:again:{now:%Y%m%d%H%M}", **{name: getattr(message, name) for name in fields})
        return True
    message.possible_duplicate = (
        message.possible_duplicate or message.state == Message.State.UNKNOWN
    )  # bulk.take_back keeps it then
    message.state, message.attempts, message.last_error = Message.State.QUEUED, 0, ""
    message.send_after, message.expires_at, message.retry_until, message.handed_over_at = (
        now,
        None,
        default_retry_until(),
        None,
    )
    message.save()
    transaction.on_commit(lambda: nudge(message.queue), robust=True)
    return True


# Is mail flowing? ----------------------------------------------------------------------------------------------


def beat_heart(queue: str) -> None:
    """Notes that a task came through a queue."""
    QueueHeartbeat.objects.update_or_create(queue=queue, defaults={"at": timezone.now()})


def seconds_since_heartbeat(queue: str) -> float | None:
    """Seconds since a task last came through a queue; None when none ever did."""
    at = QueueHeartbeat.objects.filter(queue=queue).values_list("at", flat=True).first()
    return (timezone.now() - at).total_seconds() if at else None


def seconds_overdue() -> float:
    """For how many seconds the oldest message that a person waits for has waited; 0 when nothing waits."""
    direct = Message.objects.filter(queue=Message.Queue.TRANSACTIONAL)
    waiting = direct.filter(state=Message.State.QUEUED, attempts=0)  # not one that its own mailbox refuses
    oldest = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    return (timezone.now() - oldest).total_seconds() if oldest else 0.0


def failed_since(moment: datetime) -> int:
    """How many messages failed for good on a try that was due after `moment`. When they were written says less: one
    that is given up was tried for a day."""
    return Message.objects.undelivered().filter(send_after__gte=moment).count()
