"""Public pages and emails read at grade 8 or below, by the formula of Flesch and Kincaid.

Only whole sentences count: labels, headings and dates would make every page look easier than it is. Names of people, of
organizations and of the promise types are left out, because no one can write those shorter.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.utils.translation import override

from partners.models import PromiseType
from tests import test_golden
from tests.golden import sample

MAX_GRADE = 8.0
EMAILS = Path(__file__).parent / "golden" / "public_words_of_emails.txt"
NAMES = (
    "Imagine Promise Summit",
    "Imagine Promise Partners",
    "Imagine Promise",
    "Stockton Unified School District",
    "Community Relations Department",
    "Community Relations",
    "University of the Pacific",
    "Stockton Civic Auditorium",
    "Port Gate Logistics",
    "Delta Orchards",
    "Alma Reyes",
    "Jun Reyes",
)
BLOCKS = {
    *("address", "article", "aside", "br", "button", "caption", "dd", "div", "dt", "fieldset", "figcaption", "footer"),
    *("form", "h1", "h2", "h3", "h4", "header", "label", "legend", "li", "main", "nav", "ol", "option", "p", "section"),
    *("select", "summary", "table", "td", "th", "tr", "ul"),
}


def flesch_kincaid(sentences: list[str]) -> float:
    """Return the grade whose pupils understand these sentences."""
    words = [word for sentence in sentences for word in words_of(sentence)]
    syllables = sum(count_syllables(word) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59 if words else 0.0


def words_of(sentence: str) -> list[str]:
    return re.findall(r"[a-z]+(?:['’][a-z]+)?", sentence.lower())


def count_syllables(word: str) -> int:
    """Count groups of vowels, without those that are silent at the end: "gave", "canceled", "names"."""
    letters = re.sub(r"['’].*", "", word)
    spoken = re.sub(r"(?<=[^laeiou])e$|(?<=[^dtaeiou])ed$|(?<=[^sxzhgcaeiou])es$", "", letters)
    return max(len(re.findall(r"[aeiouy]+", spoken)), 1)


def sentences_of(blocks: list[str], names: tuple[str, ...] = NAMES) -> list[str]:
    """Return the whole sentences of a text's blocks."""
    found = []
    for block in blocks:
        text = re.sub(r"\b([ap])\.\s?m\.", r"\1m", " ".join(block.split()))
        text = re.sub(r"https?://\S+|\S+@\S+", "", text)
        for name in names:
            text = text.replace(name, "")
        found += [piece for piece in re.findall(r"[^.?!]+[.?!]", text) if len(words_of(piece)) > 2]
    return found


class Blocks(HTMLParser):
    """Collects the text of each block of a page's main part."""

    def __init__(self, page: str):
        super().__init__()
        self.blocks, self.hidden = [""], 0
        self.feed(re.search(r"<main.*?</main>", page, re.DOTALL)[0])

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in {"script", "style", "svg"}
        if tag in BLOCKS:
            self.blocks.append("")

    def handle_endtag(self, tag):
        self.hidden -= tag in {"script", "style", "svg"}
        if tag in BLOCKS:
            self.blocks.append("")

    def handle_data(self, data):
        if not self.hidden:
            self.blocks[-1] += data


def emails() -> dict[str, list[str]]:
    """Return the lines of each English email, by what led to it and its first line. A paragraph is one line."""
    parts = re.split(r"^=== (.+): (\w\w), \S+$", EMAILS.read_text(), flags=re.MULTILINE)[1:]
    return {
        f"{heading}: {' / '.join(text.split(chr(10))[1:3])}": text.splitlines()
        for heading, language, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        if language == "en"
    }


def grades(texts: dict[str, list[str]], names: tuple[str, ...] = NAMES) -> dict[str, float]:
    """Return the grade of each text, rounded to a tenth."""
    sentences = {name: sentences_of(blocks, names) for name, blocks in texts.items()}
    return {name: round(flesch_kincaid(found), 1) for name, found in sentences.items() if found}


def too_hard(texts: dict[str, list[str]], names: tuple[str, ...] = NAMES) -> dict[str, float]:
    return {name: grade for name, grade in grades(texts, names).items() if grade > MAX_GRADE}


def test_emails_read_at_grade_8():
    assert len(emails()) > 30
    assert too_hard(emails()) == {}


@pytest.mark.slow
@pytest.mark.django_db
def test_public_pages_read_at_grade_8():
    paths = test_golden.public_pages(sample.rows()) | sample.states()
    pages = {}
    for heading, path in paths.items():
        response = Client(headers={"accept-language": "en"}).get(path)
        if response.get("Content-Type", "").startswith("text/html") and b"<main" in response.content:
            pages[heading] = Blocks(response.content.decode()).blocks
    with override("en"):
        names = (*NAMES, *PromiseType.objects.values_list("name", flat=True))
    assert len(pages) > 40
    assert too_hard(pages, names) == {}


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        *(("seat", 1), ("gave", 1), ("canceled", 2), ("names", 1), ("waited", 2), ("organization", 5), ("email", 2)),
        *(("places", 2), ("people", 2), ("you’ll", 1), ("the", 1), ("community", 4), ("invited", 3)),
    ],
)
def test_syllables_are_counted(word, syllables):
    assert count_syllables(word) == syllables


def test_hard_text_is_detected_and_easy_text_is_not():
    easy = "We emailed your link to you. It can take a few minutes. Check your spam folder, too."
    hard = (
        "Notification of participants regarding cancellation necessitates administrative authorization, "
        "notwithstanding previously communicated organizational preferences."
    )
    assert too_hard({"easy": [easy], "hard": [hard]}).keys() == {"hard"}
    assert sentences_of(["Alma Reyes, come at 8:30 a.m. to breakfast.", "Save seats"]) == [
        ", come at 8:30 am to breakfast."
    ]
