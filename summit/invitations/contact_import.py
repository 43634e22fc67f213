"""Import a spreadsheet of people into an audience, checked as a whole first (docs/rules.md).

Columns are recognized by their headings: email and, optionally, name, organization and language. Existing contacts are
recognized by address alone. Other people become contacts of their organization, or without one.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext as _

from imagine.core.deletion import check_deletable
from imagine.core.errors import RuleViolation
from imagine.core.spreadsheets import reader as spreadsheet_reader
from imagine.core.spreadsheets.errors import Unreadable
from imagine.core.spreadsheets.reader import Sheet
from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from partners.imports import cell_parsers
from partners.imports import columns as imports_columns
from partners.imports.cell_parsers import ParsedRow
from partners.imports.columns import plain_text
from partners.models import Contact, Organization, normalize_name
from partners.organizations import contacts, profiles
from summit.models import Audience, ContactListUpload
from summit.models.invitations import MAX_LENGTH_FILE_NAME

MAX_ROWS = 20_000
KEEP_UPLOADS = timedelta(days=1)
HEADINGS = {
    "first": "first name, first, given name, nombre de pila",
    "last": "last name, last, surname, family name, apellido, apellidos",
    "language": "language, preferred language, lang, idioma, idioma preferido, lengua",
}
PARTNER_IMPORT_FIELDS = {
    "email": "email",
    "contact": "name",
    "organization": "organization",
}  # with the same headings as in partners' imports
LANGUAGES = {"en": "en, eng, english, ingles", "es": "es, spa, spanish, espanol, castellano"}


class ContactImportRefused(RuleViolation):
    """No one was imported. The message tells staff why."""


class ContactRow(NamedTuple):
    """One person in a file."""

    line: int
    email: str
    name: str = ""
    organization: str = ""
    language: str = ""

    @property
    def address(self) -> str:
        return self.email.lower()


class SkippedRow(NamedTuple):
    """A row that won't be imported: its line, its content, and the reason in a sentence."""

    line: int
    what: str
    why: str


@dataclass
class CheckedList:
    """The rows of a file: existing contacts, new people, rejected rows, repeated addresses, and people who don't want
    invitations or whose address bounces."""

    name: str
    existing: list[ContactRow] = field(default_factory=list)
    new: list[ContactRow] = field(default_factory=list)
    rejected: list[SkippedRow] = field(default_factory=list)
    repeated: list[SkippedRow] = field(default_factory=list)
    opted_out: list[ContactRow] = field(default_factory=list)

    @property
    def accepted(self) -> list[ContactRow]:
        """The people who will be imported, in the order of the file."""
        return sorted([*self.existing, *self.new])


# Read ------------------------------------------------------------------------------------------------------------


def check_contact_list(file: bytes, name: str) -> CheckedList:
    """Read and check a CSV or XLSX file called `name`. Write nothing. Raise Unreadable if it isn't a table of
    people."""
    sheet = spreadsheet_reader.read_sheet(file, lambda row: len(set(map(contact_field, row)) - {None}))
    checked = CheckedList(name)
    rows: dict[str, ContactRow] = {}
    for row in contact_rows(sheet, checked.rejected):
        if before := rows.get(row.address):
            message = _("Same address as row %(line)d.") % {"line": before.line}
            checked.repeated.append(SkippedRow(row.line, row.email, message))
        else:
            rows[row.address] = row
    classify_rows(checked, rows)
    return checked


def classify_rows(checked: CheckedList, rows: dict[str, ContactRow]) -> None:
    """Takes two queries for any number of rows."""
    preferences_found = EmailPreference.objects.filter(preferences.must_not_email("invitations"), email__in=rows)
    opted_out = set(preferences_found.values_list("email", flat=True))
    existing = contacts_by_address(rows)
    for address, row in rows.items():
        group = checked.opted_out if address in opted_out else checked.existing if address in existing else checked.new
        group.append(row)


def contacts_by_address(addresses: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """Return the contacts with these lowercase addresses: primary keys and normalized names of their organizations, in
    the order in which an audience would choose them."""
    found = Contact.objects.alias(address=Lower("email")).filter(address__in=list(addresses))
    rows = found.order_by("-is_primary", "pk").values_list("email", "pk", "organization__normalized_name")
    by_address: dict[str, list[tuple[int, str]]] = {}
    for email, pk, organization in rows:
        by_address.setdefault(email.lower(), []).append((pk, organization or ""))
    return by_address


def contact_rows(sheet: Sheet, rejected: list[SkippedRow]) -> Iterator[ContactRow]:
    """Yield the readable rows; add the others to `rejected`."""
    columns = contact_columns(sheet.header)
    number = 0
    for line, row in sheet.rows:
        if not row:
            continue
        number += 1
        if number > MAX_ROWS:
            message = _("This file has more than %(most)s rows. Split it into smaller files.")
            raise Unreadable(message % {"most": f"{MAX_ROWS:,}"})
        parsed = ParsedRow()
        values = parse_contact({name: row[column] for column, name in columns.items() if column < len(row)}, parsed)
        if parsed.problems:
            rejected.append(
                SkippedRow(line, (values["email"] or next(filter(None, row)))[:60], " ".join(parsed.problems))
            )
        else:
            yield ContactRow(line, **values)


def parse_contact(cells: dict[str, str], parsed: ParsedRow) -> dict[str, str]:
    name = cells.get("name") or " ".join(filter(None, (cells.get("first"), cells.get("last"))))
    return {
        "email": parse_contact_email(cells.get("email", ""), parsed),
        "name": parse_name("name", Contact, name, parsed),
        "organization": parse_name("name", Organization, cells.get("organization", ""), parsed),
        "language": parse_language(cells.get("language", ""), parsed),
    }


def parse_contact_email(cell: str, parsed: ParsedRow) -> str:
    if not cell:
        parsed.add_problem(_("The email address is missing."))
    return cell_parsers.parse_email_address(cell, parsed)


def parse_name(name: str, model: type, cell: str, parsed: ParsedRow) -> str:
    if cell.startswith("="):
        parsed.add_problem(_("“%(cell)s” looks like a formula, not a name."), cell=cell[:60])
    return cell_parsers.text_parser(name, cell_parsers.max_length(model, name))(None, cell, parsed)


def parse_language(cell: str, parsed: ParsedRow) -> str:
    """Return the code of a language we write in, or ""."""
    language = next(
        (code for code, spellings in LANGUAGES.items() if plain_text(cell) in map(plain_text, spellings.split(","))), ""
    )
    if cell and not language:
        names = ", ".join(name for _code, name in settings.LANGUAGES)
        parsed.add_problem(
            _("“%(cell)s” isn’t a language we use. Use one of these: %(names)s."), cell=cell[:30], names=names
        )
    return language


def contact_columns(header: list[str]) -> dict[int, str]:
    """Return the field of each known column. If two columns have the same field, the first one counts."""
    columns: dict[int, str] = {}
    for number, heading in enumerate(header):
        name = contact_field(heading)
        if name and name not in columns.values():
            columns[number] = name
    if "email" not in columns.values():
        message = _("This file has no “Email” column. Its headings are: %(found)s.")
        found = ", ".join(filter(None, header))[:150]
        raise Unreadable(message % {"found": found})
    return columns


def contact_field(heading: str) -> str | None:
    for name, words in HEADINGS.items():
        if plain_text(heading) in map(plain_text, words.split(",")):
            return name
    return PARTNER_IMPORT_FIELDS.get(imports_columns.field_of(heading) or "")


# Import ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_to_audience(audience: Audience, checked: CheckedList) -> int:
    """Add the people of a checked file to an audience. Return how many uploaded contacts it has now.

    People who aren't contacts become contacts of the organization with the same normalized name, which is created if
    needed. Safe to repeat.
    """
    rows = {row.address: row for row in checked.accepted}
    contacts_found = contacts_by_address(rows)
    missing = [row for address, row in rows.items() if address not in contacts_found]
    if missing:
        organizations = organizations_by_name({row.organization for row in missing if row.organization})
        contacts.add_contacts(new_contact(row, organizations) for row in missing)
        contacts_found = contacts_by_address(rows)
    contacts.keep_contacts({pk for candidates in contacts_found.values() for pk, _organization in candidates})
    contacts_found = contacts_by_address(rows)  # again, because a merge may have come first
    names = normalized_names({row.organization for row in rows.values() if row.organization})
    people = {
        contact_in_organization(contacts_found[address], names.get(row.organization, ""))
        for address, row in rows.items()
        if address in contacts_found
    }
    audience.uploaded_contacts.add(*people)
    return audience.uploaded_contacts.count()


def contact_in_organization(candidates: list[tuple[int, str]], organization: str) -> int:
    """Return the contact of an address in the organization named in the file, or the first contact."""
    return next((pk for pk, name in candidates if organization and name == organization), candidates[0][0])


def new_contact(row: ContactRow, organizations: dict[str, int]) -> Contact:
    """Someone without a name in the file is named after the organization, or after the address before its @."""
    return Contact(
        organization_id=organizations.get(row.organization),
        name=row.name or row.organization[: cell_parsers.max_length(Contact, "name")] or row.email.partition("@")[0],
        email=row.email,
        language=row.language or settings.LANGUAGE_CODE,
    )


def organizations_by_name(names: set[str]) -> dict[str, int]:
    """Return the primary key of the organization with each name, creating missing organizations."""
    plain_names = normalized_names(names)
    rows = Organization.objects.filter(normalized_name__in=set(plain_names.values())).order_by("-pk")
    existing = dict(rows.values_list("normalized_name", "pk"))  # the oldest, if several have the name
    profiles.lock_organizations(existing.values())  # before new ones are made, as imports do
    new = {plain_names[name]: name for name in sorted(names, reverse=True) if plain_names[name] not in existing}
    created = profiles.create_organizations(sorted(new.values()))
    existing |= {plain_names[organization.name]: organization.pk for organization in created}
    return {name: existing[plain_names[name]] for name in names}


def normalized_names(names: set[str]) -> dict[str, str]:
    """Return each name as the database normalizes it, by name.

    Raw, because the ORM can't select from a list of values: with an expression for each name, 20,000 took 20 seconds.
    """
    compiler = Organization.objects.all().query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(normalize_name(RawSQL("name", ())))
    select = f"SELECT name, {sql} FROM unnest(%s::text[]) AS name"  # noqa: S608  # nosec B608  # ours
    with connection.cursor() as cursor:
        cursor.execute(select, [*parameters, list(names)])
        return dict(cursor.fetchall())


# Uploads that staff review first ---------------------------------------------------------------------------------


@transaction.atomic
def store_upload(audience: Audience, file: bytes, name: str) -> None:
    """Store an uploaded list until staff import or discard it. A second upload replaces the first. Raise
    DeletionRefused."""
    check_deletable(*ContactListUpload.objects.select_for_update().filter(pk=audience.pk))
    values = {"file": file, "file_name": name[-MAX_LENGTH_FILE_NAME:], "uploaded_at": Now()}
    ContactListUpload.objects.update_or_create(audience=audience, defaults=values)


@transaction.atomic
def import_upload(audience: Audience, *, seen: str, skip_rejected: bool) -> int:
    """Import the stored list into its audience and delete it. Return the number of people.

    `seen` is the mark of the list that staff reviewed. Raise ContactImportRefused if the list has changed since, or has
    rejected rows and staff didn't choose to skip them.
    """
    upload = lock_upload(audience, seen)
    if upload is None:
        raise ContactImportRefused(_("This list was already added or discarded. Nothing has changed."))
    checked = check_contact_list(bytes(upload.file), upload.file_name)
    if checked.rejected and not skip_rejected:
        raise ContactImportRefused(
            _("Check the box to skip the rows with errors, or correct the file and upload it again.")
        )
    if not checked.accepted:
        raise ContactImportRefused(_("No one in this list can be added."))
    add_to_audience(audience, checked)
    upload.delete()
    return len(checked.accepted)


@transaction.atomic
def discard_upload(audience: Audience, *, seen: str) -> None:
    """Delete the stored list of an audience. Safe to repeat. Raise ContactImportRefused if it isn't the list with the
    mark `seen`, and DeletionRefused."""
    if upload := lock_upload(audience, seen):
        check_deletable(upload)
        upload.delete()


def lock_upload(audience: Audience, seen: str) -> ContactListUpload | None:
    upload = ContactListUpload.objects.select_for_update().filter(pk=audience.pk).first()
    if upload and seen != upload.mark:
        raise ContactImportRefused(
            _("Someone else uploaded another list in the meantime. Nothing has changed. Review this list first.")
        )
    return upload


def discard_stale_uploads(held: Collection[str] = ()) -> int:
    """Delete lists that staff did nothing with for a day, unless they name people on hold. Return how many."""
    stale = ContactListUpload.objects.filter(uploaded_at__lt=Now() - KEEP_UPLOADS)
    if held:
        stale = stale.exclude(pk__in=[upload.pk for upload in stale if names_anyone(upload, held)])
    return stale.delete()[0]


def names_anyone(upload: ContactListUpload, emails: Collection[str]) -> bool:
    """Whether one of these addresses, in lower case, is in a cell of the list. A list that can't be read may name
    them."""
    try:
        sheet = spreadsheet_reader.read_sheet(bytes(upload.file), imports_columns.count_known_headings)
        rows = [sheet.header, *(cells for _line, cells in sheet.rows)]
    except Unreadable:
        return True
    text = "\n".join(cell for row in rows for cell in row).lower()
    return any(email in text for email in emails)
