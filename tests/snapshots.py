"""The contents of the database as plain values that tests can compare."""

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
    """Return the name, held seats and waitlisted seats of each RSVP of an event, in the order they were created."""
    return list(event.rsvps.order_by("pk").values_list("name", "held_seats", "waitlisted_seats"))


def emails(rsvp: Rsvp | None = None) -> list[str]:
    """Return "kind number METHOD" for each message in the order written, such as "confirmed 1 REQUEST"."""
    messages = rsvp.messages.all() if rsvp else Message.objects.all()
    return [f"{name} {message.ics_method}".strip() for name, message in numbered(messages)]


def numbered(messages: QuerySet[Message]) -> list[tuple[str, Message]]:
    """Return each message in the order written, with its kind and number: "confirmed 1". Keys of links contain a
    timestamp, so links are numbered by kind."""
    seen: Counter = Counter()
    named_messages = []
    for message in messages.order_by("created_at", "object_id"):  # messages of one statement have the same time
        seen[message.kind, message.object_id] += 1
        name = re.sub("^(rsvp|pledge|invitation)_", "", message.kind.replace("request", "link"))
        number = "".join(message.idempotency_key.split(":", 2)[2:])
        if name == "link" or "T" in number:
            number = seen[message.kind, message.object_id]
        named_messages.append((f"{name} {number}".strip(), message))
    return named_messages


def guests(rsvp: Rsvp) -> list[tuple[int, str]]:
    """Return the position and name of each guest of a party."""
    return list(rsvp.guests.order_by("position").values_list("position", "name"))


def tables(*, exclude: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Return every row of every table as text, by model label. One query, because hundreds of tests call this twice."""
    models = {
        model._meta.label: model._meta.db_table for model in apps.get_models() if model._meta.label not in exclude
    }
    rows = {label: [] for label in models}
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{label}', t::text FROM {table} t" for label, table in models.items())
        )
        for label, row in sorted(cursor.fetchall()):
            rows[label].append(row)
    return rows


def promises(pledge: Pledge) -> list[tuple]:
    """Return each promise's type, quantity, grades, months, schools and note, in checklist order."""
    return [
        (p.promise_type.code, p.quantity, p.grades, p.months, sorted(s.name for s in p.schools.all()), p.note)
        for p in pledge.promises.select_related("promise_type").order_by("promise_type__order")
    ]


def promised_amounts(pledge: Pledge) -> dict[str, int]:
    """Return the promised quantity by promise type code."""
    return dict(pledge.promises.values_list("promise_type__code", "quantity"))


def pledges() -> list[tuple]:
    """Return each pledge's organization, school year, state and version, in the order they were created."""
    rows = Pledge.objects.select_related("organization", "year").order_by("pk")
    return [(row.organization.name, row.year_id, row.state, row.version) for row in rows]


def organizations() -> list[str]:
    return list(Organization.objects.order_by("pk").values_list("name", flat=True))


def emails_to() -> list[str]:
    """Return the kind, number and recipient of each message in the order written: "signed 1 alma@example.org"."""
    return [f"{name} {message.recipient}" for name, message in numbered(Message.objects.all())]


def changes(obj: Model) -> list[dict]:
    """Return the changes of an object, oldest first."""
    return [entry.changes for entry in AuditEntry.objects.about(obj).order_by("created_at", "pk")]
