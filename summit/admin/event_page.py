"""What the office sees at the top of an event's page."""

from django.contrib.auth.models import AbstractBaseUser
from django.http import QueryDict
from django.urls import reverse

from imagine.mail.models import Mailing
from summit import attendance, charts, stats
from summit.models import Event, Invitation
from summit.reminders import sending as reminder_sending

LATEST_FAILURES = 10
LATEST_MAILINGS = 5
LISTS = ["confirmed", "partially_confirmed", "waitlisted", "skipped", "canceled", "late", "unnamed", "came", "absent"]


def answers(event: Event, user: AbstractBaseUser) -> dict:
    """The context of templates/admin/summit/event/_overview.html. Names and mail are for those who may see them in
    their own lists too."""
    days = stats.by_day(event)
    food, access = stats.kitchen(event)
    sees_rsvps, sees_mail = user.has_perm("summit.view_rsvp"), user.has_perm("mail.view_message")
    sees_asked, sees_mailings = user.has_perm("summit.view_invitation"), user.has_perm("mail.view_mailing")
    sectors = stats.by_sector(event)
    failed = list(stats.failed_mail(event)[: LATEST_FAILURES + 1]) if sees_mail else []
    return {
        "seats": stats.seats(event),
        "unnamed": stats.unnamed(event),
        "came": stats.came(event) if attendance.can_be_noted(event) else None,
        "reminders": reminder_sending.plan(event),
        "sees_words": user.has_perm("mail.view_templateoverride"),
        "days": [day for day in days if day.rsvps],
        "chart": charts.draw(days),
        "sectors": [row | {"list": rsvps(event, status="active", sector__exact=row["sector"])} for row in sectors],
        "food": food,
        "access": access,
        "line": stats.waitlist(event) if sees_rsvps else [],
        "failed": failed[:LATEST_FAILURES],
        "more_failed": len(failed) > LATEST_FAILURES,
        "asked": stats.asked(event) if sees_asked else None,
        "asked_lists": {answer: invitations(event, answer=answer) for answer in Invitation.Answer},
        "all_asked": invitations(event),
        "mailings": Mailing.objects.about(event)[:LATEST_MAILINGS] if sees_mailings else [],
        "sees_rsvps": sees_rsvps,
        "sees_mail": sees_mail,
        "lists": {"all": rsvps(event)} | {status: rsvps(event, status=status) for status in LISTS},
    }


def rsvps(event: Event, **filters: str) -> str:
    """The address of the list of this event's RSVPs."""
    return of_list("admin:summit_rsvp_changelist", event, **filters)


def invitations(event: Event, **filters: str) -> str:
    """The same of its invitations."""
    return of_list("admin:summit_invitation_changelist", event, **filters)


def of_list(name: str, event: Event, **filters: str) -> str:
    query = QueryDict(mutable=True)
    query.update({"event__id__exact": str(event.pk), **filters})
    return f"{reverse(name)}?{query.urlencode()}"
