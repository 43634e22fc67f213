"""The language of email to an address (docs/rules.md, Email preferences)."""

from contextlib import suppress

from django.db import transaction
from django.db.models import Q

from imagine.core import audit
from partners.models import Contact, Pledge
from partners.organizations import contacts


def language_of_address(email: str) -> str:
    """The language of the newest contact with this address, or ""."""
    found = Contact.objects.with_email(email).order_by("-pk").values_list("language", flat=True)
    return found.first() or ""


def set_language_of_address(email: str, language: str) -> None:
    """Set the language of all contacts with this address, and of the pledges they answer for, each in its own
    transaction, because no two organizations may be locked at once. A contact that is merged or deleted meanwhile is
    skipped; the one that stays has the same address."""
    for contact in Contact.objects.with_email(email).order_by("pk"):
        with suppress(Contact.DoesNotExist):
            set_language_of_contact(contact, language)


@transaction.atomic
def set_language_of_contact(contact: Contact, language: str) -> None:
    """Raise Contact.DoesNotExist."""
    contact = contacts.correct_contact(contact, language=language)  # it locks the organization
    answered = Q(contact=contact)
    if contact.is_primary:
        answered |= Q(organization=contact.organization_id, contact=None)
    for pledge in Pledge.objects.filter(answered).exclude(language=language):
        audit.log_change(pledge, {"language": pledge.language}, {"language": language})
        pledge.language = language
        pledge.save(update_fields=["language"])
