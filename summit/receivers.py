"""What contacts' changes mean for their invitations."""

from django.dispatch import receiver

from partners.models import Contact
from partners.signals import contact_deleted, contact_email_changed, contact_merged
from summit.invitations import contact_changes


@receiver(contact_email_changed)
def readdress_invitations(contact: Contact, **kwargs) -> None:
    contact_changes.readdress_invitations(contact)


@receiver(contact_deleted)
def delete_invitations(contact: Contact, **kwargs) -> None:
    contact_changes.delete_invitations(contact)


@receiver(contact_merged)
def merge_invitations(contact: Contact, duplicate: Contact, **kwargs) -> None:
    contact_changes.merge_invitations(contact, duplicate)
