"""One log line per request, and a plain answer to requests we can't read."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from imagine.core.logging import request_id
from imagine.core.rate_limit import too_many_requests, wait_for_visitor
from imagine.core.uploads import MAX_BODY, accepts_content_type, accepts_files

logger = logging.getLogger("imagine.core.request")

GetResponse = Callable[[HttpRequest], HttpResponse]
LARGE_BODY_LIMIT = {"most": 100, "minutes": 10}
HAVE_BODIES = {"POST", "PUT", "PATCH"}
FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}


def log_request(get_response: GetResponse) -> GetResponse:
    """Give each request an id and log one line with the route's pattern instead of the path."""

    def middleware(request: HttpRequest) -> HttpResponse:
        mark = request_id.set(uuid.uuid4().hex[:12])
        began = time.monotonic()
        try:
            response = get_response(request)
            match = getattr(request, "resolver_match", None)
            route = match.route if match else ""
            facts = {"method": request.method, "route": route, "status": response.status_code}
            logger.info("request", extra=facts | {"ms": round((time.monotonic() - began) * 1000, 1)})
        finally:
            request_id.reset(mark)
        return response

    return middleware


def refuse_unreadable(get_response: GetResponse) -> GetResponse:
    """Answer 413 to a body that is too large for its page, 415 to one that isn't a UTF-8 form, and 400 to a cookie with
    a NUL.

    Django raises an error on another charset in its CSRF check and again in its error page, so this runs before both.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        status = rejection_status(request)
        seconds = 0 if status else wait_for_large_body(request)
        if not status and not seconds:
            return get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            if seconds:
                return too_many_requests(request, seconds)
            return render(request, f"{status}.html", status=status)

    return middleware


def wait_for_large_body(request: HttpRequest) -> int:
    """Count a body that is larger than a form, or return how many seconds the visitor has to wait. It is read before
    the view can tell whether the link in the URL is one of ours."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.method not in HAVE_BODIES or int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return 0
    return wait_for_visitor(request, "large_bodies", **LARGE_BODY_LIMIT)


def rejection_status(request: HttpRequest) -> int | None:
    if any("\0" in value for value in request.COOKIES.values()):
        return 400  # PostgreSQL can't store NUL, and sessions are looked up by cookie
    if request.method not in HAVE_BODIES:
        return None
    length = request.META.get("CONTENT_LENGTH") or "0"
    is_multipart = request.content_type == "multipart/form-data"
    largest = MAX_BODY if is_multipart and accepts_files(request) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not re.fullmatch("[0-9]{1,9}", length) or int(length) > largest:
        return 413
    charset = (request.content_params or {}).get("charset", "utf-8").strip("\"'").lower()
    is_readable = charset == "utf-8" and (request.content_type in FORM_TYPES or accepts_content_type(request))
    if int(length) and not is_readable:
        return 415
    return None
