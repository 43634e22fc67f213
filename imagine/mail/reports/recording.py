"""Record what delivery reports and complaints say about our email.

No one can be asked whether a report is genuine, so it is believed only if it knows both a message's random number and
the address that it went to. Its recipient does, whoever they forward it to, and staff, but no stranger. Everything else
changes nothing.
"""

import logging
import re
from collections.abc import Callable
from enum import StrEnum

from django.core.mail.message import sanitize_address
from django.db import transaction
from django.db.models.functions import Now

from imagine.mail import preferences
from imagine.mail.backends import safe_reason
from imagine.mail.models import Message
from imagine.mail.reports.parsing import NotAReport, Report, read_reports

logger = logging.getLogger(__name__)

State = Message.State
CAN_BOUNCE = (State.QUEUED, State.SENT, State.UNKNOWN, State.FAILED)

# Status codes (RFC 3463) that say the address takes no email, now or later: it doesn't exist (1.x, but not 1.7 and 1.8,
# which are about the sender, nor 1.0, which is about either), is disabled (2.1), is refused by Microsoft 365 (4.1), or
# its domain has no server (4.4).
GONE = re.compile(r"5\.(1\.(?![078]$)\d+|2\.1|4\.1|4\.4)")
VAGUE = {"", "5.0.0", "5.1.0", "5.5.0"}
REPLIED = re.compile(r"(?<![\w.])5\.\d{1,3}\.\d{1,3}(?!\.?\w)")  # and not a part of an address such as 5.1.2.3
# What servers without enhanced codes say, as many small offices have them.
NO_SUCH_USER = re.compile(
    r"""\b55[013]\b.*\b(
        no[ ]such[ ](user|person|recipient|mailbox|address) | unknown[ ](user|recipient)
        | (user|recipient|mailbox|account|address)[ ](is[ ])?(unknown|unavailable|not[ ]found|does(n't|[ ]not)[ ]exist)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)


class Outcome(StrEnum):
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    TOO_EARLY = "too early"
    KNOWN = "known already"
    DELAYED = "delayed"
    NOT_OURS = "not ours"
    NOT_A_REPORT = "not a report"

    @property
    def is_ours(self) -> bool:
        """Whether the report is about a message of ours, so that no one needs to read it."""
        return self not in {Outcome.NOT_OURS, Outcome.NOT_A_REPORT, Outcome.TOO_EARLY}


def record_content(content: bytes, read: Callable[[bytes], list[Report]] = read_reports) -> Outcome:
    """Record what an email says, or a report in another format, if it is about our email. Twice does no harm."""
    try:
        reports = read(content)
    except NotAReport:
        return log(Outcome.NOT_A_REPORT)
    outcomes = [record_report(report) for report in reports]
    return next((outcome for outcome in Outcome if outcome in outcomes), Outcome.NOT_OURS)


@transaction.atomic
def record_report(report: Report) -> Outcome:
    """Record what a report says about one address. Locks the message, then changes the address."""
    message = Message.objects.select_for_update(of=("self",)).filter(pk=report.message_pk).first()
    if message is None or not is_recipient(message, report):
        return log(Outcome.NOT_OURS)
    if report.kind == Report.Kind.COMPLAINT:
        return log(record_complaint(message), message)
    if report.kind == Report.Kind.FAILED:
        return log(record_bounce(message, report), message)
    return log(Outcome.DELAYED, message)


def is_recipient(message: Message, report: Report) -> bool:
    """Return whether the report names the address that the message went to, as it is stored or as SMTP has it."""
    try:
        sent_to = sanitize_address(message.recipient, "utf-8")
    except ValueError:
        sent_to = message.recipient
    return not report.addresses.isdisjoint({message.recipient.lower(), sent_to.lower()})


def record_bounce(message: Message, report: Report) -> Outcome:
    """A delivery that failed is final for the message. The address is marked as bouncing only if it takes no email at
    all: a full mailbox, a policy, or an outage says nothing about the next one.

    While a message is being sent, its outcome isn't recorded yet; a report about it has to come again."""
    if message.state == State.SENDING:
        return Outcome.TOO_EARLY
    if message.state not in CAN_BOUNCE:
        return Outcome.KNOWN
    reason = safe_reason(report.diagnostic.partition(";")[2] or report.diagnostic or report.status)
    Message.objects.filter(pk=message.pk).update(state=State.REJECTED, bounced_at=Now(), last_error=reason)
    if is_gone(report):
        preferences.suppress(message.recipient, reason)
    return Outcome.BOUNCED


def is_gone(report: Report) -> bool:
    """Return whether the address takes no email. If the status says little, the server's reply may say more."""
    replied = REPLIED.search(report.diagnostic)
    status = replied[0] if replied and report.status in VAGUE else report.status
    if status in VAGUE:
        return bool(NO_SUCH_USER.search(report.diagnostic))
    return bool(GONE.fullmatch(status))


def record_complaint(message: Message) -> Outcome:
    """Unsubscribe someone who marks our email as spam from all topics."""
    if message.complained_at:
        return Outcome.KNOWN
    Message.objects.filter(pk=message.pk).update(complained_at=Now())
    preference = preferences.get_preference(message.recipient)
    preferences.set_topics(preference, **dict.fromkeys(preferences.TOPICS, False))
    return Outcome.COMPLAINED


def log(outcome: Outcome, message: Message | None = None) -> Outcome:
    ids = {"message_id": str(message.pk)} if message else {}
    logger.info("delivery report", extra={"state": str(outcome), **ids})
    return outcome
