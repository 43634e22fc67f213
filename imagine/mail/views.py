"""Email preferences and unsubscribing by personal link."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from imagine.core.rate_limit import limit_posts
from imagine.core.unsaved_answers import keeps_answers, unsaved_form
from imagine.core.views import personal_page
from imagine.mail import preferences
from imagine.mail.forms import EmailPreferencesForm
from imagine.mail.models import EmailPreference
from imagine.mail.preferences import TOPICS

ONE_CLICK_FIELD = "List-Unsubscribe"  # posted by email programs (RFC 8058)

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

UNSUBSCRIBE_TEXTS = {
    "invitations": {
        "question": gettext_lazy("Unsubscribe from invitations?"),
        "description": gettext_lazy("These are invitations to the kickoff and other events for partners."),
        "unsubscribe": gettext_lazy("Unsubscribe from invitations"),
        "unsubscribed": gettext_lazy("You’re unsubscribed from invitations"),
        "resubscribe": gettext_lazy("Send me invitations again"),
    },
    "reminders": {
        "question": gettext_lazy("Unsubscribe from reminders?"),
        "description": gettext_lazy("These are reminders about upcoming events and anything left to finish."),
        "unsubscribe": gettext_lazy("Unsubscribe from reminders"),
        "unsubscribed": gettext_lazy("You’re unsubscribed from reminders"),
        "resubscribe": gettext_lazy("Send me reminders again"),
    },
    "news": {
        "question": gettext_lazy("Unsubscribe from news?"),
        "description": gettext_lazy("These are updates on what partners have accomplished."),
        "unsubscribe": gettext_lazy("Unsubscribe from news"),
        "unsubscribed": gettext_lazy("You’re unsubscribed from news"),
        "resubscribe": gettext_lazy("Send me news again"),
    },
}


@keeps_answers
@page_or_post
@limit_posts("email_preferences", most=300, minutes=10)
@personal_page
def email_preferences(request: HttpRequest, token: str) -> HttpResponse:
    preference = get_object_or_404(EmailPreference, token=token)
    language = preferences.language_of(preference.email)
    if request.method != "POST":
        return render_preferences(
            request, preference, unsaved_form(request, EmailPreferencesForm, preference, language)
        )
    form = EmailPreferencesForm(preference, language, request.POST)
    if not form.is_valid():
        return render_preferences(request, preference, form, status=422)
    preferences.save_choices(preference, form.chosen_topics(), language=form.chosen_language())
    if form.unsubscribes_from_all:
        messages.success(request, _("You’re unsubscribed from invitations, reminders, and news."))
    else:
        messages.success(request, _("Preferences saved."))
    return redirect(preference)


def render_preferences(
    request: HttpRequest, preference: EmailPreference, form: EmailPreferencesForm, status: int = 200
) -> HttpResponse:
    wants_any = any(preference.wants(topic) for topic in TOPICS)
    context = {"preference": preference, "form": form, "wants_any": wants_any}
    return render(request, "mail/email_preferences.html", context, status=status)


@csrf_exempt  # email programs have no cookie of ours; the token is the secret
@page_or_post
@personal_page
def unsubscribe(request: HttpRequest, token: str, topic: str) -> HttpResponse:
    """Unsubscribe from a topic: with one POST by an email program (RFC 8058), or with the button on this page. Bulk
    email that is queued already is dropped when its turn comes (bulk.delivery.filter_recipients).

    Never rate-limited, because an email provider posts for thousands of people from one address.
    """
    if topic not in TOPICS:
        raise Http404
    preference = get_object_or_404(EmailPreference, token=token)
    if request.method == "POST":
        is_one_click = ONE_CLICK_FIELD in request.POST
        wants_topic = "resubscribe" in request.POST and not is_one_click
        preferences.save_choices(preference, {topic: wants_topic})
        if is_one_click:  # email programs follow no redirect
            return HttpResponse(_("Unsubscribed."), "text/plain; charset=utf-8")
        return redirect("unsubscribe", token, topic)
    context = {
        "preference": preference,
        "topic": topic,
        "is_subscribed": preference.wants(topic),
        "text": UNSUBSCRIBE_TEXTS[topic],
    }
    return render(request, "mail/unsubscribe.html", context)
