"""The send rate of bulk email: how many messages all senders together send in a second, at most.

Staff set it, `SendRate.per_second`, on the page of any mailing in the admin.

Each sender reserves slots under the lock of the one SendRate row, for a short time ahead. A message may leave up to
TOLERANCE after its slot, and slots are that much further apart, so in no second more leave than the send rate allows.
"""

import math
import time
from collections import deque
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction

from imagine.core import audit
from imagine.core.database import database_now
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from imagine.mail.models import SendRate

RESERVE_SECONDS = 0.25  # for which a sender reserves slots ahead
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


@transaction.atomic
def reserve_slots(limit: int) -> deque[Slot]:
    """Reserve the next slots, at most `limit`."""
    rate, _created = SendRate.objects.select_for_update().get_or_create(pk=1)
    asked_at = time.monotonic()
    now = database_now()
    answered_at = time.monotonic()
    count = min(limit, max(1, math.floor(rate.per_second * RESERVE_SECONDS)))
    apart = (1 + TOLERANCE) / rate.per_second
    first = max(now, min(rate.next_at, now + MAX_AHEAD))
    rate.next_at = first + timedelta(seconds=count * apart)
    rate.save(update_fields=["next_at"])
    waits = [(first - now).total_seconds() + number * apart for number in range(count)]
    # The database read its clock at some time between question and answer: start late and end early for that.
    return deque(Slot(answered_at + wait, asked_at + wait + TOLERANCE) for wait in waits)


class Slots:
    """The slots of one sender. A missed one is not made up for."""

    def __init__(self):
        self.reserved: deque[Slot] = deque()
        self.current = Slot(0.0, 0.0)

    def wait(self, limit: int) -> None:
        """Sleep until the next slot, for the first of at most `limit` messages."""
        while self.reserved and time.monotonic() > self.reserved[0].end:
            self.reserved.popleft()
        if not self.reserved:
            self.reserved = reserve_slots(limit)
        self.current = self.reserved.popleft()
        time.sleep(max(0.0, self.current.start - time.monotonic()))

    def wait_again_if_missed(self, limit: int) -> None:
        """Called last before a message leaves: the machine or the database may have been too busy for its slot."""
        while time.monotonic() > self.current.end:
            self.wait(limit)
