"""The chart of seats by day: the paths it draws, and its numbers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from summit import charts, seats
from summit.charts import Curve, SeatChartRow
from summit.models import Event, Rsvp
from tests import factories

pytestmark = pytest.mark.django_db


def starting_in(days: int, **fields) -> Event:
    starts_at = timezone.now() + timedelta(days=days)
    times = {
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "rsvp_opens_at": starts_at - timedelta(days=100),
        "rsvp_closes_at": starts_at,
    }
    return factories.event(**times, **fields)


def curve(event: Event, **seats_by_days: int) -> Curve:
    return Curve(event, {int(days.removeprefix("day")): number for days, number in seats_by_days.items()})


def test_seats_are_counted_by_days_before_the_event():
    event = starting_in(0)
    today = timezone.localdate()
    by_day = {today - timedelta(days=500): 1, today - timedelta(days=400): 2, today - timedelta(days=3): 4}
    counted = charts.curve(event, by_day | {today: 8, today + timedelta(days=2): 16})
    assert counted.seats == {charts.MAX_DAYS: 3, 3: 4, 0: 24}, "a walk-in recorded later counts on the day"
    assert (counted.total, counted.taken_by(3), counted.taken_by(4)) == (31, 7, 3)


def test_lines_rise_by_day_and_end_today_and_on_the_day_of_the_event():
    event = starting_in(20, capacity=100)
    chart = charts.seat_chart(curve(event, day40=20, day30=30), curve(starting_in(-345), day40=10, day0=50))
    assert chart.line == "M0 190H0V154H250V100H500", "half of the 40 days are over"
    assert chart.previous_line == "M0 190H0V172H1000V82H1000"
    assert (chart.end_x, chart.end_y, chart.capacity_y) == (500, 100, 10)
    assert [(tick.seats, tick.y) for tick in chart.ticks] == [(0, 190), (50, 100), (100, 10)]
    assert (chart.seats, chart.previous_by_now, chart.previous_total) == (50, 10, 60)
    assert (chart.days_left, chart.first_day, chart.middle_day) == (20, 40, 20)


def test_table_has_both_years_by_week_and_nothing_for_weeks_to_come():
    event = starting_in(9)
    chart = charts.seat_chart(curve(event, day20=20, day9=30), curve(starting_in(-356), day16=10, day3=50))
    assert chart.rows == [
        SeatChartRow(weeks=3, seats=0, previous=0),
        SeatChartRow(weeks=2, seats=20, previous=10),
        SeatChartRow(weeks=1, seats=None, previous=10),
        SeatChartRow(weeks=0, seats=None, previous=60),
    ]
    assert chart.previous_by_now == 10


@pytest.mark.parametrize(("first_day", "rows", "weeks"), [(1, 2, 1), (112, 17, 16), (113, 10, 18), (366, 15, 56)])
def test_table_of_a_long_time_has_fewer_rows(first_day, rows, weeks):
    chart = charts.seat_chart(curve(starting_in(-1), **{f"day{first_day}": 1}), None)
    assert (len(chart.rows), chart.rows[0].weeks, chart.rows[-1]) == (rows, weeks, SeatChartRow(0, 1, None))


def test_past_event_ends_on_its_day():
    chart = charts.seat_chart(curve(starting_in(-30), day10=4, day0=1), None)
    assert (chart.end_x, chart.days_left, chart.previous, chart.previous_line) == (1000, 0, None, "")


def test_event_over_capacity_stays_within_the_drawing():
    chart = charts.seat_chart(curve(starting_in(-1, capacity=10, reserved_seats=4), day5=23), None)
    assert (chart.end_y, chart.capacity_y) == (52, 154)
    assert (chart.ticks[-1].seats, chart.ticks[-1].y) == (30, charts.TOP)


def test_last_years_curve_is_shown_before_the_first_rsvp_of_this_year():
    event = starting_in(60, capacity=20)
    before = starting_in(-305, school_year=event.school_year - 1)
    factories.rsvp(event, "Waits", size=2)
    Rsvp.objects.update(held_seats=0, waitlisted_seats=2, waitlisted_since=timezone.now())
    made_on(before, "Early", 40)
    chart = charts.seat_charts([event])[event.pk]
    assert (chart.previous, chart.seats, chart.previous_by_now, chart.previous_total) == (before, 0, 0, 3)


def test_event_has_no_chart_without_seats_this_year_or_last():
    event = starting_in(60)
    before = starting_in(-305, school_year=event.school_year - 1)
    seats.cancel(factories.rsvp(event))
    assert charts.seat_charts([event]) == {event.pk: None}
    made_on(before, "Early", 10)
    assert charts.seat_charts([event])[event.pk].previous == before
    assert charts.seat_charts([]) == {}


def made_on(event: Event, name: str, days_before: int) -> None:
    """Create a party of 3 that RSVP'd this many days before an event that may be over."""
    rsvp = Rsvp(event=event, name=name, email=f"{name}@example.org", held_seats=3)
    rsvp.save()
    Rsvp.objects.filter(pk=rsvp.pk).update(created_at=event.starts_at - timedelta(days=days_before))


def test_scale_has_few_round_steps():
    assert [charts.tick_step(most) for most in (0, 4, 5, 9, 21, 80, 81, 280, 20_000)] == [
        *(1, 1, 2, 5, 10, 20, 50, 100, 5000)
    ]


@pytest.mark.slow
def test_charts_take_two_queries_for_1_and_10_events(django_assert_num_queries):
    events = [starting_in(60)]
    for number in (1, 10):
        events += [starting_in(number) for number in range(len(events), number)]
        for event in events:
            factories.rsvp(event, f"Guest {event.rsvps.count()}")
        with django_assert_num_queries(2):
            charts.seat_charts(events)
