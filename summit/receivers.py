"""Receivers of signals from partners and mail: contacts that change, emails to resend, languages of addresses."""

from django.dispatch import receiver

from imagine.mail.models import Message
from imagine.mail.signals import language_asked, language_chosen, resend_requested
from partners.models import Contact
from partners.signals import contact_deleted, contact_email_changed, contact_merged
from summit import rsvp_language, rsvp_resend
from summit.invitations import contact_changes, mailing_kinds
from summit.invitations import resend as invitation_resend
from summit.models import Rsvp

mailing_kinds.register_mailing_kinds()


@receiver(contact_email_changed)
def on_contact_email_changed(contact: Contact, **kwargs) -> None:
    contact_changes.readdress_invitations(contact)


@receiver(contact_deleted)
def on_contact_deleted(contact: Contact, **kwargs) -> None:
    contact_changes.delete_invitations(contact)


@receiver(contact_merged)
def on_contact_merged(contact: Contact, duplicate: Contact, **kwargs) -> None:
    contact_changes.merge_invitations(contact, duplicate)


@receiver(resend_requested)
def on_resend_requested(message: Message, **kwargs) -> bool | None:
    if message.kind in invitation_resend.KINDS:
        return invitation_resend.resend_invitation_email(message)
    if message.kind in rsvp_resend.KINDS and isinstance(message.about, Rsvp):
        return rsvp_resend.resend_rsvp_email(message)
    return None


@receiver(language_asked)
def on_language_asked(email: str, **kwargs) -> str:
    return rsvp_language.language_of_rsvps(email)


@receiver(language_chosen)
def on_language_chosen(email: str, language: str, **kwargs) -> None:
    rsvp_language.set_language_of_rsvps(email, language)
