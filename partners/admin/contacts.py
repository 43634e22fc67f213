"""Contacts in the admin, of organizations and on their own."""

from datetime import date

from django.contrib import admin
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Lower
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin
from imagine.core.admin.concurrent_edit import ConcurrentEditForm, conflict_messages
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.forms import AddressField
from imagine.mail.admin.preferences import invitation_status
from imagine.mail.models import EmailPreference
from partners.admin import components
from partners.admin.filters import ChoiceFilter
from partners.models import Contact, normalize_name
from partners.organizations import contacts

MAX_SEARCH_WORDS = 10  # of a search
KNOWN = _("This address is a contact already.")


def search_contacts(term: str) -> QuerySet[Contact]:
    """Contacts with each word in their name, address or organization."""
    contacts = Contact.objects.order_by().alias(normalized_person=normalize_name(F("name")))
    for word in term.split()[:MAX_SEARCH_WORDS]:
        plain = normalize_name(Value(word))
        in_names = Q(normalized_person__contains=plain) | Q(organization__normalized_name__contains=plain)
        contacts = contacts.filter(in_names | Q(email__icontains=word))
    return contacts.values("pk")


class ContactAdminForm(ConcurrentEditForm):
    email = AddressField(label=_("E-mail"), max_length=254, widget=AdminEmailInputWidget)

    class Meta:
        model = Contact
        fields = ["name", "role", "email", "phone", "language", "is_primary"]

    def locked_row(self) -> Contact:
        return contacts.lock_contact(self.instance)

    def clean(self):
        answers = super().clean()
        others = Contact.objects.filter(organization=self.instance.organization_id).exclude(pk=self.instance.pk)
        if answers.get("email") and others.with_email(answers["email"]).exists():
            self.add_error("email", KNOWN)
        return answers

    def _get_validation_exclusions(self):
        """The rule takes the primary role away from whoever has it."""
        return super()._get_validation_exclusions() | {"is_primary"}


class OwnerFilter(ChoiceFilter):
    title, parameter_name = _("whose contact"), "of"

    def lookups(self, request, model_admin):
        return [("partner", _("of an organization")), ("nobody", _("on their own"))]

    def narrow(self, queryset, value):
        return queryset.filter(organization__isnull=value == "nobody")


class WishFilter(ChoiceFilter):
    title, parameter_name = _("mail"), "mail"

    def lookups(self, request, model_admin):
        return [("unwilling", _("wants no invitations")), ("refused", _("refuses mail"))]

    def narrow(self, queryset, value):
        return queryset.filter(suppressed_at__isnull=False) if value == "refused" else queryset.filter(wanted=False)


@admin.register(Contact)
class ContactAdmin(GuardedAdmin, ActionsAdmin):
    """Contacts on their own are added here, those of an organization on its page."""

    form = ContactAdminForm
    list_display = ("name", "owner", "email", "language", "place", "mail", "since")
    list_filter = (OwnerFilter, WishFilter, "language")
    list_select_related = ("organization",)
    ordering = ("name", "pk")
    search_fields = ("name",)  # `get_search_results` says where it looks
    search_help_text = _("Looks for names, with or without accents, e-mail addresses and organizations.")
    show_full_result_count = False
    readonly_fields = ("owner", "mail_status", "asked", "history")

    def get_queryset(self, request):
        address = EmailPreference.objects.filter(email=Lower(OuterRef("email")))
        known = {"address_pk": "pk", "wanted": "wants_invitations", "suppressed_at": "suppressed_at"}
        said = {name: Subquery(address.values(field)) for name, field in known.items()}
        return super().get_queryset(request).annotate(**said)

    def get_search_results(self, request, queryset, search_term):
        return queryset.filter(pk__in=search_contacts(search_term)) if search_term else queryset, False

    # Its list and its page -------------------------------------------------------------------------------------

    @admin.display(description=_("organization"), ordering="organization__name")
    def owner(self, contact: Contact) -> str:
        if not contact.organization_id:
            return _("on their own")
        address = reverse("admin:partners_organization_change", args=[contact.organization_id])
        return format_html('<a href="{}">{}</a>', address, contact.organization)

    @admin.display(description=_("place"), ordering="is_primary")
    def place(self, contact: Contact) -> str:
        return _("main contact") if contact.is_primary else ""

    @admin.display(description=_("mail"))
    def mail(self, contact: Contact) -> str:
        """Only what prevents an invitation."""
        is_willing = contact.wanted is not False and contact.suppressed_at is None
        return "" if is_willing else self.mail_status(contact)

    @admin.display(description=_("mail"))
    def mail_status(self, contact: Contact) -> str:
        """The address's preferences, linked to their page."""
        if not contact.address_pk:
            return invitation_status(None, None)
        address = reverse("admin:mail_emailpreference_change", args=[contact.address_pk])
        return format_html('<a href="{}">{}</a>', address, invitation_status(contact.wanted, contact.suppressed_at))

    @admin.display(description=_("known since"), ordering="created_at")
    def since(self, contact: Contact) -> date:
        return localdate(contact.created_at)

    @admin.display(description=_("invitations"))
    def asked(self, contact: Contact) -> str:
        return render_to_string("admin/_contact_invitations.html", {"contact": contact})

    @admin.display(description=_("history"))
    def history(self, contact: Contact) -> str:
        return audit.history_table(contact)

    def get_fieldsets(self, request, obj=None):
        person = ["name", "role", "email", "phone", "language"]
        if obj is None:
            others = _("A person on their own. One of an organization is added on that organization’s page.")
            return [(None, {"fields": person, "description": others})]
        main = ["is_primary"] if obj.organization_id else []  # who is on their own is nobody's main contact
        return [
            (None, {"fields": ["owner", *person, *main, "shown"]}),
            (_("Mail"), {"fields": ["mail_status", "asked"]}),
            (_("History"), {"fields": ["history"]}),
        ]

    def render_change_form(self, request, context, *args, **kwargs):
        if notes := conflict_messages([context["adminform"].form]):
            context |= {"errors": [], "notes": notes}
        return super().render_change_form(request, context, *args, **kwargs)

    # Its writing -----------------------------------------------------------------------------------------------

    def save_model(self, request, obj, form, change):
        names = form.changed_data if change else form.cleaned_data
        typed = {name: form.cleaned_data[name] for name in names if name in ContactAdminForm.Meta.fields}
        if change:
            contacts.correct_contact(obj, **typed)
        else:
            obj.pk = contacts.add_contact(None, **typed).pk

    def get_deleted_objects(self, objs, request):
        """What belongs to a contact is deleted with it, even though no one may delete it in its own list."""
        listed, counts, _missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected

    def delete_model(self, request, obj):
        contacts.delete_contact(obj)
        components.anonymize_log(obj)

    def delete_queryset(self, request, queryset):
        components.delete_each(self, request, queryset)
