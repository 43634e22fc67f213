"""What the summit stores: events, who comes, who is asked."""

from summit.models.events import LARGEST_CAPACITY, LARGEST_PARTY, NEXT_OF, Event
from summit.models.invitations import Audience, Invitation, Reminder, SentList, answer_of
from summit.models.rsvps import (
    CODES,
    Guest,
    LinkRequest,
    Rsvp,
    RsvpQuerySet,
    door_code,
    door_number,
    status_of,
)

__all__ = [
    "CODES",
    "LARGEST_CAPACITY",
    "LARGEST_PARTY",
    "NEXT_OF",
    "Audience",
    "Event",
    "Guest",
    "Invitation",
    "LinkRequest",
    "Reminder",
    "Rsvp",
    "RsvpQuerySet",
    "SentList",
    "answer_of",
    "door_code",
    "door_number",
    "status_of",
]
