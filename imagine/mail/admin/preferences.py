"""Mail addresses as staff see them: what each wants, which of them refuse mail for good."""

from datetime import date, datetime

from django.contrib import admin
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.shortcuts import redirect
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from imagine.core.admin.actions import ActionsAdmin, report_outcomes
from imagine.core.admin.concurrent_edit import ConcurrentEditForm, conflict_messages
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.forms import AddressField
from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from imagine.mail.preferences import MAIL, WANTED

FIELDS = [f"wants_{name}" for name in MAIL]


def wish(wants_invitations: bool | None, suppressed_at: datetime | None) -> str:
    """How an address stands to mail to many, in a word or two. None is what an address without a row says."""
    if suppressed_at:
        return _("refuses mail")
    return _("wants no invitations") if wants_invitations is False else _("wants invitations")


class EmailPreferenceForm(ConcurrentEditForm):
    email = AddressField(label=_("E-mail"), max_length=254, widget=AdminEmailInputWidget)

    class Meta:
        model = EmailPreference
        fields = ["email", *FIELDS]

    def locked_row(self) -> EmailPreference:
        return EmailPreference.objects.select_for_update(no_key=True).get(pk=self.instance.pk)

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class RefusedFilter(admin.SimpleListFilter):
    title, parameter_name = _("mail"), "refused"

    def lookups(self, request, model_admin):
        return [("yes", _("refuses mail")), ("no", _("takes mail"))]

    def queryset(self, request, queryset):
        if self.value() in {"yes", "no"}:
            return queryset.filter(suppressed_at__isnull=self.value() == "no")
        return queryset


@admin.action(description=_("These take mail again"), permissions=["change"])
def forgive(page, request, rows):
    """A refusal is forgotten: mail to many goes there once more."""
    done = ngettext_lazy("%(number)d address takes mail again.", "%(number)d addresses take mail again.", "number")
    report_outcomes(page, request, [(address, pardoned(address)) for address in rows], done)


def pardoned(address: EmailPreference) -> bool:
    if address.suppressed_at is None:
        return False
    preferences.forgive(address)
    return True


@admin.register(EmailPreference)
class EmailPreferenceAdmin(GuardedAdmin, ActionsAdmin):
    form = EmailPreferenceForm
    view_on_site = False  # it is the person's private link
    list_display = ("email", *FIELDS, "refused_on", "suppression_reason")
    list_filter = (RefusedFilter, *FIELDS)
    search_fields = ("email",)
    show_full_result_count = False
    actions = (forgive,)

    def has_delete_permission(self, request, obj=None):
        """A no must not be forgotten: the next list would write to that address again."""
        return False

    def get_fieldsets(self, request, obj=None):
        wishes = {"fields": FIELDS, "description": _("A person’s own confirmations always come.")}
        if obj is None:
            return [(None, {"fields": ["email"]}), (_("What it wants"), wishes)]
        return [
            (None, {"fields": ["email", "shown"]}),
            (_("What it wants"), wishes),
            (_("Delivery"), {"fields": ["suppressed_at", "suppression_reason", "changed_at"]}),
        ]

    def get_readonly_fields(self, request, obj=None):
        """Another address is another row."""
        return ("email", "suppressed_at", "suppression_reason", "changed_at") if obj else ()

    @admin.display(description=_("refuses mail since"), ordering="suppressed_at")
    def refused_on(self, address: EmailPreference) -> date | None:
        return address.suppressed_at and localdate(address.suppressed_at)

    def render_change_form(self, request, context, *args, **kwargs):
        if notes := conflict_messages([context["adminform"].form]):
            context |= {"errors": [], "notes": notes}
        return super().render_change_form(request, context, *args, **kwargs)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """A button on its page does what the list's action does."""
        forgives = request.method == "POST" and "_forgive" in request.POST and self.has_change_permission(request)
        if forgives and (address := self.get_object(request, object_id)):
            forgive(self, request, [address])
            return redirect(request.path)
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(self, request, obj, form, change):
        address = obj if change else preferences.of(form.cleaned_data["email"])
        obj.pk = address.pk
        preferences.choose(address, **{name: form.cleaned_data[f"wants_{name}"] for name in WANTED})
