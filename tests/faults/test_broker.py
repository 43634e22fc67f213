"""Valkey dies, freezes, stalls or loses everything: RSVPs are saved at once, and their email is sent without
intervention."""

import statistics
import time
from collections.abc import Callable

import pytest

from imagine.mail.dispatch import BACKOFF_SECONDS
from tests.stack import Response, Stack, address, wait_for

pytestmark = pytest.mark.faults

MAX_WAIT = 0.5  # seconds that a request may wait for the broker (docs/rules.md)
MARGIN = 2  # seconds that a shared machine may add to one request
SOON = 30  # seconds, for something that takes one on a quiet machine
BACK = 60  # seconds; worker and beat retry after at most thirty, and beat sweeps every ten


def killed(stack: Stack) -> Callable[[], None]:
    stack.valkey.kill()
    return stack.valkey.start


def frozen(stack: Stack) -> Callable[[], None]:
    stack.suspend_broker()
    return stack.resume_broker


def median_seconds(stack: Stack, names: list[str]) -> float:
    guest = stack.open_form()
    responses = [guest.rsvp(name) for name in names]
    wait_for(lambda: stack.all_sent(len(names)), SOON, "mail flows while all is well")
    return sorted(response.seconds for response in responses)[len(names) // 2]


def post_rsvps_in_two_rounds(stack: Stack, names: list[str]) -> list[Response]:
    """Post while the broker is down, and again when the web processes are due to retry it."""
    guest, responses = stack.open_form(), []
    for round_names in (names[0::2], names[1::2]):
        started = time.monotonic()
        responses += [guest.rsvp(name) for name in round_names]
        until = started + BACKOFF_SECONDS
        wait_for(lambda until=until: time.monotonic() > until, BACKOFF_SECONDS + 1, "the web processes knock again")
    return responses


@pytest.mark.parametrize("outage", [killed, frozen])
def test_rsvps_stay_fast_and_no_email_is_lost_while_the_broker_is_down(stack, outage):
    before, during = [f"before{n}" for n in range(7)], [f"during{n}" for n in range(12)]
    median = median_seconds(stack, before)
    with stack.broker() as broker:
        wait_for(lambda: not broker.hlen("unacked"), SOON, "no worker is still at work on a task that sends email")
    restore_broker = outage(stack)

    responses = post_rsvps_in_two_rounds(stack, during)
    assert all(response.accepted_rsvp for response in responses)
    slowest = max(response.seconds for response in responses)
    assert slowest < median + MAX_WAIT + MARGIN
    assert statistics.median(response.seconds for response in responses) < median + MAX_WAIT, "not each of them waits"
    page = stack.request("GET", responses[-1].location).page
    assert f"An email to {address(during[-1])} is on its way. This page is already up to date." in page
    ready = stack.request("GET", "/imagine/health/ready/")
    assert (ready.status, '"broker": "down"' in ready.page) == (200, True)
    assert ready.seconds < MAX_WAIT + MARGIN
    assert stack.rsvp_summary() == sorted((address(name), 2, 1) for name in before + during)
    assert stack.smtp.recipients() == sorted(map(address, before))

    restore_broker()
    email = wait_for(lambda: stack.all_sent(19), BACK, "the mail follows by itself")
    assert stack.smtp.recipients() == sorted(map(address, before + during))
    queue = stack.wait_for_worker(SOON)
    print(f"{median=:.2f} {slowest=:.2f} {ready.seconds=:.2f} {email=:.1f} {queue=:.1f}")


def test_worker_recovers_after_the_broker_stalls_on_acknowledgements(stack):
    """A worker that gives up on an acknowledgement never gets that prefetch slot back; it has two."""
    guest = stack.open_form()
    with stack.suspended_pool():
        guest.rsvp("one")
        guest.rsvp("two")
        with stack.broker() as broker:
            wait_for(lambda: broker.hlen("unacked") == 2, SOON, "the worker holds both tasks, not acknowledged yet")
        stack.suspend_broker()
    wait_for(lambda: stack.all_sent(2), SOON, "both mails are sent, and acknowledged into the frozen broker")
    time.sleep(1)  # the stall itself
    stack.resume_broker()
    stack.wait_for_worker(SOON)
    guest.rsvp("three")
    wait_for(lambda: stack.all_sent(3), SOON, "mail flows")
    assert stack.smtp.recipients() == [address(name) for name in ("one", "three", "two")]


def test_workers_survive_a_broker_crash_while_they_hold_tasks(stack):
    guest = stack.open_form()
    processes = [stack.worker.process, stack.bulk.process]
    with stack.suspended_pool(), stack.suspended_pool(stack.bulk):
        guest.rsvp("one")
        for _time in range(2):
            stack.send_task("imagine.mail.tasks.heartbeat", "bulk", queue="bulk")
        with stack.broker() as broker:
            wait_for(lambda: broker.hlen("unacked") >= 3, SOON, "the workers hold tasks, not acknowledged yet")
        stack.valkey.kill()
        stack.valkey.start()
        time.sleep(1)  # they notice the outage
    stack.wait_for_worker(BACK)
    started = stack.now()
    wait_for(lambda: stack.heartbeat("bulk") > started, BACK, "the worker for many takes what is in its queue")
    assert [process.poll() for process in processes] == [None, None]
    wait_for(lambda: stack.all_sent(1), BACK, "the mail follows")


def test_flushing_the_broker_at_any_moment_loses_no_email(stack):
    guest = stack.open_form()
    names = [f"guest{n:02}" for n in range(20)]
    for name in names[:10]:
        assert guest.rsvp(name).accepted_rsvp
        stack.flush()
    with stack.suspended_pool():
        for name in names[10:]:
            assert guest.rsvp(name).accepted_rsvp
        stack.flush()  # while most tasks are still in it
    wait_for(lambda: stack.all_sent(20), 40, "every mail is sent")
    assert stack.smtp.recipients() == [address(name) for name in names]
    flushed = stack.now()
    wait_for(lambda: stack.heartbeat() > flushed, 40, "beat and worker still find each other")
