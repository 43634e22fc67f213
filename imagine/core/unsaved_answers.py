"""Forms that come back as they were filled in, with nothing saved: in another language when someone switches it, or
with a fresh token when the CSRF check refused the old one.

A view that has a form is decorated with `keeps_answers`, and builds the form of its page with `unsaved_form`. Nothing
that was typed goes into a cookie, a session, or a URL.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from django.conf import settings
from django.contrib import messages
from django.forms import BaseForm
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

LANGUAGE_BUTTON = "switch_language"
# What Django says of a form that another site sent.
CROSS_SITE_REASONS = ("Origin checking failed", "Referer checking failed")

# Fields of the forms for signing in.
SECRET = re.compile(r"password|credential|^code$", re.IGNORECASE)

Form = TypeVar("Form", bound=BaseForm)


def keeps_answers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a view, before all other decorators. When the language button of its page sent the form, or the CSRF
    check refused it, the view is called as for GET, which changes nothing, and `unsaved_answers` has what was typed."""

    def show_unsaved(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        code = request.POST.get(LANGUAGE_BUTTON, "")
        is_switched = code in dict(settings.LANGUAGES)
        if is_switched:
            translation.activate(code)
            request.LANGUAGE_CODE = code
        request.unsaved_answers, request.is_answered = request.POST, not is_switched  # type: ignore[attr-defined]
        request.method = "GET"
        response = view(request, *args, **kwargs)
        request.method = "POST"
        if not is_switched:
            return response
        if not request.is_answered:  # type: ignore[attr-defined]
            response = redirect(page_to_return_to(request))
        set_language_cookie(response, code)
        return response

    @wraps(view)
    def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        is_switched = request.method == "POST" and LANGUAGE_BUTTON in request.POST
        return (show_unsaved if is_switched else view)(request, *args, **kwargs)

    wrapper.show_unsaved = show_unsaved  # type: ignore[attr-defined]
    return wrapper


def unsaved_answers(request: HttpRequest) -> QueryDict | None:
    """Return what was typed in a form that comes back unsaved, or None."""
    return getattr(request, "unsaved_answers", None)


def unsaved_form(request: HttpRequest, form_class: Callable[..., Form], *args) -> Form:
    """Return the form of a page: with what was typed if it comes back unsaved, or else a new one. The data is the last
    argument of the form's class."""
    typed = unsaved_answers(request)
    if typed is None:
        return form_class(*args)
    form = leave_unchecked(form_class(*args, typed))
    if form.is_bound and form.has_changed():
        say_unsaved(request)
    return form


def say_unsaved(request: HttpRequest) -> None:
    """Say once that answers came back in another language and aren't saved. Without any, the visitor returns to the
    page, which may show more than the form."""
    if not request.is_answered:  # type: ignore[attr-defined]
        request.is_answered = True  # type: ignore[attr-defined]
        messages.info(request, _("Your answers are still here. Nothing is saved until you send them."))


def page_to_return_to(request: HttpRequest) -> str:
    """Return the path of the page that the form was on."""
    path = request.POST.get("next", "")
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else request.path


def leave_unchecked(form: Form) -> Form:
    """Show a bound form as it was typed, without errors."""
    form._errors = ErrorDict()  # type: ignore[attr-defined]  # full_clean() isn't called once it is set
    return form


def set_language_cookie(response: HttpResponse, code: str) -> None:
    """Remember the language as Django's set_language does."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # a word of Django's own list
    )


def is_ours(reason: str) -> bool:
    """Return whether a form that the CSRF check refused may be ours. What another site sent isn't shown."""
    return not reason.startswith(CROSS_SITE_REASONS)


def show_refused_form(request: HttpRequest, reason: str) -> HttpResponse | None:
    """Return the page of a form that the CSRF check refused, filled in and with a fresh token, or None if its view
    doesn't keep answers."""
    match = request.resolver_match
    show_unsaved = getattr(match and match.func, "show_unsaved", None)
    if match is None or show_unsaved is None or not is_ours(reason):
        return None
    if LANGUAGE_BUTTON not in request.POST:
        messages.warning(
            request,
            _("This page was open for a long time, so nothing is saved yet. Check your answers and send them again."),
        )
    response = show_unsaved(request, *match.args, **match.kwargs)
    if response.status_code == 200 and LANGUAGE_BUTTON not in request.POST:
        response.status_code = 403
    return response


def send_again(request: HttpRequest, template: str, *, is_ours: bool = True) -> HttpResponse:
    """Return a page with status 403 that has a button to send the same form again. It holds what was typed, unless
    that has a password or a file."""
    has_secret = any(SECRET.search(name) for name in request.POST)
    can_repeat = is_ours and not has_secret and not request.FILES
    typed = [
        (name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    page = {"typed": typed, "can_repeat": can_repeat}
    response = render(request, template, page, status=403)
    response.headers["Cache-Control"] = "private, no-store"
    return response
