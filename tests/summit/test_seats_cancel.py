"""A party that leaves, comes back or is erased: rules 5 and 6 of the seats."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.mail.models import Message
from summit import seats
from summit.models import Guest
from tests import look, make

pytestmark = pytest.mark.django_db


# Rule 5: cancel and come back ---------------------------------------------------------------------------------------


def test_cancel_gives_back_every_seat_and_keeps_the_names():
    event = make.event(capacity=3)
    rsvp = make.rsvp(event, size=3, guests=("Ben",))
    other = make.rsvp(event, "Waits", size=2)
    for _twice in range(2):
        rsvp = seats.cancel(rsvp)
    assert (rsvp.status, rsvp.held_seats, rsvp.waitlisted_seats, rsvp.canceled_late) == ("canceled", 0, 0, False)
    assert look.seats(event) == [("Alma Reyes", 0, 0), ("Waits", 2, 0)]
    assert look.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "")]
    assert look.letters(rsvp) == ["confirmed 1 REQUEST", "cancelled 2 CANCEL"]
    assert look.letters(other) == ["waiting 1", "moved_up 2 REQUEST"]


def test_cancel_of_a_waiting_party_takes_nothing_out_of_a_calendar():
    rsvp = seats.cancel(make.rsvp(make.event(capacity=0)))
    assert (rsvp.status, rsvp.waitlisted_since, rsvp.canceled_late) == ("canceled", None, False)
    assert look.letters(rsvp) == ["waiting 1", "cancelled 2"]


@pytest.mark.parametrize(("capacity", "is_late"), [(5, True), (0, False)])
def test_cancel_after_promotion_stopped_is_late_when_seats_were_held(capacity, is_late):
    event = make.event(capacity=capacity, starts_at=timezone.now() + timedelta(hours=11))
    assert seats.cancel(make.rsvp(event)).canceled_late is is_late


def test_cancel_after_the_event_was_called_off_is_not_late():
    event = make.event()
    rsvp = make.rsvp(event)
    make.called_off(event)
    assert seats.cancel(rsvp).canceled_late is False


def test_cancel_works_after_rsvp_closed_and_not_after_the_end():
    event = make.event()
    first, second = make.rsvp(event, "First"), make.rsvp(event, "Second")
    make.closed(event)
    assert seats.cancel(first).status == "canceled"
    make.over(event)
    with pytest.raises(seats.Closed, match="over"):
        seats.cancel(second)
    assert look.seats(event) == [("First", 0, 0), ("Second", 1, 0)]


def test_come_back_is_the_same_rsvp_at_the_end_of_the_queue():
    event = make.event(capacity=2)
    make.rsvp(event, "Seated", size=2)
    first, _second = make.rsvp(event, "First", size=2, guests=("Ben",)), make.rsvp(event, "Second")
    seats.cancel(first)
    for _twice in range(2):
        back = seats.come_back(first, size=3)
    assert (back.pk, back.ics_uid, back.token) == (first.pk, first.ics_uid, first.token)
    assert (back.status, back.canceled_at, back.waitlisted_seats) == ("waitlisted", None, 3)
    assert [rsvp.name for rsvp in event.rsvps.waitlist()] == ["Second", "First"]
    assert look.guests(back) == [(1, "First"), (2, "Ben"), (3, "")]
    assert look.letters(back) == ["waiting 1", "cancelled 2", "waiting 3"]


def test_come_back_takes_free_seats_at_once_and_is_late_no_more():
    event = make.event(starts_at=timezone.now() + timedelta(hours=11))
    rsvp = seats.come_back(seats.cancel(make.rsvp(event, size=2)), size=1)
    assert (rsvp.status, rsvp.held_seats, rsvp.canceled_late) == ("confirmed", 1, False)
    assert look.guests(rsvp) == [(1, "Alma Reyes")]
    assert look.letters(rsvp) == ["confirmed 1 REQUEST", "cancelled 2 CANCEL", "confirmed 3 REQUEST"]


def test_come_back_with_a_party_out_of_bounds_or_after_closing_is_refused():
    event = make.event()
    rsvp = seats.cancel(make.rsvp(event))
    before = look.tables()
    for size in (0, 7):
        with pytest.raises(seats.PartyOutOfBounds):
            seats.come_back(rsvp, size=size)
    assert look.tables() == before
    make.closed(event)
    with pytest.raises(seats.Closed):
        seats.come_back(rsvp, size=1)
    assert seats.come_back(rsvp, size=1, by_staff=True).status == "confirmed"


@pytest.mark.parametrize(
    "change", [lambda rsvp: seats.change_party(rsvp, size=2), lambda rsvp: seats.remove_guest(rsvp, 1)]
)
def test_cancelled_party_changes_only_by_coming_back(change):
    rsvp = seats.cancel(make.rsvp(make.event()))
    before = look.tables()
    with pytest.raises(seats.Closed, match=r"^This RSVP is cancelled\.$"):
        change(rsvp)
    assert look.tables() == before


# Erasing ----------------------------------------------------------------------------------------------------------


def test_delete_erases_guests_and_messages_and_seats_the_next():
    event = make.event(capacity=2)
    rsvp = make.rsvp(event, size=2)
    other = make.rsvp(event, "Waits")
    for _twice in range(2):
        seats.delete(rsvp)
    assert look.seats(event) == [("Waits", 1, 0)]
    assert list(Guest.objects.values_list("name", flat=True)) == ["Waits"]
    assert look.letters() == look.letters(other) == ["waiting 1", "moved_up 2 REQUEST"]
    assert not Message.objects.filter(recipient=rsvp.email).exists()


def test_delete_spares_the_messages_of_an_rsvp_whose_number_begins_alike():
    event = make.event()
    first = make.rsvp(event, "First")
    Message.objects.update(idempotency_key=f"rsvp:{first.pk}7:confirmed:1")
    seats.delete(first)
    assert Message.objects.count() == 1
