"""Parse the cells of a spreadsheet of partners and promises in the words that people use, or say what is wrong."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import parseaddr
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils import timezone, translation
from django.utils.dates import MONTHS as MONTH_NAMES
from django.utils.dates import MONTHS_3, MONTHS_ALT
from django.utils.translation import gettext as _

from partners.imports.columns import plain_text
from partners.models import (
    MAX_QUANTITY,
    MONTHS,
    Contact,
    Grade,
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

DAYS = ["%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%Y/%m/%d"]
ANY = {
    "",
    "any",
    "all",
    "anywhere",
    "anyschool",
    "allschools",
    "allgrades",
    "anygrade",
    "allyear",
    "anymonth",
    "allmonths",
}
ANY |= {
    "wherever",
    "wherevermostneeded",
    "wherevertheneedisgreatest",
    "todas",
    "todos",
    "cualquiera",
    "todoelano",
    "na",
    "none",
}
SECTORS = {
    "business": "business, businesses, industry, business industry, company, corporate, for profit, negocio, empresa",
    "college": "college, university, post secondary, postsecondary, higher education, higher ed, colegio, universidad",
    "labor": "labor, labour, union, labor union, trade union, unions, sindicato",
    "nonprofit": "nonprofit, non profit, not for profit, community based organization, cbo, ngo, charity, foundation",
    "faith": "faith, faith based, church, congregation, religious, iglesia, fe",
    "families": "parents, families, parent group, parents families, pta, padres, familias",
    "public": "public, government, agency, government agency, public agency, city, county, gobierno, agencia publica",
}
SHORT = {
    "hour": ["hr", "hrs", "h"],
    "student": ["stud", "pupil", "pupils"],
    "place": ["slot", "slots", "position", "positions"],
}
LEVELS = [
    "elementary",
    "high",
    "high school",
    "elementary school",
    "school",
    "charter",
    "middle",
    "academy",
    "k8",
    "senior high",
]


def longest(model, name: str) -> int:
    return model._meta.get_field(name).max_length


@dataclass
class ParsedRow:
    """A row's values by field, ready to be stored, or its problems."""

    values: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def wrong(self, sentence: str, **words) -> None:
        self.problems.append(sentence % words)


class RowReader:
    """Parses rows for one school year. Four queries when it is created."""

    def __init__(self, year: PledgeYear):
        self.year = year
        self.is_past = not year.is_open
        promise_types = list(PromiseType.objects.all())
        schools = list(School.objects.all())
        self.checklist = Checklist(
            {promise_type.pk: promise_type for promise_type in promise_types}, {school.pk: school for school in schools}
        )
        self.promise_types = index(
            promise_types, lambda promise_type: [promise_type.code, promise_type.name, promise_type.name_es]
        )
        self.units = {
            promise_type.pk: {plain_text(word) for word in unit_words(promise_type)} for promise_type in promise_types
        }
        self.schools = index(schools, school_words)
        self.sectors = sector_words()
        self.months = month_words()
        self.seen: dict[tuple[str, str], tuple] = {}

    def read(self, row: dict[str, str]) -> ParsedRow:
        """Parse a row of cells by field and collect all its problems."""
        said, row = ParsedRow(), with_unit(row)
        for name in PARSERS:
            said.values[name], problems = self.cell(name, row.get(name, ""))
            said.problems += problems
        self.check_unit(row.get("unit", ""), said)
        self.check_promise(said)
        if not said.values["signed_by"]:
            said.values["signed_by"] = said.values["contact"]
        if not said.values["signed_by"]:
            said.wrong(_("Nobody signed: fill in who signed, or the contact."))
        return said

    def cell(self, name: str, cell: str) -> tuple:
        """Parse a cell. Results are cached, because columns repeat themselves."""
        key = (name, cell)
        if key not in self.seen:
            said = ParsedRow()
            value = PARSERS[name](self, cell, said)
            if name in UNCACHED_FIELDS:
                return value, said.problems
            self.seen[key] = value, said.problems
        return self.seen[key]

    def promise_types_matching(self, cell: str) -> set[int]:
        """Promise types with a word in their name that begins like this."""
        part = f" {spaced(cell)}"
        promise_types = self.checklist.promise_types.items()
        return {
            pk
            for pk, promise_type in promise_types
            for name in (promise_type.name, promise_type.name_es)
            if part in f" {spaced(name)}"
        }

    def check_unit(self, cell: str, said: ParsedRow) -> None:
        """A quantity in another unit would be a wrong number."""
        promise_type = self.checklist.promise_types.get(said.values["promise_type"])
        if promise_type and cell and plain_text(cell) not in self.units[promise_type.pk]:
            said.wrong(
                _("“%(kind)s” is counted in %(units)s, not in “%(cell)s”."),
                kind=promise_type.localized_name,
                units=promise_type.localized_units,
                cell=cell,
            )

    def check_promise(self, said: ParsedRow) -> None:
        """Check what the pledge page checks. For a past year, retired promise types and schools are fine."""
        values = said.values
        if not values["promise_type"] or not values["quantity"]:
            return
        promised = promise_from_values(values)
        kept = [promised] if self.is_past else []
        found = promises.find_problems([promised], self.checklist, kept=kept)
        said.problems += [problem.message for problem in found if problem.field != "note"]


def with_unit(row: dict[str, str]) -> dict[str, str]:
    """Split a quantity such as "12 hours" into quantity and unit."""
    both = re.fullmatch(r"([\d,.]+)\s+([^\W\d]\D*)", row.get("quantity", ""))
    if not both:
        return row
    return row | {"quantity": both[1], "unit": row.get("unit") or both[2]}


def promise_from_values(values: dict) -> PromiseData:
    """The promise of a row that RowReader.read parsed."""
    lists = {name: tuple(values[name]) for name in ("grades", "months", "schools")}
    return PromiseData(values["promise_type"], values["quantity"], note=values["note"], **lists)


def spaced(words: str) -> str:
    """Plain words with spaces between them."""
    return " ".join(filter(None, map(plain_text, re.split(r"[\W_]+", words))))


def index(things: Iterable, words: Callable) -> dict[str, set[int]]:
    """The primary keys that each name may stand for."""
    found = defaultdict(set)
    for thing in things:
        for word in words(thing):
            if word:
                found[plain_text(word)].add(thing.pk)
    return found


def school_words(school: School) -> list[str]:
    """Its code, its name, and its name without the level."""
    name = school.name.lower()
    short = {name.removesuffix(f" {level}") for level in LEVELS}
    return [school.code, name, f"{name} school", *short, *(f"{each} school" for each in short)]


def sector_words() -> dict[str, str]:
    found = {plain_text(value): value for value in Sector.values}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found |= {plain_text(str(label)): value for value, label in Sector.choices}
    return found | {plain_text(word): sector for sector, words in SECTORS.items() for word in words.split(",")}


def unit_words(promise_type: PromiseType) -> list[str]:
    return [
        promise_type.code,
        promise_type.unit,
        promise_type.unit_plural,
        promise_type.unit_es,
        promise_type.unit_plural_es,
        *SHORT.get(promise_type.unit, []),
    ]


def month_words() -> dict[str, int]:
    found = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for number in range(1, 13):
                for names in (MONTH_NAMES, MONTHS_3, MONTHS_ALT):
                    found[plain_text(str(names[number]))] = number
                found[str(number)] = number
    return found | {"sept": 9, "set": 9}


# Cell by cell ----------------------------------------------------------------------------------------------------


def text(name: str, most: int) -> Callable:
    """Parse one line of text that fits its field."""

    def reads(reader: RowReader, cell: str, said: ParsedRow) -> str:
        cell = " ".join(cell.split()) if name != "note" else cell
        if len(cell) > most:
            said.wrong(_("“%(cell)s…” is longer than %(most)d characters."), cell=cell[:30], most=most)
        return cell[:most]

    return reads


def organization(reader: RowReader, cell: str, said: ParsedRow) -> str:
    cell = text("organization", longest(Organization, "name"))(reader, cell, said)
    if not any(letter.isalnum() for letter in cell):
        said.wrong(_("The organization is missing."))
    elif cell.startswith("="):
        said.wrong(_("“%(cell)s” looks like a formula, not like the name of an organization."), cell=cell)
    return cell


def email(reader: RowReader, cell: str, said: ParsedRow) -> str:
    return email_address(cell, said)


def email_address(cell: str, said: ParsedRow) -> str:
    """Also accepts what email programs write: Alma Reyes <alma@example.org>."""
    cell = cell.removeprefix("mailto:")
    address = parseaddr(cell)[1] if cell.endswith(">") else cell
    if not cell:
        return ""
    try:
        validate_email(address)
    except ValidationError:
        said.wrong(_("“%(cell)s” is no e-mail address."), cell=cell[:60])
        return ""
    if len(address) > longest(Contact, "email"):
        said.wrong(
            _("“%(cell)s…” is longer than %(most)d characters."), cell=address[:30], most=longest(Contact, "email")
        )
        return ""
    return address


def website(reader: RowReader, cell: str, said: ParsedRow) -> str:
    if not cell:
        return ""
    address = cell if re.match("https?://", cell, re.I) else f"https://{cell}"
    try:
        URLValidator(schemes=["http", "https"])(address)
    except ValidationError:
        address = ""
    if not address or len(address) > longest(Organization, "website"):
        said.wrong(_("“%(cell)s” is no web address."), cell=cell[:60])
        return ""
    return address


def sector(reader: RowReader, cell: str, said: ParsedRow) -> str:
    found = reader.sectors.get(plain_text(cell), "") if cell else ""
    if cell and not found:
        known = ", ".join(str(label) for label in Sector.labels)
        said.wrong(_("“%(cell)s” is no sector. They are: %(known)s."), cell=cell[:60], known=known)
    return found


def promise_type(reader: RowReader, cell: str, said: ParsedRow) -> int | None:
    """By code, name, or words that only one name contains."""
    cell = cell.replace("&", " and ")
    word = plain_text(cell)
    if not word:
        said.wrong(_("The kind of promise is missing."))
        return None
    found = reader.promise_types.get(word) or (reader.promise_types_matching(cell) if len(word) >= 6 else set())
    if len(found) == 1:
        return next(iter(found))
    said.wrong(_("“%(cell)s” is no kind of promise that we know."), cell=cell[:60])
    return None


def quantity(reader: RowReader, cell: str, said: ParsedRow) -> int:
    """A whole number, with or without thousands separators."""
    number = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", cell)
    number = re.sub(r"\.0+$", "", number)
    if not cell:
        said.wrong(_("The quantity is missing."))
    elif not (number.isascii() and number.isdigit()) or not 1 <= int(number[:9]) <= MAX_QUANTITY:
        most = f"{MAX_QUANTITY:,}"
        said.wrong(_("“%(cell)s” is no whole number from 1 to %(most)s."), cell=cell[:30], most=most)
    else:
        return int(number)
    return 0


def year(reader: RowReader, cell: str, said: ParsedRow) -> str:
    """All rows have to be of the imported school year, written 2026, 2026–27 or 2026/2027."""
    begins = re.fullmatch(r"(\d{4})(\s*[-–/]\s*(\d{2}|\d{4}))?", cell)
    if cell and not (begins and int(begins[1]) == reader.year.pk):
        said.wrong(
            _("The row is of the school year %(cell)s, not of %(year)s."), cell=cell[:30], year=reader.year.school_years
        )
    return ""


def grades(reader: RowReader, cell: str, said: ParsedRow) -> list[str]:
    """Grade bands, or grades within them: TK–K, 4–6, 9th, K-8."""
    if plain_text(cell) in ANY:
        return []
    found, order = set(), {"tk": -1, "k": 0, **{str(number): number for number in range(1, 13)}}
    for part in re.split(r"[,;&/\n]|\band\b|\by\b", cell.lower()):
        ends = [re.sub(r"\bgrades?\b", "", end).strip() for end in re.split(r"-|–|—|\bto\b", part)]
        ends = [re.sub(r"(st|nd|rd|th|°|º)$", "", end) for end in ends]
        ends = [end for end in ends if end]
        if any(end not in order for end in ends) or len(ends) > 2:
            said.wrong(_("“%(cell)s” are no grades from TK to 12."), cell=cell[:60])
            return []
        if ends:
            first, last = order[ends[0]], order[ends[-1]]
            found |= {
                band for band, (low, high) in BANDS.items() if low <= max(first, last) and min(first, last) <= high
            }
    return [band for band in Grade.values if band in found]


BANDS = {"TK-K": (-1, 0), "1-3": (1, 3), "4-6": (4, 6), "7-8": (7, 8), "9-12": (9, 12)}


def months(reader: RowReader, cell: str, said: ParsedRow) -> list[int]:
    """By name or number, and ranges: Oct, Mar; August to December."""
    if plain_text(cell) in ANY:
        return []
    found = set()
    for part in re.split(r"[,;&/\n]|\band\b|\by\b", cell):
        ends = [plain_text(end) for end in re.split(r"-|–|—|\bto\b", part) if plain_text(end)]
        numbers = [reader.months[end] for end in ends if end in reader.months]
        if len(numbers) < len(ends) or len(numbers) > 2:
            said.wrong(_("“%(cell)s” are no months."), cell=cell[:60])
            return []
        if any(number not in MONTHS for number in numbers):
            said.wrong(_("“%(cell)s”: a promise is for months from August to May."), cell=cell[:60])
            return []
        if numbers:
            begin, end = sorted(MONTHS.index(number) for number in (numbers[0], numbers[-1]))
            found |= set(MONTHS[begin : end + 1])
    return [number for number in MONTHS if number in found]


def schools(reader: RowReader, cell: str, said: ParsedRow) -> list[int]:
    """By name or code. A name may contain a comma."""
    if plain_text(cell) in ANY or plain_text(cell) in anywhere():
        return []
    found = set()
    for part in re.split(r"[;\n|]", cell):
        for name in [part] if plain_text(part) in reader.schools else part.split(","):
            if not plain_text(name):
                continue
            pks = reader.schools.get(plain_text(name), set())
            if len(pks) != 1:
                which = (
                    _("“%(name)s” may be more than one school.") if pks else _("“%(name)s” is no school that we know.")
                )
                said.wrong(which, name=name.strip()[:60])
                return []
            found |= pks
    return sorted(found)


@cache
def anywhere() -> set[str]:
    """How our exports say that no school was chosen."""
    found = set()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found.add(plain_text(_("wherever it is needed most")))
    return found


def signed_on(reader: RowReader, cell: str, said: ParsedRow) -> str:
    """A date in a common format. Without one, the day when the school year opened counts."""
    if not cell:
        return ""
    for way in DAYS:
        try:
            found = datetime.strptime(cell.split("T")[0].replace(" 00:00:00", ""), way).date()
        except ValueError:
            continue
        if date(2018, 1, 1) <= found <= timezone.localdate():
            return found.isoformat()
        break
    said.wrong(_("“%(cell)s” is no day from 2018 until today. Write it as 2027-04-01 or 4/1/2027."), cell=cell[:30])
    return ""


PARSERS = {
    "year": year,
    "organization": organization,
    "sector": sector,
    "website": website,
    "contact": text("contact", longest(Contact, "name")),
    "email": email,
    "phone": text("phone", longest(Contact, "phone")),
    "promise_type": promise_type,
    "quantity": quantity,
    "grades": grades,
    "schools": schools,
    "months": months,
    "signed_by": text("signed_by", longest(Pledge, "signed_by")),
    "signed_on": signed_on,
    "note": text("note", longest(Promise, "note")),
}
UNCACHED_FIELDS = {"organization", "email", "note", "phone", "website", "contact", "signed_by"}  # not worth remembering
