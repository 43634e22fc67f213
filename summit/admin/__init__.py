"""Events and RSVPs in the admin. Every change of seats goes through seats.py, so that staff follow the same rules as
guests."""

from summit.admin.audiences import AudienceAdmin
from summit.admin.events import EventAdmin
from summit.admin.invitations import InvitationAdmin
from summit.admin.rsvps import RsvpAdmin
from summit.admin.staff_emails import StaffEmailAdmin

__all__ = ["AudienceAdmin", "EventAdmin", "InvitationAdmin", "RsvpAdmin", "StaffEmailAdmin"]
