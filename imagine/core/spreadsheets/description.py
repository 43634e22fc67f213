"""How a file was read, for the page that shows it: which columns were used for what, and what was left out."""

from imagine.core.spreadsheets.headings import ColumnMatch
from imagine.core.spreadsheets.reader import Sheet

MAX_LINES = 20


def describe_sheet(sheet: Sheet, fields: dict[int, str], skipped: list[int]) -> dict:
    """Describe a sheet whose rows were read. The headings are those of the file."""
    skipped_headings = {sheet.header[number] for number in skipped}
    return {
        "kind": sheet.kind,
        "header": [
            [heading, fields.get(number, ""), number in sheet.hidden_columns]
            for number, heading in enumerate(sheet.header)
        ],
        **sheet.how,
        "columns": [[column_name(sheet.header, number), name] for number, name in sorted(fields.items())],
        "ignored": [sheet.header[number] for number in skipped if number not in sheet.hidden_columns],
        "hidden_columns": [heading for heading in sheet.hidden_headings if heading in skipped_headings],
        "hidden_rows": lines_text(sheet.hidden_lines),
        "hidden_row_count": len(sheet.hidden_lines),
        "filled_rows": lines_text(sheet.filled_lines),
        "others": [
            {"name": other.name, "rows": other.row_count, "is_hidden": other.is_hidden, "is_alike": other.score > 0}
            for other in sheet.others
        ],
    }


def describe_match(sheet: Sheet, match: ColumnMatch) -> dict:
    return describe_sheet(sheet, match.fields, match.skipped)


def column_name(header: list[str], number: int) -> str:
    """Return a column's heading, or its letter."""
    if number < len(header) and header[number]:
        return header[number]
    letters, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def lines_text(lines: list[int]) -> str:
    """Return numbers of rows as a person would list them: 3–5, 9, 12–14 …"""
    ranges: list[list[int]] = []
    for line in sorted(lines):
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    texts = [str(first) if first == last else f"{first}–{last}" for first, last in ranges[:MAX_LINES]]
    return ", ".join(texts) + (" …" if len(ranges) > MAX_LINES else "")
