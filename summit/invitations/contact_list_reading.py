"""Read a spreadsheet of people, whoever wrote it, and check each row. Nothing is written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import NamedTuple

from django.conf import settings
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from imagine.core.spreadsheets.cells import BadCell
from imagine.core.spreadsheets.description import column_name, describe_match
from imagine.core.spreadsheets.errors import ColumnMissing, Unreadable
from imagine.core.spreadsheets.headings import ColumnMatch, Headings, match_columns, plain_text, plain_words
from imagine.core.spreadsheets.reader import Sheet, read_sheet
from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from partners.imports import cell_parsers
from partners.imports import columns as imports_columns
from partners.imports.cell_parsers import ParsedRow
from partners.models import Contact, Organization

MAX_ROWS = 100_000
SAME_PERSON = ":::"  # Google Contacts writes it between the values of one person
PARTNER_IMPORT_FIELDS = {
    "email": "email",
    "contact": "name",
    "organization": "organization",
}  # with the same headings as in partners' imports
HEADINGS = {
    "first": "first name, first, given name, nombre de pila, primer nombre",
    "middle": "middle name, additional name, segundo nombre",
    "last": "last name, last, surname, family name, apellido, apellidos",
    "language": "language, preferred language, lang, idioma, idioma preferido, lengua",
    "no_email": """do not email, do not contact, do not send, no email, no bulk emails, opt out, opted out,
        email opt out, unsubscribed, unsubscribe, unsub time, unsubscribe date, on hold, is deceased, deceased,
        bounced, bounce, hard bounce, complained, suppressed, blocked, no contactar, no enviar correo, baja""",
    "may_email": """opt in, email opt in, subscribed, accepts email, accepts marketing, receive emails, wants email,
        email permission, email consent, consent, invite, send invitation, invitar""",
    "status": "status, attendee status, email status, subscription status, member status, estado, attending, rsvp",
}
MEANINGS = (
    ("no_email", r"\b(do not|don'?t|never)\b.*\b(e-?mails?|contact|invite)\b|\bopt(ed)?[- ]?out\b|\bunsub"),
    ("may_email", r"\b(may|can|should) we\b.*\b(e-?mail|contact|invite)\b|\bopt(ed)?[- ]?in\b"),
    ("language", r"\blanguage\b|\bidioma\b"),
)
MANY = ("no_email", "may_email", "status")  # a list may have several such columns
NO = {"", "no", "n", "false", "0", "none", "na", "never", "nunca", "notonhold", "active", "subscribed", "nobounce"}
REFUSING = re.compile(
    r"\b(not attending|unsubscribed?|bounced?|cleaned|cancell?ed|declined|complained|deceased|opted[- ]out|"
    r"opt[- ]?out|on hold|blocked|invalid|suppressed|do not|don'?t|inactive|no)\b"
)
REFUSING_START = re.compile(r"(no|n|false|0|never|do not|don'?t|stop|nunca|unsubscribed?)\b")
LANGUAGES = {"en": "en, eng, english, ingles", "es": "es, spa, spanish, espanol, castellano"}


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
    """The rows of a file: existing contacts, new people, rejected rows, repeated addresses, people whom the list itself
    marks as not to be emailed, and people who don't want invitations or whose address bounces."""

    name: str
    existing: list[ContactRow] = field(default_factory=list)
    new: list[ContactRow] = field(default_factory=list)
    rejected: list[SkippedRow] = field(default_factory=list)
    repeated: list[SkippedRow] = field(default_factory=list)
    declined: list[SkippedRow] = field(default_factory=list)
    opted_out: list[ContactRow] = field(default_factory=list)
    format: dict = field(default_factory=dict, compare=False)

    @property
    def accepted(self) -> list[ContactRow]:
        """The people who will be imported, in the order of the file."""
        return sorted([*self.existing, *self.new])


@dataclass
class ListOptions:
    """What staff chose: a sheet, the fields of columns by their headings' plain text, and to read hidden rows too."""

    sheet: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    with_hidden: bool = False


def check_contact_list(file: bytes, name: str, options: ListOptions | None = None) -> CheckedList:
    """Read and check a spreadsheet called `name`. Write nothing. Raise Unreadable if it isn't a table of people."""
    options = options or ListOptions()
    sheet, match = read_people_sheet(file, options)
    checked = CheckedList(name)
    rows: dict[str, ContactRow] = {}
    for row in contact_rows(sheet, match, checked):
        if before := rows.get(row.address):
            message = _("Same address as row %(line)d.") % {"line": before.line}
            checked.repeated.append(SkippedRow(row.line, row.email, message))
        else:
            rows[row.address] = row
    checked.format = describe_match(sheet, match)
    classify_rows(checked, rows)
    return checked


def classify_rows(checked: CheckedList, rows: dict[str, ContactRow]) -> None:
    """Takes two queries for any number of rows."""
    preferences_found = EmailPreference.objects.filter(preferences.must_not_email("invitations"), email__in=rows)
    opted_out = set(preferences_found.values_list("email", flat=True))
    existing = set(
        Contact.objects.alias(address=Lower("email"))
        .filter(address__in=list(rows))
        .values_list(Lower("email"), flat=True)
    )
    for address, row in rows.items():
        group = checked.opted_out if address in opted_out else checked.existing if address in existing else checked.new
        group.append(row)


# Columns ---------------------------------------------------------------------------------------------------------


@cache
def contact_headings() -> Headings:
    partner_headings = imports_columns.promise_headings()
    fields = {
        word: PARTNER_IMPORT_FIELDS[name]
        for word, name in partner_headings.fields.items()
        if name in PARTNER_IMPORT_FIELDS
    }
    fields |= {plain_text(each): name for name, words in HEADINGS.items() for each in words.split(",")}
    # "" for what these lists don't have, so that "What kind of organization?" isn't the organization.
    theirs = [(PARTNER_IMPORT_FIELDS.get(name, ""), pattern) for name, pattern in partner_headings.patterns]
    return Headings(fields, (*((name, re.compile(pattern)) for name, pattern in MEANINGS), *theirs))


def read_people_sheet(file: bytes, options: ListOptions) -> tuple[Sheet, ColumnMatch]:
    """Read the chosen sheet and find its columns. A list may have no headings. Raise Unreadable without addresses."""
    known = contact_headings()
    read = partial(read_sheet, file, known.count_known, name=options.sheet, with_hidden=options.with_hidden)
    sheet = read()
    if any(map(looks_like_email, sheet.header)):
        sheet = read(with_header=False)
        return sheet, guess_columns(sheet, options)
    match = match_columns(sheet.header, known, taught=options.fields, hidden=sheet.hidden_columns, many=MANY)
    if "email" not in match.fields.values():
        message = _("This file has no “Email” column. Its headings are: %(found)s.")
        found = ", ".join(" ".join(each.split()) for each in sheet.header if each)
        raise ColumnMissing(message % {"found": found}, describe_match(sheet, match))
    return sheet, match


def guess_columns(sheet: Sheet, options: ListOptions) -> ColumnMatch:
    """Match the columns of a list without headings: the one with an address and, if there are two, the other name."""
    rows = iter(sheet.rows)
    first = next(rows)
    sheet.rows = (row for part in ([first], rows) for row in part)
    cells = first[1]
    email = next(number for number, cell in enumerate(cells) if looks_like_email(cell))
    others = [number for number, cell in enumerate(cells) if cell and number != email]
    return ColumnMatch({email: "email"} | ({others[0]: "name"} if len(others) == 1 else {}))


def looks_like_email(cell: str) -> bool:
    return bool(re.search(r"[^\s@]@[^\s@]+\.[^\s@]", cell))


# Rows ------------------------------------------------------------------------------------------------------------


def contact_rows(sheet: Sheet, match: ColumnMatch, checked: CheckedList) -> Iterator[ContactRow]:
    """Yield the readable people; add the other rows to `checked`."""
    names = {number: column_name(sheet.header, number) for number in match.fields}
    number = 0
    for line, row in sheet.rows:
        if not row:
            continue
        number += 1
        if number > MAX_ROWS:
            message = _("This file has more than %(most)s rows. Split it into smaller files.")
            raise Unreadable(message % {"most": f"{MAX_ROWS:,}"})
        cells = [(column, field, row[column]) for column, field in match.fields.items() if column < len(row)]
        email = next((cell for _column, field, cell in cells if field == "email"), "")
        what = (email or next(filter(None, row)))[:60]
        if why := refusal(cells, names):
            checked.declined.append(SkippedRow(line, what, why))
            continue
        parsed = ParsedRow(problems=[cell.problem for _column, _field, cell in cells if isinstance(cell, BadCell)])
        people = parse_people({field: cell for _column, field, cell in cells if field not in MANY}, parsed)
        if parsed.problems:
            checked.rejected.append(SkippedRow(line, what, " ".join(parsed.problems)))
            continue
        if SAME_PERSON in email:
            message = _("Another address of the same person. We use the first one.")
            checked.repeated += [SkippedRow(line, person["email"], message) for person in people[1:]]
            people = people[:1]
        for person in people:
            yield ContactRow(line, **person)


def refusal(cells: list[tuple[int, str, str]], names: dict[int, str]) -> str:
    """Return which column says that this person must not be emailed, or ""."""
    for column, field_name, cell in cells:
        if field_name not in MANY or not cell:
            continue
        words = " ".join(plain_words(cell))
        says_no = {
            "no_email": plain_text(cell) not in NO,
            "may_email": bool(REFUSING_START.match(words)),
            "status": bool(REFUSING.search(words)),
        }
        if says_no[field_name]:
            heading = " ".join(names[column].split())
            return _("“%(heading)s” says “%(cell)s”.") % {"heading": heading[:60], "cell": cell[:60]}
    return ""


def parse_people(cells: dict[str, str], parsed: ParsedRow) -> list[dict[str, str]]:
    """Return the people of a row, one for each address in its email cell."""
    addresses = [] if isinstance(cells.get("email"), BadCell) else split_addresses(cells.get("email", ""))
    emails = [cell_parsers.parse_email_address(address, parsed) for _own_name, address in addresses]
    if not addresses and not cells.get("email"):
        parsed.add_problem(_("The email address is missing."))
    name = cells.get("name") or " ".join(filter(None, (cells.get(part) for part in ("first", "middle", "last"))))
    name = parse_name("name", Contact, name, parsed)
    organization = parse_name("name", Organization, cells.get("organization", ""), parsed)
    language = parse_language(cells.get("language", ""), parsed)
    own_names = [parse_name("name", Contact, own_name, parsed) for own_name, _address in addresses]
    if len(addresses) == 1:
        own_names = [name or own_names[0]]
    return [
        {"email": email, "name": own_name or name, "organization": organization, "language": language}
        for email, own_name in zip(emails, own_names, strict=True)
    ]


def split_addresses(cell: str) -> list[tuple[str, str]]:
    """Return the names and addresses of a cell such as "Alma Reyes <alma@example.org>; bo@example.org"."""
    parts = [part.strip() for part in re.split(rf"[;\n]|{SAME_PERSON}|(?<=>)\s*,", cell) if part.strip()]
    found: list[tuple[str, str]] = []
    for part in parts:
        pieces = [piece.strip() for piece in re.split(r"[,\s/]+(?=\S+@)", part) if piece.strip()]
        several = len(pieces) > 1 and all("@" in piece and "<" not in piece for piece in pieces)
        commas = [piece.strip() for piece in part.split(",") if piece.strip()]
        if several or (len(commas) > 1 and all("@" in piece for piece in commas)):
            found += map(name_and_address, pieces if several else commas)
        else:
            found.append(name_and_address(part))
    return found


def name_and_address(text: str) -> tuple[str, str]:
    if match := re.fullmatch(r"([^<>@]*)<\s*([^<>]+?)\s*>", text):
        return " ".join(match[1].strip("\"' ").split()), match[2]
    return "", text


def parse_name(name: str, model: type, cell: str, parsed: ParsedRow) -> str:
    if isinstance(cell, BadCell):
        return ""
    if cell.startswith("="):
        parsed.add_problem(_("“%(cell)s” looks like a formula, not a name."), cell=cell[:60])
    return cell_parsers.text_parser(name, cell_parsers.max_length(model, name))(None, cell, parsed)


def parse_language(cell: str, parsed: ParsedRow) -> str:
    """Return the code of a language we write in, or ""."""
    if isinstance(cell, BadCell):
        return ""
    language = languages_by_word().get(plain_text(cell), "") if cell else ""
    if cell and not language:
        names = ", ".join(name for _code, name in settings.LANGUAGES)
        parsed.add_problem(
            _("“%(cell)s” isn’t a language we use. Use one of these: %(names)s."), cell=cell[:30], names=names
        )
    return language


@cache
def languages_by_word() -> dict[str, str]:
    return {plain_text(word): code for code, words in LANGUAGES.items() for word in words.split(",")}


def contact_fields() -> Iterable[str]:
    """The fields that a column can be matched with."""
    return dict.fromkeys(["email", "name", *HEADINGS, "organization"])
