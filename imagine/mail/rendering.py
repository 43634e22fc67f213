"""Letters: the words of a mail stand once in a template; three layouts make subject, plain text and HTML of them.

To render a template takes milliseconds, and most letters of one kind differ in names, links and codes alone. So a
letter is rendered once with places where those stand, and kept; then each person's words are filled in.
"""

import re
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.template import Context, Engine
from django.utils.html import escape
from django.utils.translation import get_language

from imagine.mail.models import MAX_LENGTH_SUBJECT

MOST_KEPT = 300  # letters of some 10 kB
PLACE = re.compile("\ue000(\\w+)\ue001")  # characters that no template has


class RenderedEmail(NamedTuple):
    subject: str
    body_text: str
    body_html: str


def place(name: str) -> str:
    """What stands in a letter where the words called `name` come."""
    return f"\ue000{name}\ue001"


def write(
    kind: str, facts: Mapping[str, Hashable], words: Mapping[str, str], *, layout: str = "mail/layout"
) -> RenderedEmail:
    """The letter of templates/mail/<kind>.txt in the current language.

    `facts` are given to the template and compared with those of letters that were rendered before: plain values only.
    `words` belong to one person: the template sees a place under each name, and cannot ask what stands there. They are
    filled in as they are, in HTML escaped, on one line: no name begins a header, or a line that reads like ours.
    """
    letter = blank(
        kind, layout, get_language(), settings.MAIL_POSTAL_ADDRESS, frozenset(facts.items()), frozenset(words)
    )
    words = {name: one_line(said) for name, said in words.items()}
    subject = shortened(one_line(filled(letter.subject, words)))
    escaped = {name: escape(said) for name, said in {**words, "subject": subject}.items()}
    return RenderedEmail(subject, filled(letter.body_text, words), filled(letter.body_html, escaped))


@lru_cache(maxsize=MOST_KEPT)
def blank(
    kind: str, layout: str, language: str, postal_address: str, facts: frozenset[tuple], words: frozenset[str]
) -> RenderedEmail:
    """A letter with places for one person's words, its subject among them. It is kept under all that it says."""
    context = dict(facts) | {name: place(name) for name in (*words, "subject")}
    context |= {"language": language, "postal_address": postal_address}
    template = Engine.get_default().get_template(f"mail/{kind}.txt")
    subject, text, html = (
        template.render(Context(context | {"layout": layout + end}, autoescape=end == ".html"))
        for end in (".subject.txt", ".txt", ".html")
    )
    return RenderedEmail(subject, without_gaps(text), html)


def filled(text: str, words: Mapping[str, str]) -> str:
    return PLACE.sub(lambda found: words[found[1]], text)


def one_line(words: str) -> str:
    return " ".join(words.split())


def shortened(subject: str) -> str:
    return subject if len(subject) <= MAX_LENGTH_SUBJECT else subject[: MAX_LENGTH_SUBJECT - 1] + "…"


def without_gaps(text: str) -> str:
    """At most one empty line between paragraphs: a template's tags leave more."""
    lines = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
