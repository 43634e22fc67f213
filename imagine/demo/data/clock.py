"""The story's clock: let the rules act at an earlier time, as if the demo had been running for a year."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest import mock

from django.db.models import F
from django.db.models.signals import pre_save
from django.utils import timezone

from imagine.core.database import database_now
from imagine.core.models import AuditEntry, SecurityEvent
from imagine.mail.models import KEEP_TRYING, Mailing, Message
from partners.models import Pledge, Signature
from summit.models import Rsvp

DELIVERY = timedelta(seconds=8)  # from an email's creation to the mail server's answer


@contextmanager
def as_of(moment: datetime) -> Iterator[None]:
    """Let everything inside happen at `moment`: Django's clock says so, and what the database's clock stamped
    meanwhile is set back."""
    started = database_now()

    class StoryTime(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment.astimezone(tz)

    def set_back(instance: SecurityEvent, **kwargs) -> None:  # later the database refuses to change it
        instance.created_at = moment

    pre_save.connect(set_back, SecurityEvent)
    try:
        with mock.patch.object(timezone, "datetime", StoryTime):
            yield
    finally:
        pre_save.disconnect(set_back, SecurityEvent)
    set_back_stamps(started, moment)


def set_back_stamps(started: datetime, moment: datetime) -> None:
    """Set back what the database's clock has stamped since `started`."""
    Message.objects.filter(created_at__gte=started).update(
        created_at=moment, send_after=moment, retry_until=moment + KEEP_TRYING
    )
    for model, field in (
        (AuditEntry, "created_at"),
        (Rsvp, "created_at"),
        (Rsvp, "waitlisted_since"),
        (Pledge, "changed_at"),
        (Pledge, "signed_at"),
        (Signature, "signed_at"),
    ):
        model._base_manager.filter(**{f"{field}__gte": started}).update(**{field: moment})


def deliver_queued(until: datetime) -> None:
    """Let the mail server accept all email that was queued before `until`, except that of a paused mailing."""
    delivered = {"state": Message.State.SENT, "attempts": 1, "sent_at": F("created_at") + DELIVERY}
    queued = Message.objects.filter(state=Message.State.QUEUED, created_at__lt=until)
    queued = queued.exclude(mailing__in=list(Mailing.objects.exclude(paused_at=None)))
    queued.filter(queue=Message.Queue.BULK).update(handed_over_at=F("created_at") + DELIVERY, **delivered)
    queued.filter(queue=Message.Queue.TRANSACTIONAL).update(**delivered)
