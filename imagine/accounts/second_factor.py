"""Authenticator apps (TOTP) and recovery codes, with django-otp, and what all second factors have in common.

django-otp keeps a code from being used twice, and doubles the wait after each wrong one. It would store recovery codes
in plain text, so we store their keyed hash.
"""

import base64
import math
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_otp import oath
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from imagine.accounts import emails, sessions
from imagine.accounts.models import StaffSession
from imagine.accounts.security_events import AccountEventKind
from imagine.core.security_events import record_event

TOTP, RECOVERY_CODE, PASSKEY = "totp", "recovery_code", "passkey"
NEW_TOTP_KEY = "new_totp_key"  # in a session: of an authenticator app that isn't confirmed yet
RECOVERY_CODES = 10
MAX_WAIT = timedelta(minutes=15)  # after a wrong code
MANY_FAILURES = 10  # wrong codes in a row: the owner is told. django-otp's own wait is still below the longest then
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without letters and digits that look alike
GROUP = 4  # a code is three groups of four characters: 59 random bits


class CodeCheck(NamedTuple):
    """The `factor` that a code belongs to, "" for a wrong one, and the seconds to `wait` before the next try. A code
    that came too early wasn't `tried`."""

    factor: str
    wait: int = 0
    tried: bool = True


@dataclass(frozen=True)
class Factors:
    """An account's second factors."""

    totp: TOTPDevice | None
    passkeys: list
    recovery_codes: int

    @property
    def any(self) -> bool:
        return bool(self.totp or self.passkeys)

    @property
    def count(self) -> int:
        return bool(self.totp) + len(self.passkeys)


def factors_of(user: User) -> Factors:
    return Factors(
        TOTPDevice.objects.filter(user=user, confirmed=True).first(),
        list(user.passkeys.order_by("pk")),
        StaticToken.objects.filter(device__user=user).count(),
    )


# Checking --------------------------------------------------------------------------------------------------------


@transaction.atomic
def check_code(user: User, code: str) -> CodeCheck:
    """Check a code of an authenticator app or a recovery code, and use it up."""
    code = "".join(code.split()).replace("-", "").lower()
    if code.isdigit():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        return check_device(device, TOTP, code)
    device = StaticDevice.objects.select_for_update().filter(user=user).first()
    check = check_device(device, RECOVERY_CODE, hash_recovery_code(user, code))
    if check.factor:
        record_event(AccountEventKind.RECOVERY_CODE_USED, user, user=user)
    return check


def check_device(device: Device | None, factor: str, token: str) -> CodeCheck:
    if device is None:
        return CodeCheck("")
    if wait := wait_of(device):
        return CodeCheck("", wait, tried=False)
    device.throttling_failure_count = min(device.throttling_failure_count, MANY_FAILURES)  # django-otp's wait is over
    if device.verify_token(token):
        return CodeCheck(factor)
    if device.throttling_failure_count == MANY_FAILURES:
        emails.queue_many_wrong_codes(device.user)
    return CodeCheck("", wait_of(device))


def wait_of(device: Device) -> int:
    """Return the seconds until a locked device takes the next code."""
    allowed, facts = device.verify_is_allowed()
    if allowed:
        return 0
    locked_until = min(facts["locked_until"], device.throttling_failure_timestamp + MAX_WAIT)
    return max(0, math.ceil((locked_until - timezone.now()).total_seconds()))


# Authenticator app -----------------------------------------------------------------------------------------------


def new_totp(session: SessionBase, user: User) -> TOTPDevice:
    """Return the authenticator app that someone is about to add in this session, unsaved until it is confirmed."""
    if NEW_TOTP_KEY not in session:
        session[NEW_TOTP_KEY] = random_hex(20)
    return TOTPDevice(user=user, name=TOTP, key=session[NEW_TOTP_KEY])


@transaction.atomic
def confirm_totp(session: SessionBase, user: User, code: str) -> CodeCheck:
    """Add the session's authenticator app if the code is right, in place of one that the account had."""
    User.objects.select_for_update().get(pk=user.pk)
    device = new_totp(session, user)
    totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits)
    if not totp.verify(int("".join(code.split()) or -1), device.tolerance):
        return CodeCheck("")
    device.last_t = totp.t()
    TOTPDevice.objects.filter(user=user).delete()
    device.save()
    del session[NEW_TOTP_KEY]
    announce_added(user, TOTP)
    return CodeCheck(TOTP)


def secret_of(device: TOTPDevice) -> str:
    """Return the key in groups of four, for people who can't scan it."""
    secret = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


# Recovery codes --------------------------------------------------------------------------------------------------


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """Replace an account's recovery codes and return the new ones, which are shown once."""
    User.objects.select_for_update().get(pk=user.pk)
    if StaticDevice.objects.filter(user=user).delete()[0]:
        emails.queue_recovery_codes_replaced(user)
    device = StaticDevice.objects.create(user=user, name=RECOVERY_CODE)
    codes = [new_code() for _number in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(
        [StaticToken(device=device, token=hash_recovery_code(user, code.replace("-", ""))) for code in codes]
    )
    record_event(AccountEventKind.RECOVERY_CODES_CREATED, user, user=user)
    return codes


def new_code() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _n in range(GROUP)) for _group in range(3))
    return "-".join(groups)


def hash_recovery_code(user: User, code: str) -> str:
    return salted_hmac(f"imagine.accounts.recovery_code:{user.pk}", code, algorithm="sha256").hexdigest()[:16]


# Changes ---------------------------------------------------------------------------------------------------------


def announce_added(user: User, factor: str) -> None:
    """Email the person, in case it wasn't them."""
    emails.queue_factor_added(user, factor)
    record_event(AccountEventKind.SECOND_FACTOR_ADDED, user, user=user, factor=factor)


@transaction.atomic
def remove(user: User, factor: str, *, passkey: int | None = None) -> bool:
    """Remove one factor. Return False if it is already gone or the account's last one."""
    User.objects.select_for_update().get(pk=user.pk)
    if factors_of(user).count < 2:
        return False
    rows = TOTPDevice.objects.filter(user=user) if factor == TOTP else user.passkeys.filter(pk=passkey or 0)
    if not rows.delete()[0]:
        return False
    emails.queue_factor_removed(user, factor)
    record_event(AccountEventKind.SECOND_FACTOR_REMOVED, user, user=user, factor=factor)
    return True


@transaction.atomic
def reset(user: User, *, by: User | None = None) -> bool:
    """Remove all factors and sessions of an account, so that its owner sets up a new factor at the next sign-in, and
    email the owner. Without `by`, someone did it on the command line. Return False if there was no factor."""
    User.objects.select_for_update().get(pk=user.pk)
    rows = (TOTPDevice.objects.filter(user=user), StaticDevice.objects.filter(user=user), user.passkeys.all())
    had_any = sum(queryset.delete()[0] for queryset in rows) > 0
    sessions.end_sessions(user, StaffSession.objects.all())
    if had_any:
        emails.queue_factors_reset(user, by=by)
        record_event(AccountEventKind.SECOND_FACTOR_RESET, user, user=by, account=user.get_username())
    return had_any
