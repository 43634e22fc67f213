"""Read XLSX files, also those that Excel calls Strict.

We read the XML ourselves: calamine and openpyxl's fast mode don't say which rows and columns are hidden or which
formulas have no result, and both make an empty cell in the last row into a million rows (docs/decisions.md).
"""

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from imagine.core.spreadsheets.cells import BadCell, date_text, number_text, unescape
from imagine.core.spreadsheets.errors import MAX_COLUMNS, Unreadable, damaged, too_large, too_wide
from imagine.core.spreadsheets.xml_parts import (
    MAX_CELL_ELEMENTS,
    Merges,
    Part,
    RawRow,
    cleaned_row,
    local_name,
    open_archive,
)

WORKBOOK = "xl/workbook.xml"
SHEET_TYPE = "/worksheet"  # the end of a relationship's type, in both kinds of XLSX
LAST_LINE = 1_048_576
MAX_MERGES = 20_000
MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]{0,200}?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # built into Excel
NOT_IN_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')  # text, fill and colors in a number format
HIDDEN = {"1", "true"}


@dataclass
class XlsxSheet:
    name: str
    is_hidden: bool
    open_rows: Callable[["XlsxSheet"], Iterator[RawRow]]
    hidden_columns: set[int] = field(default_factory=set)  # known once the rows are read

    def rows(self) -> Iterator[RawRow]:
        return self.open_rows(self)


def xlsx_sheets(content: bytes) -> list[XlsxSheet]:
    """Return the sheets with cells. Raise Unreadable, also while their rows are read."""
    archive = open_archive(content)
    names = set(archive.namelist())
    book = WorkbookPart()
    book.read(archive, WORKBOOK)
    links = RelationshipsPart()
    links.read(archive, "xl/_rels/workbook.xml.rels")
    strings, styles = SharedStringsPart(), StylesPart()
    for part, name in ((strings, links.name_of("/sharedStrings")), (styles, links.name_of("/styles"))):
        if name in names:
            part.read(archive, name)

    def rows_of(part_name: str) -> Callable[[XlsxSheet], Iterator[RawRow]]:
        def rows(sheet: XlsxSheet) -> Iterator[RawRow]:
            merges = read_merges(archive, part_name)
            part = SheetPart(strings.strings, styles.date_styles, book.since_1904, merges)
            for _block in part.blocks(archive, part_name):
                sheet.hidden_columns = part.hidden_columns
                yield from part.take_rows()
            yield from part.take_rows()

        return rows

    return [
        XlsxSheet(name, state != "visible", rows_of(links.targets[link]))
        for name, state, link in book.sheets
        if links.targets.get(link) in names and links.types[link].endswith(SHEET_TYPE)
    ]


class WorkbookPart(Part):
    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, str, str]] = []  # name, state, relationship
        self.since_1904 = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if local_name(name) == "sheet":
            link = next((value for key, value in attributes.items() if local_name(key) == "id"), "")
            self.sheets.append((attributes.get("name", ""), attributes.get("state", "visible"), link))
        elif local_name(name) == "workbookPr":
            self.since_1904 = attributes.get("date1904", "") in HIDDEN


class RelationshipsPart(Part):
    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, str] = {}
        self.types: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if local_name(name) == "Relationship":
            link, target = attributes.get("Id", ""), attributes.get("Target", "")
            self.types[link] = attributes.get("Type", "")
            self.targets[link] = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")

    def name_of(self, type_ending: str) -> str:
        return next((self.targets[link] for link, each in self.types.items() if each.endswith(type_ending)), "")


class SharedStringsPart(Part):
    max_elements = MAX_CELL_ELEMENTS

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self.pieces: list[str] = []
        self.is_reading_aid = False  # how to pronounce Japanese, not part of the text

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        name = local_name(name)
        if name == "si":
            self.pieces = []
        elif name == "rPh":
            self.is_reading_aid = True
        elif name == "t" and not self.is_reading_aid:
            self.listen()

    def end(self, name: str) -> None:
        name = local_name(name)
        if name == "t" and not self.is_reading_aid:
            self.pieces.append(self.heard())
        elif name == "rPh":
            self.is_reading_aid = False
        elif name == "si":
            self.strings.append(unescape("".join(self.pieces)))


class StylesPart(Part):
    """Knows which styles show a number as a date."""

    def __init__(self) -> None:
        super().__init__()
        self.date_styles: set[str] = set()
        self.date_formats = {str(number) for number in DATE_FORMATS}
        self.is_in_cell_styles = False
        self.style = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        name = local_name(name)
        if name == "numFmt":
            code = NOT_IN_FORMAT.sub("", attributes.get("formatCode", ""))
            if re.search("[dmyhs]", code, re.IGNORECASE) and "general" not in code.lower():
                self.date_formats.add(attributes.get("numFmtId", ""))
        elif name == "cellXfs":
            self.is_in_cell_styles = True
        elif name == "xf" and self.is_in_cell_styles:
            if attributes.get("numFmtId") in self.date_formats:
                self.date_styles.add(str(self.style))
            self.style += 1

    def end(self, name: str) -> None:
        if local_name(name) == "cellXfs":
            self.is_in_cell_styles = False


class SheetPart(Part):
    """The rows of a sheet. Its methods run millions of times for a large file, so each step counts."""

    max_elements = MAX_CELL_ELEMENTS

    def __init__(self, strings: list[str], date_styles: set[str], since_1904: bool, merges: Merges) -> None:
        super().__init__()
        self.strings, self.date_styles, self.since_1904, self.merges = strings, date_styles, since_1904, merges
        self.hidden_columns: set[int] = set()
        self.rows: list[RawRow] = []
        self.line = 0
        self.is_hidden = self.has_formula = self.is_reading_aid = False
        self.cells: dict[int, str] = {}
        self.cells_in_row = 0
        self.column = -1
        self.kind = self.style = self.value = self.formula = ""

    def take_rows(self) -> list[RawRow]:
        rows, self.rows = self.rows, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "c":
            self.start_cell(attributes)
        elif name in {"v", "t", "f"} and not self.is_reading_aid:
            self.listen()
        elif name == "rPh":
            self.is_reading_aid = True
        elif name == "row":
            self.start_row(attributes)
        elif name == "col" and attributes.get("hidden") in HIDDEN:
            first, last = int(attributes.get("min", "1")), int(attributes.get("max", "0"))
            self.hidden_columns.update(range(first - 1, min(last, MAX_COLUMNS)))

    def start_row(self, attributes: dict[str, str]) -> None:
        try:
            self.line = int(float(attributes.get("r", self.line + 1)))
        except (ValueError, OverflowError):
            raise too_large() from None
        if not 0 < self.line <= LAST_LINE:
            raise too_large()
        self.is_hidden = attributes.get("hidden") in HIDDEN
        self.cells, self.cells_in_row, self.column = {}, 0, -1

    def start_cell(self, attributes: dict[str, str]) -> None:
        self.cells_in_row += 1
        if self.cells_in_row > MAX_COLUMNS:
            raise too_wide()
        place = attributes.get("r")
        column = column_of(place.rstrip("0123456789")) if place else 0
        self.column = column - 1 if column else self.column + 1
        self.kind, self.style = attributes.get("t", "n"), attributes.get("s", "")
        self.value = self.formula = ""
        self.has_formula = False

    def end(self, name: str) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "v":
            self.value = self.heard()
        elif name == "c":
            self.end_cell()
        elif name == "row":
            if row := cleaned_row(self.line, self.cells, self.merges, is_hidden=self.is_hidden):
                self.rows.append(row)
        elif name == "t" and not self.is_reading_aid:
            self.value += self.heard()
        elif name == "rPh":
            self.is_reading_aid = False
        elif name == "f":
            self.formula, self.has_formula = self.heard(), True

    def end_cell(self) -> None:
        if not self.value and not self.has_formula:
            return
        if text := self.cell_text():
            if self.column >= MAX_COLUMNS:
                raise too_wide()
            self.cells[self.column] = text

    def cell_text(self) -> str:
        kind, value = self.kind, self.value
        if kind == "s":
            try:
                return self.strings[int(value)]
            except (ValueError, IndexError):
                raise damaged() from None
        if kind in {"inlineStr", "str"}:
            return unescape(value)
        if not value:  # a formula that no program has calculated
            return BadCell(f"={self.formula}")
        if kind == "e":
            return BadCell(value)
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "d":  # in Strict files: 2027-04-01T08:00:00
            return value.partition("T")[0]
        if self.style in self.date_styles:
            return date_text(value, since_1904=self.since_1904)
        return number_text(value)


def read_merges(archive: zipfile.ZipFile, name: str) -> Merges:
    """Return the cells that are merged over several rows. They stand behind the rows, so this is a pass of its own."""
    found: set[tuple[bytes, ...]] = set()
    rest = b""
    try:
        with archive.open(name) as file:
            while block := file.read(2**18):
                found.update(MERGE.findall(rest + block))
                rest = block[-300:]
                if len(found) > MAX_MERGES:
                    raise too_large()
    except Unreadable:
        raise
    except Exception:  # what is damaged is reported when the rows are read
        return Merges()
    merges = Merges()
    for first_column, first_line, _last_column, last_line in found:
        if first_line != last_line:
            merges.add(int(first_line), column_of(first_column.decode()) - 1, int(last_line))
    return merges


@lru_cache(maxsize=1000)
def column_of(letters: str) -> int:
    """Return the number of a column from 1, or 0 if no column has this name."""
    if not re.fullmatch("[A-Za-z]{1,3}", letters):
        return 0
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
