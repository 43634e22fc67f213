"""Read ODS files, as LibreOffice writes them."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from imagine.core.spreadsheets.cells import BadCell, error_or_text, number_text
from imagine.core.spreadsheets.errors import MAX_COLUMNS, Unreadable, damaged, not_a_spreadsheet, too_large, too_wide
from imagine.core.spreadsheets.xml_parts import (
    MAX_CELL_ELEMENTS,
    Merges,
    Part,
    RawRow,
    cleaned_row,
    local_name,
    open_archive,
)

CONTENT = "content.xml"
NUMBERS = {"float", "percentage", "currency"}
HIDDEN = {"collapse", "filter"}
MAX_REPEATED_ROWS = 10_000  # with content; empty ones cost nothing


@dataclass
class OdsSheet:
    name: str
    is_hidden: bool
    found: list[RawRow]
    hidden_columns: set[int] = field(default_factory=set)

    def rows(self) -> Iterator[RawRow]:
        return iter(self.found)


def ods_sheets(content: bytes) -> list[OdsSheet]:
    archive = open_archive(content)
    if is_encrypted(archive):
        raise Unreadable(_("This file has a password. Save it without one, and upload it again."))
    part = ContentPart()
    part.read(archive, CONTENT)
    if not part.sheets:
        raise not_a_spreadsheet()
    return part.sheets


def is_encrypted(archive: zipfile.ZipFile) -> bool:
    try:
        return b"encryption-data" in archive.read("META-INF/manifest.xml")
    except (KeyError, zipfile.BadZipFile, RuntimeError):
        return False


class ContentPart(Part):
    max_elements = MAX_CELL_ELEMENTS

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[OdsSheet] = []
        self.hidden_styles: set[str] = set()
        self.style = ""
        self.merges = Merges()
        self.line = self.column = self.next_column = 0
        self.row_repeats = self.cell_repeats = 1
        self.repeated_rows = 0
        self.is_hidden_row = False
        self.cells: dict[int, str] = {}
        self.cell: dict[str, str] = {}
        self.paragraphs: list[str] = []
        self.depth_of_note = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        name = local_name(name)
        if starts := STARTS.get(name):
            starts(self, {local_name(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        if ends := ENDS.get(local_name(name)):
            ends(self)

    # Sheets, columns and rows

    def start_style(self, attributes: dict[str, str]) -> None:
        self.style = attributes.get("name", "")

    def start_table_properties(self, attributes: dict[str, str]) -> None:
        if attributes.get("display") == "false":
            self.hidden_styles.add(self.style)

    def start_table(self, attributes: dict[str, str]) -> None:
        is_hidden = attributes.get("style-name") in self.hidden_styles
        self.sheets.append(OdsSheet(attributes.get("name", ""), is_hidden, []))
        self.merges, self.line, self.column = Merges(), 0, 0

    def start_column(self, attributes: dict[str, str]) -> None:
        first = self.column
        self.column += positive_number(attributes.get("number-columns-repeated"))
        if self.sheets and attributes.get("visibility") in HIDDEN:
            self.sheets[-1].hidden_columns.update(range(first, min(self.column, MAX_COLUMNS)))

    def start_row(self, attributes: dict[str, str]) -> None:
        self.line += 1
        self.row_repeats = positive_number(attributes.get("number-rows-repeated"))
        self.is_hidden_row = attributes.get("visibility") in HIDDEN
        self.cells, self.next_column = {}, 0

    def end_row(self) -> None:
        first = self.line
        self.line += self.row_repeats - 1
        row = cleaned_row(first, self.cells, self.merges, is_hidden=self.is_hidden_row)
        if not row or not self.sheets:
            return
        self.repeated_rows += self.row_repeats - 1
        if self.repeated_rows > MAX_REPEATED_ROWS:
            raise too_large()
        self.sheets[-1].found += [
            RawRow(first + n, row.cells, row.is_hidden, row.is_filled) for n in range(self.row_repeats)
        ]

    # Cells

    def start_cell(self, attributes: dict[str, str]) -> None:
        self.cell, self.paragraphs = attributes, []
        self.cell_repeats = positive_number(attributes.get("number-columns-repeated"))

    def end_cell(self) -> None:
        column = self.next_column
        self.next_column += self.cell_repeats
        text = self.cell_text()
        if not text.strip():
            return
        if self.next_column > MAX_COLUMNS:
            raise too_wide()
        for each in range(column, self.next_column):
            self.cells[each] = text
        spanned = positive_number(self.cell.get("number-rows-spanned"))
        if spanned > 1:
            self.merges.add(self.line, column, self.line + spanned - 1)

    def cell_text(self) -> str:
        kind, text = self.cell.get("value-type", ""), "\n".join(self.paragraphs)
        if kind in NUMBERS:
            return number_text(self.cell.get("value", text))
        if kind == "date":
            return self.cell.get("date-value", text).partition("T")[0]
        if kind == "boolean":
            return self.cell.get("boolean-value", text).upper()
        if not text and "formula" in self.cell and not kind:
            return BadCell("=" + self.cell["formula"].partition("=")[2])
        return error_or_text(text)

    # Text

    def start_note(self, attributes: dict[str, str]) -> None:
        self.depth_of_note += 1

    def end_note(self) -> None:
        self.depth_of_note -= 1

    def start_paragraph(self, attributes: dict[str, str]) -> None:
        if not self.depth_of_note:
            self.listen()

    def end_paragraph(self) -> None:
        if not self.depth_of_note:
            self.paragraphs.append(self.heard())

    def start_space(self, attributes: dict[str, str]) -> None:
        self.texts.append(" " * min(positive_number(attributes.get("c")), 100))

    def start_line_break(self, attributes: dict[str, str]) -> None:
        self.texts.append("\n")


def positive_number(text: str | None) -> int:
    try:
        return max(1, int(text or 1))
    except ValueError:
        raise damaged() from None


STARTS = {
    "style": ContentPart.start_style,
    "table-properties": ContentPart.start_table_properties,
    "table": ContentPart.start_table,
    "table-column": ContentPart.start_column,
    "table-row": ContentPart.start_row,
    "table-cell": ContentPart.start_cell,
    "covered-table-cell": ContentPart.start_cell,
    "annotation": ContentPart.start_note,
    "p": ContentPart.start_paragraph,
    "s": ContentPart.start_space,
    "line-break": ContentPart.start_line_break,
}
ENDS = {
    "table-row": ContentPart.end_row,
    "table-cell": ContentPart.end_cell,
    "covered-table-cell": ContentPart.end_cell,
    "annotation": ContentPart.end_note,
    "p": ContentPart.end_paragraph,
}
