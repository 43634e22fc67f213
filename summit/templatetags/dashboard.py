"""Upcoming events, for the admin's start page."""

from django import template
from django.utils import timezone

from summit import charts
from summit.admin import invite_wizard
from summit.admin.event_page import rsvp_list_url
from summit.emails.templates import how_soon
from summit.models import Event

register = template.Library()

MAX_ROWS = 5


@register.inclusion_tag("admin/summit/event/_upcoming_events.html")
def coming_events(user) -> dict:
    """Return the next events with their seats, in at most three queries."""
    if not user.has_perm("summit.view_event"):
        return {}
    events = list(Event.objects.upcoming().with_seats()[: MAX_ROWS + 1])
    shown = events[:MAX_ROWS]
    seat_charts = charts.seat_charts(shown)
    return {
        "shown": True,
        "events": [event_row(event) | {"chart": seat_charts[event.pk]} for event in shown],
        "has_more": len(events) > MAX_ROWS,
        "adds_event": user.has_perm("summit.add_event"),
        "adds_rsvp": user.has_perm("summit.add_rsvp"),
        "sees_rsvps": user.has_perm("summit.view_rsvp"),
        "invites": invite_wizard.may_invite(user),
    }


def event_row(event: Event) -> dict:
    free = event.capacity - event.reserved_seats - event.held_seats
    return {
        "event": event,
        "soon": how_soon(event, timezone.now()),
        "free": max(free, 0),
        "over": max(-free, 0),
        "list": rsvp_list_url(event),
    }
