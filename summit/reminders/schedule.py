"""When reminders are due, and until when they help: read from an event and the district's calendar each time."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from summit.models import Event, Reminder

Kind = Reminder.Kind
HOUR = 9  # in the morning, when a reminder is due


class Span(NamedTuple):
    """From when a reminder is due, and from when it helps nobody any more."""

    due: Callable[[Event], datetime]
    until: Callable[[Event], datetime]


def day_of(moment: datetime) -> date:
    """Its day in the district."""
    return timezone.localdate(moment, timezone.get_default_timezone())


def at(day: date, hour: int = HOUR) -> datetime:
    """An hour of a day in the district, whatever its clocks did meanwhile."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=timezone.get_default_timezone())


def around_start(days: int, hour: int = HOUR) -> Callable[[Event], datetime]:
    return lambda event: at(day_of(event.starts_at) + timedelta(days), hour)


def around_end(days: int, hour: int = HOUR) -> Callable[[Event], datetime]:
    return lambda event: at(day_of(event.ends_at) + timedelta(days), hour)


SPANS = {
    Kind.WEEK: Span(around_start(-7), around_start(-3)),
    Kind.NAMES: Span(around_start(-3), around_start(-1)),
    Kind.DAY: Span(around_start(-1), lambda event: event.starts_at - timedelta(hours=2)),
    Kind.THANKS: Span(around_end(1), around_end(8, hour=0)),
}


def worth_until(kind: Reminder.Kind, event: Event, now: datetime) -> datetime:
    """Until when a letter that is written now may be sent: one that says "tomorrow" ends with its day."""
    until = SPANS[kind].until(event)
    says_how_soon = kind in {Kind.WEEK, Kind.DAY}
    return min(until, at(day_of(now) + timedelta(days=1), hour=0)) if says_how_soon else until


def days_ago(now: datetime, days: int) -> datetime:
    """What was sent before this is, in the morning of this or an earlier day, so many days old."""
    last_morning = day_of(now) if now >= at(day_of(now)) else day_of(now) - timedelta(days=1)
    return at(last_morning - timedelta(days=days - 1), hour=0)
