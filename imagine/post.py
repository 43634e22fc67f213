"""How one message leaves: as MIME, over a connection that stays open, and what the mail server's answer means."""

import hashlib
import logging
import mimetypes
import re
import smtplib
import time
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.module_loading import import_string

from imagine.models import Message

logger = logging.getLogger(__name__)

IDLE_SECONDS = 10  # a connection that slept longer is not trusted any more
AUTOMATIC = {"Auto-Submitted": "auto-generated"}  # RFC 3834: an absence note does not answer it


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


class Unattached(Exception):
    """The attachment could not be made now."""


def write(message: Message) -> EmailMultiAlternatives:
    """The stored message as MIME: plain text, HTML and calendar part as alternatives (RFC 2046, RFC 6047), and what is
    attached. Raises Unattached."""
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
    if message.attachment and (content := attached(message)):
        email.attach(message.attachment_name, content, mimetypes.guess_type(message.attachment_name)[0])
    return email


def attached(message: Message) -> bytes | None:
    """What the message's function gives for its argument and the message's language; None when there is nothing to
    attach any more."""
    maker, _colon, of = message.attachment.partition(":")
    try:
        return import_string(maker)(of, message.language)
    except Exception as error:  # whatever it was, the mail waits and staff see the reason
        logger.exception("attachment", extra={"message_id": str(message.pk)})
        raise Unattached(type(error).__name__) from error


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
    if isinstance(error, Unattached):
        return f"attachment: {error}"
    said = answers(error)
    if not said:
        return type(error).__name__
    code, text = said[0]
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return re.sub(r"\S+@\S+", "…", f"{code} {text}")[:300]
