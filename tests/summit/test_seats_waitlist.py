"""Who is promoted from the waitlist and when: rules 1, 3, 7, 10 and 11 of the seats."""

from datetime import timedelta

import pytest
from django.utils import timezone

from summit import seats
from summit.models import Event, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def skipped(event: Event) -> list[str]:
    return list(event.rsvps.filter(skipped_at__isnull=False).order_by("pk").values_list("name", flat=True))


def waitlist(event: Event) -> list[str]:
    return [rsvp.name for rsvp in event.rsvps.waitlist()]


# Rule 3 -----------------------------------------------------------------------------------------------------------


def test_longest_waiting_party_is_promoted_first():
    event = factories.event(capacity=2)
    seated = factories.rsvp(event, "Seated", size=2)
    for name in ("First", "Second", "Third"):
        factories.rsvp(event, name)
    seats.cancel(seated)
    assert snapshots.seats(event) == [("Seated", 0, 0), ("First", 1, 0), ("Second", 1, 0), ("Third", 0, 1)]
    assert snapshots.emails(event.rsvps.get(name="Second")) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert snapshots.emails(event.rsvps.get(name="Third")) == ["waitlisted 1"]


def test_party_that_does_not_fit_is_skipped_and_keeps_its_place():
    event = factories.event(capacity=3)
    seated = factories.rsvp(event, "Seated", size=2)
    factories.rsvp(event, "Other", size=1)
    for name, size in (("Large", 4), ("Small", 2), ("Last", 3)):
        factories.rsvp(event, name, size=size)
    seats.cancel(seated)
    assert snapshots.seats(event)[2:] == [("Large", 0, 4), ("Small", 2, 0), ("Last", 0, 3)]
    assert skipped(event) == ["Large"]
    assert [rsvp.name for rsvp in event.rsvps.waitlist()] == ["Large", "Last"]


def test_one_cancellation_promotes_all_parties_that_fit():
    event = factories.event(capacity=6)
    seated = factories.rsvp(event, "Seated", size=6)
    for name, size in (("A", 2), ("B", 5), ("C", 3), ("D", 1), ("E", 1)):
        factories.rsvp(event, name, size=size)
    seats.cancel(seated)
    assert snapshots.seats(event)[1:] == [("A", 2, 0), ("B", 0, 5), ("C", 3, 0), ("D", 1, 0), ("E", 0, 1)]
    assert skipped(event) == ["B"]
    assert Rsvp.objects.filter(waitlisted_seats__gt=0, waitlisted_since=None).count() == 0


def test_promoted_party_is_no_longer_marked_as_skipped():
    event = factories.event(capacity=2)
    seated = factories.rsvp(event, "Seated", size=1)
    also = factories.rsvp(event, "Also", size=1)
    factories.rsvp(event, "Large", size=2)
    small = factories.rsvp(event, "Small", size=1)
    seats.cancel(seated)
    assert skipped(event) == ["Large"]
    seats.cancel(also)
    seats.cancel(small)
    assert snapshots.seats(event)[2:] == [("Large", 2, 0), ("Small", 0, 0)]
    assert skipped(event) == []


def test_party_that_accepts_fewer_seats_is_promoted_in_part_and_stays_first():
    event = factories.event(capacity=2)
    first, second = factories.rsvp(event, "A"), factories.rsvp(event, "B")
    large = factories.rsvp(event, "Large", size=2, accepts_partial=True)
    factories.rsvp(event, "Small")
    seats.cancel(first)
    assert snapshots.seats(event)[2:] == [("Large", 1, 1), ("Small", 0, 1)]
    seats.cancel(second)
    assert snapshots.seats(event)[2:] == [("Large", 2, 0), ("Small", 0, 1)]
    assert snapshots.emails(large) == ["waitlisted 1", "promoted 2 REQUEST", "promoted 3 REQUEST"]


def test_accepting_fewer_seats_takes_the_available_ones_at_once():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=3)
    for _twice in range(2):
        rsvp = seats.set_accepts_partial(rsvp, True)
    assert (rsvp.accepts_partial, rsvp.held_seats, rsvp.waitlisted_seats, rsvp.ics_sequence) == (True, 2, 1, 2)
    assert snapshots.emails(rsvp) == ["waitlisted 1", "promoted 2 REQUEST"]
    rsvp = seats.set_accepts_partial(rsvp, False)
    assert (rsvp.accepts_partial, rsvp.held_seats, rsvp.waitlisted_seats) == (False, 2, 1)


# Rule 1 -----------------------------------------------------------------------------------------------------------


def test_no_one_is_promoted_while_the_event_is_over_capacity():
    event = factories.event(capacity=3)
    first = factories.rsvp(event, "First", size=2)
    factories.rsvp(event, "Walk In")
    factories.rsvp(event, "Waits")
    Event.objects.update(capacity=1)
    seats.cancel(first)
    assert snapshots.seats(event) == [("First", 0, 0), ("Walk In", 1, 0), ("Waits", 0, 1)]


# Rule 7 -----------------------------------------------------------------------------------------------------------


def test_no_one_is_promoted_after_the_waitlist_has_closed():
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


def test_waitlist_closes_some_hours_before_the_event():
    event = factories.event(waitlist_closes_hours_before=48)
    assert event.waitlist_closes_at == event.starts_at - timedelta(hours=48)
    assert event.waitlist_is_open
    event.starts_at = timezone.now() + timedelta(hours=47)
    assert not event.waitlist_is_open
    event.waitlist_closes_hours_before = 0
    assert event.waitlist_is_open
    event.canceled_at = timezone.now()
    assert not event.waitlist_is_open


def test_promoting_by_staff_works_after_the_waitlist_has_closed_and_only_once():
    event = factories.event(capacity=1)
    seated, waitlisted = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits")
    factories.stop_promotion(event)
    seats.cancel(seated)
    for _twice in range(2):
        waitlisted = seats.promote_by_staff(waitlisted)
    assert (waitlisted.held_seats, waitlisted.waitlisted_seats, waitlisted.overbooked_seats) == (1, 0, 0)
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_promoting_by_staff_may_skip_a_party_that_waits_longer():
    event = factories.event(capacity=1)
    seated, _longer, later = (
        factories.rsvp(event, "Seated"),
        factories.rsvp(event, "Longer"),
        factories.rsvp(event, "Later"),
    )
    factories.stop_promotion(event)
    seats.cancel(seated)
    seats.promote_by_staff(later)
    assert snapshots.seats(event) == [("Seated", 0, 0), ("Longer", 0, 1), ("Later", 1, 0)]


def test_promoting_by_staff_without_enough_seats_is_refused():
    event = factories.event(capacity=1)
    waitlisted = factories.rsvp(event, "Waits", size=2)
    before = snapshots.tables()
    with pytest.raises(seats.NotEnoughSeats, match=r"^Only 1 seat is available, and this party is waiting for 2\.$"):
        seats.promote_by_staff(waitlisted)
    assert snapshots.tables() == before


def test_promoting_by_staff_gives_some_seats_to_a_party_that_accepts_fewer():
    event = factories.event(capacity=1)
    seated, waitlisted = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits", size=2, accepts_partial=True)
    factories.stop_promotion(event)
    seats.cancel(seated)
    waitlisted = seats.promote_by_staff(waitlisted)
    assert (waitlisted.held_seats, waitlisted.waitlisted_seats) == (1, 1)


def test_promoting_over_capacity_is_flagged_and_counted():
    event = factories.event(capacity=3)
    factories.rsvp(event, "Seated", size=2)
    waitlisted = factories.rsvp(event, "Waits", size=3)
    for _twice in range(2):
        waitlisted = seats.promote_by_staff(waitlisted, override_reason="The superintendent asked")
    assert (waitlisted.held_seats, waitlisted.waitlisted_seats, waitlisted.overbooked_seats) == (3, 0, 2)
    assert seats.available_seats(event) == -2


def test_promoting_a_party_without_waitlisted_seats_changes_nothing():
    event = factories.event()
    seated, canceled = factories.rsvp(event, "Seated"), seats.cancel(factories.rsvp(event, "Cancelled"))
    before = snapshots.tables()
    seats.promote_by_staff(seated)
    seats.promote_by_staff(canceled, override_reason="The superintendent asked")
    assert snapshots.tables() == before


# Rule 10: staff move a party to the waitlist ----------------------------------------------------------------------


def test_moved_party_waits_at_the_end_and_its_seats_go_to_parties_ahead():
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=3, guests=("Ben", "Chi"))
    first, second = factories.rsvp(event, "First", size=2), factories.rsvp(event, "Second", size=2)
    rsvp = seats.move_to_waitlist(rsvp)
    assert (rsvp.status, rsvp.held_seats, rsvp.waitlisted_seats) == ("waitlisted", 0, 3)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 3), ("First", 2, 0), ("Second", 0, 2)]
    assert waitlist(event) == ["Second", "Alma Reyes"]
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "Chi")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "waitlisted 2 CANCEL"]
    assert snapshots.emails(first) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert snapshots.emails(second) == ["waitlisted 1"]


def test_moved_party_is_not_promoted_in_the_same_step_even_if_no_one_else_waits():
    event = factories.event(capacity=3)
    rsvp = seats.move_to_waitlist(factories.rsvp(event, size=2))
    assert (snapshots.seats(event), seats.available_seats(event)) == ([("Alma Reyes", 0, 2)], 3)
    other = factories.rsvp(event, "Other", size=1)
    seats.update_guests(other, {other.guests.get().pk: {"name": "O. Ther"}})
    seats.update_contact(rsvp, phone="1")
    event.title = "The Summit"
    factories.save_event(event)
    assert snapshots.seats(event)[0] == ("Alma Reyes", 0, 2)
    seats.cancel(other)  # frees a seat, and this party is first in line
    assert snapshots.seats(event)[0] == ("Alma Reyes", 2, 0)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "waitlisted 2 CANCEL", "promoted 3 REQUEST"]


def test_moved_party_is_not_promoted_when_the_party_ahead_does_not_fit():
    """The party ahead is too large for the freed seats. The party that gave them up doesn't skip it."""
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=2)
    factories.rsvp(event, "Large", size=4)
    seats.move_to_waitlist(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 2), ("Large", 0, 4)]
    assert skipped(event) == []


def test_moving_a_partly_waitlisted_party_waitlists_all_of_it_once():
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=5, accepts_partial=True)
    factories.rsvp(event, "Second", size=4)
    for _twice in range(2):
        seats.move_to_waitlist(rsvp)
        assert snapshots.seats(event) == [("Alma Reyes", 0, 5), ("Second", 0, 4)]
        assert waitlist(event) == ["Second", "Alma Reyes"]
    assert snapshots.emails(rsvp) == ["waitlisted 1 REQUEST", "waitlisted 2 CANCEL"]


def test_overbooked_seats_that_are_waitlisted_are_not_overbooked_any_more():
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    rsvp = seats.promote_by_staff(factories.rsvp(event, size=2), override_reason="Drives the speaker")
    assert seats.move_to_waitlist(rsvp).overbooked_seats == 0


def test_moving_is_refused_for_canceled_rsvps_and_past_or_canceled_events():
    event, other = factories.event(), factories.event()
    rsvp, canceled_rsvps = factories.rsvp(event), seats.cancel(factories.rsvp(other))
    with pytest.raises(seats.RsvpClosed, match="This RSVP is canceled"):
        seats.move_to_waitlist(canceled_rsvps)
    for end in (factories.end_event, factories.mark_event_canceled):
        end(event)
        with pytest.raises(seats.RsvpClosed, match="This event is over or was canceled"):
            seats.move_to_waitlist(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 1, 0)]


def test_seats_of_a_moved_party_stay_free_after_the_waitlist_has_closed():
    event = factories.event(capacity=1)
    rsvp = factories.rsvp(event)
    factories.rsvp(event, "Waits")
    factories.stop_promotion(event)
    seats.move_to_waitlist(rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 1), ("Waits", 0, 1)]


# Rule 11: many parties at once ------------------------------------------------------------------------------------


def test_all_are_canceled_before_anyone_is_promoted():
    """Otherwise the first party's seat would go to the second, which is canceled next: its email would be untrue."""
    event, other = factories.event(capacity=1), factories.event(capacity=1)
    canceled_rsvps = [
        factories.rsvp(event, "Seated"),
        factories.rsvp(event, "Also goes"),
        factories.rsvp(other, "Elsewhere"),
    ]
    factories.rsvp(event, "Stays")
    outcomes = seats.apply_to_many(seats.cancel, canceled_rsvps)
    assert [(rsvp.name, outcome) for rsvp, outcome in outcomes] == [
        ("Seated", True),
        ("Also goes", True),
        ("Elsewhere", True),
    ]
    assert snapshots.seats(event) == [("Seated", 0, 0), ("Also goes", 0, 0), ("Stays", 1, 0)]
    assert snapshots.emails(canceled_rsvps[1]) == ["waitlisted 1", "canceled 2"]
    assert {outcome for _rsvp, outcome in seats.apply_to_many(seats.cancel, canceled_rsvps)} == {False}


def test_seats_freed_by_several_parties_go_to_one_that_needs_them_together():
    event = factories.event(capacity=2)
    canceled_rsvps = [factories.rsvp(event, "One"), factories.rsvp(event, "Two")]
    factories.rsvp(event, "Large", size=2)
    factories.rsvp(event, "Small")
    seats.apply_to_many(seats.cancel, canceled_rsvps)
    assert snapshots.seats(event)[2:] == [("Large", 2, 0), ("Small", 0, 1)]


def test_parties_moved_together_keep_their_order_and_get_no_freed_seats():
    event = factories.event(capacity=4)
    waitlisted_rsvps = [factories.rsvp(event, "One", size=2), factories.rsvp(event, "Two", size=2)]
    factories.rsvp(event, "Waits", size=3)
    seats.apply_to_many(seats.move_to_waitlist, waitlisted_rsvps)
    assert snapshots.seats(event) == [("One", 0, 2), ("Two", 0, 2), ("Waits", 3, 0)]
    assert waitlist(event) == ["One", "Two"]


def test_refused_and_deleted_parties_do_not_stop_the_others():
    event, past = factories.event(), factories.event()
    late, deleted, promoted = (
        factories.rsvp(past, "Late"),
        factories.rsvp(event, "Erased"),
        factories.rsvp(event, "Fine"),
    )
    factories.end_event(past)
    Rsvp.objects.filter(pk=deleted.pk).delete()
    outcomes = seats.apply_to_many(seats.cancel, [late, deleted, promoted])
    kinds = {rsvp.name: getattr(type(outcome), "__name__", "") for rsvp, outcome in outcomes}
    assert kinds == {"Late": "RsvpClosed", "Erased": "DoesNotExist", "Fine": "bool"}
    assert snapshots.seats(event) == [("Fine", 0, 0)]


def test_all_are_deleted_before_anyone_is_promoted():
    event = factories.event(capacity=1)
    canceled_rsvps = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits first")]
    last = factories.rsvp(event, "Waits last")
    seats.delete_many(canceled_rsvps)
    assert snapshots.seats(event) == [("Waits last", 1, 0)]
    assert snapshots.emails() == snapshots.emails(last) == ["waitlisted 1", "promoted 2 REQUEST"]
