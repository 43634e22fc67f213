"""The activity log: who did what, when and from where, for security and privacy.

`record_event` writes one SecurityEvent in the transaction of what it reports. Its facts are numbers, names of fields
and codes, never anything a guest or partner typed. The change history of their data is imagine.core.audit.
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from ipaddress import ip_address, ip_network
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model, TextChoices
from django.http import HttpRequest, HttpResponse

from imagine.core.models import SecurityEvent
from imagine.core.rate_limit import client_address, hashed_network, wait_for_try

MAX_FAILURES = 100  # that one network's sign-ins record in an hour

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def record_event(
    kind: TextChoices,
    about: Model | None = None,
    *,
    user: User | None = None,
    request: HttpRequest | None = None,
    **facts: Any,
) -> SecurityEvent:
    """Record one event. Who and from where come from the current request unless they are given; outside of a request,
    as in a task or a command, both are empty. `facts` must be JSON without personal data."""
    request = request or _request.get()
    user = user or signed_in_user(request)
    return SecurityEvent.objects.create(
        kind=kind,
        about=about,
        user=user,
        user_name=user.get_username() if user else "",
        network=shorten_address(client_address(request)) if request else "",
        facts=facts,
    )


def record_events(kind: TextChoices, rows: Iterable[Model]) -> None:
    """Record one event about each of several rows, with one statement."""
    request = _request.get()
    user = signed_in_user(request)
    who = {
        "user": user,
        "user_name": user.get_username() if user else "",
        "network": shorten_address(client_address(request)) if request else "",
    }
    SecurityEvent.objects.bulk_create([SecurityEvent(kind=kind, about=row, **who) for row in rows])


def record_failure(
    kind: TextChoices, about: Model | None = None, *, request: HttpRequest | None = None, **others: Any
) -> None:
    """Record that a sign-in failed. If its network has filled the log in the last hour, record only once that there
    were more."""
    if request and wait_for_try(f"recorded failures:{hashed_network(request)}", most=MAX_FAILURES, minutes=60):
        if not wait_for_try(f"unlisted failures:{hashed_network(request)}", most=1, minutes=60):
            record_event(kind, request=request, unlisted=True)
        return
    record_event(kind, about, request=request, **others)


def signed_in_user(request: HttpRequest | None) -> User | None:
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def current_user() -> User | None:
    """Return the user of the current request."""
    return signed_in_user(_request.get())


def shorten_address(address: str) -> str:
    """Return the network an address belongs to, IPv4 by /24 and IPv6 by /48, or "" if it isn't an address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


def delete_old_events() -> int:
    """Delete what is older than two years, and return how many. The application's role may not delete rows itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_delete_old_security_events()")
        return cursor.fetchone()[0]


def remember_request(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let `record_event` know the current request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        mark = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(mark)

    return middleware
