"""A school year is closed and reopened by staff; a draft in it is reminded once."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from imagine.core import audit
from imagine.core.relations import about_rows
from imagine.mail import preferences
from imagine.mail.models import Message, MessageQuerySet
from partners.emails import pledge as pledge_emails
from partners.emails.kinds import EmailKind
from partners.models import Pledge, PledgeYear
from partners.models.pledges import PledgeQuerySet
from partners.organizations import profiles

REMIND_AFTER = timedelta(days=5)  # a draft that nobody touched


@transaction.atomic
def close_year(year: PledgeYear) -> PledgeYear:
    """Staff close a school year: what is signed stands, and nothing of it can be changed. Nobody is written to, nor
    reminded of what can be signed no more. Twice changes nothing."""
    year = set_closed(year, True)
    cancel_reminders(year.pledges.filter(signed_at__isnull=True).values_list("pk", flat=True))
    return year


@transaction.atomic
def reopen_year(year: PledgeYear) -> PledgeYear:
    """Staff open a closed school year once more. Twice changes nothing."""
    return set_closed(year, False)


def set_closed(year: PledgeYear, is_closed: bool) -> PledgeYear:
    year = PledgeYear.objects.select_for_update(no_key=True).get(pk=year.pk)
    if (year.closed_at is not None) != is_closed:
        audit.log_change(year, {"closed_at": not is_closed}, {"closed_at": is_closed})
        year.closed_at = timezone.now() if is_closed else None
        year.save(update_fields=["closed_at"])
    return year


def remind_drafts() -> None:
    """Reminds whoever left a draft of the current school year unsigned for some days: once, if they want reminders."""
    for pledge in drafts_to_remind().order_by("changed_at")[:500]:
        remind_draft(pledge)


def drafts_to_remind() -> PledgeQuerySet:
    drafts = Pledge.objects.drafts().filter(year=PledgeYear.objects.current(), reminded_at__isnull=True)
    return drafts.filter(changed_at__lt=Now() - REMIND_AFTER)


@transaction.atomic
def remind_draft(pledge: Pledge) -> bool:
    """The one reminder of one draft. Says whether it was due."""
    try:
        profiles.lock_owning_organization(pledge)
    except Pledge.DoesNotExist:  # staff merged it into another
        return False
    draft = drafts_to_remind().select_related("organization", "contact", "year").filter(pk=pledge.pk).first()
    if draft is None:
        return False
    draft.reminded_at = timezone.now()  # also when nobody wants it: it is not looked at again
    draft.save(update_fields=["reminded_at"])
    reader = pledge_emails.contact_for(draft)
    if reader and preferences.may_email(reader.email, "reminders"):
        pledge_emails.queue_draft_reminder(draft)
    return True


def renew_reminders(mails: MessageQuerySet) -> None:
    """Of these mails, reminders that did not arrive are written again: the address is another one now, and what ends
    them belongs to the address."""
    reminders = mails.filter(queue=Message.Queue.BULK)
    unsent = reminders.not_handed_over() | reminders.filter(state__in=[Message.State.REJECTED, Message.State.FAILED])
    pledges = set(unsent.values_list("object_id", flat=True))
    unsent.delete()
    Pledge.objects.filter(pk__in=pledges).update(reminded_at=None)


def cancel_reminders(pledges: Iterable[int]) -> None:
    """A reminder that still waits to be sent never is: the draft was signed, or can be no more."""
    reminders = Message.objects.filter(about_rows(Pledge, pledges), kind=EmailKind.PLEDGE_DRAFT)
    reminders.filter(state=Message.State.QUEUED).delete()
