"""Data for tests, made through the rules themselves. Say only what the test is about."""

from datetime import timedelta

from django.utils import timezone

from summit import seats
from summit.models import Event, Guest, Rsvp


def event(**fields) -> Event:
    """A published summit in thirty days with 10 seats, open for RSVPs."""
    starts_at = fields.pop("starts_at", timezone.now().replace(microsecond=0) + timedelta(days=30))
    number = Event.objects.count() + 1
    defaults = {
        "title": "Imagine Promise Summit",
        "title_es": "Cumbre Imagine Promise",
        "slug": f"summit-{number}",
        "school_year": 2027,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2, minutes=30),
        "venue": "University of the Pacific",
        "address": "3601 Pacific Avenue, Stockton, California",
        "capacity": 10,
        "rsvp_opens_at": starts_at - timedelta(days=60),
        "rsvp_closes_at": starts_at - timedelta(hours=1),
        "is_published": True,
    }
    return Event.objects.create(**(defaults | fields))


def unsaved_rsvp(event: Event, name: str = "Alma Reyes", **fields) -> Rsvp:
    email = fields.pop("email", f"{name.lower().replace(' ', '.')}@example.org")
    return Rsvp(event=event, name=name, email=email, **fields)


def rsvp(event: Event, name: str = "Alma Reyes", *, size: int = 1, guests: tuple[str, ...] = (), **fields) -> Rsvp:
    """An RSVP as the form makes it, the contact first, `guests` the names of companions."""
    party = [Guest(name=name), *(Guest(name=companion) for companion in guests)]
    return seats.reserve(unsaved_rsvp(event, name, **fields), size=size, guests=party[:size])


def over(event: Event) -> None:
    """The event ended an hour ago."""
    start = timezone.now() - timedelta(hours=3)
    Event.objects.filter(pk=event.pk).update(
        starts_at=start, ends_at=start + timedelta(hours=2), rsvp_closes_at=start, rsvp_opens_at=start - timedelta(1)
    )


def called_off(event: Event) -> None:
    """The event was cancelled, and nobody has been told."""
    Event.objects.filter(pk=event.pk).update(canceled_at=timezone.now())


def closed(event: Event) -> None:
    """RSVP has closed."""
    Event.objects.filter(pk=event.pk).update(rsvp_closes_at=timezone.now())


def without_promotion(event: Event) -> None:
    """The event starts in five hours, RSVP is open for four, and nobody is called up any more."""
    now = timezone.now()
    Event.objects.filter(pk=event.pk).update(
        starts_at=now + timedelta(hours=5), rsvp_closes_at=now + timedelta(hours=4)
    )
