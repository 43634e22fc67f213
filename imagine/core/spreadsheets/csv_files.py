"""Read CSV files of any program, delimiter and encoding."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator

from django.utils.translation import gettext as _

from imagine.core.spreadsheets.cells import clean_cells
from imagine.core.spreadsheets.errors import MAX_COLUMNS, Unreadable, not_a_spreadsheet, too_wide

MAX_LENGTH_LINE = 1_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
ENCODING_NAMES = {
    **{"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"},
    **{"cp1252": "Windows-1252", "latin-1": "Windows-1252", "mac_roman": "Mac Roman"},
}
SAMPLE = 100_000  # bytes that tell Windows from Mac encoding


def decode_csv(content: bytes) -> tuple[str, str]:
    """Return the text of a CSV and its encoding: the one its byte order mark says, UTF-8, or that of Windows or Mac."""
    for encoding in possible_encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if looks_like_text(text):
            return text, ENCODING_NAMES[encoding]
        break
    raise not_a_spreadsheet()


def possible_encodings(content: bytes) -> list[str]:
    if marked := next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None):
        return [marked]
    start = content[:4096]
    if b"\0" in start:  # of ASCII in UTF-16, every other byte is zero
        return ["utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"]
    eight_bit = ["cp1252", "latin-1"]
    sample = content[:SAMPLE]
    if plausibility(sample.decode("mac_roman")) > plausibility(sample.decode("cp1252", "replace")):
        eight_bit.insert(0, "mac_roman")
    return ["utf-8", *eight_bit]


def plausibility(text: str) -> int:
    """Return how well the letters outside ASCII fit between their neighbors: é in José does, Ž in JosŽ doesn't."""
    return sum(fit(*found.groups()) for found in re.finditer(r"(?<=(.))([^\x00-\x7f])(?=(.?))", f"\n{text}", re.DOTALL))


def fit(before: str, letter: str, after: str) -> int:
    if letter.islower():
        return 1 if before.islower() or after.islower() else -1
    if letter.isupper():
        return -1 if before.islower() else 1
    if letter == "’":
        return 1 if before.isalpha() and (after.isalpha() or after.isspace()) else 0
    return -1 if before.islower() and after.islower() else 0


def looks_like_text(text: str) -> bool:
    """Return whether this isn't a program, picture, web page or PDF with the wrong file name."""
    start = text[:4096]
    controls = sum(unicodedata.category(letter) == "Cc" and letter not in "\r\n\t\f" for letter in start)
    return controls <= 2 + len(start) // 50 and not re.match(r"\s*(<|%PDF|\{)", start)


def check_lines(text: str) -> None:
    if max(map(len, text.splitlines())) > MAX_LENGTH_LINE:
        raise too_wide()


def split_delimiter_note(text: str) -> tuple[str, str]:
    """Take off a first line that tells Excel the delimiter, such as sep=;"""
    note = re.match(r"sep=(.)\r?\n", text)
    if not note:
        return text, ""
    # Neither can part cells, and Python 3.13 raises ValueError for them.
    return "\n" + text[note.end() :], "" if note[1] in '"\r' else note[1]


def csv_rows(text: str, delimiter: str, *, refuse_wide: bool = False) -> Iterator[tuple[int, list[str]]]:
    # Strict: otherwise an unmatched quotation mark silently swallows all rows after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if refuse_wide and any(map(str.strip, cells[MAX_COLUMNS:])):
                raise too_wide()
            yield line, clean_cells(cells[:MAX_COLUMNS])
            line = reader.line_num + 1
    except csv.Error:
        message = _("Row %(line)d can’t be read. Make sure that each quotation mark in it has a match.")
        raise Unreadable(message % {"line": line}) from None
