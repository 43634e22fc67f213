"""A spreadsheet's cells as text, as a person would type them."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from imagine.core.spreadsheets.writer import FORMULA, without_control_characters

MAX_LENGTH_CELL = 5000
EPOCHS = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # the second one: old files of Excel for Mac
LAST_DAY = 2_958_465  # December 31, 9999
AROUND = " \n\t\u00a0\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"  # spaces and invisible marks
EDGES = re.compile(rf"^[{AROUND}]+|[{AROUND}]+$")
ESCAPED_CHARACTER = re.compile(r"_x([0-9A-Fa-f]{4})_")  # as some programs write a line end: _x000D_
ERRORS = frozenset(
    {
        *("#n/a", "#ref!", "#name?", "#value!", "#div/0!", "#num!", "#null!", "#spill!", "#calc!", "#error!"),
        *("#n/d", "#¡ref!", "#¿nombre?", "#¡valor!", "#¡div/0!", "#¡num!", "#¡nulo!"),  # Excel in Spanish
        *("err:502", "err:504", "err:508", "err:509", "err:520", "err:522"),  # LibreOffice
    }
)


class BadCell(str):
    """An error such as #N/A, or a formula whose result the file doesn't have. It is never a value."""

    @property
    def problem(self) -> str:
        if self.startswith("="):
            message = _(
                "“%(cell)s” is a formula without a result. Open the file in Excel, save it, and upload it again."
            )
        else:
            message = _("“%(cell)s” is a spreadsheet error, not a value. Correct or empty the cell.")
        return message % {"cell": self[:40]}


def error_or_text(text: str) -> str:
    return BadCell(text) if text[:1] in "#eE" and text.lower() in ERRORS else text


def clean_cells(cells: Iterable[str]) -> list[str]:
    """Return the text of a row's cells, without empty ones at the end."""
    cells = [clean_cell(cell) if cell else "" for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def clean_cell(cell: str) -> str:
    """Return the text of a cell: composed letters, no control characters, nothing invisible around it, and without the
    apostrophe that writer.py puts before a formula."""
    if len(cell) > MAX_LENGTH_CELL:
        cell = cell[:MAX_LENGTH_CELL]
    if cell.__class__ is BadCell or (cell.isalnum() and cell.isascii()):
        return cell
    if not cell.isascii():
        cell = EDGES.sub("", unicodedata.normalize("NFC", cell))
    if not cell.isprintable():
        cell = without_control_characters(cell)
    if cell[:1] == "'" and FORMULA.match(cell[1:]):
        cell = cell[1:]
    cell = cell.strip(" \n\t")
    return error_or_text(cell) if cell[:1] in {"#", "e", "E"} else cell


def unescape(text: str) -> str:
    """Decode characters that XLSX writes as _x000D_."""
    return ESCAPED_CHARACTER.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def number_text(text: str) -> str:
    """Return a number as a person would type it: 12 for 12.0, 0.3 for 0.30000000000000004."""
    if text.isdecimal():
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.15g}"


def date_text(text: str, *, since_1904: bool = False) -> str:
    """Return the day of a date, which spreadsheets store as a number of days: 2027-04-01. Without a day: 09:00:00."""
    try:
        days = float(text)
    except ValueError:
        return text
    if not 0 <= days <= LAST_DAY:
        return number_text(text)
    moment = EPOCHS[since_1904] + timedelta(days=days) + timedelta(milliseconds=500)
    return f"{moment:%H:%M:%S}" if days < 1 else f"{moment:%Y-%m-%d}"
