"""How fast mail to many leaves: never faster than the office says, however many send."""

import os
import sys
from collections import deque
from datetime import timedelta
from itertools import pairwise
from subprocess import DEVNULL, PIPE, Popen

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import SendRate
from tests.mail.mailings import in_threads, letters, mailing, states

pytestmark = pytest.mark.django_db(transaction=True)


def set_pace(per_second: int) -> None:
    SendRate.objects.update_or_create(pk=1, defaults={"per_second": per_second})


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


def test_turns_of_all_senders_stand_apart_and_none_is_given_twice():
    set_pace(40)
    turns: list[bulk_delivery.Turn] = []

    def take():
        for _time in range(3):
            turns.extend(bulk_delivery.take_turns(100))

    in_threads(3, take)
    assert len(turns) == 3 * 3 * 10  # for a quarter of a second each
    turns.sort()
    # However busy the machine is: a turn's end is not later than LATE after the moment that the database gave.
    assert all(later.begins - earlier.ends > 1 / 40 - bulk_delivery.LATE for earlier, later in pairwise(turns))
    assert all(turn.ends - turn.begins <= bulk_delivery.LATE for turn in turns)
    assert all(later.begins - earlier.ends > 1 for earlier, later in zip(turns, turns[40:], strict=False))


class Clock:
    """In place of bulk's: each look at it takes `look` seconds, each sleep `late` seconds more than was asked for."""

    def __init__(self, *, look: float = 0.0, late: float = 0.0):
        self.now, self.look, self.late = 1000.0, look, late

    def monotonic(self) -> float:
        self.now += self.look
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + (self.late if seconds else 0)
        self.late /= 2


@pytest.mark.parametrize(("look", "long"), [(0.001, bulk_delivery.LATE - 0.001), (2, bulk_delivery.LATE / 2)])
def test_turn_is_shorter_the_longer_the_database_takes_to_say_what_its_clock_shows(monkeypatch, look, long):
    """It shows that some time between question and answer: a turn begins late and ends early for it."""
    monkeypatch.setattr(bulk_delivery, "time", Clock(look=look))
    [turn] = bulk_delivery.take_turns(1)
    assert turn.ends - turn.begins == pytest.approx(long, abs=1e-5)


@pytest.mark.parametrize("busy", ["database", "machine"])
def test_mail_whose_turn_passed_before_it_leaves_waits_for_another(post_office, monkeypatch, busy):
    """A database that takes long to note that it begins, or a machine that wakes its sleepers late."""
    clock, given, left = Clock(late=0.3 if busy == "machine" else 0), [], []
    begin, hand_over = bulk_delivery.begin, bulk_delivery.hand_over

    def take_turns(most):
        first = 0.1 + max([clock.now, *(turn.begins for turn in given)])
        turns = [bulk_delivery.Turn(first + at / 10, first + at / 10 + bulk_delivery.LATE) for at in range(most)]
        given.extend(turns)
        return deque(turns)

    def slow_begin(*given, **how):
        clock.now += 0.3 if busy == "database" and not left else 0
        return begin(*given, **how)

    monkeypatch.setattr(bulk_delivery, "time", clock)
    monkeypatch.setattr(bulk_delivery, "take_turns", take_turns)
    monkeypatch.setattr(bulk_delivery, "begin", slow_begin)
    monkeypatch.setattr(bulk_delivery, "hand_over", lambda message: left.append(clock.now) or hand_over(message))
    letters(mailing(), 3)
    bulk_delivery.deliver()
    assert states() == ["sent"] * 3
    assert [sum(turn.begins <= at <= turn.ends for turn in given) for at in left] == [1] * 3
    assert clock.now > 1000.3


def test_turn_that_was_missed_is_not_made_up_for(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(bulk_delivery, "time", clock)
    set_pace(50)
    turns = bulk_delivery.Turns()
    clock.sleep(turns.next(10))
    clock.sleep(0.3)  # ten turns passed by
    left = []
    for number in range(5):
        clock.sleep(turns.next(10 - number))
        left.append(clock.now)
    assert left[-1] - left[0] > 4 / 50


def test_pace_without_its_row_is_the_usual_one():
    SendRate.objects.all().delete()
    assert len(bulk_delivery.take_turns(100)) == 15
    assert SendRate.objects.get().per_second == 60


def test_pace_that_staff_change_counts_at_once(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(bulk_delivery, "time", clock)
    set_pace(1)
    bulk_delivery.take_turns(1)
    set_pace(1000)
    assert bulk_delivery.take_turns(100)[-1].begins - clock.now < 1.5


# What a sender does last before a mail leaves is to look at the clock, which all processes of a machine share.
PROGRAM = """
import django; django.setup()
from imagine import bulk
print("ready", flush=True); input()
holds = bulk.Turns.holds
def told(turns, at):
    if may := holds(turns, at):
        print(at)
    return may
bulk.Turns.holds, bulk.DELIVER_SECONDS = told, 30
bulk.deliver()
"""


@pytest.mark.slow
def test_two_processes_together_keep_the_pace(post_office):
    """Two workers send 60 mails at 20 a second. When the mail server has them is not asked: the network decides."""
    set_pace(20)
    letters(mailing(), 60)
    database = settings.DATABASES["default"]
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{name}".format(
        name=connection.settings_dict["NAME"], **{key: database[key] for key in ("USER", "PASSWORD", "HOST", "PORT")}
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "imagine.settings",
        "DATABASE_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{post_office.port}",
    }
    senders = [
        Popen([sys.executable, "-c", PROGRAM], env=environment, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)
        for _sender in range(2)
    ]
    assert [sender.stdout.readline() for sender in senders] == ["ready\n"] * 2
    for sender in senders:
        sender.stdin.write("\n")
        sender.stdin.flush()
    said = [sender.communicate(timeout=60)[0].split() for sender in senders]
    assert [sender.returncode for sender in senders] == [0, 0]
    assert states() == ["sent"] * 60
    assert post_office.visits == 2
    left = [float(at) for lines in said for at in lines]
    assert len(left) == 60
    assert most_in_a_second(left) <= 20


def test_clock_of_the_database_that_was_set_back_holds_mail_up_for_a_minute_at_most():
    SendRate.objects.update_or_create(pk=1, defaults={"next_at": timezone.now() + timedelta(hours=1), "per_second": 60})
    bulk_delivery.take_turns(1)
    assert SendRate.objects.get().next_at < timezone.now() + timedelta(seconds=62)
