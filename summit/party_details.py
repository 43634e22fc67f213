"""What guests change about their party besides seats. The rules about seats are in seats.py."""

from collections.abc import Sequence

from django.db import transaction

from summit import seats
from summit.models import Guest, Rsvp
from summit.seats import check_editable, promotes_waitlist


@promotes_waitlist
def update_details(rsvp: Rsvp, **fields: str | bool | None) -> None:
    """Write phone, organization, note, and what anyone in the party needs. The name of another organization has to be
    matched again. Raise RsvpClosed if the event is over."""
    check_editable(rsvp.event)
    if fields.get("organization_name", rsvp.organization_name) != rsvp.organization_name:
        fields |= {"organization": None, "no_organization": False}
    for field, value in fields.items():
        setattr(rsvp, field, value)
    rsvp.save(update_fields=list(fields))


@transaction.atomic
def add_answers(rsvp: Rsvp, *, size: int, guests: Sequence[Guest], details: dict[str, str | bool]) -> bool:
    """Write what the browser of an RSVP sent again, and return whether anything changed. What was typed replaces what
    was there, an empty answer erases nothing, and the party doesn't shrink. Raise RsvpClosed or PartyOutOfBounds."""
    rsvp = seats.lock_rsvp(rsvp)
    if not adds_something(rsvp, size=size, guests=guests, details=details):
        return False
    details = {name: value for name, value in details.items() if value and value != getattr(rsvp, name)}
    if details.pop("accepts_partial", False):
        rsvp = seats.set_accepts_partial(rsvp, True)
    if details:
        rsvp = update_details(rsvp, **details)
    if size > rsvp.party_size:
        rsvp = seats.change_party_size(rsvp, size=size)
    party = {guest.position: guest.pk for guest in rsvp.guests.all()}
    typed = {party[place]: typed_values(guest) for place, guest in enumerate(guests, start=1) if place in party}
    seats.update_guests(rsvp, typed)
    return True


def adds_something(rsvp: Rsvp, *, size: int, guests: Sequence[Guest], details: dict[str, str | bool]) -> bool:
    """Return whether these answers say more, or something else, than an RSVP has."""
    party = {guest.position: guest for guest in rsvp.guests.all()}
    return (
        size > rsvp.party_size
        or any(value and value != getattr(rsvp, name) for name, value in details.items())
        or any(
            place not in party or value != getattr(party[place], field)
            for place, guest in enumerate(guests, start=1)
            for field, value in typed_values(guest).items()
        )
    )


def typed_values(guest: Guest) -> dict[str, str]:
    return {field: value for field in seats.GUEST_FIELDS if (value := getattr(guest, field))}
