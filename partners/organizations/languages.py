"""The language of emails to an address (docs/rules.md, Email preferences)."""

from contextlib import suppress

from django.db import transaction
from django.db.models import Q

from imagine.core import audit
from partners.models import Contact, Pledge
from partners.organizations import contacts


def language_of_address(email: str) -> str:
    """Return the language of the newest contact with this address, or ""."""
    found = Contact.objects.with_email(email).order_by("-pk").values_list("language", flat=True)
    return found.first() or ""


def set_language_of_address(email: str, language: str) -> None:
    """Set the language of all contacts with this address, and of their pledges.

    Each contact has its own transaction, because only one organization may be locked at a time. A contact that is
    merged or deleted in between is skipped; a merge keeps another contact with the same address.
    """
    for contact in Contact.objects.with_email(email).order_by("pk"):
        with suppress(Contact.DoesNotExist):
            set_language_of_contact(contact, language)


@transaction.atomic
def set_language_of_contact(contact: Contact, language: str) -> None:
    """Set the language of a contact and its pledges. Raise Contact.DoesNotExist."""
    contact = contacts.correct_contact(contact, language=language)  # locks the organization
    own_pledges = Q(contact=contact)
    if contact.is_primary:
        own_pledges |= Q(organization=contact.organization_id, contact=None)
    for pledge in Pledge.objects.filter(own_pledges).exclude(language=language):
        audit.log_change(pledge, {"language": pledge.language}, {"language": language})
        pledge.language = language
        pledge.save(update_fields=["language"])
