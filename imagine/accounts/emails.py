"""Emails to staff about their own accounts, queued in the transaction of the change, in the current language.

Their text is in templates/mail/accounts/."""

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db.models import TextChoices
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext

from imagine.mail.queue import enqueue, message_key
from imagine.mail.rendering import render_email

FOLDER = "accounts/"


class AccountEmailKind(TextChoices):
    ACCOUNT_CREATED = "account_created"
    PASSWORD_RESET = "password_reset"  # noqa: S105 (a kind of email)
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    FACTORS_RESET = "factors_reset"
    MANY_WRONG_CODES = "many_wrong_codes"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"


def queue_account_created(user: User, *, by: User) -> None:
    """Queue the link to choose a password. It works for PASSWORD_RESET_TIMEOUT, and once."""
    queue_account_email(
        AccountEmailKind.ACCOUNT_CREATED, user, link=set_password_path(user), by=by.get_full_name() or by.username
    )


def queue_password_reset(user: User) -> None:
    queue_account_email(AccountEmailKind.PASSWORD_RESET, user, link=set_password_path(user))


def queue_factor_added(user: User, factor: str) -> None:
    queue_account_email(AccountEmailKind.FACTOR_ADDED, user, link=reverse("account"), factor=factor)


def queue_factor_removed(user: User, factor: str) -> None:
    queue_account_email(AccountEmailKind.FACTOR_REMOVED, user, link=reverse("account"), factor=factor)


def queue_factors_reset(user: User, *, by: User | None) -> None:
    queue_account_email(AccountEmailKind.FACTORS_RESET, user, link=reverse("sign_in"), by=name_of(by))


def queue_password_changed(user: User, *, by: User | None) -> None:
    queue_account_email(AccountEmailKind.PASSWORD_CHANGED, user, link=reverse("forgot_password"), by=name_of(by))


def queue_recovery_codes_replaced(user: User) -> None:
    queue_account_email(AccountEmailKind.RECOVERY_CODES_REPLACED, user, link=reverse("account"))


def queue_many_wrong_codes(user: User) -> None:
    queue_account_email(AccountEmailKind.MANY_WRONG_CODES, user, link=reverse("forgot_password"))


def name_of(by: User | None) -> str:
    return by.get_full_name() or by.username if by else gettext("An administrator")


def set_password_path(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("set_password", args=(uid, default_token_generator.make_token(user)))


def queue_account_email(kind: AccountEmailKind, user: User, *, link: str, by: str = "", factor: str = "") -> None:
    """Accounts without an address, such as one made on the command line, get none."""
    if not user.email:
        return
    personal = {"name": user.get_short_name() or user.username, "by": by, "link": settings.ADMIN_SITE_URL + link}
    rendered = render_email(FOLDER + kind, {"factor": factor}, personal, layout=f"mail/{FOLDER}layout")
    enqueue(
        kind=kind,
        about=user,
        idempotency_key=message_key(kind, user, timezone.now().isoformat()),
        recipient=user.email,
        language=translation.get_language(),
        subject=rendered.subject,
        body_text=rendered.body_text,
        body_html=rendered.body_html,
    )
