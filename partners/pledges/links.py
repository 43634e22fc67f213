"""Private links of pledges that were lost or leaked: a link goes to the stored address alone."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.models import new_token
from imagine.mail.models import Message
from partners.emails import pledge as pledge_emails
from partners.emails.kinds import EmailKind
from partners.models import Contact, Pledge, PledgeRequest, TokenRedirect
from partners.organizations import profiles

MAX_LINKS_PER_DAY = 10  # link mails to one address, whoever asks from outside
MIN_INTERVAL = timedelta(minutes=10)  # between two of them


class NoContact(RuleViolation):
    """Nobody is there to write to."""


@transaction.atomic
def email_link(
    pledge: Pledge, *, to: Contact | None = None, by_staff: bool = False, start: PledgeRequest | None = None
) -> bool:
    """Mails a pledge's link to who answers for it, or to another contact of its organization, and says whether it does:
    to one address at most once in ten minutes, unless the last one failed, and ten times a day, unless staff ask.
    `start` is begun for another name by the same person. Raises Pledge.DoesNotExist when it was merged into another."""
    organization = profiles.lock_owning_organization(pledge)
    pledge = organization.pledges.select_related("contact", "year").get(pk=pledge.pk)
    contact = to or pledge_emails.contact_for(pledge)
    if contact is None:
        return False
    mails = pledge.messages.filter(kind__in=(EmailKind.PLEDGE_LINK, EmailKind.PLEDGE_BEGUN))
    today = mails.filter(created_at__gt=Now() - timedelta(days=1)).count()
    lately = mails.filter(recipient=contact.email, created_at__gt=Now() - MIN_INTERVAL).exclude(
        state__in=Message.UNDELIVERED
    )
    if lately.exists() or (today >= MAX_LINKS_PER_DAY and not by_staff):
        return False
    return pledge_emails.queue_link(pledge, to=to, request=start)


@transaction.atomic
def resend_link(pledge: Pledge) -> bool:
    """Email a pledge's link again for staff, under the limits of `email_link`. Raise NoContact if no one answers for
    the pledge, and Pledge.DoesNotExist."""
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
    TokenRedirect.objects.filter(pledge__in=pledges).delete()
    pledge_emails.queue_new_link(pledges[-1])
    return next(each for each in pledges if each.pk == pledge.pk)
