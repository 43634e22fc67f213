"""Read and check an uploaded file: parse its rows, collect their errors, and match their organizations.

Only the import's own tables are written.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from imagine.core.spreadsheets.description import describe_sheet
from imagine.core.spreadsheets.errors import ColumnMissing, Unreadable
from imagine.core.spreadsheets.headings import match_columns, plain_text
from imagine.core.spreadsheets.reader import Sheet, read_sheet
from partners.imports import columns as imports_columns
from partners.imports.cell_parsers import RowParser, promise_from_values
from partners.imports.learned_words import TYPE_COLUMN, learned_headings
from partners.models import (
    MAX_PROMISES_PER_TYPE,
    Import,
    ImportedOrganization,
    ImportRow,
    LearnedWord,
    MatchReason,
    normalize_name,
)
from partners.organizations import duplicates, profiles
from partners.organizations.duplicates import Match, MatchQuery

MAX_ROWS = 20_000
BATCH_SIZE = 1000
MAX_UNKNOWN_WORDS = 30  # shown, to teach them
EMPTY_CELLS = {"", "0", "-", "–", "—", "no", "false"}  # in files with a column for each promise type
REVIEW_SCORE = 50  # of 100, from which staff are asked whether it is an existing organization
ACCEPT_SCORE = 75  # from which that answer is preselected, if more than the name is similar
# The same for two organizations in one file. Higher, because one person may sign for several.
REVIEW_SCORE_IN_FILE, ACCEPT_SCORE_IN_FILE = 65, 94


def check_file(run: Import) -> None:
    """Read a locked import's file. It is then checked, or rejected with a reason."""
    try:
        with transaction.atomic():
            read_rows(run)
            mark_duplicate_rows(run)
            collect_organizations(run)
    except Unreadable as error:
        run.state, run.rejection_reason, run.row_count = Import.State.REJECTED, str(error), 0
        run.format = getattr(error, "description", {})
    else:
        run.state = Import.State.CHECKED
        run.error_count = run.rows.exclude(errors=[]).count()


# Rows ------------------------------------------------------------------------------------------------------------


def read_rows(run: Import) -> None:
    parser = RowParser(run.year)
    sheet = read_sheet(bytes(run.file or b""), partial(count_known, parser), **run.options)
    columns = find_columns(sheet, parser)
    rows = parse_import_rows(run, sheet, columns, parser)
    while batch := list(islice(rows, BATCH_SIZE)):
        ImportRow.objects.bulk_create(batch)
        run.row_count += len(batch)
    run.format = describe_columns(sheet, columns) | {
        "unknown": {kind: sorted(words)[:MAX_UNKNOWN_WORDS] for kind, words in parser.unknown.items()}
    }
    if not run.row_count:
        raise Unreadable(_("This file has headings, but no rows below them. Add at least one row."))
    ImportRow.objects.filter(run=run).exclude(name="").update(normalized_name=normalize_name(F("name")))


def count_known(parser: RowParser, cells: list[str]) -> int:
    """Return how many fields and promise types a row names, to find out whether it is the header."""
    return imports_columns.promise_headings().count_known(cells) + len(promise_type_columns(cells, parser))


class Columns(NamedTuple):
    """The field of each column by its number. In files with one row per organization, also the promise type and unit of
    the columns that are headed by a promise type."""

    fields: dict[int, str]
    promise_types: dict[int, tuple[str, str]]

    def promises(self, cells: list[str]) -> Iterator[dict[str, str]]:
        """Yield the cells of a line by field, once for each promise in it."""
        row = {field: cells[column] for column, field in self.fields.items() if column < len(cells)}
        if not self.promise_types:
            yield row
        for column, (promise_type, unit) in self.promise_types.items():
            if column < len(cells) and cells[column].lower() not in EMPTY_CELLS:
                yield row | {"promise_type": promise_type, "quantity": cells[column], "unit": unit}


def find_columns(sheet: Sheet, parser: RowParser) -> Columns:
    """Find the columns by their headings. Raise Unreadable if one is missing."""
    headings = imports_columns.promise_headings()
    learned = learned_headings(LearnedWord.Kind.PROMISES_HEADING)
    match = match_columns(sheet.header, headings, taught=learned, hidden=sheet.hidden_columns)
    by_hand = {number: field for number, field in match.fields.items() if field.startswith(TYPE_COLUMN)}
    match.fields = {number: field for number, field in match.fields.items() if number not in by_hand}
    named = set(match.fields.values())
    promise_types: dict[int, tuple[str, str]] = {}
    if not {"promise_type", "quantity"} & named:
        skipped = {number for number, heading in enumerate(sheet.header) if learned.get(plain_text(heading)) == ""}
        taken = {*match.fields, *sheet.hidden_columns, *skipped, *by_hand}
        free = ["" if number in taken else heading for number, heading in enumerate(sheet.header)]
        codes = {f"{TYPE_COLUMN}{pk}": each.code for pk, each in parser.checklist.promise_types.items()}
        promise_types = promise_type_columns(free, parser)
        promise_types |= {number: (codes[field], "") for number, field in by_hand.items() if field in codes}
    missing = [field for field in imports_columns.REQUIRED_FIELDS if field not in named]
    if missing and not (promise_types and missing == ["promise_type", "quantity"]):
        message = _("This file is missing these columns: %(missing)s. We found these headings: %(found)s.")
        labels = imports_columns.labels()
        found = ", ".join(" ".join(cell.split()) for cell in sheet.header if cell)
        values = {"missing": ", ".join(labels[field] for field in missing), "found": found}
        raise ColumnMissing(message % values, describe_columns(sheet, Columns(match.fields, promise_types)))
    return Columns(match.fields, promise_types)


def describe_columns(sheet: Sheet, columns: Columns) -> dict:
    used = columns.fields | dict.fromkeys(columns.promise_types, "promise_type")
    skipped = [number for number, heading in enumerate(sheet.header) if heading and number not in used]
    return describe_sheet(sheet, used, skipped)


def promise_type_columns(header: list[str], parser: RowParser) -> dict[int, tuple[str, str]]:
    """The columns headed by a promise type, perhaps with its unit, such as "Host tours (visits)"; each type once."""
    found: dict[int, tuple[str, str]] = {}
    seen: set[int] = set()
    for number, heading in enumerate(header):
        match = re.fullmatch(r"(.*?)\s*(?:\(([^()]*)\))?", heading, re.DOTALL)
        promise_type, unit = match.groups("") if match else (heading, "")
        named = parser.find_promise_types(promise_type)
        if len(named) == 1 and not named & seen:
            found[number] = promise_type, unit
            seen |= named
    return found


def parse_import_rows(run: Import, sheet: Sheet, columns: Columns, parser: RowParser) -> Iterator[ImportRow]:
    """Parse the file's rows and skip empty ones. Raise Unreadable if there are too many."""
    number = 0
    for line, cells in sheet.rows:
        if not cells:
            continue
        promises = list(columns.promises(cells))
        number += len(promises) or 1
        if number > MAX_ROWS:
            message = _("This file has more than %(most)s rows. Split it into smaller files.")
            raise Unreadable(message % {"most": f"{MAX_ROWS:,}"})
        if not promises:
            name = next((cells[column] for column, field in columns.fields.items() if field == "organization"), "")
            yield ImportRow(
                run=run,
                line=line,
                name=name,
                errors=[_("This row has no promises. Enter a quantity for at least one promise type.")],
            )
        for row in promises:
            parsed = parser.parse(row)
            name = parsed.values["organization"]
            errors = [problem[:300] for problem in parsed.problems]
            yield ImportRow(run=run, line=line, name=name, values=parsed.values, errors=errors)


def rows_without_errors(run: Import):
    return run.rows.filter(errors=[]).order_by("line")


def mark_duplicate_rows(run: Import) -> None:
    """Add an error to a second row with the same organization, promise type, schools, grades and months, because either
    may be meant, and to a row beyond the promises that a pledge can have of one type."""
    lines: dict[tuple, int] = {}
    numbers = Counter[tuple]()
    duplicate_rows = []
    same = _("Row %(line)d already has this promise type for this organization. Combine the two rows.")
    too_many = _("This organization already has %(most)d promises of this type in other rows. Combine some of them.")
    for pk, line, name, values in rows_without_errors(run).values_list("pk", "line", "normalized_name", "values"):
        promise = promise_from_values(values)
        kind = (name, promise.promise_type)
        place = (*kind, promise.schools, promise.grades, promise.months)
        numbers[kind] += 1
        if first_line := lines.get(place):
            duplicate_rows.append(ImportRow(pk=pk, errors=[same % {"line": first_line}]))
        elif numbers[kind] > MAX_PROMISES_PER_TYPE:
            duplicate_rows.append(ImportRow(pk=pk, errors=[too_many % {"most": MAX_PROMISES_PER_TYPE}]))
        else:
            lines[place] = line
    ImportRow.objects.bulk_update(duplicate_rows, ["errors"], batch_size=BATCH_SIZE)


# Organizations ---------------------------------------------------------------------------------------------------


def collect_organizations(run: Import) -> None:
    """Collect the organizations of the rows without errors by their normalized names, with possible matches."""
    organizations: dict[str, ImportedOrganization] = {}
    emails: dict[str, set[str]] = defaultdict(set)
    queries: dict[str, MatchQuery] = {}
    fields = ("name", "normalized_name", "line", "values__email", "values__website")
    for name, normalized_name, line, email, website in rows_without_errors(run).values_list(*fields):
        if normalized_name not in organizations:
            organizations[normalized_name] = ImportedOrganization(
                run=run, name=name, normalized_name=normalized_name, line=line
            )
            queries[normalized_name] = MatchQuery(line, normalized_name, emails[normalized_name], website)
        if email:
            emails[normalized_name].add(email)
    matches = duplicates.find_matches(list(queries.values()), similar_beside_same=False)
    for organization in organizations.values():
        choose_existing(organization, matches.get(organization.line, []))
    by_line = {each.line: each for each in organizations.values() if each.is_new or each.needs_review}
    matches_in_file = duplicates.find_matches_among([query for query in queries.values() if query.key in by_line])
    for line, found in matches_in_file.items():
        choose_in_file(by_line[line], found)
    keep_existing(organizations.values())
    ImportedOrganization.objects.bulk_create(organizations.values(), batch_size=BATCH_SIZE)
    same_name = run.organizations.filter(normalized_name=OuterRef("normalized_name"))
    run.rows.filter(errors=[]).update(imported_organization=Subquery(same_name.values("pk")[:1]))


def keep_existing(organizations: Collection[ImportedOrganization]) -> None:
    """Lock the organizations chosen for those in the file, in the order in which everyone locks them. One that has just
    been merged or deleted isn't chosen."""
    locked = profiles.lock_organizations({each.organization_id for each in organizations if each.organization_id})
    for imported in organizations:
        if imported.organization_id and imported.organization_id not in locked:
            imported.organization_id, imported.is_new = None, True


def choose_existing(imported: ImportedOrganization, matches: list[Match]) -> None:
    """Choose an existing organization with the same name. If names are only similar, ask staff and preselect the likely
    answer: a new organization if nothing but the name matches. Organizations can be merged later, but not split."""
    same_name = [match for match in matches if MatchReason.NAME in match.reasons]
    best = next(iter(same_name or matches), None)
    if best is None or (not same_name and best.score < REVIEW_SCORE):
        return
    imported.existing_matches = [list(match) for match in matches]
    imported.needs_review = len(same_name) != 1
    imported.is_new = not same_name and (best.score < ACCEPT_SCORE or len(best.reasons) == 1)
    imported.organization_id = None if imported.is_new else best.organization


def choose_in_file(imported: ImportedOrganization, matches: list[Match]) -> None:
    """Ask staff about similar organizations earlier in the file. Preselect the best one only if nearly everything
    matches, because organizations can be merged later, but not split."""
    matches = [match for match in matches if match.score >= REVIEW_SCORE_IN_FILE]
    if not matches:
        return
    imported.matches_in_file, imported.needs_review = [list(match) for match in matches], True
    best = matches[0]
    if imported.is_new and best.score >= ACCEPT_SCORE_IN_FILE and len(best.reasons) > 1:
        imported.is_new, imported.duplicate_of_line = False, best.organization


def organizations_to_review(run: Import):
    return run.organizations.filter(needs_review=True).order_by("line")


def rows_with_errors(run: Import):
    return run.rows.filter(~Q(errors=[])).order_by("line")
