"""Attachments are built when a message is sent, and a broken one doesn't hold up other messages."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from imagine.mail import delivery, queue
from imagine.mail.models import Message, SendRate
from tests import web_client
from tests.mail.mail_server import new_message, outcome

pytestmark = pytest.mark.django_db


def message(kind: str = "drawing", **fields) -> Message:
    send_rate = SendRate.objects.get()
    fields |= {"attachment_kind": kind, "attached": send_rate, "attachment_name": "certificate.pdf"}
    return new_message(**({"kind": "of no app"} | fields))


def test_attachment_is_built_in_the_email_language_and_added_to_the_text(mail_server):
    message(language="es")
    delivery.deliver_messages()
    [email] = mail_server.emails
    assert email.get_content_type() == "multipart/mixed"
    body, [send_rate] = email.get_body(("plain",)), email.iter_attachments()
    assert body.get_content().strip() == "We expect you for breakfast."
    assert (send_rate.get_content_type(), send_rate.get_filename()) == ("application/pdf", "certificate.pdf")
    assert send_rate.get_content() == b"%PDF 60 es"


def test_email_is_sent_without_an_attachment_that_is_gone(mail_server):
    message()
    Message.objects.update(attachment_object_id=2)
    delivery.deliver_messages()
    [email] = mail_server.emails
    assert list(email.iter_attachments()) == []
    assert email.get_body(("plain",)).get_content().strip() == "We expect you for breakfast."


def test_failed_attachment_keeps_email_queued_and_records_the_error_type(mail_server):
    broken, valid = (
        message("broken drawing", idempotency_key="a:1"),
        message(idempotency_key="a:2", recipient="other@example.org"),
    )
    delivery.requeue_abandoned()
    assert outcome(broken) == ("queued", 1, "attachment: RuntimeError", False)
    assert outcome(valid) == ("sent", 1, "", False)
    Message.objects.filter(pk=broken.pk).update(retry_until=timezone.now(), send_after=timezone.now())
    delivery.requeue_abandoned()
    assert outcome(broken) == ("failed", 2, "attachment: RuntimeError", False)
    assert len(mail_server.emails) == 1


def test_resend_copies_the_attachment(mail_server):
    first = message()
    delivery.deliver_messages()
    Message.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    first.refresh_from_db()
    assert queue.resend(first)
    delivery.requeue_abandoned()
    assert [next(email.iter_attachments()).get_filename() for email in mail_server.emails] == ["certificate.pdf"] * 2


@pytest.mark.parametrize("fields", [{"attachment_kind": "drawing"}, {"attachment_name": "a.pdf"}])
def test_attachment_requires_a_name_and_vice_versa(fields):
    with pytest.raises(IntegrityError, match="message_attachment_has_a_name"), transaction.atomic():
        new_message(**fields)


def test_message_page_shows_the_attachment_name():
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    page = client.get(f"/imagine/admin/mail/message/{message().pk}/change/")
    assert "Attachment: certificate.pdf" in web_client.page_text(page)
