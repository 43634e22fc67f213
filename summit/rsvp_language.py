"""The language of email about RSVPs to an address (docs/rules.md, Email preferences)."""

from contextlib import suppress

from summit import seats
from summit.models import Rsvp


def language_of_rsvps(email: str) -> str:
    """Return the language of the newest RSVP for an upcoming event with this address, or ""."""
    rsvps = Rsvp.objects.for_coming_events().with_email(email).order_by("-pk")
    return rsvps.values_list("language", flat=True).first() or ""


def set_language_of_rsvps(email: str, language: str) -> None:
    """Set the language of all RSVPs for upcoming events, each under its event's lock. Deleted ones are skipped."""
    for rsvp in Rsvp.objects.for_coming_events().with_email(email).exclude(language=language):
        with suppress(Rsvp.DoesNotExist):
            seats.update_contact(rsvp, language=language)
