"""The district's year: when a summit takes place, and how to copy it to next spring."""

from datetime import date, datetime, timedelta

from django.utils.timezone import get_default_timezone, localdate, localtime

from imagine.core.formatting import to_the_minute
from summit.models import Event

COPIED_FIELDS = [
    *("kind", "title", "title_es", "venue", "address", "meal", "description", "description_es"),
    *("capacity", "reserved_seats", "max_party_size", "waitlist_closes_hours_before", "invitation_only"),
]
SHIFTED_FIELDS = ["starts_at", "ends_at", "rsvp_opens_at", "rsvp_closes_at"]


def current_school_year() -> int:
    """Return the year in which the current school year began: on July 1, as the state counts (Education Code 37200)."""
    today = localdate()
    return today.year if today.month >= 7 else today.year - 1


def thursday_nearest_april_4(year: int) -> date:
    """Return the day of a spring's summit. The first one like this was on Thursday, April 4, 2019."""
    fourth = date(year, 4, 4)
    days = (3 - fourth.weekday()) % 7  # to the Thursday on or after it; Monday is 0
    return fourth + timedelta(days=days if days <= 3 else days - 7)


def next_spring(event: Event) -> dict:
    """Return the fields of a copy of `event` a year later, or in the coming spring if that is past: unpublished, all
    times shifted by the same days at the same hour, the year in title and slug replaced."""
    held_on, today = localdate(event.starts_at), localdate()
    year = held_on.year + 1
    while thursday_nearest_april_4(year) <= today:
        year += 1
    days = thursday_nearest_april_4(year) - held_on
    fields = {name: getattr(event, name) for name in COPIED_FIELDS}
    fields |= {name: to_the_minute(shift_days(getattr(event, name), days)) for name in SHIFTED_FIELDS}
    fields["rsvp_opens_at"] = round_opening(shift_days(event.rsvp_opens_at, days))
    for name in ("title", "title_es"):
        fields[name] = fields[name].replace(str(held_on.year), str(year))
    return fields | {
        "slug": f"summit-{year}",
        "school_year": event.school_year + year - held_on.year,
        "is_published": False,
    }


def shift_days(moment: datetime, days: timedelta) -> datetime:
    """Return the same hour of the district's clock some days later, in daylight saving time or not."""
    local = localtime(moment, get_default_timezone())
    return (local.replace(tzinfo=None) + days).replace(tzinfo=local.tzinfo)


def round_opening(moment: datetime) -> datetime:
    """Return 8:00 a.m. on a day when RSVPs opened at an odd time, such as that of the click that opened them."""
    is_round = moment.minute % 15 == 0 and moment.second == 0
    return to_the_minute(moment if is_round else moment.replace(hour=8, minute=0))
