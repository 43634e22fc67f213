"""Email preferences behind their personal link, and whether the product can serve, for monitors."""

from collections.abc import Callable

from django.contrib import messages
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core.private_links import private_response
from imagine.core.rate_limit import limit_posts
from imagine.mail import dispatch, health, preferences
from imagine.mail.forms import EmailPreferencesForm
from imagine.mail.models import EmailPreference
from imagine.mail.preferences import MAIL

LATE_MAIL = 300  # seconds that a message may wait before outgoing mail counts as late
QUIET_QUEUE = 120  # seconds without a heartbeat before the workers count as quiet
ONE_CLICK = "List-Unsubscribe"  # what a mail program sends by itself (RFC 8058)

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

# What the page about one kind of mail says.
ENDINGS = {
    "invitations": {
        "question": gettext_lazy("No more invitations?"),
        "what": gettext_lazy("We invite partners to the kick-off and to the gatherings of the school year."),
        "end": gettext_lazy("End the invitations"),
        "ended": gettext_lazy("You get no more invitations"),
        "again": gettext_lazy("Send me invitations again"),
    },
    "reminders": {
        "question": gettext_lazy("No more reminders?"),
        "what": gettext_lazy("We remind you before an event that you come to, and of what is still open."),
        "end": gettext_lazy("End the reminders"),
        "ended": gettext_lazy("You get no more reminders"),
        "again": gettext_lazy("Send me reminders again"),
    },
    "news": {
        "question": gettext_lazy("No more news?"),
        "what": gettext_lazy("A few times a year we tell what has come of the promises."),
        "end": gettext_lazy("End the news"),
        "ended": gettext_lazy("You get no more news"),
        "again": gettext_lazy("Send me news again"),
    },
}


@page_or_post
@limit_posts("change", most=300, minutes=10)
@private_response
def email_preferences(request: HttpRequest, token: str) -> HttpResponse:
    """What an address wants, and the language that we write in."""
    address = get_object_or_404(EmailPreference, token=token)
    spoken = preferences.language_of(address.email)
    if request.method != "POST":
        return show(request, address, EmailPreferencesForm(address, spoken))
    form = EmailPreferencesForm(address, spoken, request.POST)
    if not form.is_valid():
        return show(request, address, form, status=422)
    preferences.save_choices(address, form.chosen_topics(), language=form.chosen_language())
    if form.ends_all:
        messages.success(request, _("Saved: no invitations, no reminders, no news."))
    else:
        messages.success(request, _("Saved. We keep to it from now on."))
    return redirect(address)


def show(request: HttpRequest, address: EmailPreference, form: EmailPreferencesForm, status: int = 200) -> HttpResponse:
    wants_any = any(getattr(address, f"wants_{name}") for name in MAIL)
    page = {"address": address, "form": form, "wants_any": wants_any}
    return render(request, "mail/email_preferences.html", page, status=status)


@csrf_exempt  # a mail program has no cookie of ours; the token is the secret
@page_or_post
@private_response
def unsubscribe(request: HttpRequest, token: str, mail: str) -> HttpResponse:
    """Ends one kind of mail: a mail program by one POST (RFC 8058), a person by the button of this page, who can take
    it back there. Never limited: one mail provider posts for thousands of people."""
    if mail not in MAIL:
        raise Http404
    address = get_object_or_404(EmailPreference, token=token)
    if request.method == "POST":
        wants = "again" in request.POST and ONE_CLICK not in request.POST
        preferences.save_choices(address, {mail: wants})
        if ONE_CLICK in request.POST:  # no redirect: mail programs follow none
            return HttpResponse(_("Unsubscribed."), "text/plain; charset=utf-8")
        return redirect("unsubscribe", token, mail)
    page = {"address": address, "mail": mail, "wants": getattr(address, f"wants_{mail}"), "words": ENDINGS[mail]}
    return render(request, "mail/unsubscribe.html", page)


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when this process can serve; 503 when PostgreSQL does not answer.

    The broker and outgoing mail are told but do not fail it: without them RSVPs still stand and mail follows by itself,
    so taking the web server away would only make it worse. A monitor reads "broker", "mail" and "mail to many".
    """
    try:
        state = {
            "database": "ok",
            "mail": mail_state("transactional", health.seconds_overdue),
            "mail to many": mail_state("bulk", health.bulk_seconds_overdue),
        }
    except DatabaseError:
        connection.close()
        state = {"database": "down", "mail": "unknown", "mail to many": "unknown", "broker": broker_state()}
        return JsonResponse(state, status=503)
    return JsonResponse(state | {"broker": broker_state()})


def mail_state(queue: str, seconds_overdue: Callable[[], float]) -> str:
    heartbeat = health.seconds_since_heartbeat(queue)
    if heartbeat is None or heartbeat > QUIET_QUEUE:
        return "no worker"
    return "late" if seconds_overdue() > LATE_MAIL else "ok"


def broker_state() -> str:
    try:
        with dispatch.broker.clone() as broker:
            broker.ensure_connection(max_retries=0)
    except Exception:  # whatever the transport raises: it is down, and that is the answer
        return "down"
    return "ok"
