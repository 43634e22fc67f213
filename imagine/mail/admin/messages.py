"""Messages in the admin: their delivery, and a preview of the email as its recipient sees it."""

from csp.constants import NONCE, SELF
from csp.decorators import csp_replace
from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin

from imagine.core.admin.actions import ActionsAdmin, Outcome, report_outcomes
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.logging import without_links
from imagine.core.security_events import record_event
from imagine.mail import queue
from imagine.mail.bulk import control
from imagine.mail.html_preview import preview_document
from imagine.mail.models import Message
from imagine.mail.security_events import MailEventKind

CONTENT_DELETED = _("We deleted the text of this email 30 days after it was sent.")


@admin.register(Message)
class MessageAdmin(GuardedAdmin, ActionsAdmin):
    secrets = ("token", "body_text", "body_html", "ics", "unsubscribe_url")
    list_display = ("subject", "recipient", "state", "last_error", "created_at", "sent_at", "attempts")
    list_filter = ("state", "queue", "language", "created_at")
    search_fields = ("recipient", "subject", "idempotency_key")
    show_full_result_count = False
    actions = ("resend", "mark_arrived")
    fieldsets = [
        (
            None,
            {
                "fields": (
                    "recipient",
                    "subject",
                    "attachment_name",
                    "state",
                    "last_error",
                    "possible_duplicate",
                    "html_preview",
                )
            },
        ),
        (_("Plain text and calendar part"), {"fields": ("plain_text", "calendar_part")}),
        (
            _("Delivery"),
            {
                "fields": (
                    *("created_at", "sent_at", "handed_over_at", "attempts", "send_after", "retry_until"),
                    *("queue", "mailing", "language", "idempotency_key"),
                )
            },
        ),
    ]

    def get_queryset(self, request):
        messages = super().get_queryset(request)
        if not request.user.is_superuser:  # accounts belong to superusers, and so does email about them
            messages = messages.exclude(content_type__app_label="auth")
        is_list = getattr(request.resolver_match, "url_name", "") == "mail_message_changelist"
        return messages.defer("body_text", "body_html", "ics") if is_list else messages

    def get_fieldsets(self, request, obj=None):
        """Most messages neither bounce nor are marked as spam, so those fields are shown only of the others."""
        *others, (delivery, options) = super().get_fieldsets(request, obj)
        reported = [field for field in ("bounced_at", "complained_at") if getattr(obj, field, None)]
        return [*others, (delivery, options | {"fields": (*reported, *options["fields"])})]

    @admin.display(description=_("text"))
    def plain_text(self, message: Message) -> str:
        """Return the text without personal links, because staff must not act as the recipient."""
        if not message.body_text:
            return CONTENT_DELETED
        return without_links(message.body_text)

    @admin.display(description=_("calendar part"))
    def calendar_part(self, message: Message) -> str:
        return without_links(message.ics.replace("\r\n ", ""))

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        """Messages are never edited. Without an object, this is the permission to resend."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def change_view(self, request, object_id, form_url="", extra_context=None):
        actions = {"_resend": self.resend, "_arrived": self.mark_arrived}
        action = next((actions[name] for name in actions if name in request.POST), None)
        if action and self.has_change_permission(request):
            message = self.get_object(request, object_id)
            if message is not None:
                action(request, Message.objects.filter(pk=message.pk))
                return redirect(request.path)
        context = {"can_resend": self.has_change_permission(request)}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def get_urls(self):
        preview = path("<uuid:pk>/preview/", self.admin_site.admin_view(self.preview), name="mail_message_preview")
        return [preview, *super().get_urls()]

    @admin.display(description=_("as the recipient sees it"))
    def html_preview(self, message: Message) -> str:
        if not message.body_html:
            return CONTENT_DELETED
        url = reverse("admin:mail_message_preview", args=[message.pk])
        frame = '<iframe class="email-preview" src="{}" title="{}"></iframe><p class="help">{}</p>'
        help_text = _("Its links lead nowhere here: they are the guest’s alone.")
        return format_html(frame, url, message.subject, help_text)

    @method_decorator([xframe_options_sameorigin, csp_replace({"style-src": [NONCE], "frame-ancestors": [SELF]})])
    def preview(self, request: HttpRequest, pk) -> HttpResponse:
        """Return the message's HTML for the frame on its page."""
        if not self.has_view_permission(request):
            raise Http404
        message = get_object_or_404(Message, pk=pk)
        if request.method != "HEAD":
            record_event(MailEventKind.EMAIL_VIEWED, message)
        return HttpResponse(preview_document(message.body_html, str(request.csp_nonce)))

    @admin.action(description=_("Send again"), permissions=["change"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        done = ngettext_lazy(
            "%(number)d message will be sent again.", "%(number)d messages will be sent again.", "number"
        )
        same = ngettext_lazy(
            "%(number)d message is on its way already.", "%(number)d messages are on their way already.", "number"
        )
        messages = queryset.select_related("mailing")
        report_outcomes(self, request, [(message, resend_outcome(message)) for message in messages], done, same)

    @admin.action(description=_("It arrived: the outcome is known"), permissions=["change"])
    def mark_arrived(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        done = ngettext_lazy("%(number)d message counts as sent.", "%(number)d messages count as sent.", "number")
        same = ngettext_lazy(
            "%(number)d message had no unknown outcome and stays as it is.",
            "%(number)d messages had no unknown outcome and stay as they are.",
            "number",
        )
        report_outcomes(self, request, [(message, arrival_outcome(message)) for message in queryset], done, same)


def resend_outcome(message: Message) -> Outcome:
    try:
        return queue.resend(message)
    except (queue.CannotResend, ObjectDoesNotExist) as error:
        return error


def arrival_outcome(message: Message) -> Outcome:
    try:
        return control.resolve_unknown(message, arrived=True)
    except Message.DoesNotExist as error:
        return error
