"""The pages behind an invitation's link: view, accept, decline."""

from collections.abc import Callable
from functools import wraps

from crispy_forms.utils import render_crispy_form
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from imagine.core import links, rate_limit
from imagine.core.rate_limit import limit_posts, too_many_requests
from imagine.core.unsaved_answers import keeps_answers, unsaved_answers, unsaved_form
from imagine.core.views import personal_page
from summit import party_details, seats
from summit.forms import DeclineForm, InvitationForm
from summit.invitations import responses
from summit.models import Event, Invitation, Rsvp
from summit.views.public import MAX_EMAILS_PER_HOUR, page_or_post, respond_to_duplicate
from summit.views.rsvp import cancel_context, email_status

Answer = Invitation.Answer


def invitation_by_link(view: Callable) -> Callable:
    """Decorate a view that acts for one invitation: fetch it by its token."""

    @personal_page
    @wraps(view)
    def wrapper(request: HttpRequest, token: str) -> HttpResponse:
        invitation = get_invitation(token)
        if request.method == "POST":
            links.record_use(invitation)
        return view(request, invitation)

    return wrapper


def get_invitation(token: str) -> Invitation:
    """Return the invitation with its event, contact and RSVP, which may be one that the address made elsewhere, as in
    the rules. Raise LinkNotFound."""
    invitation = links.find_by_link(Invitation.objects.select_related("contact__organization", "rsvp"), token)
    invitation.event = Event.objects.with_seats().get(pk=invitation.event_id)
    invitation.rsvp = invitation.rsvp or responses.rsvp_of_contact(invitation)
    if invitation.rsvp:
        invitation.rsvp.event = invitation.event
    return invitation


@require_safe
@invitation_by_link
def invitation(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Show the event, the answer, and what can be answered now."""
    return render_invitation(request, invitation)


def render_invitation(
    request: HttpRequest,
    invitation: Invitation,
    *,
    form: InvitationForm | None = None,
    decline: DeclineForm | None = None,
    status: int = 200,
) -> HttpResponse:
    event, rsvp = invitation.event, invitation.rsvp
    state = event.state
    status_on_page = page_status(invitation, state)
    can_accept = event.accepts_rsvps and invitation.answer != Answer.ACCEPTED
    if can_accept:
        form = form or InvitationForm(invitation, rsvp)
    page = {
        "invitation": invitation,
        "event": event,
        "state": state,
        "status": status_on_page,
        "fields": render_crispy_form(form) if can_accept else None,
        "decline": decline or DeclineForm(),
        "wrong": next((one for one in (form, decline) if one and one.errors), None),
    }
    if status_on_page == "accepted":
        page |= party_context(rsvp)
    return render(request, "summit/invitation.html", page, status=status)


def page_status(invitation: Invitation, state: str) -> str:
    """Return what the page is about in one word: the answer, "open" if one can be given, or why not."""
    answer, event = invitation.answer, invitation.event
    if answer == Answer.ACCEPTED:
        return "accepted"
    if state in {"canceled", "past"}:
        return state
    if answer == Answer.DECLINED:
        return "declined"
    if event.accepts_rsvps:
        return "open"
    return state if event.is_published else "hidden"


def party_context(rsvp: Rsvp) -> dict:
    guests = list(rsvp.guests.all())
    return {
        "rsvp": rsvp,
        "guests": guests,
        "unnamed": sum(not guest.name for guest in guests),
        "can_change": rsvp.event.is_editable,
        "parties_ahead": Rsvp.objects.ahead_of(rsvp).count() if rsvp.waitlisted_seats else None,
        "mail_state": email_status(rsvp),
    }


@keeps_answers
@page_or_post
@limit_posts("accept_invitation", most=600, minutes=10)
@invitation_by_link
def invitation_accept(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Reserve seats or a place on the waitlist; a party that had canceled is reinstated."""
    if unsaved_answers(request) is not None:
        return render_invitation(
            request, invitation, form=unsaved_form(request, InvitationForm, invitation, invitation.rsvp)
        )
    if request.method != "POST":
        return redirect(invitation)
    form = InvitationForm(invitation, invitation.rsvp, request.POST)
    if invitation.answer == Answer.ACCEPTED:
        warn_if_not_saved(request, invitation, form)
        return redirect(invitation)
    if not invitation.event.accepts_rsvps:
        return render_invitation(request, invitation, status=409)
    if not form.is_valid():
        return render_invitation(request, invitation, form=form, status=422)
    if seconds := wait_for_invitation_email(invitation):
        return too_many_requests(request, seconds)
    try:
        responses.accept_invitation(invitation, form.rsvp(), size=form.cleaned_data["size"], guests=form.guests())
    except seats.DuplicateRsvp as duplicate:  # it answers another invitation
        return respond_to_duplicate(request, duplicate.rsvp, form)
    except seats.PartyOutOfBounds as error:
        form.add_error("size", str(error))
        return render_invitation(request, invitation, form=form, status=422)
    except seats.RsvpClosed:
        return render_invitation(request, get_invitation(invitation.token), status=409)
    return redirect(invitation)


def warn_if_not_saved(request: HttpRequest, invitation: Invitation, form: InvitationForm) -> None:
    """Say so if an accepted invitation is accepted again with other answers, as from a second tab."""
    is_same = form.is_valid() and not party_details.adds_something(
        invitation.rsvp, size=form.cleaned_data["size"], guests=form.guests(), details=form.details()
    )
    if not is_same:
        messages.warning(
            request, _("You’d already accepted, so what you just sent wasn’t saved. Change your RSVP on its page.")
        )


@keeps_answers
@page_or_post
@limit_posts("decline_invitation", most=600, minutes=10)
@invitation_by_link
def invitation_decline(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Decline, with a message or without. Ask first if that gives back seats."""
    if unsaved_answers(request) is not None:
        return render_invitation(request, invitation, decline=unsaved_form(request, DeclineForm))
    if request.method != "POST":
        return redirect(invitation)
    form = DeclineForm(request.POST)
    if not form.is_valid():
        return render_invitation(request, invitation, decline=form, status=422)
    if invitation.answer == Answer.ACCEPTED and "sure" not in request.POST and invitation.event.is_editable:
        page = cancel_context(invitation.rsvp) | {"invitation": invitation, "form": form}
        return render(request, "summit/cancel.html", page)
    wait_for_invitation_email(invitation)  # counts it; declining is never refused
    try:
        responses.decline_invitation(invitation, form.cleaned_data["decline_message"])
    except seats.RsvpClosed as error:
        messages.error(request, str(error))
    return redirect(invitation)


def wait_for_invitation_email(invitation: Invitation) -> int:
    """Count the email that an answer causes, or return how many seconds to wait. Views allow no more than a person
    needs."""
    return rate_limit.wait_for_try(f"invitation_emails:{invitation.pk}", most=MAX_EMAILS_PER_HOUR, minutes=60)
