"""Close and reopen school years, and email one reminder about each unsigned draft."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from imagine.core import audit
from imagine.core.models import SecurityEventKind
from imagine.core.relations import about_rows
from imagine.core.security_events import record_event
from imagine.mail import preferences
from imagine.mail.models import Mailing, Message, MessageQuerySet
from partners.emails import pledge as pledge_emails
from partners.emails.kinds import PledgeEmailKind
from partners.models import Organization, Pledge, PledgeYear
from partners.models.pledges import PledgeQuerySet
from partners.organizations import profiles

REMIND_AFTER = timedelta(days=5)  # since the last change of the draft


@transaction.atomic
def close_year(year: PledgeYear) -> PledgeYear:
    """Close a school year, so that its pledges can no longer be changed or signed.

    No one is notified. Queued reminders about its drafts and queued invitations to renew are canceled. A closed year is
    left unchanged.
    """
    year = set_closed(year, True)
    cancel_reminders(year.pledges.filter(signed_at__isnull=True).values_list("pk", flat=True))
    Message.objects.filter(
        mailing__in=Mailing.objects.about(year), kind=PledgeEmailKind.PLEDGE_RENEWAL, state=Message.State.QUEUED
    ).delete()
    return year


@transaction.atomic
def reopen_year(year: PledgeYear) -> PledgeYear:
    """Open a closed school year again. An open year is left unchanged."""
    return set_closed(year, False)


def set_closed(year: PledgeYear, is_closed: bool) -> PledgeYear:
    year = PledgeYear.objects.select_for_update(no_key=True).get(pk=year.pk)
    if (year.closed_at is not None) != is_closed:
        audit.log_change(year, {"closed_at": not is_closed}, {"closed_at": is_closed})
        year.closed_at = timezone.now() if is_closed else None
        year.save(update_fields=["closed_at"])
        record_event(SecurityEventKind.SETTING_CHANGED, year, fields=["closed_at"])
    return year


def remind_unchanged_drafts() -> None:
    """Email one reminder about each draft of the current school year that hasn't changed for five days."""
    for pledge in drafts_to_remind().order_by("changed_at")[:500]:
        remind_draft(pledge)


def drafts_to_remind() -> PledgeQuerySet:
    drafts = Pledge.objects.drafts().filter(year=PledgeYear.objects.current(), reminded_at__isnull=True)
    return drafts.filter(changed_at__lt=Now() - REMIND_AFTER)


@transaction.atomic
def remind_draft(pledge: Pledge) -> bool:
    """Email the reminder about a draft, unless its contact unsubscribed. Return whether the reminder was due."""
    try:
        profiles.lock_owning_organization(pledge)
    except Pledge.DoesNotExist:  # staff merged it into another
        return False
    draft = drafts_to_remind().select_related("organization", "contact", "year").filter(pk=pledge.pk).first()
    if draft is None:
        return False
    draft.reminded_at = timezone.now()  # even if the contact unsubscribed, so that the draft isn't checked again
    draft.save(update_fields=["reminded_at"])
    contact = pledge_emails.contact_for(draft)
    if contact and preferences.may_email(contact.email, "reminders"):
        pledge_emails.queue_draft_reminder(draft)
    return True


def renew_reminders(messages: MessageQuerySet) -> None:
    """Delete undelivered reminders among these messages and let the drafts be reminded again. Their contact has a new
    address, and the unsubscribe link in a reminder belongs to the old one."""
    reminders = messages.filter(queue=Message.Queue.BULK)
    unsent = reminders.not_handed_over() | reminders.filter(state__in=[Message.State.REJECTED, Message.State.FAILED])
    pledges = set(unsent.values_list("object_id", flat=True))
    unsent.delete()
    Pledge.objects.filter(pk__in=pledges).update(reminded_at=None)


def cancel_reminders(pledges: Iterable[int]) -> None:
    """Delete queued reminders about pledges that were signed or can no longer be signed."""
    reminders = Message.objects.filter(about_rows(Pledge, pledges), kind=PledgeEmailKind.PLEDGE_DRAFT)
    reminders.filter(state=Message.State.QUEUED).delete()


def cancel_renewal_emails(organization: Organization) -> None:
    """Delete the organization's queued invitations to renew, because it has a pledge for the new school year."""
    about = about_rows(Pledge, organization.pledges.order_by().values("pk"))
    Message.objects.filter(about, kind=PledgeEmailKind.PLEDGE_RENEWAL, state=Message.State.QUEUED).delete()
