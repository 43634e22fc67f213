"""Mail to many in the admin: how far a mailing is, its pause and its end, and what only staff can decide about it."""

from collections import Counter
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
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from imagine.core.admin.actions import Outcome, in_words
from imagine.core.admin.pagination import page_with_links
from imagine.mail.bulk import control, progress, rate_limit
from imagine.mail.models import Mailing, Message, SendRate
from imagine.mail.queue import CannotResend
from summit.emails.kinds import EmailKind
from summit.invitations import change_notices, writing
from summit.models import Event

ROWS = 25  # messages on a page
LATEST = 10
STATES = {
    "writing": _("being written"),
    "sending": _("being sent"),
    "paused": _("paused"),
    "stopped": _("stopped"),
    "done": _("done"),
}
State = Message.State


class PaceForm(forms.ModelForm):
    class Meta:
        model = SendRate
        fields = ["per_second"]


@admin.register(Mailing)
class MailingAdmin(admin.ModelAdmin):
    list_display = ("title", "state", "people", "sent", "trouble", "started_by", "created_at")
    search_fields = ("title",)
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        counts = {
            "sent": Q(messages__state=State.SENT),
            "trouble": Q(messages__state__in=Message.UNDELIVERED),
            "waiting": Q(messages__state__in=[State.QUEUED, State.SENDING]),
        }
        counts = {name: Count("messages", filter=which) for name, which in counts.items()}
        return super().get_queryset(request).annotate(**counts)

    def get_urls(self):
        one = require_http_methods(["GET", "HEAD", "POST"])(partial(mailing_page, self))
        view = self.admin_site.admin_view(one)
        return [path("<int:pk>/change/", view, name="mail_mailing_change"), *super().get_urls()]

    def change_view(self, *_args, **_kwargs):
        """Django's form, in which figures could be typed, is reached with " 17" in an address."""
        raise Http404

    @admin.display(description=_("state"))
    def state(self, mailing: Mailing) -> str:
        return STATES[progress.mailing_state(mailing, mailing.waiting)]

    @admin.display(description=_("people"), ordering="count")
    def people(self, mailing: Mailing) -> int:
        return mailing.recipient_count

    @admin.display(description=_("sent"), ordering="sent")
    def sent(self, mailing: Mailing) -> int:
        return mailing.sent

    @admin.display(description=_("failed or unknown"), ordering="trouble")
    def trouble(self, mailing: Mailing) -> int:
        return mailing.trouble


def under_way() -> QuerySet[Mailing]:
    """Those that are not at their end: something is to be written or sent, or only staff know what became of it. The
    few messages that tell so are found by their indexes."""
    told = Message.objects.filter(mailing__isnull=False).order_by()
    queued, unknown = (told.filter(state=state).values("mailing") for state in (State.QUEUED, State.UNKNOWN))
    begun = Q(rendered_at__isnull=True) | Q(pk__in=queued)
    return Mailing.objects.filter(Q(stopped_at__isnull=True) & begun | Q(pk__in=unknown))


# Its page --------------------------------------------------------------------------------------------------------


def mailing_page(page: MailingAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """How far a mailing is, and what can be done with it."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    mailing = get_object_or_404(Mailing, pk=pk)
    pace = PaceForm(instance=rate_limit.get_send_rate())
    if request.method == "POST":
        if not page.has_change_permission(request):
            raise PermissionDenied
        if "stop" in request.POST and "sure" not in request.POST and not mailing.stopped_at:
            question = around(page, request, mailing) | {"title": _("Stop this mailing?")}
            return render(request, "admin/summit/mailing/stop.html", question)
        if "set_pace" not in request.POST:
            act(request, mailing)
            return redirect(here(request))
        pace = PaceForm(request.POST, instance=rate_limit.get_send_rate())
        if pace.is_valid():
            set_pace(request, pace.cleaned_data["per_second"])
            return redirect(here(request))
    context = around(page, request, mailing)
    context |= {
        "may_act": page.has_change_permission(request),
        "pace": pace,
        "unknown": page_with_links(request, "page", Paginator(of_state(mailing, State.UNKNOWN), ROWS)),
        "failed": failed(mailing),
        "accepted": mailing.invitations.accepted().count(),
    }
    return render(request, "admin/summit/mailing/page.html", context, status=422 if pace.errors else 200)


def here(request: HttpRequest) -> str:
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return request.path + query


def around(page: MailingAdmin, request: HttpRequest, mailing: Mailing) -> dict:
    figures = progress.mailing_progress(mailing)
    return {
        **page.admin_site.each_context(request),
        "title": mailing.title,
        "opts": page.opts,
        "mailing": mailing,
        "event": event_of(mailing),
        "invites": mailing.template not in change_notices.KINDS,
        "is_off": mailing.template == EmailKind.INVITATION_CALLED_OFF,
        "figures": figures,
        "state": STATES[figures.state],
        "time_left": time_left(figures.seconds_left),
        "messages_of_it": f"{reverse('admin:mail_message_changelist')}?mailing__id__exact={mailing.pk}",
    }


def event_of(mailing: Mailing) -> Event | None:
    """The event that a mailing is about."""
    return Event.objects.filter(pk=mailing.object_id).first()


def time_left(seconds: int | None) -> str:
    """As people say it: about 3 minutes."""
    if seconds is None:
        return ""
    if seconds < 60:
        return str(_("less than a minute left"))
    minutes = round(seconds / 60)
    if minutes < 90:
        return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(n)d hour left", "about %(n)d hours left", hours) % {"n": hours}


def of_state(mailing: Mailing, *states: State):
    """Its messages in these states, without what they say."""
    messages = mailing.messages.filter(state__in=states).order_by("-created_at", "pk")
    return messages.only("mailing", "recipient", "state", "last_error", "handed_over_at", "created_at")


def failed(mailing: Mailing) -> list[Message]:
    return list(of_state(mailing, State.REJECTED, State.FAILED)[:LATEST])


# What is done ----------------------------------------------------------------------------------------------------


def act(request: HttpRequest, mailing: Mailing) -> None:
    known = {"pause": pause, "go_on": go_on, "stop": stop, "arrived": settle, "again": settle}
    for name, done in known.items():
        if name in request.POST:
            messages.success(request, done(request, mailing))
            return


def pause(request: HttpRequest, mailing: Mailing) -> str:
    writing.pause(mailing)
    return str(_("It is paused. Nothing leaves until you go on."))


def go_on(request: HttpRequest, mailing: Mailing) -> str:
    writing.go_on(mailing)
    return str(_("It goes on."))


def stop(request: HttpRequest, mailing: Mailing) -> str:
    writing.stop(mailing)
    if mailing.template in change_notices.KINDS:
        return str(_("It is stopped. Who was not written to yet is not told."))
    return str(_("It is stopped. Who was not written to yet is invited no more."))


def settle(request: HttpRequest, mailing: Mailing) -> str:
    """What staff say of messages whose outcome is unknown: of those they ticked, or of all."""
    arrived = "arrived" in request.POST
    chosen = of_state(mailing, State.UNKNOWN)
    if "all" not in request.POST:
        chosen = chosen.filter(pk__in=ids(request.POST.getlist("message")))
    outcomes = [outcome(message, arrived) for message in chosen]
    settled = outcomes.count(True)
    for why, number in Counter(str(each) for each in outcomes if isinstance(each, Exception)).items():
        refused = ngettext("%(n)d message is not sent again.", "%(n)d messages are not sent again.", number)
        messages.warning(request, f"{refused % {'n': number}} {why}")
    if arrived:
        said = ngettext("%(n)d message counts as sent.", "%(n)d messages count as sent.", settled)
    else:
        said = ngettext("%(n)d message will be sent again.", "%(n)d messages will be sent again.", settled)
    return said % {"n": settled}


def outcome(message: Message, arrived: bool) -> Outcome:
    try:
        return control.resolve_unknown(message, arrived)
    except (CannotResend, ObjectDoesNotExist) as refused:
        return CannotResend(in_words(refused))


def ids(typed: list[str]) -> list[UUID]:
    """Those of the sent values that can be a message's."""
    found = []
    for value in typed:
        with suppress(ValueError):
            found.append(UUID(value))
    return found


def set_pace(request: HttpRequest, per_second: int) -> None:
    rate_limit.set_send_rate(per_second)
    said = ngettext("At most %(n)d mail leaves a second now.", "At most %(n)d mails leave a second now.", per_second)
    messages.success(request, said % {"n": per_second})
