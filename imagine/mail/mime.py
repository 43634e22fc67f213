"""How a stored message looks as it travels: plain text, HTML and calendar part as alternatives (RFC 2046, RFC 6047).

To put the parts together takes the library half a millisecond, longer than all else that is done for a mail. So mails
of one subject are put together once, with places where they differ; then each message's own words are filled in.
"""

import hashlib
import logging
import mimetypes
import re
import secrets
from email.generator import BytesGenerator
from email.utils import formatdate, parseaddr
from functools import lru_cache
from io import BytesIO

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.module_loading import import_string

from imagine.mail.models import Message

logger = logging.getLogger(__name__)

AUTOMATIC = {"Auto-Submitted": "auto-generated"}  # RFC 3834: an absence note does not answer it
ONE_CLICK = "List-Unsubscribe=One-Click"
LONGEST_LINE = 998  # octets of a line that may travel as it is (RFC 5322, 2.1.1)
MOST_KEPT = 200  # mails of a kilobyte
PLAIN = re.compile(r"[\w.+-]{1,40}@[\w.-]{1,30}", re.ASCII)  # an address that needs no encoding and no fold
LINE_END = re.compile("\r\n|\r|\n")
SECRET = secrets.token_hex(8)  # nobody knows it, so it stands in no mail
ACCENTED = "é"  # before a place, so that the library takes a text for one that holds more than ASCII
PLACE = re.compile(rf"(?:{ACCENTED})?{SECRET}-(\w+)-".encode())


class Unattached(Exception):
    """The attachment could not be made now."""


def as_bytes(message: Message) -> bytes:
    """The message as it travels, with lines that end in CRLF. Raises Unattached, and ValueError for what no mail can
    hold."""
    parts = {"text": message.body_text, "html": message.body_html, "calendar": message.ics}
    bodies = {name: LINE_END.sub("\r\n", words).encode() for name, words in parts.items()}
    is_usual = message.body_text and message.body_html and not message.attachment and PLAIN.fullmatch(message.recipient)
    if not is_usual or any(map(has_long_line, bodies.values())):
        return flat(write(message), secrets.token_hex(16))
    method = message.ics_method if message.ics else ""
    kept = with_places(
        message.subject,
        message.language,
        method,
        bool(message.unsubscribe_url),
        settings.MAIL_FROM,
        settings.MAIL_REPLY_TO,
    )
    words = {
        "to": message.recipient,
        "id": name_of(message),
        "date": formatdate(),
        "unsubscribe": message.unsubscribe_url,
        "boundary": secrets.token_hex(16),
    }
    filled = bodies | {name: value.encode() for name, value in words.items()}
    return PLACE.sub(lambda found: filled[found[1].decode()], kept)


def has_long_line(body: bytes) -> bool:
    return len(body) > LONGEST_LINE and any(len(line) > LONGEST_LINE for line in body.split(b"\r\n"))


@lru_cache(maxsize=MOST_KEPT)
def with_places(subject: str, language: str, method: str, may_unsubscribe: bool, *_settings: str) -> bytes:
    """A mail of this subject with places for what differs from one message to the next. It is kept under all that it
    says."""
    blank = Message(
        subject=subject,
        language=language,
        recipient="nobody@example.org",
        body_text=place("text", ACCENTED),
        body_html=place("html", ACCENTED),
        ics=place("calendar", ACCENTED) if method else "",
        ics_method=method,
        unsubscribe_url=place("unsubscribe") if may_unsubscribe else "",
    )
    email = write(blank)
    _name, _at, domain = email.extra_headers["Message-ID"].partition("@")
    email.extra_headers |= {"Message-ID": f"<{place('id')}@{domain}", "Date": place("date"), "To": place("to")}
    return flat(email, place("boundary"))


def place(name: str, before: str = "") -> str:
    return f"{before}{SECRET}-{name}-"


def flat(email: EmailMultiAlternatives, boundary: str) -> bytes:
    """An e-mail in one piece. Its boundary is random enough to be nowhere in it; the library would look for its own in
    every part, by a pattern that it compiles for each mail."""
    message, written = email.message(), BytesIO()
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"{number or ''}{boundary}")  # none begins as another does (RFC 2046, 5.1.2)
    BytesGenerator(written, mangle_from_=False).flatten(message, linesep="\r\n")
    return written.getvalue()


def write(message: Message) -> EmailMultiAlternatives:
    """The stored message as MIME: plain text, HTML and calendar part as alternatives (RFC 2046, RFC 6047), and what is
    attached. Mail that one may not want says where a mail program ends it by itself (RFC 2369, RFC 8058). Raises
    Unattached."""
    headers = {"Content-Language": message.language, **AUTOMATIC}
    if message.unsubscribe_url:
        headers |= {"List-Unsubscribe": f"<{message.unsubscribe_url}>", "List-Unsubscribe-Post": ONE_CLICK}
    sender_domain = parseaddr(settings.MAIL_FROM)[1].partition("@")[2]
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=message.body_text,
        from_email=settings.MAIL_FROM,
        to=[message.recipient],
        reply_to=[settings.MAIL_REPLY_TO],
        headers={"Message-ID": f"<{name_of(message)}@{sender_domain}>", **headers},
    )
    email.attach_alternative(message.body_html, "text/html")
    if message.ics:
        email.attach_alternative(message.ics, f"text/calendar; method={message.ics_method}")
    if message.attachment and (content := attached(message)):
        email.attach(message.attachment_name, content, mimetypes.guess_type(message.attachment_name)[0])
    return email


def name_of(message: Message) -> str:
    """The first half of its Message-ID: not of its key, which a merge may rename in mid-flight."""
    return hashlib.sha256(message.pk.bytes).hexdigest()[:32]


def attached(message: Message) -> bytes | None:
    """What the message's function gives for its argument and the message's language; None when there is nothing to
    attach any more."""
    maker, _colon, of = message.attachment.partition(":")
    try:
        return import_string(maker)(of, message.language)
    except Exception as error:  # whatever it was, the mail waits and staff see the reason
        logger.exception("attachment", extra={"message_id": str(message.pk)})
        raise Unattached(type(error).__name__) from error
