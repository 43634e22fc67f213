"""Who may send a message, what becomes of a claim that was never marked, and sending once more."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from imagine import mail, mime, post
from imagine.models import Message
from tests.imagine.post import new_message, outcome

pytestmark = pytest.mark.django_db


# Claims and leases --------------------------------------------------------------------------------------------------


def test_claim_that_was_never_marked_is_swept_with_the_same_message_id(post_office):
    message = new_message()
    assert mail.claim().pk == message.pk
    mail.sweep()
    assert outcome(message) == ("sending", 1, "", False)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    mail.sweep()
    assert outcome(message) == ("sent", 2, "", True)
    assert post_office.mails[0]["Message-ID"] == mime.write(message).message()["Message-ID"]


def test_sender_that_lost_its_lease_has_lost_its_say():
    message = new_message()
    slept = mail.claim()
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    Message.objects.abandoned().update(state="queued", lease=None, lease_until=None, maybe_sent=True)
    newer = mail.claim()
    mail.mark(slept, state="refused", last_error="550 no")
    assert outcome(message) == ("sending", 2, "", True)
    mail.mark(newer, state="sent", sent_at=timezone.now())
    assert outcome(message) == ("sent", 2, "", True)


def test_claim_takes_nothing_that_is_not_due():
    message = new_message()
    for state in ("sending", "sent", "refused", "unknown", "given_up"):
        now = timezone.now()
        lease = (message.pk, now) if state == "sending" else (None, None)
        Message.objects.update(
            state=state, sent_at=now if state == "sent" else None, lease=lease[0], lease_until=lease[1]
        )
        assert mail.claim() is None


@pytest.mark.django_db(transaction=True)
def test_many_workers_send_a_message_once(post_office):
    message = new_message()
    start = threading.Barrier(6)

    def work():
        try:
            start.wait(timeout=30)
            mail.deliver()
        finally:
            post.server.close()
            connection.close()

    workers = [threading.Thread(target=work) for _worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(post_office.mails) == 1
    assert outcome(message) == ("sent", 1, "", False)


# Send again ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["refused", "given_up", "unknown"])
def test_send_again_of_a_failed_one_queues_it_as_new(post_office, state):
    message = new_message()
    Message.objects.update(state=state, attempts=9, last_error="550 no", give_up_at=timezone.now())
    for _twice in range(2):
        mail.send_again(message)
    assert outcome(message) == ("queued", 0, "", state == "unknown")  # that one may have arrived
    assert message.give_up_at > timezone.now() + timedelta(hours=23)
    mail.sweep()
    assert outcome(message)[0] == "sent"


def test_send_again_of_a_sent_one_sends_one_copy(post_office):
    message = new_message()
    mail.sweep()
    for _twice in range(2):
        mail.send_again(message)
    copy = Message.objects.exclude(pk=message.pk).get()
    assert copy.key.startswith("rsvp:17:confirmed:1:again:")
    mail.sweep()
    mail.send_again(copy)
    assert all(key.count(":again:") <= 1 for key in Message.objects.values_list("key", flat=True))
    assert [sent["Subject"] for sent in post_office.mails] == [message.subject] * 2


def test_send_again_of_one_on_its_way_changes_nothing():
    message = new_message()
    mail.send_again(message)
    mail.claim()
    mail.send_again(message)
    assert outcome(message) == ("sending", 1, "", False)
