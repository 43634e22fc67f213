"""Every rule about pledges, and nothing else writes them (docs/rules.md).

Each function locks the organization's row first, then looks, then writes, so that two of them never act on the same
pledge; one that begins locks what was typed to begin it. Each may be called twice without harm. The mail that tells of
a change is written in the same transaction. No rule here reads or writes a seat.
"""

from partners.pledges.beginnings import Begun, begin_for
from partners.pledges.links import Nobody, mail_again, mail_link, replace_link
from partners.pledges.saves import (
    Changed,
    Difference,
    NothingPromised,
    Signed,
    Wrong,
    delete,
    facts,
    keep,
    save,
    sign,
    signature_of,
)
from partners.pledges.sheets import Closed, Known, Missing, Refused, Sheet, find
from partners.pledges.starts import answer, begin, open_for, tidy_starts
from partners.pledges.years import close_year, remind, remind_anew, remind_drafts, reopen_year, take_back_reminders

__all__ = [
    "Begun",
    "Changed",
    "Closed",
    "Difference",
    "Known",
    "Missing",
    "Nobody",
    "NothingPromised",
    "Refused",
    "Sheet",
    "Signed",
    "Wrong",
    "answer",
    "begin",
    "begin_for",
    "close_year",
    "delete",
    "facts",
    "find",
    "keep",
    "mail_again",
    "mail_link",
    "open_for",
    "remind",
    "remind_anew",
    "remind_drafts",
    "reopen_year",
    "replace_link",
    "save",
    "sign",
    "signature_of",
    "take_back_reminders",
    "tidy_starts",
]
