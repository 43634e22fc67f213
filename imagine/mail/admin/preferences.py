"""Email preferences in the admin: which topics an address wants, and whether it bounced for good."""

from datetime import date, datetime

from django.contrib import admin
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.shortcuts import redirect
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from imagine.core.admin.actions import ActionsAdmin, row_action
from imagine.core.admin.concurrent_edit import ConcurrentEditForm, conflict_messages
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.forms import AddressField
from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from imagine.mail.preferences import TOPICS

TOPIC_FIELDS = [f"wants_{topic}" for topic in TOPICS]
DELIVERY_FIELDS = ["suppressed_at", "suppression_reason", "changed_at"]


def invitation_status(wants_invitations: bool | None, suppressed_at: datetime | None) -> str:
    """Return whether an address gets invitations, in a few words. It has no row if `wants_invitations` is None."""
    if suppressed_at:
        return _("Bouncing")
    return _("Unsubscribed") if wants_invitations is False else _("Gets invitations")


class EmailPreferenceForm(ConcurrentEditForm):
    email = AddressField(label=_("Email"), max_length=254, widget=AdminEmailInputWidget)

    class Meta:
        model = EmailPreference
        fields = ["email", *TOPIC_FIELDS]

    def locked_row(self) -> EmailPreference:
        return EmailPreference.objects.select_for_update(no_key=True).get(pk=self.instance.pk)

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class SuppressedFilter(admin.SimpleListFilter):
    title, parameter_name = _("delivery"), "suppressed"

    def lookups(self, request, model_admin):
        return [("yes", _("Bouncing")), ("no", _("Not bouncing"))]

    def queryset(self, request, queryset):
        if self.value() in {"yes", "no"}:
            return queryset.filter(suppressed_at__isnull=self.value() == "no")
        return queryset


@row_action(
    _("Mark as bouncing"),
    permissions=["change"],
    button=ngettext_lazy("Mark %(number)d address as bouncing", "Mark %(number)d addresses as bouncing", "number"),
    done=ngettext_lazy(
        "%(number)d address marked as bouncing. Mailings skip it.",
        "%(number)d addresses marked as bouncing. Mailings skip them.",
        "number",
    ),
    undo=_("Mailings will skip an address until you mark it as working."),
)
def mark_bounces(page, request, preferences_to_mark):
    return [(one, preferences.mark_bouncing(one)) for one in preferences_to_mark]


@row_action(
    _("Mark as working"),
    permissions=["change"],
    button=ngettext_lazy("Mark %(number)d address as working", "Mark %(number)d addresses as working", "number"),
    done=ngettext_lazy(
        "%(number)d address marked as working. Mailings include it again.",
        "%(number)d addresses marked as working. Mailings include them again.",
        "number",
    ),
    undo=_("Mailings will include an address until it bounces again."),
)
def clear_bounces(page, request, preferences_to_clear):
    return [(one, preferences.clear_bounce(one)) for one in preferences_to_clear]


@admin.register(EmailPreference)
class EmailPreferenceAdmin(GuardedAdmin, ActionsAdmin):
    form = EmailPreferenceForm
    view_on_site = False  # the URL is a personal link
    list_display = ("email", *TOPIC_FIELDS, "suppressed_on", "suppression_reason")
    list_filter = (SuppressedFilter, *TOPIC_FIELDS)
    search_fields = ("email",)
    show_full_result_count = False
    actions = (mark_bounces, clear_bounces)

    def row_label(self, preference: EmailPreference) -> str:
        return preference.email

    def has_delete_permission(self, request, obj=None):
        """Nothing is deleted, so that a later list can't email someone who unsubscribed."""
        return False

    def get_fieldsets(self, request, obj=None):
        topics = {
            "fields": TOPIC_FIELDS,
            "description": _("People always get confirmations of their own RSVPs and promises."),
        }
        if obj is None:
            return [(None, {"fields": ["email"]}), (_("Subscriptions"), topics)]
        return [
            (None, {"fields": ["email", "shown"]}),
            (_("Subscriptions"), topics),
            (_("Delivery"), {"fields": DELIVERY_FIELDS}),
        ]

    def get_readonly_fields(self, request, obj=None):
        return ("email", *DELIVERY_FIELDS) if obj else ()

    @admin.display(description=_("bouncing since"), ordering="suppressed_at")
    def suppressed_on(self, preference: EmailPreference) -> date | None:
        return preference.suppressed_at and localdate(preference.suppressed_at)

    def render_change_form(self, request, context, *args, **kwargs):
        if notes := conflict_messages([context["adminform"].form]):
            context |= {"errors": [], "notes": notes}
        return super().render_change_form(request, context, *args, **kwargs)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        actions = {"_mark_bounces": mark_bounces, "_clear_bounces": clear_bounces}
        action = next((actions[name] for name in actions if name in request.POST), None)
        if action and self.has_change_permission(request) and (preference := self.get_object(request, object_id)):
            action.row_action.run(self, request, [preference])
            return redirect(request.path)
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(self, request, obj, form, change):
        preference = obj if change else preferences.get_preference(form.cleaned_data["email"])
        obj.pk = preference.pk
        preferences.set_topics(preference, **{topic: form.cleaned_data[f"wants_{topic}"] for topic in TOPICS})
