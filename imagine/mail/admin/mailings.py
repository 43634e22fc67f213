"""Mailings in the admin: progress, pause, resume, stop, the send rate, and emails whose delivery is unknown."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.http import require_http_methods

from imagine.core.admin.actions import Outcome, outcome_text, record_many
from imagine.core.admin.pagination import page_with_links
from imagine.core.admin.permissions import ACT_ON_MANY
from imagine.mail.bulk import control, progress, send_rate
from imagine.mail.bulk.kinds import get_mailing_kind
from imagine.mail.models import Mailing, Message, SendRate
from imagine.mail.queue import CannotResend

PAGE_SIZE = 25
MAX_FAILED = 10
STATE_LABELS = {
    "writing": pgettext_lazy("mailing", "Preparing"),
    "sending": pgettext_lazy("mailing", "Sending"),
    "paused": pgettext_lazy("mailing", "Paused"),
    "stopped": pgettext_lazy("mailing", "Stopped"),
    "done": pgettext_lazy("mailing", "Finished"),
}
State = Message.State


class SendRateForm(forms.ModelForm):
    class Meta:
        model = SendRate
        fields = ["per_second"]


@admin.register(Mailing)
class MailingAdmin(admin.ModelAdmin):
    list_display = ("title", "state", "people", "sent", "undelivered", "started_by", "created_at")
    search_fields = ("title",)
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        states = {
            "sent": [State.SENT],
            "undelivered": Message.UNDELIVERED,
            "waiting": Message.PENDING,
        }
        counts = {name: Count("messages", filter=Q(messages__state__in=those)) for name, those in states.items()}
        return super().get_queryset(request).annotate(**counts)

    def get_urls(self):
        view = require_http_methods(["GET", "HEAD", "POST"])(partial(mailing_page, self))
        change = path("<int:pk>/change/", self.admin_site.admin_view(view), name="mail_mailing_change")
        return [change, *super().get_urls()]

    def change_view(self, *_args, **_kwargs):
        """Hide Django's own form: URLs that `<int:pk>` doesn't match, such as " 17", would open it."""
        raise Http404

    @admin.display(description=_("status"))
    def state(self, mailing: Mailing) -> str:
        return STATE_LABELS[progress.mailing_state(mailing, mailing.waiting)]

    @admin.display(description=_("recipients"), ordering="recipient_count")
    def people(self, mailing: Mailing) -> int:
        return mailing.recipient_count

    @admin.display(description=_("Sent"), ordering="sent")
    def sent(self, mailing: Mailing) -> int:
        return mailing.sent

    @admin.display(description=_("not delivered or unknown"), ordering="undelivered")
    def undelivered(self, mailing: Mailing) -> int:
        return mailing.undelivered


# The page of a mailing -------------------------------------------------------------------------------------------


def mailing_page(page: MailingAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    if not page.has_view_permission(request):
        raise PermissionDenied
    mailing = get_object_or_404(Mailing, pk=pk)
    if request.method == "POST":
        if not page.has_change_permission(request):
            raise PermissionDenied
        return handle_mailing_post(page, request, mailing)
    return render_page(page, request, mailing, SendRateForm(instance=send_rate.get_send_rate()))


def handle_mailing_post(page: MailingAdmin, request: HttpRequest, mailing: Mailing) -> HttpResponse:
    if "set_rate" in request.POST:
        form = SendRateForm(request.POST, instance=send_rate.get_send_rate())
        if not form.is_valid():
            return render_page(page, request, mailing, form, status=422)
        change_send_rate(request, form.cleaned_data["per_second"])
    elif "stop" in request.POST and "confirmed" not in request.POST and not mailing.stopped_at:
        context = mailing_context(page, request, mailing) | {"title": _("Stop this mailing?")}
        return render(request, get_mailing_kind(mailing).stop_template, context)
    else:
        run_action(request, mailing)
    return redirect(request.get_full_path())


def render_page(
    page: MailingAdmin, request: HttpRequest, mailing: Mailing, rate_form: SendRateForm, status: int = 200
) -> HttpResponse:
    kind = get_mailing_kind(mailing)
    unknown = messages_in_state(mailing, State.UNKNOWN)
    context = {
        **mailing_context(page, request, mailing),
        **kind.page_context(mailing),
        "can_change": page.has_change_permission(request),
        "can_act_on_many": request.user.has_perm(ACT_ON_MANY),
        "rate_form": rate_form,
        "unknown": page_with_links(request, "page", Paginator(unknown, PAGE_SIZE)),
        "failed": messages_in_state(mailing, State.REJECTED, State.FAILED)[:MAX_FAILED],
    }
    return render(request, kind.page_template, context, status=status)


def mailing_context(page: MailingAdmin, request: HttpRequest, mailing: Mailing) -> dict:
    current = progress.mailing_progress(mailing)
    return {
        **page.admin_site.each_context(request),
        **about_context(page, mailing),
        "title": mailing.title,
        "opts": page.opts,
        "mailing": mailing,
        "progress": current,
        "state": STATE_LABELS[current.state],
        "time_left": time_left(current.seconds_left),
        "messages_url": f"{reverse('admin:mail_message_changelist')}?mailing__id__exact={mailing.pk}",
    }


def about_context(page: MailingAdmin, mailing: Mailing) -> dict:
    """Return what the mailing is about, such as an event, and links to it in the admin."""
    about = mailing.about
    if about is None or not page.admin_site.is_registered(type(about)):
        return {}
    name = f"admin:{about._meta.app_label}_{about._meta.model_name}"
    return {
        "about": about,
        "about_plural": about._meta.verbose_name_plural,
        "about_url": reverse(f"{name}_change", args=[about.pk]),
        "about_list_url": reverse(f"{name}_changelist"),
    }


def time_left(seconds: int | None) -> str:
    """Return a rounded duration, such as "about 3 minutes left"."""
    if seconds is None:
        return ""
    if seconds < 60:
        return str(_("less than a minute left"))
    minutes = round(seconds / 60)
    if minutes < 90:
        return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(n)d hour left", "about %(n)d hours left", hours) % {"n": hours}


def messages_in_state(mailing: Mailing, *states: State) -> QuerySet[Message]:
    """Return a mailing's messages in these states, without their content."""
    found = mailing.messages.filter(state__in=states).order_by("-created_at", "pk")
    return found.only("mailing", "recipient", "state", "last_error", "handed_over_at", "created_at")


# Its buttons -----------------------------------------------------------------------------------------------------


def run_action(request: HttpRequest, mailing: Mailing) -> None:
    for name, action in ACTIONS.items():
        if name in request.POST:
            messages.success(request, action(request, mailing))
            return


def pause(request: HttpRequest, mailing: Mailing) -> str:
    control.pause_mailing(mailing)
    return str(_("Mailing paused. No more emails go out until you resume it."))


def resume(request: HttpRequest, mailing: Mailing) -> str:
    control.resume_mailing(mailing)
    return str(_("Mailing resumed."))


def stop(request: HttpRequest, mailing: Mailing) -> str:
    kind = get_mailing_kind(mailing)
    kind.stop(mailing)
    return str(kind.stopped_message)


def resolve_selected(request: HttpRequest, mailing: Mailing) -> str:
    """Mark the selected emails, or all of those whose delivery is unknown, as delivered, or resend them. Raise
    PermissionDenied for more than one, without the right to act on many."""
    arrived = "arrived" in request.POST
    unknown = messages_in_state(mailing, State.UNKNOWN)
    if "all" not in request.POST:
        unknown = unknown.filter(pk__in=valid_uuids(request.POST.getlist("message")))
    if len(unknown) > 1 and not request.user.has_perm(ACT_ON_MANY):
        raise PermissionDenied
    resolved_messages = [(message, resolve_outcome(message, arrived)) for message in unknown]
    record_many(request, resolved_messages, action="arrived" if arrived else "resend")
    outcomes = [outcome for _message, outcome in resolved_messages]
    for reason, number in Counter(str(each) for each in outcomes if isinstance(each, Exception)).items():
        warning = ngettext("%(n)d email wasn’t resent.", "%(n)d emails weren’t resent.", number)
        messages.warning(request, f"{warning % {'n': number}} {reason}")
    resolved = outcomes.count(True)
    if arrived:
        success = ngettext("%(n)d email marked as delivered.", "%(n)d emails marked as delivered.", resolved)
    else:
        success = ngettext("%(n)d email will be resent.", "%(n)d emails will be resent.", resolved)
    return success % {"n": resolved}


ACTIONS = {"pause": pause, "resume": resume, "stop": stop, "arrived": resolve_selected, "resend": resolve_selected}


def resolve_outcome(message: Message, arrived: bool) -> Outcome:
    try:
        return control.resolve_unknown(message, arrived)
    except (CannotResend, ObjectDoesNotExist) as error:
        return CannotResend(outcome_text(error))


def valid_uuids(values: Iterable[str]) -> list[UUID]:
    uuids = []
    for value in values:
        with suppress(ValueError):
            uuids.append(UUID(value))
    return uuids


def change_send_rate(request: HttpRequest, per_second: int) -> None:
    send_rate.set_send_rate(per_second)
    success = ngettext(
        "Sending speed saved: at most %(n)d email per second.",
        "Sending speed saved: at most %(n)d emails per second.",
        per_second,
    )
    messages.success(request, success % {"n": per_second})
