"""Headers of every response: errors, redirects and static files too."""

from collections.abc import Callable

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render


def add_security_headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """Add what Django's SecurityMiddleware doesn't. A page that says nothing about caching belongs to one visitor,
    because every page has a form, if only to choose a language."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in settings.SECURITY_HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Write the policy of settings once. django-csp writes it twice for each response, which takes 0.1 ms."""

    policy = build_policy()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if settings.DEBUG or has_own_policy(request, response):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self.policy)
        return response


def has_own_policy(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether the view used a nonce or one of django-csp's decorators."""
    return hasattr(request, "_csp_nonce") or any(name.startswith("_csp") for name in vars(response))


def send_no_body_for_head(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """Answer HEAD like GET, but without the body, as servers want it; gunicorn logs a warning for each body."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD":
            if isinstance(response, StreamingHttpResponse):
                response.streaming_content = []
            else:
                response.content = b""
        return response

    return middleware


def refuse_cross_site_posts(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """Answer 403 to a form that a page of another site sends to the admin. Browsers say so in Sec-Fetch-Site, which no
    script can change."""

    def middleware(request: HttpRequest) -> HttpResponse:
        is_safe = request.method in {"GET", "HEAD", "OPTIONS"}
        if not is_safe and request.path_info.startswith(settings.ADMIN_PATH) and is_cross_site(request):
            return render(request, "403_csrf.html", status=403)
        return get_response(request)

    return middleware


def is_cross_site(request: HttpRequest) -> bool:
    """Return whether the browser says so. "none" is a person's own doing, and old browsers say nothing."""
    return request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
