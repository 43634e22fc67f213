"""Reading spreadsheets of other programs, and refusing files that aren't spreadsheets."""

import contextlib
import csv
import io
import subprocess
import sys
import time
import zipfile
from datetime import UTC, date, datetime
from xml.parsers import expat

import pytest
from openpyxl import Workbook, load_workbook

from imagine.core.spreadsheets import reader as sheets
from imagine.core.spreadsheets import xlsx_files, xml_parts
from imagine.core.spreadsheets.cells import MAX_LENGTH_CELL, BadCell
from imagine.core.spreadsheets.errors import Unreadable
from imagine.core.spreadsheets.writer import csv_blocks, xlsx_file

HEADINGS = {"Name", "Año", "Note"}


def known_headings(cells: list[str]) -> int:
    return len(HEADINGS & set(cells))


def read(content: bytes | str):
    return sheets.read_sheet(content.encode() if isinstance(content, str) else content, known_headings)


def rows(content: bytes | str) -> list[list[str]]:
    return [cells for _line, cells in read(content).rows]


def read_error(content: bytes | str) -> str:
    with pytest.raises(Unreadable) as error:
        rows(content)
    return str(error.value)


def xlsx(*lines, title: str = "Sheet", **sheets) -> bytes:
    new_workbook = Workbook()
    new_workbook.active.title = title
    for line in lines:
        new_workbook.active.append(line)
    for name, others in sheets.items():
        sheet = new_workbook.create_sheet(name)
        for line in others:
            sheet.append(line)
    file = io.BytesIO()
    new_workbook.save(file)
    return file.getvalue()


def zipped(**parts: bytes) -> bytes:
    """Build a ZIP file that claims to be an XLSX file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return file.getvalue()


# CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("latin-1", "Windows-1252"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_detected(encoding, declared, delimiter):
    sheet = read(f"Name{delimiter}Año\r\nNúñez & Peña{delimiter}2027\r\n".encode(encoding))
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    assert (sheet.kind, sheet.how) == ("csv", {"encoding": declared, "delimiter": names[delimiter]})
    assert (sheet.header, list(sheet.rows)) == (["Name", "Año"], [(2, ["Núñez & Peña", "2027"])])


def test_windows_1252_characters_are_decoded():
    assert rows("Name;Note\nTK–K;St. Brigid’s\n".encode("cp1252")) == [["TK–K", "St. Brigid’s"]]


def test_commas_in_cells_do_not_change_a_semicolon_delimiter():
    assert rows("Name;Note\nA;1–3, 4–6, 7–8, 9–12\nB;x, y\n") == [["A", "1–3, 4–6, 7–8, 9–12"], ["B", "x, y"]]


def test_excel_sep_line_sets_the_delimiter():
    sheet = read("sep=;\r\nName;Note\r\nA;b\r\n")
    assert (sheet.header, list(sheet.rows)) == (["Name", "Note"], [(3, ["A", "b"])])


def test_sep_line_with_any_character_does_not_crash():
    """Python 3.13 raises ValueError for quotation marks and line endings; earlier versions don't."""
    for character in map(chr, range(128)):
        note = f"sep={character}\nName,Note\nA,b\n"
        with contextlib.suppress(Unreadable):
            list(read(note).rows)
    for note in ('sep="\n', "sep=\r\n", "sep=,\n"):
        sheet = read(f"{note}Name,Note\nA,b\n")
        assert (sheet.header, list(sheet.rows)) == (["Name", "Note"], [(3, ["A", "b"])])


def test_line_numbers_count_line_breaks_in_cells_and_empty_lines():
    text = 'Name,Note\n"A","two\nlines"\n\nB,b\n'
    assert list(read(text).rows) == [(2, ["A", "two\nlines"]), (4, []), (5, ["B", "b"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(end):
    assert rows(end.join(["Name,Note", "A,b", "C,d"])) == [["A", "b"], ["C", "d"]]


def test_titles_above_the_header_are_skipped():
    sheet = read("Partners of 2026\n\nprinted,today\nName,Año,Note\nA,2026,b\n")
    assert (sheet.header, list(sheet.rows)) == (["Name", "Año", "Note"], [(5, ["A", "2026", "b"])])


def test_without_a_known_heading_the_first_row_is_the_header():
    assert read("\nx,y\n1,2\n").header == ["x", "y"]


@pytest.mark.parametrize("text", ['Name,Note\nA,"b\nC,d\n', 'Name,Note\n"A"x,b\n'])
def test_unbalanced_quotation_mark_error_names_the_line(text):
    assert read_error(text) == "Row 2 can’t be read. Make sure that each quotation mark in it has a match."


def test_formulas_are_read_as_text():
    assert rows("Name,Note\n=cmd|' /C calc'!A0,@SUM(1)\n") == [["=cmd|' /C calc'!A0", "@SUM(1)"]]


def test_cells_are_cleaned():
    assert rows("Name,Note\n\u00a0Nu\u0301n\u0303ez \x07,\ufeffb\u200b\n") == [["Núñez", "b"]]
    assert len(rows(f"Name,Note\nA,{'x' * 9000}\n")[0][1]) == MAX_LENGTH_CELL


# XLSX ------------------------------------------------------------------------------------------------------------


def test_xlsx_values_are_read_as_text():
    line = ["A", 12, 12.0, 12.5, date(2027, 4, 1), datetime(2027, 4, 1, 8), None, True, "=1+1", "'=2"]
    sheet = read(xlsx(["Name", "Año"], line))
    assert (sheet.kind, sheet.how) == ("xlsx", {"sheet": "Sheet"})
    [(line, cells)] = sheet.rows
    assert [(line, cells)] == [(2, ["A", "12", "12", "12.5", "2027-04-01", "2027-04-01", "", "TRUE", "=1+1", "=2"])]
    assert [isinstance(cell, BadCell) for cell in cells] == [False] * 8 + [True, False]  # it was never calculated


def test_visible_sheet_with_the_most_headings_is_read():
    new_workbook = xlsx(
        ["Partners of last year"], Hidden=[["Name", "Año", "Note"], ["x", 1, "y"]], List=[["Name", "Note"], ["A", "b"]]
    )
    workbook = load_workbook(io.BytesIO(new_workbook))
    workbook["Hidden"].sheet_state = "hidden"
    file = io.BytesIO()
    workbook.save(file)
    sheet = read(file.getvalue())
    assert (sheet.how, list(sheet.rows)) == ({"sheet": "List"}, [(2, ["A", "b"])])


def test_wrong_sheet_dimensions_are_ignored():
    new_workbook = xlsx(["Name", "Note"], ["A", "b"])
    with zipfile.ZipFile(io.BytesIO(new_workbook)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"A1:B2", b"A1:XFD1048576")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert rows(file.getvalue()) == [["A", "b"]]


# Files written by writer.py --------------------------------------------------------------------------------------

WRITTEN = ["=cmd|' /C calc'!A0", "Núñez\nPeña", " +1", "'quoted'", "TK–K, 1–3", 12, date(2027, 4, 1), None]
READ = ["=cmd|' /C calc'!A0", "Núñez\nPeña", "+1", "'quoted'", "TK–K, 1–3", "12", "2027-04-01"]


def test_exported_csv_can_be_read_back():
    assert rows(b"".join(csv_blocks(["Name", "Note"], [WRITTEN]))) == [READ]


def test_exported_xlsx_can_be_read_back():
    with xlsx_file(["Name", "Note"], [WRITTEN]) as file:
        assert rows(file.read()) == [READ]


def test_exported_datetime_is_read_back_as_a_date():
    moment = datetime(2027, 4, 1, 8, tzinfo=UTC)
    with xlsx_file(["Name", "Note"], [["A", moment]]) as file:
        assert rows(file.read()) == [["A", "2027-04-01"]]


# Invalid files ---------------------------------------------------------------------------------------------------

HOW = "Open it in Excel or Google Sheets, save it as an Excel workbook (.xlsx) or CSV, and upload that file."
NOT_A_SPREADSHEET = f"This isn’t a spreadsheet we can read. {HOW}"
DAMAGED = "This file is damaged, or isn’t really an Excel (.xlsx) file. Open it in Excel and save it again."
TOO_LARGE_UNPACKED = "This Excel file is too large to read. Save the sheet as CSV instead."
TOO_MANY_COLUMNS = "This file has more than 100 columns. Delete the ones you don’t need."


@pytest.mark.parametrize("content", [b"", b"  \r\n \n"])
def test_empty_file_is_refused(content):
    assert read_error(content) == "This file is empty. Choose another one."


OTHER_FORMATS = {
    "program": (b"MZ\x90\x00\x03\x00\x00\x00\x04\x00" + b"\x00" * 100, ""),
    "other program": (b"\x7fELF\x02\x01\x01" + b"\x00" * 100, ""),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "This is a PDF."),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 100, ""),
    "compressed": (b"\x1f\x8b\x08" + bytes(range(1, 32)) * 20, ""),
    "web page called .xls": (
        b"<html><body><table><tr><th>Email</th></tr><tr><td>alma@example.org</td></tr></table></body></html>",
        "This is a web page, even if its name ends with .xls.",
    ),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "This is an old Excel file (.xls)."),
    "old XML": (b'<?xml version="1.0"?><Workbook xmlns="urn:x"/>', "This is an old Excel file (.xml)."),
    "shortcut": (b'{"url": "https://docs.google.com/x"}', "This is only a link to a Google sheet."),
    "Numbers": (zipped(Index__Document_iwa=b"x"), "This is a Numbers file."),
    "binary Excel": (zipped(xl__workbook_bin=b"x"), "This is a binary Excel file (.xlsb)."),
    "text document": (zipped(word__document_xml=b"<x/>"), ""),
    "ODS without sheets": (zipped(mimetype=b"application/x", content_xml=b"<x/>"), ""),
}


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_other_file_types_are_refused_with_what_to_do(name):
    """Case list-other-formats."""
    content, what = OTHER_FORMATS[name]
    assert read_error(content) == (f"{what} {HOW}" if what else NOT_A_SPREADSHEET)


def test_file_with_a_password_is_refused():
    encrypted = b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le")
    ods = zipped(mimetype=b"x", content_xml=b"?", **{"META-INF__manifest_xml": b"<manifest:encryption-data/>"})
    refusal = "This file has a password. Save it without one, and upload it again."
    assert read_error(encrypted) == read_error(ods) == refusal


@pytest.mark.parametrize("cut", [40, 400, -60])
def test_truncated_xlsx_is_refused(cut):
    assert read_error(xlsx(["Name"], ["A"])[:cut]) == DAMAGED


def test_xlsx_with_invalid_xml_is_refused():
    assert read_error(zipped(xl__workbook_xml=b"<nonsense/>")) == DAMAGED
    whole = xlsx(["Name", "Note"], ["A", "b"])
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:-40]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert read_error(file.getvalue()) == DAMAGED


def workbook_with(sheet: bytes, **parts: bytes) -> bytes:
    """Build an openpyxl workbook with another first sheet and other parts."""
    with zipfile.ZipFile(io.BytesIO(xlsx(["Name"]))) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    namespace = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    whole["xl/worksheets/sheet1.xml"] = b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (namespace, sheet)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (whole | parts).items():
            archive.writestr(name, content)
    return file.getvalue()


def text_cell(text: str, place: str = "") -> bytes:
    where = f' r="{place}"' if place else ""
    return f'<c{where} t="inlineStr"><is><t>{text}</t></is></c>'.encode()


RELATIONSHIPS = "xl/_rels/workbook.xml.rels"
HEADER = b"<row>" + text_cell("Name") + text_cell("Note") + b"</row>"


def processor_seconds(content: bytes, sentence: str) -> float:
    """Return how much CPU time it takes to refuse a file."""
    started = time.process_time()
    assert read_error(content) == sentence
    return time.process_time() - started


@pytest.mark.slow
def test_zip_bomb_is_not_unpacked():
    bomb = zipped(xl__workbook_xml=b"<x/>", xl__worksheets__sheet1_xml=b"\0" * (xml_parts.MAX_UNPACKED + 1))
    assert len(bomb) < sheets.MAX_BYTES
    assert processor_seconds(bomb, TOO_LARGE_UNPACKED) < 1
    half = b"\0" * (xml_parts.MAX_UNPACKED // 2)
    assert read_error(zipped(xl__workbook_xml=half, xl__sharedStrings_xml=half + b"\0")) == TOO_LARGE_UNPACKED
    assert (
        read_error(zipped(xl__workbook_xml=b"<x/>", **{f"part{n}": b"" for n in range(xml_parts.MAX_PARTS)}))
        == TOO_LARGE_UNPACKED
    )


@pytest.mark.parametrize(
    "sheet",
    [
        HEADER + b"<row>" + b"<c/>" * 400_000 + b"</row>",
        HEADER + b"<row>" + b'<c r="A1"/>' * 101 + b"</row>",
        HEADER + b"<row>" + text_cell("a", "CW2") + b"</row>",
        HEADER + b'<row><c r="zzz2"><v>1</v></c></row>',
        HEADER + b'<x:row xmlns:x="x">' + b"<x:c/>" * 101 + b"</x:row>",
    ],
    ids=["empty cells", "one cell", "far", "far lower case", "other prefix"],
)
def test_xlsx_with_more_than_a_hundred_columns_is_refused_at_once(sheet):
    content = workbook_with(sheet)
    assert len(content) < 10_000
    assert processor_seconds(content, TOO_MANY_COLUMNS) < 1


def bare_seconds() -> float:
    """Return how much CPU time it takes to find as many elements as a file may have, and do nothing with them. It is
    0.1 s or more, depending on the machine and on who else uses it."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _name, _attributes: None
    started = time.process_time()
    parser.Parse(b"<a>" + b"<c/>" * xml_parts.MAX_CELL_ELEMENTS + b"</a>", True)
    return time.process_time() - started


@pytest.mark.slow
@pytest.mark.parametrize("cell", [b"<c/>", b'<c r="A1"/>', b"<c><v>1</v></c>", b'<c r="A1"><v>1</v></c>'])
def test_wide_or_endless_table_is_refused_at_once_after_millions_of_cells(cell):
    """Within a second on a quiet machine; compared with a bare parser, because a busy one takes longer for both."""
    elements_in_row = 1 + 100 * cell.count(b"<c") + 100 * cell.count(b"<v>")
    row, most = b"<row>" + cell * 100 + b"</row>", xml_parts.MAX_CELL_ELEMENTS // elements_in_row - 3
    wide = workbook_with(HEADER + row * most + b"<row>" + b"<c/>" * 101 + b"</row>")
    assert processor_seconds(wide, TOO_MANY_COLUMNS) < 12 * bare_seconds()
    endless = workbook_with(HEADER + row * (xml_parts.MAX_UNPACKED // len(row) - 1))
    assert processor_seconds(endless, TOO_LARGE_UNPACKED) < 12 * bare_seconds()


def test_hundred_columns_are_read_and_empty_cells_beyond_are_ignored():
    cells = b"".join(text_cell(f"h{number}") for number in range(98))
    wide = workbook_with(HEADER.replace(b"</row>", cells + b"</row>") + b'<row><c r="XFD2" s="0"/></row>')
    sheet = read(wide)
    assert len(sheet.header) == 100
    assert [row for row in sheet.rows if row[1]] == []


def test_last_row_of_a_sheet_costs_nothing():
    """Case list-last-row: an empty bold cell, a space, and a name there."""
    started = time.process_time()
    for cell in (b"<c/>", b'<c s="1" r="A1048576"/>', text_cell(" ")):
        assert rows(workbook_with(HEADER + b'<row r="1048576">' + cell + b"</row>")) == []
    last = workbook_with(HEADER + b'<row r="1048576">' + text_cell("a") + b"</row>")
    assert list(read(last).rows) == [(1_048_576, ["a"])]
    assert time.process_time() - started < 1
    assert read_error(workbook_with(HEADER + b'<row r="1048577">' + text_cell("a") + b"</row>")) == TOO_LARGE_UNPACKED


@pytest.mark.parametrize("part", ["xl/styles.xml", "xl/sharedStrings.xml"])
def test_too_many_xml_elements_are_refused(monkeypatch, part):
    relationships = b"<Relationships>%s</Relationships>" % b"".join(
        b'<Relationship Id="rId%d" Type="http://x/%s" Target="%s"/>' % (number, kind, target)
        for number, kind, target in (
            (1, b"worksheet", b"worksheets/sheet1.xml"),
            (2, b"styles", b"/xl/styles.xml"),
            (3, b"sharedStrings", b"sharedStrings.xml"),
        )
    )
    for each in (xml_parts.Part, xlsx_files.SharedStringsPart):
        monkeypatch.setattr(each, "max_elements", 1000)
    for element in (b"<a/>", b"<si/>"):
        parts = {part: b"<x>" + element * 1001 + b"</x>", RELATIONSHIPS: relationships}
        assert read_error(workbook_with(HEADER, **parts)) == TOO_LARGE_UNPACKED


def test_csv_with_more_than_a_hundred_columns_is_refused_at_once():
    header = "Name,Note" + "," * 5_000_000
    for text in (header + "\nA,b\n", "Name,Note\nA" + ",b" * 100, "Name" + ",h" * 100 + "\nA\n"):
        assert processor_seconds(text.encode(), TOO_MANY_COLUMNS) < 1
    assert rows("Name,Note" + "," * 500 + "\nA,b" + "," * 500) == [["A", "b"]]
    assert rows("Name" + ",h" * 99 + "\nA" + ",b" * 99) == [["A"] + ["b"] * 99]
    assert rows("Name;Note\nA;" + "a,b" * 200 + "\n") == [["A", "a,b" * 200]]


def test_zip_with_a_false_size_is_refused():
    content = b"<x>" + b" " * 5_000_000
    bomb = bytearray(zipped(xl__workbook_xml=content))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = bomb.index(mark) + (22 if mark == b"PK\x03\x04" else 24)
        assert int.from_bytes(bomb[at : at + 4], "little") == len(content)
        bomb[at : at + 4] = (100).to_bytes(4, "little")
    assert read_error(bytes(bomb)) == DAMAGED


def test_xml_entities_are_refused():
    entities = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    assert read_error(zipped(xl__workbook_xml=entities, _content_types_=b"<Types/>")) == DAMAGED
    whole = xlsx(["Name", "Note"], ["A", "b"])
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = b'<!DOCTYPE x [<!ENTITY a "Name">]>' + parts[sheet]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert read_error(file.getvalue()) == DAMAGED


def test_file_larger_than_the_limit_is_refused():
    text = io.StringIO()
    csv.writer(text).writerows([["Name", "Note"]] + [["A", "x" * 1000]] * 11_000)
    assert read_error(text.getvalue()) == "This file is larger than 10 MB. Split it into smaller files."


@pytest.mark.slow
def test_web_worker_starts_without_openpyxl():
    """It would take 7 MB of each worker; benchmarks/scenarios.py measures the total."""
    code = "import imagine.wsgi, sys; sys.exit('openpyxl' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
