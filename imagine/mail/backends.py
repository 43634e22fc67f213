"""How one message leaves: over a connection that stays open, and what the mail server's answer means."""

import logging
import re
import smtplib
import threading
import time
from functools import lru_cache

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.message import sanitize_address

from imagine.mail.mime import Unattached, as_bytes, write
from imagine.mail.models import Message

logger = logging.getLogger(__name__)

IDLE_SECONDS = 10  # a connection that slept longer is not trusted any more


class Server(threading.local):
    """This thread's connection to the mail server, kept open between messages."""

    def __init__(self):
        self.connection = None
        self.used_at = 0.0

    @property
    def is_open(self) -> bool:
        return self.connection is not None

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

    def send(self, message: Message) -> None:
        """Raises Unanswered when the mail may have been taken; after any other error it was not. Unattached, too."""
        session = getattr(self.connection, "connection", None)
        if session is None:
            self.connection.send_messages([write(message)])
        else:
            self.converse(session, settings.MAIL_FROM, message.recipient, as_bytes(message))
        self.used_at = time.monotonic()

    def converse(self, session: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> None:
        """One mail in the steps of RFC 5321, 3.3, as smtplib's sendmail takes them: that one does not tell at which
        step a connection was lost. After a refusal the same connection takes the next mail."""
        sender, recipient = envelope(sender), envelope(recipient)
        try:
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
                raise Unanswered from error
            if code != 250:
                raise smtplib.SMTPDataError(code, text)
        except smtplib.SMTPException as error:
            self.begin_anew(session, error)
            raise
        except (Unanswered, OSError):
            self.close()
            raise

    def begin_anew(self, session: smtplib.SMTP, error: smtplib.SMTPException) -> None:
        """Makes the connection ready for the next mail, or closes it: after a 421 it is closed at the other end too."""
        said = answers(error)
        try:
            if said and said[0][0] != 421 and session.rset()[0] == 250:
                return
        except (smtplib.SMTPException, OSError):
            logger.info("The mail server was gone when it was asked to begin anew.")
        self.close()

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection:
            try:
                connection.close()
            except (smtplib.SMTPException, OSError):
                logger.info("The mail server was gone before it was told goodbye.")


@lru_cache
def envelope(address: str) -> str:
    """An address as the mail server is told it: the sender's is always the same."""
    return sanitize_address(address, "utf-8")


server = Server()


class Unanswered(Exception):
    """The mail was handed over whole, and no answer came: nobody knows whether it was taken."""


def refused_for_good(error: smtplib.SMTPException) -> bool:
    """Whether the server answered 5xx: the same mail will never be taken (RFC 5321, 4.2.1)."""
    return any(500 <= code < 600 for code, _text in answers(error))


def refused_mailbox(error: Exception) -> bool:
    """Whether the server said of the address, for good, that it takes no mail. Not when the reason was a policy, a full
    mailbox, the sender or the mail's size (RFC 3463): another mail may be taken."""
    if not (isinstance(error, smtplib.SMTPRecipientsRefused) and refused_for_good(error)):
        return False
    [(code, text)] = answers(error)
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return code != 552 and not re.match(r"5\.(7\.|3\.|2\.[23]|1\.[78])", words)


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
    if isinstance(error, Unanswered):
        return type(error.__cause__).__name__
    said = answers(error)
    if not said:
        return type(error).__name__
    code, text = said[0]
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return re.sub(r"\S+@\S+", "…", f"{code} {text}")[:300]
