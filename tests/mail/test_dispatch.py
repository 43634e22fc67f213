"""Workers are woken after the commit, and a broken broker neither fails nor delays a request."""

import json
import os
import socket
import time

import pytest
from django.db import transaction
from django.utils import timezone

from imagine.celery import app
from imagine.mail import delivery, dispatch, queue
from imagine.mail.bulk import control
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Message
from tests.mail.mail_server import free_port, new_message
from tests.mail.mailings import Clock, mailing, queue_messages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_broker(monkeypatch):
    """Connect to an empty broker database that no other test process uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with app.connection_for_write(transport_options=dispatch.IMPATIENT).clone(
        virtual_host=str(1 + worker % 15)
    ) as broker:
        broker.default_channel.client.flushdb()
        monkeypatch.setattr(dispatch, "broker", broker)
        dispatch.broker_backoff.until = 0.0
        yield broker
        dispatch.broker_backoff.until = 0.0


def tasks_in(broker, queue: str = "transactional") -> list[tuple[str, list]]:
    """Take all tasks out of a queue."""
    tasks = []
    while message := broker.default_channel.basic_get(queue, no_ack=True):
        tasks.append((message.headers["task"], json.loads(message.body)[0]))
    return tasks


DELIVER = [("imagine.mail.tasks.deliver", [])]


def test_worker_is_woken_after_commit(own_broker):
    with transaction.atomic():
        new_message()
        assert tasks_in(own_broker) == []
    assert tasks_in(own_broker) == DELIVER


def test_worker_is_not_woken_after_rollback(own_broker):
    with transaction.atomic():
        new_message()
        transaction.set_rollback(True)
    assert tasks_in(own_broker) == []


def test_one_wakeup_covers_many_messages_until_a_worker_takes_it(own_broker):
    for number in range(3):
        new_message(f"a:{number}")
    assert tasks_in(own_broker) == DELIVER
    new_message("a:4")
    assert tasks_in(own_broker) == []  # the first task hasn't started yet: it will find this message, too
    dispatch.clear_wakeup()
    new_message("a:5")
    assert tasks_in(own_broker) == DELIVER


def test_wakeup_flag_expires(own_broker):
    dispatch.wake_workers()
    assert 0 < own_broker.default_channel.client.ttl(dispatch.WAKEUP + "transactional") <= dispatch.WAKEUP_SECONDS


def test_worker_that_finds_messages_wakes_another(own_broker, mail_server):
    for number in range(3):
        new_message(f"a:{number}")
    tasks_in(own_broker)
    delivery.deliver_messages()
    assert len(mail_server.emails) == 3
    assert tasks_in(own_broker) == DELIVER
    delivery.deliver_messages()
    assert tasks_in(own_broker) == []  # nothing was due, so no worker is woken


def test_wakeups_end_while_the_mail_server_is_down(own_broker, mail_server):
    mail_server.close()
    for number in range(3):
        new_message(f"a:{number}")
    tasks_in(own_broker)
    delivery.deliver_messages()
    assert tasks_in(own_broker) == DELIVER
    delivery.deliver_messages()
    assert tasks_in(own_broker) == []
    assert Message.objects.filter(state="queued").count() == 3


DELIVER_BULK = [("imagine.mail.tasks.deliver_bulk", [])]


def test_bulk_messages_wake_the_bulk_worker_once(own_broker):
    queue_messages(mailing(), 3)
    queue_messages(mailing(), 3)
    assert (tasks_in(own_broker, "bulk"), tasks_in(own_broker)) == (DELIVER_BULK, [])


def test_worker_that_finds_bulk_messages_wakes_another(own_broker, mail_server):
    queue_messages(mailing(), 3)
    tasks_in(own_broker, "bulk")
    bulk_delivery.deliver_batches()
    assert len(mail_server.emails) == 3
    assert tasks_in(own_broker, "bulk") == DELIVER_BULK
    bulk_delivery.deliver_batches()
    assert tasks_in(own_broker, "bulk") == []


def test_worker_out_of_time_wakes_another_for_requeued_messages(own_broker, mail_server, monkeypatch):
    """Another worker may have looked while all messages were claimed here, and found nothing."""
    clock = Clock()
    monkeypatch.setattr(bulk_delivery, "time", clock)
    queue_messages(mailing(), 3)

    def run_another_worker(sent):
        tasks_in(own_broker, "bulk")
        dispatch.clear_wakeup("bulk")
        clock.sleep(bulk_delivery.DELIVER_SECONDS)

    mail_server.on_email = run_another_worker
    bulk_delivery.deliver_batches()
    assert Message.objects.filter(state="queued").count() == 2
    assert tasks_in(own_broker, "bulk") == DELIVER_BULK


def test_bulk_sweep_wakes_a_worker_only_for_due_messages(own_broker):
    one = mailing()
    queue_messages(one, 1)
    tasks_in(own_broker, "bulk")
    dispatch.clear_wakeup("bulk")
    control.pause_mailing(one)
    bulk_delivery.release_abandoned()
    assert tasks_in(own_broker, "bulk") == []
    control.resume_mailing(one)
    assert tasks_in(own_broker, "bulk") == DELIVER_BULK
    dispatch.clear_wakeup("bulk")
    bulk_delivery.release_abandoned()
    assert tasks_in(own_broker, "bulk") == DELIVER_BULK


@pytest.mark.parametrize(("state", "resend"), [("rejected", "bulk"), ("sent", "transactional")])
def test_resend_wakes_the_worker_of_the_right_queue(own_broker, state, resend):
    [message] = queue_messages(mailing(), 1)
    Message.objects.update(state=state, sent_at=timezone.now() if state == "sent" else None)
    message.refresh_from_db()
    for name in ("bulk", "transactional"):
        tasks_in(own_broker, name)
        dispatch.clear_wakeup(name)
    queue.resend(message)
    assert {name: len(tasks_in(own_broker, name)) for name in ("bulk", "transactional")} == {
        "bulk": 0,
        "transactional": 0,
    } | {resend: 1}


def test_task_carries_only_an_id(own_broker):
    dispatch.send_task("summit.tasks.answer_link_request", 17)
    assert tasks_in(own_broker) == [("summit.tasks.answer_link_request", [17])]


@pytest.fixture(params=["down", "frozen"])
def dead_broker(request, monkeypatch):
    """A port where nothing listens, or where connections are accepted and never answered."""
    port = free_port()
    with socket.socket() as listener:
        if request.param == "frozen":
            listener.bind(("127.0.0.1", port))
            listener.listen()
        with app.connection_for_write(
            f"redis://127.0.0.1:{port}/0", transport_options=dispatch.IMPATIENT
        ) as connection:
            monkeypatch.setattr(dispatch, "broker", connection)
            yield


def seconds(key: str) -> float:
    started = time.monotonic()
    new_message(key)
    return time.monotonic() - started


@pytest.mark.slow
def test_unresponsive_broker_costs_half_a_second_once(dead_broker):
    """Uses the best of three tries, since the others measure how busy the machine is."""
    first, later = [], []
    for number in range(3):
        dispatch.broker_backoff.until = 0.0
        first.append(seconds(f"first:{number}"))
        later.append(seconds(f"then:{number}"))
    assert Message.objects.filter(state="queued").count() == 6
    assert min(first) < 0.5
    assert min(later) < 0.1
