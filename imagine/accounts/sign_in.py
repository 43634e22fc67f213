"""Signing in: first the password or the district's single sign-on, then a second factor, and only then a session.

Between the two steps, the session names the person but `request.user` is anonymous. An account's session counts only
if it stores which factor opened it.
"""

import time
from typing import cast

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.models import User
from django.http import HttpRequest

from imagine.accounts import second_factor, sessions
from imagine.core.rate_limit import is_from_this_machine

FACTOR = "second_factor"  # in a session: which kind opened it
DEMO = "demo"
CONFIRMED_AT = "confirmed_at"  # in a session: when its person last gave a second factor, in seconds since 1970
RECENT = 10 * 60
PENDING = "pending_sign_in"
PENDING_SECONDS = 15 * 60  # enough to install an app and scan a code
BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin_sign_in(request: HttpRequest, user: User, *, shared_computer: bool = False, next_url: str = "") -> None:
    """Remember who finished the first step until the second."""
    request.session.flush()
    request.session[PENDING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "since": int(time.time()),
        "shared_computer": shared_computer,
        "next": next_url,
    }


def pending_user(request: HttpRequest) -> User | None:
    """Return who finished the first step in this browser recently, unless their password has changed since."""
    pending = request.session.get(PENDING)
    if not pending or time.time() - pending["since"] > PENDING_SECONDS:
        return None
    user = get_user_model().objects.filter(pk=pending["user"], is_active=True, is_staff=True).first()
    return user if user and user.get_session_auth_hash() == pending["hash"] else None


def complete_sign_in(request: HttpRequest, user: User, factor: str) -> str:
    """Sign the person in after both steps. Return where they wanted to go, "" for nowhere in particular."""
    pending = request.session.pop(PENDING)
    login(request, user, backend=BACKEND)
    request.session[FACTOR] = factor
    mark_confirmed(request)
    request.session[sessions.SHARED_COMPUTER] = pending["shared_computer"]
    return pending["next"]


def mark_confirmed(request: HttpRequest) -> None:
    """Store that the person just used a second factor."""
    request.session[CONFIRMED_AT] = int(time.time())


def is_recently_confirmed(request: HttpRequest) -> bool:
    """Return whether the person used a second factor recently, because a session left open must not change how someone
    signs in. Someone who opened a form in time has as long again to submit it. Without a factor, return True."""
    longest = RECENT * 2 if request.method == "POST" else RECENT
    if time.time() - request.session.get(CONFIRMED_AT, 0) < longest:
        return True
    return not second_factor.factors_of(cast(User, request.user)).any


def is_complete(request: HttpRequest) -> bool:
    """Return whether the session was opened with a second factor, or doesn't need one."""
    factor = request.session.get(FACTOR)
    return bool(factor) and (factor != DEMO or is_exempt(request))


def is_exempt(request: HttpRequest) -> bool:
    """Return whether the password is enough: only in the demo, and only for requests from this machine."""
    return settings.DEMO_WITHOUT_SECOND_FACTOR and is_from_this_machine(request)
