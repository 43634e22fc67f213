"""`python -m benchmarks.prepare`: the product's database, its static files, and a coming summit with 200 RSVPs."""

from datetime import timedelta

import django
from django.core.management import call_command

SUMMIT = "summit"


def prepare() -> None:
    from imagine.demo.prepare import UNUSED  # needs the settings

    call_command("migrate", verbosity=0)
    call_command("collectstatic", ignore_patterns=UNUSED, interactive=False, verbosity=0)
    open_event(SUMMIT, kind="summit")


def open_event(slug: str, kind: str = "kickoff"):
    """A coming event that takes RSVPs."""
    from django.utils import timezone  # needs the settings

    from summit import event_changes
    from summit.models import Event

    starts_at = timezone.now() + timedelta(days=30)
    return event_changes.save_event(
        Event(
            kind=kind,
            title="Imagine Promise Summit",
            slug=slug,
            school_year=2027,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
            venue="University of the Pacific",
            address="3601 Pacific Avenue, Stockton, California",
            description="Leaders of Stockton’s businesses, nonprofits, congregations, unions and colleges meet.",
            capacity=20_000,
            rsvp_opens_at=starts_at - timedelta(days=60),
            rsvp_closes_at=starts_at - timedelta(hours=1),
            is_published=True,
        )
    )


if __name__ == "__main__":
    django.setup()
    prepare()
