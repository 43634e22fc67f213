"""What delivery reports and complaints change, and what they don't."""

import logging
import re
import threading
import time

import pytest
from django.db import connection
from django.utils import timezone

from imagine.core.logging import JsonFormatter
from imagine.mail import preferences, queue, retention
from imagine.mail.models import EmailPreference, Message
from imagine.mail.reports.recording import Outcome, record_content
from tests import web_client
from tests.mail import reports
from tests.mail.reports import ALMA, complaint, postfix, sent_message

pytestmark = pytest.mark.django_db

NO_TOPICS = dict.fromkeys(preferences.TOPICS, False)


def state(message: Message) -> tuple:
    """Return the state, error, and whether it bounced and caused a complaint."""
    message.refresh_from_db()
    return (message.state, message.last_error, bool(message.bounced_at), bool(message.complained_at))


SENT = ("sent", "", False, False)


def suppressed() -> dict[str, str]:
    return dict(EmailPreference.objects.exclude(suppressed_at=None).values_list("email", "suppression_reason"))


def all_rows() -> list:
    return [list(Message.objects.order_by("pk").values()), list(EmailPreference.objects.order_by("pk").values())]


# Bounces ---------------------------------------------------------------------------------------------------------

REASONS = {
    reports.postfix: "550 5.1.1 … Recipient address rejected: User unknown in virtual mailbox table",
    reports.microsoft_365: ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    reports.gmail: (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the "
        "recipient's email address for typos or 550 5.1.1 unnecessary spaces. gsmtp"
    ),
    reports.sendmail: "550 5.1.1 User unknown",
    reports.exim: "550 5.1.1 No such user here",
}


@pytest.mark.parametrize("server", REASONS, ids=lambda server: server.__name__)
def test_bounce_report_of_each_server_marks_message_and_address_once(server):
    message, other = sent_message(recipient="Alma@Example.org"), sent_message("other:1", recipient="ben@example.org")
    report = server(message)
    assert record_content(report) == Outcome.BOUNCED
    assert state(message) == ("rejected", REASONS[server], True, False)
    assert message.sent_at
    assert suppressed() == {ALMA: REASONS[server]}
    assert state(other) == SENT
    before = all_rows()
    assert record_content(report.replace(b"\n", b"\r\n")) == Outcome.KNOWN
    assert all_rows() == before


def test_cleared_bounce_stays_cleared_when_the_report_is_repeated():
    message = sent_message()
    record_content(postfix(message))
    preferences.clear_bounce(EmailPreference.objects.get())
    assert record_content(postfix(message)) == Outcome.KNOWN
    assert suppressed() == {}


ABOUT_THE_MAILBOX = [
    ("5.1.1", "smtp; 550 5.1.1 User unknown"),
    ("5.1.2", "X-Postfix; bad domain"),
    ("5.1.10", "smtp; 556 5.1.10 Null MX"),
    ("5.2.1", "smtp; 550 5.2.1 Mailbox disabled"),
    ("5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied"),
    ("5.4.4", "X-Postfix; Host or domain name not found"),
    ("5.0.0", "smtp; 550 5.1.1 User unknown"),
    ("5.0.0", "smtp; 550 No Such User Here"),
    ("5.0.0", "smtp; 550 {to}: unknown user"),
    ("5.0.0", "smtp; 550 Mailbox not found"),
    ("5.5.0", "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable"),
    ("5.1.0", "smtp; 550 5.1.0 Address rejected: user unknown"),
]
ABOUT_SOMETHING_ELSE = [
    ("5.2.2", "smtp; 552 5.2.2 Mailbox full"),
    ("5.2.3", "smtp; 552 5.2.3 Message too large"),
    ("5.7.1", "smtp; 550 5.7.1 Blocked: no such user"),
    ("5.7.26", "smtp; 550 5.7.26 DMARC"),
    ("5.1.8", "smtp; 501 5.1.8 Sender domain not found"),
    ("5.1.0", "smtp; 550 5.1.0 Sender denied"),
    ("5.3.4", "smtp; 552 5.3.4 Too big"),
    ("5.4.6", "smtp; 554 5.4.6 Loop"),
    ("5.4.7", "smtp; 550 5.4.7 Expired"),
    ("5.6.0", "smtp; 554 5.6.0 Content"),
    ("5.0.0", "smtp; 554 Looks like spam"),
    ("5.0.0", "smtp; 550 Blocked, ask your user"),
    ("5.0.0", "smtp; 450 No such user"),
    ("5.0.0", "smtp; 550 5.7.1 Blocked: unknown user"),
    ("5.0.0", "smtp; 550 Blocked: 5.1.1.25"),
    ("5.0.0", "smtp; 550 Blocked by Filter 8.5.1.1"),
    ("5.0.0", ""),
    ("", ""),
    ("4.4.1", "X-Postfix; Connection timed out"),
    ("4.2.2", "smtp; 452 4.2.2 Mailbox full"),
]


def test_only_mailbox_failures_suppress_the_address():
    for number, (status, diagnostic) in enumerate(ABOUT_THE_MAILBOX + ABOUT_SOMETHING_ELSE):
        message = sent_message(f"bounce:{number}", recipient=f"person{number}@example.org")
        assert record_content(postfix(message, status=status, diagnostic=diagnostic)) == Outcome.BOUNCED
        assert state(message)[0] == "rejected", status
        is_marked = message.recipient in suppressed()
        assert is_marked == ((status, diagnostic) in ABOUT_THE_MAILBOX), (status, diagnostic)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "", "failed-ish"])
def test_delay_and_success_reports_change_nothing(action):
    message = sent_message()
    before = all_rows()
    assert record_content(postfix(message, action=action, status="4.4.1")) == Outcome.DELAYED
    assert all_rows() == before


def test_report_is_recorded_after_the_message_text_was_deleted():
    message = sent_message()
    report = postfix(message)
    Message.objects.update(sent_at=timezone.now() - retention.CONTENT_LIFETIME * 2)
    assert retention.clear_content() == 1
    assert record_content(report) == Outcome.BOUNCED
    assert state(message)[0] == "rejected"
    assert list(suppressed()) == [ALMA]
    Message.objects.all().delete()
    assert record_content(report) == Outcome.NOT_OURS


def test_report_outcome_depends_on_the_message_state():
    for before, after in {
        "queued": "rejected",  # the server's reply was lost; the report tells the outcome
        "unknown": "rejected",
        "failed": "rejected",
        "rejected": "rejected",
        "sending": "sending",
    }.items():
        message = sent_message(f"{before}:1", recipient=f"{before}@example.org")
        claim = {"claim_id": message.pk, "claim_expires_at": timezone.now()} if before == "sending" else {}
        Message.objects.filter(pk=message.pk).update(state=before, sent_at=None, **claim)
        outcome = record_content(postfix(message))
        expected = {"rejected": Outcome.KNOWN, "sending": Outcome.TOO_EARLY}
        assert outcome == expected.get(before, Outcome.BOUNCED), before
        assert state(message)[0] == after
        assert (message.recipient in suppressed()) == (outcome == Outcome.BOUNCED)


def test_bounce_of_a_forwarded_email_marks_the_original_recipient():
    message = sent_message()
    report = postfix(message).replace(b"Final-Recipient: rfc822; alma@example.org", b"Final-Recipient: rfc822; a@b.org")
    assert record_content(report) == Outcome.BOUNCED
    assert list(suppressed()) == [ALMA]


def test_internationalized_domain_is_matched():
    message = sent_message(recipient="alma@bücher.example")
    assert record_content(postfix(message, to="alma@xn--bcher-kva.example")) == Outcome.BOUNCED


def test_the_reason_is_short_and_has_no_address_link_or_control_characters():
    message = sent_message()
    diagnostic_text = (
        "smtp; 550 5.1.1 \x1b[31m alma@example.org https://x.org/imagine/rsvp/abcdefghijklmnopqrstuvwxyz012345/ "
    )
    record_content(postfix(message, diagnostic=diagnostic_text + "‮" + "long " * 200))
    reason = state(message)[1]
    assert reason.startswith("550 5.1.1 [31m … https://x.org/imagine/rsvp/(link)/ ")
    assert len(reason) == 300
    assert reason.isprintable()


def test_message_page_shows_the_bounce_and_its_reason(staff):
    message = sent_message()
    url = f"/imagine/admin/mail/message/{message.pk}/change/"
    assert "bounced:" not in web_client.page_text(staff.get(url)).lower()
    record_content(postfix(message, diagnostic="smtp; 550 5.1.1 <b>User</b> unknown"))
    page = staff.get(url)
    diagnostic_text = web_client.page_text(page)
    assert "550 5.1.1 &lt;b&gt;User&lt;/b&gt; unknown" in page.content.decode()
    bounced = r"bounced: \w+, \w+ \d+, \d{4}, \d+:\d\d [ap]\.m\."
    assert re.search(bounced, diagnostic_text, re.IGNORECASE), diagnostic_text
    assert "sent:" in diagnostic_text.lower()


def test_bounced_message_is_resent_as_a_new_message():
    """If the same report arrives again, it doesn't apply to the new message."""
    message = sent_message()
    record_content(postfix(message))
    message.refresh_from_db()
    assert queue.requeue(message)
    copy = Message.objects.exclude(pk=message.pk).get()
    assert (state(message)[0], copy.state) == ("rejected", "queued")
    assert record_content(postfix(message)) == Outcome.KNOWN
    assert state(copy)[0] == "queued"


def test_bounces_wait_for_staff_until_they_are_handled_or_resent():
    message = sent_message()
    assert not Message.objects.to_handle().exists()
    record_content(postfix(message))
    assert list(Message.objects.to_handle()) == [message]
    assert queue.mark_handled(message)
    assert not Message.objects.to_handle().exists()
    Message.objects.update(handled_at=None)
    message.refresh_from_db()
    assert queue.requeue(message)
    assert not Message.objects.to_handle().exists(), "a copy is on its way"


# Complaints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [None, ""])
def test_a_complaint_unsubscribes_from_all_mailings_once(named):
    message = sent_message(recipient="Alma@example.org")
    assert record_content(complaint(message, named=named)) == Outcome.COMPLAINED
    assert state(message) == ("sent", "", False, True)
    preference = EmailPreference.objects.get()
    assert {topic: preference.wants(topic) for topic in preferences.TOPICS} == NO_TOPICS
    assert (preference.email, preference.suppressed_at) == (ALMA, None)
    preferences.set_topics(preference, reminders=True)
    assert record_content(complaint(message, named=named)) == Outcome.KNOWN
    preference.refresh_from_db()
    assert preference.wants_reminders


def test_complaint_about_another_address_or_of_another_type_changes_nothing():
    message = sent_message()
    before = all_rows()
    assert record_content(complaint(message, named="ben@example.org")) == Outcome.NOT_OURS
    for feedback in ("not-spam", "auth-failure", "virus", ""):
        assert record_content(complaint(message, feedback=feedback)) == Outcome.NOT_A_REPORT
    assert all_rows() == before


# Bad input -------------------------------------------------------------------------------------------------------


def nested(message: Message) -> bytes:
    """A report forwarded as an attachment."""
    headers = b'From: x@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="outer"\n\n--outer\n'
    return headers + b"Content-Type: message/rfc822\n\n" + postfix(message) + b"--outer--\n"


def invalid_reports(message: Message, other: Message) -> dict[str, bytes]:
    valid = postfix(message)
    own_id = reports.headers_of(message)
    foreign_id = own_id.replace(message.pk.hex, "0123456789abcdef" * 2)
    return {
        "someone else's Message-ID": postfix(message, content=foreign_id),
        "a Message-ID of another kind": postfix(message, content="Message-ID: <CAF1a2b@mail.gmail.com>\n\n"),
        "our Message-ID, another address": postfix(message, to="ben@example.org"),
        "our Message-ID and address of different messages": postfix(message, to=other.recipient),
        "two Message-IDs, ours second": postfix(message, content=f"Message-ID: <x@y.org>\n{own_id}"),
        "a Message-ID with more around it": postfix(
            message, content=own_id.replace(message.pk.hex, f"x{message.pk.hex}")
        ),
        "no recipient": valid.replace(b"-Recipient", b"-Nobody"),
        "an address of another system": valid.replace(b"rfc822;", b"x400;").replace(b"rfc822; ", b"x400; "),
        "the message isn't returned": valid.replace(b"Content-Type: message/rfc822", b"Content-Type: text/plain"),
        "no part for machines": valid.replace(b"message/delivery-status", b"text/plain"),
        "not a report": valid.replace(b"multipart/report", b"multipart/mixed"),
        "a report in plain text": valid.replace(b"multipart/report", b"text/plain"),
        "no boundary": valid.replace(b"boundary=", b"b="),
        "forwarded": nested(message),
        "qmail": reports.qmail(message),
        "vacation": reports.vacation(message),
        "our own email": reports.as_sent(message).encode(),
        "empty": b"",
        "zeros": b"\0" * 1000,
        "bytes": bytes(range(256)) * 100,
        "only headers": valid.partition(b"\n\n")[0],
    }


def test_reports_with_malformed_headers_are_recorded():
    for number, (valid, invalid) in enumerate(
        [
            (b"report-type=", b"report-type*1*=%%%;\x00\xff="),
            (b"message/rfc822", b"text/rfc822-headers; charset=nonsense\nMessage-ID: x"),
        ]
    ):
        message = sent_message(f"odd:{number}", recipient=f"odd{number}@example.org")
        assert record_content(postfix(message).replace(valid, invalid)) == Outcome.BOUNCED


def test_bad_reports_change_nothing():
    message, other = sent_message(), sent_message("other:1", recipient="chue@example.org")
    for name, content in invalid_reports(message, other).items():
        before = all_rows()
        assert record_content(content) in {Outcome.NOT_OURS, Outcome.NOT_A_REPORT}, name
        assert all_rows() == before, name


def oversized_reports() -> dict[str, bytes]:
    part = b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n'
    headers = b"Content-Type: multipart/report; boundary=x\n\n"
    return {
        "parts in parts": headers + b"--x\n" + b"".join(part % (n, n) for n in range(5000)) + b"\n" * 200_000,
        "forty boundaries": headers + b"--x\n" + b"".join(part % (n, n) for n in range(19)) + b"\n" * 500_000,
        "messages in messages": headers + b"--x\n" + b"Content-Type: message/rfc822\n\n" * 16_000,
        "many parts": headers + b"--x\n" * 120_000,
        "a header for each line": headers + b"--x\nContent-Type: message/delivery-status\n\n" + b"a: b\n" * 80_000,
        "many recipients": headers + b"--x\nContent-Type: message/delivery-status\n\n" + b"a: b\n\n" * 80_000,
        "one line": headers + b"x" * 2_000_000,
        "a folded header": b"Content-Type: multipart/report;" + b"\n a=b;" * 80_000,
    }


@pytest.mark.slow
def test_huge_reports_are_rejected_quickly():
    for name, content in oversized_reports().items():
        started = time.monotonic()
        assert record_content(content) == Outcome.NOT_A_REPORT, name
        assert time.monotonic() - started < 5, name


def test_long_header_parameters_are_parsed_quickly():
    """An email that takes minutes to parse would stop every reader of the mailbox, and later reports wouldn't be
    read."""
    for number, invalid in enumerate(['; odd="' + ";" * 200_000, '; odd="' + "x;" * 100_000, "; odd" * 40_000]):
        message = sent_message(f"parameters:{number}", recipient=f"parameters{number}@example.org")
        for name in ('boundary="=_report"', "message/rfc822", "text/plain; charset=us-ascii"):
            started = time.monotonic()
            record_content(postfix(message).replace(name.encode(), (name + invalid).encode()))
            assert time.monotonic() - started < 2, (number, name)
        assert state(message)[0] == "rejected"


@pytest.mark.slow
def test_long_diagnostics_are_parsed_quickly():
    for number, diagnostic_text in enumerate(["550 " * 60_000, "x" * 240_000, "550 no such " * 20_000, "a@" * 120_000]):
        message = sent_message(f"long:{number}", recipient=f"long{number}@example.org")
        report, started = postfix(message, diagnostic=f"smtp; {diagnostic_text}"), time.monotonic()
        assert record_content(report) in {Outcome.BOUNCED, Outcome.NOT_A_REPORT}
        assert time.monotonic() - started < 2


def test_report_with_a_very_long_returned_message_is_recorded():
    message = sent_message(body_html="<p>" + "long " * 200_000)
    content = postfix(message)
    assert len(content) > 1_000_000
    assert record_content(content) == Outcome.BOUNCED


def test_logs_contain_the_outcome_and_no_address(caplog):
    message = sent_message()
    with caplog.at_level(logging.INFO):
        for content in (postfix(message), postfix(message, to="ben@example.org"), b"alma@example.org"):
            record_content(content)
    lines = [JsonFormatter().format(record) for record in caplog.records if record.msg == "delivery report"]
    assert [outcome in line for line, outcome in zip(lines, ("bounced", "not ours", "not a report"), strict=True)]
    assert str(message.pk) in lines[0]
    assert "example" not in "".join(lines)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_same_report_at_the_same_time_is_recorded_once():
    message = sent_message()
    report, outcomes, gate = postfix(message), [], threading.Barrier(4)

    def read():
        gate.wait()
        outcomes.append(record_content(report))
        connection.close()

    threads = [threading.Thread(target=read) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["bounced", *["known already"] * 3]
