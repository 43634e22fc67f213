"""What went out in the last seven days: mailings, and automatic emails by what they're about."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db.models import Count
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from imagine.mail.models import Mailing, Message
from partners.emails.kinds import PledgeEmailKind
from summit.emails.kinds import SummitEmailKind

PERIOD = timedelta(days=7)
LONGEST_WAIT = timedelta(days=30)  # of an email that is sent in the end; the index is by when it was written

REMINDERS = {
    SummitEmailKind.REMINDER_WEEK,
    SummitEmailKind.REMINDER_DAY,
    SummitEmailKind.REMINDER_NAMES,
    SummitEmailKind.INVITATION_UNANSWERED,
    PledgeEmailKind.PLEDGE_DRAFT,
}
CHANGES = {
    SummitEmailKind.EVENT_RESCHEDULED,
    SummitEmailKind.EVENT_CANCELED,
    SummitEmailKind.INVITATION_MOVED,
    SummitEmailKind.INVITATION_CANCELED,
}
OTHER = _("Other emails")
LABELS: dict[str, str | Promise] = {
    **dict.fromkeys(PledgeEmailKind, _("Pledges and certificates")),
    **dict.fromkeys(SummitEmailKind, _("RSVP confirmations and changes")),
    **dict.fromkeys((kind for kind in SummitEmailKind if kind.startswith("invitation")), _("Invitations")),
    **dict.fromkeys(REMINDERS, _("Reminders")),
    **dict.fromkeys(CHANGES, _("Rescheduled or canceled events")),
    SummitEmailKind.THANKS: _("Thank-you emails"),
}


@dataclass(frozen=True)
class SentMailing:
    mailing: Mailing
    sent: int


@dataclass(frozen=True)
class Week:
    """The numbers of emails that were sent, by mailing, newest first, and by label, most first."""

    mailings: list[SentMailing]
    automatic: list[tuple[str | Promise, int]]


def sent_this_week(user: AbstractUser) -> Week:
    """Two queries."""
    recent = Message.objects.visible_to(user).filter(
        created_at__gte=Now() - PERIOD - LONGEST_WAIT, sent_at__gte=Now() - PERIOD
    )
    by_mailing, by_label = Counter[int](), Counter[str | Promise]()
    for mailing, kind, sent in recent.order_by().values_list("mailing", "kind").annotate(sent=Count("pk")):
        if mailing:
            by_mailing[mailing] += sent
        else:
            by_label[LABELS.get(kind, OTHER)] += sent
    mailings = Mailing.objects.filter(pk__in=by_mailing)
    return Week(
        [SentMailing(mailing, by_mailing[mailing.pk]) for mailing in mailings],
        sorted(by_label.items(), key=lambda row: (-row[1], str(row[0]))),
    )
