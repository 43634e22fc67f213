"""The chart of an event's confirmed seats by day, beside its capacity and the event of a year before.
templates/admin/summit/event/_seat_chart.html draws it. Curves are compared by the number of days before each event."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from math import ceil

from django.utils import timezone

from summit import stats
from summit.models import Event

WIDTH, HEIGHT = 1000, 200  # the width is stretched to that of the page
TOP, FLOOR = 10, 190
MAX_DAYS = 366  # earlier RSVPs count on the first of these
MAX_TICKS, MAX_ROWS = 4, 16


@dataclass(frozen=True)
class Curve:
    """The seats that were taken, by the number of days before the event."""

    event: Event
    seats: Mapping[int, int]

    @property
    def total(self) -> int:
        return sum(self.seats.values())

    def taken_by(self, days_before: int) -> int:
        """Return the seats taken up to this many days before the event."""
        return sum(seats for days, seats in self.seats.items() if days >= days_before)


@dataclass(frozen=True)
class Tick:
    seats: int
    y: int


@dataclass(frozen=True)
class SeatChartRow:
    """The seats taken by this many weeks before the event; None for a week that is still to come."""

    weeks: int
    seats: int | None
    previous: int | None


@dataclass(frozen=True)
class SeatChart:
    """`line` and `previous_line` are paths of SVG; the latter is empty without an event to compare with, and then
    `previous` is None."""

    event: Event
    previous: Event | None
    seats: int
    previous_by_now: int
    previous_total: int
    days_left: int
    first_day: int
    line: str
    previous_line: str
    end_x: int
    end_y: int
    capacity_y: int
    ticks: list[Tick]
    rows: list[SeatChartRow]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def middle_day(self) -> int:
        return self.first_day // 2


def seat_charts(events: Iterable[Event]) -> dict[int, SeatChart | None]:
    """Return the chart of each event by its primary key, or None if it has nothing to show, in two queries."""
    events = list(events)
    before = stats.events_a_year_before(events)
    by_day = stats.seats_by_day({*events, *before.values()})
    curves = {event.pk: curve(event, by_day.get(event.pk, {})) for event in {*events, *before.values()}}
    return {
        event.pk: seat_chart(curves[event.pk], curves[before[event.pk].pk] if event.pk in before else None)
        for event in events
    }


def curve(event: Event, by_day: Mapping[date, int]) -> Curve:
    """Return seats by day as seats by the number of days before the event; what came later counts as on its day."""
    held_on, seats = timezone.localdate(event.starts_at), Counter[int]()
    for day, number in by_day.items():
        seats[min(max((held_on - day).days, 0), MAX_DAYS)] += number
    return Curve(event, seats)


def seat_chart(current: Curve, previous: Curve | None) -> SeatChart | None:
    previous = previous if previous and previous.seats else None
    first_day = max([1, *current.seats, *(previous.seats if previous else ())])
    if not current.seats and not previous:
        return None
    event, capacity = current.event, current.event.public_seats
    until_event = max((timezone.localdate(event.starts_at) - timezone.localdate()).days, 0)
    days_left = min(until_event, first_day)
    step = tick_step(max(capacity, current.total, previous.total if previous else 0))
    top = step * ceil(max(capacity, current.total, previous.total if previous else 0, 1) / step)
    return SeatChart(
        event=event,
        previous=previous.event if previous else None,
        seats=current.total,
        previous_by_now=previous.taken_by(until_event) if previous else 0,
        previous_total=previous.total if previous else 0,
        days_left=until_event,
        first_day=first_day,
        line=step_line(current, first_day, days_left, top),
        previous_line=step_line(previous, first_day, 0, top) if previous else "",
        end_x=day_x(days_left, first_day),
        end_y=seats_y(current.total, top),
        capacity_y=seats_y(capacity, top),
        ticks=[Tick(seats, seats_y(seats, top)) for seats in range(0, top + 1, step)],
        rows=chart_rows(current, previous, first_day, until_event),
    )


def tick_step(most: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 … that needs at most MAX_TICKS steps."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    return next(step for step in steps if step * MAX_TICKS >= most)


def day_x(days_before: int, first_day: int) -> int:
    return round((first_day - days_before) * WIDTH / first_day)


def seats_y(seats: int, top: int) -> int:
    return FLOOR - round(seats * (FLOOR - TOP) / top)


def step_line(drawn: Curve, first_day: int, last_day: int, top: int) -> str:
    """Return a path that rises on each day with new seats."""
    path, total = [f"M0 {FLOOR}"], 0
    for days in sorted(drawn.seats, reverse=True):
        total += drawn.seats[days]
        path.append(f"H{day_x(days, first_day)}V{seats_y(total, top)}")
    return "".join([*path, f"H{day_x(last_day, first_day)}"])


def chart_rows(current: Curve, previous: Curve | None, first_day: int, until_event: int) -> list[SeatChartRow]:
    """Return the numbers of both curves every one, two or four weeks, down to the day of the event."""
    step = next(days for days in (7, 14, 28) if first_day <= days * MAX_ROWS)
    return [
        SeatChartRow(
            weeks=days // 7,
            seats=current.taken_by(days) if days >= until_event else None,
            previous=previous.taken_by(days) if previous else None,
        )
        for days in range(step * ceil(first_day / step), -1, -step)
    ]
