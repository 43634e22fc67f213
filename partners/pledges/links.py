"""Email or replace the personal links of pledges. A link is only ever emailed to a stored address."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext as _

from imagine.core import links
from imagine.core.errors import RuleViolation
from imagine.core.relations import about_rows
from imagine.core.security_events import record_event
from imagine.mail.models import Message
from imagine.mail.security_events import MailEventKind
from partners.emails import pledge as pledge_emails
from partners.emails.kinds import PledgeEmailKind
from partners.models import Contact, Organization, Pledge, PledgeRequest
from partners.organizations import profiles
from partners.pledges import years as pledge_years

REQUEST_LIFETIME = timedelta(days=60)  # of a request whose page was never saved, and of the emails about any request
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
    messages = pledge.messages.filter(kind__in=(PledgeEmailKind.PLEDGE_LINK, PledgeEmailKind.PLEDGE_BEGUN))
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
        raise NoContact(_("This pledge has no contact who can open it. Give its organization one first."))
    is_emailed = email_link(pledge, by_staff=True)
    if is_emailed:
        record_event(MailEventKind.EMAIL_RESENT, pledge)
    return is_emailed


@transaction.atomic
def replace_pledge_link(pledge: Pledge) -> Pledge:
    """Give every pledge of the organization a new link and email the newest one; the old links stop working. Raise
    Pledge.DoesNotExist."""
    organization = profiles.lock_owning_organization(pledge)
    end_pledge_links(organization)
    return organization.pledges.get(pk=pledge.pk)


def end_pledge_links(organization: Organization, *, to: Iterable[Contact] | None = None) -> None:
    """Replace the links of all pledges of a locked organization, because the link of one leads to the newest, and end
    those of pledge requests, which lead there too. Email the new one to these contacts, by default to that of the
    newest pledge. Unsent email with the old links is written anew."""
    organization.links_replaced_at = Now()
    organization.save(update_fields=["links_replaced_at"])
    pledges = list(organization.pledges.select_related("contact", "year").order_by("year_id"))
    for pledge in pledges:
        pledge.organization = organization
        links.replace_link(pledge)
    messages = Message.objects.about_any(pledges)
    unsent = messages.filter(state=Message.State.QUEUED, queue=Message.Queue.TRANSACTIONAL)
    unsent_certificates = set(unsent.filter(kind=PledgeEmailKind.PLEDGE_SIGNED).values_list("object_id", flat=True))
    unsent.delete()
    pledge_years.renew_reminders(messages)
    if pledges:
        for contact in [None] if to is None else to:
            pledge_emails.queue_new_pledge_link(pledges[-1], to=contact)
    for pledge in pledges:
        last = pledge.signatures.order_by("-number").first()
        if last and pledge.pk in unsent_certificates:
            pledge_emails.queue_signed(pledge, last)


def end_links_of_address(organization: Organization | None, email: str, *, had_access: bool) -> None:
    """End all links that were sent to `email`, which is no longer the address of a contact of this locked organization.

    `had_access` is whether the contact could open the pledge. Emails don't show it: old ones are deleted.
    """
    end_requests_of_addresses([email])
    if organization and (had_access or was_emailed_link(organization, email)):
        end_pledge_links(organization)


def lock_requests_about(pledges: QuerySet[Pledge]) -> None:
    """Lock the requests of these drafts before their organizations, to delete or merge the drafts."""
    requests = PledgeRequest.objects.filter(pledge__in=pledges).order_by("pk")
    list(requests.select_for_update(of=("self",)).values_list("pk"))


def end_requests_of_addresses(emails: Iterable[str]) -> None:
    """End the requests of these addresses. Those that someone is using right now are skipped, because they are locked
    before organizations; end_links keeps them from leading to the organization."""
    found = PledgeRequest.objects.alias(lower_email=Lower("email")).filter(lower_email__in=[e.lower() for e in emails])
    end_requests(found.select_for_update(skip_locked=True))


def end_requests(requests: QuerySet[PledgeRequest]) -> None:
    """Delete requests, which this locks, with their unsent email. Those with a draft only lose their links, and are the
    next that delete_stale_requests deletes: it may lock the organizations of their drafts."""
    ended = list(requests.order_by("pk"))
    about = about_rows(PledgeRequest, [request.pk for request in ended])
    Message.objects.filter(about, state=Message.State.QUEUED).delete()
    for request in ended:
        if request.pledge_id:
            request.token, request.browser_token, request.source = links.new_token(), None, ""
            request.created_at = Now() - REQUEST_LIFETIME - MIN_INTERVAL
            request.save(update_fields=["token", "browser_token", "source", "created_at"])
        else:
            request.delete()


def was_emailed_link(organization: Organization, email: str) -> bool:
    about = about_rows(Pledge, organization.pledges.order_by().values("pk")) | Q(kind=PledgeEmailKind.PLEDGE_REQUEST)
    return Message.objects.filter(about, recipient__iexact=email).exists()
