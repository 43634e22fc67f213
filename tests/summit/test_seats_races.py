"""Concurrent RSVPs with real connections: rule 9 of the seats, and a control that must fail."""

import threading
from collections.abc import Callable

import pytest

from imagine.core.errors import RuleViolation
from summit import seats
from summit.models import Event, Rsvp
from tests import concurrency, factories, snapshots

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

THREADS = 20


def at_once(calls: list[Callable]) -> list:
    return concurrency.run_at_once(calls, (RuleViolation, Rsvp.DoesNotExist))


def reserve_call(event: Event, name: str, **fields) -> Callable:
    return lambda: factories.rsvp(event, name, **fields)


def test_concurrent_rsvps_fill_the_last_seats_and_waitlist_the_rest():
    event = factories.event(capacity=7)
    at_once([reserve_call(event, f"Guest {number}") for number in range(THREADS)])
    rows = snapshots.seats(event)
    assert sorted(row[1:] for row in rows) == [(0, 1)] * (THREADS - 7) + [(1, 0)] * 7
    assert sorted(snapshots.emails()) == ["confirmed 1 REQUEST"] * 7 + ["waitlisted 1"] * (THREADS - 7)
    assert event.rsvps.waitlist().count() == THREADS - 7


def test_control_without_the_lock_concurrent_rsvps_exceed_capacity(monkeypatch):
    """Shows why the lock is needed. If this passes without overbooking, the test above proves nothing."""
    event = factories.event(capacity=7)
    counted = threading.Barrier(THREADS)
    available_seats = seats.available_seats

    def all_count_before_one_writes(event: Event) -> int:
        available = available_seats(event)
        counted.wait(timeout=30)
        return available

    monkeypatch.setattr(seats, "lock_event", lambda pk: Event.objects.get(pk=pk))
    monkeypatch.setattr(seats, "available_seats", all_count_before_one_writes)
    at_once([reserve_call(event, f"Guest {number}") for number in range(THREADS)])
    assert sum(held for _name, held, _waiting in snapshots.seats(event)) > 7


def test_concurrent_rsvps_with_the_same_email_save_one_and_send_one_message():
    event = factories.event()
    results = at_once([reserve_call(event, "Alma Reyes", size=3)] * THREADS)
    assert concurrency.type_names(results) == ["DuplicateRsvp"] * (THREADS - 1) + ["Rsvp"]
    assert snapshots.seats(event) == [("Alma Reyes", 3, 0)]
    assert snapshots.emails() == ["confirmed 1 REQUEST"]


def test_seats_freed_during_concurrent_rsvps_are_given_out_once():
    event = factories.event(capacity=6)
    seated = [factories.rsvp(event, f"Seated {number}", size=2) for number in range(3)]
    for number in range(4):
        factories.rsvp(event, f"Waits {number}")
    at_once(
        [
            *(lambda rsvp=rsvp: seats.cancel(rsvp) for rsvp in seated),
            *(reserve_call(event, f"New {number}") for number in range(6)),
        ]
    )
    rows = snapshots.seats(event)
    assert sum(held for _name, held, _waiting in rows) == 6
    assert [row[1:] for row in rows if row[0].startswith("Waits")] == [(1, 0)] * 4
    assert sum(email.startswith("promoted") for email in snapshots.emails()) == sum(
        email.startswith("waitlisted") for email in snapshots.emails()
    ) - sum(waitlisted_seats for _name, _held, waitlisted_seats in rows)


def test_concurrent_cancellations_of_one_party_notify_it_once():
    event = factories.event(capacity=2)
    rsvp, waitlisted = factories.rsvp(event, size=2), factories.rsvp(event, "Waits", size=2)
    at_once([lambda: seats.cancel(rsvp)] * 6)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 0), ("Waits", 2, 0)]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "canceled 2 CANCEL"]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_two_staff_promoting_concurrently_give_the_last_seat_once():
    event = factories.event(capacity=1)
    seated = factories.rsvp(event, "Seated")
    first, second = factories.rsvp(event, "First"), factories.rsvp(event, "Second")
    factories.stop_promotion(event)
    seats.cancel(seated)
    results = at_once([lambda: seats.promote_by_staff(first), lambda: seats.promote_by_staff(second)])
    assert concurrency.type_names(results) == ["NotEnoughSeats", "Rsvp"]
    assert sorted(row[1:] for row in snapshots.seats(event)) == [(0, 0), (0, 1), (1, 0)]


def test_promoting_one_party_over_capacity_concurrently_counts_it_once():
    event = factories.event(capacity=0)
    rsvp = factories.rsvp(event, size=2)
    at_once([lambda: seats.promote_by_staff(rsvp, override_reason="The superintendent asked")] * 4)
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.overbooked_seats) == (2, 2)
    assert snapshots.emails(rsvp) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_party_growing_while_staff_lower_capacity_and_delete_it_is_deleted():
    event = factories.event(capacity=4)
    rsvp = factories.rsvp(event, size=2)

    def shrink_event():
        changed = Event.objects.get(pk=event.pk)
        changed.capacity = 3
        return factories.save_event(changed)

    at_once([lambda: seats.change_party_size(rsvp, size=4), shrink_event, lambda: seats.delete_rsvp(rsvp)] * 2)
    assert snapshots.seats(event) == []
    assert snapshots.emails() == []
    assert Event.objects.get().capacity == 3


def test_growing_a_party_concurrently_grows_it_once():
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    at_once([lambda: seats.change_party_size(rsvp, size=3)] * 5)
    assert snapshots.seats(event) == [("Alma Reyes", 3, 0)]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST"]
    assert len(snapshots.guests(rsvp)) == 3
