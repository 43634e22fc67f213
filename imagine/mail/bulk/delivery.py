"""Mail to many: sent in batches at the office's pace, paused, gone on with, stopped, and watched.

No mail to many is repeated unless somebody wants it. A message is claimed with others, in one short transaction; each
is noted as begun just before it is handed to the mail server, and marked before the next begins. So of a batch whose
sender died at most one was begun and not marked: nobody knows whether it left, and staff decide. The rest never began,
and is sent by another.

To wait for the disk at each mail would take half of all the time. Only the claim and the end of a batch do; what is
noted in between a crash of PostgreSQL may take back. Such a crash also empties the table of claims, and of a batch that
is not known there any more nobody knows what left.
"""

import logging
import math
import smtplib
import time
import uuid
from collections import deque
from datetime import timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Case, Count, F, Q, When
from django.utils import timezone

from imagine.core import audit
from imagine.core.db import prepared
from imagine.mail import delivery, preferences
from imagine.mail.backends import reason, server
from imagine.mail.delivery import LEASE, MARK_SENT, hand_over, lose_server, mark, sent, server_silent
from imagine.mail.dispatch import nudge, take_up_nudge
from imagine.mail.models import Claim, EmailPreference, Mailing, Message, SendRate, default_retry_until

logger = logging.getLogger(__name__)
BULK = Message.Queue.BULK
BATCH = 50
DELIVER_SECONDS = 5  # the heartbeat goes through the same queue
LATE = 0.05  # seconds after its turn that a mail may still leave
STRETCH = 1 + LATE + 0.01  # how much further turns stand apart for that; the last hundredth is for rounding
CHUNK = 0.25  # seconds for which a sender takes turns ahead
RECENT = 30  # seconds over which the real speed is measured

# What was paused, stopped, deleted or swept since the claim does not begin.
BEGIN = """
    UPDATE mail_message message SET handed_over_at = now(), attempts = attempts + 1
    WHERE id = %s AND claim_id = %s AND claim_expires_at > %s
    AND (expires_at IS NULL OR expires_at > now()) AND NOT EXISTS (
        SELECT 1 FROM mail_mailing mailing
        WHERE mailing.id = message.mailing_id AND (paused_at IS NOT NULL OR stopped_at IS NOT NULL)
    )
    RETURNING id
"""
# The mail before it, which has just been taken, is marked in the same trip: one commit for both, which does not wait
# for the disk. That goes for this transaction alone.
HURRY = "SELECT set_config('synchronous_commit', 'off', true)"
# The database's clock is the one that all senders share. A mail may leave LATE after its turn, so the turns stand that
# much further apart: in no second do more leave than the pace says. Taken are those of a CHUNK, one or more. What the
# clock shows is asked by itself: to take turns may wait for another sender's lock, and ends with a commit.
TAKE_TURNS = """
    UPDATE mail_sendrate
    SET next_at = greatest(least(next_at, clock_timestamp() + interval '1 minute'), clock_timestamp())
        + least(%(most)s, greatest(1, floor(per_second * %(chunk)s))) * interval '1 second' * %(stretch)s / per_second
    RETURNING per_second, extract(epoch FROM next_at)::float
"""
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float"
# Of a batch whose claim a crash emptied out nobody knows what left.
DOUBT_FORGOTTEN = """
    UPDATE mail_message message SET state = 'unknown', claim_id = NULL, claim_expires_at = NULL
    WHERE queue = 'bulk' AND state = 'sending'
    AND NOT EXISTS (SELECT 1 FROM mail_claim claim WHERE claim.claim_id = message.claim_id)
"""
# What nobody knew to have arrived, and staff had sent again, may have arrived the first time: it is unknown once more.
DELETE_UNBEGUN = """
    WITH not_handed_over AS (
        SELECT id, possible_duplicate FROM mail_message
        WHERE mailing_id = %s AND (state = 'queued' OR (state = 'sending' AND handed_over_at IS NULL)) FOR UPDATE
    ), doubted AS (
        UPDATE mail_message SET state = 'unknown', claim_id = NULL, claim_expires_at = NULL
        WHERE id IN (SELECT id FROM not_handed_over WHERE possible_duplicate)
    )
    DELETE FROM mail_message WHERE id IN (SELECT id FROM not_handed_over WHERE NOT possible_duplicate)
    RETURNING idempotency_key
"""


# Deliver -------------------------------------------------------------------------------------------------------


def deliver() -> None:
    """Sends batches of what is due for some DELIVER_SECONDS. The first one found nudges another worker to help. Who
    ends with work left nudges once more: the other may have looked while all of it was claimed here."""
    take_up_nudge(BULK)
    stop_at, alone = time.monotonic() + DELIVER_SECONDS, True
    while not server_silent and (batch := claim()):
        if alone:
            nudge(BULK)
            alone = False
        send(batch, stop_at)
        if time.monotonic() >= stop_at:
            nudge(BULK)
            return


def sweep() -> None:
    """Takes up what a sender left behind that died, or that the database forgot, and nudges when something is due that
    nobody was nudged for."""
    free = {"claim_id": None, "claim_expires_at": None}
    abandoned = Message.objects.abandoned().filter(queue=BULK)
    prepared.run((DOUBT_FORGOTTEN, []))
    abandoned.filter(handed_over_at__isnull=False).update(state=Message.State.UNKNOWN, **free)
    abandoned.filter(handed_over_at__isnull=True).update(state=Message.State.QUEUED, **free)
    Claim.objects.filter(at__lt=timezone.now() - 2 * LEASE).delete()
    if Message.objects.due(BULK).exists():
        nudge(BULK)


def claim() -> list[Message]:
    """Takes the first due messages for this process, in a short transaction of its own: what leaves in a second, 50 at
    most. A message has its day of tries from the first one on, however long its mailing was paused."""
    claimed = {"state": Message.State.SENDING, "claim_id": uuid.uuid4(), "claim_expires_at": timezone.now() + LEASE}
    size = min(BATCH, pace().per_second)
    with transaction.atomic():
        due = Message.objects.due(BULK).order_by("send_after")
        batch = list(due.select_for_update(skip_locked=True, of=("self",))[:size])
        until = Case(When(attempts=0, then=default_retry_until()), default=F("retry_until"))
        ours = Message.objects.filter(pk__in=[message.pk for message in batch])
        ours.update(handed_over_at=None, retry_until=until, **claimed)
        if batch:
            Claim.objects.create(claim_id=claimed["claim_id"])
    for message in batch:
        message.claim_id = claimed["claim_id"]
        if not message.attempts:
            message.retry_until = default_retry_until()
    return batch


def send(batch: list[Message], stop_at: float) -> None:
    """Sends a claimed batch, each in its turn, and gives back what does not begin."""
    left, turns, why = deque(willing(batch)), Turns(), {}
    taken = None  # by the mail server, just now: it is marked when the next one begins, or before anything that lasts
    try:
        server.open()
        while left and time.monotonic() < stop_at and not server_silent:
            pause = turns.next(len(left))
            if pause or not server.is_open:
                taken = mark_taken(taken)
                time.sleep(pause)
                server.open()
            message = left.popleft()
            may_leave, taken = begin(message, after=taken), None
            if may_leave:
                turns.keep(1 + len(left))
            if may_leave and (outcome := hand_over(message))["state"] == Message.State.SENT:
                taken = message
            elif may_leave:
                mark(message, **outcome)
    except (smtplib.SMTPException, OSError) as error:
        lose_server()
        why = {"last_error": reason(error)}
    mark_taken(taken)
    give_back(batch, **why)


def willing(batch: list[Message]) -> list[Message]:
    """Those of a batch that are still wanted: who unsubscribed, or whose mail server refused another mail for good,
    since the message was written, is not written to."""
    known = {
        address.email: address
        for address in EmailPreference.objects.filter(email__in={m.recipient.lower() for m in batch})
    }
    wanted = []
    for message in batch:
        if why := preferences.objection(known.get(message.recipient.lower()), message.unsubscribe_url):
            mark(message, state=Message.State.REJECTED, last_error=why)
        else:
            wanted.append(message)
    return wanted


def begin(message: Message, after: Message | None = None) -> bool:
    """Notes that a message is handed to the mail server now, and that the one `after` which it goes was taken. False
    when it must not be: it is ours no more, or its mailing does not move."""
    now, calls = timezone.now(), [(HURRY, [])]
    if after:
        calls.append((MARK_SENT, [now, after.pk, after.claim_id]))
    begun = prepared.run(*calls, (BEGIN, [message.pk, message.claim_id, now]))
    if after:
        logger.info("mail", extra={"message_id": str(after.pk), "state": "sent"})
    message.attempts += len(begun)
    return bool(begun)


def mark_taken(message: Message | None) -> None:
    if message:
        mark(message, **sent())


def give_back(batch: list[Message], **why: str) -> None:
    """What was claimed and never begun waits for the next claim."""
    ours = Message.objects.filter(claim_id=batch[0].claim_id, handed_over_at__isnull=True)
    ours.update(state=Message.State.QUEUED, claim_id=None, claim_expires_at=None, **why)
    Claim.objects.filter(claim_id=batch[0].claim_id).delete()


# Pace ----------------------------------------------------------------------------------------------------------


class Turn(NamedTuple):
    """When a mail may leave, by this process's clock."""

    begins: float
    ends: float


class Turns:
    """When this sender's next mails may leave, so that all senders together keep the pace."""

    def __init__(self):
        self.turns: deque[Turn] = deque()
        self.ends = 0.0  # of the turn that is on

    def next(self, left: int) -> float:
        """In how many seconds the next of so many mails may leave. A turn that was missed is not made up for."""
        if not self.turns or self.turns[0].ends < time.monotonic():
            self.turns = take_turns(left)
        turn = self.turns.popleft()
        self.ends = turn.ends
        return max(0.0, turn.begins - time.monotonic())

    def keep(self, left: int) -> None:
        """Called last before the first of so many mails leaves. When its turn passed meanwhile, as the machine or the
        database was busy, it waits for another one."""
        while not self.holds(time.monotonic()):
            time.sleep(self.next(left))

    def holds(self, at: float) -> bool:
        """Whether at this moment of our clock the turn that is on has not passed."""
        return at <= self.ends


def take_turns(most: int) -> deque[Turn]:
    """The next turns, at most so many."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURNS, {"most": most, "chunk": CHUNK, "stretch": STRETCH})
        if (row := cursor.fetchone()) is None:
            SendRate.objects.get_or_create(pk=1)
            return take_turns(most)
        earliest, latest = clocks_apart(cursor)
    per_second, end = row
    turns, apart = min(most, max(1, math.floor(per_second * CHUNK))), STRETCH / per_second
    given = [end - apart * number for number in range(turns, 0, -1)]
    # It begins as late, and ends as early, as it can be meant; but of a slow database's answer half of LATE is left.
    return deque(Turn(at + latest, at + max(earliest, latest - LATE / 2) + LATE) for at in given)


def clocks_apart(cursor) -> tuple[float, float]:
    """How far this process's clock is ahead of the database's: at least and at most, as the answer takes its time."""
    best = (-math.inf, math.inf)
    for _try in range(5):
        asked = time.monotonic()
        cursor.execute(CLOCK)
        [clock] = cursor.fetchone()
        best = min(best, (asked - clock, time.monotonic() - clock), key=lambda bounds: bounds[1] - bounds[0])
        if best[1] - best[0] < LATE / 10:
            break
    return best


def pace() -> SendRate:
    """The one row; the usual pace when nobody has sent yet."""
    return SendRate.objects.filter(pk=1).first() or SendRate(pk=1)


def set_pace(per_second: int) -> None:
    """From the next turns on, at most so many leave a second."""
    before = pace().per_second
    rate, _created = SendRate.objects.update_or_create(pk=1, defaults={"per_second": per_second})
    audit.log_change(rate, {"per_second": before}, {"per_second": per_second})


# Pause, go on, stop --------------------------------------------------------------------------------------------


@transaction.atomic
def pause(mailing: Mailing) -> None:
    """Nothing of it begins any more, until it goes on. What is in mid-mail is finished. Harmless twice."""
    held(mailing, paused_at=timezone.now())


@transaction.atomic
def go_on(mailing: Mailing) -> None:
    """Takes a pause back. Harmless twice; a mailing that was stopped stays so."""
    held(mailing, paused_at=None)
    transaction.on_commit(lambda: nudge(BULK), robust=True)


@transaction.atomic
def stop(mailing: Mailing) -> list[str]:
    """Ends a mailing for good: what has not begun is deleted, and the keys of that are returned, so that what it told
    of can be taken back. Harmless twice."""
    held(mailing, stopped_at=timezone.now())
    return take_back(mailing)


def take_back(mailing: Mailing) -> list[str]:
    """Deletes what has never begun of a locked mailing, and returns the keys of that. What had begun before staff had
    it sent again may have arrived: it stays, and its outcome is unknown as before."""
    return [key for (key,) in prepared.run((DOUBT_FORGOTTEN, []), (DELETE_UNBEGUN, [mailing.pk]), anew=True)]


def held(mailing: Mailing, **moment) -> None:
    """Writes one moment of a mailing under its lock: the first of its kind stays, and after a stop nothing changes."""
    [(name, value)] = moment.items()
    locked = Mailing.objects.select_for_update().get(pk=mailing.pk)
    if not locked.stopped_at and (value is None or getattr(locked, name) is None):
        setattr(locked, name, value)
        locked.save(update_fields=[name])
    mailing.paused_at, mailing.stopped_at = locked.paused_at, locked.stopped_at


@transaction.atomic
def settle(message: Message, arrived: bool) -> bool:
    """Staff know or decide what became of a message whose outcome is unknown: it arrived, or it is to be sent again.
    Says whether there was something to decide: harmless twice, and nothing of a stopped mailing is sent again."""
    locked = Message.objects.select_for_update(of=("self",)).select_related("mailing").get(pk=message.pk)
    if locked.state != Message.State.UNKNOWN:
        return False
    if not arrived:
        return delivery.send_again(locked)
    locked.state, locked.sent_at, locked.last_error = Message.State.SENT, locked.handed_over_at or timezone.now(), ""
    locked.save(update_fields=["state", "sent_at", "last_error"])
    return True


# How far it is -------------------------------------------------------------------------------------------------


class Figures(NamedTuple):
    """A mailing in numbers of people, and how far it is. `waiting` are written and not sent yet, `put_off` those of
    them whose mail server said "later". `seconds_left` is None while nobody can tell."""

    count: int
    to_write: int
    waiting: int
    put_off: int
    sent: int
    rejected: int
    failed: int
    unknown: int
    skipped: int
    share: float
    seconds_left: int | None
    state: str


def figures(mailing: Mailing) -> Figures:
    """Two queries for any number of messages."""
    now = timezone.now()
    counted = mailing.messages.aggregate(
        **{state.value: Count("pk", filter=Q(state=state)) for state in Message.State},
        put_off=Count("pk", filter=Q(state=Message.State.QUEUED, attempts__gt=0, send_after__gt=now)),
        recent=Count("pk", filter=Q(sent_at__gt=now - timedelta(seconds=RECENT))),
    )
    waiting = counted["queued"] + counted["sending"]
    done = sum(counted[state] for state in ("sent", "rejected", "failed", "unknown"))
    is_writing = not (mailing.rendered_at or mailing.stopped_at)
    to_write = max(0, mailing.recipient_count - mailing.skipped_count - waiting - done) if is_writing else 0
    whole = mailing.recipient_count - mailing.skipped_count if mailing.stopped_at else done + waiting + to_write
    state = state_of(mailing, waiting)
    return Figures(
        count=mailing.recipient_count,
        to_write=to_write,
        waiting=waiting,
        put_off=counted["put_off"],
        **{state: counted[state] for state in ("sent", "rejected", "failed", "unknown")},
        skipped=mailing.skipped_count,
        share=min(1.0, done / whole) if whole > 0 else 1.0,
        seconds_left=seconds_left(to_write + waiting - counted["put_off"], counted["recent"], state),
        state=state,
    )


def state_of(mailing: Mailing, waiting: int) -> str:
    if mailing.stopped_at:
        return "stopped"
    if mailing.rendered_at and not waiting:
        return "done"
    if mailing.paused_at:
        return "paused"
    return "sending" if mailing.rendered_at else "writing"


def seconds_left(number: int, recent: int, state: str) -> int | None:
    """Until so many more have left, at the pace or at the speed of late, whichever is slower."""
    if state not in {"writing", "sending"} or not recent:
        return None
    return round(number / min(pace().per_second, recent / RECENT))


def seconds_overdue() -> float:
    """For how many seconds some mail to many has been due while none left; 0 when none is due, or it leaves at its
    pace."""
    oldest = Message.objects.due(BULK).order_by("send_after").values_list("send_after", flat=True).first()
    return max(0.0, (timezone.now() - max(oldest, pace().next_at)).total_seconds()) if oldest else 0.0
