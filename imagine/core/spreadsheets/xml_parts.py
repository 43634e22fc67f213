"""Read the XML parts of XLSX and ODS files, which are ZIP files, within limits. No entity is expanded."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat  # reads elements only

from imagine.core.spreadsheets.cells import clean_cells
from imagine.core.spreadsheets.errors import damaged, too_large

MAX_UNPACKED = 32 * 2**20
MAX_PARTS = 1000
MAX_CELL_ELEMENTS = 2_000_000  # 100,000 rows of 9 cells
MAX_OTHER_ELEMENTS = 100_000  # styles
BLOCK = 2**16
DAMAGED_PART = (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


def open_archive(content: bytes) -> zipfile.ZipFile:
    """Raise Unreadable if the file isn't a ZIP file or unpacks to too much. zipfile unpacks no more of a part than the
    table of contents says."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise damaged() from error
    parts = archive.infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise too_large()
    return archive


class Part:
    """Parses a part. Subclasses have methods for the elements: `start`, `end` and `characters`."""

    max_elements = MAX_OTHER_ELEMENTS

    def __init__(self) -> None:
        self.elements = 0
        self.texts: list[str] = []  # of the element that is being read
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.EntityDeclHandler = refuse_entity
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1

    def end(self, name: str) -> None:
        pass

    def listen(self) -> None:
        """Collect text from here on."""
        self.texts = []
        self.parser.CharacterDataHandler = self.texts.append

    def heard(self) -> str:
        """Return the text since then."""
        self.parser.CharacterDataHandler = None
        return "".join(self.texts)

    def blocks(self, archive: zipfile.ZipFile, name: str) -> Iterator[None]:
        """Parse a part and pause after each block. Raise Unreadable if it is damaged or has too many elements."""
        try:
            with archive.open(name) as file:
                while block := file.read(BLOCK):
                    self.parser.Parse(block)
                    if self.elements > self.max_elements:
                        raise too_large()
                    yield
                self.parser.Parse(b"", True)
        except (*DAMAGED_PART, KeyError) as error:
            raise damaged() from error

    def read(self, archive: zipfile.ZipFile, name: str) -> None:
        for _block in self.blocks(archive, name):
            pass


def refuse_entity(*_declaration: object) -> None:
    raise expat.ExpatError


def local_name(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name


@dataclass(slots=True)
class RawRow:
    """A row with content: its line, its cells, whether it is hidden, and whether merged cells gave it values."""

    line: int
    cells: list[str]
    is_hidden: bool = False
    is_filled: bool = False


@dataclass
class Merges:
    """Cells merged over several rows. Only the first row has their value; the others get it from here."""

    starts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # by line: column and last line
    active: dict[int, tuple[int, str]] = field(default_factory=dict)  # by column: last line and value

    def add(self, line: int, column: int, last_line: int) -> None:
        self.starts.setdefault(line, []).append((column, last_line))

    def fill(self, line: int, cells: list[str]) -> bool:
        """Fill the empty cells of a row with content, and remember the values that begin in it."""
        filled = False
        for column, (last_line, value) in list(self.active.items()):
            if line > last_line:
                del self.active[column]
                continue
            cells += [""] * (column + 1 - len(cells))
            if not cells[column]:
                cells[column], filled = value, True
        for column, last_line in self.starts.get(line, ()):
            if column < len(cells) and cells[column]:
                self.active[column] = (last_line, cells[column])
        return filled


def cleaned_row(line: int, cells: dict[int, str], merges: Merges, *, is_hidden: bool) -> RawRow | None:
    """Return the row, or None if it is empty. `cells` are by column, from 0."""
    if not cells:
        return None
    texts = [""] * (max(cells) + 1)
    for column, text in cells.items():
        texts[column] = text
    texts = clean_cells(texts)
    if not texts:
        return None
    is_filled = bool(merges.starts) and merges.fill(line, texts)
    return RawRow(line, texts, is_hidden, is_filled)
