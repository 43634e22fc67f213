import pytest

from summit import seats
from tests import make

pytestmark = pytest.mark.django_db


def test_party_that_fits_holds_its_seats():
    rsvp = make.rsvp(make.event(capacity=3), size=3)
    assert (rsvp.held_seats, rsvp.waiting_seats, rsvp.status) == (3, 0, "confirmed")


def test_cancelling_moves_the_waiting_list_up():
    event = make.event(capacity=3)
    first = make.rsvp(event, "First", size=3)
    second = make.rsvp(event, "Second", size=2)
    seats.cancel(first)
    second.refresh_from_db()
    assert (second.held_seats, second.waiting_seats) == (2, 0)
