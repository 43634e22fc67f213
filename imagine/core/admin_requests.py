"""Query strings that Django's admin answers with 500: only someone who edits the URL sends them, so they get 400. And
forms that are sent after the sign-in expired."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.admin.options import TO_FIELD_VAR
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from imagine.core.unsaved_answers import send_again


class AdminRequestsMiddleware:
    """After the CSRF check, which reads the form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_unreadable(request):
            return render(request, "400.html", status=400)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponse | None:
        """Give back what was typed in a form of the admin by someone whose sign-in has expired. After signing in in
        another tab, it can be sent again."""
        had_session = settings.SESSION_COOKIE_NAME in request.COOKIES
        if had_session and is_form_of_admin(request) and not request.user.is_authenticated:
            return send_again(request, "403_signed_out.html")
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A filter such as ?name__regex=( is wrong for PostgreSQL alone."""
        if isinstance(exception, DataError) and is_for_admin(request) and is_about_query(request):
            return render(request, "400.html", status=400)
        return None


def is_form_of_admin(request: HttpRequest) -> bool:
    match = request.resolver_match
    is_admin = match is not None and match.app_name == "admin" and match.url_name not in ("login", "logout")
    return is_admin and request.method == "POST"


def is_unreadable(request: HttpRequest) -> bool:
    """Return whether a filter has a NUL, which PostgreSQL can't store, or names an empty field to find an object by."""
    if not is_for_admin(request):
        return False
    values = [value for name in request.GET for value in (name, *request.GET.getlist(name))]
    return any("\0" in value for value in values) or "" in {
        query.get(TO_FIELD_VAR) for query in (request.GET, request.POST)
    }


def is_about_query(request: HttpRequest) -> bool:
    """Return whether the query string is what the database can't read. A list filters by it before an action, too."""
    match = request.resolver_match
    is_list = match is not None and (match.url_name or "").endswith("_changelist")
    return request.method != "POST" or (is_list and bool(request.GET))


def is_for_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith(settings.ADMIN_PATH)
