"""Public pages that are written once and kept for as long as what they show stays the same.

To render such a page takes longer than all the rest of a request. Nothing in it belongs to one visitor but the token of
its forms, which is put in anew for each.
"""

from collections.abc import Callable, Hashable

from django.conf import settings
from django.contrib.messages import get_messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language

MOST_KEPT = 200  # pages of some 30 kB
PLACE = "\ue000token\ue001"  # characters that no page has

kept: dict[Hashable, str] = {}


def render_kept(
    request: HttpRequest, template: str, context: dict | Callable[[], dict], *, facts: Hashable, status: int = 200
) -> HttpResponse:
    """As `render`, but a page of the same address, language and `facts` is taken as it was written before. A `context`
    that is a function is asked for only when the page has to be written.

    `facts` are all that the page shows and that may change: plain values, those that follow from the time of day too. A
    visitor to whom something is to be said gets a page of their own.
    """
    if len(get_messages(request)):
        return render(request, template, context() if callable(context) else context, status=status)
    key = (template, request.path, get_language(), settings.SITE_URL, settings.MAIL_REPLY_TO, facts)
    page = kept.get(key)  # once: another thread may clear what is kept at any moment
    if page is None:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        words = context() if callable(context) else context
        page = kept[key] = render_to_string(template, {**words, "csrf_token": PLACE}, request)
    return HttpResponse(page.replace(PLACE, get_token(request)), status=status)


def facts_of(thing: Model | None) -> Hashable:
    """Every value that was loaded or added to a row, by name."""
    return thing and tuple((name, value) for name, value in vars(thing).items() if name != "_state")
