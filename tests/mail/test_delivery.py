"""Transactional email from queue to delivery, over a real SMTP server."""

import smtplib
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from imagine.mail import backends, delivery, mime
from imagine.mail import tasks as mail_tasks
from imagine.mail.models import Message
from tests.mail.mail_server import new_message, outcome

pytestmark = pytest.mark.django_db


def due_now(message: Message) -> Message:
    Message.objects.filter(pk=message.pk).update(send_after=timezone.now())
    return message


# Queue ------------------------------------------------------------------------------------------------------------


def test_idempotency_key_is_queued_once():
    first = new_message(subject="First")
    repeated = new_message(subject="Again")
    assert (first.pk, repeated.subject) == (repeated.pk, "First")
    assert Message.objects.count() == 1


def test_rolled_back_message_is_not_queued():
    with transaction.atomic():
        new_message()
        transaction.set_rollback(True)
    assert Message.objects.count() == 0


# Sent -------------------------------------------------------------------------------------------------------------


def test_deliver_sends_once(mail_server):
    message = new_message()
    for _twice in range(2):
        mail_tasks.deliver()
    assert outcome(message) == ("sent", 1, "", False)
    assert message.claim_id is None
    assert timezone.now() - message.sent_at < timedelta(seconds=30)
    [sent] = mail_server.emails
    assert (sent["To"], sent["Subject"]) == ("alma@example.org", "Your seat on April 4 is confirmed")


def test_deliver_of_a_deleted_message_does_nothing(mail_server):
    new_message()
    Message.objects.all().delete()
    delivery.deliver_messages()
    assert mail_server.emails == []


def test_deliver_sends_all_due_messages_until_its_time_limit(mail_server, monkeypatch):
    for number in range(3):
        new_message(f"a:{number}")
    monkeypatch.setattr(delivery, "DELIVER_SECONDS", 0)
    delivery.deliver_messages()
    assert mail_server.emails == []
    monkeypatch.undo()
    delivery.deliver_messages()
    assert len(mail_server.emails) == 3


def test_deliver_skips_messages_that_are_not_due(mail_server):
    message = new_message()
    Message.objects.update(send_after=timezone.now() + timedelta(minutes=1))
    delivery.deliver_messages()
    assert outcome(message) == ("queued", 0, "", False)


def test_sweep_sends_due_messages_oldest_first(mail_server):
    messages = [
        new_message(f"rsvp:{number}:link:1", subject=f"Number {number}", recipient=f"guest{number}@example.org")
        for number in range(5)
    ]
    Message.objects.filter(pk=messages[0].pk).update(send_after=timezone.now() + timedelta(minutes=1))
    Message.objects.filter(pk=messages[3].pk).update(send_after=timezone.now() - timedelta(hours=1))
    mail_tasks.sweep()
    assert [sent["Subject"] for sent in mail_server.emails] == ["Number 3", "Number 1", "Number 2", "Number 4"]


def test_messages_to_one_address_are_sent_in_order(mail_server):
    first = new_message("rsvp:1:confirmed:1", subject="First")
    new_message("rsvp:1:cancelled:2", subject="Second")
    Message.objects.filter(pk=first.pk).update(send_after=timezone.now() + timedelta(minutes=1))
    delivery.deliver_messages()
    assert mail_server.emails == []
    Message.objects.filter(pk=first.pk).update(send_after=timezone.now())
    mail_tasks.sweep()
    assert [sent["Subject"] for sent in mail_server.emails] == ["First", "Second"]


def test_connection_is_reused_and_reopened_when_lost(mail_server):
    new_message("a:1")
    delivery.deliver_messages()
    connection_used = backends.server.connection
    new_message("a:2")
    delivery.deliver_messages()
    assert backends.server.connection is connection_used
    mail_server.close()
    mail_server.open()
    new_message("a:3")
    delivery.deliver_messages()
    assert backends.server.connection is not connection_used
    assert len(mail_server.emails) == 3


# Content ----------------------------------------------------------------------------------------------------------


def test_email_has_text_html_and_calendar_alternatives(mail_server):
    calendar = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    new_message(subject="Tu lugar, señora Ñ", language="es", ics=calendar, ics_method="REQUEST")
    delivery.deliver_messages()
    [sent] = mail_server.emails
    assert sent.get_content_type() == "multipart/alternative"
    parts = list(sent.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "text/calendar"]
    assert [part.get_content_charset() for part in parts] == ["utf-8"] * 3
    assert parts[2].get_param("method") == "REQUEST"
    assert [part.get_content_disposition() for part in parts] == [None] * 3
    assert parts[0].get_content().strip() == "We expect you for breakfast."
    assert parts[2].get_content().replace("\r\n", "\n").strip() == calendar.replace("\r\n", "\n").strip()
    assert (sent["Subject"], sent["Content-Language"]) == ("Tu lugar, señora Ñ", "es")
    assert (sent["From"], sent["Reply-To"]) == ("Imagine Promise <imagine@example.org>", "community@example.org")
    assert sent["Date"] is not None


def test_email_without_a_calendar_has_two_alternatives(mail_server):
    new_message()
    delivery.deliver_messages()
    [sent] = mail_server.emails
    assert [part.get_content_type() for part in sent.iter_parts()] == ["text/plain", "text/html"]


def test_message_id_does_not_depend_on_the_related_object():
    one, other = new_message(), new_message("rsvp:17:changed:2")
    before = mime.message_id(one)
    Message.objects.filter(pk=one.pk).update(object_id=16)
    assert before == mime.message_id(Message.objects.get(pk=one.pk)) != mime.message_id(other)
    assert mime.message_id(one).endswith("@example.org>")


# Rejections and retries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["at_recipient", "at_data"])
def test_permanent_rejection_is_not_retried_and_hides_the_address(mail_server, stage):
    setattr(mail_server, stage, "550 5.1.1 <alma@example.org>: no such user here")
    message = new_message()
    mail_tasks.deliver()
    mail_tasks.sweep()
    assert outcome(message) == ("rejected", 1, "550 5.1.1 … no such user here", False)


def test_rejection_does_not_delay_other_messages(mail_server):
    rejected = new_message("a:1")
    mail_server.at_data = "554 5.7.1 no"
    delivery.deliver_messages()
    mail_server.at_data = ""
    accepted = new_message("a:2")
    delivery.deliver_messages()
    assert (outcome(rejected)[0], outcome(accepted)[0]) == ("rejected", "sent")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["at_recipient", "at_data"])
def test_temporary_failures_back_off_until_the_message_is_sent(mail_server, stage):
    setattr(mail_server, stage, "451 4.3.0 later, please")
    message = new_message()
    pauses = []
    for _try in range(len(delivery.RETRY_PAUSES) + 1):
        before = timezone.now()
        due_now(message)
        delivery.deliver_messages()
        message.refresh_from_db()
        pauses.append(round((message.send_after - before).total_seconds()))
    assert pauses == [5, 30, 120, 600, 1800, 3600, 7200, 14400, 14400]
    assert outcome(message) == ("queued", len(pauses), "451 4.3.0 later, please", False)
    setattr(mail_server, stage, "")
    due_now(message)
    delivery.deliver_messages()
    assert outcome(message) == ("sent", len(pauses) + 1, "", False)


def test_message_fails_when_its_retry_period_ends(mail_server):
    mail_server.at_data = "451 4.3.0 later"
    message = new_message()
    Message.objects.update(retry_until=timezone.now() + timedelta(seconds=3))
    delivery.deliver_messages()
    delivery.requeue_abandoned()
    assert outcome(message) == ("failed", 1, "451 4.3.0 later", False)


def test_server_outage_costs_no_attempts_and_fails_no_message(mail_server):
    mail_server.close()
    messages = [new_message(f"a:{number}") for number in range(3)]
    Message.objects.update(retry_until=timezone.now())
    delivery.requeue_abandoned()
    assert [outcome(message) for message in messages] == [
        ("queued", 0, "ConnectionRefusedError", False),
        ("queued", 0, "", False),
        ("queued", 0, "", False),
    ]
    assert messages[0].send_after - timezone.now() < timedelta(minutes=1)
    mail_server.open()
    delivery.server_backoff.until = 0.0
    Message.objects.update(send_after=timezone.now())
    delivery.requeue_abandoned()
    assert [outcome(message)[0] for message in messages] == ["sent"] * 3


def test_message_that_cannot_be_built_is_rejected(mail_server):
    message = new_message(subject="Two\nlines")
    delivery.deliver_messages()
    assert outcome(message) == ("rejected", 1, "BadHeaderError", False)
    assert mail_server.emails == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (smtplib.SMTPDataError(554, b"5.7.1 <alma@example.org> is spam"), "554 5.7.1 … is spam"),
        (smtplib.SMTPRecipientsRefused({"alma@example.org": (550, b"alma@example.org? never")}), "550 … never"),
        (smtplib.SMTPSenderRefused(530, b"log in first", "imagine@example.org"), "530 log in first"),
        (smtplib.SMTPServerDisconnected("alma@example.org went away"), "SMTPServerDisconnected"),
        (TimeoutError("timed out for alma@example.org"), "TimeoutError"),
        (smtplib.SMTPDataError(554, b"\xff" * 999), "554 " + "\ufffd" * 296),
    ],
)
def test_failure_reason_contains_no_address(error, expected):
    assert backends.failure_reason(error) == expected
