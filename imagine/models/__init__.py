"""What the project stores, without a word of the domain."""

from imagine.models.mailings import Address, Mailing, Pace, Wording
from imagine.models.messages import Claim, Heartbeat, Message, give_up_time
from imagine.models.records import Change, Tally, new_token

__all__ = [
    "Address",
    "Change",
    "Claim",
    "Heartbeat",
    "Mailing",
    "Message",
    "Pace",
    "Tally",
    "Wording",
    "give_up_time",
    "new_token",
]
