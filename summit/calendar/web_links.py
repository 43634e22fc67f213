"""Links that add an event to a calendar on the web. They hold what the event's page shows, nothing about a guest."""

from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlencode


class Scheduled(Protocol):
    """An event, or what emails say about one."""

    localized_title: str
    starts_at: datetime
    ends_at: datetime
    venue: str
    address: str


def google_calendar_link(event: Scheduled) -> str:
    times = "/".join(f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}" for moment in (event.starts_at, event.ends_at))
    values = {"action": "TEMPLATE", "text": event.localized_title, "dates": times, "location": place(event)}
    return f"https://calendar.google.com/calendar/render?{urlencode(values)}"


def outlook_calendar_link(event: Scheduled) -> str:
    values = {
        "rru": "addevent",
        "subject": event.localized_title,
        "startdt": f"{event.starts_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "enddt": f"{event.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "location": place(event),
    }
    return f"https://outlook.live.com/calendar/0/action/compose?{urlencode(values)}"


def place(event: Scheduled) -> str:
    return ", ".join(filter(None, (event.venue, " ".join(event.address.split()))))
