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

from imagine.core.links import LinkNotFound


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
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer with a constant page. It repeats nothing of the path, which may be a personal link that was cut off."""
    return HttpResponse(render_to_string("404.html", {"reply_to": settings.MAIL_REPLY_TO}), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 if the database is down, wherever in the request that came up, and 500 otherwise."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if away else 500
    return HttpResponse(
        render_to_string(f"{status}.html"), status=status, headers={"Retry-After": "5"} if away else None
    )


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
