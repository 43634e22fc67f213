"""A mail that is filled in says what the library would have written, whatever stands in it."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from imagine.mail import mime
from imagine.mail.models import Message

HTML = "<p>Te esperamos, <b>Ana</b>.</p>\n"
CALENDAR = "BEGIN:VCALENDAR\r\nSUMMARY:Reunión\r\nEND:VCALENDAR\r\n"
LINK = "https://imagine.example.org/imagine/mail/" + "t" * 32 + "/invitations/"
WORDS = {
    "plain": {},
    "accents": {
        "subject": "Su reservación está confirmada",
        "body_text": "Te esperamos.\n",
        "body_html": HTML,
        "language": "es",
    },
    "long subject": {"subject": "Confirmed: " + "a very long name of an organization " * 5},
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
    "attachment": {"attachment": "tests.mail.post.drawing:17", "attachment_name": "certificate.pdf"},
}


def message(**fields) -> Message:
    words = {
        "idempotency_key": "rsvp:17:confirmed:1",
        "recipient": "ana@example.org",
        "language": "en",
        "subject": "Confirmed",
    }
    return Message(**{**words, "body_text": "We expect you.\n", "body_html": "<p>We expect you.</p>\n", **fields})


def read(content: bytes) -> EmailMessage:
    assert b"\n" not in content.replace(b"\r\n", b"")
    return message_from_bytes(content, policy=policy.default)


def headers(part: EmailMessage) -> dict[str, str]:
    """All but what differs each time, and the encoding, which only says how much of the alphabet there may be."""
    passing = {"date", "content-transfer-encoding"}
    found = {name.lower(): str(value).strip() for name, value in part.items() if name.lower() not in passing}
    return found | {"content-type": part.get_content_type(), "method": part.get_param("method", "")}


@pytest.mark.parametrize("fields", WORDS.values(), ids=WORDS)
def test_mail_that_is_filled_in_says_what_the_library_writes(fields):
    stored = message(**fields)
    ours = read(mime.as_bytes(stored))
    plain = read(mime.write(stored).message().as_bytes(linesep="\r\n"))
    pairs = list(zip(ours.walk(), plain.walk(), strict=True))
    assert len(pairs) > 1
    for part, expected in pairs:
        assert headers(part) == headers(expected)
        if not part.is_multipart():
            assert part.get_content() == expected.get_content()


def test_two_mails_of_one_subject_have_nothing_of_each_other():
    one = message(recipient="ana@example.org", body_text="For Ana\n", unsubscribe_url=LINK)
    other = message(recipient="jun@example.org", body_text="For Jun\n", unsubscribe_url=LINK + "other")
    first, second, again = (mime.as_bytes(each) for each in (one, other, one))
    assert b"Jun" not in first + again
    assert b"Ana" not in second
    assert (read(first)["To"], read(second)["To"]) == ("ana@example.org", "jun@example.org")
    assert read(first)["Message-ID"] == read(again)["Message-ID"] != read(second)["Message-ID"]
    assert read(first).get_boundary() != read(again).get_boundary()


def test_no_boundary_begins_as_another_does():
    """RFC 2046, 5.1.2: a reader looks at the beginning of a line alone."""
    stored = message(attachment="tests.mail.post.drawing:17", attachment_name="certificate.pdf")
    outer, inner = (part.get_boundary() for part in read(mime.as_bytes(stored)).walk() if part.is_multipart())
    assert not inner.startswith(outer)
    assert not outer.startswith(inner)


def test_words_that_look_like_a_place_are_words():
    secret = mime.SECRET
    stored = message(subject=f"{secret} {secret}-to", body_text=f"{secret}-html- \\1 \\g<0>\n")
    read_back = read(mime.as_bytes(stored))
    assert read_back.get_body(("plain",)).get_content().replace("\r", "") == f"{secret}-html- \\1 \\g<0>\n"
    assert read_back["Subject"] == f"{secret} {secret}-to"


def test_mail_follows_the_settings(settings):
    before = read(mime.as_bytes(message()))
    settings.MAIL_FROM, settings.MAIL_REPLY_TO = "Others <others@example.com>", "desk@example.com"
    after = read(mime.as_bytes(message()))
    assert (after["From"], after["Reply-To"]) == ("Others <others@example.com>", "desk@example.com")
    assert after["Message-ID"].endswith("@example.com>")
    assert before["From"] != after["From"]


def test_what_no_mail_can_hold_is_a_value_error():
    for fields in ({"body_text": "\ud800"}, {"subject": "two\nlines"}):
        with pytest.raises(ValueError):  # noqa: PT011 (whatever its words, the message is refused)
            mime.as_bytes(message(**fields))
