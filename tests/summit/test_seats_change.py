"""Changing a party: rule 4 of the seats, names and needs."""

import pytest

from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


# Rule 4: larger and smaller -----------------------------------------------------------------------------------------


def test_growing_a_party_takes_an_available_seat():
    rsvp = seats.change_party_size(factories.rsvp(factories.event(), size=2, guests=("Ben",)), size=3)
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == (3, 0)
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]


def test_growing_a_party_that_does_not_fit_waitlists_all_added_seats():
    event = factories.event(capacity=3)
    rsvp = seats.change_party_size(factories.rsvp(event, size=2), size=4)
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.status) == (2, 2, "partially_confirmed")
    assert rsvp.waitlisted_since is not None
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]
    assert seats.available_seats(event) == 1


def test_growing_a_party_with_accepts_partial_takes_what_is_available():
    rsvp = seats.change_party_size(factories.rsvp(factories.event(capacity=3), size=2, accepts_partial=True), size=4)
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == (3, 1)


def test_growing_a_waitlisted_party_keeps_its_place_in_line():
    event = factories.event(capacity=0)
    first, _second = factories.rsvp(event, "First"), factories.rsvp(event, "Second")
    since = first.waitlisted_since
    first = seats.change_party_size(first, size=3)
    assert (first.waitlisted_seats, first.waitlisted_since) == (3, since)
    assert [rsvp.name for rsvp in event.rsvps.waitlist()] == ["First", "Second"]


def test_growing_a_waitlisted_party_does_not_split_it():
    event = factories.event(capacity=2)
    rsvp = seats.change_party_size(factories.rsvp(event, size=3), size=4)
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == (0, 4)


def test_shrinking_a_party_gives_up_waitlisted_seats_first():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=4, accepts_partial=True)
    rsvp = seats.change_party_size(rsvp, size=3)
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.waitlisted_since is None) == (2, 1, False)
    rsvp = seats.change_party_size(rsvp, size=2)
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.waitlisted_since) == (2, 0, None)
    rsvp = seats.change_party_size(rsvp, size=1)
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == (1, 0)
    assert snapshots.emails(rsvp) == ["waitlisted 1 REQUEST", *[f"changed {number} REQUEST" for number in (2, 3, 4)]]


def test_shrinking_a_waitlisted_party_until_it_fits_promotes_it():
    event = factories.event(capacity=2)
    rsvp = seats.change_party_size(factories.rsvp(event, size=3), size=2)
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.waitlisted_since) == (2, 0, None)
    assert snapshots.emails(rsvp)[-1] == "promoted 3 REQUEST"


def test_shrinking_a_party_removes_unnamed_guests_then_the_last():
    rsvp = factories.rsvp(factories.event(), size=5, guests=("Ben", "", "Dee"))
    rsvp = seats.change_party_size(rsvp, size=3)
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "Dee")]
    rsvp = seats.change_party_size(rsvp, size=2)
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben")]


def test_shrinking_a_party_gives_up_overbooked_seats_first():
    event = factories.event(capacity=1)
    rsvp = seats.reserve(
        factories.unsaved_rsvp(event), size=4, by_staff=True, override_reason="The superintendent asked"
    )
    assert rsvp.overbooked_seats == 3
    assert [seats.change_party_size(rsvp, size=size).overbooked_seats for size in (3, 2, 1)] == [2, 1, 0]


def test_changing_to_the_same_party_size_changes_nothing():
    rsvp = factories.rsvp(factories.event(), size=2)
    before = snapshots.tables()
    for _twice in range(2):
        seats.change_party_size(rsvp, size=2)
    assert snapshots.tables() == before


@pytest.mark.parametrize("size", [0, -1, 7, 10**30])
def test_changing_to_an_invalid_party_size_is_refused(size):
    rsvp = factories.rsvp(factories.event(max_party_size=6), size=2)
    before = snapshots.tables()
    with pytest.raises(seats.PartyOutOfBounds):
        seats.change_party_size(rsvp, size=size)
    assert snapshots.tables() == before


def test_shrinking_works_above_a_lowered_max_party_size():
    event = factories.event(max_party_size=6)
    rsvp = factories.rsvp(event, size=6)
    Event.objects.update(max_party_size=2)
    assert seats.change_party_size(rsvp, size=5).held_seats == 5


def test_only_staff_can_grow_a_party_after_rsvps_close():
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    factories.close_rsvp(event)
    with pytest.raises(seats.RsvpClosed):
        seats.change_party_size(rsvp, size=3)
    assert seats.change_party_size(rsvp, size=1).held_seats == 1
    assert seats.change_party_size(rsvp, size=3, by_staff=True).held_seats == 3


@pytest.mark.parametrize("stop", [factories.end_event, factories.mark_event_canceled])
def test_nothing_changes_once_the_event_is_over_or_canceled(stop):
    event = factories.event()
    rsvp = factories.rsvp(event, size=3)
    guest = rsvp.guests.last()
    stop(event)
    before = snapshots.tables()
    for change in (
        lambda: seats.change_party_size(rsvp, size=2),
        lambda: seats.change_party_size(rsvp, size=4, by_staff=True),
        lambda: seats.remove_guest(rsvp, guest.pk),
        lambda: seats.set_accepts_partial(rsvp, True),
        lambda: seats.update_guests(rsvp, {guest.pk: {"name": "Late"}}),
        lambda: seats.promote_by_staff(rsvp),
    ):
        with pytest.raises(seats.RsvpClosed, match=r"over or was canceled"):
            change()
    assert snapshots.tables() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda rsvp: seats.change_party_size(rsvp, size=2),
        lambda rsvp: seats.remove_guest(rsvp, 1),
        lambda rsvp: seats.set_accepts_partial(rsvp, True),
        lambda rsvp: seats.update_guests(rsvp, {}),
        lambda rsvp: seats.cancel(rsvp),
        lambda rsvp: seats.reinstate(rsvp, size=1),
        lambda rsvp: seats.promote_by_staff(rsvp),
    ],
)
def test_changing_a_deleted_rsvp_raises_does_not_exist(change):
    event = factories.event(capacity=0)
    rsvp, _other = factories.rsvp(event, size=2), factories.rsvp(event, "Other")
    seats.delete_rsvp(rsvp)
    before = snapshots.tables()
    stale = Rsvp(pk=999_999, event=event)
    with pytest.raises(Rsvp.DoesNotExist):
        change(stale)
    assert snapshots.tables() == before


# One guest less, names and needs ------------------------------------------------------------------------------------


def test_remove_guest_twice_frees_one_seat():
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=3, guests=("Ben", "Cleo"))
    other = factories.rsvp(event, "Waits")
    ben = rsvp.guests.get(name="Ben")
    for _twice in range(2):
        seats.remove_guest(rsvp, ben.pk)
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Cleo")]
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0), ("Waits", 1, 0)]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]
    assert snapshots.emails(other) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_remove_guest_ignores_the_contact_and_guests_of_other_parties():
    event = factories.event()
    rsvp, other = factories.rsvp(event, size=2), factories.rsvp(event, "Other", size=2)
    before = snapshots.tables()
    for pk in (rsvp.guests.first().pk, other.guests.last().pk, 0, 10**9):
        seats.remove_guest(rsvp, pk)
    assert snapshots.tables() == before


def test_update_guests_saves_names_and_needs_of_its_own_party_only():
    event = factories.event()
    rsvp, other = factories.rsvp(event, size=2), factories.rsvp(event, "Other", size=2)
    mine, theirs = rsvp.guests.last(), other.guests.last()
    details = {"name": "Ben", "dietary_needs": "no nuts", "accessibility_needs": "wheelchair space"}
    for _twice in range(2):
        seats.update_guests(rsvp, {mine.pk: details, theirs.pk: details})
    assert Guest.objects.filter(pk=mine.pk).values("name", "dietary_needs", "accessibility_needs").get() == details
    assert snapshots.guests(other) == [(1, "Other"), (2, "")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]
