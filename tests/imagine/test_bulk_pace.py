"""How fast mail to many leaves: never faster than the office says, however many send."""

import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import connection

from imagine import bulk
from imagine.models import Pace
from tests.imagine.mailings import in_threads, letters, mailing, states

pytestmark = pytest.mark.django_db(transaction=True)


def set_pace(per_second: int) -> None:
    Pace.objects.update_or_create(pk=1, defaults={"per_second": per_second})


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


def test_turns_of_all_senders_stand_apart_and_none_is_given_twice():
    set_pace(40)
    turns: list[float] = []

    def take():
        for _time in range(3):
            turns.extend(bulk.take_turns(100))

    in_threads(3, take)
    assert len(turns) == 3 * 3 * 10  # for a quarter of a second each
    gaps = [later - earlier for earlier, later in pairwise(sorted(turns))]
    assert min(gaps) > 1 / 40 * 0.9  # our clock is read a little after the database's
    assert most_in_a_second(turns) <= 40


def test_turn_that_was_missed_is_not_made_up_for():
    set_pace(50)
    turns = bulk.Turns()
    time.sleep(turns.next(10))
    time.sleep(0.3)  # ten turns passed by
    left = []
    for number in range(5):
        time.sleep(turns.next(10 - number))
        left.append(time.monotonic())
    assert left[-1] - left[0] > 4 / 50


def test_pace_without_its_row_is_the_usual_one():
    Pace.objects.all().delete()
    assert len(bulk.take_turns(100)) == 15
    assert Pace.objects.get().per_second == 60


def test_pace_that_staff_change_counts_at_once():
    set_pace(1)
    bulk.take_turns(1)
    set_pace(1000)
    began = time.monotonic()
    last = bulk.take_turns(100)[-1]
    assert last - began < 1.5


@pytest.mark.slow
def test_two_processes_together_keep_the_pace(post_office):
    """Two workers begin about two seconds after they are started; 40 mails at 20 a second follow."""
    set_pace(20)
    letters(mailing(), 40)
    times: list[float] = []
    post_office.on_mail = lambda sent: times.append(time.monotonic())
    program = "import django; django.setup(); from imagine import bulk; bulk.DELIVER_SECONDS = 30; bulk.deliver()"
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
        subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL)
        for _sender in range(2)
    ]
    assert [sender.wait(60) for sender in senders] == [0, 0]
    assert states() == ["sent"] * 40
    assert post_office.visits == 2
    assert most_in_a_second(times) <= 20
    assert max(times) - min(times) < 40 / 20 + 1.5
