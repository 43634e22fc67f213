from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse


def private_response(view: Callable) -> Callable:
    """Decorate a view behind a personal link: no cache stores its response, and no search engine indexes it."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return wrapper
