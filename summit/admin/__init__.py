"""Events and RSVPs in the admin. Every change of seats goes through seats.py, so that a change by staff obeys what a
guest's own does."""

from summit.admin.audiences import AudienceAdmin
from summit.admin.events import EventAdmin
from summit.admin.invitations import InvitationAdmin
from summit.admin.rsvps import RsvpAdmin

__all__ = ["AudienceAdmin", "EventAdmin", "InvitationAdmin", "RsvpAdmin"]
