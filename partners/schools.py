"""Read the state's list of schools, compare it with the database, and load it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.db import transaction

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.spreadsheets.cells import BadCell
from imagine.core.spreadsheets.errors import Unreadable
from imagine.core.spreadsheets.reader import Sheet, read_sheet
from partners.models import School

DEFAULT_FILE = Path(__file__).with_name("data") / "schools.csv"
COLUMNS = ["cds_code", "name", "level", "charter"]
FIELDS = ["name", "level", "is_charter", "is_retired"]
MAX_LENGTH_NAME = School._meta.get_field("name").max_length or 100


class SchoolFileInvalid(RuleViolation):
    """The file has an error; the message names the line, if there is one, and the reason."""

    def __init__(self, line: int | None, reason: str):
        super().__init__(f"Row {line}: {reason}" if line is not None else reason)


class SchoolsChanged(RuleViolation):
    """Someone changed the schools after the comparison was shown."""


class SchoolRow(NamedTuple):
    code: str
    name: str
    level: str
    is_charter: bool


class SchoolChange(NamedTuple):
    """A change to a school: its values before, or None if it is new, and after."""

    code: str
    before: dict | None
    after: dict

    def __str__(self) -> str:
        if self.before is None:
            return f"add {self.after['name']} ({self.code}), {self.after['level']}"
        changed = [field for field in FIELDS if self.before[field] != self.after[field]]
        if changed == ["is_retired"]:
            return f"{'retire' if self.after['is_retired'] else 'bring back'} {self.after['name']} ({self.code})"
        changes = ", ".join(f"{field}: {self.before[field]} → {self.after[field]}" for field in changed)
        return f"change {self.before['name']} ({self.code}), {changes}"


# Read ------------------------------------------------------------------------------------------------------------


def read_schools(content: bytes) -> list[SchoolRow]:
    """Read the schools of a spreadsheet. Raise SchoolFileInvalid at the first error."""
    try:
        sheet = read_sheet(content, lambda cells: len(set(COLUMNS) & set(cells)))
        if missing := [name for name in COLUMNS if sheet.header.count(name) != 1]:
            found = ", ".join(filter(None, sheet.header)) or "none"
            raise SchoolFileInvalid(sheet.header_line, f"needs exactly one column {missing[0]}, but has: {found}.")
        rows = list(parse_school_file(sheet))
    except Unreadable as error:
        raise SchoolFileInvalid(None, str(error)) from None
    if sheet.hidden_lines:  # a school that is missing would be retired
        raise SchoolFileInvalid(sheet.hidden_lines[0], "is hidden. Unhide or delete it.")
    if not rows:
        raise SchoolFileInvalid(sheet.header_line, "no schools in the file.")
    return rows


def parse_school_file(sheet: Sheet) -> Iterator[SchoolRow]:
    seen: dict[str, int] = {}
    for line, cells in sheet.rows:
        if not cells:
            continue
        if bad := next((cell for cell in cells if isinstance(cell, BadCell)), None):
            raise SchoolFileInvalid(line, bad.problem)
        row = parse_school(line, dict.fromkeys(COLUMNS, "") | dict(zip(sheet.header, cells, strict=False)))
        if row.code in seen:
            raise SchoolFileInvalid(line, f"row {seen[row.code]} already has the code {row.code}.")
        seen[row.code] = line
        yield row


def parse_school(line: int, cell: dict[str, str]) -> SchoolRow:
    code, name, level, charter = (cell[name] for name in COLUMNS)
    if not (len(code) == 14 and code.isascii() and code.isdigit()):
        raise SchoolFileInvalid(line, f"the code must have exactly 14 digits, but is “{code}”.")
    if not name or len(name) > MAX_LENGTH_NAME or "\0" in name:
        raise SchoolFileInvalid(line, f"the name must have 1 to {MAX_LENGTH_NAME} characters.")
    if level not in School.Level.values:
        raise SchoolFileInvalid(line, f"the level must be {' or '.join(School.Level.values)}, but is “{level}”.")
    if charter not in {"yes", "no"}:
        raise SchoolFileInvalid(line, f"charter must be yes or no, but is “{charter}”.")
    return SchoolRow(code, name, level, charter == "yes")


# Compare and load ------------------------------------------------------------------------------------------------


def compare_schools(rows: list[SchoolRow]) -> list[SchoolChange]:
    """Return the changes that loading would make: add and change schools by their code, retire those missing in the
    file, and bring back those that are in it again."""
    return list(school_changes(rows, {school.code: school for school in School.objects.all()}))


def school_changes(rows: list[SchoolRow], schools: dict[str, School]) -> Iterator[SchoolChange]:
    for row in rows:
        after = {"name": row.name, "level": row.level, "is_charter": row.is_charter, "is_retired": False}
        before = school_values(schools[row.code]) if row.code in schools else None
        if before != after:
            yield SchoolChange(row.code, before, after)
    for code in sorted(schools.keys() - {row.code for row in rows}):
        if not schools[code].is_retired:
            before = school_values(schools[code])
            yield SchoolChange(code, before, before | {"is_retired": True})


def school_values(school: School) -> dict:
    return {field: getattr(school, field) for field in FIELDS}


@transaction.atomic
def load_schools(rows: list[SchoolRow], shown: list[SchoolChange]) -> None:
    """Make the changes in `shown`, a comparison of these rows. Raise SchoolsChanged if the comparison is outdated."""
    known = {school.code: school for school in School.objects.select_for_update(no_key=True).order_by("pk")}
    if list(school_changes(rows, known)) != shown:
        raise SchoolsChanged
    for change in shown:
        school = known.get(change.code) or School(code=change.code)
        for field, value in change.after.items():
            setattr(school, field, value)
        school.save()
        audit.log_change(school, change.before or {}, change.after)
