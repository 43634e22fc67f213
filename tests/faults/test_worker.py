"""The worker is killed while sending, or is down: every email is sent, and an extra copy is flagged."""

import contextlib
from itertools import pairwise

import pytest

from tests.smtp_server import Disconnect
from tests.stack import address, wait_for

pytestmark = pytest.mark.faults

FOLLOWS = 30  # seconds; beat sweeps every ten


def kill_family(stack, email) -> None:
    stack.kill(stack.worker)


def kill_sender(stack, email) -> None:
    """Kill only the child process that sends this email; its parent starts another."""
    (sender,) = (p for p in stack.pool() if any(end.laddr.port == email.port for end in p.net_connections("tcp4")))
    sender.kill()


def outcome(stack) -> list[tuple[str, str, int, bool]]:
    return stack.sql("SELECT recipient, state, attempts, possible_duplicate FROM mail_message ORDER BY recipient")


def goes_on(stack) -> None:
    """Expire the claims and let a worker run."""
    stack.expire_claims()
    if not stack.worker.alive:
        stack.worker.start()
    stack.send_task("imagine.mail.tasks.sweep", queue="housekeeping")  # beat would within ten seconds
    wait_for(lambda: stack.all_sent(3), FOLLOWS, "every mail is sent")


@pytest.mark.parametrize("strike", [kill_family, kill_sender])
@pytest.mark.parametrize("recorded", [False, True], ids=["before the server took it", "after the server took it"])
def test_worker_killed_before_250_resends_with_the_same_message_id(stack, strike, recorded):
    def on_data(email):
        if recorded:
            stack.smtp.accept(email)
        stack.smtp.on_data = stack.smtp.accept
        strike(stack, email)
        raise Disconnect

    guest = stack.open_form()
    stack.smtp.on_data = on_data
    guest.rsvp("struck")
    wait_for(lambda: stack.smtp.on_data != on_data, FOLLOWS, "the worker is killed in mid-mail")
    assert outcome(stack) == [(address("struck"), "sending", 1, False)]
    guest.rsvp("other")
    guest.rsvp("third")
    goes_on(stack)
    assert outcome(stack) == [
        (address("other"), "sent", 1, False),
        (address("struck"), "sent", 2, True),
        (address("third"), "sent", 1, False),
    ]
    copies = [email.message_id for email in stack.smtp.emails if email.to == address("struck")]
    assert len(copies) == (2 if recorded else 1)
    assert len(set(copies)) == 1
    assert len({email.message_id for email in stack.smtp.emails}) == 3


def test_worker_killed_between_250_and_commit_sends_a_flagged_duplicate(stack):
    guest = stack.open_form()
    lock = stack.connect()
    lock.autocommit = False

    def on_data(email):
        stack.smtp.on_data = stack.smtp.accept
        lock.cursor().execute("SELECT FROM mail_message FOR UPDATE")  # nothing can mark it as sent now
        return stack.smtp.accept(email)

    stack.smtp.on_data = on_data
    guest.rsvp("struck")
    marking = """
        SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%UPDATE "mail_message"%%'
    """
    with contextlib.closing(lock):
        wait_for(lambda: stack.sql(marking), FOLLOWS, "the worker has heard 250 and wants to mark the message")
        stack.kill(stack.worker)
        # Marking it as sent has already started, which must be lost, too.
        stack.sql(f"SELECT pg_terminate_backend(pid) FROM ({marking}) AS worker")
    assert outcome(stack) == [(address("struck"), "sending", 1, False)]
    guest.rsvp("other")
    guest.rsvp("third")
    goes_on(stack)
    assert (address("struck"), "sent", 2, True) in outcome(stack)
    assert stack.smtp.recipients() == [address(name) for name in ("other", "struck", "struck", "third")]
    assert len({email.message_id for email in stack.smtp.emails}) == 3


def test_emails_are_sent_when_a_stopped_worker_starts(stack):
    stack.kill(stack.worker)
    stack.flush()  # even the tasks are lost
    guest = stack.open_form()
    answers = [guest.rsvp(name) for name in ("one", "three", "two")]
    assert all(answer.accepted_rsvp for answer in answers)
    assert "This page is already up to date." in stack.request("GET", answers[0].location).page
    assert stack.smtp.connection_count == 0
    stack.worker.start()
    wait_for(lambda: stack.all_sent(3), FOLLOWS, "every mail is sent")
    assert stack.smtp.recipients() == [address(name) for name in ("one", "three", "two")]
    assert f"We emailed {address('one')}." in stack.request("GET", answers[0].location).page


def connections(stack) -> set[int]:
    """Return our ends of the PostgreSQL connections of the worker's child processes."""
    ends = [end for process in stack.pool() for end in process.net_connections("tcp4") if end.raddr]
    return {end.laddr.port for end in ends if end.raddr.port == stack.postgres.port}


def test_worker_reuses_its_database_connection_between_tasks(stack):
    seen = []
    for _task in range(3):
        stack.wait_for_worker(FOLLOWS)
        seen.append(connections(stack))
    assert any(before & after for before, after in pairwise(seen)), seen
