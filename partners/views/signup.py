"""The page to start a pledge."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core.rate_limit import limit_posts
from imagine.core.unsaved_answers import keeps_answers, unsaved_form
from partners.forms.signup import BeginForm
from partners.models import PledgeYear
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.views.pledge_context import next_year

page_or_post = require_http_methods(["GET", "HEAD", "POST"])


@keeps_answers
@page_or_post
@limit_posts("begin", most=300, minutes=10)
def pledge_begin(request: HttpRequest) -> HttpResponse:
    """Show the form to start a pledge. A known address gets the same response as an unknown one, and as fast."""
    form = BeginForm(request.POST) if request.method == "POST" else unsaved_form(request, BeginForm)
    if request.method == "POST" and form.is_valid():
        try:
            pledge_signup.request_pledge(form.pledge_request())
        except page_state.PledgeClosed as closed:
            messages.error(request, str(closed))
            return redirect("pledge_begin")
        return redirect("pledge_sent")
    year = PledgeYear.objects.current()
    page = {"form": form, "year": year, "next_year": None if year else next_year()}
    return render(request, "partners/signup.html", page, status=422 if form.errors else 200)


@require_safe
def pledge_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "partners/link_sent.html")
