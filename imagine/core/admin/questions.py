"""The page that asks before an admin action changes rows: how many, which, who gets email, whether it can be undone.

The page carries the rows that it showed in one hidden field, each with a fingerprint, because Django refuses a form
with thousands of fields. A row that has changed since isn't touched.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core.logging import without_links

ROWS_SHOWN = "rows_shown"  # the hidden field
MAX_ROWS = 10_000  # in one action: what the field can carry, and one request can do
NAMES_SHOWN = 20  # the others are folded
MAX_NAMES = 5  # in one message

Fingerprint = Callable[[Model], str]


class Effect(NamedTuple):
    """What happens to others: a sentence, and their names."""

    sentence: str
    names: Sequence[str] = ()


class Language(NamedTuple):
    """The emails in one language: how many, and what the first one says."""

    code: str
    number: int
    subject: str
    text: str


class Question(NamedTuple):
    """What a page asks. Without a button, it only says why not."""

    title: str
    button: str
    rows: Sequence[Model]
    undo: str = ""
    refusals: Sequence[str] = ()
    emails: Sequence[Model] = ()
    effects: Sequence[Effect] = ()
    notes: Sequence[str] = ()  # about selected rows that stay as they are
    form: forms.Form | None = None
    row_template: str = ""  # shows each row in full, in place of its name
    next_button: str = ""  # does the same, and goes on with the next row
    is_dangerous: bool = False


def question_page(
    page,
    request: HttpRequest,
    question: Question,
    *,
    mark: Fingerprint | None = None,
    back: str = "",
) -> HttpResponse:
    """Return the page. `mark` returns the fingerprint of a row, and `back` is where the page leads if the answer is no:
    by default, to the list as it was filtered."""
    mark = mark or page.row_fingerprint
    names = [] if question.row_template else [page.row_label(row) for row in question.rows]
    context = {
        **page.admin_site.each_context(request),
        "title": question.title,
        "opts": page.opts,
        "question": question,
        "names": names[:NAMES_SHOWN],
        "more_names": names[NAMES_SHOWN:],
        "more_number": f"{len(names[NAMES_SHOWN:]):,}",
        "emails": emails_by_kind(question.emails),
        "action": request.POST.get("action", ""),
        "field": ROWS_SHOWN,
        "rows_shown": ",".join(f"{row.pk}:{mark(row)}" for row in question.rows),
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "back": back or request.get_full_path(),
        "media": page.media,
    }
    return TemplateResponse(request, "admin/core/question.html", context)


def emails_by_kind(emails: Iterable[Model]) -> list[tuple[int, list[Language]]]:
    """Return the number of emails of each kind, and those of each language."""
    kinds: dict[str, dict[str, list[Model]]] = {}
    for email in emails:
        kinds.setdefault(email.kind, {}).setdefault(email.language, []).append(email)
    return [
        (
            sum(map(len, languages.values())),
            [
                Language(code, len(those), those[0].subject, without_links(those[0].body_text))
                for code, those in sorted(languages.items())
            ],
        )
        for languages in kinds.values()
    ]


def shown_rows(request: HttpRequest) -> dict[str, str] | None:
    """Return the fingerprint of each row that the page showed, by its key, or None if no page was shown."""
    if ROWS_SHOWN not in request.POST:
        return None
    pairs = request.POST[ROWS_SHOWN].split(",")[:MAX_ROWS]
    return {key: mark for key, colon, mark in (pair.partition(":") for pair in pairs) if colon}


def default_mark(row: Model) -> str:
    """Return a short text that changes when a loaded field of the row does."""
    values = [row.__dict__[field.attname] for field in row._meta.concrete_fields if field.attname in row.__dict__]
    return shorten(repr(values))


def shorten(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]


def compare_to_shown(rows: QuerySet, shown: dict[str, str], mark: Fingerprint) -> tuple[list, list[Model]]:
    """Return the keys of the rows that are as they were shown, and the rows that have changed."""
    same, changed = [], []
    for row in rows.all():
        if shown.get(str(row.pk)) == mark(row):
            same.append(row.pk)
        else:
            changed.append(row)
    return same, changed


def changed_message(names: list[str]) -> str:
    message = ngettext(
        "%(names)s changed after you opened the page, so we left it as it is. Select it again to see it as it is now.",
        "%(names)s changed after you opened the page, so we left them as they are. Select them again to see them as "
        "they are now.",
        len(names),
    )
    return message % {"names": shorten_names(names)}


def shorten_names(names: list[str]) -> str:
    if len(names) <= MAX_NAMES:
        return ", ".join(names)
    return _("%(names)s and %(more)d more") % {"names": ", ".join(names[:MAX_NAMES]), "more": len(names) - MAX_NAMES}


def ask_text(button: str) -> str:
    """Return the text of a button as a question, to be the page's heading."""
    return _("%(what)s?") % {"what": button}


def numbered(text, number: int, items: str = "") -> str:
    """Return an ngettext_lazy text, or one with %(items)s, with its number as people write it."""
    return str(text % {"number": number, "items": items}).replace(str(number), f"{number:,}", 1)
