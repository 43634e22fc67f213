"""Receivers of signals from partners and mail: contacts that change, pages of ours that theirs link to, emails to
resend, languages of addresses."""

from django.dispatch import receiver
from django.urls import reverse
from django.utils.translation import gettext as _

from imagine.mail.models import Message
from imagine.mail.signals import language_asked, language_chosen, resend_requested
from partners.models import Contact
from partners.signals import (
    PageLink,
    address_proofs_asked,
    contact_email_changed,
    contact_emails_changing,
    contact_merged,
    contact_page_asked,
    contacts_deleted,
    contacts_locked,
    organizations_leaving,
    pledge_page_asked,
)
from summit import date_alerts, rsvp_language, rsvp_links, rsvp_resend, seats
from summit.emails.kinds import SummitEmailKind
from summit.invitations import contact_changes
from summit.invitations import resend as invitation_resend
from summit.models import Rsvp
from summit.staff_emails import writing as staff_email_writing


@receiver(organizations_leaving)
def on_organizations_leaving(organizations: list[int], **kwargs) -> None:
    """Their RSVPs are written next: under the events' locks, as all RSVPs are."""
    seats.lock_events(Rsvp.objects.filter(organization__in=organizations).order_by().values("event"))


@receiver(contact_emails_changing)
def on_contact_emails_changing(contacts: list[int], **kwargs) -> None:
    contact_changes.lock_rsvps_of_contacts(contacts)


@receiver(contacts_locked)
def on_contacts_locked(contacts: list[Contact], **kwargs) -> None:
    contact_changes.lock_invitations_of_contacts(contacts)


@receiver(contact_email_changed)
def on_contact_email_changed(contact: Contact, before: str, **kwargs) -> None:
    contact_changes.readdress_invitations(contact, before)


@receiver(contacts_deleted)
def on_contacts_deleted(contacts: list[Contact], **kwargs) -> None:
    contact_changes.delete_invitations(contacts)


@receiver(contact_merged)
def on_contact_merged(contact: Contact, duplicate: Contact, **kwargs) -> None:
    contact_changes.merge_invitations(contact, duplicate)


@receiver(address_proofs_asked)
def on_address_proofs_asked(contact: Contact, **kwargs) -> list[str]:
    return rsvp_links.address_proofs(contact)


@receiver(contact_page_asked)
def on_contact_page_asked(contact: Contact, **kwargs) -> PageLink:
    url = reverse("admin:summit_invitation_changelist", query={"contact__id__exact": contact.pk})
    return PageLink(url, _("Invitations of this person"))


@receiver(pledge_page_asked)
def on_pledge_page_asked(token: str, **kwargs) -> PageLink:
    return PageLink(reverse("partner_year", args=[token]), _("Your year: events, invitations, promises"))


@receiver(resend_requested)
def on_resend_requested(message: Message, **kwargs) -> bool | None:
    if message.object_id and message.kind in invitation_resend.KINDS:
        return invitation_resend.resend_invitation_email(message)
    if message.object_id and message.kind in date_alerts.KINDS:
        return date_alerts.resend_alert_email(message)
    if message.object_id and message.kind == SummitEmailKind.STAFF_EMAIL:
        return staff_email_writing.resend_staff_email(message)
    if message.object_id and message.kind in rsvp_resend.KINDS:
        return rsvp_resend.resend_rsvp_email(message)
    return None


@receiver(language_asked)
def on_language_asked(email: str, **kwargs) -> str:
    return rsvp_language.language_of_rsvps(email)


@receiver(language_chosen)
def on_language_chosen(email: str, language: str, **kwargs) -> None:
    rsvp_language.set_language_of_rsvps(email, language)
