"""A file is read row by row, and checked whole: what each row says, what is wrong with it, and which organization it
may be. Nothing but the import itself is written."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from imagine.core.spreadsheets import reader as spreadsheet_reader
from imagine.core.spreadsheets.reader import Sheet, Unreadable
from partners import exports
from partners.imports import columns as imports_columns
from partners.imports.cell_parsers import Reader
from partners.imports.columns import plain
from partners.models import Import, ImportRow, Reason, TypedOrganization, folded
from partners.organizations import duplicates
from partners.organizations.duplicates import Likely, Typed

MOST_ROWS = 20_000
BATCH = 1000
NONE = {"", "0", "-", "–", "—"}  # of a kind, where each has a column
ASK_FROM = 50  # likelihood of 100 from which staff are asked whether it is one that is there
ASK_TWIN_FROM, TAKE_TWIN_FROM = 65, 94  # the same of two in one file: one person may answer for several
TAKE_FROM = 75  # and from which that is what is proposed, when more than the name speaks for it


def check(run: Import) -> None:
    """Reads a locked import's file, and leaves it checked, or refused with the reason."""
    try:
        with transaction.atomic():
            read_rows(run)
            mark_doubles(run)
            name_organizations(run)
    except Unreadable as refused:
        run.state, run.refusal = Import.State.REFUSED, str(refused)[:300]
    else:
        run.state = Import.State.CHECKED
        run.rows_bad = run.rows.exclude(problems=[]).count()
    run.file = None


# Rows ------------------------------------------------------------------------------------------------------------


def read_rows(run: Import) -> None:
    sheet, reader = spreadsheet_reader.read(bytes(run.file), imports_columns.known), Reader(run.year)
    columns = columns_of(sheet, run, reader)
    rows = read_all(run, sheet, columns, reader)
    while batch := list(islice(rows, BATCH)):
        ImportRow.objects.bulk_create(batch)
        run.rows_read += len(batch)
    if not run.rows_read:
        raise Unreadable(_("There is no row below the headings."))
    ImportRow.objects.filter(run=run).exclude(name="").update(folded_name=folded(F("name")))


class Columns(NamedTuple):
    """The field of each column, by its number; and, of a file with a row an organization, the kind of promise and the
    unit that each further column's heading names."""

    fields: dict[int, str]
    kinds: dict[int, tuple[str, str]]

    def promises(self, cells: list[str]) -> Iterator[dict[str, str]]:
        """What a line says, by field: once for each promise that stands in it."""
        row = {field: cells[column] for column, field in self.fields.items() if column < len(cells)}
        if not self.kinds:
            yield row
        for column, (kind, unit) in self.kinds.items():
            if column < len(cells) and cells[column] not in NONE:
                yield row | {"kind": kind, "quantity": cells[column], "unit": unit}


def columns_of(sheet: Sheet, run: Import, reader: Reader) -> Columns:
    """Which column holds what; noted in the import, for staff to see. Raises Unreadable when one is missing."""
    columns, ignored = imports_columns.columns(sheet.header)
    kinds = {} if {"kind", "quantity"} & set(columns.values()) else kind_columns(sheet.header, reader)
    labels = dict(zip(imports_columns.FIELDS, map(str, exports.BY_PROMISE), strict=True)) | {"website": _("website")}
    missing = imports_columns.missing(sheet.header)
    if missing and not (kinds and missing == ["kind", "quantity"]):
        said = _("There is no column for: %(missing)s. The headings found are: %(found)s.")
        found = ", ".join(cell for cell in sheet.header if cell)[:150]
        raise Unreadable(said % {"missing": ", ".join(labels[field] for field in missing), "found": found})
    taken = [[sheet.header[number], field] for number, field in columns.items()]
    taken += [[sheet.header[number], "kind"] for number in kinds]
    ignored = [heading for heading in ignored if [heading, "kind"] not in taken]
    run.format = {"kind": sheet.kind, **sheet.how, "columns": taken, "ignored": ignored}
    return Columns(columns, kinds)


def kind_columns(header: list[str], reader: Reader) -> dict[int, tuple[str, str]]:
    """The columns whose heading is the name of a kind, each once, its unit perhaps behind it: "Host tours (visits)"."""
    found, seen = {}, set()
    for number, heading in enumerate(header):
        kind, unit = re.fullmatch(r"(.*?)\s*(?:\(([^()]*)\))?", heading, re.DOTALL).groups("")
        named = reader.kinds.get(plain(kind))
        if named and not named & seen:
            found[number] = kind, unit
            seen |= named
    return found


def read_all(run: Import, sheet: Sheet, columns: Columns, reader: Reader) -> Iterator[ImportRow]:
    """The file's rows as they are kept; empty ones are none. Raises Unreadable when there are too many."""
    number = 0
    for line, cells in sheet.rows:
        if not cells:
            continue
        promises = list(columns.promises(cells))
        number += len(promises) or 1
        if number > MOST_ROWS:
            said = _("It has more than %(most)s rows. Split it into files of fewer rows.")
            raise Unreadable(said % {"most": f"{MOST_ROWS:,}"})
        if not promises:
            name = next((cells[column] for column, field in columns.fields.items() if field == "organization"), "")
            yield ImportRow(run=run, line=line, name=name, problems=[_("No promise stands in this line.")])
        for row in promises:
            said = reader.read(row)
            name = said.values["organization"]
            problems = [problem[:300] for problem in said.problems]
            yield ImportRow(run=run, line=line, name=name, values=said.values, problems=problems)


def good_rows(run: Import):
    return run.rows.filter(problems=[]).order_by("line")


def mark_doubles(run: Import) -> None:
    """A second row of one organization with the same kind is bad: nobody knows which of the two is meant."""
    seen, doubled = {}, []
    said = _("Doubled: line %(line)d has this kind of promise of this organization already.")
    for pk, line, *promise in good_rows(run).values_list("pk", "line", "folded_name", "values__kind"):
        if before := seen.get(tuple(promise)):
            doubled.append(ImportRow(pk=pk, problems=[said % {"line": before}]))
        else:
            seen[tuple(promise)] = line
    ImportRow.objects.bulk_update(doubled, ["problems"], batch_size=BATCH)


# Organizations ---------------------------------------------------------------------------------------------------


def name_organizations(run: Import) -> None:
    """The organizations of the good rows, each once, by their folded names, with which one each may be."""
    named: dict[str, TypedOrganization] = {}
    typed: dict[str, Typed] = {}
    fields = ("name", "folded_name", "line", "values__email", "values__website")
    for name, folded_name, line, email, website in good_rows(run).values_list(*fields):
        if folded_name not in named:
            named[folded_name] = TypedOrganization(run=run, name=name, folded_name=folded_name, line=line)
            typed[folded_name] = Typed(line, folded_name, set(), website)
        if email:
            typed[folded_name].emails.add(email)
    likely = duplicates.likely(list(typed.values()), alike_beside_same=False)
    for one in named.values():
        decide(one, likely.get(one.line, []))
    by_line = {one.line: one for one in named.values() if one.is_new or one.is_question}
    for line, found in duplicates.among([one for one in typed.values() if one.key in by_line]).items():
        decide_twin(by_line[line], found)
    TypedOrganization.objects.bulk_create(named.values(), batch_size=BATCH)
    with connection.cursor() as cursor:
        cursor.execute(JOIN, [run.pk])


JOIN = """
    UPDATE partners_importrow AS r SET organization_id = o.id FROM partners_typedorganization o
    WHERE r.run_id = %s AND r.problems = '{}' AND o.run_id = r.run_id AND o.folded_name = r.folded_name
"""


def decide(typed: TypedOrganization, found: list[Likely]) -> None:
    """One with the same name is taken. One that looks like it is a question to staff, with the likelier answer chosen
    for them beforehand: of a name that only looks alike, a new one. Two that are one are merged later; one that is two
    is not taken apart again."""
    same = [one for one in found if Reason.NAME in one.reasons]
    best = (same or found or [None])[0]
    if best is None or (not same and best.likelihood < ASK_FROM):
        return
    typed.likely = [list(one) for one in found]
    typed.is_question = len(same) != 1
    typed.is_new = not same and (best.likelihood < TAKE_FROM or len(best.reasons) == 1)
    typed.partner_id = None if typed.is_new else best.organization


def decide_twin(typed: TypedOrganization, found: list[Likely]) -> None:
    """One that looks like another of the same file is a question, too. Beforehand it is chosen to be that one only
    where nearly all speaks for it: two can be merged later, and one is not taken apart again."""
    found = [one for one in found if one.likelihood >= ASK_TWIN_FROM]
    if not found:
        return
    typed.alike, typed.is_question = [list(one) for one in found], True
    best = found[0]
    if typed.is_new and best.likelihood >= TAKE_TWIN_FROM and len(best.reasons) > 1:
        typed.is_new, typed.same_line = False, best.organization


def questions(run: Import):
    return run.organizations.filter(is_question=True).order_by("line")


def bad_rows(run: Import):
    return run.rows.filter(~Q(problems=[])).order_by("line")
