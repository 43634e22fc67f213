"""What guests change about their party besides seats. The rules about seats are in seats.py."""

from summit.models import Rsvp
from summit.seats import check_editable, promotes_waitlist


@promotes_waitlist
def update_details(rsvp: Rsvp, **fields: str) -> None:
    """Write phone, organization, note, and what anyone in the party needs. The name of another organization has to be
    matched again. Raise RsvpClosed if the event is over."""
    check_editable(rsvp.event)
    if fields.get("organization_name", rsvp.organization_name) != rsvp.organization_name:
        fields |= {"organization": None, "no_organization": False}
    for field, value in fields.items():
        setattr(rsvp, field, value)
    rsvp.save(update_fields=list(fields))
