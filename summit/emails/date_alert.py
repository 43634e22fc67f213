"""Emails to people who asked when the next summit is."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation

from imagine.mail import queue
from imagine.mail.models import Message
from imagine.mail.rendering import render_email
from summit.emails.kinds import SummitEmailKind
from summit.emails.rsvp import EventFacts
from summit.models import DateAlert, Event

LAYOUT = "mail/summit/date_layout"


def queue_confirmation(alert: DateAlert) -> None:
    queue.enqueue_many([confirmation_message(alert)])


def confirmation_message(alert: DateAlert) -> Message:
    """Return the unsaved email with the link that confirms a request."""
    kind = SummitEmailKind.DATE_ALERT_LINK
    return write_message(alert, kind, timezone.now().isoformat(), link=settings.SITE_URL + alert.get_absolute_url())


def date_set_message(alert: DateAlert, event: Event) -> Message:
    """Return the unsaved email that the summit has a date."""
    with translation.override(alert.language):
        facts = {"event": EventFacts.of(event)}
    stop = settings.SITE_URL + reverse("stop_date_alert", args=[alert.token])
    message = write_message(
        alert,
        SummitEmailKind.DATE_SET,
        event.pk,
        link=settings.SITE_URL + event.get_absolute_url(),
        facts=facts,
        stop_link=stop,
    )
    message.queue, message.unsubscribe_url = Message.Queue.BULK, stop
    return message


def write_message(
    alert: DateAlert, kind: SummitEmailKind, occasion: int | str, *, facts: dict | None = None, **personal: str
) -> Message:
    with translation.override(alert.language):
        email = render_email(f"summit/{kind}", facts or {}, personal, layout=LAYOUT)
        return Message(
            kind=kind,
            about=alert,
            idempotency_key=queue.message_key(kind, alert, occasion),
            recipient=alert.email,
            language=alert.language,
            **email._asdict(),
        )
