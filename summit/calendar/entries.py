"""Calendar entries (RFC 5545), and what emails do with them (RFC 5546): invite, or cancel.

An RSVP keeps one UID, and its SEQUENCE grows with each email, so that a calendar ends up with the newest entry. The UID
is a bare UUID, as RFC 7986 advises, because it outlives a change of the site's host.
"""

import re
from datetime import UTC, date, datetime, tzinfo
from email.utils import parseaddr
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from icalendar import STATUS, TRANSP, Calendar, Timezone, vCalAddress
from icalendar import Event as Entry

from imagine.mail.rendering import to_one_line
from summit.formatting import seats_sentence
from summit.models import Event, Invitation, Rsvp

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


def for_rsvp(rsvp: Rsvp, method: Method = "REQUEST") -> str:
    """Return the entry of a party with confirmed seats (or that had them, for CANCEL), in its language.

    REQUEST and CANCEL are emailed. PUBLISH is for a file that a person opens: Outlook takes a REQUEST in a file for an
    invitation to someone else if the calendar belongs to another address. RFC 5546 3.2.1 wants no ATTENDEE there.
    """
    event = rsvp.event
    with translation.override(rsvp.language):
        facts = EntryFacts(
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            name=event.localized_title,
            location=f"{event.venue}, {event.address}",
            description="",
            is_off=method == "CANCEL" or bool(rsvp.canceled_at or event.canceled_at),
            sender=settings.MAIL_FROM,
            reply_to=settings.MAIL_REPLY_TO,
        )
        shared = shared_text(facts, method, rsvp.language)
        description = rsvp_description(rsvp)
    own = own_entry(rsvp.ics_uid, rsvp.ics_sequence, rsvp.get_absolute_url())
    own.add("description", description)
    if method != "PUBLISH" and rsvp.email:
        own.add("attendee", attendee_property(rsvp.name, rsvp.email, "ACCEPTED"))
    return add_properties(shared, own)


def for_invitation(invitation: Invitation, *, sequence: int = 0, method: Method = "PUBLISH") -> str:
    """Return the entry of someone who hasn't answered, in the contact's language: tentative, without names.

    It is PUBLISH, so that calendar programs neither answer it nor ask for an answer. The entry of the RSVP has the same
    UID and replaces it. CANCEL removes it; RFC 5546 3.2.5 wants the attendee in it.
    """
    event, contact = invitation.event, invitation.contact
    with translation.override(contact.language):
        facts = EntryFacts(
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            name=event.localized_title,
            location=f"{event.venue}, {event.address}",
            description=invitation_description(event),
            is_off=bool(event.canceled_at),
            sender=settings.MAIL_FROM,
            reply_to=settings.MAIL_REPLY_TO,
            is_tentative=True,
        )
        shared = shared_text(facts, method, contact.language)
    own = own_entry(uid_of(invitation), sequence, invitation.get_absolute_url())
    if method != "PUBLISH":
        own.add("attendee", attendee_property(contact.name, contact.email, "NEEDS-ACTION"))
    return add_properties(shared, own)


def invitation_description(event: Event) -> str:
    """Return the description for someone who hasn't answered."""
    if event.canceled_at:
        return _("This event is canceled")
    return _("To answer, use the link in our email.")


def uid_of(invitation: Invitation) -> UUID:
    """Return the UID of an invitation's entry, and of the RSVP that answers it. It outlives a replaced link, and
    doesn't reveal the code at the door, which is made from it."""
    digest = salted_hmac("summit.calendar.entries.uid", str(invitation.pk), algorithm="sha256").digest()
    return UUID(bytes=digest[:16], version=4)


def quotable_name(name: str) -> str:
    """Return a name that icalendar can quote: RFC 5545 allows neither quotation marks nor control characters inside."""
    return re.sub(r"[\x00-\x1f\x7f]", "", to_one_line(name)).replace('"', "'")


class EntryFacts(NamedTuple):
    """What the entries of many parties have in common. The organizer is the sender of our email, since calendars expect
    changes and cancellations from the organizer (RFC 5546 6.1.1); `reply_to` is whom people write to."""

    starts_at: datetime
    ends_at: datetime
    name: str
    location: str
    description: str
    is_off: bool
    sender: str
    reply_to: str
    is_tentative: bool = False


@lru_cache(maxsize=300)
def shared_text(facts: EntryFacts, method: Method, _language: str) -> str:
    """Return a calendar without what belongs to one party. It is cached because icalendar takes as long to write it as
    PostgreSQL to store an RSVP, under the event's lock."""
    entry = new_entry(facts, uid="", sequence=None, url=None)
    del entry["UID"], entry["DTSTAMP"]
    return calendar_text(entry, method)


def own_entry(uid: UUID, sequence: int, url: str) -> Entry:
    """Return the properties that every entry has of its own."""
    return Entry.new(uid=uid, stamp=timezone.now(), sequence=sequence, url=settings.SITE_URL + url)


def add_properties(calendar: str, own: Entry) -> str:
    """Return the calendar with more properties at the end of its one entry."""
    properties = own.to_ical().decode().removeprefix("BEGIN:VEVENT\r\n").removesuffix("END:VEVENT\r\n")
    before, end, after = calendar.rpartition("END:VEVENT\r\n")
    return before + properties + end + after


def for_event(event: Event) -> str:
    """Return the public entry of an event, in the current language."""
    facts = public_facts(event)
    url = settings.SITE_URL + event.get_absolute_url()
    return calendar_text(new_entry(facts, uid=public_uid(event), sequence=None, url=url), "PUBLISH")


def public_uid(event: Event) -> str:
    return f"event-{event.pk}@{urlsplit(settings.SITE_URL).hostname}"


def public_facts(event: Event) -> EntryFacts:
    url = settings.SITE_URL + event.get_absolute_url()
    return EntryFacts(
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        name=event.localized_title,
        location=f"{event.venue}, {event.address}",
        description=f"{event.localized_description}\n\n{url}".strip(),
        is_off=bool(event.canceled_at),
        sender=settings.MAIL_FROM,
        reply_to=settings.MAIL_REPLY_TO,
    )


def for_feed(event: Event, *, sequence: int, changed_at: datetime) -> Entry:
    """Return the public entry for the feed: the same, byte for byte, until the event changes. It is in UTC, so that
    events of many years need no time zone definitions."""
    url = settings.SITE_URL + event.get_absolute_url()
    facts = public_facts(event)
    return new_entry(facts, uid=public_uid(event), sequence=sequence, url=url, changed_at=changed_at, zone=UTC)


def new_entry(
    facts: EntryFacts,
    *,
    uid: str,
    sequence: int | None,
    url: str | None,
    changed_at: datetime | None = None,
    zone: tzinfo | None = None,
) -> Entry:
    zone = zone or timezone.get_default_timezone()
    return Entry.new(
        uid=uid,
        sequence=sequence,
        stamp=changed_at or timezone.now(),
        last_modified=changed_at,
        start=timezone.localtime(facts.starts_at, zone),
        end=timezone.localtime(facts.ends_at, zone),
        summary=facts.name,
        location=facts.location,
        description=facts.description or None,
        organizer=vCalAddress.new(parseaddr(facts.sender)[1], cn=_("Community Relations")),
        contacts=f"{_('Community Relations')}, {parseaddr(facts.reply_to)[1]}",
        url=url,
        status=STATUS.CANCELLED if facts.is_off else STATUS.TENTATIVE if facts.is_tentative else STATUS.CONFIRMED,
        transparency=TRANSP.TRANSPARENT if facts.is_off or facts.is_tentative else TRANSP.OPAQUE,
    )


def rsvp_description(rsvp: Rsvp) -> str:
    """Return the seats and the code at the door. The personal link is left out, because descriptions are copied into
    shared calendars."""
    if rsvp.event.canceled_at:
        return _("This event is canceled")
    if not rsvp.held_seats:
        return seats_sentence(rsvp)
    code = _("Check-in code: %(code)s") % {"code": rsvp.code}
    change = _("To change or cancel your RSVP, use the link in our email.")
    return f"{seats_sentence(rsvp)}. {code}\n{change}"


def attendee_property(name: str, email: str, answer: str) -> vCalAddress:
    """Return the contact, whom the calendar doesn't ask for an answer."""
    return vCalAddress.new(email, cn=quotable_name(name), partstat=answer, role="REQ-PARTICIPANT", rsvp=False)


def new_calendar(method: Method) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Stockton Unified School District//Imagine Promise//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def calendar_text(entry: Entry, method: Method) -> str:
    calendar = new_calendar(method)
    calendar.add_component(zone_of_year(entry.start.year))
    calendar.add_component(entry)
    return calendar.to_ical().decode()


@lru_cache(maxsize=20)
def zone_of_year(year: int) -> Timezone:
    """Return the district's VTIMEZONE from New Year to the second spring. Without bounds, icalendar starts in 1970."""
    zone = Timezone.from_tzid(settings.TIME_ZONE, first_date=date(year, 1, 1), last_date=date(year + 1, 1, 1))
    for part in zone.daylight:
        # An onset is told in the time before it (RFC 5545 3.6.5); icalendar 7.3 tells this one in the time after it.
        part.DTSTART -= part.TZOFFSETTO - part.TZOFFSETFROM
    return zone
