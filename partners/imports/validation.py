"""A file is read row by row, and checked whole: what each row says, what is wrong with it, and which organization it
may be. Nothing but the import itself is written."""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from imagine.core.spreadsheets import reader as spreadsheet_reader
from imagine.core.spreadsheets.reader import Sheet, Unreadable
from partners import exports
from partners.imports import columns as imports_columns
from partners.imports.cell_parsers import RowReader
from partners.imports.columns import plain_text
from partners.models import Import, ImportedOrganization, ImportRow, MatchReason, normalize_name
from partners.organizations import duplicates
from partners.organizations.duplicates import Match, MatchQuery

MAX_ROWS = 20_000
BATCH_SIZE = 1000
EMPTY_CELLS = {"", "0", "-", "–", "—"}  # of a kind, where each has a column
REVIEW_SCORE = 50  # score of 100 from which staff are asked whether it is one that is there
REVIEW_SCORE_IN_FILE, ACCEPT_SCORE_IN_FILE = 65, 94  # the same of two in one file: one person may answer for several
ACCEPT_SCORE = 75  # and from which that is what is proposed, when more than the name speaks for it


def check_file(run: Import) -> None:
    """Reads a locked import's file, and leaves it checked, or refused with the reason."""
    try:
        with transaction.atomic():
            read_rows(run)
            mark_duplicate_rows(run)
            collect_organizations(run)
    except Unreadable as refused:
        run.state, run.rejection_reason = Import.State.REJECTED, str(refused)[:300]
    else:
        run.state = Import.State.CHECKED
        run.error_count = run.rows.exclude(errors=[]).count()
    run.file = None


# Rows ------------------------------------------------------------------------------------------------------------


def read_rows(run: Import) -> None:
    sheet, reader = (
        spreadsheet_reader.read_sheet(bytes(run.file or b""), imports_columns.count_known_headings),
        RowReader(run.year),
    )
    columns = columns_of(sheet, run, reader)
    rows = read_import_rows(run, sheet, columns, reader)
    while batch := list(islice(rows, BATCH_SIZE)):
        ImportRow.objects.bulk_create(batch)
        run.row_count += len(batch)
    if not run.row_count:
        raise Unreadable(_("There is no row below the headings."))
    ImportRow.objects.filter(run=run).exclude(name="").update(normalized_name=normalize_name(F("name")))


class Columns(NamedTuple):
    """The field of each column, by its number; and, of a file with a row an organization, the kind of promise and the
    unit that each further column's heading names."""

    fields: dict[int, str]
    promise_types: dict[int, tuple[str, str]]

    def promises(self, cells: list[str]) -> Iterator[dict[str, str]]:
        """What a line says, by field: once for each promise that stands in it."""
        row = {field: cells[column] for column, field in self.fields.items() if column < len(cells)}
        if not self.promise_types:
            yield row
        for column, (promise_type, unit) in self.promise_types.items():
            if column < len(cells) and cells[column] not in EMPTY_CELLS:
                yield row | {"promise_type": promise_type, "quantity": cells[column], "unit": unit}


def columns_of(sheet: Sheet, run: Import, reader: RowReader) -> Columns:
    """Which column holds what; noted in the import, for staff to see. Raises Unreadable when one is missing."""
    columns, ignored = imports_columns.match_columns(sheet.header)
    promise_types = (
        {} if {"promise_type", "quantity"} & set(columns.values()) else promise_type_columns(sheet.header, reader)
    )
    labels = dict(zip(imports_columns.FIELDS, map(str, exports.BY_PROMISE), strict=True)) | {"website": _("website")}
    missing = imports_columns.missing_columns(sheet.header)
    if missing and not (promise_types and missing == ["promise_type", "quantity"]):
        said = _("There is no column for: %(missing)s. The headings found are: %(found)s.")
        found = ", ".join(cell for cell in sheet.header if cell)[:150]
        raise Unreadable(said % {"missing": ", ".join(labels[field] for field in missing), "found": found})
    taken = [[sheet.header[number], field] for number, field in columns.items()]
    taken += [[sheet.header[number], "promise_type"] for number in promise_types]
    ignored = [heading for heading in ignored if [heading, "promise_type"] not in taken]
    run.format = {"kind": sheet.kind, **sheet.how, "columns": taken, "ignored": ignored}
    return Columns(columns, promise_types)


def promise_type_columns(header: list[str], reader: RowReader) -> dict[int, tuple[str, str]]:
    """The columns headed by a promise type, perhaps with its unit, such as "Host tours (visits)"; each type once."""
    found: dict[int, tuple[str, str]] = {}
    seen: set[int] = set()
    for number, heading in enumerate(header):
        match = re.fullmatch(r"(.*?)\s*(?:\(([^()]*)\))?", heading, re.DOTALL)
        promise_type, unit = match.groups("") if match else (heading, "")
        named = reader.promise_types.get(plain_text(promise_type))
        if named and not named & seen:
            found[number] = promise_type, unit
            seen |= named
    return found


def read_import_rows(run: Import, sheet: Sheet, columns: Columns, reader: RowReader) -> Iterator[ImportRow]:
    """Read the file's rows; empty ones are skipped. Raise Unreadable if there are too many."""
    number = 0
    for line, cells in sheet.rows:
        if not cells:
            continue
        promises = list(columns.promises(cells))
        number += len(promises) or 1
        if number > MAX_ROWS:
            message = _("It has more than %(most)s rows. Split it into files of fewer rows.")
            raise Unreadable(message % {"most": f"{MAX_ROWS:,}"})
        if not promises:
            name = next((cells[column] for column, field in columns.fields.items() if field == "organization"), "")
            yield ImportRow(run=run, line=line, name=name, errors=[_("No promise stands in this line.")])
        for row in promises:
            parsed = reader.read(row)
            name = parsed.values["organization"]
            errors = [problem[:300] for problem in parsed.problems]
            yield ImportRow(run=run, line=line, name=name, values=parsed.values, errors=errors)


def rows_without_errors(run: Import):
    return run.rows.filter(errors=[]).order_by("line")


def mark_duplicate_rows(run: Import) -> None:
    """A second row with the same organization and promise type is an error: no one knows which one is meant."""
    seen: dict[tuple, int] = {}
    doubled = []
    message = _("Doubled: line %(line)d has this kind of promise of this organization already.")
    for pk, line, *promise in rows_without_errors(run).values_list(
        "pk", "line", "normalized_name", "values__promise_type"
    ):
        if before := seen.get(tuple(promise)):
            doubled.append(ImportRow(pk=pk, errors=[message % {"line": before}]))
        else:
            seen[tuple(promise)] = line
    ImportRow.objects.bulk_update(doubled, ["errors"], batch_size=BATCH_SIZE)


# Organizations ---------------------------------------------------------------------------------------------------


def collect_organizations(run: Import) -> None:
    """Collect the organizations of the rows without errors by their normalized names, with possible matches."""
    named: dict[str, ImportedOrganization] = {}
    emails: dict[str, set[str]] = defaultdict(set)
    typed: dict[str, MatchQuery] = {}
    fields = ("name", "normalized_name", "line", "values__email", "values__website")
    for name, normalized_name, line, email, website in rows_without_errors(run).values_list(*fields):
        if normalized_name not in named:
            named[normalized_name] = ImportedOrganization(
                run=run, name=name, normalized_name=normalized_name, line=line
            )
            typed[normalized_name] = MatchQuery(line, normalized_name, emails[normalized_name], website)
        if email:
            emails[normalized_name].add(email)
    likely = duplicates.find_matches(list(typed.values()), alike_beside_same=False)
    for one in named.values():
        choose_existing(one, likely.get(one.line, []))
    by_line = {one.line: one for one in named.values() if one.is_new or one.needs_review}
    for line, found in duplicates.find_matches_among([one for one in typed.values() if one.key in by_line]).items():
        choose_in_file(by_line[line], found)
    ImportedOrganization.objects.bulk_create(named.values(), batch_size=BATCH_SIZE)
    same_name = run.organizations.filter(normalized_name=OuterRef("normalized_name"))
    run.rows.filter(errors=[]).update(imported_organization=Subquery(same_name.values("pk")[:1]))


def choose_existing(typed: ImportedOrganization, found: list[Match]) -> None:
    """Take one with the same name. Ask staff about one that is similar, with the likelier answer preselected: a new one
    if only the name is similar. Two that turn out to be one can be merged later; one can't be split."""
    same = [one for one in found if MatchReason.NAME in one.reasons]
    best = next(iter(same or found), None)
    if best is None or (not same and best.score < REVIEW_SCORE):
        return
    typed.existing_matches = [list(one) for one in found]
    typed.needs_review = len(same) != 1
    typed.is_new = not same and (best.score < ACCEPT_SCORE or len(best.reasons) == 1)
    typed.organization_id = None if typed.is_new else best.organization


def choose_in_file(typed: ImportedOrganization, found: list[Match]) -> None:
    """One that looks like another of the same file is a question, too. Beforehand it is chosen to be that one only
    where nearly all speaks for it: two can be merged later, and one is not taken apart again."""
    found = [one for one in found if one.score >= REVIEW_SCORE_IN_FILE]
    if not found:
        return
    typed.matches_in_file, typed.needs_review = [list(one) for one in found], True
    best = found[0]
    if typed.is_new and best.score >= ACCEPT_SCORE_IN_FILE and len(best.reasons) > 1:
        typed.is_new, typed.duplicate_of_line = False, best.organization


def organizations_to_review(run: Import):
    return run.organizations.filter(needs_review=True).order_by("line")


def rows_with_errors(run: Import):
    return run.rows.filter(~Q(errors=[])).order_by("line")
