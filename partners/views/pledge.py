"""The pages behind the personal link of a pledge."""

import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from imagine.core import rate_limit
from imagine.core.errors import RuleViolation
from imagine.core.rate_limit import limit_posts, too_many_requests
from imagine.core.unsaved_answers import keeps_answers, say_unsaved, unsaved_answers
from imagine.core.uploads import takes_files
from imagine.core.views import personal_page
from partners.forms.edit_conflicts import merge_edits
from partners.forms.pledge_answers import PledgeAnswers, with_one_less, with_one_more
from partners.models import Logo
from partners.organizations import logos
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges.page_state import PageState
from partners.views.pledge_context import closed_page_context, pledge_page_context, thanks_page_context
from partners.views.signup import page_or_post

MAX_SIGNATURES_PER_HOUR = 20  # with the same link


@keeps_answers
@takes_files(max_size=logos.MAX_FILE_SIZE)
@page_or_post
@limit_posts("pledge", most=1200, minutes=10)  # 300 people in a school, who save it three times and sign
@personal_page
def pledge(request: HttpRequest, token: str) -> HttpResponse:
    """Show the pledge's page with profile, checklist and signature. A POST saves a draft or signs."""
    if request.method == "POST":
        answers = PledgeAnswers(request.POST, request.FILES)
        return change_promises(request, token, answers) or write(request, token, answers)
    state = page_state.load_page_state(token)
    if leads_elsewhere(state):
        return redirect(state.pledge)
    typed = unsaved_answers(request)
    if typed is None:
        return show(request, state)
    say_unsaved(request)
    answers = PledgeAnswers(typed, request.FILES)
    answers.as_entered()
    return show(request, state, answers)


def change_promises(request: HttpRequest, token: str, answers: PledgeAnswers) -> HttpResponse | None:
    """Show the page with one promise of a type more or less, if such a button was clicked. Nothing is saved."""
    button = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,2})", request.POST.get("remove", ""))
    if button:
        answers = with_one_less(answers, int(button[1]), int(button[2]))
    elif re.fullmatch("[0-9]{1,9}", request.POST.get("add", "")):
        answers = with_one_more(answers, int(request.POST["add"]))
    else:
        return None
    return show(request, page_state.load_page_state(token), answers)


def leads_elsewhere(state: PageState) -> bool:
    """Whether this is a link of an older pledge, or a request's that leads to an existing pledge. A link that wasn't
    emailed never leads to one that was."""
    request = state.pledge_request
    has_own_page = request is not None and request.pledge_id is not None
    return state.pledge is not None and state.pledge.token != state.token and not has_own_page


def show(
    request: HttpRequest, state: PageState, answers: PledgeAnswers | None = None, status: int = 200, **more
) -> HttpResponse:
    """Render the page to fill in, or the signed pledge while the school year is closed."""
    if not state.is_open:
        return render(
            request, "partners/closed.html", closed_page_context(state), status=status if status == 200 else 409
        )
    return render(request, "partners/pledge.html", pledge_page_context(state, answers) | more, status=status)


def write(request: HttpRequest, token: str, answers: PledgeAnswers) -> HttpResponse:
    state = None if answers.is_valid() else page_state.load_page_state(token)
    if state and not answers.is_valid_for(state):
        return show(request, state, answers, status=422)
    if answers.is_signing and (seconds := wait_to_sign(token)):
        return too_many_requests(request, seconds)
    try:
        pledge = answers.write(token)
    except pledge_editing.PledgeChanged as changed:
        return show_conflict(request, changed.state, answers)
    except page_state.AddressAlreadyKnown as known:
        return render(request, "partners/address_known.html", {"said": known}, status=409)
    except RuleViolation as refused:
        state = page_state.load_page_state(token)
        if (
            isinstance(refused, pledge_editing.PledgeAlreadySigned) and answers.version != state.version
        ):  # someone else has just signed it
            return show_conflict(request, state, answers)
        answers.add(refused)
        return show(request, state, answers, status=422)
    if answers.is_signing:
        return redirect("pledge_thanks", pledge.token)
    messages.success(request, _("Draft saved. It takes effect when you sign it."))
    return redirect("pledge", pledge.token if pledge.is_verified else token)


def show_conflict(request: HttpRequest, state: PageState, answers: PledgeAnswers) -> HttpResponse:
    """Show the page with the changes that someone else has made since it was opened."""
    meanwhile = merge_edits(answers, state)
    return show(request, state, meanwhile.answers, status=409, meanwhile=meanwhile)


def wait_to_sign(token: str) -> int:
    """Count a signature of this link, or return how many seconds to wait. Each one sends an email, and the address may
    not be the visitor's."""
    key = salted_hmac("partners.signatures", token).hexdigest()[:32]  # the link must not be stored in the cache
    return rate_limit.wait_for_try(f"signatures:{key}", most=MAX_SIGNATURES_PER_HOUR, minutes=60)


@require_safe
@personal_page
def pledge_thanks(request: HttpRequest, token: str) -> HttpResponse:
    state = page_state.load_page_state(token)
    if not (state.is_signed and state.is_open):
        return redirect("pledge", token)
    return render(request, "partners/thanks.html", thanks_page_context(state))


@require_safe
@personal_page
def pledge_logo(request: HttpRequest, token: str) -> HttpResponse:
    """Return the organization's logo, even if it isn't listed."""
    logo = get_object_or_404(Logo, organization=page_state.load_page_state(token).organization)
    return HttpResponse(bytes(logo.png), "image/png")
