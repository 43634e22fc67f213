"""Read CSV and XLSX files from any program as rows of text. The header is the row with the most known headings.

Nothing here trusts the file: its size, its unpacked size, its rows and its cells are limited, and a cell that a
spreadsheet program would run as a formula is plain text.
"""

import csv
import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from imagine.core.spreadsheets.errors import MAX_COLUMNS, Unreadable, too_wide
from imagine.core.spreadsheets.writer import FORMULA, without_control_characters

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MAX_BYTES = 10 * 2**20
MAX_SHEETS = 20
MAX_LENGTH_LINE = 1_000_000
MAX_LENGTH_CELL = 5000
HEADER_WITHIN = 20  # rows
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

Row = tuple[int, list[str]]  # its line in the file, its cells


@dataclass
class Sheet:
    """A file's format, its header, and an iterator over the rows below it."""

    kind: str
    header: list[str]
    rows: Iterator[Row]
    how: dict[str, str] = field(default_factory=dict)  # encoding and delimiter, or the name of the sheet


def read_sheet(content: bytes, count_known: Callable[[list[str]], int]) -> Sheet:
    """Return the table in a file. `known` counts the known headings in a row's cells. Raise Unreadable, also while the
    rows are read."""
    if not content.strip():
        raise Unreadable(_("This file is empty. Choose another one."))
    if len(content) > MAX_BYTES:
        raise Unreadable(
            _("This file is larger than %(most)d MB. Split it into smaller files.") % {"most": MAX_BYTES // 2**20}
        )
    if content.startswith(b"PK\x03\x04"):
        return read_xlsx(content, count_known)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            _("This Excel file has a password or an old format. Save it as .xlsx without a password, or as CSV.")
        )
    return read_csv(content, count_known)


# CSV -------------------------------------------------------------------------------------------------------------


def read_csv(content: bytes, count_known: Callable) -> Sheet:
    text, encoding = decode_csv(content)
    if max(map(len, text.splitlines())) > MAX_LENGTH_LINE:
        raise too_wide()
    text, named = split_delimiter_note(text)
    found = [(tried, *find_header(csv_rows(text, tried), count_known)) for tried in ([named] if named else DELIMITERS)]
    delimiter, _score, line, cells = max(found, key=lambda one: (one[1], len(one[3])))
    rows = (row for row in csv_rows(text, delimiter, refuse_wide=True) if row[0] > line)
    return Sheet("csv", cells, rows, {"encoding": encoding, "delimiter": DELIMITERS.get(delimiter, delimiter)})


def decode_csv(content: bytes) -> tuple[str, str]:
    """Return the text of a CSV and its encoding: the one its byte order mark says, UTF-8, or Windows-1252."""
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    marked = next((encoding for mark, encoding in marks.items() if content.startswith(mark)), None)
    if not marked and b"\0" in content:
        raise Unreadable(_("This isn’t a CSV or Excel (.xlsx) file. Save your spreadsheet as one of those."))
    for encoding in [marked] if marked else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if looks_like_text(text):
            return text, {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-8": "UTF-8"}.get(encoding, "Windows-1252")
        break
    raise Unreadable(_("This isn’t a CSV or Excel (.xlsx) file. Save your spreadsheet as one of those."))


def looks_like_text(text: str) -> bool:
    """Return whether this isn't a program, picture, web page or PDF with the wrong file name."""
    start = text[:4096]
    controls = sum(unicodedata.category(letter) == "Cc" and letter not in "\r\n\t\f" for letter in start)
    return controls <= 2 + len(start) // 50 and not re.match(r"\s*(<|%PDF|\{)", start)


def split_delimiter_note(text: str) -> tuple[str, str]:
    """Take off a first line that tells Excel the delimiter, such as sep=;"""
    note = re.match(r"sep=(.)\r?\n", text)
    if not note:
        return text, ""
    # Neither can part cells, and Python 3.13 raises ValueError for them.
    return "\n" + text[note.end() :], "" if note[1] in '"\r' else note[1]


def csv_rows(text: str, delimiter: str, *, refuse_wide: bool = False) -> Iterator[Row]:
    # Strict: otherwise an unmatched quotation mark silently swallows all rows after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if refuse_wide and any(map(str.strip, cells[MAX_COLUMNS:])):
                raise too_wide()
            yield line, clean_cells(cells[:MAX_COLUMNS])
            line = reader.line_num + 1
    except csv.Error:
        message = _("Row %(line)d can’t be read. Make sure that each quotation mark in it has a match.")
        raise Unreadable(message % {"line": line}) from None


# XLSX ------------------------------------------------------------------------------------------------------------


def read_xlsx(content: bytes, count_known: Callable) -> Sheet:
    # Only here: openpyxl takes 7 MB of memory, in every web worker and for good.
    from openpyxl import load_workbook

    from imagine.core.spreadsheets.package import check_package

    last_lines = check_package(content)
    damaged = _("This file is damaged, or isn’t really an Excel (.xlsx) file. Open it in Excel and save it again.")
    try:
        with warnings.catch_warnings(action="ignore"):  # about features that we don't read
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            sheets = [sheet for sheet in book.worksheets[:MAX_SHEETS] if sheet.sheet_state == "visible"]
            found = [(sheet, *find_header(xlsx_rows(sheet, last_lines), count_known)) for sheet in sheets]
    except Unreadable:
        raise
    except Exception as error:  # openpyxl raises all kinds of errors on a damaged file
        raise Unreadable(damaged) from error
    if not found:
        raise Unreadable(
            _("Every sheet in this Excel file is hidden. Unhide the one you want to use, then save the file.")
        )
    sheet, _score, line, cells = max(found, key=lambda one: one[1])
    rows = (row for row in undamaged(xlsx_rows(sheet, last_lines), damaged) if row[0] > line)
    return Sheet("xlsx", cells, rows, {"sheet": sheet.title})


def undamaged(rows: Iterator[Row], damaged: str) -> Iterator[Row]:
    try:
        with warnings.catch_warnings(action="ignore"):
            yield from rows
    except (GeneratorExit, Unreadable):
        raise
    except Exception as error:
        raise Unreadable(damaged) from error


def xlsx_rows(sheet: "ReadOnlyWorksheet", last_lines: dict[str, int]) -> Iterator[Row]:
    sheet.reset_dimensions()  # don't trust what the file says about them
    last_line = last_lines[sheet._worksheet_path]
    if not last_line:
        return iter(())
    rows = sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS, max_row=last_line)
    return ((line, clean_cells(map(cell_text, cells))) for line, cells in enumerate(rows, start=1))


def cell_text(value) -> str:
    """Return a cell as a person would type it: 12 for 12.0, a date as 2027-04-01."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# Both ------------------------------------------------------------------------------------------------------------


def find_header(rows: Iterator[Row], count_known: Callable) -> tuple[int, int, list[str]]:
    """Return the number of known headings, the line and the cells of the row with the most of them."""
    best: tuple[int, int, list[str]] = (-1, 0, [])
    with suppress(Unreadable):  # raised again when the rows are read
        for line, cells in islice((row for row in rows if row[1]), HEADER_WITHIN):
            score = count_known(cells)
            if score > best[0]:
                best = (score, line, cells)
    return best


def clean_cells(cells: Iterable[str]) -> list[str]:
    """Return the text of a row's cells, without empty ones at the end."""
    cells = [clean_cell(cell) for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def clean_cell(cell: str) -> str:
    """Return the text of a cell: composed letters, no control characters, no space around it, and without the
    apostrophe that writer.py puts before a formula."""
    if not cell:
        return ""
    cell = cell[:MAX_LENGTH_CELL]
    if not cell.isascii():
        cell = unicodedata.normalize("NFC", cell)
    if not cell.isprintable():
        cell = without_control_characters(cell)
    if cell[:1] == "'" and FORMULA.match(cell[1:]):
        cell = cell[1:]
    return cell.strip(" \n\t\u00a0\u200b\ufeff")
