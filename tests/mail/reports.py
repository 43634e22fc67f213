"""Delivery reports in the formats of several mail servers, about an email that was sent."""

from base64 import encodebytes

from django.utils import timezone

from imagine.mail import mime
from imagine.mail.models import Message
from tests.mail.mail_server import new_message

ALMA = "alma@example.org"


def sent_message(idempotency_key: str = "rsvp_confirmed:17:1", **fields) -> Message:
    """Create a message that a mail server accepted."""
    message = new_message(idempotency_key, **fields)
    Message.objects.filter(pk=message.pk).update(state=Message.State.SENT, attempts=1, sent_at=timezone.now())
    message.refresh_from_db()
    return message


def as_sent(message: Message) -> str:
    return mime.build_email(message).message().as_string()


def headers_of(message: Message) -> str:
    return as_sent(message).partition("\n\n")[0] + "\n\n"


def multipart(*parts: str, kind: str = "delivery-status", headers: str = "", boundary: str = "=_report") -> bytes:
    """Build a multipart/report of these parts, each with its headers."""
    header_lines = (
        f"From: MAILER-DAEMON@relay.example.net\nTo: imagine@example.org\nSubject: Returned\n{headers}"
        f'MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind};\n\tboundary="{boundary}"\n\n'
    )
    return (header_lines + "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n").encode()


def status_part(*recipients: str) -> str:
    per_message = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example.net\n"
    return "\n".join([per_message, *recipients])


def postfix(
    message: Message,
    *,
    to: str = "",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table",
    content: str | None = None,
) -> bytes:
    to = to or message.recipient
    return multipart(
        "Content-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\nThis is the mail system.\n",
        status_part(
            f"Final-Recipient: rfc822; {to}\nOriginal-Recipient: rfc822;{to}\nAction: {action}\nStatus: {status}\n"
            f"Remote-MTA: dns; mx.example.org\nDiagnostic-Code: {diagnostic.format(to=to)}\n"
        ),
        "Content-Description: Undelivered Message\nContent-Type: message/rfc822\n\n"
        + (as_sent(message) if content is None else content),
        headers="Auto-Submitted: auto-replied\nReturn-Path: <>\n",
    )


def microsoft_365(message: Message) -> bytes:
    text_part = encodebytes(b"Your message couldn't be delivered.").decode()
    text = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{text_part}"
    return multipart(
        f'Content-Type: multipart/alternative; differences=Content-Type;\n\tboundary="inner"\n\n--inner\n{text}\n'
        "--inner\nContent-Type: text/html\n\n<p>Your message couldn't be delivered.</p>\n--inner--\n",
        status_part(
            f"Final-Recipient: rfc822;{message.recipient}\nAction: failed\nStatus: 5.1.10\nDiagnostic-Code: smtp;550 "
            "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\n"
        ),
        f"Content-Type: message/rfc822\n\nReceived: from DM6PR01.example.com\n{headers_of(message)}",
        headers="X-MS-Exchange-Message-Is-Ndr:\nContent-Language: en-US\n",
    )


def gmail(message: Message) -> bytes:
    return multipart(
        'Content-Type: multipart/related; boundary="related"\n\n--related\nContent-Type: text/plain\n\nAddress not '
        "found\n--related\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--related--\n",
        status_part(
            f"Final-Recipient: rfc822; {message.recipient}\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
            " 550-5.1.1 double-checking the recipient's email address for typos or\n 550 5.1.1 unnecessary spaces. "
            "gsmtp\nLast-Attempt-Date: Mon, 30 Nov 2026 08:00:00 -0800 (PST)\n"
        ),
        f"Content-Type: message/rfc822\n\n{as_sent(message)}",
        headers="X-Failed-Recipients: alma@example.org\nAuto-Submitted: auto-replied\n",
    )


def sendmail(message: Message) -> bytes:
    return multipart(
        "The original message was received.\n",
        status_part(
            f"Final-Recipient: RFC822; {message.recipient.upper()}\nAction: failed\nStatus: 5.1.1\nRemote-MTA: DNS; "
            "mx.example.org\nDiagnostic-Code: SMTP; 550 5.1.1 User unknown\n"
        ),
        f"Content-Type: text/rfc822-headers\n\n{headers_of(message)}",
    )


def exim(message: Message) -> bytes:
    """Exim has no enhanced status code of its own; the other server's reply has one."""
    return multipart(
        "Content-type: text/plain; charset=us-ascii\n\nThis message was created automatically.\n",
        status_part(
            f"Action: failed\nFinal-Recipient: rfc822;{message.recipient}\nStatus: 5.0.0\nRemote-MTA: dns; mx\n"
            "Diagnostic-Code: smtp; 550 5.1.1 No such user here\n"
        ),
        f"Content-type: message/rfc822\n\n{as_sent(message)}",
    )


def qmail(message: Message) -> bytes:
    """qmail's own format, which isn't supported."""
    return (
        "From: MAILER-DAEMON@relay.example.net\nTo: imagine@example.org\nSubject: failure notice\n\nHi. This is the "
        f"qmail-send program at relay.example.net.\n\n<{message.recipient}>:\nSorry, no mailbox here by that name.\n\n"
        f"--- Below this line is a copy of the message.\n\n{as_sent(message)}"
    ).encode()


def vacation(message: Message) -> bytes:
    return (
        f"From: {message.recipient}\nTo: imagine@example.org\nSubject: Away\nAuto-Submitted: auto-replied\n"
        f"In-Reply-To: {mime.message_id(message)}\n\nI'm away until Monday. Status: 5.1.1\n"
    ).encode()


def complaint(message: Message, *, named: str | None = None, feedback: str = "abuse") -> bytes:
    """Build a complaint (RFC 5965); `named` is the address it names, or "" for none."""
    named = message.recipient if named is None else named
    to = f"Original-Rcpt-To: <{named}>\n" if named else ""
    return multipart(
        "Content-Type: text/plain\n\nThis is an email abuse report.\n",
        f"Content-Type: message/feedback-report\n\nFeedback-Type: {feedback}\nUser-Agent: SomeGenerator/1.0\n"
        f"Version: 1\nOriginal-Mail-From: <imagine@example.org>\n{to}",
        f"Content-Type: message/rfc822\n\n{as_sent(message)}",
        kind="feedback-report",
    )
