"""Mail: queue a message, deliver it, sweep up what was left behind.

A message is written in the transaction of what it tells. Celery is only its alarm clock: when the broker, the worker or
the mail server is down, the message waits in the database and `sweep` sends it later. The one way to send a thing twice
is a crash between the mail server's "250" and our commit; then both copies carry the same Message-ID.
"""

import hashlib
import logging
import re
import smtplib
import time
import uuid
from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from kombu.pools import producers

from imagine.celery import app
from imagine.models import Heartbeat, Message, give_up_time

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)  # longer than the steps of one SMTP conversation, each at most EMAIL_TIMEOUT
PAUSES = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400)]
UNREACHABLE_PAUSE = timedelta(seconds=15)  # the server's fault, not the message's: it need not wait for hours
BREATH = 5  # seconds without a try after the broker or the mail server did not answer
SWEEP_SECONDS = 20
AUTOMATIC = {"Auto-Submitted": "auto-generated"}  # RFC 3834: an absence note does not answer it
IDLE_SECONDS = 10  # an SMTP connection that slept longer is not used again
# A dead or frozen broker costs a request these seconds, once. Only who rings is in such a hurry: a worker that gives up
# on an acknowledgement loses that place in its queue for good, and after two of them it takes nothing any more.
IMPATIENT = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2, "retry_on_timeout": False, "max_retries": 0}


# Queue ---------------------------------------------------------------------------------------------------------


def queue(
    *,
    key: str,
    to: str,
    language: str,
    subject: str,
    text: str,
    html: str,
    calendar: str = "",
    calendar_method: str = "",
) -> None:
    """Stores one message in the caller's transaction and rings Celery once that has committed.

    A message whose key exists already is not written again.
    """
    message = Message(
        key=key,
        to=to,
        language=language,
        subject=subject,
        text=text,
        html=html,
        calendar=calendar,
        calendar_method=calendar_method,
    )
    Message.objects.bulk_create([message], ignore_conflicts=True)
    transaction.on_commit(lambda: ring("imagine.tasks.deliver", message.pk), robust=True)


class Silence:
    """Remembers that something did not answer, so that the next caller does not wait for it too."""

    def __init__(self):
        self.until = 0.0

    def begin(self):
        self.until = time.monotonic() + BREATH

    def __bool__(self):
        return time.monotonic() < self.until


bell = app.connection_for_write(transport_options=IMPATIENT)
broker_silent = Silence()
server_silent = Silence()


def ring(task: str, pk: uuid.UUID | int) -> None:
    """Tells a worker that there is work on one row. Never raises for a broker that is down: the row is the truth, and a
    periodic task finds it."""
    if broker_silent:
        return
    try:
        with producers[bell].acquire(block=True) as producer:
            app.send_task(task, (str(pk),), retry=False, producer=producer)
    except (OperationalError, OSError):
        broker_silent.begin()
        logger.warning("The broker does not answer; the work waits for the next sweep.")


# Deliver -------------------------------------------------------------------------------------------------------


def deliver(pk: str) -> None:
    """Sends one message if it is due and nobody else has it. Harmless when called twice."""
    if not server_silent and (message := claim(Message.objects.filter(pk=pk))):
        send(message)


def sweep() -> None:
    """Sends what is due and was not rung for, oldest first, for at most SWEEP_SECONDS."""
    left = {"lease": None, "lease_until": None, "maybe_sent": True}
    abandoned = Message.objects.abandoned()
    abandoned.filter(give_up_at__lt=timezone.now()).update(state=Message.State.GIVEN_UP, **left)
    abandoned.update(state=Message.State.QUEUED, not_before=timezone.now(), **left)
    stop_at = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < stop_at and not server_silent and (message := claim(Message.objects.all())):
        send(message)


def claim(messages) -> Message | None:
    """Takes the first due message of a queryset for this process, in a short transaction of its own."""
    with transaction.atomic():
        message = messages.due().order_by("not_before").select_for_update(skip_locked=True).first()
        if message is None:
            return None
        message.state = Message.State.SENDING
        message.lease = uuid.uuid4()
        message.lease_until = timezone.now() + LEASE
        message.attempts += 1
        message.save(update_fields=["state", "lease", "lease_until", "attempts"])
    return message


def send(message: Message) -> None:
    """Hands a claimed message to the mail server and marks what became of it."""
    try:
        server.open()
    except (smtplib.SMTPException, OSError) as error:
        server_silent.begin()
        server.close()
        # The server's fault: the message loses none of its time, and none is given up however long it takes.
        mark(
            message,
            state=Message.State.QUEUED,
            not_before=timezone.now() + UNREACHABLE_PAUSE,
            give_up_at=give_up_time(),
            attempts=message.attempts - 1,
            last_error=reason(error),
        )
        return
    try:
        server.send(write(message))
    except ValueError as error:
        mark(message, state=Message.State.REFUSED, last_error=reason(error))
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        server.close()  # after a 421 it is closed at the other end too
        if refused_for_good(error):
            mark(message, state=Message.State.REFUSED, last_error=reason(error))
        else:
            put_back(message, reason(error))
    except (smtplib.SMTPException, OSError) as error:
        server.close()
        # Gone without a word, it may have taken the mail, so that each try may be one copy more.
        put_back(message, reason(error), maybe_sent=message.maybe_sent or not answers(error))
    else:
        mark(message, state=Message.State.SENT, sent_at=timezone.now(), last_error="")


def mark(message: Message, **outcome) -> None:
    """Writes the outcome, if the claim is still ours: a sender that slept past its lease has lost its say."""
    marked = Message.objects.filter(pk=message.pk, lease=message.lease).update(lease=None, lease_until=None, **outcome)
    logger.info("mail", extra={"message_id": str(message.pk), "state": str(outcome["state"]), "ours": bool(marked)})


def put_back(message: Message, why: str, **also) -> None:
    """Lets a message wait for its next try, longer each time, until its time is up."""
    pause = PAUSES[min(message.attempts, len(PAUSES)) - 1]
    if timezone.now() + pause > message.give_up_at:
        mark(message, state=Message.State.GIVEN_UP, last_error=why, **also)
    else:
        mark(message, state=Message.State.QUEUED, not_before=timezone.now() + pause, last_error=why, **also)


@transaction.atomic
def send_again(message: Message) -> bool:
    """Staff want it sent once more: a failed one is queued again, a sent one is copied (once a minute at most). Says
    whether there is something to send; not for one that waits to be sent anyway."""
    message = Message.objects.select_for_update().get(pk=message.pk)
    now = timezone.now()
    if message.state in {Message.State.QUEUED, Message.State.SENDING}:
        return False
    if message.state == Message.State.SENT:
        fields = ("to", "language", "subject", "text", "html", "calendar", "calendar_method")
        original = message.key.split(":again:")[0]
        queue(key=f"{original}:again:{now:%Y%m%d%H%M}", **{name: getattr(message, name) for name in fields})
        return True
    message.state, message.attempts, message.last_error = Message.State.QUEUED, 0, ""
    message.not_before, message.give_up_at = now, give_up_time()
    message.save()
    transaction.on_commit(lambda: ring("imagine.tasks.deliver", message.pk), robust=True)
    return True


# Write and post ------------------------------------------------------------------------------------------------


class Server:
    """This process's connection to the mail server, kept open between messages."""

    def __init__(self):
        self.connection = None
        self.used_at = 0.0

    def open(self) -> None:
        if self.connection and not self.lives():
            self.close()
        if self.connection is None:
            self.connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
            self.connection.open()

    def lives(self) -> bool:
        """Asks before a mail is at stake: of one that is lost with its connection nobody knows whether it was taken."""
        if time.monotonic() - self.used_at > IDLE_SECONDS:
            return False
        session = getattr(self.connection, "connection", None)  # mail that goes to files has none
        try:
            return session is None or session.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def send(self, email: EmailMultiAlternatives) -> None:
        self.connection.send_messages([email])
        self.used_at = time.monotonic()

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection:
            try:
                connection.close()
            except (smtplib.SMTPException, OSError):
                logger.info("The mail server was gone before it was told goodbye.")


server = Server()


def write(message: Message) -> EmailMultiAlternatives:
    """The stored message as MIME: plain text, HTML and calendar part as alternatives (RFC 2046, RFC 6047)."""
    sender_domain = parseaddr(settings.MAIL_FROM)[1].partition("@")[2]
    name = hashlib.sha256(message.key.encode()).hexdigest()[:32]
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=settings.MAIL_FROM,
        to=[message.to],
        reply_to=[settings.MAIL_REPLY_TO],
        headers={"Message-ID": f"<{name}@{sender_domain}>", "Content-Language": message.language, **AUTOMATIC},
    )
    email.attach_alternative(message.html, "text/html")
    if message.calendar:
        email.attach_alternative(message.calendar, f"text/calendar; method={message.calendar_method}")
    return email


def refused_for_good(error: smtplib.SMTPException) -> bool:
    """Whether the server answered 5xx: the same mail will never be taken (RFC 5321, 4.2.1)."""
    return any(500 <= code < 600 for code, _text in answers(error))


def answers(error: Exception) -> list[tuple[int, bytes | str]]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return list(error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return [(error.smtp_code, error.smtp_error)]
    return []


def reason(error: Exception) -> str:
    """What went wrong, for staff: the server's own words without any address, else the kind of error."""
    said = answers(error)
    if not said:
        return type(error).__name__
    code, text = said[0]
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return re.sub(r"\S+@\S+", "…", f"{code} {text}")[:300]


# Is mail flowing? ----------------------------------------------------------------------------------------------


def beat_heart(queue: str) -> None:
    """Notes that a task came through a queue."""
    Heartbeat.objects.update_or_create(queue=queue, defaults={"at": timezone.now()})


def seconds_since_heartbeat(queue: str) -> float | None:
    """Seconds since a task last came through a queue; None when none ever did."""
    at = Heartbeat.objects.filter(queue=queue).values_list("at", flat=True).first()
    return (timezone.now() - at).total_seconds() if at else None


def seconds_overdue() -> float:
    """For how many seconds the oldest message that is not sent yet has waited; 0 when nothing waits."""
    waiting = Message.objects.filter(state=Message.State.QUEUED)
    oldest = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    return (timezone.now() - oldest).total_seconds() if oldest else 0.0
