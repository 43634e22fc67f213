"""Emails to guests of a rescheduled or canceled event: the request marks the event, and a worker writes them in
batches."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from imagine.mail.models import Message
from summit import event_changes, seats
from summit.emails import rsvp as rsvp_emails
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db

FIRST, SECOND, THIRD = "University of the Pacific", "Stockton Civic Auditorium", "Weber Point Events Center"


@pytest.fixture
def event(monkeypatch) -> Event:
    """An event with four parties, notified two at a time."""
    monkeypatch.setattr(event_changes, "BATCH_SIZE", 2)
    event = factories.event()
    for name in ("Alma", "Ben", "Chue", "Dee"):
        factories.rsvp(event, name)
    return event


def move_to(event: Event, venue: str) -> None:
    event = Event.objects.get(pk=event.pk)
    event.venue = venue
    event_changes.save_event(event)


def notices() -> list[str]:
    """Return the notices in the order written: "Alma: University of the Pacific → Weber Point Events Center"."""
    names = dict(Rsvp.objects.values_list("email", "name"))
    lines = []
    for message in Message.objects.exclude(ics_method="", subject="").order_by("created_at", "object_id"):
        venues = [venue for venue in (FIRST, SECOND, THIRD) if venue in message.body_text]
        if message.kind in {"event_rescheduled", "event_canceled"}:
            lines.append(f"{names[message.recipient]}: {message.kind} {' '.join(venues)}")
    return lines


def test_move_sends_no_email_until_the_worker_runs():
    event = factories.event()
    rsvp = factories.rsvp(event)
    move_to(event, SECOND)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]
    for _twice in range(2):
        assert event_changes.notify_next_guests(event.pk)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "event_rescheduled 2 REQUEST"]
    assert event_changes.events_with_pending_notices() == []


@pytest.mark.slow
@pytest.mark.parametrize("change", ["move", "cancel"])
def test_move_or_cancel_query_count_is_the_same_for_1_and_1500_parties(change, django_assert_num_queries):
    counts = []
    for parties in (1, 1500):
        event = factories.event(capacity=2000)
        rsvps = [
            Rsvp(event=event, name="Guest", email=f"guest{number}@event{event.pk}.example", held_seats=1)
            for number in range(parties)
        ]
        Guest.objects.bulk_create(Guest(rsvp=rsvp, position=1) for rsvp in Rsvp.objects.bulk_create(rsvps))
        with CaptureQueriesContext(connection) as queries:
            move_to(event, SECOND) if change == "move" else event_changes.cancel_event(event)
        counts.append(len(queries))
    assert counts[0] == counts[1] < 25


def test_second_move_midway_notifies_each_party_from_the_venue_it_knows(event):
    move_to(event, SECOND)
    assert event_changes.notify_some_guests(event.pk)
    move_to(event, THIRD)
    factories.notify_guests()
    both = [f"{SECOND} {THIRD}"] * 2
    assert [line.split(": event_rescheduled ")[0] for line in notices()] == [
        "Alma",
        "Ben",
        "Alma",
        "Ben",
        "Chue",
        "Dee",
    ]
    assert [line.split(": event_rescheduled ")[1] for line in notices()] == [
        *[f"{FIRST} {SECOND}"] * 2,
        *both,
        *[f"{FIRST} {THIRD}"] * 2,
    ]


def test_move_back_midway_notifies_only_parties_already_notified(event):
    move_to(event, SECOND)
    assert event_changes.notify_some_guests(event.pk)
    move_to(event, FIRST)
    factories.notify_guests()
    assert [line.partition(":")[0] for line in notices()] == ["Alma", "Ben", "Alma", "Ben"]
    assert [seats.lock_event(event.pk).notices_pending_since, len(snapshots.emails())] == [None, 8]


def test_canceling_midway_notifies_each_party_with_the_venue_it_knows(event):
    move_to(event, SECOND)
    assert event_changes.notify_some_guests(event.pk)
    event_changes.cancel_event(event)
    factories.notify_guests()
    assert notices()[2:] == [
        f"Alma: event_canceled {SECOND}",
        f"Ben: event_canceled {SECOND}",
        f"Chue: event_canceled {FIRST}",
        f"Dee: event_canceled {FIRST}",
    ]


def test_failed_batch_is_left_whole_to_the_next_worker(event, monkeypatch):
    move_to(event, SECOND)
    assert event_changes.notify_some_guests(event.pk)
    with monkeypatch.context() as broken:
        broken.setattr(rsvp_emails, "event_rescheduled_message", lambda rsvp, before: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            event_changes.notify_some_guests(event.pk)
    assert [line.partition(":")[0] for line in notices()] == ["Alma", "Ben"]
    factories.notify_guests()
    assert [line.partition(":")[0] for line in notices()] == ["Alma", "Ben", "Chue", "Dee"]


def test_worker_out_of_time_leaves_the_rest_pending(event, monkeypatch):
    monkeypatch.setattr(event_changes, "NOTIFY_SECONDS", -1)
    move_to(event, SECOND)
    assert event_changes.notify_next_guests(event.pk) is False
    assert len(notices()) == 2
    assert event_changes.events_with_pending_notices() == [event.pk]


def test_new_canceled_and_reinstated_parties_get_no_redundant_notice(event):
    canceled_party, back = (event.rsvps.get(name=name) for name in ("Alma", "Ben"))
    seats.cancel(back)
    move_to(event, SECOND)
    seats.cancel(canceled_party)
    seats.reinstate(back)
    factories.rsvp(event, "New")
    factories.notify_guests()
    assert [line.partition(":")[0] for line in notices()] == ["Chue", "Dee"]
    move_to(event, THIRD)
    factories.notify_guests()
    assert notices()[2:] == [f"{name}: event_rescheduled {SECOND} {THIRD}" for name in ("Ben", "Chue", "Dee", "New")]


def test_no_one_is_notified_once_the_event_is_over(event):
    move_to(event, SECOND)
    factories.end_event(event)
    factories.notify_guests()
    assert notices() == []
    assert event_changes.events_with_pending_notices() == []


def test_saving_a_stale_event_keeps_pending_notices(event):
    stale_event = Event.objects.get(pk=event.pk)
    move_to(event, SECOND)
    stale_event.venue, stale_event.title = SECOND, "The Summit"
    event_changes.save_event(stale_event)
    factories.notify_guests()
    assert len(notices()) == 4
