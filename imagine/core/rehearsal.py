"""Do something without keeping it, to tell staff beforehand what it would change and whom it would email."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction
from django.db.models import Model

_emails: ContextVar[list[Model] | None] = ContextVar("emails", default=None)


@contextmanager
def rehearse() -> Iterator[list[Model]]:
    """Undo everything written inside. The list that this yields has, at the end, the emails that would be sent."""
    emails: list[Model] = []
    token = _emails.set(emails)
    try:
        with transaction.atomic():
            yield emails
            emails[:] = still_stored(emails)
            transaction.set_rollback(True)
    finally:
        _emails.reset(token)


def still_stored(emails: Sequence[Model]) -> list[Model]:
    """Leave out emails that were deleted again, because a later one replaced them, or that existed already."""
    if not emails:
        return []
    stored = set(type(emails[0])._default_manager.filter(pk__in=[each.pk for each in emails]).values_list("pk"))
    return [each for each in emails if (each.pk,) in stored]


def note_emails(emails: Sequence[Model]) -> None:
    """Called with each email that is queued."""
    noted = _emails.get()
    if noted is not None:
        noted += emails
