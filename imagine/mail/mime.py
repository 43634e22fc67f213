"""How a stored message looks as an email: plain text, HTML and calendar part as alternatives (RFC 2046, RFC 6047)."""

import mimetypes
import re
from email.utils import parseaddr
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from imagine.mail import attachments
from imagine.mail.models import Message

# An absence note doesn't answer it: RFC 3834, and what Exchange knows instead. Delivery reports are welcome.
AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "OOF, AutoReply"}
ONE_CLICK_BODY = "List-Unsubscribe=One-Click"  # what email programs post to unsubscribe (RFC 8058)


def build_email(message: Message) -> EmailMultiAlternatives:
    """Return the stored message as an email with its attachment. Email that people can unsubscribe from says where
    their email program can do that (RFC 2369, RFC 8058). Raise AttachmentFailed."""
    headers = {"Message-ID": message_id(message), "Content-Language": message.language, **AUTOMATIC}
    if message.unsubscribe_url:
        headers |= {"List-Unsubscribe": f"<{message.unsubscribe_url}>", "List-Unsubscribe-Post": ONE_CLICK_BODY}
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=message.body_text,
        from_email=settings.MAIL_FROM,
        to=[message.recipient],
        reply_to=[settings.MAIL_REPLY_TO],
        headers=headers,
    )
    email.attach_alternative(message.body_html, "text/html")
    if message.ics:
        email.attach_alternative(message.ics, f"text/calendar; method={message.ics_method}")
    if message.attachment_kind and (content := attachments.build_attachment(message)):
        email.attach(message.attachment_name, content, mimetypes.guess_type(message.attachment_name)[0])
    return email


def message_id(message: Message) -> str:
    """The same each time the message is sent, so that copies and delivery reports can be recognized."""
    sender_domain = parseaddr(settings.MAIL_FROM)[1].partition("@")[2]
    return f"<{message.pk.hex}@{sender_domain}>"


def find_message_pk(message_id: str) -> UUID | None:
    """Return the primary key in a Message-ID of ours, whatever MAIL_FROM was then. It is random, so no one else's
    Message-ID has it."""
    match = re.fullmatch(r"\s*<([0-9a-f]{32})@[^<>@\s]+>\s*", message_id, re.IGNORECASE)
    return UUID(match[1]) if match else None
