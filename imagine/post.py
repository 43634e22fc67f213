"""How one message leaves: as MIME, over a connection that stays open, and what the mail server's answer means."""

import hashlib
import logging
import mimetypes
import re
import secrets
import smtplib
import threading
import time
from email.generator import BytesGenerator
from email.policy import Compat32
from email.utils import parseaddr
from functools import lru_cache
from io import BytesIO

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.message import sanitize_address
from django.utils.module_loading import import_string

from imagine.models import Message

logger = logging.getLogger(__name__)

IDLE_SECONDS = 10  # a connection that slept longer is not trusted any more
AUTOMATIC = {"Auto-Submitted": "auto-generated"}  # RFC 3834: an absence note does not answer it
ONE_CLICK = "List-Unsubscribe=One-Click"


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

    def send(self, email: EmailMultiAlternatives) -> None:
        """Raises Unanswered when the mail may have been taken; after any other error it was not."""
        session = getattr(self.connection, "connection", None)
        if session is None:
            self.connection.send_messages([email])
        else:
            self.converse(session, email)
        self.used_at = time.monotonic()

    def converse(self, session: smtplib.SMTP, email: EmailMultiAlternatives) -> None:
        """One mail in the steps of RFC 5321, 3.3, as smtplib's sendmail takes them: that one does not tell at which
        step a connection was lost. After a refusal the same connection takes the next mail."""
        sender, recipient = map(envelope, (email.from_email, *email.to))
        content = as_bytes(email)
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


class ShortLines(Compat32):
    """Headers as the library writes them. It looks at each letter for where a line might be folded, also in what fits
    on one line, and takes a third of a mail's time for it."""

    def fold_binary(self, name: str, value: str) -> bytes:
        line = f"{name}: {value}"
        if isinstance(value, str) and len(line) < self.max_line_length and line.isascii() and line.isprintable():
            return f"{line}{self.linesep}".encode()
        return super().fold_binary(name, value)


def as_bytes(email: EmailMultiAlternatives) -> bytes:
    """The mail as it travels. Its boundaries are random enough to be nowhere in it; the library would look for its own
    ones in every part, by a pattern that it compiles for each mail."""
    message, written = email.message(), BytesIO()
    for part in message.walk():
        if part.is_multipart():
            part.set_boundary(secrets.token_hex(16))
    BytesGenerator(written, mangle_from_=False, policy=ShortLines(linesep="\r\n")).flatten(message)
    return written.getvalue()


server = Server()


class Unanswered(Exception):
    """The mail was handed over whole, and no answer came: nobody knows whether it was taken."""


class Unattached(Exception):
    """The attachment could not be made now."""


def write(message: Message) -> EmailMultiAlternatives:
    """The stored message as MIME: plain text, HTML and calendar part as alternatives (RFC 2046, RFC 6047), and what is
    attached. Mail that one may not want says where a mail program ends it by itself (RFC 2369, RFC 8058). Raises
    Unattached."""
    headers = {"Content-Language": message.language, **AUTOMATIC}
    if message.unsubscribe:
        headers |= {"List-Unsubscribe": f"<{message.unsubscribe}>", "List-Unsubscribe-Post": ONE_CLICK}
    sender_domain = parseaddr(settings.MAIL_FROM)[1].partition("@")[2]
    name = hashlib.sha256(message.pk.bytes).hexdigest()[:32]  # not of its key, which a merge may rename in mid-flight
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=settings.MAIL_FROM,
        to=[message.to],
        reply_to=[settings.MAIL_REPLY_TO],
        headers={"Message-ID": f"<{name}@{sender_domain}>", **headers},
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
