"""The mailbox for delivery reports, on a small IMAP server."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from imagine.mail import tasks
from imagine.mail.models import EmailPreference, Message, ReportMailbox
from imagine.mail.reports import mailbox
from imagine.mail.reports.mailbox_url import Mailbox
from tests import web_client
from tests.imap_server import PASSWORD, USER, ImapServer
from tests.mail.reports import complaint, postfix, qmail, sent_message, vacation

pytestmark = pytest.mark.django_db

OTHER_EMAIL = b"From: Ben <ben@example.org>\nTo: imagine@example.org\nSubject: Hello\n\nmultipart/report\n"
COMMANDS = {
    *("AUTHENTICATE", "CAPABILITY", "LOGOUT", "SELECT"),
    *("UID EXPUNGE", "UID FETCH", "UID SEARCH", "UID STORE"),
}


@pytest.fixture
def imap(settings) -> Iterator[ImapServer]:
    server = ImapServer()
    server.start()
    settings.BOUNCE_MAILBOX = Mailbox(False, "127.0.0.1", server.port, USER, PASSWORD, "INBOX")
    yield server
    server.stop()


def read() -> ReportMailbox:
    tasks.read_delivery_reports()
    return ReportMailbox.objects.get()


def bounced() -> list[str]:
    return sorted(Message.objects.filter(bounced_at__isnull=False).values_list("recipient", flat=True))


def test_reports_about_our_email_are_recorded_and_deleted_and_the_rest_stays(imap):
    message, other = sent_message(), sent_message("other:1", recipient="ben@example.org")
    other_report = postfix(message, content="Message-ID: <x@example.net>\n\n")
    imap.deliver(OTHER_EMAIL, postfix(message), other_report, vacation(message), qmail(message), complaint(other))
    row = read()
    assert bounced() == ["alma@example.org"]
    assert not EmailPreference.objects.get(email="ben@example.org").wants_invitations
    assert list(imap.emails) == [1, 3, 4, 5]
    assert (row.last_uid, row.uid_validity, row.failing_since) == (6, 7, None)
    assert row.read_at
    assert set(imap.commands) == COMMANDS


def test_processed_emails_are_not_fetched_again(imap):
    imap.deliver(OTHER_EMAIL, OTHER_EMAIL)
    read()
    imap.commands.clear()
    read()
    assert "UID FETCH" not in imap.commands
    message = sent_message()
    imap.deliver(postfix(message))
    assert read().last_uid == 3
    assert imap.commands.count("UID FETCH") == 2


def test_mailbox_with_a_new_uid_validity_is_read_from_the_start(imap):
    imap.deliver(OTHER_EMAIL, OTHER_EMAIL)
    read()
    imap.emails, imap.next_uid, imap.uid_validity = {}, 1, 8
    imap.deliver(postfix(sent_message()))
    read()
    assert bounced() == ["alma@example.org"]


def test_new_mailbox_is_read_from_the_start(imap, settings):
    imap.deliver(OTHER_EMAIL)
    read()
    settings.BOUNCE_MAILBOX = replace(settings.BOUNCE_MAILBOX, host="localhost")
    tasks.read_delivery_reports()
    assert sorted(ReportMailbox.objects.values_list("last_uid", flat=True)) == [1, 1]


def test_empty_mailbox_is_searched_once(imap):
    assert (read().last_uid, imap.commands.count("UID SEARCH")) == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["UID STORE", "UID EXPUNGE"])
def test_reader_interrupted_after_recording_resumes(imap, command):
    message = sent_message()
    imap.deliver(postfix(message), OTHER_EMAIL)
    imap.hangs_up_at = command
    assert read().failing_since
    assert bounced() == ["alma@example.org"]
    before = list(Message.objects.values())
    imap.hangs_up_at = ""
    row = read()
    assert list(Message.objects.values()) == before
    assert (list(imap.emails), row.last_uid, row.failing_since) == ([2], 2, None)


@pytest.mark.parametrize("lacking", ["the right to delete", "UIDPLUS"])
def test_report_that_cannot_be_deleted_is_still_recorded(imap, lacking):
    imap.deliver(postfix(sent_message()))
    if lacking == "UIDPLUS":
        imap.capabilities_after_sign_in = imap.capabilities
    else:
        imap.refuses = "UID STORE"
    row = read()
    assert (bounced(), list(imap.emails), row.last_uid, row.failing_since) == (["alma@example.org"], [1], 1, None)
    assert imap.deleted == ({1} if lacking == "UIDPLUS" else set())


def test_report_about_an_email_being_sent_is_read_again_later(imap):
    message = sent_message()
    claim = {"claim_id": message.pk, "claim_expires_at": timezone.now()}
    Message.objects.update(state="sending", sent_at=None, **claim)
    imap.deliver(OTHER_EMAIL, postfix(message), OTHER_EMAIL)
    assert read().last_uid == 1
    Message.objects.update(state="sent", sent_at=timezone.now(), claim_id=None, claim_expires_at=None)
    assert read().last_uid == 3
    assert (bounced(), list(imap.emails)) == (["alma@example.org"], [1, 3])


def test_second_reader_does_nothing_until_the_claim_expires(imap, settings):
    imap.deliver(postfix(sent_message()))
    ReportMailbox.objects.create(key=mailbox.mailbox_key(settings.BOUNCE_MAILBOX))
    ReportMailbox.objects.update(claim_expires_at=timezone.now() + timezone.timedelta(seconds=30))
    read()
    assert (imap.commands, bounced()) == ([], [])
    ReportMailbox.objects.update(claim_expires_at=timezone.now())
    read()
    assert bounced() == ["alma@example.org"]


def test_reader_stops_at_its_time_limit_and_the_next_one_continues(imap, monkeypatch):
    imap.deliver(*[OTHER_EMAIL] * 3)
    monkeypatch.setattr(mailbox, "READ_SECONDS", -1)
    assert read().last_uid == 0
    monkeypatch.undo()
    assert read().last_uid == 3


def test_unreadable_email_does_not_block_later_reports(imap):
    message, other = sent_message(), sent_message("other:1", recipient="ben@example.org")
    imap.deliver(OTHER_EMAIL, postfix(message))
    imap.damaged = {1}
    assert read().last_uid == 2
    assert bounced() == ["alma@example.org"]

    imap.deliver(postfix(other))
    imap.damaged = {3}
    row = read()
    assert (row.last_uid, bool(row.failing_since)) == (2, True), "it may be the server that is ill, not the email"
    imap.damaged = set()
    row = read()
    assert (row.last_uid, row.failing_since) == (3, None)
    assert bounced() == ["alma@example.org", "ben@example.org"]


def ready() -> str:
    return Client().get("/imagine/health/ready/").json().get("bounces", "")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["password", "folder", "closed", "hangs up", "silent"])
def test_unreadable_mailbox_is_logged_once_and_recorded(imap, settings, caplog, monkeypatch, fault):
    monkeypatch.setattr(mailbox, "SOCKET_TIMEOUT", 0.3)
    address = settings.BOUNCE_MAILBOX
    if fault == "password":
        settings.BOUNCE_MAILBOX = replace(address, password="wrong")
    elif fault == "folder":
        imap.refuses = "SELECT"
    elif fault == "closed":
        settings.BOUNCE_MAILBOX = replace(address, port=1)
    elif fault == "hangs up":
        imap.hangs_up_at = "UID SEARCH"
    else:
        imap.say_nothing = True
    with caplog.at_level(logging.WARNING):
        first = read()
        second_report = read()
    assert len(caplog.records) == 1
    assert "example" not in caplog.text
    assert first.failing_since
    assert (second_report.failing_since, second_report.read_at) == (first.failing_since, None)
    assert caplog.records[0].args[0] in {"IMAP", "ConnectionRefusedError", "TimeoutError"}
    assert second_report.claim_expires_at <= timezone.now()


def test_without_a_mailbox_nothing_happens():
    tasks.read_delivery_reports()
    assert not ReportMailbox.objects.exists()
    assert ready() == ""


def test_ready_reports_whether_the_mailbox_was_read_recently(imap):
    assert ready() == "late"
    read()
    assert ready() == "ok"
    ReportMailbox.objects.update(read_at=timezone.now() - timezone.timedelta(minutes=31))
    assert ready() == "late"


def test_start_page_shows_when_the_mailbox_was_last_read(imap, staff):
    def logged_text() -> str:
        return web_client.page_text(staff.get("/imagine/admin/")).replace("\N{NO-BREAK SPACE}", " ")

    assert "We haven’t been able to read the mailbox for bounces yet." in logged_text()
    read()
    assert "We last checked for bounces 0 minutes ago." in logged_text()
    ReportMailbox.objects.update(read_at=timezone.now() - timezone.timedelta(hours=2, minutes=1))
    assert "We haven’t been able to read the mailbox for bounces for 2 hours, 1 minute." in logged_text()
