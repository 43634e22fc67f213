"""The public pages. Views check access, validate a form and call one rule; they write nothing."""

from datetime import timedelta

from crispy_forms.utils import render_crispy_form
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core import rate_limit
from imagine.core.database import database_now
from imagine.core.errors import RuleViolation
from imagine.core.links import new_token
from imagine.core.page_cache import render_cached, values_of
from imagine.core.rate_limit import limit_posts, too_many_requests
from imagine.core.unsaved_answers import keeps_answers, unsaved_answers, unsaved_form
from partners.directory import queries as directory_queries
from partners.directory.presenters import landing_context
from partners.models import PledgeYear
from summit import party_details, rsvp_links, seats
from summit.calendar import entries as calendar_entries
from summit.forms import DateAlertForm, FindForm, RsvpForm, empty_fields
from summit.models import Event, Rsvp

MAX_KNOWN_ADDRESSES = 30  # told to a visitor in ten minutes; apart from RSVPs, which go on

MAX_EMAILS_PER_HOUR = 20  # about one RSVP

BROWSER_LIFETIME = timedelta(hours=1)  # in which a browser is led to the RSVP that it made

page_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Show the coming summit, or what to do when there is none."""
    return show_event(request, Event.objects.next_of(Event.Kind.SUMMIT))


@keeps_answers
@page_or_post
@limit_posts("rsvp", most=600, minutes=10)  # 300 people in a school, each with a mistake
def event(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one event; a POST is an RSVP."""
    if request.method == "POST":
        return submit_rsvp(request, slug)
    event = get_published_event(Event.objects.with_seats(), slug)
    if unsaved_answers(request) is not None and event.accepts_rsvps and not event.invitation_only:
        return show_form(request, slug, unsaved_form(request, RsvpForm, event))
    return show_event(request, event)


def get_published_event(events, slug: str) -> Event:
    return get_object_or_404(events.published(), slug=slug)


def show_event(request: HttpRequest, event: Event | None, status: int = 200) -> HttpResponse:
    state = page_state(event)
    coming = coming_summit(state)
    version = directory_queries.directory_version()
    by_clock = event and (event.is_over, event.waitlist_is_open, event.accepts_rsvps, event.rsvp_is_closed)
    facts = (state, values_of(event), values_of(coming), by_clock, version)

    def page() -> dict:
        return event_context(event, coming, version)

    return render_cached(request, "summit/landing.html", page, facts=facts, status=status)


def event_preview_context(event: Event) -> dict:
    """Return what the page of an unpublished event will show."""
    return event_context(event, coming_summit(page_state(event)), directory_queries.directory_version())


def coming_summit(state: str) -> Event | None:
    """Return the summit to send the visitor to instead, if this page's event is over or canceled."""
    return Event.objects.public().coming_summit() if state in {"past", "canceled"} else None


def event_context(event: Event | None, coming: Event | None, version: tuple) -> dict:
    """Return what an event's public page shows. `version` is that of the directory."""
    state = page_state(event)
    return {
        "event": event,
        "state": state,
        "calendar_url": reverse("event_calendar", args=[event.slug]) if event else "",
        "fields": empty_fields(get_language(), event.max_party_size) if state in {"open", "few", "full"} else None,
        "coming": coming,
        "offers_date_alert": state in {"none", "past", "canceled"} and coming is None,
        "date_form": DateAlertForm(),
        **landing_context(version),
    }


def page_state(event: Event | None) -> str:
    """Return what the event's public page is about: "none", "invited" while only invited partners can come, or its
    state."""
    if event is None:
        return "none"
    will_take_place = event.state not in {Event.State.PAST, Event.State.CANCELED}
    return "invited" if event.invitation_only and will_take_place else event.state


def submit_rsvp(request: HttpRequest, slug: str) -> HttpResponse:
    event = Event.objects.find_published(slug)
    if event is None:
        raise Http404
    form = RsvpForm(event, request.POST)
    if event.invitation_only or not event.accepts_rsvps:
        return show_event(request, get_published_event(Event.objects.with_seats(), slug), status=409)
    if not form.is_valid():
        return show_form(request, slug, form, status=422)
    rsvp = form.rsvp()
    rsvp.browser_hash, rsvp.browser_token = browser_hash_of(request), new_token()
    try:
        rsvp = seats.reserve(rsvp, size=form.cleaned_data["size"], guests=form.guests())
    except seats.DuplicateRsvp as duplicate:
        return respond_to_duplicate(request, duplicate.rsvp, form)
    except seats.PartyOutOfBounds as error:
        form.add_error("size", str(error))
        return show_form(request, slug, form, status=422)
    except seats.RsvpClosed:
        return show_event(request, get_published_event(Event.objects.with_seats(), slug), status=409)
    return redirect("rsvp", rsvp.browser_token)


def show_form(request: HttpRequest, slug: str, form: RsvpForm, status: int = 200) -> HttpResponse:
    """Show the form again with what was typed, and still for the waitlist if every seat is taken."""
    event = get_published_event(Event.objects.with_seats(), slug)
    page = {"event": event, "state": event.state, "form": form, "fields": render_crispy_form(form)}
    page["pledge_year"] = PledgeYear.objects.current()
    return render(request, "summit/rsvp_form.html", page, status=status)


def respond_to_duplicate(request: HttpRequest, rsvp: Rsvp, form: RsvpForm) -> HttpResponse:
    """Let the browser that has just made the RSVP add to it: after a double click, from the form that it went back to,
    or in a second tab. Tell any other browser that there is an RSVP, and no more; the link is emailed to the stored
    address."""
    if is_own_browser(request, rsvp):
        return add_to_rsvp(request, rsvp, form)
    if seconds := rate_limit.wait_for_visitor(request, "known", most=MAX_KNOWN_ADDRESSES, minutes=10):
        return too_many_requests(request, seconds)
    rsvp_links.mail_rsvp_link(rsvp)
    return render(request, "summit/rsvp_exists.html", {"event": rsvp.event}, status=409)


def add_to_rsvp(request: HttpRequest, rsvp: Rsvp, form: RsvpForm) -> HttpResponse:
    size = form.cleaned_data["size"]
    if size > rsvp.party_size and (seconds := wait_for_rsvp_email(rsvp)):
        return too_many_requests(request, seconds)
    try:
        is_changed = party_details.add_answers(rsvp, size=size, guests=form.guests(), details=form.details())
    except RuleViolation as error:
        messages.error(request, _("What you just sent wasn’t saved. %(why)s") % {"why": error})
        return redirect("rsvp", rsvp.browser_token)
    if is_changed:
        messages.success(
            request, _("You’d already RSVP’d with this email, so we added what you just sent. Please check it below.")
        )
    if size < rsvp.party_size:
        message = _("Your party still has %(number)d people. To bring fewer, remove a guest below.")
        messages.warning(request, message % {"number": rsvp.party_size})
    return redirect("rsvp", rsvp.browser_token)


def wait_for_rsvp_email(rsvp: Rsvp) -> int:
    """Count the email that a change of seats causes, or return how many seconds to wait. The address may be a
    stranger's, so views allow no more than a person needs."""
    return rate_limit.wait_for_try(f"rsvp_emails:{rsvp.pk}", most=MAX_EMAILS_PER_HOUR, minutes=60)


def is_own_browser(request: HttpRequest, rsvp: Rsvp) -> bool:
    """Whether this browser made the RSVP within the hour, so that no one else sits in front of it, and the emailed link
    hasn't been used since."""
    browser_hash = browser_hash_of(request)
    is_same = bool(browser_hash) and constant_time_compare(rsvp.browser_hash, browser_hash)
    return is_same and rsvp.browser_token is not None and rsvp.created_at > database_now() - BROWSER_LIFETIME


def browser_hash_of(request: HttpRequest) -> str:
    """Return a hash of the browser's CSRF cookie, the same in all its tabs, or "" without a cookie."""
    secret = request.META.get("CSRF_COOKIE")
    return salted_hmac("summit.browser", secret).hexdigest() if secret else ""


@require_safe
def event_calendar(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the event as a calendar file."""
    event = get_published_event(Event.objects, slug)
    return calendar_file(calendar_entries.for_event(event), event.slug)


def calendar_file(text: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}.ics"'
    return HttpResponse(text, "text/calendar; charset=utf-8", headers={"Content-Disposition": disposition})


@keeps_answers
@page_or_post
@limit_posts("find", most=300, minutes=10)
def find_rsvp(request: HttpRequest) -> HttpResponse:
    """Email a lost link. The response is the same, and as fast, whether the address is known or not."""
    form = FindForm(request.POST) if request.method == "POST" else unsaved_form(request, FindForm)
    if request.method == "POST" and form.is_valid():
        rsvp_links.request_links(form.cleaned_data["email"])
        return redirect("found_rsvp")
    return render(request, "summit/find_rsvp.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
def found_rsvp(request: HttpRequest) -> HttpResponse:
    """Say what happens after find_rsvp."""
    return render(request, "summit/link_sent.html")
