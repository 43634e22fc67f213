"""Whether records may be deleted. The apps above core answer, for example because a person is on hold."""

from collections.abc import Sequence

from django.db.models import Model

from imagine.core.errors import RuleViolation
from imagine.core.signals import deletion_requested


class DeletionRefused(RuleViolation):
    """Something must not be deleted. The text says why."""


def reasons_to_keep(rows: Sequence[Model]) -> list[str]:
    """Return why some of these rows must not be deleted."""
    answers = deletion_requested.send(sender=DeletionRefused, rows=rows)
    return [reason for _receiver, reasons in answers for reason in reasons or ()]


def check_deletable(*rows: Model) -> None:
    """Raise DeletionRefused if one of these rows must not be deleted. Each rule that deletes for staff asks this."""
    if reasons := reasons_to_keep(rows):
        raise DeletionRefused(" ".join(reasons))
