"""Audiences in the admin."""

from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.actions import ActionsAdmin
from imagine.core.formatting import short_date
from summit.admin import contact_import
from summit.admin.audience_form import (
    AudienceForm,
    describe_audience,
    event_from_request,
    url_with_event,
)
from summit.models import Audience


@admin.register(Audience)
class AudienceAdmin(ActionsAdmin):
    form = AudienceForm
    list_display = ("name", "described", "made")
    search_fields = ("name",)
    readonly_fields = ("from_list",)
    fieldsets = [
        (None, {"fields": ["name"]}),
        (
            _("Partners"),
            {
                "fields": ["pledge_year", "include_drafts", "promise_types", "schools", "sectors", "contact_scope"],
                "description": _(
                    "Partners must match everything you choose here. If you check several promise types, schools, or "
                    "sectors, one of each is enough. If you choose nothing, the audience includes no partners."
                ),
            },
        ),
        (_("Guests"), {"fields": ["attended_event", "attendance"]}),
    ]

    def get_queryset(self, request):
        return Audience.objects.with_details()

    def get_urls(self):
        return [*contact_import.contact_import_urls(self), *super().get_urls()]

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            return self.fieldsets
        fields = (
            ["from_list", "no_list"]
            if obj.uploaded_count and self.has_change_permission(request, obj)
            else ["from_list"]
        )
        return [*self.fieldsets, (_("Uploaded list"), {"fields": fields})]

    @admin.display(description=_("who it includes"))
    def described(self, audience: Audience) -> str:
        return description_html(audience) or _("No one yet")

    @admin.display(description=_("created"), ordering="created_at")
    def made(self, audience: Audience) -> str:
        return short_date(audience.created_at)

    @admin.display(description=_("people"))
    def from_list(self, audience: Audience) -> str:
        return render_to_string("admin/summit/audience/uploaded_contacts.html", {"audience": audience})

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Drop the buttons that add a school year or a school from here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        context["event"] = event_from_request(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if form.cleaned_data.get("no_list"):
            form.instance.uploaded_contacts.clear()

    # Back to the event to invite to ----------------------------------------------------------------------------

    def response_add(self, request, obj, post_url_continue=None):
        return self.onward(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request, obj):
        return self.onward(request, obj) or super().response_change(request, obj)

    def onward(self, request, audience: Audience) -> HttpResponse | None:
        event = event_from_request(request)
        if "_list" in request.POST:
            return redirect(url_with_event(reverse("admin:summit_audience_list", args=[audience.pk]), event))
        if event and "_invite" in request.POST:
            return redirect("admin:summit_event_invite_audience", event.pk, audience.pk)
        return None


def description_html(audience: Audience) -> str:
    return format_html_join("", "<p>{}</p>", ((words,) for words in describe_audience(audience)))
