"""Valkey dies, freezes, stalls or forgets everything: RSVPs stand at once, and their mail follows by itself."""

import time
from collections.abc import Callable

import pytest

from imagine.mail.dispatch import BREATH
from tests.faults.house import Answer, House, address, until

pytestmark = pytest.mark.faults

LONGEST_WAIT = 0.5  # seconds that a request may wait for the broker (docs/rules.md)
MARGIN = 0.3  # seconds that a shared machine may add
BACK = 60  # seconds; worker and beat try again after at most thirty, and beat sweeps every ten


def killed(house: House) -> Callable[[], None]:
    house.valkey.kill()
    return house.valkey.start


def frozen(house: House) -> Callable[[], None]:
    house.freeze()
    return house.thaw


def usual_seconds(house: House, names: list[str]) -> float:
    guest = house.guest()
    answers = [guest.rsvp(name) for name in names]
    until(lambda: house.all_sent(len(names)), 20, "mail flows while all is well")
    return sorted(answer.seconds for answer in answers)[len(names) // 2]


def rsvps_through_two_breaths(house: House, names: list[str]) -> list[Answer]:
    """Posts while the broker is away, and again whenever the web processes are due to knock at it once more."""
    guest, answers = house.guest(), []
    for round_names in (names[0::2], names[1::2]):
        began = time.monotonic()
        answers += [guest.rsvp(name) for name in round_names]
        until(lambda began=began: time.monotonic() - began > BREATH, BREATH + 1, "the web processes knock again")
    return answers


@pytest.mark.parametrize("outage", [killed, frozen])
def test_broker_away_costs_a_request_little_and_loses_nothing(house, outage):
    before, during = [f"before{n}" for n in range(7)], [f"during{n}" for n in range(12)]
    usual = usual_seconds(house, before)
    come_back = outage(house)

    answers = rsvps_through_two_breaths(house, during)
    assert all(answer.took_rsvp for answer in answers)
    slowest = max(answer.seconds for answer in answers)
    assert slowest < usual + LONGEST_WAIT + MARGIN < 1.5
    page = house.ask("GET", answers[-1].location).page
    assert f"A mail to {address(during[-1])} is on its way. It may take a while" in page
    ready = house.ask("GET", "/imagine/health/ready/")
    assert (ready.status, '"broker": "down"' in ready.page) == (200, True)
    assert ready.seconds < LONGEST_WAIT + MARGIN
    assert house.standing() == sorted((address(name), 2, 1) for name in before + during)
    assert house.mail.recipients() == sorted(map(address, before))

    come_back()
    mail = until(lambda: house.all_sent(19), BACK, "the mail follows by itself")
    assert house.mail.recipients() == sorted(map(address, before + during))
    queue = house.see_queue_move(10)
    print(f"{usual=:.2f} {slowest=:.2f} {ready.seconds=:.2f} {mail=:.1f} {queue=:.1f}")


def test_worker_takes_work_after_the_broker_stalled_on_its_acknowledgements(house):
    """A worker that gave up on an acknowledgement would never get that place in its queue back; it has two."""
    guest = house.guest()
    with house.pool_asleep():
        guest.rsvp("one")
        guest.rsvp("two")
        with house.broker() as broker:
            until(lambda: broker.hlen("unacked") == 2, 10, "the worker holds both tasks, not acknowledged yet")
        house.freeze()
    until(lambda: house.all_sent(2), 20, "both mails are sent, and acknowledged into the frozen broker")
    time.sleep(1)  # the stall itself
    house.thaw()
    house.see_queue_move(20)
    guest.rsvp("three")
    until(lambda: house.all_sent(3), 20, "mail flows")
    assert house.mail.recipients() == [address(name) for name in ("one", "three", "two")]


def test_workers_outlive_a_broker_that_dies_while_they_hold_tasks(house):
    guest = house.guest()
    processes = [house.worker.process, house.bulk.process]
    with house.pool_asleep(), house.pool_asleep(house.bulk):
        guest.rsvp("one")
        for _time in range(2):
            house.ring("imagine.mail.tasks.beat_heart", "bulk", queue="bulk")
        with house.broker() as broker:
            until(lambda: broker.hlen("unacked") >= 3, 10, "the workers hold tasks, not acknowledged yet")
        house.valkey.kill()
        house.valkey.start()
        time.sleep(1)  # they notice
    house.see_queue_move(BACK)
    began = house.now()
    until(lambda: house.heartbeat("bulk") > began, BACK, "the worker for many takes what is in its queue")
    assert [process.poll() for process in processes] == [None, None]
    until(lambda: house.all_sent(1), BACK, "the mail follows")


def test_everything_in_the_broker_deleted_at_any_moment_loses_nothing(house):
    guest = house.guest()
    names = [f"guest{n:02}" for n in range(20)]
    for name in names[:10]:
        assert guest.rsvp(name).took_rsvp
        house.flush()
    with house.pool_asleep():
        for name in names[10:]:
            assert guest.rsvp(name).took_rsvp
        house.flush()  # with most of the tasks still in it
    until(lambda: house.all_sent(20), 40, "every mail is sent")
    assert house.mail.recipients() == [address(name) for name in names]
    flushed = house.now()
    until(lambda: house.heartbeat() > flushed, 40, "beat and worker still find each other")
