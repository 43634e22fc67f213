"""Stored mail: messages, mailings, what each address wants, and the words that staff may change."""

from imagine.mail.models.mailings import Address, Mailing, Pace, Wording
from imagine.mail.models.messages import Claim, Heartbeat, Message, give_up_time

__all__ = [
    "Address",
    "Claim",
    "Heartbeat",
    "Mailing",
    "Message",
    "Pace",
    "Wording",
    "give_up_time",
]
