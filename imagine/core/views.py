"""The project's own pages: statements, errors, health."""

import sys
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from imagine.mail import delivery, dispatch
from imagine.mail.bulk import delivery as bulk_delivery

LATE_MAIL = 300  # seconds that a message may wait before outgoing mail counts as late
QUIET_QUEUE = 120  # seconds without a heartbeat before the workers count as quiet


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "privacy.html")


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "accessibility.html")


def nowhere(request: HttpRequest, **_where: str) -> HttpResponse:
    """An address that Django's admin brings along and that must not answer."""
    raise Http404


# Health ----------------------------------------------------------------------------------------------------------


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """200 while this process answers at all."""
    return JsonResponse({"alive": True})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when this process can serve; 503 when PostgreSQL does not answer.

    The broker and outgoing mail are told but do not fail it: without them RSVPs still stand and mail follows by itself,
    so taking the web server away would only make it worse. A monitor reads "broker", "mail" and "mail to many".
    """
    try:
        state = {
            "database": "ok",
            "mail": mail_state("direct", delivery.seconds_overdue),
            "mail to many": mail_state("bulk", bulk_delivery.seconds_overdue),
        }
    except DatabaseError:
        connection.close()
        state = {"database": "down", "mail": "unknown", "mail to many": "unknown", "broker": broker_state()}
        return JsonResponse(state, status=503)
    return JsonResponse(state | {"broker": broker_state()})


def mail_state(queue: str, seconds_overdue: Callable[[], float]) -> str:
    heartbeat = delivery.seconds_since_heartbeat(queue)
    if heartbeat is None or heartbeat > QUIET_QUEUE:
        return "no worker"
    return "late" if seconds_overdue() > LATE_MAIL else "ok"


def broker_state() -> str:
    try:
        with dispatch.bell.clone() as broker:
            broker.ensure_connection(max_retries=0)
    except Exception:  # whatever the transport raises: it is down, and that is the answer
        return "down"
    return "ok"


# Errors ----------------------------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """One constant page: it repeats nothing of the address, which may be a private link that was cut off."""
    return HttpResponse(render_to_string("404.html", {"reply_to": settings.MAIL_REPLY_TO}), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 when it is the database that does not answer: wherever in the request that was noticed."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if away else 500
    return HttpResponse(
        render_to_string(f"{status}.html"), status=status, headers={"Retry-After": "5"} if away else None
    )
