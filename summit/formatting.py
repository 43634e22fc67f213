"""Event hours the way people here write them, and what seats a party has, in the current language."""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from imagine.core.formatting import day, format_in_district, half_of_day, to_district_time
from summit.models import Event, Rsvp


@dataclass(frozen=True)
class TimeFormats:
    """One language's patterns."""

    within_half_day: str
    across_noon: str
    across_days: str


# Not translatable strings: a slip in one of these would break every time. No-break spaces keep a time on one line.
TIME_FORMATS = {
    "en": TimeFormats(
        within_half_day="{start}–{end}\N{NO-BREAK SPACE}{half}",
        across_noon="{start}\N{NO-BREAK SPACE}{start_half}–{end}\N{NO-BREAK SPACE}{half}",
        across_days="{start}\N{NO-BREAK SPACE}{start_half} to {end}\N{NO-BREAK SPACE}{half} on {day}",
    ),
    "es": TimeFormats(
        within_half_day="de\N{NO-BREAK SPACE}{start}\N{NO-BREAK SPACE}a\N{NO-BREAK SPACE}{end}\N{NO-BREAK SPACE}{half}",
        across_noon="de\N{NO-BREAK SPACE}{start}\N{NO-BREAK SPACE}{start_half} a\N{NO-BREAK SPACE}{end}"
        "\N{NO-BREAK SPACE}{half}",
        across_days="de\N{NO-BREAK SPACE}{start}\N{NO-BREAK SPACE}{start_half} a {end}\N{NO-BREAK SPACE}{half}"
        " del {day}",
    ),
}


def weekday(moment: datetime | date | None) -> str:
    """Thursday · jueves"""
    return format_in_district(moment, "l")


def hours(event: Event) -> str:
    """8:00–10:30 a.m. · 11:00 a.m.–1:30 p.m. · over midnight, 9:00 a.m. to 4:00 p.m. on April 5 · de 8:00 a 10:30 a. m.

    The first day's date comes before it, so only a later day is named.
    """
    start, end = to_district_time(event.starts_at), to_district_time(event.ends_at)
    if start.date() != end.date():
        pattern = time_formats().across_days
    elif half_of_day(start) != half_of_day(end):
        pattern = time_formats().across_noon
    else:
        pattern = time_formats().within_half_day
    return pattern.format(
        start=format_in_district(start, "g:i"),
        start_half=half_of_day(start),
        end=format_in_district(end, "g:i"),
        half=half_of_day(end),
        day=day(end),
    )


def status_label(rsvp: Rsvp) -> str:
    """Return the status in a word or two: Confirmed"""
    return str(Rsvp.Status(rsvp.status).label)


def seats_sentence(rsvp: Rsvp) -> str:
    """Return the status as a sentence: You have 1 seat and are waiting for 2 more"""
    held, waiting = rsvp.held_seats, rsvp.waitlisted_seats
    if rsvp.canceled_at:
        return _("Your RSVP is canceled")
    if not held:
        fact = ngettext(
            "You’re on the waitlist for %(waiting)d seat", "You’re on the waitlist for %(waiting)d seats", waiting
        )
    elif waiting:
        fact = ngettext(
            "You have %(held)d seat and are waiting for %(waiting)d more",
            "You have %(held)d seats and are waiting for %(waiting)d more",
            held,
        )
    else:
        fact = ngettext("You have %(held)d seat", "You have %(held)d seats", held)
    return fact % {"held": held, "waiting": waiting}


def seats_sentence_with_day(rsvp: Rsvp) -> str:
    """Return the same with the day, for a subject: You have 1 seat on April 4 and are waiting for 2 more"""
    held, waiting = rsvp.held_seats, rsvp.waitlisted_seats
    if rsvp.canceled_at:
        fact = _("Your RSVP for %(day)s is canceled")
    elif not held:
        fact = ngettext(
            "You’re on the waitlist for %(waiting)d seat on %(day)s",
            "You’re on the waitlist for %(waiting)d seats on %(day)s",
            waiting,
        )
    elif waiting:
        fact = ngettext(
            "You have %(held)d seat on %(day)s and are waiting for %(waiting)d more",
            "You have %(held)d seats on %(day)s and are waiting for %(waiting)d more",
            held,
        )
    else:
        fact = ngettext("You have %(held)d seat on %(day)s", "You have %(held)d seats on %(day)s", held)
    return fact % {"held": held, "waiting": waiting, "day": day(rsvp.event.starts_at)}


def time_formats() -> TimeFormats:
    return TIME_FORMATS.get(get_language() or "", TIME_FORMATS["en"])
