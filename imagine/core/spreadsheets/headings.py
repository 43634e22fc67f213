"""Recognize columns by their headings: as written, without remarks and filler words, and then by their meaning."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

FILLERS = frozenset(
    {
        *("your", "the", "a", "an", "please", "enter", "provide", "what", "whats", "is", "are", "was", "of", "you"),
        *("primary", "main", "optional", "required", "here"),
        *("su", "sus", "el", "la", "los", "las", "de", "del", "cual", "es", "son"),
    }
)


def plain_text(words: str) -> str:
    """Drop case, accents, punctuation and spaces, so that different spellings are equal."""
    words = unicodedata.normalize("NFKD", words).casefold()
    return re.sub(r"[^\w#]|_", "", "".join(letter for letter in words if not unicodedata.combining(letter)))


def plain_words(text: str) -> list[str]:
    """Return the words without case, accents and punctuation."""
    return [word for word in map(plain_text, re.split(r"[^\w#'’-]+|_", text)) if word]


@dataclass(frozen=True)
class Headings:
    """The headings of a kind of list: the field of each known one, by its plain text, and patterns for questions."""

    fields: Mapping[str, str]
    patterns: tuple[tuple[str, re.Pattern[str]], ...] = ()

    def field_of(self, heading: str) -> str | None:
        """Return the field of a known heading: "Email", "E-mail (required)", "Your name *", "Language / Idioma"."""
        return next((self.fields[each] for each in spellings(heading) if each in self.fields), None)

    def field_meant(self, heading: str) -> str | None:
        """Return the field that a question such as "Your full name (first and last)" asks for."""
        text = " ".join(plain_words(heading))
        return next((name for name, pattern in self.patterns if pattern.search(text)), None)

    def count_known(self, cells: Iterable[str]) -> int:
        """Return how many fields a row names, to find out whether it is the header."""
        return len(set(map(self.field_of, filter(None, cells))) - {None})


@dataclass
class ColumnMatch:
    """What is read from each column. `skipped` are columns with a heading that aren't read."""

    fields: dict[int, str] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)


def match_columns(
    header: list[str],
    headings: Headings,
    *,
    taught: Mapping[str, str] | None = None,
    hidden: Iterable[int] = (),
    many: Iterable[str] = (),
) -> ColumnMatch:
    """Match columns with fields: first as staff taught, then known headings, then by meaning. The first column of a
    field counts, except for fields in `many`. A hidden column counts only if staff chose it."""
    found, taught, hidden, many = ColumnMatch(), taught or {}, set(hidden), set(many)

    def take(number: int, name: str | None) -> None:
        if name and number not in found.fields and (name in many or name not in found.fields.values()):
            found.fields[number] = name

    named = [(number, heading) for number, heading in enumerate(header) if heading]
    for number, heading in named:
        take(number, taught.get(plain_text(heading)))
    free = [each for each in named if plain_text(each[1]) not in taught and each[0] not in hidden]
    for read in (headings.field_of, headings.field_meant):
        for number, heading in free:
            take(number, read(heading))
    found.skipped = [number for number, _heading in named if number not in found.fields]
    return found


@lru_cache(maxsize=2000)
def spellings(heading: str) -> tuple[str, ...]:
    """Return the plain text of a heading, and of its parts without remarks and filler words, most exact first."""
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", heading)
    parts = [bare, *re.split(r"\s*[/|\n]\s*", bare)]
    found = [plain_text(heading), *map(plain_text, parts)]
    found += ["".join(word for word in plain_words(part) if word not in FILLERS) for part in parts]
    return tuple(dict.fromkeys(each.replace("organisation", "organization") for each in found if each))
