"""Mailings in progress, and whether email is going out, for the admin's start page."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from imagine.mail import health
from imagine.mail.admin.message_links import message_link
from imagine.mail.bulk import progress
from imagine.mail.models import Message
from imagine.mail.reports import mailbox

register = template.Library()

register.simple_tag(message_link)

MAX_MAILINGS = 10
LATE_AFTER = 60  # seconds; email normally goes out at once


@register.inclusion_tag("admin/mail/mailing/_in_progress.html")
def mailings_in_progress(user) -> dict:
    return {"mailings": progress.unfinished_mailings()[:MAX_MAILINGS] if user.has_perm("mail.view_mailing") else []}


@register.simple_tag
def mail_flow(user) -> dict:
    """Return since when email has been waiting, and whether bounces are read, for _delivery_health.html."""
    if not user.has_perm("mail.view_message"):
        return {}
    flow = {
        "waits_since": since(health.seconds_overdue()),
        "many_wait_since": since(health.bulk_seconds_overdue()),
        "reads_reports": mailbox.is_configured(),
        "reports_are_late": health.reports_are_late(),
        "reports_read_at": mailbox.last_read_at(),
        "unsent": Message.State.QUEUED,
    }
    return flow | {"has_problem": flow["waits_since"] or flow["many_wait_since"] or flow["reports_are_late"]}


def since(overdue: float) -> datetime | None:
    return timezone.now() - timedelta(seconds=overdue) if overdue > LATE_AFTER else None
