"""How one email leaves: over an SMTP connection that stays open, and what the mail server's answer means."""

import logging
import re
import smtplib
import threading
import time

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

from imagine.core.logging import without_links
from imagine.mail.attachments import AttachmentFailed

logger = logging.getLogger(__name__)

MAX_REASON = 300  # letters
IDLE_SECONDS = 10  # a connection that was idle for longer may be dead


class LostReply(Exception):
    """The email was handed over whole and no reply came: it isn't known whether it was accepted."""


class EmailBackend(smtp.EmailBackend):
    """Django's SMTP backend, which tells an email that was not accepted from one whose reply was lost (LostReply), and
    takes the next email on the same connection after a refusal."""

    @property
    def _session(self) -> smtplib.SMTP:
        if self.connection is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self.connection

    def is_alive(self) -> bool:
        try:
            return self._session.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def _send(self, email: EmailMessage) -> bool:
        """Take the steps of RFC 5321, 3.3, as smtplib's sendmail does, which doesn't tell at which step a connection
        was lost."""
        content = email.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's parameter
        sender = sanitize_address(email.from_email, "utf-8")
        [recipient] = [sanitize_address(address, "utf-8") for address in email.recipients()]
        try:
            self._transmit(sender, recipient, content)
        except smtplib.SMTPException as error:
            self._reset(error)
            raise
        except (LostReply, OSError):
            self.close()
            raise
        return True

    def _transmit(self, sender: str, recipient: str, content: bytes) -> None:
        session = self._session
        session.ehlo_or_helo_if_needed()
        code, text = session.mail(sender, [f"size={len(content)}"] if session.has_extn("size") else [])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, text, sender)
        code, text = session.rcpt(recipient)
        if code not in {250, 251}:
            raise smtplib.SMTPRecipientsRefused({recipient: (code, text)})
        try:
            code, text = session.data(content)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise LostReply from error
        if code != 250:
            raise smtplib.SMTPDataError(code, text)

    def _reset(self, error: smtplib.SMTPException) -> None:
        """Get ready for the next email, or close the connection: after a 421 the other end closes it too."""
        replies = server_replies(error)
        try:
            if replies and replies[0][0] != 421 and self._session.rset()[0] == 250:
                return
        except (smtplib.SMTPException, OSError):
            logger.info("The mail server was gone before the connection could be reset.")
        self.close()

    def close(self) -> None:
        try:
            super().close()
        except (smtplib.SMTPException, OSError):
            logger.info("The mail server was gone before the connection was closed.")


class Server(threading.local):
    """This thread's connection to the mail server, kept open between emails."""

    def __init__(self):
        self.connection: BaseEmailBackend | None = None
        self.used_at = 0.0

    @property
    def is_open(self) -> bool:
        return self.connection is not None

    def open(self) -> None:
        """Open the connection, or check that it still works: when an email is lost with its connection, it
        isn't known whether it was accepted."""
        if self.connection and not self.is_alive():
            self.close()
        if self.connection is None:
            connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
            connection.open()
            self.connection = connection

    def is_alive(self) -> bool:
        if not isinstance(self.connection, EmailBackend):  # files, in the demo
            return True
        return time.monotonic() - self.used_at <= IDLE_SECONDS and self.connection.is_alive()

    def send(self, email: EmailMessage) -> None:
        """Raise LostReply if the email may have been accepted; after any other error it was not."""
        if self.connection is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self.used_at = time.monotonic()
        try:
            self.connection.send_messages([email])
        except (LostReply, smtplib.SMTPException, OSError):
            if not self.is_alive():
                self.close()
            raise
        self.used_at = time.monotonic()

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection:
            connection.close()


server = Server()


def is_permanent(error: smtplib.SMTPException) -> bool:
    """Whether the server answered 5xx: the same email will never be accepted (RFC 5321, 4.2.1)."""
    return any(500 <= code < 600 for code, _text in server_replies(error))


def rejects_mailbox(error: Exception) -> bool:
    """Whether the server said for good that the address takes no email. Not if the reason was a policy, a full mailbox,
    the sender or the size (RFC 3463): another email may be accepted."""
    if not (isinstance(error, smtplib.SMTPRecipientsRefused) and is_permanent(error)):
        return False
    [(code, text)] = server_replies(error)
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return code != 552 and not re.match(r"5\.(7\.|3\.|2\.[23]|1\.[78])", words)


def server_replies(error: Exception) -> list[tuple[int, bytes | str]]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return list(error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return [(error.smtp_code, error.smtp_error)]
    return []


def failure_reason(error: Exception) -> str:
    """Return what went wrong, for staff: the server's own words without any address, else the kind of error."""
    if isinstance(error, AttachmentFailed):
        return f"attachment: {error}"
    if isinstance(error, LostReply):
        return type(error.__cause__).__name__
    replies = server_replies(error)
    if not replies:
        return type(error).__name__
    code, text = replies[0]
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return safe_reason(f"{code} {text}")


def safe_reason(text: str) -> str:
    """Shorten what another mail server said, without addresses, personal links and unprintable characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * MAX_REASON])
    return without_links(re.sub(r"\S+@\S+", "…", " ".join(printable.split())))[:MAX_REASON]
