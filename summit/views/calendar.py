"""The public calendar: a page, and a feed for calendar programs."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from summit.calendar import feed as calendar_feed
from summit.models import Event
from summit.partner_year import EventAnswers
from summit.school_year import current_school_year

MAX_EVENTS = 60  # a busy year has ten


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """List the upcoming events and those since the school year began."""
    events_with_seats = Event.objects.public().with_seats()
    coming = list(events_with_seats.upcoming()[:MAX_EVENTS])
    past = list(events_with_seats.past().filter(school_year__gte=current_school_year())[:MAX_EVENTS])
    address = f"{reverse('events_feed')}?language={translation.get_language()}"
    page = {
        "coming": [EventAnswers(event) for event in coming],
        "past": [EventAnswers(event) for event in past],
        "feed": settings.SITE_URL + address,
        "subscribe": f"webcal://{urlsplit(settings.SITE_URL).netloc}{address}",
    }
    return render(request, "summit/events.html", page)


@require_safe
def events_feed(request: HttpRequest) -> HttpResponse:
    """Return the calendar in ?language or the reader's language, or 304 if the program has the current one."""
    asked = request.GET.get("language")
    names_language = asked in dict(settings.LANGUAGES)
    language = asked if names_language else translation.get_language()
    with translation.override(language):
        feed = calendar_feed.build_feed()
    etag, changed = f'"{feed.mark}"', feed.changed_at and int(feed.changed_at.timestamp())
    response = HttpResponse(feed.text, "text/calendar; charset=utf-8")
    response = get_conditional_response(request, etag=etag, last_modified=changed, response=response)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "public, max-age=900"
    if not names_language:
        patch_vary_headers(response, ["Cookie", "Accept-Language"])
    if changed:
        response.headers["Last-Modified"] = http_date(changed)
    return response
