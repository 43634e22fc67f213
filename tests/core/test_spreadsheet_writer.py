"""Exported spreadsheets, read back with libraries other than the ones that wrote them."""

import csv
import io
import os
import tempfile
import tracemalloc
import zipfile
from datetime import UTC, date, datetime

import pytest
from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from openpyxl import load_workbook

from imagine.core.spreadsheets.writer import csv_response, xlsx_response

NAME = "rows-2027-04-01"
HEADER = ["Año", "Note"]


def body(response) -> bytes:
    content = b"".join(response.streaming_content)
    close(response)
    return content


def close(response) -> None:
    """Close only the file: closing the whole response would make Django check the database."""
    if isinstance(response, FileResponse):
        response.file_to_stream.close()


def read_csv(rows, header=HEADER) -> list[list[str]]:
    text = body(csv_response("a.csv", header, rows)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def workbook_of(rows, header=HEADER):
    response = xlsx_response("a.xlsx", header, rows)
    return load_workbook(io.BytesIO(body(response)))


def read_xlsx(rows, header=HEADER) -> list[list]:
    return [list(row) for row in workbook_of(rows, header).active.iter_rows(values_only=True)]


ORDINARY = [
    "María Núñez Ibáñez",
    "Nguyễn Thị Hương",
    "សុខា\u200bចាន់",
    "0412",
    "(209) 555-0100",
    "1e5",
    "2027-04-01",
    "TRUE",
    "https://example.org",
    'a "quoted", b; c',
    "first line\nsecond line",
    "a\tb",
    "a <b> & c",
    "it's = to - and + @",
    "👩🏽‍🎓",
]
FORMULAS = [
    "=1+1",
    "+1 209 555 0100",
    "-2",
    "@SUM(A1)",
    "  =1",
    "\u00a0=1",
    "\u3000=1",
    "\u200b=1",
    "\ufeff=1",
    "\n=1",
    "\t1",
    "\n1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM",
    '=HYPERLINK("https://example.org?"&A1,"x")',
]


# Both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_csv, read_xlsx])
def test_ordinary_text_is_unchanged(read):
    rows = [[text, "end"] for text in ORDINARY]
    assert read(rows) == [HEADER, *rows]


@pytest.mark.parametrize("read", [read_csv, read_xlsx])
def test_control_characters_are_dropped_and_line_endings_normalized(read):
    expected_values = {
        "a\0b\x07c\x1b[0m\x7f\x85d": "abc[0md",
        "a\r\nb\rc": "a\nb\nc",
        "a\ufffe\uffffb": "ab",
        "a\x0b\x0cb": "ab",
    }
    assert read([[text, "end"] for text in expected_values]) == [
        HEADER,
        *([text, "end"] for text in expected_values.values()),
    ]


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        (datetime(2027, 3, 14, 9, 59, tzinfo=UTC), "2027-03-14 01:59:00"),
        (datetime(2027, 3, 14, 10, 0, tzinfo=UTC), "2027-03-14 03:00:00"),  # daylight saving time begins
        (datetime(2027, 11, 7, 8, 30, tzinfo=UTC), "2027-11-07 01:30:00"),
        (datetime(2027, 11, 7, 9, 30, 7, 999_999, tzinfo=UTC), "2027-11-07 01:30:07"),  # and ends
        (datetime(2028, 1, 1, 7, 59, tzinfo=UTC), "2027-12-31 23:59:00"),
    ],
)
def test_times_are_in_the_district_time_zone(utc, local):
    with timezone.override("Asia/Tokyo"):
        assert read_csv([[utc, ""]])[1] == [local, ""]
        assert [str(cell) for cell in read_xlsx([[utc, "end"]])[1]] == [local, "end"]


@pytest.mark.slow
@pytest.mark.parametrize("read", [read_csv, read_xlsx])
def test_rows_of_many_blocks_are_complete_and_in_order(read):
    rows = [[f"row {number}", "end"] for number in range(1501)]
    assert read(iter(rows)) == [HEADER, *rows]


@pytest.mark.parametrize("read", [read_csv, read_xlsx])
def test_file_without_rows_has_only_the_header(read):
    assert read([]) == [HEADER]


@pytest.mark.parametrize("write", [csv_response, xlsx_response])
def test_response_is_a_streamed_attachment_with_its_filename(write):
    response = write(NAME, HEADER, [["a", "b"]])
    assert response["Content-Disposition"] == f'attachment; filename="{NAME}"'
    assert isinstance(response, StreamingHttpResponse)
    close(response)


# CSV -------------------------------------------------------------------------------------------------------------


def test_csv_starts_with_a_bom_and_uses_crlf():
    assert body(csv_response("a.csv", HEADER, [["ñ", None], [date(2027, 4, 1), 3]])) == (
        "\ufeffAño,Note\r\nñ,\r\n2027-04-01,3\r\n".encode()
    )
    assert csv_response("a.csv", HEADER, [])["Content-Type"] == "text/csv; charset=utf-8"


def test_csv_escapes_cells_that_look_like_formulas():
    assert read_csv([[text, "end"] for text in FORMULAS])[1:] == [[f"'{text}", "end"] for text in FORMULAS]
    assert read_csv([], FORMULAS) == [[f"'{text}" for text in FORMULAS]]


def test_csv_is_streamed_in_blocks():
    yielded = []
    rows = (yielded.append(number) or [str(number), ""] for number in range(10_000))
    blocks = iter(csv_response("a.csv", HEADER, rows).streaming_content)
    assert yielded == []
    next(blocks)
    assert 0 < len(yielded) < 1000


@pytest.mark.slow
@pytest.mark.parametrize("write", [csv_response, xlsx_response])
def test_memory_does_not_grow_with_the_rows(write):
    def peak(number: int) -> int:
        tracemalloc.start()
        rows = ([f"guest {row}", "a note " * 20] for row in range(number))
        response = write("a", HEADER, rows)
        for _block in response.streaming_content:
            pass
        close(response)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    assert peak(6000) < peak(2000) * 1.5


# XLSX ------------------------------------------------------------------------------------------------------------


def test_xlsx_stores_formulas_as_text():
    texts = [text for text in FORMULAS if "\n" not in text]
    rows = workbook_of([[text, "end"] for text in texts]).active.iter_rows(min_row=2)
    assert [(cell.value, cell.data_type, cell.hyperlink) for cell, _end in rows] == [
        (text, "s", None) for text in texts
    ]


def test_xlsx_keeps_the_types_of_numbers_dates_and_empty_cells():
    day, minute = date(2027, 4, 1), datetime(2027, 4, 1, 15, 0, tzinfo=UTC)
    cells = next(
        workbook_of([[7, day, minute, None, "", 0]], ["a", "b", "c", "d", "e", "f"]).active.iter_rows(min_row=2)
    )
    assert [cell.value for cell in cells] == [7, datetime(2027, 4, 1), datetime(2027, 4, 1, 8), None, None, 0]
    assert [cell.number_format for cell in cells[1:3]] == ["yyyy-mm-dd", "yyyy-mm-dd hh:mm"]


def test_xlsx_header_is_bold_frozen_and_filterable():
    sheet = workbook_of([["a" * 20, "n" * 900], ["b", ""]]).active
    assert [cell.font.bold for cell in sheet[1]] == [True, True]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B3")
    assert 20 < sheet.column_dimensions["A"].width < 30
    assert 40 < sheet.column_dimensions["B"].width < 60


def test_xlsx_keeps_markup_in_cells_as_text():
    """XlsxWriter would write this string into the sheet unescaped."""
    text = "<r><t>x</t></r></is></c><c t='str'><f>1+1</f></c><r></r>"
    assert read_xlsx([[text, "<r>"]])[1] == [f"'{text}", "'<r>"]


def test_xlsx_truncates_text_that_is_too_long_for_a_cell():
    assert read_xlsx([["a" * 40_000, "end"]])[1] == ["a" * 32_767, "end"]


def test_xlsx_is_a_valid_archive_with_content_type_and_length():
    response = xlsx_response("a.xlsx", HEADER, [["a", "b"]])
    assert isinstance(response, FileResponse)
    assert response["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    content = body(response)
    assert int(response["Content-Length"]) == len(content)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


@pytest.mark.parametrize("fails", [False, True])
def test_xlsx_leaves_nothing_on_disk(fails, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def rows():
        yield ["personal", "data"]
        assert os.listdir(tmp_path) != []
        if fails:
            raise LookupError

    if fails:
        with pytest.raises(LookupError):
            xlsx_response("a.xlsx", HEADER, rows())
    else:
        close(xlsx_response("a.xlsx", HEADER, rows()))
    assert os.listdir(tmp_path) == []
