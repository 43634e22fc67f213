"""New RSVPs: rules 1, 2, 7 and 8 of the seats (docs/rules.md)."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.django_db(transaction=True)
def test_lock_event_outside_a_transaction_is_refused():
    event = factories.event()
    with pytest.raises(transaction.TransactionManagementError):
        seats.lock_event(event.pk)


# Rule 1 -----------------------------------------------------------------------------------------------------------


def test_available_seats_are_capacity_minus_reserved_minus_held():
    event = factories.event(capacity=10, reserved_seats=3)
    factories.rsvp(event, "Alma", size=4)
    factories.rsvp(event, "Ben", size=6)
    assert snapshots.seats(event) == [("Alma", 4, 0), ("Ben", 0, 6)]
    assert seats.available_seats(event) == 3


def test_available_seats_are_negative_when_capacity_drops_below_held():
    event = factories.event(capacity=5)
    factories.rsvp(event, size=5)
    event.capacity = 3
    assert seats.available_seats(event) == -2


@pytest.mark.parametrize(
    ("size", "free", "accepts_partial", "held_and_waiting"),
    [
        (3, 3, False, (3, 0)),
        (3, 4, True, (3, 0)),
        (3, 2, False, (0, 3)),
        (3, 2, True, (2, 1)),
        (3, 0, True, (0, 3)),
        (3, -5, True, (0, 3)),
        (3, -5, False, (0, 3)),
    ],
)
def test_split_seats_into_held_and_waitlisted(size, free, accepts_partial, held_and_waiting):
    assert seats.split_seats(size, free, accepts_partial=accepts_partial) == held_and_waiting


# Rule 2 -----------------------------------------------------------------------------------------------------------


def test_reserve_confirms_a_party_that_fits():
    rsvp = factories.rsvp(factories.event(capacity=3), "Alma Reyes", size=3, guests=("Ben Okafor",))
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.waitlisted_since, rsvp.status) == (3, 0, None, "confirmed")
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben Okafor"), (3, "")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]
    assert (rsvp.ics_sequence, rsvp.overbooked_seats, rsvp.source) == (1, 0, "web")


def test_reserve_waitlists_the_whole_party_if_it_does_not_fit():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=3)
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.status) == (0, 3, "waitlisted")
    assert rsvp.waitlisted_since is not None
    assert len(snapshots.guests(rsvp)) == 3
    assert snapshots.emails(rsvp) == ["waitlisted 1"]


def test_reserve_with_accepts_partial_confirms_some_and_waitlists_the_rest():
    rsvp = factories.rsvp(factories.event(capacity=2), size=3, accepts_partial=True)
    assert (rsvp.held_seats, rsvp.waitlisted_seats, rsvp.status) == (2, 1, "partially_confirmed")
    assert snapshots.emails(rsvp) == ["waitlisted 1 REQUEST"]


def test_reserve_confirms_a_small_party_while_a_larger_one_is_waitlisted():
    event = factories.event(capacity=2)
    factories.rsvp(event, "Large", size=3)
    factories.rsvp(event, "Small", size=2)
    assert snapshots.seats(event) == [("Large", 0, 3), ("Small", 2, 0)]


def test_reserve_does_not_use_reserved_seats():
    event = factories.event(capacity=4, reserved_seats=2)
    factories.rsvp(event, size=3)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 3)]


@pytest.mark.parametrize("size", [0, -1, 7, 10**30])
def test_reserve_with_an_invalid_party_size_is_refused(size):
    event = factories.event(max_party_size=6)
    with pytest.raises(seats.PartyOutOfBounds, match=r"^A party can have 1 to 6 people\.$"):
        factories.rsvp(event, size=size)
    assert (Rsvp.objects.count(), Guest.objects.count(), snapshots.emails()) == (0, 0, [])


def test_reserve_for_two_is_refused_when_max_party_size_is_one():
    with pytest.raises(seats.PartyOutOfBounds, match=r"^Each RSVP for this event is for one person\.$"):
        factories.rsvp(factories.event(max_party_size=1), size=2)


# Rule 8 -----------------------------------------------------------------------------------------------------------


def test_reserve_with_a_duplicate_email_in_any_letter_case_is_refused():
    event = factories.event()
    first = factories.rsvp(event, email="Alma@example.org")
    with pytest.raises(seats.DuplicateRsvp, match="already") as error:
        factories.rsvp(event, "Somebody Else", email="aLMA@example.org", size=4)
    assert error.value.rsvp == first
    assert snapshots.seats(event) == [("Alma Reyes", 1, 0)]
    assert snapshots.emails() == ["confirmed 1 REQUEST"]


def test_reserve_with_a_duplicate_email_causes_no_database_error():
    """PostgreSQL would log a failed INSERT with every name and email address in it."""
    event = factories.event()
    factories.rsvp(event)
    failed = []

    def watch(execute, sql, *arguments):
        try:
            return execute(sql, *arguments)
        except DatabaseError:
            failed.append(sql)
            raise

    with connection.execute_wrapper(watch), pytest.raises(seats.DuplicateRsvp):
        factories.rsvp(event)
    assert failed == []


def test_reserve_allows_the_same_email_for_another_event():
    factories.rsvp(factories.event())
    factories.rsvp(factories.event())
    assert Rsvp.objects.filter(email="alma.reyes@example.org").count() == 2


def test_database_refuses_a_second_rsvp_with_the_same_email():
    event = factories.event()
    factories.rsvp(event, email="alma@example.org")
    with pytest.raises(IntegrityError, match="rsvp_one_per_email_and_event"), transaction.atomic():
        factories.unsaved_rsvp(event, email="ALMA@example.org", held_seats=1).save()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"held_seats": -1}, "rsvp_has_seats_unless_canceled"),
        ({"held_seats": 0}, "rsvp_has_seats_unless_canceled"),
        ({"canceled_at": timezone.now()}, "rsvp_has_seats_unless_canceled"),
        ({"waitlisted_seats": 2}, "rsvp_waitlisted_since_iff_waitlisted"),
        ({"waitlisted_since": timezone.now()}, "rsvp_waitlisted_since_iff_waitlisted"),
        ({"overbooked_seats": 2}, "rsvp_overbooked_within_held"),
    ],
)
def test_database_refuses_inconsistent_seat_counts(fields, constraint):
    rsvp = factories.rsvp(factories.event())
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Rsvp.objects.filter(pk=rsvp.pk).update(**fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        (lambda event: {"ends_at": event.starts_at}, "event_ends_after_it_starts"),
        (lambda event: {"rsvp_closes_at": event.rsvp_opens_at}, "event_rsvp_closes_after_it_opens"),
        (lambda event: {"rsvp_closes_at": event.ends_at + hours(1)}, "event_rsvp_closes_by_its_end"),
        (lambda event: {"max_party_size": 0}, "event_max_party_size_in_bounds"),
        (lambda event: {"max_party_size": 21}, "event_max_party_size_in_bounds"),
        (lambda event: {"capacity": 20_001}, "event_capacity_in_bounds"),
        (lambda event: {"capacity": -1}, "capacity"),
        (lambda event: {"reserved_seats": -1}, "reserved_seats"),
    ],
)
def test_database_refuses_invalid_events(fields, constraint):
    event = factories.event()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(**fields(event))


# When it is not allowed -------------------------------------------------------------------------------------------

NOW = timezone.now()
CLOSED = {
    "soon": {"rsvp_opens_at": NOW + hours(1)},
    "closed": {"rsvp_closes_at": NOW - hours(1)},
    "unpublished": {"is_published": False},
    "cancelled": {"canceled_at": NOW},
    "over": {"starts_at": NOW - hours(3), "ends_at": NOW - hours(1), "rsvp_opens_at": NOW - hours(99)},
}


@pytest.mark.parametrize("fields", CLOSED.values(), ids=CLOSED)
def test_reserve_is_refused_when_the_event_takes_no_rsvps(fields):
    event = factories.event(**fields)
    with pytest.raises(seats.RsvpClosed, match=r"^This event isn’t taking RSVPs right now\.$"):
        factories.rsvp(event)
    assert (Rsvp.objects.count(), snapshots.emails()) == (0, [])


@pytest.mark.parametrize("state", ["soon", "closed", "unpublished"])
def test_reserve_by_staff_works_when_rsvps_are_closed_to_guests(state):
    event = factories.event(**CLOSED[state])
    seats.reserve(factories.unsaved_rsvp(event), size=2, by_staff=True)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]


@pytest.mark.parametrize("state", ["cancelled", "over"])
def test_reserve_by_staff_is_refused_for_canceled_and_past_events(state):
    event = factories.event(**CLOSED[state])
    with pytest.raises(seats.RsvpClosed):
        seats.reserve(factories.unsaved_rsvp(event), size=2, by_staff=True)
    assert snapshots.seats(event) == []


def test_reserve_for_a_deleted_event_is_refused():
    event = factories.event()
    rsvp = factories.unsaved_rsvp(event)
    event.delete()
    with pytest.raises(Event.DoesNotExist):
        seats.reserve(rsvp, size=1)


# Rule 7 -----------------------------------------------------------------------------------------------------------


def test_reserve_over_capacity_counts_overbooked_seats():
    event = factories.event(capacity=2)
    factories.rsvp(event, "Alma", size=1)
    walk_in = seats.reserve(
        factories.unsaved_rsvp(event, "Walk In"), size=3, by_staff=True, override_reason="The superintendent asked"
    )
    assert (walk_in.held_seats, walk_in.waitlisted_seats, walk_in.overbooked_seats) == (3, 0, 2)
    assert seats.available_seats(event) == -2
    assert snapshots.emails(walk_in) == ["confirmed 1 REQUEST"]


def test_reserve_with_override_overbooks_nothing_while_seats_are_available():
    event = factories.event(capacity=3)
    assert (
        seats.reserve(
            factories.unsaved_rsvp(event), size=3, by_staff=True, override_reason="The superintendent asked"
        ).overbooked_seats
        == 0
    )


def test_reserve_takes_available_seats_after_the_waitlist_has_closed():
    event = factories.event(starts_at=timezone.now() + hours(5), rsvp_closes_at=timezone.now() + hours(4))
    assert not event.waitlist_is_open
    assert factories.rsvp(event, size=2).held_seats == 2
