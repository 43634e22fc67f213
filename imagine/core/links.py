"""The life of a personal link: its secret, the page that it opens, when its address counts as verified, and its end.

Every model that a link leads to inherits PersonalLink. A link acts for that one row. Whatever ends it (a corrected
address, a replaced link, a merge, an erased contact) goes through `replace_link`.
"""

import secrets

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.security_events import Kind, record_event


class LinkNotFound(RuleViolation):
    """The link never existed, or has stopped working."""

    def __init__(self):
        super().__init__(_("This link opens nothing any more."))


def new_token() -> str:
    """Return the secret of a personal link: 192 random bits as 32 characters that need no quoting in a URL."""
    return secrets.token_urlsafe(24)


class PersonalLink(models.Model):
    """What a personal link leads to.

    `token` is only ever emailed, so whoever uses it reads the mailbox. `verified_at` is when that first happened.
    """

    LINK_FIELDS: tuple[str, ...] = ("token", "verified_at")

    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    verified_at = models.DateTimeField(gettext_lazy("address verified"), null=True, editable=False)

    class Meta:
        abstract = True

    def renew_link(self) -> None:
        """Change LINK_FIELDS, so that no earlier link leads here. Doesn't save."""
        self.token, self.verified_at = new_token(), None


def replace_link(row: PersonalLink) -> None:
    """Give a locked row a new link; all of its old ones stop working. The caller deletes unsent email with the old link
    and emails the new one."""
    row.renew_link()
    row.save(update_fields=row.LINK_FIELDS)
    audit.log_change(row, {"link": ""}, {"link": "replaced"})
    record_event(Kind.LINK_REPLACED, row)


def is_same_address(one: str, other: str) -> bool:
    return one.lower() == other.lower()
