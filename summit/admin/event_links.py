"""The URLs of an event's pages and lists in the admin."""

from django.http import QueryDict
from django.urls import reverse

from summit.models import Event


def event_url(event: Event) -> str:
    return reverse("admin:summit_event_change", args=[event.pk])


def tab_url(event: Event, tab: str) -> str:
    """Return the URL of one tab of the event's page (summit.admin.event_page.TABS)."""
    return f"{event_url(event)}?tab={tab}"


def next_spring_url(event: Event) -> str:
    """Return the URL of the form that copies a summit to next spring."""
    return f"{reverse('admin:summit_event_add')}?copied={event.pk}"


def rsvp_list_url(event: Event, **filters: str) -> str:
    """Return the URL of the list of this event's RSVPs."""
    return changelist_url("admin:summit_rsvp_changelist", event, **filters)


def invitation_list_url(event: Event, **filters: str) -> str:
    """Return the URL of the list of this event's invitations."""
    return changelist_url("admin:summit_invitation_changelist", event, **filters)


def changelist_url(name: str, event: Event, **filters: str) -> str:
    query = QueryDict(mutable=True)
    query.update({"event__id__exact": str(event.pk), **filters})
    return f"{reverse(name)}?{query.urlencode()}"
