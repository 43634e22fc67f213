"""All bulk senders together never exceed the send rate."""

import os
import sys
import time
from datetime import timedelta
from itertools import pairwise
from subprocess import DEVNULL, PIPE, Popen

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.bulk import send_rate
from imagine.mail.bulk.send_rate import TOLERANCE, Slot, reserve_slot, wait_for_slot
from imagine.mail.models import SendRate
from tests.mail.mailings import Clock, mailing, queue_messages, run_in_threads, states

pytestmark = pytest.mark.django_db(transaction=True)


def set_rate(per_second: int) -> None:
    SendRate.objects.update_or_create(pk=1, defaults={"per_second": per_second})


def max_per_second(times: list[float]) -> int:
    return max(sum(begin <= moment < begin + 1 for moment in times) for begin in times)


def test_concurrently_reserved_slots_never_overlap():
    set_rate(40)
    slots: list[Slot] = []

    def reserve():
        for _time in range(30):
            slots.append(reserve_slot())

    run_in_threads(3, reserve)
    assert len(slots) == 3 * 30
    slots.sort()
    # On the busiest machine, too, a slot's end is at most TOLERANCE after the moment that the database gave.
    assert all(later.start - earlier.end > 1 / 40 - TOLERANCE for earlier, later in pairwise(slots))
    assert all(slot.end - slot.start <= TOLERANCE for slot in slots)
    assert all(later.start - earlier.end > 1 for earlier, later in zip(slots, slots[40:], strict=False))


@pytest.mark.parametrize("busy", ["database", "machine"])
def test_message_that_misses_its_slot_waits_for_another(mail_server, monkeypatch, busy):
    """Marking the message as handed over takes long, or the machine wakes up late."""
    clock, reserved, sent_at = Clock(late=0.3 if busy == "machine" else 0), [], []
    mark_handed_over, transmit = bulk_delivery.mark_handed_over, bulk_delivery.transmit

    def reserve(*, ahead):
        start = 0.1 + max([clock.now, *(slot.start for slot in reserved)])
        reserved.append(Slot(start, start + TOLERANCE))
        return reserved[-1]

    def mark_slowly(message):
        clock.now += 0.3 if busy == "database" and not sent_at else 0
        return mark_handed_over(message)

    monkeypatch.setattr(send_rate, "time", clock)
    monkeypatch.setattr(send_rate, "reserve_slot", reserve)
    monkeypatch.setattr(bulk_delivery, "mark_handed_over", mark_slowly)
    monkeypatch.setattr(bulk_delivery, "transmit", lambda message: sent_at.append(clock.now) or transmit(message))
    queue_messages(mailing(), 3)
    bulk_delivery.deliver_batches()
    assert states() == ["sent"] * 3
    assert [sum(slot.start <= moment <= slot.end for slot in reserved) for moment in sent_at] == [1] * 3
    assert clock.now > 1000.3


def test_missed_slots_are_not_caught_up():
    set_rate(50)
    SendRate.objects.update(next_at=timezone.now() - timedelta(seconds=0.3))  # fifteen slots passed by
    slots = [wait_for_slot() for _number in range(5)]
    assert slots[-1].end - slots[0].end > 4 / 50


def test_slow_commit_delays_a_message_but_not_forever(monkeypatch):
    clock, save = Clock(), SendRate.save

    def slow_save(rate, **options):
        clock.now += 0.2
        save(rate, **options)

    monkeypatch.setattr(send_rate, "time", clock)
    monkeypatch.setattr(SendRate, "save", slow_save)
    assert not wait_for_slot().is_missed
    assert clock.now < 1005


def test_send_rate_without_a_row_is_the_default():
    SendRate.objects.all().delete()
    now = timezone.now()
    reserve_slot()
    rate = SendRate.objects.get()
    assert rate.per_second == 60
    assert rate.next_at >= now + timedelta(seconds=1 / 60)


def test_changed_send_rate_applies_at_once():
    set_rate(1)
    reserve_slot()
    set_rate(1000)
    assert max(reserve_slot() for _number in range(100)).start - time.monotonic() < 1.5


# Right before a message leaves, a sender reads the monotonic clock, which all processes of a machine share.
PROGRAM = """
import time
import django; django.setup()
from imagine.mail.bulk import delivery
print("ready", flush=True); input()
transmit = delivery.transmit
def timed(message):
    print(time.monotonic())
    return transmit(message)
delivery.transmit, delivery.DELIVER_SECONDS = timed, 30
delivery.deliver_batches()
"""


@pytest.mark.slow
def test_two_processes_together_keep_to_the_send_rate(mail_server):
    """Two workers send 60 emails at 20 per second. Compares when they leave, not when they arrive."""
    set_rate(20)
    queue_messages(mailing(), 60)
    database = settings.DATABASES["default"]
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{name}".format(
        name=connection.settings_dict["NAME"], **{key: database[key] for key in ("USER", "PASSWORD", "HOST", "PORT")}
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "imagine.settings",
        "DATABASE_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
    }
    senders = [
        Popen([sys.executable, "-c", PROGRAM], env=environment, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)
        for _sender in range(2)
    ]
    assert [sender.stdout.readline() for sender in senders] == ["ready\n"] * 2
    for sender in senders:
        sender.stdin.write("\n")
        sender.stdin.flush()
    outputs = [sender.communicate(timeout=60)[0].split() for sender in senders]
    assert [sender.returncode for sender in senders] == [0, 0]
    assert states() == ["sent"] * 60
    assert mail_server.connection_count == 2
    sent_at = [float(moment) for lines in outputs for moment in lines]
    assert len(sent_at) == 60
    assert max_per_second(sent_at) <= 20


def test_database_clock_set_back_delays_bulk_email_by_a_minute_at_most():
    SendRate.objects.update_or_create(pk=1, defaults={"next_at": timezone.now() + timedelta(hours=1), "per_second": 60})
    reserve_slot()
    assert SendRate.objects.get().next_at < timezone.now() + timedelta(seconds=62)
