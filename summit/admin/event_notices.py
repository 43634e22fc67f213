"""Who would be emailed if an event were rescheduled or canceled, and what they'd read. Nothing is stored."""

from copy import copy

from django.utils import timezone
from django.utils.translation import gettext as _

from summit.emails import change_notice as change_notice_emails
from summit.emails import rsvp as rsvp_emails
from summit.invitations import change_notices
from summit.models import Event, Rsvp


def cancellation_preview(event: Event) -> dict:
    """Return what the confirmation page shows of one event: how many parties will be notified and the email they get,
    or why it can't be canceled."""
    if event.is_over:
        return {"event": event, "refused": _("This event is over, so it can’t be canceled.")}
    if event.canceled_at:
        return {"event": event, "refused": _("This event is already canceled. We won’t email anyone again.")}
    party = first_active_rsvp(event)
    previews = rsvp_emails.preview_event_canceled(party) if party else []
    canceled = copy(event)
    canceled.canceled_at = timezone.now()
    return {"event": event, "parties": event.rsvps.active().count(), "previews": previews, **invited_preview(canceled)}


def reschedule_preview(before: Event, event: Event) -> dict:
    """Return how many parties and people with an unanswered invitation would be notified when `before` becomes `event`,
    and the emails they get."""
    party = first_active_rsvp(event)
    parties, invited = event.rsvps.active().count(), invited_preview(event)
    return {
        "event": before,
        "after": event,
        "parties": parties,
        "previews": rsvp_emails.preview_event_rescheduled(party, before) if party else [],
        "emails": parties + invited["invited"],
        **invited,
    }


def invited_preview(event: Event) -> dict:
    """Return how many people with an unanswered invitation would be notified of the event as it is in memory, and the
    email that the first one gets."""
    invitations = change_notices.invitations_notified_if_saved(event)
    first = invitations.select_related("contact__organization").order_by("pk").first()
    if first is None:
        return {"invited": 0}
    first.event = event
    return {"invited": invitations.count(), "notices": change_notice_emails.preview_change_notice(first)}


def first_active_rsvp(event: Event) -> Rsvp | None:
    """Return the party whose email is previewed, with the event as it is in memory."""
    if party := event.rsvps.active().order_by("pk").first():
        party.event = event
    return party
