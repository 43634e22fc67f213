"""Email or replace the personal links of pledges. A link is only ever emailed to a stored address."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.models import new_token
from imagine.core.security_events import Kind, record_event
from imagine.mail.models import Message
from partners.emails import pledge as pledge_emails
from partners.emails.kinds import EmailKind
from partners.models import Contact, Pledge, PledgeRequest, TokenRedirect
from partners.organizations import profiles

MAX_LINKS_PER_DAY = 10  # emails with a link about one pledge, except those that staff request
MIN_INTERVAL = timedelta(minutes=10)  # between two such emails to one address


class NoContact(RuleViolation):
    """The pledge has no contact to email."""


@transaction.atomic
def email_link(
    pledge: Pledge, *, to: Contact | None = None, by_staff: bool = False, pledge_request: PledgeRequest | None = None
) -> bool:
    """Email a pledge's link to its contact, or to another contact of its organization. Return whether it is emailed.

    It isn't if an email to this address was queued in the last ten minutes and didn't fail, or if ten were queued
    today, unless staff ask. `pledge_request` is a request of the same person for another name. Raise
    Pledge.DoesNotExist if the pledge was merged into another.
    """
    organization = profiles.lock_owning_organization(pledge)
    pledge = organization.pledges.select_related("contact", "year").get(pk=pledge.pk)
    contact = to or pledge_emails.contact_for(pledge)
    if contact is None:
        return False
    messages = pledge.messages.filter(kind__in=(EmailKind.PLEDGE_LINK, EmailKind.PLEDGE_BEGUN))
    today = messages.filter(created_at__gt=Now() - timedelta(days=1)).count()
    recent = messages.filter(recipient=contact.email, created_at__gt=Now() - MIN_INTERVAL).exclude(
        state__in=Message.UNDELIVERED
    )
    if recent.exists() or (today >= MAX_LINKS_PER_DAY and not by_staff):
        return False
    return pledge_emails.queue_link(pledge, to=to, request=pledge_request)


@transaction.atomic
def resend_link(pledge: Pledge) -> bool:
    """Email a pledge's link again for staff, under the limits of `email_link`. Raise NoContact if the pledge has
    no contact, and Pledge.DoesNotExist."""
    organization = profiles.lock_owning_organization(pledge)
    if pledge_emails.contact_for(organization.pledges.select_related("contact").get(pk=pledge.pk)) is None:
        raise NoContact(_("Nobody answers for this pledge. Give its organization a main contact first."))
    return email_link(pledge, by_staff=True)


@transaction.atomic
def replace_link(pledge: Pledge) -> Pledge:
    """Give every pledge of the organization a new link and email the newest one; the old links stop working. Raise
    Pledge.DoesNotExist."""
    organization = profiles.lock_owning_organization(pledge)
    pledges = list(organization.pledges.select_related("contact", "year").order_by("year_id"))
    for each in pledges:
        each.token = new_token()
        each.save(update_fields=["token"])
        audit.log_change(each, {"link": ""}, {"link": "replaced"})
        record_event(Kind.LINK_REPLACED, each)
    TokenRedirect.objects.filter(pledge__in=pledges).delete()
    pledge_emails.queue_new_link(pledges[-1])
    return next(each for each in pledges if each.pk == pledge.pk)
