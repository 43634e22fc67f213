"""Rate limits per visitor, counted in PostgreSQL: exact across processes, and no Redis to wait for.

Windows slide: each is counted in STEPS parts, and a try is forgotten when the part it came in is as old as the window.
Refused tries aren't counted, so waiting as long as Retry-After says is always enough.
"""

import ipaddress
import math
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from imagine.core.models import RateLimitCount

STEPS = 20
PROXY_HEADERS = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
BY_VISITOR = ":visitor:"  # in the keys of counts of one visitor
MIN_TRIES_TO_JUDGE = 50
MAX_COUNTS_TO_JUDGE = 500

# Adds to a row that may be new and returns the part of the window and the sum of the window, which is beyond the ORM:
# imagine/core/migrations/0005_count_try.py.
COUNT = "SELECT part, total FROM core_count_try(%(key)s, %(weight)s, %(step)s, %(window)s)"
# Raw, because it has to be the database's clock in one statement: the newest part to forget before another try fits.
WAIT = """
    SELECT extract(epoch FROM since + make_interval(secs => %(window)s) - now())
    FROM (
        SELECT since, sum(count) OVER (ORDER BY since DESC) AS total FROM core_ratelimitcount
        WHERE key = %(key)s AND since > now() - make_interval(secs => %(window)s)
    ) AS newest
    WHERE total + %(weight)s > %(most)s
    ORDER BY since DESC LIMIT 1
"""


def client_address(request: HttpRequest) -> str:
    """Return the visitor's IP address. Each trusted proxy appends one address to X-Forwarded-For, so the visitor is
    TRUSTED_PROXIES from the right; anything further left could be forged."""
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            return hops[-settings.TRUSTED_PROXIES]
    return request.META.get("REMOTE_ADDR", "")


def client_network(request: HttpRequest) -> str:
    """Return what counts as one visitor: an IPv4 address, or the /64 of an IPv6 address, which is one home's."""
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return client_address(request)
    if isinstance(address, ipaddress.IPv6Address):
        if not address.ipv4_mapped:
            return str(ipaddress.ip_network((int(address), 64), strict=False))
        address = address.ipv4_mapped
    return str(address)


def is_from_this_machine(request: HttpRequest) -> bool:
    """Return whether no proxy passed the request on, and it comes from a loopback address."""
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def count_try(key: str, *, minutes: int, weight: int = 1) -> int:
    """Count one more try under a key, weighted, and return the total of the last `minutes`."""
    _since, total = execute(COUNT, key, minutes=minutes, weight=weight)
    return total


def wait_for_try(key: str, *, most: int, minutes: int, weight: int = 1) -> int:
    """Count one more try under a key and return 0. If that would be more than `most` in `minutes`, count nothing and
    return how many seconds to wait."""
    since, total = execute(COUNT, key, minutes=minutes, weight=weight)
    if total <= most:
        return 0
    RateLimitCount.objects.filter(key=key, since=since).update(count=F("count") - weight)
    return seconds_to_wait(key, most=most, minutes=minutes, weight=weight) or 1


def seconds_to_wait(key: str, *, most: int, minutes: int, weight: int = 1) -> int:
    """Return in how many seconds one more try is within the limit, and 0 if it is already."""
    row = execute(WAIT, key, minutes=minutes, weight=weight, most=most)
    return max(1, math.ceil(row[0])) if row else 0


def execute(statement: str, key: str, *, minutes: int, **values: int) -> tuple:
    step = minutes * 60 / STEPS
    # A part counts until its last moment, not its first, is as old as the window.
    params = {"key": key, "step": step, "window": step * (STEPS + 1), **values}
    if connection.connection and not connection.in_atomic_block:
        # Counting is mostly a request's first statement, so it also finds out whether the connection still works. That
        # saves Django's own SELECT 1: one trip to the database less for each form, 3% of an RSVP.
        connection.health_check_done = True  # type: ignore[attr-defined]
        try:
            return fetch_row(statement, params)
        except (DatabaseError, InterfaceError):
            if connection.is_usable():
                raise
            connection.close()
    return fetch_row(statement, params)


def fetch_row(statement: str, params: dict[str, Any]) -> tuple:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone() or ()


def wait_for_visitor(request: HttpRequest, scope: str, *, most: int, minutes: int) -> int:
    """Like wait_for_try, for this visitor. A school is one IP address for hundreds of people, so set limits with a
    whole open house in mind."""
    return wait_for_try(f"{scope}{BY_VISITOR}{hashed_network(request)}", most=most, minutes=minutes)


def hashed_network(request: HttpRequest) -> str:
    """Return what stands for a visitor in the keys of counts, since these hold no addresses."""
    return salted_hmac("imagine.core.rate_limit", client_network(request)).hexdigest()[:32]


def limit_posts(scope: str, *, most: int, minutes: int) -> Callable:
    """Decorate a view: after `most` POSTs in `minutes`, a visitor gets the 429 page."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.method == "POST" and (seconds := wait_for_visitor(request, scope, most=most, minutes=minutes)):
                return too_many_requests(request, seconds)
            return view(request, *args, **kwargs)

        return wrapper

    return decorate


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return the 429 page, which says when to come back."""
    response = render(request, "429.html", {"minutes": math.ceil(seconds / 60)}, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def all_visitors_are_one() -> bool:
    """Return whether all of a day's many tries came from one address, as from a proxy that isn't declared.

    Reads the newest counts only, because monitors and the admin ask often.
    """
    counts = RateLimitCount.objects.filter(since__gt=Now() - timedelta(days=1)).order_by("-since")
    newest = counts.values_list("key", "count")[:MAX_COUNTS_TO_JUDGE]
    tries = [(key.rpartition(BY_VISITOR)[2], count) for key, count in newest if BY_VISITOR in key]
    return sum(count for _visitor, count in tries) >= MIN_TRIES_TO_JUDGE and len({visitor for visitor, _ in tries}) == 1


def delete_old_counts() -> None:
    """Delete the counts of windows that are over."""
    RateLimitCount.objects.filter(since__lt=Now() - timedelta(days=1)).delete()
