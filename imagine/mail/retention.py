"""Delete what stored email says about people (imagine/privacy/retention.py says when)."""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Coalesce, Lower, Now

from imagine.mail.models import Message, MessageQuerySet

CONTENT_LIFETIME = timedelta(days=30)  # after the email was sent, or last tried
MESSAGE_LIFETIME = timedelta(days=2 * 365)
BATCH_SIZE = 200
CONTENT = {"body_text": "", "body_html": "", "ics": "", "unsubscribe_url": ""}


def finished_before(age: timedelta, held: Collection[str]) -> MessageQuerySet:
    """Return messages that aren't waiting, and were sent or last tried longer ago than `age`, except those to people on
    hold."""
    messages = Message.objects.exclude(state__in=Message.PENDING).alias(address=Lower("recipient"))
    finished = messages.alias(finished_at=Coalesce("sent_at", "send_after")).filter(finished_at__lt=Now() - age)
    return finished.exclude(address__in=held)


@transaction.atomic
def clear_content(held: Collection[str] = ()) -> int:
    """Clear the text and the links of one batch of messages. Return how many."""
    old = finished_before(CONTENT_LIFETIME, held).exclude(body_text="")
    pks = lock_batch(old)
    return Message.objects.filter(pk__in=pks).exclude(state__in=Message.PENDING).update(**CONTENT)


@transaction.atomic
def delete_old_messages(held: Collection[str] = ()) -> int:
    """Delete one batch of messages. Return how many."""
    pks = lock_batch(finished_before(MESSAGE_LIFETIME, held))
    Message.objects.filter(pk__in=pks).delete()
    return len(pks)


def lock_batch(messages: MessageQuerySet) -> list:
    pks = messages.order_by("pk").values("pk")[:BATCH_SIZE]
    locked = Message.objects.filter(pk__in=list(pks.values_list("pk", flat=True))).select_for_update(skip_locked=True)
    return list(locked.order_by("pk").values_list("pk", flat=True))
