"""A child process that dies is restarted at once, and after longer and longer pauses if it keeps dying."""

import itertools

import pytest

from imagine.demo.servers import ServerError
from imagine.demo.supervisor import MAX_PAUSE, STABLE_AFTER, Watch


class Child:
    name = "child"
    alive = True
    starts = 0

    def start(self):
        self.starts += 1
        self.alive = True


class NeverStarts(Child):
    alive = False

    def start(self):
        self.starts += 1
        raise ServerError("no")


def seconds_of_starts(watch: Watch, until: int) -> list[int]:
    """Check once per second, and return the seconds at which the child was started."""
    started = []
    begun = watch.started
    for second in range(until):
        before = watch.child.starts
        watch.look(begun + second)
        if watch.child.starts > before:
            started.append(second)
    return started


def test_watch_does_not_restart_a_running_child():
    assert seconds_of_starts(Watch(Child()), 100) == []


def test_watch_starts_a_dead_child_within_a_second():
    child = Child()
    child.alive = False
    assert seconds_of_starts(Watch(child), 100) == [1]


def test_watch_backs_off_up_to_a_limit_while_a_child_cannot_be_started():
    started = seconds_of_starts(Watch(NeverStarts()), 60)
    pauses = [later - earlier for earlier, later in itertools.pairwise(started)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(MAX_PAUSE, abs=1)
    assert max(pauses) < 10


def test_watch_resets_the_pause_after_a_stable_run():
    watch = Watch(Child())
    watch.pause = MAX_PAUSE
    watch.look(watch.started + STABLE_AFTER + 1)
    watch.child.alive = False
    watch.look(watch.started + STABLE_AFTER + 2)
    watch.look(watch.started + STABLE_AFTER + 2)
    assert watch.child.starts == 1
