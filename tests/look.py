"""What the database holds, as plain values that a test can compare whole."""

from django.apps import apps

from imagine.mail.models import Message
from summit.models import Event, Rsvp


def seats(event: Event) -> list[tuple[str, int, int]]:
    """Name, held and waiting seats of each RSVP of an event, in the order they were made."""
    return list(event.rsvps.order_by("pk").values_list("name", "held_seats", "waitlisted_seats"))


def letters(rsvp: Rsvp | None = None) -> list[str]:
    """Each message in the order written, as "kind number METHOD": "confirmed 1 REQUEST"."""
    messages = Message.objects.about(f"rsvp:{rsvp.pk}") if rsvp else Message.objects.all()
    rows = messages.order_by("created_at").values_list("idempotency_key", "ics_method")
    return [f"{' '.join(key.split(':')[2:])} {method}".strip() for key, method in rows]


def guests(rsvp: Rsvp) -> list[tuple[int, str]]:
    """Position and name of each guest of a party."""
    return list(rsvp.guests.order_by("position").values_list("position", "name"))


def tables(*, but: tuple[str, ...] = ()) -> dict[str, list[tuple]]:
    """Every row of every table, by the model's label."""
    models = [model for model in apps.get_models() if model._meta.label not in but]
    return {model._meta.label: list(model.objects.order_by("pk").values_list()) for model in models}
