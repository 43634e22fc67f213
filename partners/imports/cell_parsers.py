"""Parse the cells of a spreadsheet of partners and promises, in the many ways that people write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core.spreadsheets.cells import BadCell
from imagine.core.spreadsheets.headings import plain_text
from partners.imports import vocabulary
from partners.imports.dates_and_grades import excel_date, parse_day, parse_grade_bands
from partners.imports.learned_words import learned_words
from partners.imports.vocabulary import ANY_WORDS
from partners.models import (
    MAX_QUANTITY,
    MONTHS,
    Contact,
    Organization,
    Pledge,
    PledgeYear,
    Promise,
    PromiseType,
    School,
    Sector,
)
from partners.pledges import promises
from partners.pledges.promises import Checklist, PromiseData


def max_length(model, name: str) -> int:
    return model._meta.get_field(name).max_length


@dataclass
class ParsedRow:
    """A row's values by field, ready to be stored, or its problems."""

    values: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add_problem(self, message: str, **values) -> None:
        self.problems.append(message % values)


class RowParser:
    """A parser of rows for one school year. Creating it takes three queries."""

    def __init__(self, year: PledgeYear):
        self.year = year
        self.is_past = not year.is_open
        promise_types = list(PromiseType.objects.all())
        schools = list(School.objects.all())
        self.checklist = Checklist(
            {promise_type.pk: promise_type for promise_type in promise_types}, {school.pk: school for school in schools}
        )
        self.promise_types = vocabulary.index_by_word(promise_types, vocabulary.promise_type_words)
        self.units = {
            promise_type.pk: {plain_text(word) for word in vocabulary.unit_words(promise_type)}
            for promise_type in promise_types
        }
        self.schools = vocabulary.index_by_word(schools, vocabulary.school_words)
        nicknames = vocabulary.index_by_word(schools, vocabulary.school_nicknames)
        self.schools |= {word: pks for word, pks in nicknames.items() if word not in self.schools}
        promise_types_learned, schools_learned = learned_words()
        self.promise_types |= promise_types_learned
        self.schools |= schools_learned
        self.unknown: dict[str, set[str]] = {"promise_type": set(), "school": set()}  # words, to teach from the page
        self.sectors = vocabulary.sector_words()
        self.months = vocabulary.month_words()
        self.cache: dict[tuple[str, str], tuple] = {}

    def parse(self, row: dict[str, str]) -> ParsedRow:
        """Parse a row of cells by field and collect all its problems."""
        parsed = ParsedRow()
        for name, cell in row.items():
            if isinstance(cell, BadCell):
                parsed.problems.append(cell.problem)
                row = row | {name: ""}
        if parsed.problems:  # what else is missing would only repeat them
            parsed.values = {name: PARSERS[name](self, row.get(name, ""), ParsedRow()) for name in PARSERS}
            return parsed
        row = split_unit(row)
        for name in PARSERS:
            parsed.values[name], problems = self.parse_cell(name, row.get(name, ""))
            parsed.problems += problems
        self.check_unit(row.get("unit", ""), parsed)
        self.check_promise(parsed)
        if not parsed.values["signed_by"]:
            parsed.values["signed_by"] = parsed.values["contact"]
        if not parsed.values["signed_by"]:
            parsed.add_problem(_("Enter who signed, or a contact."))
        return parsed

    def parse_cell(self, name: str, cell: str) -> tuple:
        """Parse a cell. Results are cached, because columns repeat themselves."""
        key = (name, cell)
        if key not in self.cache:
            parsed = ParsedRow()
            value = PARSERS[name](self, cell, parsed)
            if name in UNCACHED_FIELDS:
                return value, parsed.problems
            self.cache[key] = value, parsed.problems
        return self.cache[key]

    def promise_types_matching(self, cell: str) -> set[int]:
        """Return the promise types with these words in their name, the last one possibly cut off."""
        part = f" {vocabulary.stems(cell)}"
        promise_types = self.checklist.promise_types.items()
        return {
            pk
            for pk, promise_type in promise_types
            for name in (promise_type.name, promise_type.name_es)
            if part in f" {vocabulary.stems(name)}"
        }

    def find_promise_types(self, cell: str) -> set[int]:
        """Return the promise types that a cell or heading may mean: by code or name, or by words of the name."""
        cell = cell.replace("&", " and ")
        word = plain_text(cell)
        return self.promise_types.get(word) or (self.promise_types_matching(cell) if len(word) >= 6 else set())

    def promise_types_listed(self, cell: str) -> set[int]:
        """Return the promise types in a list of several, such as a form's checked boxes."""
        parts = map(self.find_promise_types, re.split(r"[,;\n|]", cell))
        return {next(iter(found)) for found in parts if len(found) == 1}

    def check_unit(self, cell: str, parsed: ParsedRow) -> None:
        """Reject a quantity in another unit, such as hours instead of visits."""
        promise_type = self.checklist.promise_types.get(parsed.values["promise_type"])
        if promise_type and cell and plain_text(cell) not in self.units[promise_type.pk]:
            parsed.add_problem(
                _("“%(promise_type)s” is counted in %(units)s. Convert the quantity from “%(cell)s” to %(units)s."),
                promise_type=promise_type.localized_name,
                units=promise_type.localized_units,
                cell=cell,
            )

    def check_promise(self, parsed: ParsedRow) -> None:
        """Check what the pledge page checks. For a past year, accept retired promise types and schools."""
        values = parsed.values
        if not values["promise_type"] or not values["quantity"]:
            return
        promise = promise_from_values(values)
        kept = [promise] if self.is_past else []
        found = promises.find_problems([promise], self.checklist, kept=kept)
        parsed.problems += [problem.message for problem in found if problem.field != "note"]


def split_unit(row: dict[str, str]) -> dict[str, str]:
    """Split a quantity such as "12 hours" into quantity and unit."""
    both = re.fullmatch(r"([\d,.]+)\s+([^\W\d]\D*)", row.get("quantity", ""))
    if not both:
        return row
    return row | {"quantity": both[1], "unit": row.get("unit") or both[2]}


def promise_from_values(values: dict) -> PromiseData:
    """Return the promise of a parsed row."""
    lists = {name: tuple(values[name]) for name in ("grades", "months", "schools")}
    return PromiseData(values["promise_type"], values["quantity"], note=values["note"], **lists)


# Cell by cell ----------------------------------------------------------------------------------------------------


def text_parser(name: str, limit: int) -> Callable:
    """Return a parser of text on one line, or several lines for a note, with a maximum length."""

    def parse_text(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
        cell = " ".join(cell.split()) if name != "note" else cell
        if len(cell) > limit:
            parsed.add_problem(
                _("“%(cell)s…” is too long. Use at most %(most)d characters."), cell=cell[:30], most=limit
            )
        return cell[:limit]

    return parse_text


def parse_organization(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
    cell = text_parser("organization", max_length(Organization, "name"))(parser, cell, parsed)
    if not any(letter.isalnum() for letter in cell):
        parsed.add_problem(_("Enter the organization’s name."))
    elif cell.startswith("="):
        parsed.add_problem(_("“%(cell)s” looks like a formula. Enter the organization’s name."), cell=cell)
    return cell


def parse_email(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
    return parse_email_address(cell, parsed)


def parse_email_address(cell: str, parsed: ParsedRow) -> str:
    """Parse an address, with or without a name as in Alma Reyes <alma@example.org>."""
    cell = cell.removeprefix("mailto:")
    if not cell:
        return ""
    if cell.count("@") > 1 and re.search(r"[;,\s/]", cell) and not re.fullmatch(r"[^<>]*<[^<>]+>", cell):
        parsed.add_problem(_("“%(cell)s” has several email addresses. Keep one."), cell=cell[:60])
        return ""
    bracketed = re.fullmatch(r"[^<>]*<\s*([^<>]+?)\s*>", cell)
    address = bracketed[1] if bracketed else cell
    try:
        validate_email(address)
    except ValidationError:
        parsed.add_problem(_("“%(cell)s” isn’t a valid email address. Use one like name@example.org."), cell=cell[:60])
        return ""
    if len(address) > max_length(Contact, "email"):
        parsed.add_problem(
            _("“%(cell)s…” is too long. Use at most %(most)d characters."),
            cell=address[:30],
            most=max_length(Contact, "email"),
        )
        return ""
    return address


def parse_website(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
    if not cell:
        return ""
    address = cell if re.match("https?://", cell, re.I) else f"https://{cell}"
    try:
        URLValidator(schemes=["http", "https"])(address)
    except ValidationError:
        address = ""
    if not address or len(address) > max_length(Organization, "website"):
        parsed.add_problem(
            _("“%(cell)s” isn’t a valid web address. Use one like https://www.example.org."), cell=cell[:60]
        )
        return ""
    return address


def parse_sector(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
    found = parser.sectors.get(plain_text(cell), "") if cell else ""
    if cell and not found:
        known = ", ".join(str(label) for label in Sector.labels)
        parsed.add_problem(
            _("“%(cell)s” isn’t a sector we recognize. Use one of these: %(known)s."), cell=cell[:60], known=known
        )
    return found


def parse_promise_type(parser: RowParser, cell: str, parsed: ParsedRow) -> int | None:
    """Parse a promise type: its code, its name, or words that occur in no other name."""
    if not plain_text(cell):
        parsed.add_problem(_("Enter a promise type."))
        return None
    found = parser.find_promise_types(cell)
    if len(found) == 1:
        return next(iter(found))
    if len(parser.promise_types_listed(cell)) > 1:
        message = _("“%(cell)s” names several promise types. Use a row for each one, with its own quantity.")
        parsed.add_problem(message, cell=cell[:60])
        return None
    parser.unknown["promise_type"].add(cell)
    parsed.add_problem(
        _("“%(cell)s” isn’t one of the promise types. Use a name from the list of promise types."), cell=cell[:60]
    )
    return None


def parse_quantity(parser: RowParser, cell: str, parsed: ParsedRow) -> int:
    """Parse a whole number, with or without thousands separators."""
    number = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", cell)
    number = re.sub(r"\.0+$", "", number)
    if not cell:
        parsed.add_problem(_("Enter a quantity."))
    elif not (number.isascii() and number.isdigit()) or not 1 <= int(number[:9]) <= MAX_QUANTITY:
        most = f"{MAX_QUANTITY:,}"
        parsed.add_problem(
            _("“%(cell)s” isn’t a valid quantity. Use a whole number from 1 to %(most)s."), cell=cell[:30], most=most
        )
    else:
        return int(number)
    return 0


def parse_year(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
    """Check that a school year, written 2026, 2026–27 or 2026/2027, is the imported one."""
    begins = re.fullmatch(r"(\d{4})(\s*[-–/]\s*(\d{2}|\d{4}))?", cell)
    if cell and not (begins and int(begins[1]) == parser.year.pk):
        parsed.add_problem(
            _("This row is for %(cell)s, but you’re importing %(year)s. Correct the school year or delete the row."),
            cell=cell[:30],
            year=parser.year.school_years,
        )
    return ""


def parse_grades(parser: RowParser, cell: str, parsed: ParsedRow) -> list[str]:
    """Parse grade bands, or grades within them: TK–K, 4–6, 9th, K-8."""
    if plain_text(cell) in ANY_WORDS:
        return []
    bands = parse_grade_bands(cell, parser.months)
    if bands is None:
        parsed.add_problem(
            _("“%(cell)s” isn’t a valid grade range. Use grades from TK to 12, like 4–6."), cell=cell[:60]
        )
    return bands or []


def parse_months(parser: RowParser, cell: str, parsed: ParsedRow) -> list[int]:
    """Parse month names, numbers and ranges: Oct, Mar; August to December."""
    if plain_text(cell) in ANY_WORDS:
        return []
    found = set()
    if (day := excel_date(cell, parser.months)) and day[1] == 1:  # what Excel makes of "Oct 2026"
        cell = str(day[0])
    for part in re.split(r"[,;&/\n]|\band\b|\by\b", cell):
        ends = [plain_text(end) for end in re.split(r"-|–|—|\bto\b", part) if plain_text(end)]
        numbers = [parser.months[end] for end in ends if end in parser.months]
        if len(numbers) < len(ends) or len(numbers) > 2:
            parsed.add_problem(_("“%(cell)s” isn’t a month. Use names or numbers, like October or 10."), cell=cell[:60])
            return []
        if numbers:
            begin, end = (MONTHS.index(number) for number in (numbers[0], numbers[-1]))
            found |= {MONTHS[(begin + place) % 12] for place in range((end - begin) % 12 + 1)}
    return [number for number in MONTHS if number in found]


def parse_schools(parser: RowParser, cell: str, parsed: ParsedRow) -> list[int]:
    """Parse names or codes. A name may contain a comma."""
    if plain_text(cell) in ANY_WORDS or plain_text(cell) in vocabulary.any_school_words():
        return []
    found = set()
    for part in re.split(r"[;\n|]", cell):
        for name in [part] if plain_text(part) in parser.schools else part.split(","):
            if not plain_text(name):
                continue
            pks = parser.schools.get(plain_text(name), set())
            if len(pks) != 1:
                parser.unknown["school"].add(name.strip())
                message = (
                    _("“%(name)s” could be more than one school. Use the full name or the state code.")
                    if pks
                    else _("“%(name)s” isn’t one of the district’s schools. Check the spelling, or use the state code.")
                )
                parsed.add_problem(message, name=name.strip()[:60])
                return []
            found |= pks
    return sorted(found)


def parse_signed_on(parser: RowParser, cell: str, parsed: ParsedRow) -> str:
    """Parse a date in a common format. If it is missing, the first day of the school year is used."""
    if plain_text(cell) in {"", "na"}:
        return ""
    found = parse_day(cell)
    if found and date(2018, 1, 1) <= found <= timezone.localdate():
        return found.isoformat()
    parsed.add_problem(
        _("“%(cell)s” isn’t a valid date. Use a date from 2018 to today, in a format like 4/1/2027."), cell=cell[:30]
    )
    return ""


PARSERS = {
    "year": parse_year,
    "organization": parse_organization,
    "sector": parse_sector,
    "website": parse_website,
    "contact": text_parser("contact", max_length(Contact, "name")),
    "email": parse_email,
    "phone": text_parser("phone", max_length(Contact, "phone")),
    "promise_type": parse_promise_type,
    "quantity": parse_quantity,
    "grades": parse_grades,
    "schools": parse_schools,
    "months": parse_months,
    "signed_by": text_parser("signed_by", max_length(Pledge, "signed_by")),
    "signed_on": parse_signed_on,
    "note": text_parser("note", max_length(Promise, "note")),
}
UNCACHED_FIELDS = {"organization", "email", "note", "phone", "website", "contact", "signed_by"}  # rarely repeated
