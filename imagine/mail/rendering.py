"""Render emails from templates/mail/: subject, plain text and HTML of the same text, each with its own layout.

Rendering takes milliseconds, and most emails of a kind differ only in names, links and codes. So each is rendered once
with markers in their place and cached, and the markers are replaced for each recipient.
"""

import re
import secrets
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.template import Context, Engine
from django.utils.html import escape
from django.utils.translation import get_language

from imagine.mail.models import MAX_LENGTH_SUBJECT

MAX_CACHED = 300  # of about 10 kB each
MARK = secrets.token_hex(8)  # new in each process, so that no text can contain a marker
MARKER = re.compile(f"\ue000{MARK}(\\w+)\ue001")


class RenderedEmail(NamedTuple):
    subject: str
    body_text: str
    body_html: str


def marker(name: str) -> str:
    """Return what stands for the personal value `name` in a cached email."""
    return f"\ue000{MARK}{name}\ue001"


def render_email(
    template: str, facts: Mapping[str, Hashable], personal: Mapping[str, str], *, layout: str
) -> RenderedEmail:
    """Render templates/mail/<template>.txt within templates/<layout>, in the current language.

    `facts` are the template's context and part of the cache's key. `personal` values belong to one recipient: the
    template sees only markers under their names. They are inserted on one line, so that no name can begin a header or
    a paragraph of its own, and escaped in HTML.
    """
    cached = render_with_markers(
        template, layout, get_language(), settings.MAIL_POSTAL_ADDRESS, frozenset(facts.items()), frozenset(personal)
    )
    values = {name: to_one_line(value) for name, value in personal.items()}
    subject = truncate_subject(to_one_line(replace_markers(cached.subject, values)))
    escaped = {name: escape(value) for name, value in {**values, "subject": subject}.items()}
    return RenderedEmail(subject, replace_markers(cached.body_text, values), replace_markers(cached.body_html, escaped))


@lru_cache(maxsize=MAX_CACHED)
def render_with_markers(
    template: str, layout: str, language: str, postal_address: str, facts: frozenset[tuple], names: frozenset[str]
) -> RenderedEmail:
    """Render an email with markers for the personal values of these names, and for the subject in its HTML."""
    context = dict(facts) | {name: marker(name) for name in (*names, "subject")}
    context |= {"language": language, "postal_address": postal_address}
    source = Engine.get_default().get_template(f"mail/{template}.txt")
    subject, text, html = (
        source.render(Context(context | {"layout": layout + suffix}, autoescape=suffix == ".html"))
        for suffix in (".subject.txt", ".txt", ".html")
    )
    return RenderedEmail(subject, collapse_blank_lines(text), html)


def replace_markers(text: str, values: Mapping[str, str]) -> str:
    return MARKER.sub(lambda match: values[match[1]], text)


def to_one_line(value: str) -> str:
    return " ".join(value.split())


def truncate_subject(subject: str) -> str:
    return subject if len(subject) <= MAX_LENGTH_SUBJECT else subject[: MAX_LENGTH_SUBJECT - 1] + "…"


def collapse_blank_lines(text: str) -> str:
    """Strip each line and keep one blank line between paragraphs; template tags leave more."""
    lines = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
