"""The pages behind an RSVP's link: view, change the party, cancel, reinstate, promise."""

import re
from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from imagine.core import links
from imagine.core.errors import RuleViolation
from imagine.core.rate_limit import limit_posts, too_many_requests
from imagine.core.unsaved_answers import keeps_answers, unsaved_answers, unsaved_form
from imagine.core.views import personal_page
from imagine.mail.models import Message
from partners.models import PledgeRequest, PledgeYear
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from summit import party_details, rsvp_links, seats
from summit.calendar import entries as calendar_entries
from summit.models import Rsvp
from summit.party_forms import DetailsForm, GuestForm, ReinstateForm
from summit.views.public import calendar_file, page_or_post, wait_for_rsvp_email

GUEST_FIELD = re.compile(r"guest-([0-9]+)-\w+")


def rsvp_by_link(view: Callable) -> Callable:
    """Decorate a view that acts for one RSVP: fetch it by its token."""

    @personal_page
    @wraps(view)
    def wrapper(request: HttpRequest, token: str, **where: int) -> HttpResponse:
        rsvp = links.find_by_link(Rsvp.objects.select_related("event"), token)
        if request.method == "POST":
            links.record_use(rsvp)
        return view(request, rsvp, **where)

    return wrapper


@require_safe
@rsvp_by_link
def rsvp(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Show the RSVP, its party, and what can be done."""
    return show_party(request, rsvp)


def show_party(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Show the RSVP as it is, or with what was typed and isn't saved."""
    guests = [unsaved_form(request, GuestForm, guest) for guest in rsvp.guests.all()]
    return show_rsvp(request, rsvp, guests, unsaved_form(request, DetailsForm, rsvp))


def show_rsvp(
    request: HttpRequest, rsvp: Rsvp, guests: list[GuestForm], details: DetailsForm, status: int = 200
) -> HttpResponse:
    event = rsvp.event
    can_change = event.is_editable and not rsvp.canceled_at
    can_reinstate = rsvp.canceled_at and event.accepts_rsvps
    page = {
        "rsvp": rsvp,
        "event": event,
        "guests": guests,
        "details": details,
        "unnamed": sum(not form.guest.name for form in guests),
        "can_change": can_change,
        "can_grow": can_change and event.accepts_rsvps and rsvp.party_size < event.max_party_size,
        "size_with_one_more": rsvp.party_size + 1,
        "parties_ahead": Rsvp.objects.ahead_of(rsvp).count() if rsvp.waitlisted_seats else None,
        "claimable_seats": seats.claimable_seats(rsvp) if can_change else 0,
        "mail_state": email_status(rsvp),
        "reinstate_form": (
            unsaved_form(request, ReinstateForm, event.max_party_size, len(guests)) if can_reinstate else None
        ),
        "errors": sum(len(form.errors) for form in [*guests, details]),
        "pledge_year": PledgeYear.objects.current() if rsvp.email else None,
    }
    return render(request, "summit/rsvp.html", page, status=status)


def email_status(rsvp: Rsvp) -> str:
    """Return what became of the newest email to this guest: "sent", "on_its_way", "rejected", or "" if there is
    none."""
    mails = rsvp.messages.filter(recipient=rsvp.email)
    state = mails.values_list("state", flat=True).first()
    if state is None:
        return ""
    return "sent" if state == Message.State.SENT else "rejected" if state in Message.UNDELIVERED else "on_its_way"


@keeps_answers
@page_or_post
@limit_posts("change_party", most=600, minutes=10)
@rsvp_by_link
def change_party(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Save names and needs. The other buttons also change how many seats are held or waited for."""
    if request.method != "POST":
        return show_or_redirect(request, rsvp)
    guests = [GuestForm(guest, request.POST) for guest in rsvp.guests.all()]
    details = DetailsForm(rsvp, request.POST)
    submitted = [form for form in guests if form.is_bound]
    if not all(form.is_valid() for form in [*submitted, details] if form.is_bound):
        return show_rsvp(request, rsvp, guests, details, status=422)
    pressed = next((name for name in BUTTONS if name in request.POST), None)
    asks_first = pressed == "remove" and "sure" not in request.POST and others_may_get_seat(rsvp)
    if pressed and not asks_first and (seconds := wait_for_rsvp_email(rsvp)):
        return too_many_requests(request, seconds)
    try:
        with transaction.atomic():
            seats.update_guests(rsvp, {form.guest.pk: form.typed() for form in submitted})
            if details.is_bound:
                party_details.update_details(rsvp, **details.typed())
            if asks_first:
                return redirect("remove_guest", rsvp.link_token, parse_number(request.POST["remove"]))
            message = BUTTONS[pressed](rsvp, request.POST[pressed]) if pressed else _("Changes saved.")
            warn_about_guests_who_left(request, {str(form.guest.pk) for form in guests})
    except RuleViolation as error:
        messages.error(request, str(error))
    else:
        messages.success(request, message)
    return redirect(rsvp)


def warn_about_guests_who_left(request: HttpRequest, party: set[str]) -> None:
    """Say what wasn't saved of guests who were removed in another tab, or by staff, since this page was opened."""
    typed = {
        found[1]
        for name, value in request.POST.items()
        if (found := GUEST_FIELD.fullmatch(name)) and value and value != request.POST.get(f"initial-{name}", value)
    }
    if typed - party:
        messages.warning(
            request,
            _(
                "A guest you changed is no longer in your party, so those changes weren’t saved. "
                "To bring them, add a guest."
            ),
        )


def others_may_get_seat(rsvp: Rsvp) -> bool:
    """Return whether a seat that this party gives up may go to the waitlist at once."""
    event = rsvp.event
    frees_seat = rsvp.held_seats and not rsvp.waitlisted_seats and event.waitlist_is_open
    return bool(frees_seat) and event.rsvps.waitlist().exclude(pk=rsvp.pk).exists()


@require_safe
@rsvp_by_link
def ask_to_remove_guest(request: HttpRequest, rsvp: Rsvp, guest: int) -> HttpResponse:
    """Ask before a guest is removed whose seat someone on the waitlist may get."""
    leaving = rsvp.guests.filter(pk=guest, position__gt=1).first()
    if leaving is None or rsvp.canceled_at or not rsvp.event.is_editable:
        return redirect(rsvp)
    return render(request, "summit/remove_guest.html", {"rsvp": rsvp, "event": rsvp.event, "guest": leaving})


def show_or_redirect(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Show what came back unsaved. A phone that reloads a dropped tab sends GET."""
    return redirect(rsvp) if unsaved_answers(request) is None else show_party(request, rsvp)


def handle_grow(rsvp: Rsvp, size: str) -> str:
    seats.grow_party(rsvp, size=parse_number(size))
    return _("Your party was updated.")


def handle_remove(rsvp: Rsvp, guest: str) -> str:
    seats.remove_guest(rsvp, parse_number(guest))
    return _("Guest removed.")


def handle_stop(rsvp: Rsvp, _value: str) -> str:
    seats.leave_waitlist(rsvp)
    return _("You’re off the waitlist and keep your seats.")


def handle_fewer(rsvp: Rsvp, fewer: str) -> str:
    seats.set_accepts_partial(rsvp, fewer == "1")
    return _("Your waitlist choice was saved.")


def handle_take(rsvp: Rsvp, _value: str) -> str:
    taken = seats.take_available_seats(rsvp).held_seats - rsvp.held_seats
    message = ngettext("%(number)d more seat is yours.", "%(number)d more seats are yours.", taken)
    return message % {"number": taken} if taken > 0 else _("You already have all your seats.")


BUTTONS = {
    "grow": handle_grow,
    "remove": handle_remove,
    "stop": handle_stop,
    "fewer": handle_fewer,
    "take": handle_take,
}


def parse_number(text: str) -> int:
    """Return the number that a button sent. Ours send nothing else; anything else gets the 400 page."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise BadRequest
    return int(text)


def cancel_context(rsvp: Rsvp) -> dict:
    event = rsvp.event
    others_wait = rsvp.held_seats and event.waitlist_is_open and event.rsvps.waitlist().exclude(pk=rsvp.pk).exists()
    return {"rsvp": rsvp, "event": event, "others_wait": others_wait}


@page_or_post
@limit_posts("cancel_rsvp", most=300, minutes=10)
@rsvp_by_link
def cancel_rsvp(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Ask for confirmation, then give back every seat."""
    if request.method != "POST":
        if rsvp.canceled_at or not rsvp.event.is_editable:
            return redirect(rsvp)
        return render(request, "summit/cancel.html", cancel_context(rsvp))
    wait_for_rsvp_email(rsvp)  # counts it; canceling is never refused
    try:
        seats.cancel(rsvp)
    except RuleViolation as error:
        messages.error(request, str(error))
    return redirect(rsvp)


@keeps_answers
@page_or_post
@limit_posts("reinstate_rsvp", most=300, minutes=10)
@rsvp_by_link
def reinstate_rsvp(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Reinstate a canceled party at the end of the waitlist."""
    if request.method != "POST":
        return show_or_redirect(request, rsvp)
    size = parse_number(request.POST.get("size", ""))
    if seconds := wait_for_rsvp_email(rsvp):
        return too_many_requests(request, seconds)
    try:
        seats.reinstate(rsvp, size=size)
    except RuleViolation as error:
        messages.error(request, str(error))
    return redirect(rsvp)


@page_or_post
@limit_posts("promise_from_rsvp", most=300, minutes=10)
@rsvp_by_link
def promise_from_rsvp(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Open the pledge page with the guest's details filled in. A partner's link is only emailed."""
    if request.method != "POST" or not rsvp.email:
        return redirect(rsvp)
    fields = {name: getattr(rsvp, name) for name in ("sector", "name", "email", "language")}
    try:
        pledge_request = pledge_signup.open_pledge_request(
            PledgeRequest(**fields, organization=rsvp.organization_name, source=rsvp_links.rsvp_source(rsvp))
        )
    except page_state.PledgeClosed as error:
        messages.error(request, str(error))
        return redirect(rsvp)
    if pledge_request is None:
        messages.success(
            request, _("This email already belongs to a partner. We’re emailing it the link to its promises.")
        )
        return redirect(rsvp)
    return redirect("pledge", pledge_request.browser_token)


@require_safe
@rsvp_by_link
def rsvp_calendar(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Return the event as a calendar file with the personal link. There is none while no seat is held."""
    if not rsvp.held_seats:
        raise Http404
    return calendar_file(calendar_entries.for_rsvp(rsvp, "PUBLISH"), rsvp.event.slug)
