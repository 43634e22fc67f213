"""A spreadsheet of people for an audience, checked whole before anybody is put in (docs/rules.md).

Its columns are known by their headings: e-mail, and as there may be name, organization, language. Whoever is a contact
already is known by the address alone; the others become contacts of their organization, or on their own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core.spreadsheets import reader as spreadsheet_reader
from imagine.core.spreadsheets.reader import Sheet, Unreadable
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
KEEP_UPLOADS = timedelta(days=1)  # a list that nobody says anything of
HEADINGS = {
    "first": "first name, first, given name, nombre de pila",
    "last": "last name, last, surname, family name, apellido, apellidos",
    "language": "language, preferred language, lang, idioma, idioma preferido, lengua",
}
PARTNER_IMPORT_FIELDS = {
    "email": "email",
    "contact": "name",
    "organization": "organization",
}  # headings that imports know, too
LANGUAGES = {"en": "en, eng, english, ingles", "es": "es, spa, spanish, espanol, castellano"}


class ContactImportRefused(Exception):
    """Nobody is put in. Its text is a sentence for staff."""


class ContactRow(NamedTuple):
    """One person of a file, as it is read, with the line."""

    line: int
    email: str
    name: str = ""
    organization: str = ""
    language: str = ""

    @property
    def address(self) -> str:
        return self.email.lower()


class SkippedRow(NamedTuple):
    """A row that cannot be taken: its line, what stands there, and why not, a sentence."""

    line: int
    what: str
    why: str


@dataclass
class CheckedList:
    """What a file holds: people who are contacts, people who are none yet, and rows that are left out: wrong ones,
    those whose address stood above, and those who want no invitations or whose address refuses mail."""

    name: str
    known: list[ContactRow] = field(default_factory=list)
    new: list[ContactRow] = field(default_factory=list)
    bad: list[SkippedRow] = field(default_factory=list)
    doubled: list[SkippedRow] = field(default_factory=list)
    unwilling: list[ContactRow] = field(default_factory=list)

    @property
    def taken(self) -> list[ContactRow]:
        """Who would be put in, in the order of the file."""
        return sorted([*self.known, *self.new])


# Read ------------------------------------------------------------------------------------------------------------


def check_contact_list(file: bytes, name: str) -> CheckedList:
    """What a CSV or XLSX file says, checked; `name` is the file's. Writes nothing. Raises Unreadable with a sentence
    when it is no table of people: then nothing of it is taken."""
    sheet = spreadsheet_reader.read_sheet(file, lambda row: len(set(map(contact_field, row)) - {None}))
    checked = CheckedList(name)
    rows: dict[str, ContactRow] = {}
    for row in contact_rows(sheet, checked.bad):
        if before := rows.get(row.address):
            said = _("The same address as in line %(line)d.") % {"line": before.line}
            checked.doubled.append(SkippedRow(row.line, row.email, said))
        else:
            rows[row.address] = row
    classify_rows(checked, rows)
    return checked


def classify_rows(checked: CheckedList, rows: dict[str, ContactRow]) -> None:
    """Two queries for any number of rows."""
    unwanted = EmailPreference.objects.filter(preferences.must_not_email("invitations"), email__in=rows)
    unwilling = set(unwanted.values_list("email", flat=True))
    known = contacts_by_address(rows)
    for address, row in rows.items():
        kind = checked.unwilling if address in unwilling else checked.known if address in known else checked.new
        kind.append(row)


def contacts_by_address(wanted: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """The contacts of these addresses, in lower case: primary keys and folded names of their organizations. The one
    that an audience would take first comes first."""
    found = Contact.objects.alias(address=Lower("email")).filter(address__in=list(wanted))
    rows = found.order_by("-is_primary", "pk").values_list("email", "pk", "organization__normalized_name")
    known: dict[str, list[tuple[int, str]]] = {}
    for email, pk, organization in rows:
        known.setdefault(email.lower(), []).append((pk, organization or ""))
    return known


def contact_rows(sheet: Sheet, bad: list[SkippedRow]) -> Iterator[ContactRow]:
    """The rows that can be read; the others are put among the bad ones."""
    columns = contact_columns(sheet.header)
    number = 0
    for line, row in sheet.rows:
        if not row:
            continue
        number += 1
        if number > MAX_ROWS:
            said = _("It has more than %(most)s rows. Split it into files of fewer rows.")
            raise Unreadable(said % {"most": f"{MAX_ROWS:,}"})
        parsed = ParsedRow()
        typed = parse_contact({name: row[column] for column, name in columns.items() if column < len(row)}, parsed)
        if parsed.problems:
            bad.append(SkippedRow(line, (typed["email"] or next(filter(None, row)))[:60], " ".join(parsed.problems)))
        else:
            yield ContactRow(line, **typed)


def parse_contact(typed: dict[str, str], said: ParsedRow) -> dict[str, str]:
    name = typed.get("name") or " ".join(filter(None, (typed.get("first"), typed.get("last"))))
    return {
        "email": parse_email(typed.get("email", ""), said),
        "name": parse_name("name", Contact, name, said),
        "organization": parse_name("name", Organization, typed.get("organization", ""), said),
        "language": parse_language(typed.get("language", ""), said),
    }


def parse_email(cell: str, said: ParsedRow) -> str:
    if not cell:
        said.wrong(_("The e-mail address is missing."))
    return cell_parsers.email_address(cell, said)


def parse_name(name: str, model: type, cell: str, said: ParsedRow) -> str:
    if cell.startswith("="):
        said.wrong(_("“%(cell)s” looks like a formula, not like a name."), cell=cell[:60])
    return cell_parsers.text(name, cell_parsers.longest(model, name))(None, cell, said)


def parse_language(cell: str, said: ParsedRow) -> str:
    """A language that we write in; none is for the contact to say."""
    found = next(
        (code for code, words in LANGUAGES.items() if plain_text(cell) in map(plain_text, words.split(","))), ""
    )
    if cell and not found:
        names = ", ".join(name for _code, name in settings.LANGUAGES)
        said.wrong(_("“%(cell)s” is no language that we write in. They are: %(names)s."), cell=cell[:30], names=names)
    return found


def contact_columns(header: list[str]) -> dict[int, str]:
    """The field of each column that has one; of two for one field the first counts."""
    columns: dict[int, str] = {}
    for number, heading in enumerate(header):
        name = contact_field(heading)
        if name and name not in columns.values():
            columns[number] = name
    if "email" not in columns.values():
        said = _("There is no column for: %(missing)s. The headings found are: %(found)s.")
        found = ", ".join(filter(None, header))[:150]
        raise Unreadable(said % {"missing": _("e-mail"), "found": found})
    return columns


def contact_field(heading: str) -> str | None:
    for name, words in HEADINGS.items():
        if plain_text(heading) in map(plain_text, words.split(",")):
            return name
    return PARTNER_IMPORT_FIELDS.get(imports_columns.field_of(heading) or "")


# Take ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_to_audience(audience: Audience, checked: CheckedList) -> int:
    """Puts the people of a checked file in an audience, and says how many are in it by lists now. Who is no contact
    becomes one: of the organization with the same normalized name, which is made if there is none; without one on their
    own. Twice changes nothing."""
    rows = {row.address: row for row in checked.taken}
    known = contacts_by_address(rows)
    missing = [row for address, row in rows.items() if address not in known]
    if missing:
        organizations = organizations_by_name({row.organization for row in missing if row.organization})
        contacts.add_contacts(new_contact(row, organizations) for row in missing)
        known = contacts_by_address(rows)
    names = normalized_names({row.organization for row in rows.values() if row.organization})
    audience.uploaded_contacts.add(
        *(contact_in_organization(known[address], names.get(row.organization, "")) for address, row in rows.items())
    )
    return audience.uploaded_contacts.count()


def contact_in_organization(some: list[tuple[int, str]], organization: str) -> int:
    """The contact of one address that is meant: that of the organization in the file, else the first."""
    return next((pk for pk, name in some if organization and name == organization), some[0][0])


def new_contact(row: ContactRow, organizations: dict[str, int]) -> Contact:
    """Whoever has no name in the file is called as the organization, or as the address before its @."""
    return Contact(
        organization_id=organizations.get(row.organization),
        name=row.name or row.organization[: cell_parsers.longest(Contact, "name")] or row.email.partition("@")[0],
        email=row.email,
        language=row.language or settings.LANGUAGE_CODE,
    )


def organizations_by_name(names: set[str]) -> dict[str, int]:
    """The primary key of the organization of each typed name, made if there is none."""
    plain_names = normalized_names(names)
    rows = Organization.objects.filter(normalized_name__in=set(plain_names.values())).order_by("-pk")
    known = dict(rows.values_list("normalized_name", "pk"))  # of several the oldest
    new = {plain_names[name]: name for name in sorted(names, reverse=True) if plain_names[name] not in known}
    made = profiles.create_organizations(sorted(new.values()))
    known |= {plain_names[organization.name]: organization.pk for organization in made}
    return {name: known[plain_names[name]] for name in names}


def normalized_names(names: set[str]) -> dict[str, str]:
    """Each name as the database folds it, by the name: one statement."""
    compiler = Organization.objects.all().query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(normalize_name(RawSQL("name", ())))
    select = f"SELECT name, {sql} FROM unnest(%s::text[]) AS name"  # noqa: S608, the models' own expression
    with connection.cursor() as cursor:
        cursor.execute(select, [*parameters, list(names)])
        return dict(cursor.fetchall())


# A list that staff look through first ----------------------------------------------------------------------------


def store_upload(audience: Audience, file: bytes, name: str) -> None:
    """Keeps a list that was sent for an audience until staff put its people in, or drop it. A second one takes the
    first one's place."""
    sent = {"file": file, "file_name": name[-MAX_LENGTH_FILE_NAME:], "uploaded_at": timezone.now()}
    ContactListUpload.objects.update_or_create(audience=audience, defaults=sent)


@transaction.atomic
def import_upload(audience: Audience, *, seen: str, leaves_bad: bool) -> int:
    """Puts the people of the list that is kept for an audience in it, and forgets the list. Says how many they are.
    `seen` is the mark of the list that staff looked through. Raises Refused, also when it is another one now, or there
    are bad rows and nobody said that they are left out."""
    sent = lock_upload(audience, seen)
    if sent is None:
        raise ContactImportRefused(_("This list was put in or dropped before. Nothing was done."))
    checked = check_contact_list(bytes(sent.file), sent.file_name)
    if checked.bad and not leaves_bad:
        raise ContactImportRefused(_("Tick that the bad rows are left out, or correct the file and send it again."))
    if not checked.taken:
        raise ContactImportRefused(_("There is nobody in this list who could be put in."))
    add_to_audience(audience, checked)
    sent.delete()
    return len(checked.taken)


@transaction.atomic
def discard_upload(audience: Audience, *, seen: str) -> None:
    """Forgets the list that is kept for an audience. Twice changes nothing. Raises Refused when it is another one than
    the one that was `seen`."""
    if sent := lock_upload(audience, seen):
        sent.delete()


def lock_upload(audience: Audience, seen: str) -> ContactListUpload | None:
    sent = ContactListUpload.objects.select_for_update().filter(pk=audience.pk).first()
    if sent and seen != sent.mark:
        raise ContactImportRefused(
            _("Somebody sent another list meanwhile. Nothing was done: look through this one first.")
        )
    return sent


def discard_stale_uploads() -> None:
    """Forgets lists of which nobody said anything for a day."""
    ContactListUpload.objects.filter(uploaded_at__lt=timezone.now() - KEEP_UPLOADS).delete()
