"""Receivers of signals from core: what staff may delete."""

from django.db.models import Model
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.dispatch import receiver
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from imagine.core.signals import deletion_requested
from imagine.privacy.models import Hold
from imagine.privacy.people import person_of
from partners.models import Import, Organization
from summit.invitations.contact_import import names_anyone
from summit.models import ContactListUpload


@receiver(deletion_requested)
def on_deletion_requested(rows: list[Model], **kwargs) -> list[str]:
    """Return a sentence for each hold on a person that these rows are about."""
    emails = {person.email for row in rows if (person := person_of(row))}
    organizations = [row for row in rows if isinstance(row, Organization)]
    emails |= {email.lower() for row in organizations for email in row.contacts.values_list("email", flat=True)}
    emails |= {email for email in Hold.objects.emails() for row in rows if is_list_naming(row, email)}
    sentence = _("%(email)s is on hold until %(day)s: %(reason)s")
    return [
        sentence % {"email": hold.email, "day": date_format(hold.ends_on), "reason": hold.reason}
        for hold in Hold.objects.active().filter(email__in=emails)
    ]


def is_list_naming(row: Model, email: str) -> bool:
    if isinstance(row, Import):
        return row.rows.alias(address=Lower(KT("values__email"))).filter(address=email).exists()
    return isinstance(row, ContactListUpload) and names_anyone(row, [email])
