"""A party that changes: rules 4 and 5 of the seats, names and needs, and erasing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.models import Message
from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import look, make

pytestmark = pytest.mark.django_db


def end(event: Event) -> None:
    start = timezone.now() - timedelta(hours=3)
    Event.objects.filter(pk=event.pk).update(
        starts_at=start, ends_at=start + timedelta(hours=2), rsvp_closes_at=start, rsvp_opens_at=start - timedelta(1)
    )


def call_off(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(cancelled_at=timezone.now())


def close(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(rsvp_closes_at=timezone.now())


# Rule 4: larger and smaller -----------------------------------------------------------------------------------------


def test_grow_takes_a_free_seat():
    rsvp = seats.change_party(make.rsvp(make.event(), size=2, guests=("Ben",)), size=3)
    assert (rsvp.held_seats, rsvp.waiting_seats) == (3, 0)
    assert look.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "")]
    assert look.letters(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]


def test_grow_keeps_what_is_held_and_waits_for_the_difference():
    event = make.event(capacity=3)
    rsvp = seats.change_party(make.rsvp(event, size=2), size=4)
    assert (rsvp.held_seats, rsvp.waiting_seats, rsvp.status) == (2, 2, "partly")
    assert rsvp.waiting_since is not None
    assert look.letters(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]
    assert seats.free_seats(event) == 1


def test_grow_with_fewer_being_fine_takes_what_there_is():
    rsvp = seats.change_party(make.rsvp(make.event(capacity=3), size=2, accepts_fewer=True), size=4)
    assert (rsvp.held_seats, rsvp.waiting_seats) == (3, 1)


def test_grow_while_waiting_keeps_the_place_in_line():
    event = make.event(capacity=0)
    first, _second = make.rsvp(event, "First"), make.rsvp(event, "Second")
    since = first.waiting_since
    first = seats.change_party(first, size=3)
    assert (first.waiting_seats, first.waiting_since) == (3, since)
    assert [rsvp.name for rsvp in event.rsvps.waiting_list()] == ["First", "Second"]


def test_grow_does_not_split_a_party_that_waits_for_room_for_all():
    event = make.event(capacity=2)
    rsvp = seats.change_party(make.rsvp(event, size=3), size=4)
    assert (rsvp.held_seats, rsvp.waiting_seats) == (0, 4)


def test_shrink_gives_up_waiting_seats_first():
    event = make.event(capacity=2)
    rsvp = make.rsvp(event, size=4, accepts_fewer=True)
    rsvp = seats.change_party(rsvp, size=3)
    assert (rsvp.held_seats, rsvp.waiting_seats, rsvp.waiting_since is None) == (2, 1, False)
    rsvp = seats.change_party(rsvp, size=2)
    assert (rsvp.held_seats, rsvp.waiting_seats, rsvp.waiting_since) == (2, 0, None)
    rsvp = seats.change_party(rsvp, size=1)
    assert (rsvp.held_seats, rsvp.waiting_seats) == (1, 0)
    assert look.letters(rsvp) == ["waiting 1 REQUEST", *[f"changed {number} REQUEST" for number in (2, 3, 4)]]


def test_shrink_until_it_fits_seats_the_waiting_party():
    event = make.event(capacity=2)
    rsvp = seats.change_party(make.rsvp(event, size=3), size=2)
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.waiting_seats, rsvp.waiting_since) == (2, 0, None)
    assert look.letters(rsvp)[-1] == "moved_up 3 REQUEST"


def test_shrink_lets_unnamed_guests_go_then_the_last():
    rsvp = make.rsvp(make.event(), size=5, guests=("Ben", "", "Dee"))
    rsvp = seats.change_party(rsvp, size=3)
    assert look.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "Dee")]
    rsvp = seats.change_party(rsvp, size=2)
    assert look.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben")]


def test_shrink_gives_back_seats_beyond_the_room_first():
    event = make.event(capacity=1)
    rsvp = seats.reserve(make.unsaved_rsvp(event), size=4, by_staff=True, beyond=True)
    assert rsvp.seats_over == 3
    assert [seats.change_party(rsvp, size=size).seats_over for size in (3, 2, 1)] == [2, 1, 0]


def test_change_party_to_the_size_it_has_changes_nothing():
    rsvp = make.rsvp(make.event(), size=2)
    before = look.tables()
    for _twice in range(2):
        seats.change_party(rsvp, size=2)
    assert look.tables() == before


@pytest.mark.parametrize("size", [0, -1, 7, 10**30])
def test_change_party_out_of_bounds_is_refused(size):
    rsvp = make.rsvp(make.event(largest_party=6), size=2)
    before = look.tables()
    with pytest.raises(seats.PartyOutOfBounds):
        seats.change_party(rsvp, size=size)
    assert look.tables() == before


def test_shrink_is_possible_above_a_largest_party_that_was_lowered():
    event = make.event(largest_party=6)
    rsvp = make.rsvp(event, size=6)
    Event.objects.update(largest_party=2)
    assert seats.change_party(rsvp, size=5).held_seats == 5


def test_grow_after_rsvp_closed_is_for_staff_alone():
    event = make.event()
    rsvp = make.rsvp(event, size=2)
    close(event)
    with pytest.raises(seats.Closed):
        seats.change_party(rsvp, size=3)
    assert seats.change_party(rsvp, size=1).held_seats == 1
    assert seats.change_party(rsvp, size=3, by_staff=True).held_seats == 3


@pytest.mark.parametrize("stop", [end, call_off])
def test_nothing_changes_once_the_event_is_over_or_called_off(stop):
    event = make.event()
    rsvp = make.rsvp(event, size=3)
    guest = rsvp.guests.last()
    stop(event)
    before = look.tables()
    for change in (
        lambda: seats.change_party(rsvp, size=2),
        lambda: seats.change_party(rsvp, size=4, by_staff=True),
        lambda: seats.remove_guest(rsvp, guest.pk),
        lambda: seats.accept_fewer(rsvp, True),
        lambda: seats.name_guests(rsvp, {guest.pk: {"name": "Late"}}),
        lambda: seats.promote(rsvp),
    ):
        with pytest.raises(seats.Closed, match=r"over or was cancelled"):
            change()
    assert look.tables() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda rsvp: seats.change_party(rsvp, size=2),
        lambda rsvp: seats.remove_guest(rsvp, 1),
        lambda rsvp: seats.accept_fewer(rsvp, True),
        lambda rsvp: seats.name_guests(rsvp, {}),
        lambda rsvp: seats.cancel(rsvp),
        lambda rsvp: seats.come_back(rsvp, size=1),
        lambda rsvp: seats.promote(rsvp),
    ],
)
def test_an_rsvp_that_was_erased_meanwhile_is_missing(change):
    event = make.event(capacity=0)
    rsvp, _other = make.rsvp(event, size=2), make.rsvp(event, "Other")
    seats.delete(rsvp)
    before = look.tables()
    stale = Rsvp(pk=999_999, event=event)
    with pytest.raises(Rsvp.DoesNotExist):
        change(stale)
    assert look.tables() == before


# One guest less, names and needs ----------------------------------------------------------------------------------


def test_remove_guest_frees_that_guests_seat_once():
    event = make.event(capacity=3)
    rsvp = make.rsvp(event, size=3, guests=("Ben", "Cleo"))
    other = make.rsvp(event, "Waits")
    ben = rsvp.guests.get(name="Ben")
    for _twice in range(2):
        seats.remove_guest(rsvp, ben.pk)
    assert look.guests(rsvp) == [(1, "Alma Reyes"), (2, "Cleo")]
    assert look.seats(event) == [("Alma Reyes", 2, 0), ("Waits", 1, 0)]
    assert look.letters(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]
    assert look.letters(other) == ["waiting 1", "moved_up 2 REQUEST"]


def test_remove_guest_leaves_the_contact_and_strangers_alone():
    event = make.event()
    rsvp, other = make.rsvp(event, size=2), make.rsvp(event, "Other", size=2)
    before = look.tables()
    for pk in (rsvp.guests.first().pk, other.guests.last().pk, 0, 10**9):
        seats.remove_guest(rsvp, pk)
    assert look.tables() == before


def test_name_guests_writes_names_and_needs_of_this_party_alone():
    event = make.event()
    rsvp, other = make.rsvp(event, size=2), make.rsvp(event, "Other", size=2)
    mine, theirs = rsvp.guests.last(), other.guests.last()
    details = {"name": "Ben", "diet": "no nuts", "access": "wheelchair space"}
    for _twice in range(2):
        seats.name_guests(rsvp, {mine.pk: details, theirs.pk: details})
    assert Guest.objects.filter(pk=mine.pk).values("name", "diet", "access").get() == details
    assert look.guests(other) == [(1, "Other"), (2, "")]
    assert look.letters(rsvp) == ["confirmed 1 REQUEST"]


# Rule 5: cancel and come back ---------------------------------------------------------------------------------------


def test_cancel_gives_back_every_seat_and_keeps_the_names():
    event = make.event(capacity=3)
    rsvp = make.rsvp(event, size=3, guests=("Ben",))
    other = make.rsvp(event, "Waits", size=2)
    for _twice in range(2):
        rsvp = seats.cancel(rsvp)
    assert (rsvp.status, rsvp.held_seats, rsvp.waiting_seats, rsvp.cancelled_late) == ("cancelled", 0, 0, False)
    assert look.seats(event) == [("Alma Reyes", 0, 0), ("Waits", 2, 0)]
    assert look.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "")]
    assert look.letters(rsvp) == ["confirmed 1 REQUEST", "cancelled 2 CANCEL"]
    assert look.letters(other) == ["waiting 1", "moved_up 2 REQUEST"]


def test_cancel_of_a_waiting_party_takes_nothing_out_of_a_calendar():
    rsvp = seats.cancel(make.rsvp(make.event(capacity=0)))
    assert (rsvp.status, rsvp.waiting_since, rsvp.cancelled_late) == ("cancelled", None, False)
    assert look.letters(rsvp) == ["waiting 1", "cancelled 2"]


@pytest.mark.parametrize(("capacity", "is_late"), [(5, True), (0, False)])
def test_cancel_after_promotion_stopped_is_late_when_seats_were_held(capacity, is_late):
    event = make.event(capacity=capacity, starts_at=timezone.now() + timedelta(hours=11))
    assert seats.cancel(make.rsvp(event)).cancelled_late is is_late


def test_cancel_after_the_event_was_called_off_is_not_late():
    event = make.event()
    rsvp = make.rsvp(event)
    call_off(event)
    assert seats.cancel(rsvp).cancelled_late is False


def test_cancel_works_after_rsvp_closed_and_not_after_the_end():
    event = make.event()
    first, second = make.rsvp(event, "First"), make.rsvp(event, "Second")
    close(event)
    assert seats.cancel(first).status == "cancelled"
    end(event)
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
    assert (back.pk, back.uid, back.token) == (first.pk, first.uid, first.token)
    assert (back.status, back.cancelled_at, back.waiting_seats) == ("waiting", None, 3)
    assert [rsvp.name for rsvp in event.rsvps.waiting_list()] == ["Second", "First"]
    assert look.guests(back) == [(1, "First"), (2, "Ben"), (3, "")]
    assert look.letters(back) == ["waiting 1", "cancelled 2", "waiting 3"]


def test_come_back_takes_free_seats_at_once_and_is_late_no_more():
    event = make.event(starts_at=timezone.now() + timedelta(hours=11))
    rsvp = seats.come_back(seats.cancel(make.rsvp(event, size=2)), size=1)
    assert (rsvp.status, rsvp.held_seats, rsvp.cancelled_late) == ("confirmed", 1, False)
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
    close(event)
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
    assert not Message.objects.filter(to=rsvp.email).exists()


def test_delete_spares_the_messages_of_an_rsvp_whose_number_begins_alike():
    event = make.event()
    first = make.rsvp(event, "First")
    Message.objects.update(key=f"rsvp:{first.pk}7:confirmed:1")
    seats.delete(first)
    assert Message.objects.count() == 1
