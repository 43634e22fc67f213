"""Tell people who asked when the next summit has a date (docs/rules.md).

An address gets one email with a link; only after someone opened the link in that mailbox and said yes is it told, once.
"""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from imagine.core import links
from imagine.mail import dispatch, queue
from imagine.mail.models import Message
from summit.emails import date_alert as date_alert_emails
from summit.emails.kinds import SummitEmailKind
from summit.models import DateAlert, Event

MAX_PER_DAY = 5  # emails with the link to one address
MIN_INTERVAL = timedelta(minutes=10)  # between two emails with the link to one address
UNCONFIRMED_LIFETIME = timedelta(days=7)
TOLD_LIFETIME = timedelta(days=30)
WAITING_LIFETIME = timedelta(days=730)
BATCH_SIZE = 200
KINDS = (SummitEmailKind.DATE_ALERT_LINK, SummitEmailKind.DATE_SET)


@transaction.atomic
def request_alert(email: str, language: str) -> None:
    """Store that an address wants to be told. Takes the same time whether the address is known or not; the link is
    emailed later."""
    alert = DateAlert(email=email.lower(), language=language, asked_at=Now())
    DateAlert.objects.bulk_create(
        [alert], update_conflicts=True, unique_fields=["email"], update_fields=["asked_at", "language"]
    )
    pk = alert.pk
    transaction.on_commit(lambda: dispatch.send_task("summit.tasks.answer_date_alert", pk), robust=True)


@transaction.atomic
def email_alert_link(pk: int) -> None:
    """Email the link of a request, at most once in ten minutes. Skip it if another worker has it, or it was
    answered."""
    alert = DateAlert.objects.unanswered().select_for_update(skip_locked=True).filter(pk=pk).first()
    if alert is None:
        return
    before, alert.answered_at = alert.answered_at, timezone.now()
    alert.save(update_fields=["answered_at"])
    today = alert.messages.filter(created_at__gt=Now() - timedelta(days=1)).count()
    if (before and before > alert.answered_at - MIN_INTERVAL) or today >= MAX_PER_DAY:
        return
    if alert.told_at:  # they ask for the summit after that one
        alert.told_at = alert.verified_at = None
        alert.save(update_fields=["told_at", "verified_at"])
    date_alert_emails.queue_confirmation(alert)


@transaction.atomic
def confirm_alert(alert: DateAlert) -> None:
    """The link was used: tell this address. Harmless if repeated."""
    locked = DateAlert.objects.select_for_update().filter(pk=alert.pk, token=alert.token).first()
    if locked is None:
        raise links.LinkNotFound
    if locked.verified_at is None:
        links.verify(locked)


@transaction.atomic
def delete_alert(alert: DateAlert) -> None:
    """Forget the address, with the emails that wait for it. Harmless if repeated."""
    for locked in DateAlert.objects.select_for_update().filter(pk=alert.pk):
        locked.delete()


def announce_date() -> int:
    """Tell everyone who waits about the coming summit, if one is published. Return how many were told."""
    event, told = Event.objects.public().coming_summit(), 0
    while event and (batch := announce_to_some(event)):
        told += batch
    return told


@transaction.atomic
def announce_to_some(event: Event) -> int:
    waiting = DateAlert.objects.waiting().select_for_update(skip_locked=True).order_by("pk")
    alerts = list(waiting[:BATCH_SIZE])
    queue.enqueue_many([date_alert_emails.date_set_message(alert, event) for alert in alerts])
    DateAlert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(told_at=Now())
    return len(alerts)


@transaction.atomic
def delete_old_alerts(held: Collection[str] = ()) -> int:
    """Delete one batch of requests: never confirmed, told a month ago, or waiting for two years. Return how many."""
    old = Q(verified_at=None, asked_at__lt=Now() - UNCONFIRMED_LIFETIME)
    old |= Q(told_at__lt=Now() - TOLD_LIFETIME) | Q(asked_at__lt=Now() - WAITING_LIFETIME)
    due = DateAlert.objects.filter(old).exclude(email__in=held).order_by("pk")
    pks = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
    DateAlert.objects.filter(pk__in=pks).delete()
    return len(pks)


def resend_alert_email(message: Message) -> bool:
    """Queue an email about a request again for staff: the link as it is today, or the date as it was told."""
    alert = DateAlert.objects.get(messages__pk=message.pk)
    is_link = message.kind == SummitEmailKind.DATE_ALERT_LINK
    return queue.requeue(message, date_alert_emails.confirmation_message(alert) if is_link else None)
