"""Rate limits per visitor, counted in PostgreSQL: exact across processes, and no Redis to wait for."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from imagine.core.models import RateLimitCount

# Raw, because the ORM can't add to a row that may be new and return the sum in one statement.
UPSERT = """
    INSERT INTO core_ratelimitcount (key, since, count)
    VALUES (%s, date_bin(make_interval(mins => %s), now(), timestamptz 'epoch'), %s)
    ON CONFLICT (key, since) DO UPDATE SET count = core_ratelimitcount.count + excluded.count
    RETURNING count
"""


def client_address(request: HttpRequest) -> str:
    """Return the visitor's IP address. Each trusted proxy appends one address to X-Forwarded-For, so the visitor is
    TRUSTED_PROXIES from the right; anything further left could be forged."""
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            return hops[-settings.TRUSTED_PROXIES]
    return request.META.get("REMOTE_ADDR", "")


def count_try(key: str, *, minutes: int, weight: int = 1) -> int:
    """Count one more try under a key, weighted, and return the total for the current window of `minutes`."""
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [key, minutes, weight])
        return cursor.fetchone()[0]


def is_over(request: HttpRequest, scope: str, *, most: int, minutes: int, weight: int = 1) -> bool:
    """Count one more try of this visitor and return whether there were more than `most`. A school is one IP address for
    hundreds of people, so set limits with a whole open house in mind."""
    visitor = salted_hmac("imagine.core.rate_limit", client_address(request)).hexdigest()[:32]
    return count_try(f"{scope}:{visitor}", minutes=minutes, weight=weight) > most


def limit_posts(scope: str, *, most: int, minutes: int) -> Callable:
    """Decorate a view: after `most` POSTs in a window of `minutes`, a visitor gets the 429 page."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.method == "POST" and is_over(request, scope, most=most, minutes=minutes):
                return too_many_requests(request, minutes=minutes)
            return view(request, *args, **kwargs)

        return wrapper

    return decorate


def too_many_requests(request: HttpRequest, *, minutes: int) -> HttpResponse:
    """Return the 429 page, which says to come back when the window of `minutes` is over."""
    response = render(request, "429.html", {"minutes": minutes}, status=429)
    response.headers["Retry-After"] = str(minutes * 60)
    return response


def delete_old_counts() -> None:
    """Delete the counts of windows that are over."""
    RateLimitCount.objects.filter(since__lt=Now() - timedelta(days=1)).delete()
