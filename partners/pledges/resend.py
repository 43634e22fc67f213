"""Resend emails about a pledge: written anew for today's facts, or refused with what to do instead."""

from django.db import transaction
from django.utils.translation import gettext as _

from imagine.core.links import LinkNotFound
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend, requeue
from partners.emails import pledge as pledge_emails
from partners.emails import renewal as renewal_emails
from partners.emails.kinds import PledgeEmailKind
from partners.models import Contact, Pledge, PledgeRequest, PledgeYear, Signature
from partners.organizations import profiles
from partners.pledges import page_state

KINDS = (
    *(
        PledgeEmailKind.PLEDGE_REQUEST,
        PledgeEmailKind.PLEDGE_BEGUN,
        PledgeEmailKind.PLEDGE_LINK,
        PledgeEmailKind.PLEDGE_NEW_LINK,
    ),
    *(PledgeEmailKind.PLEDGE_SIGNED, PledgeEmailKind.PLEDGE_DRAFT, PledgeEmailKind.PLEDGE_RENEWAL),
)


@transaction.atomic
def resend_pledge_email(message: Message) -> bool:
    """Resend an email with its organization or pledge request locked. Return whether it was queued.

    Raise CannotResend, Pledge.DoesNotExist or Message.DoesNotExist.
    """
    if message.kind == PledgeEmailKind.PLEDGE_REQUEST:
        return requeue(message, fresh_start_link(message))
    pledge = Pledge.objects.get(messages__pk=message.pk)
    organization = profiles.lock_owning_organization(pledge)
    return requeue(
        message, fresh_pledge_email(message, organization.pledges.select_related("contact", "year").get(pk=pledge.pk))
    )


def fresh_start_link(message: Message) -> Message:
    """Return the email with the link to start a pledge as it should read today, unsaved."""
    request = PledgeRequest.objects.select_for_update(of=("self",)).filter(pk=message.object_id or 0).first()
    check_link_works(request)
    if request is None or PledgeYear.objects.current() is None:
        raise CannotResend(_("No school year is open for promises right now."))
    return pledge_emails.start_link_message(request)


def check_link_works(request: PledgeRequest | None) -> None:
    """Raise CannotResend if the link to start a pledge was used, replaced or deleted since."""
    try:
        page_state.load_page_state(request.token if request else "")
    except LinkNotFound:
        raise CannotResend(
            _("The link in this email no longer works. If there’s a pledge, email its link from its page instead.")
        ) from None


def fresh_pledge_email(message: Message, pledge: Pledge) -> Message:
    """Return the email as it should read today, unsaved, to today's address."""
    to = other_contact(message, pledge)
    if message.kind == PledgeEmailKind.PLEDGE_LINK:
        fresh = pledge_emails.link_message(pledge, to=to, request=other_request(message))
    elif message.kind == PledgeEmailKind.PLEDGE_NEW_LINK:
        fresh = pledge_emails.new_link_message(pledge, to=to)
    elif message.kind == PledgeEmailKind.PLEDGE_SIGNED:
        fresh = pledge_emails.signed_message(pledge, attached_signature(message, pledge), to=to)
    elif message.kind == PledgeEmailKind.PLEDGE_RENEWAL:
        fresh = renewal_emails.renewal_message(year_to_renew_for(pledge), pledge, to=to)
    else:
        check_can_sign(pledge)
        is_reminder = message.kind == PledgeEmailKind.PLEDGE_DRAFT
        build = pledge_emails.draft_reminder_message if is_reminder else pledge_emails.started_by_staff_message
        fresh = build(pledge, to=to)
    if fresh is None:
        raise CannotResend(_("This pledge has no contact who can open it. Give its organization one first."))
    return fresh


def other_contact(message: Message, pledge: Pledge) -> Contact | None:
    """Return the contact whom the email went to, if it's another one of the organization than the pledge's own."""
    contacts = pledge.organization.contacts.with_email(message.recipient).with_pledge_access()
    contact = contacts.first()
    return contact if contact != pledge_emails.contact_for(pledge) else None


def other_request(message: Message) -> PledgeRequest | None:
    """Return the request whose link the email has beside the pledge's, to start a pledge for another organization."""
    requests = PledgeRequest.objects.with_email(message.recipient)
    return next((request for request in requests if request.get_absolute_url() in message.body_text), None)


def attached_signature(message: Message, pledge: Pledge) -> Signature:
    last = pledge.signatures.order_by("-number").first()
    if last is None or message.attachment_object_id != last.pk:
        raise CannotResend(_("This pledge was signed again later. Resend the email about the latest version instead."))
    return last


def year_to_renew_for(pledge: Pledge) -> PledgeYear:
    """Return the open school year that the link of last year's pledge leads to. Raise CannotResend if there is none, or
    if the organization has a pledge for it already."""
    year = page_state.lock_current_year_for_share()
    if year is None or year.pk <= pledge.year_id:
        raise CannotResend(_("No school year is open for promises right now."))
    if pledge.organization.pledges.filter(year=year).exists():
        raise CannotResend(_("This partner already has a pledge for this school year. Email its link from its page."))
    return year


def check_can_sign(pledge: Pledge) -> None:
    """Raise CannotResend if a draft was signed since or can't be signed now."""
    if pledge.signed_at:
        raise CannotResend(_("This pledge is already signed. Email its link from its page instead."))
    year = page_state.lock_current_year_for_share()
    if year is None or year.pk != pledge.year_id:
        raise CannotResend(
            _("Promises for this school year can’t be signed right now. Email the pledge’s link from its page instead.")
        )
