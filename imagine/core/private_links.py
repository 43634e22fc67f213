"""What every page behind a private link has in common."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse


def private(view: Callable) -> Callable:
    """Decorates a view behind a private link: no cache stores what it answers, and no search engine lists it."""

    @wraps(view)
    def answer(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return answer
