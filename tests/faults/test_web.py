"""The web server is killed during POSTs: each RSVP is saved completely or not at all, and an answered one is saved."""

from itertools import count

import psutil
import pytest

from tests.faults.test_database import check_mail_of_each, check_nothing_by_half
from tests.stack import posting_rsvps, wait_for

pytestmark = pytest.mark.faults

SOON = 30  # seconds, for something that takes one on a quiet machine


def workers(stack) -> list[psutil.Process]:
    return psutil.Process(stack.web.process.pid).children()


def check(stack, answers) -> None:
    check_nothing_by_half(stack, answers)
    rsvps = len(stack.rsvp_summary())
    wait_for(lambda: stack.all_sent(rsvps), 40, "every mail is sent")
    check_mail_of_each(stack)


def test_web_workers_killed_during_posts_leave_no_partial_rsvps(stack):
    guest = stack.open_form()
    with posting_rsvps(guest, 3, (f"guest{n:03}" for n in count())) as answers:
        for round_number in range(1, 30):
            wait_for(
                lambda most=8 * round_number: sum(a.accepted_rsvp for _n, a in answers) > most,
                SOON,
                "RSVPs are answered",
            )
            for process in workers(stack):
                process.kill()
            if round_number > 3 and any(answer.status == 0 for _name, answer in answers):
                break  # a request was interrupted, which usually happens soon
    assert any(answer.status == 0 for _name, answer in answers), "nobody was hit"
    wait_for(stack.is_up, SOON, "the web server has new workers")
    assert guest.rsvp("guest000").accepted_rsvp  # sent again, it is the same RSVP
    check(stack, answers)


def test_web_server_killed_while_rsvps_wait_for_the_lock_saves_none(stack):
    guest = stack.open_form()
    lock = stack.connect()
    lock.autocommit = False
    lock.cursor().execute("SELECT FROM summit_event FOR UPDATE")
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with posting_rsvps(guest, 2, iter(["one", "two"])) as answers:
        wait_for(lambda: len(stack.sql(waiting)) == 2, SOON, "both RSVPs are in their transaction")
        stack.kill(stack.web)
    lock.close()
    wait_for(lambda: not stack.sql(waiting), SOON, "PostgreSQL has noticed")
    assert [answer.status for _name, answer in answers] == [0, 0]
    assert stack.rsvp_summary() == []
    assert stack.message_states() == []
    stack.web.start()
    wait_for(stack.is_up, SOON, "the web server answers")
    assert guest.rsvp("one").accepted_rsvp
    assert guest.rsvp("two").accepted_rsvp
    check(stack, answers)
