"""The activity log in the admin: read-only, with filters by kind and date and a search by person and number."""

from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils.html import format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core import audit
from imagine.core.admin.read_only import ReadOnlyMixin
from imagine.core.models import SecurityEvent

FACT_LABELS = {
    "account": _("account"),
    "action": _("action"),
    "added": _("added"),
    "columns": _("columns"),
    "count": _("number"),
    "factor": _("second step"),
    "fields": _("changes"),
    "file": _("file"),
    "filters": _("filters"),
    "language": _("language"),
    "list": _("list"),
    "merged": _("merged"),
    "recipients": _("recipients"),
    "removed": _("removed"),
    "renamed": _("renamed"),
    "role": pgettext_lazy("staff", "role"),
    "rows": _("rows"),
    "searched": _("search used"),
    "selected": _("selected rows only"),
    "template": _("template"),
    "unlisted": _("more failures from this network in this hour, not listed"),
    "value": _("new value"),
}
CODES = {
    "totp": _("authenticator app"),
    "passkey": _("passkey"),
    "added": _("added"),
    "deleted": _("deleted"),
}


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
    search_help_text = _("Enter a staff member’s username or the number of an entry.")
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
        return event.user_name or _("automatic or not signed in")

    @admin.display(description=_("about"))
    def subject(self, event: SecurityEvent) -> str:
        """Return the kind and number of what the event is about. The log has no names of guests."""
        model = model_of(event)
        return f"{capfirst(model._meta.verbose_name)} {event.object_id}" if model else ""

    @admin.display(description=_("details"))
    def details(self, event: SecurityEvent) -> str:
        model = model_of(event)
        facts = [
            (FACT_LABELS.get(name, name), fact_in_words(name, value, model)) for name, value in event.facts.items()
        ]
        return format_html_join("", "{}: {}<br>", facts)


def model_of(event: SecurityEvent) -> type[Model] | None:
    """Return the model of what the event is about, or None if it is about nothing or the model is gone."""
    return ContentType.objects.get_for_id(event.content_type_id).model_class() if event.content_type_id else None


def fact_in_words(name: str, value, model: type[Model] | None) -> str:
    if name == "list":
        return list_title(value)
    if name == "fields":
        return ", ".join(change_label(change, model) for change in value)
    if name == "action":
        return value.replace("_", " ")
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(CODES.get(value, value))


def list_title(label: str) -> str:
    """Return the plural name of a model, or its label if it no longer exists."""
    try:
        return str(apps.get_model(label)._meta.verbose_name_plural)
    except (LookupError, ValueError):
        return label


def change_label(name: str, model: type[Model] | None) -> str:
    """Return the label of a field that was changed, or of "added" or "deleted"."""
    return audit.field_label(name, model) if model and name not in CODES else str(CODES.get(name, name))
