"""The activity log in the admin: read-only, with filters by kind and date and a search by person and number."""

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.utils.html import format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.read_only import ReadOnlyMixin
from imagine.core.models import SecurityEvent

FACT_LABELS = {
    "account": _("account"),
    "action": _("action"),
    "added": _("added"),
    "columns": _("columns"),
    "count": _("number"),
    "factor": _("second step"),
    "fields": _("fields"),
    "file": _("file"),
    "filters": _("filters"),
    "language": _("language"),
    "list": _("list"),
    "merged": _("merged"),
    "recipients": _("recipients"),
    "removed": _("removed"),
    "renamed": _("renamed"),
    "role": _("role"),
    "rows": _("rows"),
    "searched": _("searched by words"),
    "selected": _("selected rows only"),
    "template": _("template"),
    "unlisted": _("further failures from this network in this hour are not listed"),
    "value": _("new value"),
}
CODES = {"totp": _("authenticator app"), "passkey": _("passkey")}


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ("created_at", "who", "kind", "subject", "details", "network", "number")
    fields = ("number", "created_at", "who", "kind", "subject", "details", "network")
    list_display_links = None
    list_filter = ("kind", "created_at")
    list_per_page = 50
    ordering = ("-pk",)
    date_hierarchy = "created_at"
    search_fields = ("user_name",)
    search_help_text = _("Looks for a staff member’s username, or a record’s number.")
    show_full_result_count = False
    actions = None

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": _("Activity log")} | (extra_context or {}))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return super().change_view(request, object_id, form_url, {"title": _("Activity entry")} | (extra_context or {}))

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        if term.isascii() and term.isdecimal() and len(term) < 19:
            return queryset.filter(pk=term), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("number"), ordering="pk")
    def number(self, event: SecurityEvent) -> int:
        return event.pk

    @admin.display(description=_("who"), ordering="user_name")
    def who(self, event: SecurityEvent) -> str:
        return event.user_name or _("automatic, or not signed in")

    @admin.display(description=_("about"))
    def subject(self, event: SecurityEvent) -> str:
        """Return what the event is about, by kind and number: the log shows no names of guests."""
        model = event.content_type_id and ContentType.objects.get_for_id(event.content_type_id).model_class()
        return f"{capfirst(model._meta.verbose_name)} {event.object_id}" if model else ""

    @admin.display(description=_("details"))
    def details(self, event: SecurityEvent) -> str:
        facts = [(FACT_LABELS.get(name, name), fact_in_words(value)) for name, value in event.facts.items()]
        return format_html_join("", "{}: {}<br>", facts)


def fact_in_words(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {each}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(CODES.get(value, value))
