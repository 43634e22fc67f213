"""Celery as the alarm clock: rung after the commit, and never a reason to fail or to wait."""

import json
import socket
import time

import pytest
from django.db import transaction

from imagine import mail
from imagine.celery import app
from imagine.models import Message
from tests.imagine.post import free_port, new_message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh():
    mail.broker_silent.until = 0.0
    yield
    mail.broker_silent.until = 0.0


def rung() -> list[tuple[str, list]]:
    """Takes every task out of the direct queue."""
    found = []
    with app.connection_for_read() as broker:
        channel = broker.channel()
        while message := channel.basic_get("direct", no_ack=True):
            found.append((message.headers["task"], json.loads(message.body)[0]))
    return found


def test_worker_is_rung_once_the_message_has_committed():
    with transaction.atomic():
        message = new_message()
        assert ("imagine.tasks.deliver", [str(message.pk)]) not in rung()
    assert rung().count(("imagine.tasks.deliver", [str(message.pk)])) == 1


def test_worker_is_not_rung_for_what_was_rolled_back():
    with transaction.atomic():
        pk = str(new_message().pk)
        transaction.set_rollback(True)
    assert pk not in str(rung())


def test_task_carries_an_id_and_nothing_of_a_person():
    message = new_message(to="alma@example.org", subject="For Alma")
    assert "alma" not in str([task for task in rung() if str(message.pk) in str(task)]).lower()


@pytest.fixture(params=["down", "frozen"])
def dead_broker(request, monkeypatch):
    """A port where nobody listens, or where somebody takes connections and never speaks."""
    port = free_port()
    with socket.socket() as frozen:
        if request.param == "frozen":
            frozen.bind(("127.0.0.1", port))
            frozen.listen()
        with app.connection_for_write(f"redis://127.0.0.1:{port}/0", transport_options=mail.IMPATIENT) as bell:
            monkeypatch.setattr(mail, "bell", bell)
            yield


def seconds(key: str) -> float:
    began = time.monotonic()
    new_message(key)
    return time.monotonic() - began


def test_broker_that_does_not_answer_costs_half_a_second_once(dead_broker):
    """The best of three tries: on a busy machine the others measure the machine."""
    first, then = [], []
    for number in range(3):
        mail.broker_silent.until = 0.0
        first.append(seconds(f"first:{number}"))
        then.append(seconds(f"then:{number}"))
    assert Message.objects.filter(state="queued").count() == 6
    assert min(first) < 0.5
    assert min(then) < 0.1
