"""The admin of contacts, of organizations or independent."""

from datetime import date

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin, missing_rows_message
from imagine.core.admin.concurrent_edit import ConcurrentEditForm, conflict_messages
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.forms import AddressField
from imagine.mail.admin.preferences import invitation_status
from imagine.mail.models import EmailPreference
from partners.admin import components
from partners.admin.filters import ChoiceFilter
from partners.models import Contact, normalize_name
from partners.organizations import contacts
from partners.signals import contact_page_asked

MAX_SEARCH_WORDS = 10
DUPLICATE_EMAIL = _("Another contact already has this email. Enter a different one.")


def search_contacts(term: str) -> QuerySet[Contact]:
    """Find contacts with each word in their name, address or organization."""
    contacts = Contact.objects.order_by().alias(normalized_person=normalize_name(F("name")))
    for word in term.split()[:MAX_SEARCH_WORDS]:
        normalized = normalize_name(Value(word))
        in_names = Q(normalized_person__contains=normalized) | Q(organization__normalized_name__contains=normalized)
        contacts = contacts.filter(in_names | Q(email__icontains=word))
    return contacts.values("pk")


class ContactAdminForm(ConcurrentEditForm):
    email = AddressField(label=_("Email"), max_length=254, widget=AdminEmailInputWidget)

    class Meta:
        model = Contact
        fields = ["name", "role", "email", "phone", "language", "is_primary", "may_open_pledge"]

    def locked_row(self) -> Contact:
        if "email" in self.changed_data:
            contacts.lock_before_new_emails([self.instance.pk])
        return contacts.lock_contact(self.instance)

    def clean(self):
        cleaned_data = super().clean()
        others = Contact.objects.filter(organization=self.instance.organization_id).exclude(pk=self.instance.pk)
        if cleaned_data.get("email") and others.with_email(cleaned_data["email"]).exists():
            self.add_error("email", DUPLICATE_EMAIL)
        return cleaned_data

    def _get_validation_exclusions(self):
        """Allow a second primary contact, because the rule makes it replace the first."""
        return super()._get_validation_exclusions() | {"is_primary"}


class OwnerFilter(ChoiceFilter):
    title, parameter_name = _("organization"), "of"

    def lookups(self, request, model_admin):
        return [("partner", _("With an organization")), ("nobody", pgettext("contact", "Independent"))]

    def narrow(self, queryset, value):
        return queryset.filter(organization__isnull=value == "nobody")


class InvitationStatusFilter(ChoiceFilter):
    title, parameter_name = _("email status"), "mail"

    def lookups(self, request, model_admin):
        return [("unsubscribed", _("Unsubscribed")), ("suppressed", _("Bouncing"))]

    def narrow(self, queryset, value):
        return (
            queryset.filter(suppressed_at__isnull=False)
            if value == "suppressed"
            else queryset.filter(wants_invitations=False)
        )


@admin.register(Contact)
class ContactAdmin(GuardedAdmin, ActionsAdmin):
    """Only independent contacts are added here. Contacts of an organization are added on its page."""

    form = ContactAdminForm
    list_display = ("name", "owner", "email", "language", "primary_label", "mail_problem", "known_since")
    list_filter = (OwnerFilter, InvitationStatusFilter, "language")
    list_select_related = ("organization",)
    ordering = ("name", "pk")
    search_fields = ("name",)  # shows the search box; see get_search_results()
    search_help_text = _("Search by name, email, or organization.")
    show_full_result_count = False
    readonly_fields = ("owner", "mail_status", "invitations", "history")

    def get_queryset(self, request):
        preference = EmailPreference.objects.filter(email=Lower(OuterRef("email")))
        fields = {"preference_pk": "pk", "wants_invitations": "wants_invitations", "suppressed_at": "suppressed_at"}
        subqueries = {name: Subquery(preference.values(field)) for name, field in fields.items()}
        return super().get_queryset(request).annotate(**subqueries)

    def get_search_results(self, request, queryset, search_term):
        return queryset.filter(pk__in=search_contacts(search_term)) if search_term else queryset, False

    # List and page ---------------------------------------------------------------------------------------------

    @admin.display(description=_("organization"), ordering="organization__name")
    def owner(self, contact: Contact) -> str:
        if not contact.organization_id:
            return pgettext("contact", "Independent")
        url = reverse("admin:partners_organization_change", args=[contact.organization_id])
        return format_html('<a href="{}">{}</a>', url, contact.organization)

    @admin.display(description=_("main contact"), ordering="is_primary")
    def primary_label(self, contact: Contact) -> str:
        return _("Yes") if contact.is_primary else ""

    @admin.display(description=_("email status"))
    def mail_problem(self, contact: Contact) -> str:
        """Return why the contact can't be invited, or nothing."""
        can_be_invited = contact.wants_invitations is not False and contact.suppressed_at is None
        return "" if can_be_invited else self.mail_status(contact)

    @admin.display(description=_("email status"))
    def mail_status(self, contact: Contact) -> str:
        """Return the invitation status, with a link to the address's preferences."""
        if not contact.preference_pk:
            return invitation_status(None, None)
        url = reverse("admin:mail_emailpreference_change", args=[contact.preference_pk])
        status = invitation_status(contact.wants_invitations, contact.suppressed_at)
        return format_html('<a href="{}">{}</a>', url, status)

    @admin.display(description=_("added on"), ordering="created_at")
    def known_since(self, contact: Contact) -> date:
        return localdate(contact.created_at)

    @admin.display(description=_("invitations"))
    def invitations(self, contact: Contact) -> str:
        pages = [page for _receiver, page in contact_page_asked.send(Contact, contact=contact)]
        return format_html_join(" ", '<a href="{}">{}</a>', pages)

    @admin.display(description=_("change history"))
    def history(self, contact: Contact) -> str:
        return audit.history_table(contact, guest=_("partner"))

    def get_fieldsets(self, request, obj=None):
        person = ["name", "role", "email", "phone", "language"]
        if obj is None:
            description = _(
                "This adds a contact without an organization. To add one to an organization, open the organization."
            )
            return [(None, {"fields": person, "description": description})]
        primary = ["is_primary", "may_open_pledge"] if obj.organization_id else []
        return [
            (None, {"fields": ["owner", *person, *primary, "shown"]}),
            (_("Email"), {"fields": ["mail_status", "invitations"]}),
            (_("Change history"), {"fields": ["history"]}),
        ]

    def render_change_form(self, request, context, *args, **kwargs):
        if notes := conflict_messages([context["adminform"].form]):
            context |= {"errors": [], "notes": notes}
        return super().render_change_form(request, context, *args, **kwargs)

    # Saving and deleting ---------------------------------------------------------------------------------------

    def save_model(self, request, obj, form, change):
        names = form.changed_data if change else form.cleaned_data
        fields = {name: form.cleaned_data[name] for name in names if name in ContactAdminForm.Meta.fields}
        if change:
            contacts.correct_contact(obj, **fields)
        else:
            obj.pk = contacts.add_contact(None, **fields).pk

    def get_deleted_objects(self, objs, request):
        """Allow deleting a contact with its invitations, which can't be deleted in their own list."""
        listed, counts, _missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected

    def row_label(self, contact: Contact) -> str:
        return ", ".join(filter(None, [contact.name, contact.email, str(contact.organization or "")]))

    def delete_model(self, request, obj):
        contacts.delete_contact(obj)
        components.anonymize_log(obj)

    def delete_queryset(self, request, queryset):
        rows = list(queryset)
        if missing := contacts.delete_contacts(rows):
            self.message_user(request, missing_rows_message(missing), messages.WARNING)
        components.anonymize_log(*rows)
