"""Who moves up and when: rules 3 and 7 of the seats."""

from datetime import timedelta

import pytest
from django.utils import timezone

from summit import seats
from summit.models import Event, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def passed_over(event: Event) -> list[str]:
    return list(event.rsvps.filter(skipped_at__isnull=False).order_by("pk").values_list("name", flat=True))


def line(event: Event) -> list[str]:
    return [rsvp.name for rsvp in event.rsvps.waitlist()]


# Rule 3 -----------------------------------------------------------------------------------------------------------


def test_oldest_wait_is_served_first():
    event = factories.event(capacity=2)
    seated = factories.rsvp(event, "Seated", size=2)
    for name in ("First", "Second", "Third"):
        factories.rsvp(event, name)
    seats.cancel(seated)
    assert snapshots.seats(event) == [("Seated", 0, 0), ("First", 1, 0), ("Second", 1, 0), ("Third", 0, 1)]
    assert snapshots.emails(event.rsvps.get(name="Second")) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert snapshots.emails(event.rsvps.get(name="Third")) == ["waitlisted 1"]


def test_party_that_does_not_fit_keeps_its_place_and_the_next_is_served():
    event = factories.event(capacity=3)
    seated = factories.rsvp(event, "Seated", size=2)
    factories.rsvp(event, "Other", size=1)
    for name, size in (("Large", 4), ("Small", 2), ("Last", 3)):
        factories.rsvp(event, name, size=size)
    seats.cancel(seated)
    assert snapshots.seats(event)[2:] == [("Large", 0, 4), ("Small", 2, 0), ("Last", 0, 3)]
    assert passed_over(event) == ["Large"]
    assert [rsvp.name for rsvp in event.rsvps.waitlist()] == ["Large", "Last"]


def test_mark_of_being_passed_over_goes_when_the_party_is_seated():
    event = factories.event(capacity=2)
    seated = factories.rsvp(event, "Seated", size=1)
    also = factories.rsvp(event, "Also", size=1)
    factories.rsvp(event, "Large", size=2)
    small = factories.rsvp(event, "Small", size=1)
    seats.cancel(seated)
    assert passed_over(event) == ["Large"]
    seats.cancel(also)
    seats.cancel(small)
    assert snapshots.seats(event)[2:] == [("Large", 2, 0), ("Small", 0, 0)]
    assert passed_over(event) == []


def test_party_that_takes_fewer_is_seated_in_part_and_stays_first():
    event = factories.event(capacity=2)
    first, second = factories.rsvp(event, "A"), factories.rsvp(event, "B")
    large = factories.rsvp(event, "Large", size=2, accepts_partial=True)
    factories.rsvp(event, "Small")
    seats.cancel(first)
    assert snapshots.seats(event)[2:] == [("Large", 1, 1), ("Small", 0, 1)]
    seats.cancel(second)
    assert snapshots.seats(event)[2:] == [("Large", 2, 0), ("Small", 0, 1)]
    assert snapshots.emails(large) == ["waitlisted 1", "promoted 2 REQUEST", "promoted 3 REQUEST"]


def test_saying_that_fewer_is_fine_takes_free_seats_at_once():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=3)
    for _twice in range(2):
        rsvp = seats.set_accepts_partial(rsvp, True)
    assert (rsvp.accepts_partial, rsvp.held_seats, rsvp.waitlisted_seats, rsvp.ics_sequence) == (True, 2, 1, 2)
    assert snapshots.emails(rsvp) == ["waitlisted 1", "promoted 2 REQUEST"]
    rsvp = seats.set_accepts_partial(rsvp, False)
    assert (rsvp.accepts_partial, rsvp.held_seats, rsvp.waitlisted_seats) == (False, 2, 1)


def test_nobody_moves_up_while_the_room_is_over():
    event = factories.event(capacity=3)
    first = factories.rsvp(event, "First", size=2)
    factories.rsvp(event, "Walk In")
    factories.rsvp(event, "Waits")
    Event.objects.update(capacity=1)
    seats.cancel(first)
    assert snapshots.seats(event) == [("First", 0, 0), ("Walk In", 1, 0), ("Waits", 0, 1)]


# Rule 7 -----------------------------------------------------------------------------------------------------------


def test_nobody_moves_up_once_promotion_has_stopped():
    event = factories.event(capacity=2)
    first, second, third = (
        factories.rsvp(event, "A"),
        factories.rsvp(event, "B"),
        factories.rsvp(event, "Waits", size=2),
    )
    factories.stop_promotion(event)
    seats.cancel(first)
    seats.change_party_size(second, size=1)
    seats.delete_rsvp(second)
    seats.set_accepts_partial(third, True)
    factories.save_event(Event.objects.get())
    assert snapshots.seats(event) == [("A", 0, 0), ("Waits", 0, 2)]
    assert snapshots.emails(third) == ["waitlisted 1"]


def test_promotion_stops_when_the_event_says():
    event = factories.event(waitlist_closes_hours_before=48)
    assert event.waitlist_closes_at == event.starts_at - timedelta(hours=48)
    assert event.waitlist_is_open
    event.starts_at = timezone.now() + timedelta(hours=47)
    assert not event.waitlist_is_open
    event.waitlist_closes_hours_before = 0
    assert event.waitlist_is_open
    event.canceled_at = timezone.now()
    assert not event.waitlist_is_open


def test_promote_by_hand_works_after_promotion_has_stopped_and_once():
    event = factories.event(capacity=1)
    seated, waits = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits")
    factories.stop_promotion(event)
    seats.cancel(seated)
    for _twice in range(2):
        waits = seats.promote(waits)
    assert (waits.held_seats, waits.waitlisted_seats, waits.overbooked_seats) == (1, 0, 0)
    assert snapshots.emails(waits) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_promote_by_hand_may_pass_over_whoever_waits_longer():
    event = factories.event(capacity=1)
    seated, _longer, later = (
        factories.rsvp(event, "Seated"),
        factories.rsvp(event, "Longer"),
        factories.rsvp(event, "Later"),
    )
    factories.stop_promotion(event)
    seats.cancel(seated)
    seats.promote(later)
    assert snapshots.seats(event) == [("Seated", 0, 0), ("Longer", 0, 1), ("Later", 1, 0)]


def test_promote_by_hand_without_room_is_refused():
    event = factories.event(capacity=1)
    waits = factories.rsvp(event, "Waits", size=2)
    before = snapshots.tables()
    with pytest.raises(seats.NotEnoughSeats, match=r"^Only 1 seat is free, and this party waits for 2\.$"):
        seats.promote(waits)
    assert snapshots.tables() == before


def test_promote_by_hand_gives_a_part_to_whom_fewer_is_fine():
    event = factories.event(capacity=1)
    seated, waits = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits", size=2, accepts_partial=True)
    factories.stop_promotion(event)
    seats.cancel(seated)
    waits = seats.promote(waits)
    assert (waits.held_seats, waits.waitlisted_seats) == (1, 1)


def test_promote_beyond_the_room_is_flagged_and_counted():
    event = factories.event(capacity=3)
    factories.rsvp(event, "Seated", size=2)
    waits = factories.rsvp(event, "Waits", size=3)
    for _twice in range(2):
        waits = seats.promote(waits, override_reason="The superintendent asked")
    assert (waits.held_seats, waits.waitlisted_seats, waits.overbooked_seats) == (3, 0, 2)
    assert seats.available_seats(event) == -2


def test_promote_of_a_party_that_waits_for_nothing_changes_nothing():
    event = factories.event()
    seated, cancelled = factories.rsvp(event, "Seated"), seats.cancel(factories.rsvp(event, "Cancelled"))
    before = snapshots.tables()
    seats.promote(seated)
    seats.promote(cancelled, override_reason="The superintendent asked")
    assert snapshots.tables() == before


# Rule 6: the same for many at once ----------------------------------------------------------------------------------


def test_one_cancellation_serves_as_many_as_fit():
    event = factories.event(capacity=6)
    seated = factories.rsvp(event, "Seated", size=6)
    for name, size in (("A", 2), ("B", 5), ("C", 3), ("D", 1), ("E", 1)):
        factories.rsvp(event, name, size=size)
    seats.cancel(seated)
    assert snapshots.seats(event)[1:] == [("A", 2, 0), ("B", 0, 5), ("C", 3, 0), ("D", 1, 0), ("E", 0, 1)]
    assert passed_over(event) == ["B"]
    assert Rsvp.objects.filter(waitlisted_seats__gt=0, waitlisted_since=None).count() == 0


# Rule 10: staff put a party on the list ---------------------------------------------------------------------------


def test_put_on_the_list_waits_at_its_end_and_frees_its_seats_for_those_in_front():
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=3, guests=("Ben", "Chi"))
    first, second = factories.rsvp(event, "First", size=2), factories.rsvp(event, "Second", size=2)
    rsvp = seats.move_to_waitlist(rsvp)
    assert (rsvp.status, rsvp.held_seats, rsvp.waitlisted_seats) == ("waitlisted", 0, 3)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 3), ("First", 2, 0), ("Second", 0, 2)]
    assert line(event) == ["Second", "Alma Reyes"]
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "Chi")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "waitlisted 2 CANCEL"]
    assert snapshots.emails(first) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert snapshots.emails(second) == ["waitlisted 1"]


def test_put_on_the_list_stays_there_in_the_same_act_though_nobody_else_waits():
    event = factories.event(capacity=3)
    rsvp = seats.move_to_waitlist(factories.rsvp(event, size=2))
    assert (snapshots.seats(event), seats.available_seats(event)) == ([("Alma Reyes", 0, 2)], 3)
    other = factories.rsvp(event, "Other", size=1)
    seats.update_guests(other, {other.guests.get().pk: {"name": "O. Ther"}})
    seats.update_contact(rsvp, phone="1")
    event.title = "The Summit"
    factories.save_event(event)
    assert snapshots.seats(event)[0] == ("Alma Reyes", 0, 2)
    seats.cancel(other)  # seats come free, and it is first in line
    assert snapshots.seats(event)[0] == ("Alma Reyes", 2, 0)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "waitlisted 2 CANCEL", "promoted 3 REQUEST"]


def test_put_on_the_list_does_not_come_back_before_those_who_fit_no_more():
    """The party in front is too large for what came free; it is not passed over by the one that gave the seats."""
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=2)
    factories.rsvp(event, "Large", size=4)
    seats.move_to_waitlist(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 2), ("Large", 0, 4)]
    assert passed_over(event) == []


def test_party_that_waits_for_some_waits_for_all_and_one_that_waits_for_all_keeps_its_place():
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=5, accepts_partial=True)
    factories.rsvp(event, "Second", size=4)
    for _twice in range(2):
        seats.move_to_waitlist(rsvp)
        assert snapshots.seats(event) == [("Alma Reyes", 0, 5), ("Second", 0, 4)]
        assert line(event) == ["Second", "Alma Reyes"]
    assert snapshots.emails(rsvp) == ["waitlisted 1 REQUEST", "waitlisted 2 CANCEL"]


def test_seat_beyond_the_room_is_beyond_it_no_more():
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    rsvp = seats.promote(factories.rsvp(event, size=2), override_reason="Drives the speaker")
    assert seats.move_to_waitlist(rsvp).overbooked_seats == 0


def test_putting_on_the_list_is_refused_when_over_canceled_or_cancelled():
    event, other = factories.event(), factories.event()
    rsvp, gone = factories.rsvp(event), seats.cancel(factories.rsvp(other))
    with pytest.raises(seats.RsvpClosed, match="This RSVP is cancelled"):
        seats.move_to_waitlist(gone)
    for end in (factories.end_event, factories.cancel_event_unnoticed):
        end(event)
        with pytest.raises(seats.RsvpClosed, match="This event is over or was cancelled"):
            seats.move_to_waitlist(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 1, 0)]


def test_after_promotion_stopped_nobody_is_called_up_for_the_seats():
    event = factories.event(capacity=1)
    rsvp = factories.rsvp(event)
    factories.rsvp(event, "Waits")
    factories.stop_promotion(event)
    seats.move_to_waitlist(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 1), ("Waits", 0, 1)]


# Many at once -----------------------------------------------------------------------------------------------------


def test_many_are_cancelled_before_anyone_is_called_up():
    """The first one's seats would go to the second, which is cancelled too: two letters, the first of them untrue."""
    event, other = factories.event(capacity=1), factories.event(capacity=1)
    gone = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Also goes"), factories.rsvp(other, "Elsewhere")]
    factories.rsvp(event, "Stays")
    outcomes = seats.apply_to_many(seats.cancel, gone)
    assert [(rsvp.name, outcome) for rsvp, outcome in outcomes] == [
        ("Seated", True),
        ("Also goes", True),
        ("Elsewhere", True),
    ]
    assert snapshots.seats(event) == [("Seated", 0, 0), ("Also goes", 0, 0), ("Stays", 1, 0)]
    assert snapshots.emails(gone[1]) == ["waitlisted 1", "canceled 2"]
    assert {outcome for _rsvp, outcome in seats.apply_to_many(seats.cancel, gone)} == {False}


def test_seats_of_many_go_to_a_party_that_needs_them_together():
    event = factories.event(capacity=2)
    gone = [factories.rsvp(event, "One"), factories.rsvp(event, "Two")]
    factories.rsvp(event, "Large", size=2)
    factories.rsvp(event, "Small")
    seats.apply_to_many(seats.cancel, gone)
    assert snapshots.seats(event)[2:] == [("Large", 2, 0), ("Small", 0, 1)]


def test_many_are_put_on_the_list_in_their_order_and_none_comes_back_for_the_others_seats():
    event = factories.event(capacity=4)
    back = [factories.rsvp(event, "One", size=2), factories.rsvp(event, "Two", size=2)]
    factories.rsvp(event, "Waits", size=3)
    seats.apply_to_many(seats.move_to_waitlist, back)
    assert snapshots.seats(event) == [("One", 0, 2), ("Two", 0, 2), ("Waits", 3, 0)]
    assert line(event) == ["One", "Two"]


def test_of_many_the_refused_and_the_erased_stop_nobody():
    event, past = factories.event(), factories.event()
    late, erased, fine = factories.rsvp(past, "Late"), factories.rsvp(event, "Erased"), factories.rsvp(event, "Fine")
    factories.end_event(past)
    Rsvp.objects.filter(pk=erased.pk).delete()
    outcomes = seats.apply_to_many(seats.cancel, [late, erased, fine])
    kinds = {rsvp.name: getattr(type(outcome), "__name__", "") for rsvp, outcome in outcomes}
    assert kinds == {"Late": "RsvpClosed", "Erased": "DoesNotExist", "Fine": "bool"}
    assert snapshots.seats(event) == [("Fine", 0, 0)]


def test_many_are_erased_before_anyone_is_called_up():
    event = factories.event(capacity=1)
    gone = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits first")]
    last = factories.rsvp(event, "Waits last")
    seats.delete_many(gone)
    assert snapshots.seats(event) == [("Waits last", 1, 0)]
    assert snapshots.emails() == snapshots.emails(last) == ["waitlisted 1", "promoted 2 REQUEST"]
