"""Calendar entries (RFC 5545), and what mail says with them (RFC 5546): come, or do not come any more.

An RSVP keeps one UID for life and its SEQUENCE grows with each letter, so a calendar ends up with the newest word.
The UID is a bare UUID, as RFC 7986 advises: it outlives a change of the site's host.
"""

from datetime import date
from email.utils import parseaddr
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Timezone, vCalAddress
from icalendar import Event as Entry

from summit.models import Event, Rsvp
from summit.templatetags.wording import seats

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


def for_rsvp(rsvp: Rsvp, method: Method = "REQUEST") -> str:
    """The entry of a party that holds seats (or held them, for CANCEL), in its language.

    REQUEST and CANCEL travel by mail. PUBLISH is for a file that a person opens: Outlook takes a REQUEST out of a file
    for an invitation to somebody else when the calendar belongs to another address. RFC 5546 3.2.1 wants no ATTENDEE.
    """
    with translation.override(rsvp.language):
        is_off = method == "CANCEL" or bool(rsvp.cancelled_at or rsvp.event.cancelled_at)
        entry = new_entry(
            rsvp.event,
            uid=str(rsvp.uid),
            sequence=rsvp.sequence,
            url=settings.SITE_URL + rsvp.get_absolute_url(),
            description=what_to_know(rsvp),
            is_off=is_off,
        )
        if method != "PUBLISH":
            entry.add("attendee", attendee(rsvp))
        return written(entry, method)


def for_event(event: Event) -> str:
    """The public entry of an event, in the reader's language: nothing in it belongs to one person."""
    url = settings.SITE_URL + event.get_absolute_url()
    entry = new_entry(
        event,
        uid=f"event-{event.pk}@{urlsplit(settings.SITE_URL).hostname}",
        sequence=None,
        url=url,
        description=f"{event.about}\n\n{url}".strip(),
        is_off=bool(event.cancelled_at),
    )
    return written(entry, "PUBLISH")


def new_entry(event: Event, *, uid: str, sequence: int | None, url: str, description: str, is_off: bool) -> Entry:
    zone = timezone.get_default_timezone()
    return Entry.new(
        uid=uid,
        sequence=sequence,
        stamp=timezone.now(),
        start=timezone.localtime(event.starts_at, zone),
        end=timezone.localtime(event.ends_at, zone),
        summary=event.name,
        location=f"{event.venue}, {event.address}",
        description=description,
        organizer=organizer(),
        url=url,
        status="CANCELLED" if is_off else "CONFIRMED",
        transparency="TRANSPARENT" if is_off else "OPAQUE",
    )


def what_to_know(rsvp: Rsvp) -> str:
    """The seats and the code at the door. Not the private link: descriptions are copied into shared calendars."""
    if rsvp.event.cancelled_at:
        return _("The event will not take place")
    if not rsvp.held_seats:
        return seats(rsvp)
    code = _("At the door, say %(code)s.") % {"code": rsvp.code}
    change = _("To change your party or cancel, use the link in our mail.")
    return f"{seats(rsvp)}. {code}\n{change}"


def organizer() -> vCalAddress:
    return vCalAddress.new(parseaddr(settings.MAIL_REPLY_TO)[1], cn=_("Community Relations"))


def attendee(rsvp: Rsvp) -> vCalAddress:
    """The contact, who has accepted already: nobody is asked for an answer."""
    # RFC 5545 has no quotation mark inside a parameter, and few calendars read RFC 6868's way around that.
    name = " ".join(rsvp.name.split()).replace('"', "'")
    return vCalAddress.new(rsvp.email, cn=name, partstat="ACCEPTED", role="REQ-PARTICIPANT", rsvp=False)


def written(entry: Entry, method: Method) -> str:
    calendar = Calendar()
    calendar.add("prodid", "-//Stockton Unified School District//Imagine Promise//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    calendar.add_component(zone_of_year(entry.start.year))
    calendar.add_component(entry)
    return calendar.to_ical().decode()


@lru_cache(maxsize=20)
def zone_of_year(year: int) -> Timezone:
    """The district's VTIMEZONE from a New Year to the second spring; unbounded, icalendar begins in 1970."""
    zone = Timezone.from_tzid(settings.TIME_ZONE, first_date=date(year, 1, 1), last_date=date(year + 1, 1, 1))
    for part in zone.daylight:
        # An onset is told in the time before it (RFC 5545 3.6.5); icalendar 7.3 tells this one in the time after it.
        part.DTSTART -= part.TZOFFSETTO - part.TZOFFSETFROM
    return zone
