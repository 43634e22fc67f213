"""How often one visitor may send a form. Counted in PostgreSQL: exact across processes, and no Redis to wait for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from imagine.core.db import prepared
from imagine.core.models import RateLimitCount

UPSERT = """
    INSERT INTO core_ratelimitcount (key, since, count) VALUES (%s, %s, %s)
    ON CONFLICT (key, since) DO UPDATE SET count = core_ratelimitcount.count + excluded.count
    RETURNING count
"""


def client_address(request: HttpRequest) -> str:
    """The visitor's address. Of X-Forwarded-For only what the declared proxies wrote is believed: they append at the
    right end, so the visitor stands TRUSTED_PROXIES places from there."""
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            return hops[-settings.TRUSTED_PROXIES]
    return request.META.get("REMOTE_ADDR", "")


def count(key: str, *, minutes: int, weight: int = 1) -> int:
    """Counts one more try under a key, as `weight` of them, and returns how many there are in the current window of
    `minutes`."""
    seconds = minutes * 60
    since = datetime.fromtimestamp(timezone.now().timestamp() // seconds * seconds, UTC)
    [(tries,)] = prepared.run((UPSERT, [key, since, weight]))
    return tries


def is_over(request: HttpRequest, scope: str, *, most: int, minutes: int, weight: int = 1) -> bool:
    """Counts one more try of this visitor and says whether there were more than `most`. A school is one address for
    hundreds of people: set limits with a whole open evening in mind."""
    visitor = salted_hmac("imagine.core.rate_limit", client_address(request)).hexdigest()[:32]
    return count(f"{scope}:{visitor}", minutes=minutes, weight=weight) > most


def limited(scope: str, *, most: int, minutes: int) -> Callable:
    """Decorates a view: more than `most` POSTs of one visitor in a window of `minutes` get the 429 page."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def answer(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.method == "POST" and is_over(request, scope, most=most, minutes=minutes):
                return too_many(request, minutes=minutes)
            return view(request, *args, **kwargs)

        return answer

    return decorate


def too_many(request: HttpRequest, *, minutes: int) -> HttpResponse:
    """The 429 page, which says to come back when the window of `minutes` is over."""
    response = render(request, "429.html", {"minutes": minutes}, status=429)
    response.headers["Retry-After"] = str(minutes * 60)
    return response


def forget_old_tallies() -> None:
    """Deletes the counts of windows that are over."""
    RateLimitCount.objects.filter(since__lt=timezone.now() - timedelta(days=1)).delete()
