"""Claiming messages, expired claims, and resending."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from imagine.mail import backends, delivery, mime, queue
from imagine.mail.models import Message
from tests.mail.mail_server import new_message, outcome

pytestmark = pytest.mark.django_db


# Claims and leases --------------------------------------------------------------------------------------------------


def test_abandoned_claim_is_resent_with_the_same_message_id(mail_server):
    message = new_message()
    assert delivery.claim_message().pk == message.pk
    delivery.requeue_abandoned()
    assert outcome(message) == ("sending", 1, "", False)
    Message.objects.update(claim_expires_at=timezone.now() - timedelta(seconds=1))
    delivery.requeue_abandoned()
    assert outcome(message) == ("sent", 2, "", True)
    assert mail_server.emails[0]["Message-ID"] == mime.message_id(message)


def test_sender_that_lost_its_claim_cannot_record_an_outcome():
    message = new_message()
    stale_claim = delivery.claim_message()
    Message.objects.update(claim_expires_at=timezone.now() - timedelta(seconds=1))
    Message.objects.abandoned().update(state="queued", claim_id=None, claim_expires_at=None, possible_duplicate=True)
    new_claim = delivery.claim_message()
    delivery.record_outcome(stale_claim, state="rejected", last_error="550 no")
    assert outcome(message) == ("sending", 2, "", True)
    delivery.record_outcome(new_claim, state="sent", sent_at=timezone.now())
    assert outcome(message) == ("sent", 2, "", True)


def test_claim_takes_only_queued_messages():
    message = new_message()
    for state in ("sending", "sent", "rejected", "unknown", "failed"):
        now = timezone.now()
        lease = (message.pk, now) if state == "sending" else (None, None)
        Message.objects.update(
            state=state, sent_at=now if state == "sent" else None, claim_id=lease[0], claim_expires_at=lease[1]
        )
        assert delivery.claim_message() is None


def test_claims_take_due_messages_in_order_and_nothing_else():
    now = timezone.now()
    for number, (to, minutes, state) in enumerate(
        [
            ("alma", -1, "queued"),
            ("alma", -3, "queued"),  # due earlier than the message ahead of it, but waits for it
            ("jun", -2, "queued"),
            ("chue", 5, "queued"),  # retried later, and holds up the next message
            ("chue", -5, "queued"),
            ("rosa", -9, "rejected"),
            ("rosa", -4, "queued"),
        ]
    ):
        message = new_message(idempotency_key=str(number), recipient=f"{to}@example.org")
        Message.objects.filter(pk=message.pk).update(
            state=state,
            send_after=now + timedelta(minutes=minutes),
            created_at=now - timedelta(hours=1) + timedelta(seconds=number),
        )
    new_message(idempotency_key="invitation:1:invited", queue="bulk", recipient="ben@example.org")
    claimed, last = [], None
    while True:
        if last:
            delivery.record_outcome(last, state="sent", sent_at=now)
        expected = Message.objects.due("transactional").order_by("send_after").first()
        last = delivery.claim_message()
        assert last == expected
        if last is None:
            break
        claimed.append(last.idempotency_key)
    assert claimed == ["6", "2", "0", "1"]


@pytest.mark.django_db(transaction=True)
def test_accepted_message_is_marked_sent_even_if_the_next_claim_fails(mail_server, monkeypatch):
    one, other = (
        new_message(recipient=f"{name}@example.org", idempotency_key=f"rsvp:{name}:confirmed:1")
        for name in ("alma", "jun")
    )

    def fail_next(_mail):
        monkeypatch.setattr(Message.objects, "due", lambda _queue: Message.objects.extra(where=["1 / 0 = 1"]))

    mail_server.on_email = fail_next
    with pytest.raises(DatabaseError):
        delivery.deliver_messages()
    assert outcome(one) == ("sent", 1, "", False)
    mail_server.on_email = lambda _mail: True
    monkeypatch.undo()
    delivery.deliver_messages()
    assert outcome(other) == ("sent", 1, "", False)
    assert len(mail_server.emails) == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_send_a_message_once(mail_server):
    message = new_message()
    start = threading.Barrier(6)

    def work():
        try:
            start.wait(timeout=30)
            delivery.deliver_messages()
        finally:
            backends.server.close()
            connection.close()

    workers = [threading.Thread(target=work) for _worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(mail_server.emails) == 1
    assert outcome(message) == ("sent", 1, "", False)


# Resend -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["rejected", "failed", "unknown"])
def test_resending_a_failed_message_queues_it_as_new(mail_server, state):
    message = new_message(kind="of no app")
    Message.objects.update(state=state, attempts=9, last_error="550 no", retry_until=timezone.now())
    message.refresh_from_db()
    assert [queue.resend(message) for _twice in range(2)] == [True, False]
    assert outcome(message) == ("queued", 0, "", state == "unknown")  # the original may have arrived
    assert message.retry_until > timezone.now() + timedelta(hours=23)
    delivery.requeue_abandoned()
    assert outcome(message)[0] == "sent"


def test_resending_a_sent_message_sends_one_copy(mail_server):
    message = new_message(kind="of no app")
    delivery.requeue_abandoned()
    message.refresh_from_db()
    for _twice in range(2):
        assert queue.resend(message)
    copy = Message.objects.exclude(pk=message.pk).get()
    assert (copy.kind, copy.about) == (message.kind, message.about)
    delivery.requeue_abandoned()
    copy.refresh_from_db()
    assert queue.resend(copy)
    assert Message.objects.count() == 2
    assert [sent["Subject"] for sent in mail_server.emails] == [message.subject] * 2


def test_resending_a_message_being_sent_changes_nothing():
    message = new_message(kind="of no app")
    queue.resend(message)
    delivery.claim_message()
    queue.resend(message)
    assert outcome(message) == ("sending", 1, "", False)
