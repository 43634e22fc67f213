"""Receivers of signals from core: what staff may delete."""

from collections.abc import Collection, Sequence

from django.db.models import Model
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.dispatch import receiver
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from imagine.core.signals import deletion_requested
from imagine.privacy.models import Hold
from imagine.privacy.people import person_of
from partners.models import Import, Organization, Pledge
from summit.invitations.contact_import import names_anyone
from summit.models import Audience, ContactListUpload


@receiver(deletion_requested)
def on_deletion_requested(rows: Sequence[Model], **kwargs) -> list[str]:
    """Return a sentence for each hold on a person that these rows, or what is deleted with them, are about."""
    holds = list(Hold.objects.active())
    if not holds:
        return []
    on_hold = {hold.email for hold in holds}
    held = {email for row in rows for email in held_by(row, on_hold)}
    sentence = _("%(email)s is on hold until %(day)s: %(reason)s")
    return [
        sentence % {"email": hold.email, "day": date_format(hold.ends_on), "reason": hold.reason}
        for hold in holds
        if hold.email in held
    ]


def held_by(row: Model, on_hold: Collection[str]) -> set[str]:
    """Return which of these addresses a row is about, or what is deleted with it."""
    if isinstance(row, Audience):
        uploads = ContactListUpload.objects.filter(pk=row.pk)
        return {email for upload in uploads for email in held_by(upload, on_hold)}
    if isinstance(row, ContactListUpload):
        return {email for email in on_hold if names_anyone(row, [email])}
    if isinstance(row, Import):
        return set(row.rows.values_list(Lower(KT("values__email")), flat=True)) & set(on_hold)
    emails = {person.email} if (person := person_of(row)) else set()
    if isinstance(row, Organization):
        emails |= set(row.contacts.values_list(Lower("email"), flat=True))
    if isinstance(row, Pledge):
        emails |= set(row.requests.values_list(Lower("email"), flat=True))
    return emails & set(on_hold)
