"""Whether the address behind a personal link is verified, in the admin's lists and pages."""

from django.utils.html import format_html
from django.utils.translation import gettext as _

from imagine.core.formatting import short_date
from imagine.core.links import PersonalLink


def verification_status(row: PersonalLink) -> str:
    if not row.has_mailbox:
        return _("No email address")
    if row.verified_at is None:
        return _("Address not verified")
    return _("Address verified on %(day)s") % {"day": short_date(row.verified_at)}


def with_verification(text: str, row: PersonalLink) -> str:
    """Return a text for a list, with a note if the address isn't verified. In a narrow column, an address breaks before
    its @."""
    if not row.has_mailbox:
        return _("No email address")
    name, at, domain = text.partition("@")
    words = format_html("{}<wbr>{}", name, at + domain) if at else text
    return words if row.verified_at else format_html("{}<br><small>{}</small>", words, _("Address not verified"))
