"""Mailings are paused, resumed and stopped, also in the middle of a batch and by several senders at once."""

import time
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from imagine.mail import delivery
from imagine.mail import tasks as mail_tasks
from imagine.mail.bulk import control, progress
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Mailing, Message, SendRate
from tests.mail.mail_server import new_message, outcome
from tests.mail.mailings import guest, mailing, queue_messages, run_in_threads, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(bulk_delivery, "DELIVER_SECONDS", 60)  # also on a busy machine
    SendRate.objects.update_or_create(pk=1, defaults={"per_second": 10_000})


def run_in_this_thread(action) -> None:
    """Run it in the mail server's thread without leaving a connection open."""
    try:
        action()
    finally:
        connection.close()


# Paused and stopped --------------------------------------------------------------------------------------------


def test_paused_mailing_waits_until_resumed(mail_server):
    one, other = mailing(), mailing()
    queue_messages(one, 2)
    queue_messages(other, 1)
    for _twice in range(2):
        control.pause_mailing(one)
    first = one.paused_at
    bulk_delivery.deliver_batches()
    assert (states(one), states(other)) == (["queued"] * 2, ["sent"])
    assert Mailing.objects.get(pk=one.pk).paused_at == first
    for _twice in range(2):
        control.resume_mailing(one)
    bulk_delivery.deliver_batches()
    assert states(one) == ["sent"] * 2
    assert len(mail_server.emails) == 3


def test_paused_message_does_not_delay_later_ones_to_the_same_address(mail_server):
    one = mailing()
    queue_messages(one, 1, recipient="alma@example.org", subject="Invitation")
    queue_messages(mailing(), 1, recipient="alma@example.org", subject="Reminder")
    control.pause_mailing(one)
    bulk_delivery.deliver_batches()
    assert [sent["Subject"] for sent in mail_server.emails] == ["Reminder"]


@pytest.mark.slow
def test_stop_returns_deleted_messages_and_cannot_be_undone(mail_server):
    one, other = mailing(), mailing()
    queue_messages(one, 2)
    bulk_delivery.deliver_batches()
    messages = queue_messages(one, 3)
    queue_messages(other, 1)
    Message.objects.filter(pk=messages[0].pk).update(attempts=2, send_after=timezone.now() + timedelta(hours=1))
    assert sorted(control.stop_mailing(one)) == [("news", message.object_id) for message in messages]
    first = one.stopped_at
    assert control.stop_mailing(one) == []
    control.resume_mailing(one)
    control.pause_mailing(one)
    paused = Mailing.objects.get(pk=one.pk)
    assert (paused.stopped_at, paused.paused_at) == (first, None)
    queue_messages(one, 1)
    bulk_delivery.deliver_batches()
    assert (states(one), states(other)) == (["sent"] * 2 + ["queued"], ["sent"])


@pytest.mark.slow
def test_pause_during_a_batch_takes_effect_after_the_current_message(mail_server):
    one = mailing()
    queue_messages(one, 20)
    mail_server.on_email = lambda sent: (
        len(mail_server.emails) != 3 or run_in_this_thread(lambda: control.pause_mailing(one))
    )
    bulk_delivery.deliver_batches()
    assert sorted(states()) == ["queued"] * 17 + ["sent"] * 3
    assert not Message.objects.exclude(claim_id=None).exists()
    control.resume_mailing(one)
    bulk_delivery.deliver_batches()
    assert states() == ["sent"] * 20
    assert sorted(sent["To"] for sent in mail_server.emails) == [guest(number) for number in range(20)]


def test_stop_during_a_batch_removes_all_messages_after_the_current_one(mail_server):
    one = mailing()
    queue_messages(one, 20)
    recalled: list[tuple[str, int]] = []
    mail_server.on_email = lambda sent: (
        len(mail_server.emails) != 3 or run_in_this_thread(lambda: recalled.extend(control.stop_mailing(one))) or True
    )
    bulk_delivery.deliver_batches()
    assert len(recalled) == 17
    assert states() == ["sent"] * 3
    assert len(mail_server.emails) == 3
    sent = set(Message.objects.values_list("kind", "object_id"))
    assert sent | set(recalled) == {("news", number) for number in range(1, 21)}


def test_messages_claimed_before_a_pause_are_not_handed_over():
    one = mailing()
    queue_messages(one, 2)
    batch = bulk_delivery.claim_batch()
    control.pause_mailing(one)
    assert [bulk_delivery.mark_handed_over(message) for message in batch] == [False, False]
    control.resume_mailing(one)
    assert [bulk_delivery.mark_handed_over(message) for message in batch] == [True, True]


def test_each_message_is_marked_sent_before_the_next_is_handed_over(mail_server):
    """So that at most one message of a batch is in doubt when its sender dies."""
    queue_messages(mailing(), 4)
    snapshots_seen: list[list[str]] = []
    mail_server.on_email = lambda sent: run_in_this_thread(lambda: snapshots_seen.append(sorted(states())))
    bulk_delivery.deliver_batches()
    assert snapshots_seen == [["sending"] * (4 - sent_count) + ["sent"] * sent_count for sent_count in range(4)]
    assert states() == ["sent"] * 4


@pytest.mark.slow
def test_accepted_message_is_marked_sent_before_waiting_for_the_next_slot(mail_server):
    SendRate.objects.update(per_second=2)
    queue_messages(mailing(), 2)
    marked: list[float] = []

    def watch():
        while not mail_server.emails or "sent" not in states():
            time.sleep(0.01)
        marked.append(len(mail_server.emails))

    steps = iter([watch, bulk_delivery.deliver_batches])
    run_in_threads(2, lambda: next(steps)())
    assert marked == [1]
    assert states() == ["sent"] * 2


# Concurrent senders --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_concurrent_senders_send_each_message_once(mail_server):
    queue_messages(mailing(), 300)
    run_in_threads(4, bulk_delivery.deliver_batches)
    assert set(Message.objects.values_list("state", "attempts")) == {("sent", 1)}
    assert sorted(sent["To"] for sent in mail_server.emails) == [guest(number) for number in range(300)]


@pytest.mark.slow
def test_stop_during_concurrent_sending_leaves_messages_sent_or_removed(mail_server):
    one = mailing()
    queue_messages(one, 300)
    recalled: list[tuple[str, int]] = []
    mail_server.on_email = lambda sent: (
        len(mail_server.emails) != 60 or run_in_this_thread(lambda: recalled.extend(control.stop_mailing(one))) or True
    )
    run_in_threads(3, bulk_delivery.deliver_batches)
    sent = list(Message.objects.values_list("kind", "object_id"))
    assert set(states()) == {"sent"}
    assert len(mail_server.emails) == len(sent)
    assert sorted(sent + recalled) == [("news", number) for number in range(1, 301)]


def test_unknown_message_is_resolved_once_concurrently():
    queue_messages(mailing(), 1)
    Message.objects.update(state="unknown")
    message, results = Message.objects.get(), []
    run_in_threads(4, lambda: results.append(control.resolve_unknown(message, arrived=False)))
    assert sorted(results) == [False, False, False, True]


# Crashed senders -----------------------------------------------------------------------------------------------


def expire_claims() -> None:
    Message.objects.filter(state="sending").update(claim_expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.slow
def test_stop_after_a_crash_keeps_messages_that_may_have_been_sent():
    """`handed_over_at` is committed first, so the crash needn't be detected."""
    one = mailing()
    queue_messages(one, 3)
    batch = bulk_delivery.claim_batch()
    bulk_delivery.mark_handed_over(batch[0])
    queue_messages(one, 1, idempotency_key="later")
    assert len(control.stop_mailing(one)) == 3
    assert states() == ["sending"]
    assert not bulk_delivery.mark_handed_over(batch[1])
    expire_claims()
    bulk_delivery.release_abandoned()
    assert states() == ["unknown"]


def test_after_a_crash_handed_over_messages_are_unknown_and_others_are_sent(mail_server):
    queue_messages(mailing(), 4)
    batch = sorted(bulk_delivery.claim_batch(), key=lambda message: message.recipient)
    for message in batch[:2]:
        assert bulk_delivery.mark_handed_over(message)
    delivery.record_outcome(batch[0], state="sent", sent_at=timezone.now())
    mail_tasks.sweep()  # its lease has not run out: it may live
    assert states() == ["sent", "sending", "sending", "sending"]
    expire_claims()
    for _twice in range(2):
        mail_tasks.sweep()
    assert states() == ["sent", "unknown", "queued", "queued"]
    assert mail_server.emails == []  # the sweep sends no mail to many: direct mail would wait for it
    bulk_delivery.deliver_batches()
    assert states() == ["sent", "unknown", "sent", "sent"]
    assert set(Message.objects.values_list("attempts", "possible_duplicate")) == {(1, False)}


def test_sender_with_an_expired_claim_sends_nothing_after_the_sweep(mail_server):
    queue_messages(mailing(), 3)
    claimed = bulk_delivery.claim_batch()
    expire_claims()
    bulk_delivery.release_abandoned()
    bulk_delivery.deliver_batches()
    bulk_delivery.send_batch(claimed, float("inf"))
    assert states() == ["sent"] * 3
    assert len(mail_server.emails) == 3


@pytest.mark.slow
def test_sender_with_an_expired_claim_sends_nothing_before_the_sweep(mail_server):
    """The sweep may be processing the claim at this moment."""
    queue_messages(mailing(), 3)
    claimed = bulk_delivery.claim_batch()
    expire_claims()
    bulk_delivery.send_batch(claimed, float("inf"))
    assert mail_server.emails == []
    bulk_delivery.release_abandoned()
    bulk_delivery.deliver_batches()
    assert states() == ["sent"] * 3
    assert len(mail_server.emails) == 3


def test_retry_does_not_keep_the_earlier_handover(mail_server):
    """`handed_over_at` belongs to one claim."""
    mail_server.at_data = "451 4.3.0 later"
    queue_messages(mailing(), 1)
    bulk_delivery.deliver_batches()
    Message.objects.update(send_after=timezone.now())
    bulk_delivery.claim_batch()
    expire_claims()
    bulk_delivery.release_abandoned()
    assert states() == ["queued"]


def test_each_queue_is_swept_separately():
    queue_messages(mailing(), 1)
    [message] = bulk_delivery.claim_batch()
    bulk_delivery.mark_handed_over(message)
    expire_claims()
    delivery.requeue_abandoned()
    assert states() == ["sending"]
    transactional = new_message()
    delivery.claim_message()
    expire_claims()
    bulk_delivery.release_abandoned()
    assert outcome(transactional)[0] == "sending"


# Progress ------------------------------------------------------------------------------------------------------


def set_states(of: Mailing, *new_states: str) -> None:
    """Create messages of the mailing in these states."""
    now = timezone.now()
    for message, state in zip(queue_messages(of, len(new_states)), new_states, strict=True):
        Message.objects.filter(pk=message.pk).update(
            state=state,
            sent_at=now if state == "sent" else None,
            claim_id=message.pk if state == "sending" else None,
            claim_expires_at=now if state == "sending" else None,
        )


def test_progress_counts_messages_by_outcome():
    one = mailing(recipient_count=12, skipped_count=1)
    set_states(one, *("queued", "queued", "sending", "sent", "sent", "sent", "rejected", "unknown", "failed"))
    set_states(mailing(), "sent", "queued")
    Message.objects.filter(mailing=one, recipient=guest(0)).update(
        attempts=1, send_after=timezone.now() + timedelta(minutes=1)
    )
    SendRate.objects.update(per_second=1)
    assert asdict(progress.mailing_progress(one)) == {
        "count": 12,
        "to_write": 2,
        "waiting": 3,
        "deferred": 1,
        "sent": 3,
        "rejected": 1,
        "failed": 1,
        "unknown": 1,
        "skipped": 1,
        "share": 6 / 11,
        "seconds_left": 40,  # four of them at three in thirty seconds
        "state": "writing",
    }


def test_time_left_is_given_only_while_messages_are_being_sent():
    one = mailing(recipient_count=2, rendered_at=timezone.now())
    set_states(one, "queued", "queued")
    assert progress.mailing_progress(one).seconds_left is None
    Message.objects.filter(recipient=guest(0)).update(state="sent", sent_at=timezone.now() - timedelta(seconds=31))
    assert progress.mailing_progress(one).seconds_left is None
    Message.objects.filter(recipient=guest(0)).update(sent_at=timezone.now())
    assert progress.mailing_progress(one).seconds_left == 30
    control.pause_mailing(one)
    assert progress.mailing_progress(one).seconds_left is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "messages", "state", "share"),
    [
        ({}, [], "writing", 0.0),
        ({"paused_at": 1}, ["sent"], "paused", 0.5),
        ({"rendered_at": 1}, ["sent", "queued"], "sending", 0.5),
        ({"rendered_at": 1}, ["sent", "unknown"], "done", 1.0),
        ({"rendered_at": 1}, ["sent"], "done", 1.0),  # the other contact was erased
        ({"rendered_at": 1, "paused_at": 1}, ["sent", "sent"], "done", 1.0),
        ({"stopped_at": 1}, ["sent"], "stopped", 0.5),
        ({"stopped_at": 1, "paused_at": 1, "rendered_at": 1}, ["sent"], "stopped", 0.5),
        ({"rendered_at": 1, "skipped_count": 2}, [], "done", 1.0),
    ],
)
def test_progress_gives_the_state_and_share_of_a_mailing(fields, messages, state, share):
    moments = {name: timezone.now() if name.endswith("_at") else value for name, value in fields.items()}
    one = mailing(recipient_count=2, **moments)
    set_states(one, *messages)
    assert (progress.mailing_progress(one).state, progress.mailing_progress(one).share) == (state, share)


@pytest.mark.slow
def test_progress_takes_two_queries_for_any_number_of_messages(django_assert_num_queries):
    one = mailing(recipient_count=100)
    for count in (1, 30):
        set_states(one, *["sent"] * count)
        with django_assert_num_queries(2):
            progress.mailing_progress(one)
