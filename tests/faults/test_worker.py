"""The worker is killed in mid-mail, or is not there at all: every mail is sent; one copy too many is flagged."""

import contextlib
from itertools import pairwise

import pytest

from tests.faults.house import address, until
from tests.faults.mailserver import Gone

pytestmark = pytest.mark.faults

FOLLOWS = 30  # seconds; beat sweeps every ten


def kill_family(house, mail) -> None:
    house.kill(house.worker)


def kill_sender(house, mail) -> None:
    """Only the child that sends this mail; its parent starts another."""
    (sender,) = (p for p in house.pool() if any(end.laddr.port == mail.port for end in p.net_connections("tcp4")))
    sender.kill()


def outcome(house) -> list[tuple[str, str, int, bool]]:
    return house.sql('SELECT "to", state, attempts, maybe_sent FROM mail_message ORDER BY "to"')


def goes_on(house) -> None:
    """The lease runs out, and somebody works again."""
    house.let_leases_run_out()
    if not house.worker.alive:
        house.worker.start()
    house.ring("imagine.mail.tasks.sweep", queue="housekeeping")  # beat would within ten seconds
    until(lambda: house.all_sent(3), FOLLOWS, "every mail is sent")


@pytest.mark.parametrize("strike", [kill_family, kill_sender])
@pytest.mark.parametrize("recorded", [False, True], ids=["before the server took it", "after the server took it"])
def test_worker_killed_before_the_250_sends_again_with_the_same_message_id(house, strike, recorded):
    def on_data(mail):
        if recorded:
            house.mail.take(mail)
        house.mail.on_data = house.mail.take
        strike(house, mail)
        raise Gone

    guest = house.guest()
    house.mail.on_data = on_data
    guest.rsvp("struck")
    until(lambda: house.mail.on_data != on_data, 10, "the worker is killed in mid-mail")
    assert outcome(house) == [(address("struck"), "sending", 1, False)]
    guest.rsvp("other")
    guest.rsvp("third")
    goes_on(house)
    assert outcome(house) == [
        (address("other"), "sent", 1, False),
        (address("struck"), "sent", 2, True),
        (address("third"), "sent", 1, False),
    ]
    copies = [mail.message_id for mail in house.mail.mails if mail.to == address("struck")]
    assert len(copies) == (2 if recorded else 1)
    assert len(set(copies)) == 1
    assert len({mail.message_id for mail in house.mail.mails}) == 3


def test_worker_killed_between_the_250_and_the_commit_sends_the_documented_duplicate(house):
    guest = house.guest()
    lock = house.connect()
    lock.autocommit = False

    def on_data(mail):
        house.mail.on_data = house.mail.take
        lock.cursor().execute("SELECT FROM mail_message FOR UPDATE")  # nobody can mark it now
        return house.mail.take(mail)

    house.mail.on_data = on_data
    guest.rsvp("struck")
    marking = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%UPDATE mail_message%%'"
    with contextlib.closing(lock):
        until(lambda: house.sql(marking), 10, "the worker has heard 250 and wants to mark the message")
        house.kill(house.worker)
        # Its mark is on its way already; it shall be lost too.
        house.sql(f"SELECT pg_terminate_backend(pid) FROM ({marking}) AS worker")
    assert outcome(house) == [(address("struck"), "sending", 1, False)]
    guest.rsvp("other")
    guest.rsvp("third")
    goes_on(house)
    assert (address("struck"), "sent", 2, True) in outcome(house)
    assert house.mail.recipients() == [address(name) for name in ("other", "struck", "struck", "third")]
    assert len({mail.message_id for mail in house.mail.mails}) == 3


def test_worker_down_the_whole_time_sends_when_it_is_started(house):
    house.kill(house.worker)
    house.flush()  # not even the tasks are left
    guest = house.guest()
    answers = [guest.rsvp(name) for name in ("one", "three", "two")]
    assert all(answer.took_rsvp for answer in answers)
    assert "It may take a while" in house.ask("GET", answers[0].location).page
    assert house.mail.visits == 0
    house.worker.start()
    until(lambda: house.all_sent(3), FOLLOWS, "every mail is sent")
    assert house.mail.recipients() == [address(name) for name in ("one", "three", "two")]
    assert f"We wrote to {address('one')}." in house.ask("GET", answers[0].location).page


def connections(house) -> set[int]:
    """Our ends of the connections that the worker's children have to PostgreSQL."""
    ends = [end for process in house.pool() for end in process.net_connections("tcp4") if end.raddr]
    return {end.laddr.port for end in ends if end.raddr.port == house.postgres.port}


def test_worker_keeps_its_connection_from_one_task_to_the_next(house):
    seen = []
    for _task in range(3):
        house.see_queue_move(FOLLOWS)
        seen.append(connections(house))
    assert any(before & after for before, after in pairwise(seen)), seen
