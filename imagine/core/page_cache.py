"""A cache of public pages, keyed by everything they show.

Rendering such a page takes longer than the rest of the request. The CSRF token is the only part that belongs to one
visitor, and it is filled in each time.
"""

import secrets
from collections.abc import Callable, Hashable

from django.conf import settings
from django.contrib.messages import get_messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language

MAX_PAGES = 200  # of about 30 kB each
PLACE = secrets.token_hex(16)  # stands for the token; new in each process, so that no page can contain it

cached_pages: dict[Hashable, bytes] = {}  # a string takes twice as much


def render_cached(
    request: HttpRequest, template: str, context: dict | Callable[[], dict], *, facts: Hashable, status: int = 200
) -> HttpResponse:
    """Like `render`, but reuse the page rendered before for the same path, language and `facts`.

    `facts` are all the values on the page that can change, including those that depend on the time. If `context` is a
    function, it is called only when the page has to be rendered. A visitor with a pending message gets a page of their
    own.
    """
    if len(get_messages(request)):
        return render(request, template, context() if callable(context) else context, status=status)
    key = (template, request.path, get_language(), settings.SITE_URL, settings.MAIL_REPLY_TO, facts)
    page = cached_pages.get(key)  # look only once: another thread may clear the cache at any moment
    if page is None:
        if len(cached_pages) >= MAX_PAGES:
            cached_pages.clear()
        values = context() if callable(context) else context
        page = render_to_string(template, {**values, "csrf_token": PLACE}, request).encode()
        cached_pages[key] = page
    return HttpResponse(page.replace(PLACE.encode(), get_token(request).encode()), status=status)


def values_of(thing: Model | None) -> Hashable:
    """Return every loaded or annotated value of a row, by name."""
    return thing and tuple((name, value) for name, value in vars(thing).items() if name != "_state")
