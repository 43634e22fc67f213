"""No one is signed in without a second factor."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from imagine.accounts import sessions, sign_in


class SecondFactorMiddleware:
    """Make `request.user` anonymous while its session lacks the second factor, and extend the session when a person
    opens a staff page. It comes after Django's AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        claimed = request.user
        request.user = SimpleLazyObject(  # type: ignore[assignment]  # as Django's own middleware does
            lambda: claimed if is_signed_in(request, claimed) else AnonymousUser()
        )
        response = self.get_response(request)
        sessions.forget_if_ended(request)
        return response

    def process_view(self, request: HttpRequest, view, args, kwargs) -> None:
        if is_opened_by_person(request) and request.user.is_authenticated:
            sessions.extend(request)


def is_signed_in(request: HttpRequest, user) -> bool:
    return user.is_authenticated and sign_in.is_complete(request)


def is_opened_by_person(request: HttpRequest) -> bool:
    """Return whether a person opened a staff page, not a script that refreshes it. Browsers say so in Sec-Fetch-Mode,
    but not over plain HTTP, so the URL that our own script asks is excluded by name."""
    is_staff_page = request.path.startswith(settings.ADMIN_PATH) and request.path != reverse("session_status")
    return is_staff_page and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
