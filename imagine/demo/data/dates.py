"""When things happen in the demo's story, counted from the day it is started."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from random import Random
from zoneinfo import ZoneInfo

from django.conf import settings

from summit.school_year import thursday_nearest_april_4

ZONE = ZoneInfo(settings.TIME_ZONE)
WEEK = timedelta(days=7)
THURSDAY = 3
WAKING_HOUR = 6
DAYS_BEFORE_SUMMIT = 3  # before that, RSVPs are open and the waitlist moves


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), ZONE)


def thursday_from(day: date) -> date:
    """Return the first Thursday on or after a day."""
    return day + timedelta(days=(THURSDAY - day.weekday()) % 7)


@dataclass(frozen=True)
class StoryDates:
    """`this_year` is the school year that last spring's summit recruited partners for."""

    now: datetime

    @property
    def today(self) -> date:
        return self.now.astimezone(ZONE).date()

    @cached_property
    def coming_summit(self) -> date:
        """The next summit. One that is today or in two days is held a week later, so that guests can still RSVP."""
        day = thursday_nearest_april_4(self.today.year)
        if day < self.today:
            return thursday_nearest_april_4(self.today.year + 1)
        return day if (day - self.today).days >= DAYS_BEFORE_SUMMIT else day + WEEK

    @cached_property
    def past_summit(self) -> date:
        return thursday_nearest_april_4(self.coming_summit.year - 1)

    @property
    def previous_summit(self) -> date:
        """The summit before the past one, which recruited last year's partners. It was held without this product."""
        return thursday_nearest_april_4(self.last_year)

    @property
    def this_year(self) -> int:
        return self.past_summit.year

    @property
    def last_year(self) -> int:
        return self.this_year - 1

    @property
    def kickoff(self) -> date:
        """The second Thursday in September."""
        return thursday_from(date(self.this_year, 9, 8))

    @property
    def fall_gathering(self) -> date:
        return thursday_from(date(self.this_year, 10, 22))

    @cached_property
    def breakfast(self) -> date:
        """A gathering in a month, or after the winter break, that partners are being invited to."""
        day = thursday_from(self.today + timedelta(days=29))
        new_year = date(day.year + (day.month == 12), 1, 1)
        is_in_break = new_year - timedelta(days=14) <= day < new_year + WEEK
        day = thursday_from(new_year + WEEK) if is_in_break else day
        taken = {self.kickoff, self.fall_gathering, self.coming_summit}
        return day + WEEK if day in taken else day

    @property
    def canceled_tour(self) -> date:
        """A gathering that was canceled a few days before it would have taken place."""
        day = thursday_from(self.today - timedelta(days=15))
        return day - WEEK if day in {self.past_summit, self.kickoff, self.fall_gathering} else day

    @cached_property
    def mailing_started(self) -> datetime:
        """This morning, or on the afternoon before if it is too early."""
        this_morning = at(self.today, 9)
        return this_morning if self.now > this_morning + timedelta(hours=1) else at(self.today - timedelta(days=1), 15)

    def school_year_of(self, day: date) -> int:
        return day.year if day.month >= 7 else day.year - 1


def moments(dice: Random, number: int, since: datetime, until: datetime) -> list[datetime]:
    """Return moments in order, to the minute, between two others, when people are awake."""
    seconds = (until - since).total_seconds()
    drawn = (since + timedelta(seconds=dice.random() * seconds) for _each in range(number))
    return sorted(min(awake(moment), until) for moment in drawn)


def awake(moment: datetime) -> datetime:
    local = moment.astimezone(ZONE).replace(second=0, microsecond=0)
    return local + timedelta(hours=7) if local.hour < WAKING_HOUR else local
