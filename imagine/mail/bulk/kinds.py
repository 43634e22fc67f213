"""Kinds of mailings: each app registers what is special about its own when it is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from imagine.mail.bulk import control
from imagine.mail.models import Mailing

STOPPED = _("Mailing stopped. No more emails go out.")


def no_context(mailing: Mailing) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class MailingKind:
    """How a mailing is stopped, and its page in the admin. `page_context` returns what only `page_template` uses."""

    page_template: str = "admin/mail/mailing/page.html"
    page_context: Callable[[Mailing], Mapping[str, Any]] = no_context
    stop_template: str = "admin/mail/mailing/stop.html"
    stop: Callable[[Mailing], object] = control.stop_mailing
    stopped_message: str | Promise = STOPPED


_kinds: dict[str, MailingKind] = {}


def register_mailing_kind(template: str, kind: MailingKind) -> None:
    """Register the kind of the mailings that use this email template."""
    _kinds[template] = kind


def get_mailing_kind(mailing: Mailing) -> MailingKind:
    return _kinds.get(mailing.template, MailingKind())
