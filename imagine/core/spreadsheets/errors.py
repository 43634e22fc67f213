from django.utils.translation import gettext as _

from imagine.core.errors import RuleViolation

MAX_COLUMNS = 100


class Unreadable(RuleViolation):
    """The file can't be read as a table. The text is a sentence for the person who uploaded it."""


def too_wide() -> Unreadable:
    message = _("This file has more than %(most)d columns. Delete the ones you don’t need.")
    return Unreadable(message % {"most": MAX_COLUMNS})
