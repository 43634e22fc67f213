"""What the database holds, as plain values that a test can compare whole."""

import re
from collections import Counter

from django.apps import apps
from django.db import connection
from django.db.models import Model, QuerySet

from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from partners.models import Organization, Pledge
from summit.models import Event, Rsvp


def seats(event: Event) -> list[tuple[str, int, int]]:
    """Name, held and waiting seats of each RSVP of an event, in the order they were made."""
    return list(event.rsvps.order_by("pk").values_list("name", "held_seats", "waitlisted_seats"))


def emails(rsvp: Rsvp | None = None) -> list[str]:
    """Each message in the order written, as "kind number METHOD": "confirmed 1 REQUEST"."""
    messages = rsvp.messages.all() if rsvp else Message.objects.all()
    return [f"{name} {message.ics_method}".strip() for name, message in numbered(messages)]


def numbered(messages: QuerySet[Message]) -> list[tuple[str, Message]]:
    """Each message in the order written, with its kind and number: "confirmed 1". Links, whose keys have the time at
    which they were written, are numbered among those of their kind."""
    seen: Counter = Counter()
    found = []
    for message in messages.order_by("created_at", "object_id"):  # those of one statement have one time
        seen[message.kind, message.object_id] += 1
        name = re.sub("^(rsvp|pledge|invitation)_", "", message.kind.replace("request", "link"))
        number = "".join(message.idempotency_key.split(":", 2)[2:])
        if name == "link" or "T" in number:
            number = seen[message.kind, message.object_id]
        found.append((f"{name} {number}".strip(), message))
    return found


def guests(rsvp: Rsvp) -> list[tuple[int, str]]:
    """Position and name of each guest of a party."""
    return list(rsvp.guests.order_by("position").values_list("position", "name"))


def tables(*, but: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every row of every table as text, by the model's label. One query, because hundreds of tests ask twice."""
    models = {model._meta.label: model._meta.db_table for model in apps.get_models() if model._meta.label not in but}
    rows = {label: [] for label in models}
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{label}', t::text FROM {table} t" for label, table in models.items())
        )
        for label, row in sorted(cursor.fetchall()):
            rows[label].append(row)
    return rows


def promises(pledge: Pledge) -> list[tuple]:
    """Kind, quantity, grades, months, schools and note of each promise, in the order of the checklist."""
    return [
        (p.promise_type.code, p.quantity, p.grades, p.months, sorted(s.name for s in p.schools.all()), p.note)
        for p in pledge.promises.select_related("promise_type").order_by("promise_type__order")
    ]


def promised_amounts(pledge: Pledge) -> dict[str, int]:
    """How much is promised of each kind, by its code."""
    return dict(pledge.promises.values_list("promise_type__code", "quantity"))


def pledges() -> list[tuple]:
    """Organization, school year, state and version of each pledge, in the order they were made."""
    rows = Pledge.objects.select_related("organization", "year").order_by("pk")
    return [(row.organization.name, row.year_id, row.state, row.version) for row in rows]


def organizations() -> list[str]:
    return list(Organization.objects.order_by("pk").values_list("name", flat=True))


def emails_to() -> list[str]:
    """Each message in the order written: kind, number and address, "signed 1 alma@example.org"."""
    return [f"{name} {message.recipient}" for name, message in numbered(Message.objects.all())]


def changes(obj: Model) -> list[dict]:
    """What each change of one thing was, oldest first."""
    return [entry.changes for entry in AuditEntry.objects.about(obj).order_by("created_at", "pk")]
