"""Whether mail is flowing, in one line for the start page of staff."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from imagine.mail import health
from imagine.mail.models import Message

register = template.Library()

PATIENCE = 60  # seconds after which an unsent message is worth a word; a healthy one leaves at once


@register.inclusion_tag("admin/mail/message/_flow.html")
def mail_flow(user) -> dict:
    """The oldest unsent message and the failures of the last day, for whoever may see messages."""
    if not user.has_perm("mail.view_message"):
        return {}
    day_ago = timezone.now() - timedelta(days=1)
    return {
        "shown": True,
        "waits_since": since(health.seconds_overdue()),
        "many_wait_since": since(health.bulk_seconds_overdue()),
        "failures": health.failed_since(day_ago),
        "unsent": Message.State.QUEUED,
        "failed": ",".join(Message.UNDELIVERED),
    }


def since(overdue: float) -> datetime | None:
    return timezone.now() - timedelta(seconds=overdue) if overdue > PATIENCE else None
