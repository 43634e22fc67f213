"""The mails of the summit whose words staff may change, as they are shipped; and what each may say of an event."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imagine.letters import place
from imagine.wordings import Example, Kind, register
from summit.models import Event
from summit.templatetags.wording import clock, day, hours, local, long_date

Card = tuple[tuple[str, ...], ...]


# What is said of an event, in the current language ---------------------------------------------------------------


def event_facts(event: Event) -> dict[str, str]:
    """The placeholders that stand for what, when and where."""
    return {
        "event": event.name,
        "day": day(event.starts_at),
        "when": when(event),
        "where": f"{event.venue}, {event.address}",
    }


def event_card(event: Event, *, code: bool = False) -> Card:
    """What a mail is about, as its own lines; with `code`, what the party says at the door."""
    groups = [(event.name,), (capfirst(long_date(event.starts_at)), hours(event)), (event.venue, event.address)]
    if code:
        groups.append((_("At the door, say %(code)s.") % {"code": place("code")},))
    return tuple(groups)


def when(event: Event) -> str:
    return f"{long_date(event.starts_at)}, {hours(event)}"


def answer_until(event: Event) -> str:
    """9:00 a.m. on Wednesday, April 3, 2019"""
    said = _("%(time)s on %(date)s")
    return said % {"time": clock(event.rsvp_closes_at), "date": long_date(event.rsvp_closes_at)}


def how_soon(event: Event, now: datetime) -> str:
    """today · tomorrow · in 7 days, by the days of the district's calendar"""
    days = (local(event.starts_at).date() - local(now).date()).days
    if days <= 0:
        return _("today")
    if days == 1:
        return _("tomorrow")
    return ngettext("in %(number)d day", "in %(number)d days", days) % {"number": days}


def seats_in_words(number: int) -> str:
    return ngettext("%(number)d seat", "%(number)d seats", number) % {"number": number}


def guests_in_words(number: int) -> str:
    return ngettext("%(number)d guest", "%(number)d guests", number) % {"number": number}


# The example of the page on which staff look at a mail -----------------------------------------------------------


def example_event() -> Event:
    """An invented one, in two weeks; nothing of it is stored."""
    starts_at = local(timezone.now() + timedelta(days=14)).replace(hour=8, minute=0, second=0, microsecond=0)
    return Event(
        title="Imagine Promise Kick-off",
        title_es="Arranque de Imagine Promise",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2, minutes=30),
        rsvp_closes_at=starts_at - timedelta(days=2),
        venue="University of the Pacific",
        address="3601 Pacific Avenue, Stockton",
        description="Breakfast, a look at the promises of the year, and time to meet the schools.",
        description_es="Desayuno, un repaso a las promesas del año y tiempo para conocer a las escuelas.",
    )


def example_of_event(**facts: str) -> Example:
    event = example_event()
    words = {"name": "Alma Reyes", "organization": "Delta Orchards", "code": "K7M-4QX"}
    return Example(words, event_facts(event) | facts, event_card(event))


def example_of_invitation() -> Example:
    event = example_event()
    return example_of_event(until=answer_until(event), about=event.about)


# The kinds -----------------------------------------------------------------------------------------------------

NAME = {"name": gettext_lazy("the reader’s name")}
OF_EVENT = {
    "event": gettext_lazy("the event’s title"),
    "day": gettext_lazy("its day, without weekday and year"),
    "when": gettext_lazy("its day and hours in full"),
    "where": gettext_lazy("the place with street and city"),
}
OF_CONTACT = {**NAME, "organization": gettext_lazy("the reader’s organization; nothing for people on their own")}

INVITATION = register(
    Kind(
        code="invitation",
        title=gettext_lazy("Invitation"),
        mail="invitations",
        placeholders={
            **OF_CONTACT,
            **OF_EVENT,
            "about": gettext_lazy("the event’s description; nothing when it has none"),
            "until": gettext_lazy("until when one can answer"),
        },
        subject=gettext_lazy("You are invited: {event}, {day}"),
        paragraphs=(
            gettext_lazy("{name}, you are invited to {event}, on {when}."),
            "{about}",
            gettext_lazy(
                "Please say yes or no with the button, until {until}. Seats are limited, and when they are taken there "
                "is a waiting list."
            ),
        ),
        button=gettext_lazy("Answer the invitation"),
        why=gettext_lazy(
            "You get this mail because Community Relations invites partners and guests of the Imagine Promise."
        ),
        example=example_of_invitation,
    )
)
