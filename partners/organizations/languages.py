"""In which language the district writes to an address of its contacts (docs/rules.md, Mail choices)."""

from contextlib import suppress

from django.db import transaction
from django.db.models import Q

from imagine.core import audit
from partners.models import Contact, Pledge
from partners.organizations import contacts


def language_of_address(email: str) -> str:
    """The language of the newest contact with this address, "" when there is none."""
    found = Contact.objects.with_email(email).order_by("-pk").values_list("language", flat=True)
    return found.first() or ""


def set_language_of_address(email: str, language: str) -> None:
    """Writes the language of every contact with this address, and of the pledges that they answer for. Each in a
    transaction of its own: two organizations are not locked at once. Who is merged or erased meanwhile is passed over:
    the double that stays has the address, too. Twice changes nothing."""
    for contact in Contact.objects.with_email(email).order_by("pk"):
        with suppress(Contact.DoesNotExist):
            set_language_of_contact(contact, language)


@transaction.atomic
def set_language_of_contact(contact: Contact, language: str) -> None:
    """Raises Contact.DoesNotExist."""
    contact = contacts.correct_contact(contact, language=language)  # it locks the organization
    answered = Q(contact=contact)
    if contact.is_primary:
        answered |= Q(organization=contact.organization_id, contact=None)
    for pledge in Pledge.objects.filter(answered).exclude(language=language):
        audit.log_change(pledge, {"language": pledge.language}, {"language": language})
        pledge.language = language
        pledge.save(update_fields=["language"])
