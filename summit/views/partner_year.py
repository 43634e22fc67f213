"""A partner's events on one page, behind the link of its pledge."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from imagine.core.rate_limit import limit_posts
from imagine.core.views import personal_page
from partners.pledges import page_state
from partners.views.pledge import leads_elsewhere
from summit import partner_year as summit_partner_year
from summit.views.public import page_or_post


@require_safe
@personal_page
def partner_year(request: HttpRequest, token: str) -> HttpResponse:
    """Show the pledge, the events with their answers, and the invitations."""
    state = page_state.load_page_state(token)
    if state.organization is None or not state.is_emailed_link:  # nothing was saved yet, or its address isn't verified
        return redirect("pledge", token)
    if leads_elsewhere(state):
        return redirect("partner_year", state.pledge.token)
    page = {
        "state": state,
        "pledge": state.pledge,
        "year": summit_partner_year.load_partner_year(state.organization, state.answering_contact),
    }
    return render(request, "summit/partner_year.html", page)


@page_or_post
@limit_posts("mail_year_link", most=300, minutes=10)
@personal_page
def mail_year_link(request: HttpRequest, token: str) -> HttpResponse:
    """Email the pledge's contact their own link for one event."""
    state = page_state.load_page_state(token)
    if request.method == "POST":
        try:
            is_sent = summit_partner_year.mail_own_link(state, request.POST.get("event", ""))
        except summit_partner_year.NoLink:
            raise Http404 from None
        if is_sent:
            message = _("We’re emailing you your link. It can take a few minutes.")
        else:
            message = _("We emailed you this link not long ago. Please check your spam folder, too.")
        messages.success(request, message)
    return redirect("partner_year", token)
