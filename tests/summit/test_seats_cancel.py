"""Parties that are canceled, reinstated or deleted: rules 5 and 6 of the seats."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.mail.models import Message
from summit import seats
from summit.models import Guest
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


# Rule 5: cancel and come back ---------------------------------------------------------------------------------------


def test_cancel_frees_all_seats_and_keeps_guest_names():
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=3, guests=("Ben",))
    other = factories.rsvp(event, "Waits", size=2)
    for _twice in range(2):
        rsvp = seats.cancel(rsvp)
    assert (rsvp.status, rsvp.held_seats, rsvp.waitlisted_seats, rsvp.canceled_late) == ("canceled", 0, 0, False)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 0), ("Waits", 2, 0)]
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "canceled 2 CANCEL"]
    assert snapshots.emails(other) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_canceling_a_waitlisted_party_sends_no_calendar_cancellation():
    rsvp = seats.cancel(factories.rsvp(factories.event(capacity=0)))
    assert (rsvp.status, rsvp.waitlisted_since, rsvp.canceled_late) == ("canceled", None, False)
    assert snapshots.emails(rsvp) == ["waitlisted 1", "canceled 2"]


@pytest.mark.parametrize(("capacity", "is_late"), [(5, True), (0, False)])
def test_cancel_after_the_waitlist_closes_is_late_only_if_seats_were_held(capacity, is_late):
    event = factories.event(capacity=capacity, starts_at=timezone.now() + timedelta(hours=11))
    assert seats.cancel(factories.rsvp(event)).canceled_late is is_late


def test_cancel_after_the_event_was_canceled_is_not_late():
    event = factories.event()
    rsvp = factories.rsvp(event)
    factories.mark_event_canceled(event)
    assert seats.cancel(rsvp).canceled_late is False


def test_cancel_works_after_rsvps_close_but_not_after_the_event_ends():
    event = factories.event()
    first, second = factories.rsvp(event, "First"), factories.rsvp(event, "Second")
    factories.close_rsvp(event)
    assert seats.cancel(first).status == "canceled"
    factories.end_event(event)
    with pytest.raises(seats.RsvpClosed, match="over"):
        seats.cancel(second)
    assert snapshots.seats(event) == [("First", 0, 0), ("Second", 1, 0)]


def test_reinstated_rsvp_is_the_same_one_at_the_end_of_the_waitlist():
    event = factories.event(capacity=2)
    factories.rsvp(event, "Seated", size=2)
    first, _second = factories.rsvp(event, "First", size=2, guests=("Ben",)), factories.rsvp(event, "Second")
    seats.cancel(first)
    for _twice in range(2):
        back = seats.reinstate(first, size=3)
    assert (back.pk, back.ics_uid, back.token) == (first.pk, first.ics_uid, first.token)
    assert (back.status, back.canceled_at, back.waitlisted_seats) == ("waitlisted", None, 3)
    assert [rsvp.name for rsvp in event.rsvps.waitlist()] == ["Second", "First"]
    assert snapshots.guests(back) == [(1, "First"), (2, "Ben"), (3, "")]
    assert snapshots.emails(back) == ["waitlisted 1", "canceled 2", "waitlisted 3"]


def test_reinstate_takes_available_seats_and_clears_canceled_late():
    event = factories.event(starts_at=timezone.now() + timedelta(hours=11))
    rsvp = seats.reinstate(seats.cancel(factories.rsvp(event, size=2)), size=1)
    assert (rsvp.status, rsvp.held_seats, rsvp.canceled_late) == ("confirmed", 1, False)
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "canceled 2 CANCEL", "confirmed 3 REQUEST"]


def test_reinstate_with_an_invalid_party_size_or_after_closing_is_refused():
    event = factories.event()
    rsvp = seats.cancel(factories.rsvp(event))
    before = snapshots.tables()
    for size in (0, 7):
        with pytest.raises(seats.PartyOutOfBounds):
            seats.reinstate(rsvp, size=size)
    assert snapshots.tables() == before
    factories.close_rsvp(event)
    with pytest.raises(seats.RsvpClosed):
        seats.reinstate(rsvp, size=1)
    assert seats.reinstate(rsvp, size=1, by_staff=True).status == "confirmed"


@pytest.mark.parametrize(
    "change", [lambda rsvp: seats.change_party_size(rsvp, size=2), lambda rsvp: seats.remove_guest(rsvp, 1)]
)
def test_canceled_rsvp_cannot_be_changed(change):
    rsvp = seats.cancel(factories.rsvp(factories.event()))
    before = snapshots.tables()
    with pytest.raises(seats.RsvpClosed, match=r"^This RSVP is canceled\.$"):
        change(rsvp)
    assert snapshots.tables() == before


# Erasing ------------------------------------------------------------------------------------------------------------


def test_delete_rsvp_deletes_guests_and_messages_and_promotes_the_next():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=2)
    other = factories.rsvp(event, "Waits")
    for _twice in range(2):
        seats.delete_rsvp(rsvp)
    assert snapshots.seats(event) == [("Waits", 1, 0)]
    assert list(Guest.objects.values_list("name", flat=True)) == ["Waits"]
    assert snapshots.emails() == snapshots.emails(other) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert not Message.objects.filter(recipient=rsvp.email).exists()


def test_delete_rsvp_keeps_messages_of_an_rsvp_whose_id_starts_the_same():
    event = factories.event()
    first = factories.rsvp(event, "First")
    Message.objects.update(object_id=first.pk * 10 + 7)
    seats.delete_rsvp(first)
    assert Message.objects.count() == 1
