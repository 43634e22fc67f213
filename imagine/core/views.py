"""Statements, error pages, the liveness check, and what all pages behind personal links have in common."""

import sys
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from psycopg2.errorcodes import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, QUERY_CANCELED

from imagine.core.links import LinkNotFound
from imagine.core.unsaved_answers import is_ours, send_again, show_refused_form


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "accessibility.html")


def disabled_page(request: HttpRequest, **_where: str) -> HttpResponse:
    """Answer 404 at a URL that Django's admin adds and that must not work."""
    raise Http404


# Health ----------------------------------------------------------------------------------------------------------


@require_safe
@never_cache
def liveness(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process is alive."""
    return JsonResponse({"alive": True})


# Errors ----------------------------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Give back the form as it was filled in, with a fresh token; or else what can be sent again."""
    return show_refused_form(request, reason) or send_again(request, "403_csrf.html", is_ours=is_ours(reason))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer with a constant page. It repeats nothing of the path, which may be a personal link that was cut off."""
    return HttpResponse(render_to_string("404.html", {"reply_to": settings.MAIL_REPLY_TO}), status=404)


WAITED_TOO_LONG = {DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, QUERY_CANCELED}


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 if the database is down or someone else had locked the rows, wherever in the request that came up, and
    500 otherwise."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError):
        return HttpResponse(render_to_string("500.html"), status=500)
    is_busy = getattr(error.__cause__, "pgcode", None) in WAITED_TOO_LONG
    return HttpResponse(render_to_string("503.html", {"is_busy": is_busy}), status=503, headers={"Retry-After": "5"})


# Personal links -----------------------------------------------------------------------------------------------------


def personal_page(view: Callable) -> Callable:
    """Decorate a view behind a personal link. If the link is wrong in any way, respond with the standard 404 page. No
    cache stores a response, and no search engine indexes it."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except (LinkNotFound, ObjectDoesNotExist, Http404) as error:
            response = not_found(request, error)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return wrapper
