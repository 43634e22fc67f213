"""Remove what pledges and imports say about a person (imagine/privacy/erasing.py)."""

from collections.abc import Collection

from django.db import transaction
from django.db.models.fields.json import KT
from django.db.models.functions import Lower

from imagine.core.retention import REMOVED_NAME
from imagine.core.spreadsheets.errors import Unreadable
from imagine.core.spreadsheets.reader import read_all_text
from partners.models import Import, ImportRow, Organization, Signature
from partners.organizations import profiles

PERSON_IN_ROW = {"email": "", "contact": "", "phone": "", "signed_by": REMOVED_NAME}


@transaction.atomic
def remove_signer(organization_pk: int, *, names: Collection[str]) -> None:
    """Remove the name and role of whoever signed an organization's pledges under one of these names. The pledges and
    their signed versions stay."""
    try:
        organization = profiles.lock_organization(organization_pk)
    except Organization.DoesNotExist:  # merged or deleted at this moment
        return
    removed = {"signed_by": REMOVED_NAME, "signed_role": ""}
    organization.pledges.filter(signed_by__in=names).update(**removed)
    Signature.objects.filter(pledge__organization=organization, signed_by__in=names).update(**removed)


def file_names(content: bytes, email: str) -> bool:
    """Whether an address, in lower case, is in a file. A file that can't be read may name it."""
    try:
        return any(email in cell.lower() for cell in read_all_text(content))
    except Unreadable:
        return True


@transaction.atomic
def remove_from_imports(email: str) -> None:
    """Remove a person from the rows of imports that aren't written yet, and the files that name them."""
    stored = Import.objects.filter(file__isnull=False).select_for_update(of=("self",)).order_by("pk")
    naming = [run.pk for run in stored if file_names(bytes(run.file or b""), email)]
    Import.objects.filter(pk__in=naming).update(file=None)
    rows = ImportRow.objects.alias(address=Lower(KT("values__email"))).filter(address=email)
    list(Import.objects.filter(rows__in=rows).order_by("pk").select_for_update(of=("self",)).values_list("pk"))
    found = list(rows)
    for row in found:
        row.values |= PERSON_IN_ROW
    ImportRow.objects.bulk_update(found, ["values"], batch_size=500)
