"""Ask to be told when the next summit has a date: the form, and the pages behind the emailed link."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from imagine.core import links
from imagine.core.rate_limit import limit_posts
from imagine.core.unsaved_answers import keeps_answers, unsaved_form
from imagine.core.views import personal_page
from summit import date_alerts
from summit.forms import DateAlertForm
from summit.models import DateAlert, Event
from summit.views.public import page_or_post

ONE_CLICK_FIELD = "List-Unsubscribe"  # posted by email programs (RFC 8058)


@keeps_answers
@page_or_post
@limit_posts("date_alert", most=300, minutes=10)
def begin_date_alert(request: HttpRequest) -> HttpResponse:
    """Store an address. The response is the same, and as fast, whether it is known or not."""
    if Event.objects.public().coming_summit():  # it has a date
        return redirect("landing")
    form = DateAlertForm(request.POST) if request.method == "POST" else unsaved_form(request, DateAlertForm)
    if request.method == "POST" and form.is_valid():
        date_alerts.request_alert(form.cleaned_data["email"], get_language() or "en")
        return redirect("date_alert_sent")
    return render(request, "summit/date_alert_form.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
def date_alert_sent(request: HttpRequest) -> HttpResponse:
    """Say what happens after begin_date_alert."""
    return render(request, "summit/date_alert_sent.html")


@page_or_post
@limit_posts("confirm_date_alert", most=300, minutes=10)
@personal_page
def date_alert(request: HttpRequest, token: str) -> HttpResponse:
    """Show whether this address will be told, and what can be changed. A POST confirms it."""
    alert = links.find_by_link(DateAlert.objects.all(), token)
    if request.method == "POST":
        date_alerts.confirm_alert(alert)
        return redirect(alert)
    page = {"alert": alert, "coming": Event.objects.public().coming_summit()}
    return render(request, "summit/date_alert.html", page)


@csrf_exempt  # email programs have no cookie of ours; the token is the secret
@page_or_post
@personal_page
def stop_date_alert(request: HttpRequest, token: str) -> HttpResponse:
    """Forget the address: with one POST by an email program (RFC 8058), or with the button of the page. Never
    rate-limited, because an email provider posts for many people from one address."""
    alert = links.find_by_link(DateAlert.objects.all(), token)
    if request.method != "POST":
        return redirect(alert)
    date_alerts.delete_alert(alert)
    if ONE_CLICK_FIELD in request.POST:  # email programs follow no redirect
        return HttpResponse(_("Unsubscribed."), "text/plain; charset=utf-8")
    messages.success(request, _("You’re off the list. We deleted your email address from it."))
    return redirect("landing")
