"""Which mail an address gets: its holder chooses, or ends one kind with one click. The link comes in our mail."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt

from imagine.core.private_links import private
from imagine.core.rate_limit import limited
from imagine.mail.models import EmailPreference
from imagine.mail.preferences import MAIL
from summit import email_preferences as choices
from summit.forms import MailChoicesForm
from summit.views.public import page_or_post

ONE_CLICK = "List-Unsubscribe"  # what a mail program sends by itself (RFC 8058)

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
@limited("change", most=300, minutes=10)
@private
def mail_choices(request: HttpRequest, token: str) -> HttpResponse:
    """What an address wants, and the language that we write in."""
    address = get_object_or_404(EmailPreference, token=token)
    spoken = choices.spoken(address.email)
    if request.method != "POST":
        return show(request, address, MailChoicesForm(address, spoken))
    form = MailChoicesForm(address, spoken, request.POST)
    if not form.is_valid():
        return show(request, address, form, status=422)
    choices.save(address, **form.chosen())
    if form.ends_all:
        messages.success(request, _("Saved: no invitations, no reminders, no news."))
    else:
        messages.success(request, _("Saved. We keep to it from now on."))
    return redirect(address)


def show(request: HttpRequest, address: EmailPreference, form: MailChoicesForm, status: int = 200) -> HttpResponse:
    wants_any = any(getattr(address, f"wants_{name}") for name in MAIL)
    page = {"address": address, "form": form, "wants_any": wants_any}
    return render(request, "summit/mail_choices.html", page, status=status)


@csrf_exempt  # a mail program has no cookie of ours; the token is the secret
@page_or_post
@private
def unsubscribe(request: HttpRequest, token: str, mail: str) -> HttpResponse:
    """Ends one kind of mail: a mail program by one POST (RFC 8058), a person by the button of this page, who can take
    it back there. Never limited: one mail provider posts for thousands of people."""
    if mail not in MAIL:
        raise Http404
    address = get_object_or_404(EmailPreference, token=token)
    if request.method == "POST":
        wants = "again" in request.POST and ONE_CLICK not in request.POST
        choices.save(address, **{mail: wants})
        if ONE_CLICK in request.POST:  # no redirect: mail programs follow none
            return HttpResponse(_("Unsubscribed."), "text/plain; charset=utf-8")
        return redirect("unsubscribe", token, mail)
    page = {"address": address, "mail": mail, "wants": getattr(address, f"wants_{mail}"), "words": ENDINGS[mail]}
    return render(request, "summit/unsubscribe.html", page)
