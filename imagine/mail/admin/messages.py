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

from imagine.core.admin.actions import ActionsAdmin, Outcome, row_action
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.logging import without_links
from imagine.core.security_events import record_event
from imagine.mail import queue
from imagine.mail.bulk import control
from imagine.mail.html_preview import preview_document
from imagine.mail.models import Message
from imagine.mail.security_events import MailEventKind

CONTENT_DELETED = _("We deleted the text of this email 30 days after it was sent.")


class HandledFilter(admin.SimpleListFilter):
    """What bounced or failed, or may have, by whether staff dealt with it."""

    title, parameter_name = _("handled"), "handled"

    def lookups(self, request, model_admin):
        return [("no", _("Not handled yet")), ("yes", _("Handled"))]

    def queryset(self, request, queryset):
        if self.value() == "no":
            return queryset.to_handle()
        return queryset.filter(handled_at__isnull=False) if self.value() == "yes" else queryset


@admin.register(Message)
class MessageAdmin(GuardedAdmin, ActionsAdmin):
    secrets = ("token", "body_text", "body_html", "ics", "unsubscribe_url")
    list_display = ("subject", "recipient", "state", "last_error", "created_at")
    list_filter = ("state", HandledFilter, "queue", "language", "created_at")
    search_fields = ("recipient", "subject", "idempotency_key")
    show_full_result_count = False
    actions = ("resend", "mark_arrived", "mark_handled")
    fieldsets = [
        (
            None,
            {
                "fields": (
                    *("recipient", "state", "last_error", "sent_at", "possible_duplicate"),
                    *("mailing", "attachment_name", "html_preview"),
                )
            },
        ),
        (
            _("Plain text and calendar file"),
            {"fields": ("plain_text", "calendar_part"), "classes": ("collapse",)},
        ),
        (
            _("Technical details"),
            {
                "fields": (
                    *("created_at", "handed_over_at", "attempts", "send_after", "retry_until"),
                    *("queue", "language", "idempotency_key"),
                ),
                "classes": ("collapse",),
            },
        ),
    ]

    def get_queryset(self, request):
        messages = super().get_queryset(request).visible_to(request.user)
        is_list = getattr(request.resolver_match, "url_name", "") == "mail_message_changelist"
        return messages.defer("body_text", "body_html", "ics") if is_list else messages

    def get_fieldsets(self, request, obj=None):
        """Most messages neither bounce nor are marked as spam, so those fields are shown only for the others."""
        (name, options), *others = super().get_fieldsets(request, obj)
        reported = [field for field in ("bounced_at", "complained_at", "handled_at") if getattr(obj, field, None)]
        return [(name, options | {"fields": (*reported, *options["fields"])}), *others]

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj:
            context |= {"title": obj.subject, "subtitle": None}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @admin.display(description=_("text"))
    def plain_text(self, message: Message) -> str:
        """Return the text without personal links, because staff must not act as the recipient."""
        if not message.body_text:
            return CONTENT_DELETED
        return without_links(message.body_text)

    @admin.display(description=_("calendar file"))
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
        actions = {"_resend": self.resend, "_arrived": self.mark_arrived, "_handled": self.mark_handled}
        action = next((actions[name] for name in actions if name in request.POST), None)
        if action and self.has_change_permission(request):
            message = self.get_object(request, object_id)
            if message is not None:
                action.row_action.run(self, request, Message.objects.filter(pk=message.pk))
                return redirect(request.path)
        context = {"can_resend": self.has_change_permission(request)}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def get_urls(self):
        preview = path("<uuid:pk>/preview/", self.admin_site.admin_view(self.preview), name="mail_message_preview")
        return [preview, *super().get_urls()]

    @admin.display(description=_("preview"))
    def html_preview(self, message: Message) -> str:
        if not message.body_html:
            return CONTENT_DELETED
        url = reverse("admin:mail_message_preview", args=[message.pk])
        frame = '<iframe class="email-preview" src="{}" title="{}"></iframe><p class="help">{}</p>'
        help_text = _("Links are turned off in this preview because they belong to the recipient.")
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

    def row_label(self, message: Message) -> str:
        return f"{message.recipient}: {message.subject}"

    @row_action(
        _("Resend emails"),
        permissions=["change"],
        button=ngettext_lazy("Resend %(number)d email", "Resend %(number)d emails", "number"),
        done=ngettext_lazy("%(number)d email will be resent.", "%(number)d emails will be resent.", "number"),
        same=ngettext_lazy(
            "%(number)d email is already on its way.", "%(number)d emails are already on their way.", "number"
        ),
        undo=_("Each email goes to its recipient with what is true today."),
    )
    def resend(self, request: HttpRequest, queryset: QuerySet[Message]):
        return [(message, resend_outcome(message)) for message in queryset.select_related("mailing")]

    @row_action(
        _("Mark as delivered"),
        permissions=["change"],
        button=ngettext_lazy("Mark %(number)d email as delivered", "Mark %(number)d emails as delivered", "number"),
        done=ngettext_lazy("%(number)d email marked as delivered.", "%(number)d emails marked as delivered.", "number"),
        same=ngettext_lazy(
            "The delivery of %(number)d email was already known.",
            "The delivery of %(number)d emails was already known.",
            "number",
        ),
        undo=_("You can resend these emails later."),
    )
    def mark_arrived(self, request: HttpRequest, queryset: QuerySet[Message]):
        return [(message, arrival_outcome(message)) for message in queryset]

    @row_action(
        _("Mark as handled"),
        permissions=["change"],
        button=ngettext_lazy("Mark %(number)d email as handled", "Mark %(number)d emails as handled", "number"),
        done=ngettext_lazy("%(number)d email marked as handled.", "%(number)d emails marked as handled.", "number"),
        same=ngettext_lazy(
            "%(number)d email was already handled, or didn’t bounce or fail.",
            "%(number)d emails were already handled, or didn’t bounce or fail.",
            "number",
        ),
        undo=_("They leave the to-do list. You can resend them later."),
    )
    def mark_handled(self, request: HttpRequest, queryset: QuerySet[Message]):
        return [(message, queue.mark_handled(message)) for message in queryset]


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
