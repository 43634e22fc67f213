"""The life of a personal link: its secret, the page that it opens, when its address counts as verified, and its end.

Every model that a link leads to inherits PersonalLink. A link acts for that one row. Whatever ends it (a corrected
address, a replaced link, a merge, an erased contact) goes through `replace_link`.
"""

import secrets
from datetime import datetime
from typing import TypeVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event


class LinkNotFound(RuleViolation):
    """The link never existed, or has stopped working."""

    def __init__(self):
        super().__init__(_("This link no longer works."))


def new_token() -> str:
    """Return the secret of a personal link: 192 random bits as 32 characters that need no quoting in a URL."""
    return secrets.token_urlsafe(24)


class PersonalLink(models.Model):
    """What a personal link leads to.

    `token` is only ever emailed, so whoever uses it reads the mailbox. `verified_at` is when that first happened.
    """

    LINK_FIELDS: tuple[str, ...] = ("token",)

    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    verified_at = models.DateTimeField(gettext_lazy("address verified"), null=True, editable=False)

    opened_with = ""  # the secret by which a visitor came here; pages repeat no other

    class Meta:
        abstract = True

    @property
    def has_mailbox(self) -> bool:
        """Whether the link is emailed, so that using it proves who reads the mailbox."""
        return True

    @property
    def link_token(self) -> str:
        return self.opened_with or self.token

    def renew_link(self) -> None:
        """Change LINK_FIELDS, so that no earlier link leads here. Doesn't save."""
        self.token = new_token()


Row = TypeVar("Row", bound=PersonalLink)


class FormLink(PersonalLink):
    """What two links lead to: the emailed one, and one for the browser in which a form with an address was filled in.

    The browser's stops working when the emailed one is first used, because the address may be someone else's.
    """

    LINK_FIELDS = (*PersonalLink.LINK_FIELDS, "browser_token")

    # Null rather than empty, because it is unique.
    browser_token = models.CharField(max_length=32, unique=True, null=True, editable=False)  # noqa: DJ001

    class Meta:
        abstract = True

    def renew_link(self) -> None:
        super().renew_link()
        self.browser_token = None


def find_by_link(rows: models.QuerySet[Row], token: str) -> Row:
    """Return the row that a link leads to. Raise LinkNotFound."""
    is_token = Q(token=token)
    if issubclass(rows.model, FormLink):
        is_token |= Q(browser_token=token)
    row = rows.filter(is_token).first()
    if row is None:
        raise LinkNotFound
    row.opened_with = token
    return row


def record_use(row: PersonalLink) -> None:
    """Something was submitted by the link with which this row was found. If it is the emailed one, the address is
    verified."""
    if row.opened_with == row.token and row.verified_at is None and row.has_mailbox:
        verify(row)


def verify(row: PersonalLink) -> None:
    """Someone who reads the row's mailbox used a link. The browser's link stops working."""
    row.verified_at = timezone.now()
    changes: dict[str, datetime | None] = {"verified_at": row.verified_at}
    if isinstance(row, FormLink):
        row.browser_token = changes["browser_token"] = None
    type(row)._base_manager.filter(pk=row.pk, token=row.token).update(**changes)


def replace_link(row: PersonalLink) -> None:
    """Give a locked row a new link; all of its old ones stop working. The caller deletes unsent email with the old link
    and emails the new one."""
    row.renew_link()
    row.save(update_fields=row.LINK_FIELDS)
    audit.log_change(row, {"link": ""}, {"link": "replaced"})
    record_event(SecurityEventKind.LINK_REPLACED, row)


def is_same_address(one: str, other: str) -> bool:
    return one.lower() == other.lower()
