"""Dates and times the way people here write them, in the district's time zone and the reader's language."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypeVar

from django.utils.dateformat import format as format_date
from django.utils.timezone import get_default_timezone, localtime
from django.utils.translation import get_language

Moment = TypeVar("Moment", datetime, time)


@dataclass(frozen=True)
class Dates:
    """One language's date formats, in Django's syntax, and its words around a time of day."""

    long_date: str
    short_date: str
    day: str
    am: str
    pm: str
    at: str
    at_one: str  # before a time between 1:00 and 1:59
    date_at_time: str


# Not translatable strings: a slip in one of these would break every date.
DATES = {
    "en": Dates(
        long_date="l, F j, Y",
        short_date="F j, Y",
        day="F j",
        am="a.m.",
        pm="p.m.",
        at="at",
        at_one="at",
        date_at_time="{date}, {time}",
    ),
    "es": Dates(
        long_date=r"l j \d\e F \d\e Y",
        short_date=r"j \d\e F \d\e Y",
        day=r"j \d\e F",
        am="a.\N{NO-BREAK SPACE}m.",
        pm="p.\N{NO-BREAK SPACE}m.",
        at="a las",
        at_one="a la",
        date_at_time="{date} {time}",
    ),
}


def long_date(moment: datetime | date | None) -> str:
    """Thursday, April 4, 2019 · jueves 4 de abril de 2019"""
    return format_in_district(moment, dates().long_date)


def short_date(moment: datetime | date | None) -> str:
    """April 4, 2019 · 4 de abril de 2019"""
    return format_in_district(moment, dates().short_date)


def day(moment: datetime | date | None) -> str:
    """April 4 · 4 de abril"""
    return format_in_district(moment, dates().day)


def month(moment: datetime | date | None) -> str:
    """April · abril"""
    return format_in_district(moment, "F")


def day_number(moment: datetime | date | None) -> str:
    """4"""
    return format_in_district(moment, "j")


def clock(moment: datetime | None) -> str:
    """8:00 a.m. · 8:00 a. m."""
    return f"{format_in_district(moment, 'g:i')}\N{NO-BREAK SPACE}{half_of_day(moment)}" if moment else ""


def at_time(moment: datetime | None) -> str:
    """at 8:00 a.m. · a las 8:00 a. m. · a la 1:00 p. m."""
    if moment is None:
        return ""
    at = dates().at_one if format_in_district(moment, "g") == "1" else dates().at
    return f"{at} {clock(moment)}"


def date_at_time(moment: datetime | None) -> str:
    """Thursday, April 4, 2019, at 8:00 a.m. · jueves 4 de abril de 2019 a las 8:00 a. m."""
    return dates().date_at_time.format(date=long_date(moment), time=at_time(moment)) if moment else ""


def half_of_day(moment: datetime) -> str:
    return dates().am if to_district_time(moment).hour < 12 else dates().pm


def dates() -> Dates:
    return DATES.get(get_language() or "", DATES["en"])


def to_the_minute(moment: Moment) -> Moment:
    """Return a time without its seconds, which no form shows."""
    return moment.replace(second=0, microsecond=0)


def to_district_time(moment: datetime) -> datetime:
    return localtime(moment, get_default_timezone())


def district_date(moment: datetime) -> date:
    return to_district_time(moment).date()


def format_in_district(moment: datetime | date | None, pattern: str) -> str:
    if moment is None:
        return ""
    return format_date(to_district_time(moment) if isinstance(moment, datetime) else moment, pattern)
