"""What mails say. One function per message, over imagine.mail.rendering.

Each is called in the transaction of what it tells, with an RSVP whose `event` is loaded, and stores one message; the
first one gives it, to be stored with what it tells. A message's words stand once, in templates/mail/<kind>.txt. Many
letters at once cost no query for reading when the guests are prefetched.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from imagine.mail import queue
from imagine.mail.models import Message
from imagine.mail.rendering import RenderedEmail, place, write
from summit.calendar import entries as calendar_entries
from summit.calendar.entries import Method
from summit.emails.kinds import EmailKind as Kind
from summit.models import Event, Guest, Rsvp, status_of

LANGUAGES = [code for code, _name in settings.LANGUAGES]


def first(rsvp: Rsvp, guests: Sequence[Guest]) -> Message:
    """The first letter about an RSVP with sequence 1 and these guests: it is confirmed, or it is on the waiting list
    with all its seats or, when fewer were fine, with some. Unsaved, as the RSVP is."""
    return numbered(rsvp, Kind.RSVP_WAITLISTED if rsvp.waitlisted_seats else Kind.RSVP_CONFIRMED, guests=guests)


def confirmed(rsvp: Rsvp) -> None:
    """The party holds every seat that it asked for."""
    tell(rsvp, Kind.RSVP_CONFIRMED)


def waiting(rsvp: Rsvp, *, had_seats: bool = False) -> None:
    """The party is on the waiting list, with all its seats or, when fewer were fine, with some. `had_seats` tells that
    it held all of them until now and staff put it there: then it leaves the calendar."""
    tell(rsvp, Kind.RSVP_WAITLISTED, method="CANCEL" if had_seats else None, had_seats=had_seats)


def moved_up(rsvp: Rsvp, seats: int) -> None:
    """`seats` seats came free and are the party's now; it may still wait for more."""
    tell(rsvp, Kind.RSVP_PROMOTED, seats=seats)


def changed(rsvp: Rsvp) -> None:
    """The size of the party changed, by whomever; says how it stands now."""
    tell(rsvp, Kind.RSVP_CHANGED)


def cancelled(rsvp: Rsvp, *, had_seats: bool) -> None:
    """The RSVP is cancelled. `had_seats` tells whether it held seats until now; only then is it in a calendar."""
    tell(rsvp, Kind.RSVP_CANCELED, method="CANCEL" if had_seats else "", had_seats=had_seats, shows_party=False)


def event_moved(rsvp: Rsvp, before: Event) -> Message:
    """Time or place changed; `before` is the event as the party knows it. Unsaved, as the RSVP's sequence is."""
    rsvp.ics_sequence += 1
    return numbered(rsvp, Kind.EVENT_RESCHEDULED, **what_moved(before, rsvp.event))


def event_cancelled(rsvp: Rsvp) -> Message:
    """The event will not take place. The RSVP keeps its seats. Unsaved, as the RSVP's sequence is."""
    rsvp.ics_sequence += 1
    return numbered(
        rsvp, Kind.EVENT_CANCELED, method="CANCEL" if rsvp.held_seats else "", link=landing(), shows_party=False
    )


def link(rsvp: Rsvp) -> None:
    """The private link again, to the stored address; summit.rsvp_links says how often."""
    queue.enqueue_many([message(rsvp, Kind.RSVP_LINK, occasion=timezone.now().isoformat(), shows_party=False)])


def new_link(rsvp: Rsvp) -> None:
    """Staff replaced the private link; the old one opens nothing any more."""
    tell(rsvp, Kind.RSVP_NEW_LINK, method="", shows_party=False)


# Shown before they are written ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """A letter as it would be sent: language, subject and plain text, with nobody's private link in it."""

    language: str
    subject: str
    text: str


def preview_event_moved(rsvp: Rsvp, before: Event) -> list[Preview]:
    """What `event_moved` would say, in each language. Stores nothing."""
    method = "REQUEST" if rsvp.held_seats else ""
    changes = what_moved(before, rsvp.event)
    return [preview(rsvp, Kind.EVENT_RESCHEDULED, code, method=method, **changes) for code in LANGUAGES]


def preview_event_cancelled(rsvp: Rsvp) -> list[Preview]:
    """What `event_cancelled` would say of an event that is called off now, in each language. Stores nothing."""
    rsvp.event = copy(rsvp.event)
    rsvp.event.canceled_at = timezone.now()
    link, method = landing(), "CANCEL" if rsvp.held_seats else ""
    return [preview(rsvp, Kind.EVENT_CANCELED, code, link=link, shows_party=False, method=method) for code in LANGUAGES]


def preview(rsvp: Rsvp, kind: str, language: str, *, link: str = "", **words) -> Preview:
    with translation.override(language):
        letter = written(rsvp, kind, link=link or _("(the link of this party alone)"), is_private=not link, **words)
        return Preview(language, letter.subject, letter.body_text)


# Writing and storing -------------------------------------------------------------------------------------------


class ToldEvent(NamedTuple):
    """What letters tell of an event, in the current language: plain values, by which two letters are compared."""

    localized_title: str
    starts_at: datetime
    ends_at: datetime
    venue: str
    address: str
    meal: str
    canceled_at: datetime | None
    accepts_rsvps: bool
    waitlist_is_open: bool
    waitlist_closes_at: datetime

    @classmethod
    def of(cls, event: Event) -> "ToldEvent":
        return cls(*(getattr(event, fact) for fact in cls._fields))


class ToldRsvp(NamedTuple):
    """What letters tell of a party, whoever is in it."""

    event: ToldEvent
    held_seats: int
    waitlisted_seats: int
    canceled_at: bool  # whether, not when: no two parties cancel at one moment

    @property
    def status(self) -> str:
        return status_of(self.held_seats, self.waitlisted_seats, self.canceled_at)


class Line(NamedTuple):
    """One guest of the party: name and needs."""

    words: str
    is_named: bool


def what_moved(before: Event, event: Event) -> dict:
    return {
        "before": ToldEvent.of(before),
        "new_time": (before.starts_at, before.ends_at) != (event.starts_at, event.ends_at),
        "new_place": (before.venue, before.address) != (event.venue, event.address),
    }


def landing() -> str:
    return settings.SITE_URL + reverse("landing")


def tell(rsvp: Rsvp, kind: str, **how) -> None:
    """Stores the next letter about an RSVP, as `message` says.

    The sequence grows with every letter: calendars want it to, and it keeps two letters of one kind apart.
    """
    rsvp.ics_sequence += 1
    rsvp.save(update_fields=["ics_sequence"])
    queue.enqueue_many([numbered(rsvp, kind, **how)])


def numbered(rsvp: Rsvp, kind: str, *, method: Method | Literal[""] | None = None, **how) -> Message:
    """Its calendar part, unless `method` says otherwise, is a REQUEST when the party holds seats, and none when it only
    waits."""
    if method is None:
        method = "REQUEST" if rsvp.held_seats else ""
    return message(rsvp, kind, occasion=rsvp.ics_sequence, method=method, **how)


def message(
    rsvp: Rsvp, kind: str, *, occasion: int | str, method: Method | Literal[""] = "", link: str = "", **how
) -> Message:
    """A letter in the RSVP's language, unsaved. It leads to `link`, or to the private one. `occasion` tells two of one
    kind apart."""
    with translation.override(rsvp.language):
        private = settings.SITE_URL + rsvp.get_absolute_url()
        letter = written(rsvp, kind, link=link or private, is_private=not link, method=method, **how)
        return Message(
            kind=kind,
            about=rsvp,
            idempotency_key=queue.message_key(kind, rsvp, occasion),
            recipient=rsvp.email,
            language=rsvp.language,
            ics=calendar_entries.for_rsvp(rsvp, method) if method else "",
            ics_method=method,
            **letter._asdict(),
        )


def written(
    rsvp: Rsvp,
    kind: str,
    *,
    link: str,
    is_private: bool,
    method: str = "",
    guests: Sequence[Guest] | None = None,
    shows_party: bool = True,
    **facts,
) -> RenderedEmail:
    """A letter in the current language. `guests` are the party, read when they are not given."""
    party = (rsvp.guests.all() if guests is None else guests) if shows_party else []
    event = ToldEvent.of(rsvp.event)
    words = {"name": rsvp.name, "link": link, "code": rsvp.code}
    words |= {f"guest_{guest.position}": in_one_line(guest) for guest in party}
    facts |= {
        "rsvp": ToldRsvp(event, rsvp.held_seats, rsvp.waitlisted_seats, bool(rsvp.canceled_at)),
        "event": event,
        "link_is_private": is_private,
        "party": tuple(Line(place(f"guest_{guest.position}"), bool(guest.name)) for guest in party),
        "unnamed": sum(not guest.name for guest in party),
        "method": method,
    }
    return write(kind, facts, words)


def in_one_line(guest: Guest) -> str:
    name = guest.name or _("Guest %(position)d, not named yet") % {"position": guest.position}
    return ", ".join([name, *(need for need in (guest.dietary_needs, guest.accessibility_needs) if need)])
