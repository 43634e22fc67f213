"""The public events as a calendar that programs subscribe to (RFC 5545, RFC 7986)."""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Max
from django.utils import timezone
from django.utils.translation import gettext as _
from icalendar import vDuration

from imagine.core.models import AuditEntry
from summit.calendar import entries as calendar_entries
from summit.models import Event

KEEP_PAST_EVENTS = timedelta(days=400)  # a year and a month
REFRESH_INTERVAL = timedelta(hours=6)


class Feed(NamedTuple):
    """The calendar's text, a mark that changes with the text, and when an event last changed."""

    text: str
    mark: str
    changed_at: datetime | None


def build_feed() -> Feed:
    """Return the feed in the current language. An event's SEQUENCE is the number of its audit entries, which only
    grows."""
    events = list(Event.objects.order_by("starts_at", "pk"))
    changes = change_counts(events)
    calendar = calendar_entries.new_calendar("PUBLISH")
    calendar.add("name", _("Imagine Promise events"))
    calendar.add("x-wr-calname", _("Imagine Promise events"))  # Outlook and Google read this, not NAME
    calendar.add("refresh-interval", vDuration(REFRESH_INTERVAL), parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH_INTERVAL))
    for event in events:
        if is_shown(event):
            sequence, changed_at = changes[event.pk]
            calendar.add_component(calendar_entries.for_feed(event, sequence=sequence, changed_at=changed_at))
    text = calendar.to_ical().decode()
    # Of all events: hiding one changes the calendar, too.
    newest = max((changed_at for _sequence, changed_at in changes.values()), default=None)
    return Feed(text, hashlib.sha256(text.encode()).hexdigest()[:32], newest)


def is_shown(event: Event) -> bool:
    return event.is_published and not event.invitation_only and event.ends_at > timezone.now() - KEEP_PAST_EVENTS


def change_counts(events: list[Event]) -> dict[int, tuple[int, datetime]]:
    """Return how often each event was changed, and when last, by primary key."""
    entries = AuditEntry.objects.about_any(events).order_by().values_list("object_id")
    counts = {pk: (times, last) for pk, times, last in entries.annotate(Count("pk"), Max("created_at"))}
    return {event.pk: counts.get(event.pk, (0, event.created_at)) for event in events}
