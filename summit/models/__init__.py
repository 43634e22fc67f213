"""Events, RSVPs and invitations."""

from summit.models.date_alerts import DateAlert
from summit.models.events import MAX_CAPACITY, MAX_PARTY_SIZE, Event, EventVersion
from summit.models.invitations import Audience, ContactListUpload, Invitation, Reminder, UploadedPerson, answer_of
from summit.models.rsvps import (
    CODE_COUNT,
    Guest,
    LinkRequest,
    Rsvp,
    RsvpQuerySet,
    door_code,
    door_number,
    status_of,
)
from summit.models.staff_emails import StaffEmail, StaffEmailRecipient

__all__ = [
    "CODE_COUNT",
    "MAX_CAPACITY",
    "MAX_PARTY_SIZE",
    "Audience",
    "ContactListUpload",
    "DateAlert",
    "Event",
    "EventVersion",
    "Guest",
    "Invitation",
    "LinkRequest",
    "Reminder",
    "Rsvp",
    "RsvpQuerySet",
    "StaffEmail",
    "StaffEmailRecipient",
    "UploadedPerson",
    "answer_of",
    "door_code",
    "door_number",
    "status_of",
]
