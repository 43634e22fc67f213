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
from imagine.mail.rendering import RenderedEmail, marker, render_email
from summit.calendar import entries as calendar_entries
from summit.calendar.entries import Method
from summit.emails.kinds import EmailKind as Kind
from summit.models import Event, Guest, Rsvp, status_of

LANGUAGES = [code for code, _name in settings.LANGUAGES]


def status_message(rsvp: Rsvp, guests: Sequence[Guest]) -> Message:
    """The first letter about an RSVP with sequence 1 and these guests: it is confirmed, or it is on the waiting list
    with all its seats or, when fewer were fine, with some. Unsaved, as the RSVP is."""
    return next_message(rsvp, Kind.RSVP_WAITLISTED if rsvp.waitlisted_seats else Kind.RSVP_CONFIRMED, guests=guests)


def queue_confirmed(rsvp: Rsvp) -> None:
    """The party holds every seat that it asked for."""
    queue_next(rsvp, Kind.RSVP_CONFIRMED)


def queue_waitlisted(rsvp: Rsvp, *, had_seats: bool = False) -> None:
    """The party is on the waiting list, with all its seats or, when fewer were fine, with some. `had_seats` tells that
    it held all of them until now and staff put it there: then it leaves the calendar."""
    queue_next(rsvp, Kind.RSVP_WAITLISTED, method="CANCEL" if had_seats else None, had_seats=had_seats)


def queue_promoted(rsvp: Rsvp, seats: int) -> None:
    """`seats` seats came free and are the party's now; it may still wait for more."""
    queue_next(rsvp, Kind.RSVP_PROMOTED, seats=seats)


def queue_changed(rsvp: Rsvp) -> None:
    """The size of the party changed, by whomever; says how it stands now."""
    queue_next(rsvp, Kind.RSVP_CHANGED)


def queue_canceled(rsvp: Rsvp, *, had_seats: bool) -> None:
    """The RSVP is cancelled. `had_seats` tells whether it held seats until now; only then is it in a calendar."""
    queue_next(rsvp, Kind.RSVP_CANCELED, method="CANCEL" if had_seats else "", had_seats=had_seats, shows_party=False)


def event_rescheduled_message(rsvp: Rsvp, before: Event) -> Message:
    """Time or place changed; `before` is the event as the party knows it. Unsaved, as the RSVP's sequence is."""
    rsvp.ics_sequence += 1
    return next_message(rsvp, Kind.EVENT_RESCHEDULED, **schedule_changes(before, rsvp.event))


def event_canceled_message(rsvp: Rsvp) -> Message:
    """The event will not take place. The RSVP keeps its seats. Unsaved, as the RSVP's sequence is."""
    rsvp.ics_sequence += 1
    return next_message(
        rsvp, Kind.EVENT_CANCELED, method="CANCEL" if rsvp.held_seats else "", link=landing_url(), shows_party=False
    )


def queue_link(rsvp: Rsvp) -> None:
    """The private link again, to the stored address; summit.rsvp_links says how often."""
    queue.enqueue_many([rsvp_message(rsvp, Kind.RSVP_LINK, occasion=timezone.now().isoformat(), shows_party=False)])


def queue_new_link(rsvp: Rsvp) -> None:
    """Staff replaced the private link; the old one opens nothing any more."""
    queue_next(rsvp, Kind.RSVP_NEW_LINK, method="", shows_party=False)


# Shown before they are written ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """A letter as it would be sent: language, subject and plain text, with nobody's private link in it."""

    language: str
    subject: str
    text: str


def preview_event_rescheduled(rsvp: Rsvp, before: Event) -> list[Preview]:
    """What `event_rescheduled_message` would say, in each language. Stores nothing."""
    method = "REQUEST" if rsvp.held_seats else ""
    changes = schedule_changes(before, rsvp.event)
    return [preview_rsvp_email(rsvp, Kind.EVENT_RESCHEDULED, code, method=method, **changes) for code in LANGUAGES]


def preview_event_canceled(rsvp: Rsvp) -> list[Preview]:
    """What `event_canceled_message` would say of an event that is called off now, in each language. Stores nothing."""
    rsvp.event = copy(rsvp.event)
    rsvp.event.canceled_at = timezone.now()
    link, method = landing_url(), "CANCEL" if rsvp.held_seats else ""
    return [
        preview_rsvp_email(rsvp, Kind.EVENT_CANCELED, code, link=link, shows_party=False, method=method)
        for code in LANGUAGES
    ]


def preview_rsvp_email(rsvp: Rsvp, kind: str, language: str, *, link: str = "", **words) -> Preview:
    with translation.override(language):
        email = render_rsvp_email(
            rsvp, kind, link=link or _("(the link of this party alone)"), is_private=not link, **words
        )
        return Preview(language, email.subject, email.body_text)


# Writing and storing -------------------------------------------------------------------------------------------


class EventFacts(NamedTuple):
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
    def of(cls, event: Event) -> "EventFacts":
        return cls(*(getattr(event, fact) for fact in cls._fields))


class RsvpFacts(NamedTuple):
    """What letters tell of a party, whoever is in it."""

    event: EventFacts
    held_seats: int
    waitlisted_seats: int
    canceled_at: bool  # whether, not when: no two parties cancel at one moment

    @property
    def status(self) -> str:
        return status_of(self.held_seats, self.waitlisted_seats, self.canceled_at)


class GuestLine(NamedTuple):
    """One guest of the party: name and needs."""

    words: str
    is_named: bool


def schedule_changes(before: Event, event: Event) -> dict:
    return {
        "before": EventFacts.of(before),
        "new_time": (before.starts_at, before.ends_at) != (event.starts_at, event.ends_at),
        "new_place": (before.venue, before.address) != (event.venue, event.address),
    }


def landing_url() -> str:
    return settings.SITE_URL + reverse("landing")


def queue_next(rsvp: Rsvp, kind: str, **how) -> None:
    """Stores the next letter about an RSVP, as `rsvp_message` says.

    The sequence grows with every letter: calendars want it to, and it keeps two letters of one kind apart.
    """
    rsvp.ics_sequence += 1
    rsvp.save(update_fields=["ics_sequence"])
    queue.enqueue_many([next_message(rsvp, kind, **how)])


def next_message(rsvp: Rsvp, kind: str, *, method: Method | Literal[""] | None = None, **how) -> Message:
    """Its calendar part, unless `method` says otherwise, is a REQUEST when the party holds seats, and none when it only
    waits."""
    if method is None:
        method = "REQUEST" if rsvp.held_seats else ""
    return rsvp_message(rsvp, kind, occasion=rsvp.ics_sequence, method=method, **how)


def rsvp_message(
    rsvp: Rsvp, kind: str, *, occasion: int | str, method: Method | Literal[""] = "", link: str = "", **how
) -> Message:
    """Return an unsaved email in the RSVP's language. `link` replaces the personal link, and `occasion` tells two
    emails of one kind apart."""
    with translation.override(rsvp.language):
        private = settings.SITE_URL + rsvp.get_absolute_url()
        email = render_rsvp_email(rsvp, kind, link=link or private, is_private=not link, method=method, **how)
        return Message(
            kind=kind,
            about=rsvp,
            idempotency_key=queue.message_key(kind, rsvp, occasion),
            recipient=rsvp.email,
            language=rsvp.language,
            ics=calendar_entries.for_rsvp(rsvp, method) if method else "",
            ics_method=method,
            **email._asdict(),
        )


def render_rsvp_email(
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
    event = EventFacts.of(rsvp.event)
    words = {"name": rsvp.name, "link": link, "code": rsvp.code}
    words |= {f"guest_{guest.position}": guest_summary(guest) for guest in party}
    facts |= {
        "rsvp": RsvpFacts(event, rsvp.held_seats, rsvp.waitlisted_seats, bool(rsvp.canceled_at)),
        "event": event,
        "link_is_private": is_private,
        "party": tuple(GuestLine(marker(f"guest_{guest.position}"), bool(guest.name)) for guest in party),
        "unnamed": sum(not guest.name for guest in party),
        "method": method,
    }
    return render_email(kind, facts, words)


def guest_summary(guest: Guest) -> str:
    name = guest.name or _("Guest %(position)d, not named yet") % {"position": guest.position}
    return ", ".join([name, *(need for need in (guest.dietary_needs, guest.accessibility_needs) if need)])
