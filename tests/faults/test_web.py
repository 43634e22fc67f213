"""The web server is killed in the middle of POSTs: each RSVP exists whole or not at all, an answered one exists."""

from itertools import count

import psutil
import pytest

from tests.faults.house import posting, until
from tests.faults.test_database import check_mail_of_each, check_nothing_by_half

pytestmark = pytest.mark.faults


def workers(house) -> list[psutil.Process]:
    return psutil.Process(house.web.process.pid).children()


def check(house, answers) -> None:
    check_nothing_by_half(house, answers)
    rsvps = len(house.standing())
    until(lambda: house.all_sent(rsvps), 40, "every mail is sent")
    check_mail_of_each(house)


def test_web_workers_killed_in_the_middle_of_posts_leave_nothing_by_half(house):
    guest = house.guest()
    with posting(guest, 3, (f"guest{n:03}" for n in count())) as answers:
        for round_number in range(1, 30):
            until(lambda most=8 * round_number: sum(a.took_rsvp for _n, a in answers) > most, 20, "RSVPs are answered")
            for process in workers(house):
                process.kill()
            if round_number > 3 and any(answer.status == 0 for _name, answer in answers):
                break  # somebody was hit in mid-request, as most times soon happens
    assert any(answer.status == 0 for _name, answer in answers), "nobody was hit"
    until(house.is_up, 10, "the web server has new workers")
    assert guest.rsvp("guest000").took_rsvp  # sent once more, it is the same RSVP
    check(house, answers)


def test_web_server_killed_while_rsvps_wait_for_the_lock_keeps_none_of_them(house):
    guest = house.guest()
    lock = house.connect()
    lock.autocommit = False
    lock.cursor().execute("SELECT FROM summit_event FOR UPDATE")
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with posting(guest, 2, iter(["one", "two"])) as answers:
        until(lambda: len(house.sql(waiting)) == 2, 20, "both RSVPs are in their transaction")
        house.kill(house.web)
    lock.close()
    until(lambda: not house.sql(waiting), 10, "PostgreSQL has noticed")
    assert [answer.status for _name, answer in answers] == [0, 0]
    assert house.standing() == []
    assert house.mail_states() == []
    house.web.start()
    until(house.is_up, 20, "the web server answers")
    assert guest.rsvp("one").took_rsvp
    assert guest.rsvp("two").took_rsvp
    check(house, answers)
