"""Who changed what and when, from what to what: one row a change, written in the transaction of the change."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from django.db.models import Model
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from imagine.core.db.inserts import FEW, insert
from imagine.core.models import AuditEntry


class Actor(NamedTuple):
    """Who acts: a guest by a private link, a member of staff by user name, or the program by itself."""

    kind: str
    name: str = ""


GUEST = Actor(AuditEntry.Kind.GUEST)
PROGRAM = Actor(AuditEntry.Kind.PROGRAM)

MOST = 100  # changes in a table
LONGEST_REASON = AuditEntry._meta.get_field("reason").max_length
# Facts that are no field.
OTHER = {
    "answer": _("answer"),
    "came": _("came"),
    "canceled": _("cancelled"),
    "contact": _("contact"),
    "guests": _("guests"),
    "invited": _("invited"),
    "link": _("private link"),
    "logo": _("logo"),
    "merged": _("merged with it"),
    "needs": _("needs"),
}
# What is noted of such a fact is a word of ours.
SAID = {
    "link": {"replaced": _("replaced")},
    "logo": {"new": _("new")},
}

actor: ContextVar[Actor] = ContextVar("actor", default=PROGRAM)
gathered: ContextVar[list[AuditEntry] | None] = ContextVar("gathered", default=None)


@contextmanager
def acting_as(who: Actor) -> Iterator[None]:
    """Changes inside are written down as made by `who`."""
    mark = actor.set(who)
    try:
        yield
    finally:
        actor.reset(mark)


@contextmanager
def gathering() -> Iterator[None]:
    """What is noted inside is written at its end, in one statement. Belongs inside the transaction of the changes."""
    rows: list[AuditEntry] = []
    mark = gathered.set(rows)
    try:
        yield
        write(rows)
    finally:
        gathered.reset(mark)


def note(about: str, before: dict, after: dict, *, reason: str = "", hidden: tuple[str, ...] = ()) -> None:
    """Writes down how `after` differs from `before`, both plain values by field; nothing when they are equal. `about`
    says of what, such as "rsvp:17". Of a `hidden` field only that it changed is kept: what a person took back must not
    live on here."""
    note_all([(about, before, after)], reason=reason, hidden=hidden)


def note_all(changes: Iterable[tuple[str, dict, dict]], *, reason: str = "", hidden: tuple[str, ...] = ()) -> None:
    """The same of many things in one statement: of what, before and after."""
    who, found = actor.get(), ((about, differences(*facts, hidden)) for about, *facts in changes)
    rows = [
        AuditEntry(about=about, kind=who.kind, name=who.name, what=what, reason=reason) for about, what in found if what
    ]
    waiting = gathered.get()
    if waiting is None:
        write(rows)
    else:
        waiting += rows


def write(rows: list[AuditEntry]) -> None:
    if len(rows) <= FEW:
        insert(*rows)
    else:
        AuditEntry.objects.bulk_create(rows)


def differences(before: dict, after: dict, hidden: tuple[str, ...]) -> dict:
    return {
        field: ["…", "…"] if field in hidden else [before.get(field, ""), after.get(field, "")]
        for field in {**before, **after}
        if before.get(field, "") != after.get(field, "")
    }


def table(
    about: str, thing: Model, parts: dict[str, tuple[str, Model]] | None = None, *, words: dict | None = None
) -> str:
    """The newest changes of one thing as a table for staff, and of its `parts`, each with its name, by what history
    calls them. `words` are those of values, by a fact that is no field and then by the value."""
    things, words = {about: ("", thing)} | (parts or {}), SAID | (words or {})
    changes = AuditEntry.objects.filter(about__in=things).order_by("-at", "-pk")[:MOST]
    rows = [(change, *told(change, *things[change.about], words)) for change in changes]
    return render_to_string("admin/core/history.html", {"rows": rows})


def told(change: AuditEntry, name: str, thing: Model, words: dict) -> tuple[str, list[tuple[str, str, str]]]:
    return name, [in_words(field, *values, thing, words) for field, values in change.what.items()]


def in_words(field: str, before, after, thing: Model, words: dict) -> tuple[str, str, str]:
    """A field's name, its old and its new value, as staff read them. One that the model has no more keeps its old
    name."""
    fields = {known.name: known for known in thing._meta.fields}
    name = fields[field].verbose_name if field in fields else OTHER.get(field, field)
    choices = dict(fields[field].flatchoices) if field in fields else words.get(field, {})
    return str(name), value_in_words(before, choices), value_in_words(after, choices)


def value_in_words(value, choices: dict) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return str(choices.get(value, value)) if value not in ("", None) else "–"


class ActorMiddleware:
    """Tells history who acts in a request: the member of staff in the admin, a guest everywhere else."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        with acting_as(GUEST):
            return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        if "admin" in request.resolver_match.app_names:
            actor.set(Actor(AuditEntry.Kind.STAFF, request.user.get_username()))
