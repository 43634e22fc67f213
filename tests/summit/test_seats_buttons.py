"""The buttons of a guest's page say what the result should be, so that an old page takes nothing away."""

import pytest

from summit import seats
from summit.models import Event, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db

BUTTONS = {
    "grow": lambda rsvp: seats.grow_party(rsvp, size=3),
    "stop_waiting": seats.leave_waitlist,
    "take_free_seats": seats.take_available_seats,
}


# Add a guest --------------------------------------------------------------------------------------------------------


def test_grow_party_twice_grows_it_once():
    rsvp = factories.rsvp(factories.event(), size=2)
    for _twice in range(2):
        rsvp = seats.grow_party(rsvp, size=3)
    assert rsvp.held_seats == 3
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]


def test_grow_party_from_a_stale_page_does_not_shrink_it():
    rsvp = factories.rsvp(factories.event(), size=5)
    before = snapshots.tables()
    assert seats.grow_party(rsvp, size=3).held_seats == 5
    assert snapshots.tables() == before


def test_grow_party_past_max_party_size_is_refused():
    rsvp = factories.rsvp(factories.event(max_party_size=2), size=2)
    with pytest.raises(seats.PartyOutOfBounds):
        seats.grow_party(rsvp, size=3)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]


# Keep what is held --------------------------------------------------------------------------------------------------


def test_leave_waitlist_keeps_held_seats_and_can_be_repeated():
    rsvp = factories.rsvp(factories.event(capacity=2), size=4, accepts_partial=True)
    for _twice in range(2):
        rsvp = seats.leave_waitlist(rsvp)
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.waitlisted_since) == (2, 0, None)
    assert snapshots.emails(rsvp) == ["waitlisted 1 REQUEST", "changed 2 REQUEST"]


def test_leave_waitlist_from_a_stale_page_keeps_seats_promoted_since():
    event = factories.event(capacity=3)
    other = factories.rsvp(event, "Other")
    rsvp = factories.rsvp(event, size=4, accepts_partial=True)
    seats.cancel(other)
    assert seats.leave_waitlist(rsvp).held_seats == 3


def test_leave_waitlist_without_held_seats_changes_nothing():
    rsvp = factories.rsvp(factories.event(capacity=0), size=2)
    before = snapshots.tables()
    assert seats.leave_waitlist(rsvp).waitlisted_seats == 2
    assert snapshots.tables() == before


# Free seats after promotion has stopped -----------------------------------------------------------------------------


def waitlist_closed(capacity: int, *, free: int) -> tuple[Event, Rsvp]:
    """An event in its last hours with `free` available seats that no one is promoted to, and a party that waits for
    three."""
    event = factories.event(capacity=capacity)
    seated = factories.rsvp(event, "Leaves", size=free) if free else None
    if capacity > free:
        factories.rsvp(event, "Stays", size=capacity - free)
    waitlisted = factories.rsvp(event, "Waits", size=3)
    factories.stop_promotion(event)
    if seated:
        seats.cancel(seated)
    return event, waitlisted


def test_take_available_seats_twice_promotes_the_party_once():
    event, waitlisted = waitlist_closed(5, free=4)
    for _twice in range(2):
        waitlisted = seats.take_available_seats(waitlisted)
    assert (waitlisted.held_seats, waitlisted.waitlisted_seats) == (3, 0)
    assert seats.available_seats(event) == 1
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_take_available_seats_takes_some_and_keeps_waiting_for_the_rest():
    event, waitlisted = waitlist_closed(4, free=2)
    waitlisted = seats.take_available_seats(waitlisted)
    assert (waitlisted.held_seats, waitlisted.waitlisted_seats, seats.available_seats(event)) == (2, 1, 0)


def test_take_available_seats_is_refused_when_no_seat_is_free():
    _event, waitlisted = waitlist_closed(2, free=0)
    before = snapshots.tables()
    with pytest.raises(seats.NotEnoughSeats, match=r"^No seats are available right now\.$"):
        seats.take_available_seats(waitlisted)
    assert snapshots.tables() == before


def test_take_available_seats_is_refused_while_the_waitlist_is_open():
    event = factories.event(capacity=2)
    factories.rsvp(event, "First", size=4)
    second = factories.rsvp(event, "Second", size=3)
    with pytest.raises(seats.RsvpClosed, match="still filling seats from the waitlist"):
        seats.take_available_seats(second)
    assert snapshots.seats(event) == [("First", 0, 4), ("Second", 0, 3)]


@pytest.mark.parametrize("press_button", BUTTONS.values(), ids=BUTTONS)
@pytest.mark.parametrize("stop", [factories.end_event, factories.mark_event_canceled])
def test_no_button_works_once_the_event_is_over_or_canceled(press_button, stop):
    event = factories.event(capacity=1)
    rsvp = factories.rsvp(event, size=2, accepts_partial=True)
    stop(event)
    with pytest.raises(seats.RsvpClosed):
        press_button(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 1, 1)]


@pytest.mark.parametrize("press_button", BUTTONS.values(), ids=BUTTONS)
def test_no_button_works_for_a_deleted_rsvp(press_button):
    event = factories.event()
    with pytest.raises(Rsvp.DoesNotExist):
        press_button(Rsvp(pk=999_999, event=event))


# Names and links ----------------------------------------------------------------------------------------------------


def test_first_guest_and_contact_always_have_the_same_name():
    rsvp = factories.rsvp(factories.event(), size=2)
    contact = rsvp.guests.first()
    seats.update_guests(rsvp, {contact.pk: {"name": "Alma Ruiz"}})
    rsvp.refresh_from_db()
    assert (rsvp.name, snapshots.guests(rsvp)[0]) == ("Alma Ruiz", (1, "Alma Ruiz"))
    seats.update_contact(rsvp, name="Alma R.")
    rsvp.refresh_from_db()
    assert (rsvp.name, snapshots.guests(rsvp)[0]) == ("Alma R.", (1, "Alma R."))
