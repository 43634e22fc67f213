"""What the tabs of an event's page show."""

from collections.abc import Callable

from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.mail.models import Mailing
from summit import attendance, charts, stats
from summit.admin.capacity import CapacityForm
from summit.admin.event_links import event_url, invitation_list_url, rsvp_list_url, tab_url
from summit.admin.event_next_steps import next_steps, status_sentence
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
TABS = {
    "overview": _("Overview"),
    "guests": pgettext_lazy("tab", "Guests"),
    "invitations": _("Invitations"),
    "emails": _("Automatic emails"),
    "settings": _("Settings"),  # the form
}


def tabs_context(event: Event, user: AbstractBaseUser, tab: str) -> dict:
    """Return the tabs of the event's page and what the chosen one shows, "overview" if there is no such tab."""
    shown = [name for name in TABS if name != "invitations" or sees_invitations(user)]
    tab = tab if tab in shown else "overview"
    urls = {name: tab_url(event, name) for name in shown} | {"overview": event_url(event)}
    context = {
        "tab": tab,
        "tabs": [{"label": TABS[name], "url": urls[name], "is_current": name == tab} for name in shown],
    }
    if tab in CONTENTS:
        context[tab] = CONTENTS[tab](event, user)
        context["tab_template"] = f"admin/summit/event/_{tab}.html"
    return context


def sees_invitations(user: AbstractBaseUser) -> bool:
    return user.has_perm("summit.view_invitation") or user.has_perm("mail.view_mailing")


def event_overview(event: Event, user: AbstractBaseUser) -> dict:
    """Return the context of templates/admin/summit/event/_overview.html, for an event with its seats. Names are
    only for users who may see them in their own list."""
    days = stats.rsvps_by_day(event)
    seats = stats.seat_counts(event)
    came = stats.attendance_counts(event) if attendance.can_check_in(event) else None
    sees_rsvps = user.has_perm("summit.view_rsvp")
    invited = stats.invitation_counts(event)["invited"] if user.has_perm("summit.view_invitation") else None
    failed = stats.failed_messages(event).count() if user.has_perm("mail.view_message") else 0
    may_change = user.has_perm("summit.change_event")
    return {
        "status": status_sentence(event),
        "next_steps": next_steps(event, user, seats=seats, came=came, invited=invited, failed=failed),
        "seats": seats,
        "came": came,
        "capacity_form": CapacityForm(instance=event) if may_change and event.is_editable else None,
        "days": [day for day in days if day.rsvps],
        "by_week": stats.are_weeks(days),
        "chart": charts.seat_charts([event])[event.pk],
        "waitlist": stats.first_on_waitlist(event) if sees_rsvps else [],
        "sees_rsvps": sees_rsvps,
    }


def event_guests(event: Event, user: AbstractBaseUser) -> dict:
    """Return the context of templates/admin/summit/event/_guests.html."""
    sees_needs, sees_rsvps = user.has_perm("summit.view_needs"), user.has_perm("summit.view_rsvp")
    food, access = stats.needs_of_guests(event) if sees_needs else (None, None)
    sectors = stats.rsvps_by_sector(event)
    return {
        "seats": stats.seat_counts(event),
        "unnamed": stats.unnamed_guest_count(event),
        "came": stats.attendance_counts(event) if attendance.can_check_in(event) else None,
        "sectors": [
            row | {"list": rsvp_list_url(event, status="active", sector__exact=row["sector"])} for row in sectors
        ],
        "sees_needs": sees_needs,
        "food": food,
        "access": access,
        "sees_rsvps": sees_rsvps,
        "lists": {"all": rsvp_list_url(event)}
        | {status: rsvp_list_url(event, status=status) for status in STATUS_FILTERS},
    }


def event_invitations(event: Event, user: AbstractBaseUser) -> dict:
    """Return the context of templates/admin/summit/event/_invitations.html."""
    sees_invitations, sees_mailings = user.has_perm("summit.view_invitation"), user.has_perm("mail.view_mailing")
    return {
        "counts": stats.invitation_counts(event) if sees_invitations else None,
        "lists": {answer: invitation_list_url(event, answer=answer) for answer in Invitation.Answer},
        "all": invitation_list_url(event),
        "mailings": Mailing.objects.about(event)[:MAX_MAILINGS] if sees_mailings else [],
    }


def event_emails(event: Event, user: AbstractBaseUser) -> dict:
    """Return the context of templates/admin/summit/event/_emails.html."""
    sees_mail = user.has_perm("mail.view_message")
    failed = list(stats.failed_messages(event)[: MAX_FAILURES + 1]) if sees_mail else []
    return {
        "reminders": reminder_sending.reminder_plan(event),
        "sees_templates": user.has_perm("mail.view_templateoverride"),
        "sees_mail": sees_mail,
        "failed": failed[:MAX_FAILURES],
        "more_failed": len(failed) > MAX_FAILURES,
    }


CONTENTS: dict[str, Callable[[Event, AbstractBaseUser], dict]] = {
    "overview": event_overview,
    "guests": event_guests,
    "invitations": event_invitations,
    "emails": event_emails,
}
