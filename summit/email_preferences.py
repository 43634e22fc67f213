"""What the holder of an address says about mail to it: which mail, and in which language (docs/rules.md)."""

from contextlib import suppress

from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from partners.organizations import languages
from summit import seats
from summit.models import Rsvp


def spoken(email: str) -> str:
    """In which language the district writes to an address, "" when it knows nobody there."""
    rsvps = Rsvp.objects.for_coming_events().with_email(email).order_by("-pk")
    return languages.language_of_address(email) or rsvps.values_list("language", flat=True).first() or ""


def save(address: EmailPreference, *, language: str = "", **wanted: bool) -> None:
    """Writes which of invitations, reminders and news an address wants and, when it is given, the language of whoever
    it belongs to: contacts, pledges, RSVPs for coming events. Each thing under its own lock, and what is erased
    meanwhile is passed over; twice changes nothing."""
    if any(getattr(address, f"wants_{name}") != wants for name, wants in wanted.items()):
        preferences.choose(address, **wanted)
    if not language:
        return
    languages.set_language_of_address(address.email, language)
    for rsvp in Rsvp.objects.for_coming_events().with_email(address.email).exclude(language=language):
        with suppress(Rsvp.DoesNotExist):
            seats.correct_contact(rsvp, language=language)
