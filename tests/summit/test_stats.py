"""Event statistics for staff."""

from datetime import UTC, date, datetime, timedelta

import pytest

from imagine.mail.models import Message
from partners.models import Pledge
from summit import seats, stats
from summit.models import Event, Guest, Rsvp
from summit.stats import Needs, Period
from tests import factories

pytestmark = pytest.mark.django_db


def party(event: Event, name: str, *needs: tuple[str, str]) -> Rsvp:
    """Create a party with one guest for each pair of dietary and accessibility needs."""
    guests = [Guest(dietary_needs=diet, accessibility_needs=access) for diet, access in needs]
    return seats.reserve(factories.unsaved_rsvp(event, name), size=len(needs), guests=guests)


def set_created_at(rsvp: Rsvp, *days_ago: int) -> None:
    Rsvp.objects.filter(pk=rsvp.pk).update(created_at=datetime(*days_ago, tzinfo=UTC))


def test_seat_counts_of_a_full_event():
    event = factories.event(capacity=8, reserved_seats=2)
    factories.rsvp(event, "Seated", size=4)
    factories.rsvp(event, "Partly", size=3, accepts_partial=True)
    factories.rsvp(event, "Waits", size=2)
    seats.cancel(factories.rsvp(event, "Gone"))
    factories.rsvp(factories.event(), "Elsewhere", size=5)
    assert stats.seat_counts(event) == {
        "capacity": 8,
        "reserved": 2,
        "held": 6,
        "waiting": 3,
        "free": 0,
        "over": 0,
        "overbooked": 0,
        "confirmed_parties": 1,
        "partially_confirmed_parties": 1,
        "waitlisted_parties": 1,
        "canceled_parties": 1,
        "canceled_late_parties": 0,
        "skipped_parties": 0,
    }


def test_seat_counts_of_an_event_without_rsvps():
    event = factories.event(capacity=8, reserved_seats=2)
    assert {name: number for name, number in stats.seat_counts(event).items() if number} == {
        "capacity": 8,
        "reserved": 2,
        "free": 6,
    }


def test_seat_counts_show_over_when_capacity_drops_below_held():
    event = factories.event(capacity=5)
    factories.rsvp(event, size=5)
    event.capacity = 3
    event.save()
    counted = stats.seat_counts(event)
    assert (counted["free"], counted["over"]) == (0, 2)


def test_seat_counts_include_late_cancellations_and_overbooked_seats():
    event = factories.event(capacity=1)
    seated = factories.rsvp(event, "Seated")
    factories.stop_promotion(event)
    seats.promote_by_staff(factories.rsvp(event, "Walks in"), override_reason="The speaker's driver")
    seats.cancel(seated)
    counted = stats.seat_counts(event)
    assert (counted["canceled_late_parties"], counted["overbooked"]) == (1, 1)


def test_rsvps_by_day_use_local_time_and_include_empty_days():
    event = factories.event(capacity=3)
    set_created_at(factories.rsvp(event, "Late on the 1st", size=2), 2027, 3, 2, 7, 59)  # 11:59 p.m. in Stockton
    set_created_at(factories.rsvp(event, "Early on the 2nd", size=1), 2027, 3, 2, 8, 0)
    set_created_at(factories.rsvp(event, "Waits", size=4), 2027, 3, 4, 20)
    canceled = factories.rsvp(event, "Gone", size=1)
    set_created_at(canceled, 2027, 3, 9, 20)
    seats.cancel(canceled)
    assert stats.rsvps_by_day(event) == [
        Period(date(2027, 3, 1), 1, 2),
        Period(date(2027, 3, 2), 1, 1),
        Period(date(2027, 3, 3), 0, 0),
        Period(date(2027, 3, 4), 1, 4),
    ]


def test_rsvps_by_day_are_grouped_by_week_after_three_months():
    event = factories.event()
    set_created_at(factories.rsvp(event, "First", size=1), 2027, 1, 1, 20)
    set_created_at(factories.rsvp(event, "Same week", size=2), 2027, 1, 7, 20)
    set_created_at(factories.rsvp(event, "Last", size=3), 2027, 4, 9, 20)
    weeks = stats.rsvps_by_day(event)
    assert (len(weeks), weeks[0], weeks[-1]) == (
        15,
        Period(date(2027, 1, 1), 2, 3),
        Period(date(2027, 4, 9), 1, 3),
    )
    assert stats.are_weeks(weeks)


def test_event_without_rsvps_has_no_days():
    assert stats.rsvps_by_day(factories.event()) == []
    assert not stats.are_weeks([])


def test_seats_by_day_count_confirmed_seats_of_each_event():
    event, other = factories.event(capacity=4), factories.event()
    set_created_at(factories.rsvp(event, "First", size=2), 2027, 3, 2, 7, 59)  # 11:59 p.m. on the 1st in Stockton
    set_created_at(factories.rsvp(event, "Partly", size=3, accepts_partial=True), 2027, 3, 4, 20)
    set_created_at(factories.rsvp(event, "Waits"), 2027, 3, 5, 20)
    seats.cancel(factories.rsvp(other, "Gone"))
    set_created_at(factories.rsvp(other, "Elsewhere", size=5), 2027, 3, 4, 20)
    assert stats.seats_by_day([event, other]) == {
        event.pk: {date(2027, 3, 1): 2, date(2027, 3, 4): 2},
        other.pk: {date(2027, 3, 4): 5},
    }


def test_event_a_year_before_is_of_the_same_type_and_closest_to_the_day():
    event = held_on(2028, 4, 6, school_year=2028)
    before = held_on(2027, 4, 1, school_year=2027)
    held_on(2027, 9, 1, school_year=2027)
    held_on(2027, 4, 6, school_year=2027, kind="kickoff")
    held_on(2027, 4, 6, school_year=2027, is_published=False)
    factories.mark_event_canceled(held_on(2027, 4, 6, school_year=2027))
    first = held_on(2027, 10, 1, school_year=2027, kind="gathering")
    assert stats.events_a_year_before([event, first, before]) == {event.pk: before}


def held_on(*day: int, **fields) -> Event:
    starts_at = datetime(*day, 15, tzinfo=UTC)
    times = {
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "rsvp_opens_at": starts_at - timedelta(days=60),
        "rsvp_closes_at": starts_at,
    }
    return factories.event(**times, **fields)


def test_rsvps_by_sector_are_sorted_by_parties_with_unspecified_last():
    event = factories.event(capacity=4)
    for name, size, sector in [("A", 2, "labor"), ("B", 1, ""), ("C", 1, ""), ("D", 3, "labor"), ("E", 1, "college")]:
        factories.rsvp(event, name, size=size, sector=sector)
    seats.cancel(factories.rsvp(event, "Gone", sector="faith"))
    assert [tuple(row.values()) for row in stats.rsvps_by_sector(event)] == [
        ("labor", 2, 2, 3, "Labor"),
        ("college", 1, 0, 1, "College or university"),
        ("", 2, 2, 0, "Not given"),
    ]


def test_needs_are_grouped_ignoring_letter_case_and_spacing():
    event = factories.event()
    party(event, "A", ("Vegetarian", ""), ("vegetarian", "Wheelchair space"), ("  Vegetarian ", ""), ("", ""))
    party(event, "B", ("Nut  allergy", ""), ("SIN  CERDO", ""), ("sin cerdo", ""), ("nut allergy", ""))
    food, access = stats.needs_of_guests(event)
    assert [(need.casefold(), number) for need, number in food.counted] == [
        ("vegetarian", 3),
        ("nut allergy", 2),
        ("sin cerdo", 2),
    ]
    assert (food.counted[0], food.silent) == (("Vegetarian", 3), 1)
    assert access == Needs([("Wheelchair space", 1)], 7)


def test_needs_of_anyone_in_a_party_count_once_and_are_marked():
    event = factories.event()
    factories.rsvp(event, "A", size=3, party_dietary_needs="No nuts")
    factories.rsvp(event, "B", size=2, party_dietary_needs="no nuts")
    food, access = stats.needs_of_guests(event)
    assert food == Needs([("No nuts (anyone in a party)", 2)], 5)
    assert access == Needs([], 5)


def test_needs_count_only_guests_with_held_seats():
    event = factories.event(capacity=2)
    partly = factories.unsaved_rsvp(event, "Partly", accepts_partial=True)
    guests = [Guest(dietary_needs="Vegan"), Guest(dietary_needs="Halal"), Guest(dietary_needs="No pork")]
    seats.reserve(partly, size=3, guests=guests)
    party(event, "Waits", ("Gluten free", ""))
    seats.cancel(party(event, "Gone", ("Kosher", "")))
    food, access = stats.needs_of_guests(event)
    assert food == Needs([("Halal", 1), ("Vegan", 1)], 0)
    assert access == Needs([], 2)


def test_first_on_waitlist_says_who_was_skipped_and_why():
    event = factories.event(capacity=4)
    seated = factories.rsvp(event, "Seated", size=2)
    factories.rsvp(event, "Stays", size=2)
    large = factories.rsvp(event, "Large", size=4)
    factories.rsvp(event, "Small", size=2)
    factories.rsvp(event, "Later", size=3)
    seats.cancel(seated)
    Rsvp.objects.filter(pk=large.pk).update(skipped_at=datetime(2027, 3, 4, 16, 12, tzinfo=UTC))
    assert [(waitlist_entry.rsvp.name, waitlist_entry.why) for waitlist_entry in stats.first_on_waitlist(event)] == [
        (
            "Large",
            "Waiting for 4 seats together. Skipped on March 4 at 8:12\N{NO-BREAK SPACE}a.m.: a later party fit the "
            "available seats.",
        ),
        ("Later", ""),
    ]


def test_unnamed_guest_count_includes_only_active_parties():
    event = factories.event(capacity=4)
    factories.rsvp(event, "Named", size=2, guests=("Ben Ochoa",))
    factories.rsvp(event, "Waits", size=4, guests=("María Thạch",))
    seats.cancel(factories.rsvp(event, "Gone", size=3))
    factories.rsvp(factories.event(), "Elsewhere", size=3)
    assert stats.unnamed_guest_count(event) == 2


def test_failed_messages_are_only_those_of_this_event():
    event, other = factories.event(), factories.event()
    rsvp, held, elsewhere = factories.rsvp(event, "A"), factories.rsvp(event, "B"), factories.rsvp(other, "C")
    for failed, state in [(rsvp, Message.State.REJECTED), (elsewhere, Message.State.FAILED)]:
        failed.messages.update(state=state)
    failed = rsvp.messages.get()
    unknown = {"recipient": "a@example.org", "state": Message.State.UNKNOWN}
    Message.objects.create(idempotency_key="about nothing", **unknown)
    Message.objects.create(idempotency_key="of another kind", about=Pledge(pk=rsvp.pk), **unknown)
    Message.objects.create(idempotency_key="of another party", about=Rsvp(pk=rsvp.pk * 100), **unknown)
    assert held.messages.get().state == Message.State.QUEUED
    assert list(stats.failed_messages(event)) == [failed]


@pytest.mark.slow
def test_each_figure_takes_one_query_for_3_and_30_rsvps(django_assert_num_queries):
    event = factories.event(capacity=20)
    for number in range(3):
        factories.rsvp(event, f"Guest {number}", size=2)
    for more in (27, 0):
        for figure in (
            stats.seat_counts,
            stats.rsvps_by_day,
            stats.rsvps_by_sector,
            stats.needs_of_guests,
            stats.first_on_waitlist,
            stats.unnamed_guest_count,
        ):
            with django_assert_num_queries(1):
                figure(event)
        with django_assert_num_queries(1):
            list(stats.failed_messages(event))
        for number in range(more):
            factories.rsvp(event, f"More {number}", size=2)
