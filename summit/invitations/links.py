"""Email an invitation's link again, only to the contact's stored address (docs/rules.md)."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation

from imagine.mail.queue import enqueue, message_key
from imagine.mail.rendering import render_email
from summit import rsvp_links
from summit.emails.kinds import SummitEmailKind
from summit.emails.rsvp import EventFacts
from summit.invitations import responses
from summit.models import Invitation


@transaction.atomic
def mail_invitation_link(invitation: Invitation) -> bool:
    """Email the link of an invitation to its contact, as often as rsvp_links.mail_rsvp_link allows. Return whether it
    was queued. Raise Invitation.DoesNotExist."""
    invitation = responses.lock_invitation(invitation)
    messages = invitation.messages.filter(kind=SummitEmailKind.INVITATION_LINK)
    if not rsvp_links.may_mail_link(messages, invitation.contact.email):
        return False
    queue_invitation_link(invitation)
    return True


def queue_invitation_link(invitation: Invitation) -> None:
    contact = invitation.contact
    words = {"name": contact.name, "link": settings.SITE_URL + invitation.get_absolute_url()}
    with translation.override(contact.language):
        facts = {"event": EventFacts.of(invitation.event), "link_is_private": False}
        email = render_email("summit/invitation_link", facts, words, layout="mail/summit/layout")
    enqueue(
        kind=SummitEmailKind.INVITATION_LINK,
        about=invitation,
        idempotency_key=message_key(SummitEmailKind.INVITATION_LINK, invitation, timezone.now().isoformat()),
        recipient=contact.email,
        language=contact.language,
        subject=email.subject,
        body_text=email.body_text,
        body_html=email.body_html,
    )
