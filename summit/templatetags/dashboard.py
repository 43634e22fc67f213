"""Upcoming events, for the admin's start page."""

from django import template

from summit import organization_matching
from summit.admin import invite_wizard
from summit.admin.event_page import rsvp_list_url
from summit.models import Event

register = template.Library()

MAX_ROWS = 10


@register.inclusion_tag("admin/summit/event/_upcoming_events.html")
def coming_events(user) -> dict:
    """Return the next events with their seats and the number of unmatched organizations, in at most three queries."""
    if not user.has_perm("summit.view_event"):
        return {}
    events = Event.objects.upcoming().with_seats()[:MAX_ROWS]
    sees_rsvps = user.has_perm("summit.view_rsvp")
    return {
        "shown": True,
        "events": [event_row(event) for event in events],
        "adds_event": user.has_perm("summit.add_event"),
        "adds_rsvp": user.has_perm("summit.add_rsvp"),
        "sees_rsvps": sees_rsvps,
        "invites": invite_wizard.may_invite(user),
        "to_match": organization_matching.names_to_match().count() if sees_rsvps else 0,
    }


def event_row(event: Event) -> dict:
    free = event.capacity - event.reserved_seats - event.held_seats
    return {"event": event, "free": max(free, 0), "over": max(-free, 0), "list": rsvp_list_url(event)}
