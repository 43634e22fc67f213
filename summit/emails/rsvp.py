"""Emails about RSVPs: one function for each, over imagine.mail.rendering.

The text is in templates/mail/summit/<kind>.txt.

Call them in the transaction of the change, with an RSVP whose `event` is loaded. Functions named queue_… store one
message; others return it unsaved. Prefetched guests save a query per email.
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

from imagine.core.formatting import district_date
from imagine.mail import queue
from imagine.mail.models import Message
from imagine.mail.rendering import RenderedEmail, marker, render_email
from summit.calendar import entries as calendar_entries
from summit.calendar.entries import Method
from summit.emails.kinds import SummitEmailKind
from summit.models import Event, Guest, Rsvp, status_of

LANGUAGES = [code for code, _name in settings.LANGUAGES]


def status_message(rsvp: Rsvp, guests: Sequence[Guest]) -> Message:
    """Return the email that says whether an RSVP with these guests is confirmed, waitlisted or partly confirmed. It is
    unsaved, like a new RSVP."""
    return next_message(
        rsvp,
        SummitEmailKind.RSVP_WAITLISTED if rsvp.waitlisted_seats else SummitEmailKind.RSVP_CONFIRMED,
        guests=guests,
    )


def queue_status(rsvp: Rsvp) -> None:
    """Queue the party's seats as they are now, because an earlier email about them was deleted or went to another
    address."""
    queue_next(rsvp, SummitEmailKind.RSVP_WAITLISTED if rsvp.waitlisted_seats else SummitEmailKind.RSVP_CONFIRMED)


def queue_confirmed(rsvp: Rsvp) -> None:
    """Queue the confirmation of all the seats that the party asked for."""
    queue_next(rsvp, SummitEmailKind.RSVP_CONFIRMED)


def queue_waitlisted(rsvp: Rsvp, *, had_seats: bool = False) -> None:
    """Queue the email of a waitlisted or partly confirmed party. With `had_seats`, staff moved it to the waitlist and
    its calendar entry is removed."""
    queue_next(rsvp, SummitEmailKind.RSVP_WAITLISTED, method="CANCEL" if had_seats else None, had_seats=had_seats)


def queue_promoted(rsvp: Rsvp, seats: int) -> None:
    """Queue the email of a party that got `seats` more seats; it may be waiting for others."""
    queue_next(rsvp, SummitEmailKind.RSVP_PROMOTED, seats=seats)


def queue_changed(rsvp: Rsvp) -> None:
    """Queue the seats of a party whose size changed."""
    queue_next(rsvp, SummitEmailKind.RSVP_CHANGED)


def queue_canceled(rsvp: Rsvp, *, had_seats: bool) -> None:
    """Queue the email about a canceled RSVP. With `had_seats`, its calendar entry is removed."""
    queue_next(
        rsvp,
        SummitEmailKind.RSVP_CANCELED,
        method="CANCEL" if had_seats else "",
        had_seats=had_seats,
        shows_party=False,
    )


def event_rescheduled_message(rsvp: Rsvp, before: Event) -> Message:
    """Return the unsaved email about a new time or place; `before` is the event as the party knows it."""
    return next_message(rsvp, SummitEmailKind.EVENT_RESCHEDULED, **schedule_changes(before, rsvp.event))


def event_canceled_message(rsvp: Rsvp) -> Message:
    """Return the unsaved email about a canceled event. The RSVP keeps its seats."""
    return next_message(
        rsvp,
        SummitEmailKind.EVENT_CANCELED,
        method="CANCEL" if rsvp.held_seats else "",
        link=landing_url(),
        shows_party=False,
    )


def queue_rsvp_link(rsvp: Rsvp) -> None:
    """Queue the personal link to the stored address. summit.rsvp_links limits how often."""
    queue.enqueue_many(
        [rsvp_message(rsvp, SummitEmailKind.RSVP_LINK, occasion=timezone.now().isoformat(), shows_party=False)]
    )


def queue_new_rsvp_link(rsvp: Rsvp) -> None:
    """Queue the personal link that replaces one that no longer works."""
    queue_next(rsvp, SummitEmailKind.RSVP_NEW_LINK, method="", shows_party=False)


# Previews -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """An email as it would be sent, without a personal link."""

    language: str
    subject: str
    text: str


def preview_event_rescheduled(rsvp: Rsvp, before: Event) -> list[Preview]:
    """Return `event_rescheduled_message` in each language. Nothing is stored."""
    method = "REQUEST" if rsvp.held_seats else ""
    changes = schedule_changes(before, rsvp.event)
    return [
        preview_rsvp_email(rsvp, SummitEmailKind.EVENT_RESCHEDULED, code, method=method, **changes)
        for code in LANGUAGES
    ]


def preview_event_canceled(rsvp: Rsvp) -> list[Preview]:
    """Return `event_canceled_message` in each language, as if the event were canceled now. Nothing is stored."""
    rsvp.event = copy(rsvp.event)
    rsvp.event.canceled_at = timezone.now()
    link, method = landing_url(), "CANCEL" if rsvp.held_seats else ""
    return [
        preview_rsvp_email(rsvp, SummitEmailKind.EVENT_CANCELED, code, link=link, shows_party=False, method=method)
        for code in LANGUAGES
    ]


def preview_rsvp_email(rsvp: Rsvp, kind: str, language: str, *, link: str = "", **words) -> Preview:
    with translation.override(language):
        email = render_rsvp_email(
            rsvp, kind, link=link or _("(each recipient’s personal link)"), is_private=not link, **words
        )
        return Preview(language, email.subject, email.body_text)


# Render and queue ---------------------------------------------------------------------------------------------


class EventFacts(NamedTuple):
    """What emails say about an event, in the current language: plain values, so that two can be compared."""

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
    """What emails say about a party, regardless of who is in it."""

    event: EventFacts
    held_seats: int
    waitlisted_seats: int
    canceled_at: bool  # whether, not when, so that the facts of two parties can be equal

    @property
    def status(self) -> str:
        return status_of(self.held_seats, self.waitlisted_seats, self.canceled_at)


class GuestLine(NamedTuple):
    """One guest of the party, with name and needs, or what anyone in the party needs."""

    words: str
    is_named: bool


def schedule_changes(before: Event, event: Event) -> dict:
    return {
        "before": EventFacts.of(before),
        "new_date": district_date(before.starts_at) != district_date(event.starts_at),
        "new_time": (before.starts_at, before.ends_at) != (event.starts_at, event.ends_at),
        "new_place": (before.venue, before.address) != (event.venue, event.address),
    }


def landing_url() -> str:
    return settings.SITE_URL + reverse("landing")


def queue_next(rsvp: Rsvp, kind: str, **how) -> None:
    """Store the next email about an RSVP, as `rsvp_message` returns it.

    The sequence grows with every email, as calendars expect. It also makes the keys of two emails of one kind differ.
    """
    rsvp.ics_sequence += 1
    rsvp.save(update_fields=["ics_sequence"])
    queue.enqueue_many([next_message(rsvp, kind, **how)])


def next_message(rsvp: Rsvp, kind: str, *, method: Method | Literal[""] | None = None, **how) -> Message:
    """Unless `method` says otherwise, its calendar entry is a REQUEST if the party has confirmed seats; there is none
    if it doesn't."""
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
    """Render an email in the current language. `guests` are the party, read if not given."""
    everyone = (rsvp.guests.all() if guests is None else guests) if shows_party else []
    party = everyone if rsvp.may_be_quoted else []
    event = EventFacts.of(rsvp.event)
    words = {"name": rsvp.name, "link": link, "code": rsvp.code}
    words |= {f"guest_{guest.position}": guest_summary(guest) for guest in party}
    lines = [GuestLine(marker(f"guest_{guest.position}"), bool(guest.name)) for guest in party]
    if party and (needs := party_needs(rsvp)):
        words["party_needs"] = needs
        lines.append(GuestLine(marker("party_needs"), True))
    facts |= {
        "rsvp": RsvpFacts(event, rsvp.held_seats, rsvp.waitlisted_seats, bool(rsvp.canceled_at)),
        "event": event,
        "link_is_private": is_private,
        "party": tuple(lines),
        "unnamed": sum(not guest.name for guest in everyone),
        "method": method,
    }
    return render_email(f"summit/{kind}", facts, words, layout="mail/summit/layout")


def guest_summary(guest: Guest) -> str:
    name = guest.name or _("Guest %(position)d (no name yet)") % {"position": guest.position}
    return ", ".join([name, *(need for need in (guest.dietary_needs, guest.accessibility_needs) if need)])


def party_needs(rsvp: Rsvp) -> str:
    needs = ", ".join(filter(None, (rsvp.party_dietary_needs, rsvp.party_accessibility_needs)))
    return _("Anyone in your party: %(needs)s") % {"needs": needs} if needs else ""
