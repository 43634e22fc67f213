"""Staff send a message once more. What it says may be true no more: whose mail it is has it written anew, or says what
to do instead."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from imagine.mail import delivery
from imagine.mail.models import Message

# By other apps: how their mail is sent again, as mail.send_again does it, by the word with which its keys begin.
RULES: dict[str, Callable[[Message], bool]] = {}


class NotAgain(Exception):
    """It is not sent again. Its text is a sentence for staff."""


def send(message: Message) -> bool:
    """Whether there is something to send; not of one that is on its way already. Raises NotAgain, and the DoesNotExist
    of the message or of what it is about."""
    if message.mailing and message.mailing.stopped_at:
        raise NotAgain(_("Its mailing was stopped: nothing of it is sent any more."))
    rule = RULES.get(message.idempotency_key.partition(":")[0], delivery.send_again)
    return rule(message)
