"""Spreadsheets as the world sends them: hidden rows, merged cells, error values, encodings, strict XLSX, ODS."""

import io
import time
import zipfile
from datetime import date, datetime
from datetime import time as clock_time

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from imagine.core.spreadsheets import reader
from imagine.core.spreadsheets.cells import BadCell
from imagine.core.spreadsheets.description import describe_sheet, lines_text
from imagine.core.spreadsheets.headings import Headings, match_columns
from imagine.core.spreadsheets.reader import Sheet

HEADINGS = Headings(
    {"name": "name", "email": "email", "organization": "organization", "organizationname": "organization"}
)


def read(content: bytes, **options) -> tuple[Sheet, list[tuple[int, list[str]]]]:
    sheet = reader.read_sheet(content, HEADINGS.count_known, **options)
    return sheet, list(sheet.rows)


def book(*lines, **sheets) -> Workbook:
    new = Workbook()
    new.active.title = "People"
    for sheet, rows in ((new.active, lines), *((new.create_sheet(name), rows) for name, rows in sheets.items())):
        for row in rows:
            sheet.append(row)
    return new


def saved(workbook: Workbook) -> bytes:
    workbook.save(file := io.BytesIO())
    return file.getvalue()


def with_parts(content: bytes, **replaced) -> bytes:
    """Change the parts of a workbook, named by the end of their path, with functions."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            change = next((each for end, each in replaced.items() if name.endswith(f"{end}.xml")), bytes)
            new.writestr(name, change(old.read(name)))
    return file.getvalue()


PEOPLE = [["Name", "Email"], ["Alma", "alma@example.org"], ["Bo", "bo@example.org"], ["Cy", "cy@example.org"]]


# Hidden ----------------------------------------------------------------------------------------------------------


def test_hidden_rows_are_skipped_and_known_by_their_lines():
    """Case list-hidden-rows."""
    workbook = book(*PEOPLE)
    workbook.active.row_dimensions[3].hidden = True
    sheet, rows = read(saved(workbook))
    assert ([cells[0] for _line, cells in rows], sheet.hidden_lines) == (["Alma", "Cy"], [3])
    sheet, rows = read(saved(workbook), with_hidden=True)
    assert ([cells[0] for _line, cells in rows], sheet.hidden_lines) == (["Alma", "Bo", "Cy"], [3])


def test_hidden_columns_are_known():
    workbook = book(*PEOPLE)
    workbook.active.column_dimensions["A"].hidden = True
    sheet, _rows = read(saved(workbook))
    assert (sheet.hidden_columns, sheet.hidden_headings) == ({0}, ["Name"])
    match = match_columns(sheet.header, HEADINGS, hidden=sheet.hidden_columns)
    assert describe_sheet(sheet, match.fields, match.skipped)["hidden_columns"] == ["Name"]


def test_sheets_that_are_not_read_are_known_with_their_rows():
    """Case list-other-sheets."""
    workbook = book(*PEOPLE[:2], Faith=PEOPLE[:3], Notes=[["Ask Bo"]], Old=PEOPLE)
    workbook["Old"].sheet_state = "hidden"
    sheet, rows = read(saved(workbook))
    assert (sheet.how, len(rows)) == ({"sheet": "People"}, 1)
    assert [(other.name, other.row_count, other.is_hidden, other.score) for other in sheet.others] == [
        ("Faith", 2, False, 2),
        ("Notes", 0, False, 0),
        ("Old", 3, True, 2),
    ]
    assert read(saved(workbook), name="Faith")[0].how == {"sheet": "Faith"}


# Cells -----------------------------------------------------------------------------------------------------------


def test_errors_and_formulas_without_a_result_are_not_values():
    """Case list-error-cells."""
    workbook = book(["Name", "Email"], ["#N/A", "#REF!"], ['=A2&"x"', "=NOW()"])
    _sheet, [(_line, errors), (_line, formulas)] = read(saved(workbook))
    assert all(isinstance(cell, BadCell) for cell in [*errors, *formulas])
    assert errors[0].problem == "“#N/A” is a spreadsheet error, not a value. Correct or empty the cell."
    assert formulas[0].problem == (
        '“=A2&"x"” is a formula without a result. Open the file in Excel, save it, and upload it again.'
    )
    _sheet, [(_line, cells)] = read(b"Name,Email\n#N/A,#DIV/0!\n")
    assert all(isinstance(cell, BadCell) for cell in cells)


def test_line_ends_of_other_programs_are_line_ends():
    """Case list-carriage-returns."""
    _sheet, rows = read(saved(book(["Name", "Email"], ["Lee Tires_x000D_", "Delta_x000D_\nBooks"], ["_x005F_x000D_"])))
    assert rows == [(2, ["Lee Tires", "Delta\nBooks"]), (3, ["_x000D_"])]


def test_cells_merged_over_rows_give_their_value_to_each_row():
    """Case import-merged-cells."""
    workbook = book(["Organization", "Name"], ["Merged Co", "a"], [None, "b"], [None, "c"], ["After", "d"], [None, "e"])
    workbook.active.merge_cells("A2:A4")
    sheet, rows = read(saved(workbook))
    assert [cells[0] for _line, cells in rows] == ["Merged Co"] * 3 + ["After", ""]
    assert sheet.filled_lines == [3, 4]


def test_numbers_and_dates_are_text_as_a_person_types_it():
    row = [2095550101.0, 0.1 + 0.2, date(2026, 4, 6), datetime(2026, 8, 15, 9, 12), clock_time(9), True, 1.5e20]
    _sheet, [(_line, cells)] = read(saved(book(["Name"], row)))
    assert cells == ["2095550101", "0.3", "2026-04-06", "2026-08-15", "09:00:00", "TRUE", "1.5e+20"]


def test_two_rows_of_headings_are_read_together():
    data = ["Delta Books", "12", "Alma", "alma@example.org"]
    groups = ["Organization", None, "Contact", None]
    sheet, rows = read(saved(book(["Our list"], groups, ["Name", "Size", "Name", "Email"], data)))
    assert (sheet.header, rows) == (["Organization Name", "Size", "Name", "Email"], [(4, data)])
    merged = ["Organization", "Size", None, None]  # over two rows
    sheet, rows = read(saved(book(merged, [None, None, "Name", "Email"], data)))
    assert (sheet.header, rows) == (["Organization", "Size", "Name", "Email"], [(3, data)])


def test_data_below_a_header_is_not_a_second_header():
    sheet, rows = read(b"Name,Email,Remarks\nAlma,alma@example.org,organization\n")
    assert (sheet.header, rows) == (["Name", "Email", "Remarks"], [(2, ["Alma", "alma@example.org", "organization"])])


# Formats ---------------------------------------------------------------------------------------------------------


def test_strict_xlsx_is_read():
    """Case list-other-formats: Excel's "Strict Open XML" has other namespaces and dates as text."""
    content = saved(book(["Name", "Email"], ["Alma", "2026-04-06"]))
    other = {
        b"http://schemas.openxmlformats.org/spreadsheetml/2006/main": b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        b"http://schemas.openxmlformats.org/officeDocument/2006": b"http://purl.oclc.org/ooxml/officeDocument",
    }

    def strict(part: bytes) -> bytes:
        for transitional, name in other.items():
            part = part.replace(transitional, name)
        return part.replace(
            b'<c r="B2" t="inlineStr"><is><t>2026-04-06</t></is></c>', b'<c t="d"><v>2026-04-06T09:00</v></c>'
        )

    assert read(with_parts(content, sheet1=strict, workbook=strict, styles=strict))[1] == [(2, ["Alma", "2026-04-06"])]


ODS = """<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:style="s">
<office:automatic-styles>
<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style></office:automatic-styles>
<office:body><office:spreadsheet>
<table:table table:name="Hidden" table:style-name="ta2"><table:table-row><table:table-cell><text:p>Name</text:p>
</table:table-cell></table:table-row></table:table>
<table:table table:name="People"><table:table-column/><table:table-column table:visibility="collapse"/>
<table:table-row><table:table-cell><text:p>Name</text:p></table:table-cell><table:table-cell><text:p>Email</text:p>
</table:table-cell><table:table-cell><text:p>Organization</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>José<text:s text:c="2"/>M</text:p>
<text:p>x</text:p></table:table-cell><table:table-cell table:number-columns-repeated="2" office:value-type="float"
 office:value="12.0"><text:p>12.00</text:p></table:table-cell></table:table-row>
<table:table-row table:visibility="filter"><table:covered-table-cell/><table:table-cell office:value-type="date"
 office:date-value="2026-04-06T09:00:00"><text:p>4/6/26</text:p></table:table-cell>
<table:table-cell table:formula="of:=NOW()"/></table:table-row>
<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/>
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"""


def ods(content: str) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return file.getvalue()


def test_ods_is_read():
    sheet, rows = read(ods(ODS), with_hidden=True)
    assert (sheet.kind, sheet.how, sheet.header) == ("ods", {"sheet": "People"}, ["Name", "Email", "Organization"])
    assert rows == [(2, ["José  M\nx", "12", "12"]), (3, ["José  M\nx", "2026-04-06", "=NOW()"])]
    assert isinstance(rows[1][1][2], BadCell)
    assert (sheet.hidden_lines, sheet.hidden_columns, sheet.filled_lines) == ([3], {1}, [3])
    assert [(other.name, other.is_hidden) for other in sheet.others] == [("Hidden", True)]
    repeated = ODS.replace(
        'number-rows-repeated="1048570"><table:table-cell', 'number-rows-repeated="20000"><table:table-cell'
    )
    filled = repeated.replace('number-columns-repeated="16384"/>', "><text:p>a</text:p></table:table-cell>")
    with pytest.raises(reader.Unreadable):
        read(ods(filled))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "mac_roman", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_encodings_of_windows_and_mac_are_told_apart(encoding, end):
    """Case list-mac-encoding."""
    lines = [
        "Name,Organization,Email",
        "José Muñoz,Peña’s Café,a@example.org",
        "Núria Ibáñez,St. Brigid’s TK–K,b@example.org",
    ]
    _sheet, rows = read(end.join(lines).encode(encoding))
    assert [cells for _line, cells in rows] == [line.split(",") for line in lines[1:]]


def test_far_formatted_cells_cost_nothing():
    """Case list-last-row."""
    workbook = book(*PEOPLE)
    workbook.active.cell(200_000, 1).font = Font(bold=True)
    workbook.active.cell(1_048_576, 3).value = " "
    assert len(read(saved(workbook))[1]) == 3


@pytest.mark.slow
def test_hundred_thousand_rows_are_read_row_by_row():
    lines = "".join(f"Person {n},person{n}@example.org\n" for n in range(100_000))
    started = time.process_time()
    sheet = reader.read_sheet(f"Name,Email\n{lines}".encode(), HEADINGS.count_known)
    assert sum(1 for _row in sheet.rows) == 100_000
    assert time.process_time() - started < 5


def test_lines_are_listed_as_ranges():
    assert lines_text([3, 4, 5, 9, 12]) == "3–5, 9, 12"
    assert lines_text(list(range(1, 60, 2))).endswith("39 …")
