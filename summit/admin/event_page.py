"""The overview at the top of an event's page."""

from django.contrib.auth.models import AbstractBaseUser
from django.http import QueryDict
from django.urls import reverse

from imagine.mail.models import Mailing
from summit import attendance, charts, stats
from summit.models import Event, Invitation
from summit.reminders import sending as reminder_sending

MAX_FAILURES = 10
MAX_MAILINGS = 5
STATUS_FILTERS = [
    "confirmed",
    "partially_confirmed",
    "waitlisted",
    "skipped",
    "canceled",
    "late",
    "unnamed",
    "came",
    "absent",
]


def event_overview(event: Event, user: AbstractBaseUser) -> dict:
    """Return the context of templates/admin/summit/event/_overview.html. Names and emails are only for users who may
    see them in their own lists."""
    days = stats.rsvps_by_day(event)
    sees_needs = user.has_perm("summit.view_needs")
    food, access = stats.needs_of_guests(event) if sees_needs else (None, None)
    sees_rsvps, sees_mail = user.has_perm("summit.view_rsvp"), user.has_perm("mail.view_message")
    sees_asked, sees_mailings = user.has_perm("summit.view_invitation"), user.has_perm("mail.view_mailing")
    sectors = stats.rsvps_by_sector(event)
    failed = list(stats.failed_messages(event)[: MAX_FAILURES + 1]) if sees_mail else []
    return {
        "seats": stats.seat_counts(event),
        "unnamed": stats.unnamed_guest_count(event),
        "came": stats.attendance_counts(event) if attendance.can_check_in(event) else None,
        "reminders": reminder_sending.reminder_plan(event),
        "sees_templates": user.has_perm("mail.view_templateoverride"),
        "days": [day for day in days if day.rsvps],
        "by_week": stats.are_weeks(days),
        "chart": charts.seat_charts([event])[event.pk],
        "sectors": [
            row | {"list": rsvp_list_url(event, status="active", sector__exact=row["sector"])} for row in sectors
        ],
        "sees_needs": sees_needs,
        "food": food,
        "access": access,
        "waitlist": stats.first_on_waitlist(event) if sees_rsvps else [],
        "failed": failed[:MAX_FAILURES],
        "more_failed": len(failed) > MAX_FAILURES,
        "invitations": stats.invitation_counts(event) if sees_asked else None,
        "invitation_lists": {answer: invitation_list_url(event, answer=answer) for answer in Invitation.Answer},
        "all_invitations": invitation_list_url(event),
        "mailings": Mailing.objects.about(event)[:MAX_MAILINGS] if sees_mailings else [],
        "sees_rsvps": sees_rsvps,
        "sees_mail": sees_mail,
        "lists": {"all": rsvp_list_url(event)}
        | {status: rsvp_list_url(event, status=status) for status in STATUS_FILTERS},
    }


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
