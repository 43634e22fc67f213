"""Every rule about invitations (docs/rules.md): who starts them, how they are written and taken back, how they are
answered. Seats are given by seats.py alone, mail is sent by imagine.bulk.

Who starts locks the event, so that two who start at once never ask one person twice. Who writes or stops locks the
mailing. Who answers locks the event, the contact's organization, the invitation, in this order.
"""

from summit.invitations.again import send_again, settle
from summit.invitations.answers import accept, decline, lock, of_address, replace_link, tie_known
from summit.invitations.people import forget, join, write_again
from summit.invitations.starting import Changed, Nobody, NotNow, Refused, check, start
from summit.invitations.writing import go_on, pause, stop, stop_the_unanswerable, write

__all__ = [
    "Changed",
    "Nobody",
    "NotNow",
    "Refused",
    "accept",
    "check",
    "decline",
    "forget",
    "go_on",
    "join",
    "lock",
    "of_address",
    "pause",
    "replace_link",
    "send_again",
    "settle",
    "start",
    "stop",
    "stop_the_unanswerable",
    "tie_known",
    "write",
    "write_again",
]
