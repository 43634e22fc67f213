"""Resend emails about a pledge, or refuse with instructions if what they say is no longer true."""

from django.db import transaction
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.links import LinkNotFound
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend, requeue
from partners.emails import pledge as pledge_emails
from partners.emails.kinds import EmailKind
from partners.models import Pledge, PledgeRequest, Signature
from partners.organizations import profiles
from partners.pledges import page_state

KINDS = (
    *(EmailKind.PLEDGE_REQUEST, EmailKind.PLEDGE_BEGUN, EmailKind.PLEDGE_LINK, EmailKind.PLEDGE_NEW_LINK),
    *(EmailKind.PLEDGE_SIGNED, EmailKind.PLEDGE_DRAFT),
)


@transaction.atomic
def resend_pledge_email(message: Message) -> bool:
    """Resend an email with its organization locked. Return whether it was queued.

    Raise CannotResend, Pledge.DoesNotExist or Message.DoesNotExist.
    """
    if message.kind == EmailKind.PLEDGE_REQUEST:
        check_link_works(message)
        return requeue(message)
    pledge = Pledge.objects.get(messages__pk=message.pk)
    pledge = profiles.lock_owning_organization(pledge).pledges.get(pk=pledge.pk)
    check_still_true(message, pledge)
    return requeue(message)


def check_link_works(message: Message) -> None:
    """Raise CannotResend if the link to start a pledge was used, replaced or deleted since."""
    request = message.about
    try:
        page_state.load_page_state(request.token if isinstance(request, PledgeRequest) else "")
    except LinkNotFound:
        raise CannotResend(
            _("The link in this email doesn't work anymore. If there's a pledge, email its link from its page instead.")
        ) from None


def check_still_true(message: Message, pledge: Pledge) -> None:
    """Raise CannotResend if the email's text, link or recipient is outdated."""
    if audit.has_changed_since(message.created_at, pledge, "link") or not is_contact(message, pledge):
        raise CannotResend(
            _(
                "The link or the contact's address changed since, so this email isn't true anymore. Email the link "
                "again from the pledge's page instead."
            )
        )
    if message.kind == EmailKind.PLEDGE_SIGNED:
        check_last_version(message, pledge)
    if message.kind == EmailKind.PLEDGE_DRAFT and pledge.signed_at:
        raise CannotResend(_("This pledge was signed since, so there is no draft to remind anyone of."))


def is_contact(message: Message, pledge: Pledge) -> bool:
    """Return whether the recipient is the contact of the pledge or another contact of its organization."""
    contact = pledge_emails.contact_for(pledge)
    if contact and contact.email.lower() == message.recipient.lower():
        return True
    return pledge.organization.contacts.filter(email__iexact=message.recipient).exists()


def check_last_version(message: Message, pledge: Pledge) -> None:
    last = Signature.objects.filter(pledge=pledge).order_by("-number").first()
    if last is None or message.attachment_object_id != last.pk:
        raise CannotResend(_("This pledge was signed again since. Resend the email about the last version instead."))
