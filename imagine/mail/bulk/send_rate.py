"""The send rate of bulk email: how many messages all senders together send in a second, at most.

Staff set it, `SendRate.per_second`, on the page of any mailing in the admin.

Before each message its sender reserves a slot under the lock of the one SendRate row. A message may leave up to
TOLERANCE after its slot, and slots are that much further apart, so in no second more leave than the send rate allows.
"""

import time
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction

from imagine.core import audit
from imagine.core.database import database_now
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from imagine.mail.models import SendRate

TOLERANCE = 0.05  # seconds after its slot that a message may still leave
MAX_AHEAD = timedelta(minutes=1)  # of next_at, in case the database's clock was set back


def get_send_rate() -> SendRate:
    """The one row; the default send rate if nothing was sent yet."""
    return SendRate.objects.filter(pk=1).first() or SendRate(pk=1)


@transaction.atomic
def set_send_rate(per_second: int) -> None:
    before = get_send_rate().per_second
    rate, _created = SendRate.objects.update_or_create(pk=1, defaults={"per_second": per_second})
    if before != per_second:
        audit.log_change(rate, {"per_second": before}, {"per_second": per_second})
        record_event(SecurityEventKind.SETTING_CHANGED, rate, fields=["per_second"], value=per_second)


class Slot(NamedTuple):
    """When a message may leave, by this process's time.monotonic()."""

    start: float
    end: float

    @property
    def is_missed(self) -> bool:
        return time.monotonic() > self.end


@transaction.atomic
def reserve_slot(*, ahead: float = 0) -> Slot:
    """Reserve the next slot for one message, at least so many seconds ahead."""
    rate, _created = SendRate.objects.select_for_update().get_or_create(pk=1)
    asked_at = time.monotonic()
    now = database_now()
    answered_at = time.monotonic()
    slot = max(now + timedelta(seconds=ahead), min(rate.next_at, now + MAX_AHEAD))
    rate.next_at = slot + timedelta(seconds=(1 + TOLERANCE) / rate.per_second)
    rate.save(update_fields=["next_at"])
    wait = (slot - now).total_seconds()
    # The database read its clock at some time between question and answer: start late and end early for that.
    return Slot(answered_at + wait, asked_at + wait + TOLERANCE)


def wait_for_slot() -> Slot:
    """Sleep until a slot of one's own. If the machine or the database was too busy for it, take another, each time
    further ahead. None is made up for."""
    ahead = 0.0
    while True:
        slot = reserve_slot(ahead=ahead)
        time.sleep(max(0.0, slot.start - time.monotonic()))
        if not slot.is_missed:
            return slot
        ahead = min(2 * ahead + TOLERANCE, 1)
