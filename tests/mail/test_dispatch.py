"""Celery as the alarm clock: rung after the commit, and never a reason to fail or to wait."""

import json
import os
import socket
import time

import pytest
from django.db import transaction
from django.utils import timezone

from imagine.celery import app
from imagine.mail import delivery, dispatch
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Message
from tests.mail.mailings import letters, mailing
from tests.mail.post import free_port, new_message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_bell(monkeypatch):
    """A bell on a database of the broker that no other test process writes to, with nothing in it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with app.connection_for_write(transport_options=dispatch.IMPATIENT).clone(virtual_host=str(1 + worker % 15)) as own:
        own.default_channel.client.flushdb()
        monkeypatch.setattr(dispatch, "bell", own)
        dispatch.broker_silent.until = 0.0
        yield own
        dispatch.broker_silent.until = 0.0


def rung(own, queue: str = "transactional") -> list[tuple[str, list]]:
    """Takes every task out of a queue."""
    found = []
    while message := own.default_channel.basic_get(queue, no_ack=True):
        found.append((message.headers["task"], json.loads(message.body)[0]))
    return found


NUDGED = [("imagine.mail.tasks.deliver", [])]


def test_worker_is_nudged_once_the_message_has_committed(own_bell):
    with transaction.atomic():
        new_message()
        assert rung(own_bell) == []
    assert rung(own_bell) == NUDGED


def test_worker_is_not_nudged_for_what_was_rolled_back(own_bell):
    with transaction.atomic():
        new_message()
        transaction.set_rollback(True)
    assert rung(own_bell) == []


def test_one_nudge_stands_for_many_messages_until_a_worker_takes_it_up(own_bell):
    for number in range(3):
        new_message(f"a:{number}")
    assert rung(own_bell) == NUDGED
    new_message("a:4")
    assert rung(own_bell) == []  # the first has not begun to look: it will find this one too
    dispatch.take_up_nudge()
    new_message("a:5")
    assert rung(own_bell) == NUDGED


def test_nudge_that_was_lost_is_replaced_after_a_while(own_bell):
    dispatch.nudge()
    assert 0 < own_bell.default_channel.client.ttl(dispatch.NUDGE + "transactional") <= dispatch.NUDGE_SECONDS


def test_worker_that_finds_mail_nudges_another_before_it_sends(own_bell, post_office):
    for number in range(3):
        new_message(f"a:{number}")
    rung(own_bell)
    delivery.deliver()
    assert len(post_office.mails) == 3
    assert rung(own_bell) == NUDGED
    delivery.deliver()
    assert rung(own_bell) == []  # nothing was due: nobody is called for nothing


def test_nudges_end_while_the_mail_server_is_down(own_bell, post_office):
    post_office.close()
    for number in range(3):
        new_message(f"a:{number}")
    rung(own_bell)
    delivery.deliver()
    assert rung(own_bell) == NUDGED
    delivery.deliver()
    assert rung(own_bell) == []
    assert Message.objects.filter(state="queued").count() == 3


TO_MANY = [("imagine.mail.tasks.deliver_bulk", [])]


def test_mail_to_many_nudges_its_own_worker_once_for_all_of_it(own_bell):
    letters(mailing(), 3)
    letters(mailing(), 3)
    assert (rung(own_bell, "bulk"), rung(own_bell)) == (TO_MANY, [])


def test_worker_that_finds_mail_to_many_nudges_another_before_it_sends(own_bell, post_office):
    letters(mailing(), 3)
    rung(own_bell, "bulk")
    bulk_delivery.deliver()
    assert len(post_office.mails) == 3
    assert rung(own_bell, "bulk") == TO_MANY
    bulk_delivery.deliver()
    assert rung(own_bell, "bulk") == []


def test_worker_whose_time_is_up_nudges_for_what_it_gives_back(own_bell, post_office, monkeypatch):
    """Another may have looked while all was claimed here, and found nothing."""
    monkeypatch.setattr(bulk_delivery, "DELIVER_SECONDS", 0.1)
    letters(mailing(), 3)

    def look_elsewhere(sent):
        rung(own_bell, "bulk")
        dispatch.take_up_nudge("bulk")
        time.sleep(0.2)

    post_office.on_mail = look_elsewhere
    bulk_delivery.deliver()
    assert Message.objects.filter(state="queued").count() == 2
    assert rung(own_bell, "bulk") == TO_MANY


def test_sweep_nudges_for_mail_to_many_that_is_due_and_for_no_other(own_bell):
    one = mailing()
    letters(one, 1)
    rung(own_bell, "bulk")
    dispatch.take_up_nudge("bulk")
    bulk_delivery.pause(one)
    bulk_delivery.sweep()
    assert rung(own_bell, "bulk") == []
    bulk_delivery.go_on(one)
    assert rung(own_bell, "bulk") == TO_MANY
    dispatch.take_up_nudge("bulk")
    bulk_delivery.sweep()
    assert rung(own_bell, "bulk") == TO_MANY


@pytest.mark.parametrize(("state", "again"), [("rejected", "bulk"), ("sent", "transactional")])
def test_send_again_nudges_whoever_sends_it(own_bell, state, again):
    [message] = letters(mailing(), 1)
    Message.objects.update(state=state, sent_at=timezone.now() if state == "sent" else None)
    for queue in ("bulk", "transactional"):
        rung(own_bell, queue)
        dispatch.take_up_nudge(queue)
    delivery.send_again(message)
    assert {queue: len(rung(own_bell, queue)) for queue in ("bulk", "transactional")} == {
        "bulk": 0,
        "transactional": 0,
    } | {again: 1}


def test_task_carries_an_id_and_nothing_of_a_person(own_bell):
    dispatch.ring("summit.tasks.answer_link_request", 17)
    assert rung(own_bell) == [("summit.tasks.answer_link_request", [17])]


@pytest.fixture(params=["down", "frozen"])
def dead_broker(request, monkeypatch):
    """A port where nobody listens, or where somebody takes connections and never speaks."""
    port = free_port()
    with socket.socket() as frozen:
        if request.param == "frozen":
            frozen.bind(("127.0.0.1", port))
            frozen.listen()
        with app.connection_for_write(f"redis://127.0.0.1:{port}/0", transport_options=dispatch.IMPATIENT) as dead:
            monkeypatch.setattr(dispatch, "bell", dead)
            yield


def seconds(key: str) -> float:
    began = time.monotonic()
    new_message(key)
    return time.monotonic() - began


def test_broker_that_does_not_answer_costs_half_a_second_once(dead_broker):
    """The best of three tries: on a busy machine the others measure the machine."""
    first, then = [], []
    for number in range(3):
        dispatch.broker_silent.until = 0.0
        first.append(seconds(f"first:{number}"))
        then.append(seconds(f"then:{number}"))
    assert Message.objects.filter(state="queued").count() == 6
    assert min(first) < 0.5
    assert min(then) < 0.1
