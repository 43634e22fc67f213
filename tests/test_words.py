"""The words people read are those of docs/glossary.md: no retired word comes back, in English or Spanish, and none of
the turns of phrase that sounded translated.

Checked are the catalogue in both languages, the rest of the templates, every other text in the code (settings,
commands, help), and the documents. K1 to K21 and S4 to S9 are the kinds that a review of all the words found.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import polib
import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = Path("docs/glossary.md")
CATALOG = Path("locale/es/LC_MESSAGES/django.po")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md")
CODE = ("imagine", "partners", "summit")
# What others write: headings in their spreadsheets, and a mail server's reply.
NOT_OURS = ("contact e-mail", "promise kind, kind of promise", "The e-mail account that you tried to reach")


class Kind(NamedTuple):
    """A word or turn of phrase that isn't used, what to write in its place, and sentences with and without it."""

    pattern: str
    better: str
    wrong: str = ""
    right: str = ""


class Text(NamedTuple):
    """A text on one line, and the files it is in, the likeliest first, with a line if it is known."""

    words: str
    files: list[str]


def either(*patterns: str) -> str:
    return "|".join(patterns)


# What English doesn't say. The glossary's retired words come on top.
ENGLISH = {
    "K1 mail": Kind(
        r"\b(?<!/)(?:e-)?mail(?:s|ed)?\b(?![./_-])"
        r"(?! (?:servers?|programs?|apps?|scanners?|providers?|systems?|services?|clients?)\b)",
        "email",
        "We mail it again.",
        "We emailed you. The mail server took it, and the mailing is done.",
    ),
    "K6 RSVP": Kind(
        either(
            r"(?:^|[.:;,!?] |\b(?:when|while|until|after|before|if|since|that|because) )"
            r"RSVP (?:is|was|opens?|closes?|closed|opened)\b",
            r"(?<!each )(?<!your )\bRSVP for (?:it|this event) is\b",
        ),
        "RSVPs are, RSVPs open",
        "RSVP is closed.",
        "Your RSVP is canceled. RSVPs are closed. RSVP for three. Each RSVP for this event is for one person.",
    ),
    "K7 come free": Kind(
        r"\b(?:come|comes|came|coming) free\b", "open up", "Seats came free.", "Seats opened up. It is free to come."
    ),
    "K8 stand": Kind(
        either(
            r"\b(?:it|they|names?|partners?|words|files|figures|list|page|state|seats) stands?\b"
            r"(?! (?:for|out|in for|in the way)\b)",
            r"\bstands? (?:here|there|below|above|beside|twice|alone|apart|as (?:it|they|you)|at (?:the|its))\b",
        ),
        "is, appears, is listed",
        "Its partners stand here.",
        "“2026” stands for the school year. You understand what stands in the way. Where things stand.",
    ),
    "K10 else": Kind(
        r", else (?:you|it|the|we|they|to)\b",
        "otherwise, if not",
        "Free seats are yours, else you wait.",
        "If there are seats, they’re yours; if not, you’ll wait. No one else has it.",
    ),
    "K11 is no": Kind(
        r"(?<!\bthere )\b(?:is|are) no "
        r"(?!(?:longer|one|more than|less than|later than|way|faster|different|need)\b)\w+",
        "isn’t a",
        "“X” is no sector.",
        "“X” isn’t a sector. There are no seats. It is no longer used, and there is no one here.",
    ),
    "K12 row a": Kind(
        either(
            r"\b(?:one|two|three|\d+) (?:\w+ )?(?:rows?|columns?|lines?|sheets?|files?|pages?) an? \w+",
            r"\b(?:mails?|emails?|messages?) a (?:second|minute)\b",
        ),
        "per",
        "One row a promise.",
        "One row per promise, 60 emails per second, a few times a year.",
    ),
    "K13 at once": Kind(
        r"\b(?:yours|write|writes|written|go|goes|told|tell|answers?|answered|refused|gets?|public pages|to you|seated"
        r"|sent|notified) at once\b",
        "right away",
        "We write to you at once.",
        "We’ll email you right away. Several people act at once. That was too much at once.",
    ),
    "K14 write to": Kind(
        either(
            r"\b(?:write|writes|wrote) to (?:you|them|everyone|everybody|anyone|guests|each|all|nobody|no one)\b",
            r"\b(?:is|are|was|were|been|be|not) written to\b(?! (?:the|an?|its?|disk)\b)",
            r"\bwe wrote to\b",
        ),
        "email, notify",
        "Nobody is written to again.",
        "No one is emailed again. Each erasure is written to the list. Write to X: we answer.",
    ),
    "K16 who": Kind(
        either(
            r"(?:^|[.!?] )Who (?!(?:can|sees|is|it|what|gets|changed|we)\b)[^?.]*\.",
            r"(?<!as )(?<!thanks )\bto who\b",
        ),
        "people who, whoever",
        "Who canceled is not in it.",
        "People who canceled aren’t in it. Who is coming? Who can see this",
    ),
    "K17 said": Kind(
        either(r"\b(?:is|are) (?:not )?said\b", r"^say otherwise\b", r"^staff said so\b", r"\bsay themselves\b"),
        "set, chosen, sent, marked",
        "What is said by staff stays.",
        "What staff choose stays. The email says so. “Come,” she said.",
    ),
    "K18 need do": Kind(
        r"\b(?:needs?|need to) do nothing\b|\bneed do\b",
        "you don’t need to do anything",
        "You need do nothing.",
        "You don’t need to do anything.",
    ),
    "no more": Kind(
        r"\b(?:offered|invited|sent|said|is|are|used|works?|opens) no more\b(?! than)",
        "no longer",
        "It is offered no more.",
        "It is no longer offered. Send no more than 60.",
    ),
    "seats held": Kind(
        either(
            r"\bseats held\b",
            r"\bheld seats?\b",
            r"\b(?:you|who|that|which|party|guests?|parties) (?:hold|holds|held) (?:\w+ )?seats?\b",
            r"\bhold X seats?\b",
        ),
        "confirmed seats, have seats",
        "You hold 3 seats.",
        "You have 3 seats. We won’t hold your seat. The hold ends tomorrow.",
    ),
    "log in": Kind(
        r"(?<!activity )\blog(?:s|ged|ging)? (?:in|out)\b",
        "sign in, sign out",
        "Log in first.",
        "Sign in first. It is in the activity log in the admin.",
    ),
    "clock": Kind(r"\b\d{1,2}(?::\d\d)? ?(?:AM|PM)\b", "8:30 a.m.", "It starts at 8:30 AM.", "It starts at 8:30 a.m."),
    "percent": Kind(r"\d[\s\u00a0\u202f]%(?![(\w])", "95%", "About 95 % came.", "About 95% came."),
}
# What only messages on pages and in emails avoid: words of the machine room, and typewriter quotes.
MESSAGES = {
    "quotes": Kind("['\"]", "’ “ ”", 'It\'s the "main" contact.', "It’s the “main” contact."),
    "K19 worker": Kind(
        r"\b(?:workers?|broker|Celery)\b",
        "in the background",
        "A worker is at it.",
        "It runs in the background, in the workplace.",
    ),
}
SPANISH = {
    "S4 toma minutos": Kind(
        either(
            r"\btoman? (?:solo |unos |sólo )?(?:un|dos|tres|cinco|X|\d+) minutos?\b",
            r"\bminutos?, sin cuenta\b",
        ),
        "le llevará dos minutos y no necesita crear una cuenta",
        "La lista toma dos minutos, sin cuenta.",
        "Llenar la lista le llevará dos minutos.",
    ),
    "S6 quotation marks": Kind(r"[«»]", "“ ”", "Abra «Direcciones».", "Abra “Direcciones”."),
    "S8 Prometer": Kind(r"^Prometer\.?$", "Hacer una promesa", "Prometer", "Puede prometer lo que quiera."),
    "S9 space before an ellipsis": Kind(r"\w\s+…", "no space", "Aprobar …", "Aprobar…"),
    "tú": Kind(
        either(
            r"\b(?:tú|tus?|ti|contigo|te|tuy[oa]s?|puedes|tienes|quieres|debes|eres|estás|vienes|haz|dinos|recibirás)\b",
            r"\b(?:podrás|tendrás|necesitas)\b",
            r"(?-i:(?:^|[.!:;] )(?:Elige|Escribe|Abre|Oprime|Envía|Revisa|Agrega|Lee|Ven|Usa|Mira|Haz|Pon|Dile)\b)",
            r"(?-i:(?:^|[.!:;] )(?:Marca (?:lo|la|un)|Firma con)\b)",
        ),
        "usted",
        "Elige una promesa.",
        "Elija una promesa. Usted elige. Firma: Ana Vang. Sus lugares.",
    ),
}


# What is read ------------------------------------------------------------------------------------------------------


@cache
def retired_words(heading: str) -> dict[str, Kind]:
    """Return a table of retired words in the glossary, one entry for each word."""
    section = (ROOT / GLOSSARY).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    kinds = {}
    for retired, better in re.findall(r"^\| (.+) \| (.+) \|$", section, re.MULTILINE)[1:]:
        words, replacements = retired.split(", "), better.split(", ")
        paired = replacements if len(replacements) == len(words) else [better] * len(words)
        kinds |= {word: Kind(rf"\b{re.escape(word)}s?\b", to) for word, to in zip(words, paired, strict=True)}
    return kinds


def english() -> dict[str, Kind]:
    return retired_words("Retired words") | ENGLISH


def spanish() -> dict[str, Kind]:
    return retired_words("Retired Spanish words") | SPANISH


@cache
def catalog() -> list[polib.POEntry]:
    return list(polib.pofile(str(ROOT / CATALOG)))


def files_of(entry: polib.POEntry) -> list[str]:
    return [path for path, _line in entry.occurrences]


def english_messages() -> Iterator[Text]:
    for entry in catalog():
        for words in filter(None, [entry.msgid, entry.msgid_plural]):
            yield Text(readable(words), files_of(entry))


def spanish_messages() -> Iterator[Text]:
    for entry in catalog():
        for words in filter(None, [entry.msgstr, *entry.msgstr_plural.values()]):
            yield Text(readable(words), [f"{CATALOG.as_posix()}:{entry.linenum}", *files_of(entry)])


def readable(words: str) -> str:
    """Take out markup and line breaks, and put X in place of each value."""
    plain = re.sub(r"%\(\w+\)[sd]|\{\w*\}|%[sd]", "X", re.sub(r"<[^>]+>", "", words))
    return " ".join(plain.split())


def template_texts() -> Iterator[Text]:
    """Each line of the templates, without what is translated."""
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in {".html", ".txt"}:
            yield from lines_of(untranslated(path.read_text()), path)


def untranslated(template: str) -> str:
    """Take out tags, variables, comments, styles and translated text, and keep the lines."""
    code = (
        r"{%\s*block \w*class\s*%}.*?{%\s*endblock.*?%}|{%\s*blocktrans.*?%}.*?{%\s*endblocktrans\w*\s*%}"
        r"|{%\s*comment.*?endcomment\s*%}|{%.*?%}|{{.*?}}|{#.*?#}|<style.*?</style>|<!--.*?-->|<[^>]*>"
    )
    return re.sub(code, line_breaks, template, flags=re.DOTALL)


def line_breaks(match: re.Match) -> str:
    return "\n" * match[0].count("\n")


def lines_of(text: str, path: Path) -> Iterator[Text]:
    for number, line in enumerate(text.splitlines(), 1):
        yield Text(line, [f"{path.relative_to(ROOT).as_posix()}:{number}"])


def code_texts() -> Iterator[Text]:
    """Every text of two words or more that isn't a docstring, such as what a command or an error says. Those that are
    translated are in the catalogue."""
    translated = {words for entry in catalog() for words in (entry.msgid, entry.msgid_plural)}
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for words, line in strings_in(path.read_text()):
                if words not in translated:
                    yield Text(readable(words), [f"{path.relative_to(ROOT).as_posix()}:{line}"])


def strings_in(source: str) -> Iterator[tuple[str, int]]:
    """Return the strings of a module that may be text, with their lines."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        if isinstance(value, str) and id(node) not in docstrings and " " in value.strip() and not is_code(value):
            yield value, node.lineno


def is_code(text: str) -> bool:
    """Return whether a string is SQL, a pattern, or quoted from others."""
    sql_or_pattern = r"\b(?:SELECT|INSERT|UPDATE|DELETE FROM|CREATE|ALTER|WHERE|FOR)\b|\\b|\(\?"
    return bool(re.search(sql_or_pattern, text)) or any(quoted in text for quoted in NOT_OURS)


def documents() -> Iterator[Text]:
    for pattern in DOCUMENTS:
        for path in sorted(ROOT.glob(pattern)):
            yield from paragraphs(prose(path.read_text()), path)


def prose(markdown: str) -> str:
    """Take out code, the targets of links and the glossary's own lists of retired words, and keep the lines."""
    spoken = markdown.partition("\n## Retired words")[0]
    return re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", line_breaks, spoken, flags=re.DOTALL)


def paragraphs(text: str, path: Path) -> Iterator[Text]:
    """Return each paragraph, heading, list item and row of a table, with its first line."""
    name = path.relative_to(ROOT).as_posix()
    lines, first = [], 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not line.strip() or re.match(r"\s*(?:[-*|#>]|\d+\. )", line) or (lines and lines[-1][:1] == "#"):
            yield Text(" ".join(" ".join(lines).split()), [f"{name}:{first}"])
            lines, first = [], number
        lines.append(line)


# What is found -----------------------------------------------------------------------------------------------------


def find(kinds: dict[str, Kind], texts: Iterable[Text]) -> list[str]:
    """Return what is wrong, as "file:line: “words” (kind: write better words)"."""
    found = {}
    for text in texts:
        for name, kind in kinds.items():
            for match in re.finditer(kind.pattern, text.words, re.IGNORECASE):
                found[f"{place_of(text, match)}: “{around(match)}” ({name}: write {kind.better})"] = None
    return list(found)


def place_of(text: Text, match: re.Match) -> str:
    """Return the file and line of a match. If only the file is known, look for the words there."""
    place = text.files[0]
    if ":" in place:
        return place
    source = (ROOT / place).read_text()
    found = re.search(r"\s+".join(map(re.escape, match[0].split())), source)
    return f"{place}:{source.count(chr(10), 0, found.start()) + 1}" if found else place


def around(match: re.Match) -> str:
    return match.string[max(match.start() - 30, 0) : match.end() + 30].strip()


def test_messages_have_no_retired_words():
    found = find(english() | MESSAGES, english_messages())
    assert not found, "\n".join(found)


def test_spanish_messages_have_no_retired_words():
    found = find(spanish(), spanish_messages())
    assert not found, "\n".join(found)


def test_templates_have_no_retired_words():
    found = find(english(), template_texts())
    assert not found, "\n".join(found)


def test_texts_in_code_have_no_retired_words():
    found = find(english(), code_texts())
    assert not found, "\n".join(found)


def test_documents_have_no_retired_words():
    found = find(english(), documents())
    assert not found, "\n".join(found)


# The checks find what they should ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ENGLISH, *MESSAGES])
def test_each_english_kind_is_detected_and_good_sentences_are_not(name):
    kinds = english() | MESSAGES
    assert any(f"({name}: " in line for line in find(kinds, [Text(kinds[name].wrong, ["page.html:1"])]))
    assert find(kinds, [Text(kinds[name].right, ["page.html:1"])]) == []


@pytest.mark.parametrize("name", SPANISH)
def test_each_spanish_kind_is_detected_and_good_sentences_are_not(name):
    kinds = spanish()
    assert any(f"({name}: " in line for line in find(kinds, [Text(kinds[name].wrong, ["django.po:1"])]))
    assert find(kinds, [Text(kinds[name].right, ["django.po:1"])]) == []


@pytest.mark.parametrize(
    ("kinds", "wrong", "right"),
    [
        (english, "Somebody cancelled the kick-off; tick it off the waiting list.", "Someone canceled the kickoff."),
        (english, "It is sent by itself, once more, and need not be.", "It is sent automatically, again."),
        (spanish, "Añada una pareja de participantes y pulse aquí.", "Agregue un par de aliados y oprima aquí."),
        (spanish, "Requiere autorización de voluntariado.", "Requiere autorización para ser voluntario."),
    ],
)
def test_retired_words_of_the_glossary_are_detected(kinds, wrong, right):
    assert find(kinds(), [Text(wrong, ["page.html:1"])]) != []
    assert find(kinds(), [Text(right, ["page.html:1"])]) == []


def test_every_source_is_read():
    sources = (english_messages, spanish_messages, template_texts, code_texts, documents)
    assert [source.__name__ for source in sources if sum(1 for _text in source()) < 500] == []


def test_text_is_told_from_code():
    template = '{% load i18n %}\n<a title="mail">{{ mail }}</a>{% translate "mail" %} Twins\n{# mail #}'
    assert find(english(), lines_of(untranslated(template), ROOT / "page.html")) == [
        "page.html:2: “Twins” (twins: write possible duplicates)"
    ]
    assert list(strings_in('"""A mail."""\n\nname = "mail"\nprint("Two\\n mails", re.compile(r"\\bmail \\w"))')) == [
        ("Two\n mails", 4)
    ]
    markdown = "# Mail\n`mail` and\n[words](mail.md) of a\nmail\n\n## Retired words\nmail"
    assert [line.partition(": ")[0] for line in find(ENGLISH, paragraphs(prose(markdown), ROOT / "page.md"))] == [
        "page.md:1",
        "page.md:2",
    ]
