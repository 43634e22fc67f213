"""Check what an XLSX file, a ZIP of XML files, would cost to read, before openpyxl reads it."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from xml.parsers import expat  # reads elements only: no entity is expanded

from django.utils.translation import gettext as _
from openpyxl.utils import column_index_from_string
from openpyxl.utils.exceptions import CellCoordinatesException

from imagine.core.spreadsheets.errors import MAX_COLUMNS, Unreadable, too_wide

MAX_UNPACKED = 32 * 2**20
MAX_PARTS = 1000
MAX_LINES = 100_000
MAX_CELL_ELEMENTS = 800_000  # 20,000 rows of 20 cells, counted in less than a second
MAX_OTHER_ELEMENTS = 100_000  # styles, comments: openpyxl takes longer for each of these
CELL_ELEMENTS = {"row", "c", "v", "f", "is", "si", "t"}
DAMAGED_PART = (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


def check_package(content: bytes) -> dict[str, int]:
    """Return the last line with content of each part, or MAX_LINES if it is damaged.

    Raise Unreadable if the file unpacks to too much, or holds too many columns, lines or elements. zipfile unpacks no
    more of a part than the table of contents says.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Unreadable(
            _("This file is damaged, or isn’t really an Excel (.xlsx) file. Open it in Excel and save it again.")
        ) from error
    parts = archive.infolist()
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise Unreadable(_("This isn’t a CSV or Excel (.xlsx) file. Save your spreadsheet as one of those."))
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise too_large()
    counter = ElementCounter()
    return {part.filename: counter.count_part(archive, part) for part in parts}


def too_large() -> Unreadable:
    return Unreadable(_("This Excel file is too large to read. Save the sheet as CSV instead."))


@dataclass
class ElementCounter:
    """Counts the elements of all parts, and follows the place in the current one."""

    cell_elements: int = 0
    other_elements: int = 0
    line: int = 0
    last_line: int = 0
    cells_in_row: int = 0
    column: int = 0

    def count_part(self, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
        """Return the part's last line with content. What is damaged is left for openpyxl to report."""
        self.line = self.last_line = self.cells_in_row = self.column = 0
        parser = expat.ParserCreate()
        parser.StartElementHandler = self.start_element
        parser.EntityDeclHandler = refuse_entity
        try:
            with archive.open(part) as file:
                while block := file.read(2**16):
                    parser.Parse(block)
                    if self.cell_elements > MAX_CELL_ELEMENTS or self.other_elements > MAX_OTHER_ELEMENTS:
                        raise too_large()
        except DAMAGED_PART:
            return MAX_LINES
        return self.last_line

    def start_element(self, name: str, attributes: dict[str, str]) -> None:
        """It runs nearly a million times for a large file, so each step counts."""
        if ":" in name:
            name = name.rpartition(":")[2]
        if name not in CELL_ELEMENTS:
            self.other_elements += 1
            return
        self.cell_elements += 1
        if name == "c":
            self.start_cell(attributes)
        elif name == "row":
            self.start_row(attributes)
        elif name in {"v", "is"}:
            self.start_value()

    def start_row(self, attributes: dict[str, str]) -> None:
        try:
            self.line = int(float(attributes.get("r", self.line + 1)))
        except (ValueError, OverflowError):
            raise too_large() from None
        self.cells_in_row = self.column = 0

    def start_cell(self, attributes: dict[str, str]) -> None:
        self.cells_in_row += 1
        if self.cells_in_row > MAX_COLUMNS:
            raise too_wide()
        place = attributes.get("r")
        self.column = (place and column_of(place.rstrip("0123456789"))) or self.column + 1

    def start_value(self) -> None:
        if self.column > MAX_COLUMNS:
            raise too_wide()
        if self.line > MAX_LINES:
            raise too_large()
        self.last_line = max(self.last_line, self.line)


@lru_cache(maxsize=1000)
def column_of(letters: str) -> int:
    """Return the number of a column, or 0 if no column has this name."""
    try:
        return column_index_from_string(letters.upper())
    except (ValueError, CellCoordinatesException):
        return 0


def refuse_entity(*_declaration: object) -> None:
    raise expat.ExpatError
