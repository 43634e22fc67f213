"""The link of an invitation once more, to the contact's stored address alone (docs/rules.md)."""

from django.conf import settings
from django.db import transaction
from django.utils import translation

from imagine import mail
from imagine.letters import write
from imagine.models import Message
from summit import invitations, links
from summit.letters import ToldEvent
from summit.models import Invitation


@transaction.atomic
def mail_link(invitation: Invitation) -> bool:
    """Mails the link of an invitation to its contact and says whether it does, as often as links.mail_link does for an
    RSVP. Raises Invitation.DoesNotExist."""
    invitation = invitations.lock(invitation)
    mails = Message.objects.about(f"invitation:{invitation.pk}:link")
    if not links.may_go(mails, invitation.contact.email):
        return False
    store(invitation, mails.count() + 1)
    return True


def store(invitation: Invitation, number: int) -> None:
    contact = invitation.contact
    words = {"name": contact.name, "link": settings.SITE_URL + invitation.get_absolute_url()}
    with translation.override(contact.language):
        letter = write("invitation_link", {"event": ToldEvent.of(invitation.event), "link_is_private": False}, words)
    mail.queue(
        key=f"invitation:{invitation.pk}:link:{number}",
        to=contact.email,
        language=contact.language,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
    )
