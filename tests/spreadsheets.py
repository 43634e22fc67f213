"""Files that staff take away, read back by other libraries."""

import csv
import io

from openpyxl import load_workbook


def read_rows(response) -> list[list[str]]:
    """What a file says, header first, each cell as a CSV spells it."""
    assert response.status_code == 200
    content = b"".join(response.streaming_content)  # which the test's browser closes, sparing the database
    if response["Content-Type"] == "text/csv; charset=utf-8":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return [[cell_text(cell) for cell in row] for row in load_workbook(io.BytesIO(content)).active.iter_rows()]


def cell_text(cell) -> str:
    if cell.value is None:
        return ""
    return f"{cell.value:%Y-%m-%d}" if cell.number_format == "yyyy-mm-dd" else str(cell.value)


def read_columns(response, *columns: str) -> list[tuple[str, ...]]:
    """Some columns of a file, by their headers."""
    header, *rows = read_rows(response)
    return [tuple(row[header.index(column)] for column in columns) for row in rows]
