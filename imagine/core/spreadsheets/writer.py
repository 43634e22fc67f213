"""Write rows as CSV and XLSX responses, streamed, with formulas made harmless.

A cell is text, a whole number, a date, an aware time (written in the district's time zone, because spreadsheets have
none) or None. File names must not contain anything personal. Header and rows are read while the response is sent, so
translate them before.
"""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from inspect import unwrap
from itertools import chain, islice
from typing import NamedTuple

from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

Cell = str | int | date | datetime | None

ROWS = 500  # in a block of about 100 kB of text
BYTES = 64 * 1024  # in a block of a file
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EPOCH = datetime(1899, 12, 30)  # day 0 of a spreadsheet
DAY = 24 * 60 * 60  # seconds
MAX_COLUMN_WIDTH = 48  # characters

# Without the wrapper that also accepts "A1" notation, this takes a tenth of the time. write() would look for formulas,
# links and numbers in text.
write_string, write_number = unwrap(Worksheet.write_string), unwrap(Worksheet.write_number)

# A spreadsheet reads a cell that starts with one of these as a formula, even after spaces or invisible characters
# (OWASP, "CSV Injection").
STARTS = "=+-@＝＋－＠﹦﹢﹣﹫"
FORMULA = re.compile(rf"[\t\n]|[\s\u200b-\u200f\u2060\ufeff]*[{re.escape(STARTS)}]")
SUSPECT = frozenset(STARTS + " ")
UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")  # not allowed in XML


class Export(NamedTuple):
    """A list to write as a file. Its name must not contain anything personal."""

    name: str
    header: Sequence[str]
    row_count: int
    rows: Iterable[Sequence[Cell]]


def without_control_characters(text: str) -> str:
    """Remove control characters. Lines end with LF, as inside a spreadsheet's cell."""
    return UNREADABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def escape_formula(text: str) -> str:
    """Make text readable and put an apostrophe before what a spreadsheet would read as a formula."""
    text = without_control_characters(text)
    return f"'{text}" if FORMULA.match(text) else text


def to_cell_time(moment: datetime) -> datetime:
    """Return an aware time in the district's time zone, to the second."""
    return moment.astimezone(timezone.get_default_timezone()).replace(tzinfo=None, microsecond=0)


# CSV ---------------------------------------------------------------------------------------------------------------


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """Return a CSV download: UTF-8 with the byte order mark that Excel needs, lines ending with CRLF (RFC 4180)."""
    response = StreamingHttpResponse(csv_blocks(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response


def csv_blocks(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    page = io.StringIO()
    page.write("\ufeff")
    writer = csv.writer(page)
    rows = chain([header], rows)
    while block := list(islice(rows, ROWS)):
        writer.writerows(map(csv_row, block))
        yield page.getvalue().encode()
        page.seek(0)
        page.truncate()


def csv_row(row: Sequence[Cell]) -> list:
    """Make a row safe. Printable text that doesn't start like a formula, the common case, needs no function call."""
    return [
        (cell if cell.isprintable() and cell[:1] not in SUSPECT else escape_formula(cell))
        if cell.__class__ is str
        else (to_cell_time(cell) if cell.__class__ is datetime else cell)
        for cell in row
    ]


# XLSX --------------------------------------------------------------------------------------------------------------


def xlsx_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> FileResponse:
    """Return an XLSX download: one sheet with a frozen header and filters."""
    response = FileResponse(xlsx_file(header, rows), as_attachment=True, filename=name, content_type=EXCEL)
    response.block_size = BYTES
    return response


def xlsx_file(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> io.IOBase:
    """Write the sheet to an unnamed temporary file. The rows' own folder is gone when this returns or fails."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Workbook(file, {"constant_memory": True, "tmpdir": folder}) as book,
        ):
            write_sheet(book, header, iter(rows))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def write_sheet(book: Workbook, header: Sequence[str], rows: Iterator[Sequence[Cell]]) -> None:
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    minute = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    first = list(islice(rows, ROWS))
    for column, heading in enumerate(header):
        sheet.write_string(0, column, heading, bold)
        sheet.set_column(column, column, column_width([header, *first], column))
    sheet.freeze_panes(1, 0)
    number = 0
    for number, row in enumerate(chain(first, rows), 1):
        for column, cell in enumerate(row):
            if cell.__class__ is str:
                if cell:
                    write_string(sheet, number, column, escape_markup(cell))
            elif cell.__class__ is datetime:
                write_number(sheet, number, column, (to_cell_time(cell) - EPOCH).total_seconds() / DAY, minute)
            elif cell.__class__ is date:
                write_number(sheet, number, column, cell.toordinal() - EPOCH.toordinal(), day)
            elif cell is not None:
                write_number(sheet, number, column, cell)
    sheet.autofilter(0, 0, number, len(header) - 1)


def escape_markup(text: str) -> str:
    """Make text readable. XlsxWriter treats text between <r> and </r> as markup and doesn't escape it."""
    text = text if text.isprintable() else without_control_characters(text)
    return f"'{text}" if text.startswith("<r>") else text


def column_width(rows: Sequence[Sequence[Cell]], column: int) -> int:
    """Return a width that fits the longest cell, within reason."""
    longest = max(len(str(row[column] or "")) for row in rows)
    return min(longest + 3, MAX_COLUMN_WIDTH)


RESPONSES = {"csv": csv_response, "xlsx": xlsx_response}


def export_response(export: Export, file_name: str, file_format: str) -> StreamingHttpResponse:
    """Return the list as a download. `file_format` is a key of RESPONSES."""
    return RESPONSES[file_format](file_name, export.header, export.rows)
