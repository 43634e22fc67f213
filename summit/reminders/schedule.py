"""When reminders are due, and how long they are useful, computed from an event and the district's calendar."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from imagine.core.formatting import district_date
from summit.models import Event, Reminder

ReminderKind = Reminder.Kind
HOUR = 9  # of the day, when reminders are due


class DuePeriod(NamedTuple):
    """From when a reminder is due, and from when it is useless."""

    due: Callable[[Event], datetime]
    until: Callable[[Event], datetime]


def district_time(day: date, hour: int = HOUR) -> datetime:
    """Return an hour of a day in the district, in daylight saving time or not."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=timezone.get_default_timezone())


def around_start(days: int, hour: int = HOUR) -> Callable[[Event], datetime]:
    return lambda event: district_time(district_date(event.starts_at) + timedelta(days), hour)


def around_end(days: int, hour: int = HOUR) -> Callable[[Event], datetime]:
    return lambda event: district_time(district_date(event.ends_at) + timedelta(days), hour)


DUE_PERIODS = {
    ReminderKind.WEEK: DuePeriod(around_start(-7), around_start(-3)),
    ReminderKind.NAMES: DuePeriod(around_start(-3), around_start(-1)),
    ReminderKind.DAY: DuePeriod(around_start(-1), lambda event: event.starts_at - timedelta(hours=2)),
    ReminderKind.THANKS: DuePeriod(around_end(1), around_end(8, hour=0)),
}


def useful_until(kind: Reminder.Kind, event: Event, now: datetime) -> datetime:
    """Return until when a reminder written now may be sent. One that says "tomorrow" ends with its day."""
    until = DUE_PERIODS[kind].until(event)
    says_how_soon = kind in {ReminderKind.WEEK, ReminderKind.DAY}
    return min(until, district_time(district_date(now) + timedelta(days=1), hour=0)) if says_how_soon else until


def start_of_day_before(now: datetime, days: int) -> datetime:
    """Return the moment before which something must have been sent to be this many days old, counted at HOUR of the
    morning."""
    last_morning = (
        district_date(now) if now >= district_time(district_date(now)) else district_date(now) - timedelta(days=1)
    )
    return district_time(last_morning - timedelta(days=days - 1), hour=0)
