"""Changing an event follows the same seat rules (rule 6)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from summit import seats
from summit.models import Event
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def save(event: Event, **fields) -> Event:
    """Save the event as a form does."""
    event = Event.objects.get(pk=event.pk)
    for name, value in fields.items():
        setattr(event, name, value)
    return factories.save_event(event)


def test_save_event_creates_a_new_event():
    event = factories.event()
    event.pk, event.slug = None, "another"
    event._state.adding = True
    assert factories.save_event(event).pk
    assert Event.objects.count() == 2


@pytest.mark.parametrize("change", [{"capacity": 4}, {"reserved_seats": 1}])
def test_save_event_with_more_seats_promotes_the_waitlist(change):
    event = factories.event(capacity=3, reserved_seats=2)
    factories.rsvp(event, "Seated")
    first = factories.rsvp(event, "First")
    factories.rsvp(event, "Second")
    for _twice in range(2):
        save(event, **change)
    assert snapshots.seats(event) == [("Seated", 1, 0), ("First", 1, 0), ("Second", 0, 1)]
    assert snapshots.emails(first) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_save_event_with_lower_capacity_keeps_held_seats():
    event = factories.event(capacity=4)
    factories.rsvp(event, "Alma", size=4)
    factories.rsvp(event, "Waits")
    save(event, capacity=2)
    assert snapshots.seats(event) == [("Alma", 4, 0), ("Waits", 0, 1)]
    assert seats.available_seats(Event.objects.get()) == -2
    save(event, capacity=4)
    assert snapshots.seats(event) == [("Alma", 4, 0), ("Waits", 0, 1)]
    save(event, capacity=5)
    assert snapshots.seats(event) == [("Alma", 4, 0), ("Waits", 1, 0)]
    assert len(snapshots.emails()) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda event: {"starts_at": event.starts_at + timedelta(minutes=30)},
        lambda event: {"ends_at": event.ends_at + timedelta(minutes=30)},
        lambda event: {"venue": "Weber Point Events Center"},
        lambda event: {"address": "221 North Center Street, Stockton, California"},
    ],
    ids=["start", "end", "venue", "address"],
)
def test_save_event_with_new_time_or_place_notifies_active_parties_once(change):
    event = factories.event(capacity=1)
    seated, waitlisted = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits")
    canceled = seats.cancel(factories.rsvp(event, "Cancelled"))
    moved = change(event)
    for _twice in range(2):
        save(event, **moved)
    assert snapshots.emails(seated) == ["confirmed 1 REQUEST", "event_rescheduled 2 REQUEST"]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "event_rescheduled 2"]
    assert snapshots.emails(canceled) == ["waitlisted 1", "canceled 2"]


def test_save_event_with_new_place_and_capacity_sends_both_emails():
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    waitlisted = factories.rsvp(event, "Waits")
    save(event, capacity=2, venue="Weber Point Events Center")
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST", "event_rescheduled 3 REQUEST"]
    assert "Weber Point Events Center" in waitlisted.messages.first().body_text


@pytest.mark.parametrize("change", [{"title": "Another name"}, {"meal": "lunch"}, {"max_party_size": 2}])
def test_save_event_with_same_time_and_place_sends_no_email(change):
    event = factories.event()
    factories.rsvp(event)
    save(event, **change)
    assert snapshots.emails() == ["confirmed 1 REQUEST"]


def test_save_event_sends_no_email_for_past_and_canceled_events():
    start = timezone.now() - timedelta(hours=9)
    hours = {"starts_at": start, "ends_at": start + timedelta(hours=2), "rsvp_closes_at": start}
    for fields in ({"canceled_at": timezone.now()}, hours):
        event = factories.event()
        rsvp = factories.rsvp(event)
        Event.objects.filter(pk=event.pk).update(**fields)
        save(event, venue="Weber Point Events Center")
        assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"], fields


def test_saving_a_stale_event_does_not_undo_its_cancellation():
    event = factories.event()
    stale = Event.objects.get()
    factories.cancel_event(event)
    factories.save_event(stale)
    assert Event.objects.get().canceled_at is not None


def test_cancel_event_notifies_active_parties_once_and_keeps_rsvps():
    event = factories.event(capacity=1)
    seated, waitlisted = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits")
    canceled = seats.cancel(factories.rsvp(event, "Cancelled"))
    for _twice in range(2):
        factories.cancel_event(event)
    assert snapshots.seats(event) == [("Seated", 1, 0), ("Waits", 0, 1), ("Cancelled", 0, 0)]
    assert snapshots.emails(seated) == ["confirmed 1 REQUEST", "event_canceled 2 CANCEL"]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "event_canceled 2"]
    assert snapshots.emails(canceled) == ["waitlisted 1", "canceled 2"]


def test_cancel_event_notifies_guests_of_an_unpublished_event():
    event = factories.event()
    factories.rsvp(event)
    Event.objects.update(is_published=False)
    assert factories.cancel_event(event).canceled_at is not None
    assert snapshots.emails() == ["confirmed 1 REQUEST", "event_canceled 2 CANCEL"]


def test_cancel_event_is_refused_for_past_events():
    start = timezone.now() - timedelta(hours=9)
    event = factories.event(starts_at=start)
    with pytest.raises(seats.RsvpClosed, match="over"):
        factories.cancel_event(event)
    assert Event.objects.get().canceled_at is None


def test_canceling_an_rsvp_of_a_canceled_event_promotes_no_one():
    event = factories.event(capacity=1)
    seated = factories.rsvp(event, "Seated")
    factories.rsvp(event, "Waits")
    factories.cancel_event(event)
    seats.cancel(seated)
    assert snapshots.seats(event) == [("Seated", 0, 0), ("Waits", 0, 1)]
