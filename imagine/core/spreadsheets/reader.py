"""Read a table from a CSV, XLSX or ODS file of any program as rows of text.

Nothing here trusts the file: its size, its unpacked size, its rows and its cells are limited, and a cell that a
spreadsheet program would run as a formula is plain text. Nothing is dropped without a word: a sheet knows which rows
and columns were hidden, which rows got values from merged cells, and which other sheets there are.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Protocol

from django.utils.translation import gettext as _

from imagine.core.spreadsheets import csv_files
from imagine.core.spreadsheets.csv_files import DELIMITERS, csv_rows
from imagine.core.spreadsheets.errors import Unreadable, not_a_spreadsheet
from imagine.core.spreadsheets.ods_files import CONTENT, ods_sheets
from imagine.core.spreadsheets.xlsx_files import WORKBOOK, xlsx_sheets
from imagine.core.spreadsheets.xml_parts import RawRow, open_archive

MAX_BYTES = 10 * 2**20
MAX_SHEETS = 20
QUICK_BYTES = 100_000
HEADER_WITHIN = 20  # rows

Row = tuple[int, list[str]]  # its line in the file, its cells
CountKnown = Callable[[list[str]], int]


class RawSheet(Protocol):
    name: str
    is_hidden: bool
    hidden_columns: set[int]

    def rows(self) -> Iterator[RawRow]: ...


class Header(NamedTuple):
    score: int = -1  # how many headings are known
    line: int = 0
    cells: list[str] = []


@dataclass
class OtherSheet:
    """A sheet of the file that isn't read: whether it is hidden, and how many rows it has below its header."""

    name: str
    is_hidden: bool
    row_count: int
    score: int


@dataclass
class Sheet:
    """A file's format, its header, and an iterator over the rows below it. The lines of hidden rows and of rows with
    values from merged cells are known once the rows are read."""

    kind: str
    header: list[str]
    rows: Iterator[Row]
    how: dict[str, str] = field(default_factory=dict)  # encoding and delimiter, or the name of the sheet
    header_line: int = 0
    hidden_columns: set[int] = field(default_factory=set)
    hidden_lines: list[int] = field(default_factory=list)
    filled_lines: list[int] = field(default_factory=list)
    others: list[OtherSheet] = field(default_factory=list)

    @property
    def hidden_headings(self) -> list[str]:
        return [heading for number, heading in enumerate(self.header) if heading and number in self.hidden_columns]


def read_sheet(
    content: bytes, count_known: CountKnown, *, name: str = "", with_hidden: bool = False, with_header: bool = True
) -> Sheet:
    """Return the table in a file: the sheet called `name`, or the visible one with the most known headings.

    `count_known` counts the known headings in a row's cells. Hidden rows are left out unless `with_hidden`. Without a
    header, the first row is one of the rows. Raise Unreadable, also while the rows are read.
    """
    if not content.strip():
        raise Unreadable(_("This file is empty. Choose another one."))
    if len(content) > MAX_BYTES:
        raise Unreadable(
            _("This file is larger than %(most)d MB. Split it into smaller files.") % {"most": MAX_BYTES // 2**20}
        )
    if content.startswith(b"PK\x03\x04"):
        return read_workbook(content, count_known, name, with_hidden=with_hidden, with_header=with_header)
    refuse_other_formats(content)
    return read_csv(content, count_known, with_header=with_header)


def is_quick(content: bytes) -> bool:
    """Whether a file is so small that a web request can read it: a tenth of a second. Larger ones are for workers."""
    if not content.startswith(b"PK\x03\x04"):
        return len(content) <= QUICK_BYTES
    try:
        return sum(part.file_size for part in open_archive(content).infolist()) <= 3 * QUICK_BYTES
    except Unreadable:
        return True  # refused at once


def read_all_text(content: bytes) -> Iterator[str]:
    """Yield all cells of a file, hidden or not, on any sheet. Raise Unreadable."""
    if content.startswith(b"PK\x03\x04"):
        for sheet in workbook_sheets(content)[1]:
            for row in sheet.rows():
                yield from row.cells
    elif content.strip():
        refuse_other_formats(content)
        yield csv_files.decode_csv(content)[0]


# CSV -------------------------------------------------------------------------------------------------------------


def read_csv(content: bytes, count_known: CountKnown, *, with_header: bool) -> Sheet:
    text, encoding = csv_files.decode_csv(content)
    csv_files.check_lines(text)
    text, named = csv_files.split_delimiter_note(text)
    found = [(each, find_header(csv_rows(text, each), count_known)) for each in ([named] if named else DELIMITERS)]
    delimiter, header = max(found, key=lambda one: (one[1].score, len(one[1].cells)))
    first_line = header.line if with_header else 0
    rows = (row for row in csv_rows(text, delimiter, refuse_wide=True) if row[0] > first_line)
    how = {"encoding": encoding, "delimiter": DELIMITERS.get(delimiter, delimiter)}
    return Sheet("csv", header.cells if with_header else [], rows, how, header_line=first_line)


# XLSX and ODS ----------------------------------------------------------------------------------------------------


def read_workbook(content: bytes, count_known: CountKnown, name: str, *, with_hidden: bool, with_header: bool) -> Sheet:
    kind, sheets = workbook_sheets(content)
    peeks = [Peek(sheet) for sheet in sheets]
    headers = [find_header(iter(peek.first), count_known) for peek in peeks]
    number = choose_sheet(sheets, headers, name)
    chosen, header = sheets[number], headers[number]
    sheet = Sheet(kind, header.cells if with_header else [], iter(()), {"sheet": chosen.name})
    sheet.header_line = header.line if with_header else 0
    sheet.hidden_columns = chosen.hidden_columns
    sheet.rows = rows_below(peeks[number].rows(), sheet, with_hidden=with_hidden)
    sheet.others = [
        OtherSheet(other.name, other.is_hidden, peek.count_below(found.line), found.score)
        for other, peek, found in zip(sheets, peeks, headers, strict=True)
        if other is not chosen and found.cells
    ]
    return sheet


class Peek:
    """The first rows of a sheet, which tell its header, and all of them, read once."""

    def __init__(self, sheet: RawSheet) -> None:
        self.raw_rows: list[RawRow] = []
        self.rest = sheet.rows()
        try:
            self.raw_rows.extend(islice(self.rest, HEADER_WITHIN))
        except Unreadable as error:  # only of interest if this sheet is chosen
            self.rest = raising(error)

    @property
    def first(self) -> list[Row]:
        return [(row.line, row.cells) for row in self.raw_rows]

    def rows(self) -> Iterator[RawRow]:
        yield from self.raw_rows
        yield from self.rest

    def count_below(self, line: int) -> int:
        number = 0
        with suppress(Unreadable):
            for row in self.rows():
                number += row.line > line
        return number


def raising(error: Unreadable) -> Iterator[RawRow]:
    raise error
    yield


def workbook_sheets(content: bytes) -> tuple[str, list[RawSheet]]:
    """Return "xlsx" or "ods" and the first sheets. Raise Unreadable for another ZIP file."""
    names = set(open_archive(content).namelist())
    if WORKBOOK in names:
        return "xlsx", list(xlsx_sheets(content)[:MAX_SHEETS])
    if CONTENT in names and "mimetype" in names and "word/document.xml" not in names:
        return "ods", list(ods_sheets(content)[:MAX_SHEETS])
    if any(name.endswith(".iwa") for name in names):
        raise not_a_spreadsheet(_("This is a Numbers file."))
    if "xl/workbook.bin" in names:
        raise not_a_spreadsheet(_("This is a binary Excel file (.xlsb)."))
    raise not_a_spreadsheet()


def choose_sheet(sheets: list[RawSheet], headers: list[Header], name: str) -> int:
    """Return the index of the sheet with this name, or of the visible one with the most known headings."""
    named = [number for number, sheet in enumerate(sheets) if name and sheet.name == name]
    visible = [number for number, sheet in enumerate(sheets) if not sheet.is_hidden]
    if named or visible:
        return max(named or visible, key=lambda number: headers[number].score)
    raise Unreadable(_("Every sheet in this file is hidden. Unhide the one you want to use, then save the file."))


def rows_below(rows: Iterator[RawRow], sheet: Sheet, *, with_hidden: bool) -> Iterator[Row]:
    """Yield the rows below the header. Note the lines of hidden ones and of those with values from merged cells."""
    for row in rows:
        if row.line <= sheet.header_line:
            continue
        if row.is_hidden:
            sheet.hidden_lines.append(row.line)
            if not with_hidden:
                continue
        if row.is_filled:
            sheet.filled_lines.append(row.line)
        yield row.line, row.cells


# The header ------------------------------------------------------------------------------------------------------


def find_header(rows: Iterator[Row], count_known: CountKnown) -> Header:
    """Return the row with the most known headings, or the two rows that have more of them together."""
    best, above = Header(), Header()
    with suppress(Unreadable):  # raised again when the rows are read
        for line, cells in islice((row for row in rows if row[1]), HEADER_WITHIN):
            score = count_known(cells)
            best = max(best, Header(score, line, cells), key=lambda header: header.score)
            if above.line and may_be_second_header(cells, score):
                joined = join_headers(above.cells, cells, count_known)
                best = max(best, Header(count_known(joined), line, joined), key=lambda header: header.score)
            above = Header(score, line, cells)
    return best


def may_be_second_header(cells: list[str], score: int) -> bool:
    """Whether a row below another one looks like headings and not like data."""
    texts = [cell for cell in cells if cell]
    return score * 2 >= len(texts) > 1 and not any("@" in text or text.isdecimal() for text in texts)


def join_headers(above: list[str], below: list[str], count_known: CountKnown) -> list[str]:
    """Join two rows of headings: "Contact" over "Name" and "Email" are "Contact name" and "Contact email", if known."""
    joined, group = [], ""
    for number in range(max(len(above), len(below))):
        over = above[number] if number < len(above) else ""
        under = below[number] if number < len(below) else ""
        group = over or (group if under else "")
        both = f"{group} {under}".strip()
        joined.append(both if count_known([both]) or not under else under)
    return joined


# Files that aren't spreadsheets ----------------------------------------------------------------------------------


def refuse_other_formats(content: bytes) -> None:
    """Raise Unreadable for formats that people take for spreadsheets, and say what to do."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise Unreadable(_("This file has a password. Save it without one, and upload it again."))
        raise not_a_spreadsheet(_("This is an old Excel file (.xls)."))
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if re.match(rb"<(!doctype html|html|table|head|body|meta)", start):
        raise not_a_spreadsheet(_("This is a web page, even if its name ends with .xls."))
    if start.startswith(b"<?xml") and b"workbook" in start:
        raise not_a_spreadsheet(_("This is an old Excel file (.xml)."))
    if start.startswith(b"%pdf"):
        raise not_a_spreadsheet(_("This is a PDF."))
    if start.startswith(b'{"url"'):
        raise not_a_spreadsheet(_("This is only a link to a Google sheet."))
