"""The MIME form of an email, whatever its content."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

import tests.mail.mail_server  # noqa: F401 (registers attachments)
from imagine.mail import mime
from imagine.mail.models import Message, SendRate

pytestmark = pytest.mark.django_db

HTML = "<p>Te esperamos, <b>Ana</b>.</p>\n"
CALENDAR = "BEGIN:VCALENDAR\r\nSUMMARY:Reunión\r\nEND:VCALENDAR\r\n"
LINK = "https://imagine.example.org/imagine/mail/" + "t" * 32 + "/invitations/"
TEXTS = {
    "plain": {},
    "accents": {
        "subject": "Su reservación está confirmada",
        "body_text": "Te esperamos.\n",
        "body_html": HTML,
        "language": "es",
    },
    "long subject": {"subject": "Confirmed: " + "a very long name of an organization " * 4 + "indeed"},
    "calendar": {"ics": CALENDAR, "ics_method": "REQUEST"},
    "no calendar any more": {"ics": "", "ics_method": "REQUEST"},
    "unsubscribe": {"unsubscribe_url": LINK},
    "all of it": {"ics": CALENDAR, "ics_method": "PUBLISH", "unsubscribe_url": LINK, "body_html": HTML},
    "one long line": {"body_html": "<p>" + "Wörter " * 300 + "</p>"},
    "other line ends": {"body_text": "One\rtwo\r\nthree\nfour"},
    "dots and From": {"body_text": ".\nFrom here on\n..\n"},
    "no text": {"body_text": ""},
    "another script": {"recipient": "josé@example.org"},
    "another script's domain": {"recipient": "ana@espa\u00f1a.example.org"},
    "long address": {"recipient": "a" * 60 + "@" + "b" * 60 + ".example.org"},
    "attachment": {"attachment_kind": "drawing", "attachment_name": "certificate.pdf"},
}


def message(**fields) -> Message:
    expected = {
        "idempotency_key": "rsvp:17:confirmed:1",
        "recipient": "ana@example.org",
        "language": "en",
        "subject": "Confirmed",
    }
    if "attachment_kind" in fields:
        fields = fields | {"attached": SendRate.objects.get()}
    return Message(**{**expected, "body_text": "We expect you.\n", "body_html": "<p>We expect you.</p>\n", **fields})


def round_trip(stored: Message) -> EmailMessage:
    content = mime.build_email(stored).message().as_bytes(linesep="\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322, 2.1.1
    return message_from_bytes(content, policy=policy.default)


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("fields", TEXTS.values(), ids=TEXTS)
def test_email_contains_the_stored_content(fields):
    stored = message(**fields)
    email = round_trip(stored)
    assert email["Subject"] == stored.subject
    assert email["Message-ID"] == mime.message_id(stored)
    assert email["Content-Language"] == stored.language
    assert email["Auto-Submitted"] == "auto-generated"
    assert email["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert email["Date"] is not None
    assert (email["List-Unsubscribe"] or "").strip() == (f"<{LINK}>" if stored.unsubscribe_url else "")
    assert email["List-Unsubscribe-Post"] == (mime.ONE_CLICK_BODY if stored.unsubscribe_url else None)
    if stored.recipient.isascii():
        assert email["To"] == stored.recipient
    parts = {part.get_content_type(): part for part in email.walk() if not part.is_multipart()}
    bodies = {"text/plain": stored.body_text, "text/html": stored.body_html, "text/calendar": stored.ics}
    for kind, expected in bodies.items():
        if expected:
            assert lines(parts.pop(kind).get_content()) == lines(expected)
    parts.pop("text/plain", None)
    assert list(parts) == (["application/pdf"] if stored.attachment_kind else [])


def test_calendar_part_has_its_method():
    [part] = [
        part
        for part in round_trip(message(ics=CALENDAR, ics_method="CANCEL")).walk()
        if part.get_content_type() == "text/calendar"
    ]
    assert part.get_param("method") == "CANCEL"


def test_email_uses_the_sender_settings(settings):
    before = round_trip(message())
    settings.MAIL_FROM, settings.MAIL_REPLY_TO = "Others <others@example.com>", "desk@example.com"
    after = round_trip(message())
    assert (after["From"], after["Reply-To"]) == ("Others <others@example.com>", "desk@example.com")
    assert after["Message-ID"].endswith("@example.com>")
    assert before["From"] != after["From"]


def test_content_an_email_cannot_hold_raises_value_error():
    for fields in ({"body_text": "\ud800"}, {"subject": "two\nlines"}):
        with pytest.raises(ValueError):  # noqa: PT011 (whatever its words, the message is rejected)
            mime.build_email(message(**fields)).message().as_bytes(linesep="\r\n")
