"""Who changed what and when: one entry per change, written in the transaction of the change."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.models import AuditEntry


class Actor(NamedTuple):
    """Who acts: a guest by a personal link, a staff member by username, or the system."""

    kind: str
    name: str = ""


GUEST = Actor(AuditEntry.ActorKind.GUEST)
SYSTEM = Actor(AuditEntry.ActorKind.SYSTEM)

GUEST_LABEL = _("guest")
MAX_ENTRIES = 100  # in a history table
MAX_LENGTH_REASON = AuditEntry._meta.get_field("reason").max_length
# Labels of logged values that aren't fields.
EXTRA_LABELS = {
    "answer": _("answer"),
    "came": pgettext_lazy("change history", "attended"),
    "canceled": pgettext_lazy("change history", "canceled"),
    "contact": _("contact"),
    "guests": _("guests"),
    "invited": _("invited"),
    "emailed": _("emailed"),
    "link": _("personal link"),
    "logo": _("logo"),
    "merged": _("merged record"),
    "needs": _("needs"),
}
EXTRA_VALUES = {
    "link": {"replaced": _("replaced")},
    "logo": {"new": _("new")},
}

_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)
_batch: ContextVar[list[AuditEntry] | None] = ContextVar("batch", default=None)


def current_actor() -> Actor:
    return _actor.get()


@contextmanager
def as_actor(actor: Actor) -> Iterator[None]:
    """Log the changes made inside as made by `actor`."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


@contextmanager
def batch_log() -> Iterator[None]:
    """Write all entries logged inside with one statement at the end. Use it inside the transaction of the changes."""
    entries: list[AuditEntry] = []
    token = _batch.set(entries)
    try:
        yield
        AuditEntry.objects.bulk_create(entries)
    finally:
        _batch.reset(token)


def log_change(obj: Model, before: dict, after: dict, *, reason: str = "", hidden: tuple[str, ...] = ()) -> None:
    """Log how `after` differs from `before`, both plain values by field. Log nothing if they are equal. Of a `hidden`
    field, keep only that it changed, because what a person took back must not stay here."""
    log_changes([(obj, before, after)], reason=reason, hidden=hidden)


def log_changes(changes: Iterable[tuple[Model, dict, dict]], *, reason: str = "", hidden: tuple[str, ...] = ()) -> None:
    """Log changes of many objects with one statement: the object, before, after."""
    kind, name = current_actor()
    entries = [
        AuditEntry(about=obj, actor_kind=kind, actor_name=name, changes=difference, reason=reason)
        for obj, before, after in changes
        if (difference := changed_values(before, after, hidden))
    ]
    batch = _batch.get()
    if batch is None:
        AuditEntry.objects.bulk_create(entries)
    else:
        batch += entries


def changed_values(before: dict, after: dict, hidden: tuple[str, ...]) -> dict:
    return {
        field: ["…", "…"] if field in hidden else [before.get(field, ""), after.get(field, "")]
        for field in {**before, **after}
        if before.get(field, "") != after.get(field, "")
    }


def has_changed_since(moment: datetime, obj: Model, *fields: str) -> bool:
    """Return whether one of these fields of an object changed after `moment`, by the database's clock."""
    entries = AuditEntry.objects.about(obj).filter(changes__has_any_keys=fields)
    return entries.filter(created_at__gt=moment).exists()


# For display -------------------------------------------------------------------------------------------------------


def history_table(
    *objects: Model,
    name: Callable[[Model], str] = lambda obj: "",
    value_labels: dict | None = None,
    guest: Promise | str = GUEST_LABEL,
) -> str:
    """Render the newest changes of some objects for staff, each with the object's `name`. `value_labels` labels logged
    values that aren't a field's. `guest` is what to call someone who acts by a personal link."""
    by_key = {(ContentType.objects.get_for_model(obj).pk, obj.pk): obj for obj in objects}
    labels = EXTRA_VALUES | (value_labels or {})
    entries = AuditEntry.objects.about_any(objects).order_by("-created_at", "-pk")[:MAX_ENTRIES]
    rows = []
    for entry in entries:
        obj = by_key[entry.content_type_id, entry.object_id]
        rows.append((entry, name(obj), row_for_display(entry, obj, labels)))
    return render_to_string("admin/core/history.html", {"rows": rows, "guest": guest})


def row_for_display(entry: AuditEntry, obj: Model, value_labels: dict) -> list[tuple[str, str, str]]:
    return [
        change_for_display(field, before, after, obj, value_labels) for field, (before, after) in entry.changes.items()
    ]


def change_for_display(field: str, before, after, obj: Model, value_labels: dict) -> tuple[str, str, str]:
    """Return a field's label, its old and its new value. A field that no longer exists keeps its name."""
    fields = {known.name: known for known in obj._meta.fields}
    choices = dict(fields[field].flatchoices) if field in fields else value_labels.get(field, {})
    return field_label(field, type(obj)), display_value(before, choices), display_value(after, choices)


def field_label(name: str, model: type[Model]) -> str:
    labels = {field.name: field.verbose_name for field in model._meta.fields}
    return str(labels.get(name, EXTRA_LABELS.get(name, name)))


def display_value(value, choices: dict) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return str(choices.get(value, value)) if value not in ("", None) else "–"


class ActorMiddleware:
    """Set who acts in a request: the staff member in the admin, a guest everywhere else."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        with as_actor(GUEST):
            return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        if "admin" in request.resolver_match.app_names:
            _actor.set(Actor(AuditEntry.ActorKind.STAFF, request.user.get_username()))
