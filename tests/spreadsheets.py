"""Read exported files with libraries other than the ones that wrote them."""

import csv
import io

from openpyxl import load_workbook


def read_rows(response) -> list[list[str]]:
    """Return the rows of a file, header first, with each cell as CSV would have it."""
    assert response.status_code == 200
    content = b"".join(response.streaming_content)  # closing the response would make Django check the database
    if response["Content-Type"] == "text/csv; charset=utf-8":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return [[cell_text(cell) for cell in row] for row in load_workbook(io.BytesIO(content)).active.iter_rows()]


def cell_text(cell) -> str:
    if cell.value is None:
        return ""
    return f"{cell.value:%Y-%m-%d}" if cell.number_format == "yyyy-mm-dd" else str(cell.value)


def read_columns(response, *columns: str) -> list[tuple[str, ...]]:
    """Return the columns with these headers."""
    header, *rows = read_rows(response)
    return [tuple(row[header.index(column)] for column in columns) for row in rows]
