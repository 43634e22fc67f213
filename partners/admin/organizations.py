"""The admin of organizations: profile, contacts, pledges and approval."""

from datetime import date

from django.contrib import admin, messages
from django.db.models import Count, F, Q, QuerySet, Value
from django.db.models.lookups import Exact
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin
from imagine.core.admin.exports import ExportAdmin, csv_and_xlsx
from imagine.core.admin.inlines import BoundedInline
from imagine.core.spreadsheets.writer import Export
from imagine.core.uploads import takes_files
from partners import exports
from partners.admin import components, filters, organization_actions
from partners.admin.merging import can_merge, merge_two
from partners.admin.organization_form import ContactForm, ContactFormSet, OrganizationAdminForm
from partners.models import Contact, Logo, Organization, normalize_name
from partners.organizations import contacts, logos, profiles

MAX_SEARCH_WORDS = 10


class ContactInline(BoundedInline):  # a tabular inline has no labels
    model = Contact
    form, formset = ContactForm, ContactFormSet
    show_change_link = True
    fields = (("name", "role"), ("email", "phone", "language"), "is_primary", "shown")

    def get_extra(self, request, obj=None, **kwargs):
        """Show an empty form for a contact of a new organization."""
        return 0 if obj else 1


def search_organizations(term: str) -> Q:
    """Return a condition for organizations with the words in their name, or in the name or email address of a
    contact."""
    if not any(map(str.isalnum, term)):
        return Q(name__contains=term)
    every_word = Q()
    for word in term.split()[:MAX_SEARCH_WORDS]:
        people = Contact.objects.annotate(normalized_name=normalize_name(F("name"))).filter(
            name_contains(word) | Q(email__icontains=word)
        )
        in_contacts = Q(pk__in=people.order_by().values("organization"))
        every_word &= name_contains(word) | in_contacts | Q(is_filler(word))
    return name_contains(term) | every_word


def name_contains(words: str) -> Q:
    return Q(normalized_name__contains=normalize_name(Value(words)))


def is_filler(word: str) -> Exact:
    """Return a condition that is true if normalizing a name removes the word, such as "of"."""
    return Exact(normalize_name(Value(f"{word} name")), Value("name"))


def export_organizations(request: HttpRequest, organizations: QuerySet[Organization]) -> Export:
    return exports.organization_export(organizations, filters.this_year(request))


@admin.register(Organization)
class OrganizationAdmin(ActionsAdmin, ExportAdmin):
    form = OrganizationAdminForm
    view_on_site = False  # Django's view that redirects there is disabled, because it also redirects to personal links
    list_display = ("name", "sector", "contact", "pledge_state", "showing", "since")
    list_filter = (filters.ListingStatusFilter, filters.ThisYearsPledgeFilter, filters.SectorFilter)
    search_fields = ("name",)  # shows the search box; see get_search_results()
    search_help_text = _("Search by organization, contact name, or email.")
    show_full_result_count = False
    inlines = (ContactInline,)
    actions = (*organization_actions.ACTIONS, merge_two)
    files = csv_and_xlsx(
        "organizations",
        {"csv": _("Download organizations (CSV)"), "xlsx": _("Download organizations (Excel)")},
        lambda organizations: organizations,
        export_organizations,
    )
    readonly_fields = ("listing_status", "picture", "pledges", "mail", "history")

    def get_queryset(self, request):
        organizations = super().get_queryset(request).with_primary_contact().with_pledge_of(filters.this_year(request))
        return organizations.annotate(
            primary_contact_name=F("primary_contact__name"),
            pledge_pk=F("pledge__pk"),
            pledge_signed_at=F("pledge__signed_at"),
        )

    def get_search_results(self, request, queryset, search_term):
        return queryset.filter(search_organizations(search_term)) if search_term else queryset, False

    # List ------------------------------------------------------------------------------------------------------

    @admin.display(description=_("main contact"))
    def contact(self, organization: Organization) -> str:
        return organization.primary_contact_name

    @admin.display(description=_("this year’s pledge"))
    def pledge_state(self, organization: Organization) -> str:
        if not organization.pledge_pk:
            return ""
        return pgettext("pledge", "Signed") if organization.pledge_signed_at else pgettext("pledge", "Draft")

    @admin.display(description=_("directory status"))
    def showing(self, organization: Organization) -> str:
        return organization.listing_status.label

    @admin.display(description=_("added on"), ordering="created_at")
    def since(self, organization: Organization) -> date:
        return localdate(organization.created_at)

    # Page ------------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request, obj=None):
        profile = [name for name in profiles.PROFILE_FIELDS if name != "wants_listing"]
        if obj is None:
            return [(None, {"fields": [*profile, "wants_listing", "new_logo"]})]
        logo = ["new_logo", "seen_logo"] if self.has_change_permission(request, obj) else []
        logo += ["no_logo"] if logo and hasattr(obj, "logo") else []
        return [
            (None, {"fields": [*profile, "shown"]}),
            (_("Directory"), {"fields": ["wants_listing", "listing_status", "picture", *logo]}),
            (_("Pledges and emails"), {"fields": ["pledges", "mail"]}),
            (_("Change history"), {"fields": ["history"]}),
        ]

    @admin.display(description=_("directory status"))
    def listing_status(self, organization: Organization) -> str:
        context = {"organization": organization, "has_signed_pledge": organization.pledges.signed().exists()}
        return render_to_string("admin/partners/organization/listing_status.html", context)

    @admin.display(description=_("logo"))
    def picture(self, organization: Organization) -> str:
        if not hasattr(organization, "logo"):
            return _("No logo")
        return format_html(
            '<img class="admin-logo" src="{}" alt="{}" width="{}" height="{}">',
            f"{reverse('admin:partners_organization_logo', args=[organization.pk])}",
            _("Logo of %(name)s") % {"name": organization.name},
            organization.logo.width,
            organization.logo.height,
        )

    @admin.display(description=_("pledges"))
    def pledges(self, organization: Organization) -> str:
        counted = organization.pledges.select_related("year").annotate(promise_count=Count("promises"))
        rows = [{"pledge": pledge, "state": components.pledge_state(pledge)} for pledge in counted]
        return render_to_string("admin/partners/organization/pledges.html", {"rows": rows})

    @admin.display(description=_("emails"))
    def mail(self, organization: Organization) -> str:
        return components.recent_emails(organization.pledges.order_by())

    @admin.display(description=_("change history"))
    def history(self, organization: Organization) -> str:
        """Return the change history, including that of the contacts."""
        contacts = organization.contacts.all()
        return audit.history_table(
            organization,
            *contacts,
            name=lambda obj: "" if obj == organization else obj.name,
            guest=_("partner"),
        )

    def get_urls(self):
        logo = path("<int:pk>/logo.png", self.admin_site.admin_view(self.logo_png), name="partners_organization_logo")
        return [logo, *super().get_urls()]

    def logo_png(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the logo for staff, even if the organization isn't listed."""
        if not self.has_view_permission(request):
            raise Http404
        return HttpResponse(bytes(get_object_or_404(Logo, pk=pk).png), content_type="image/png")

    # Saving and deleting ---------------------------------------------------------------------------------------

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Redirect to the list if the organization, or one of its contacts, was merged or deleted in the meantime."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Organization.DoesNotExist, Contact.DoesNotExist):
            return components.redirect_if_gone(self, request)

    def delete_view(self, request, object_id, extra_context=None):
        try:
            return super().delete_view(request, object_id, extra_context)
        except Organization.DoesNotExist:
            return components.redirect_if_gone(self, request)

    @takes_files(max_size=logos.MAX_FILE_SIZE)
    def add_view(self, request, form_url="", extra_context=None):
        return super().add_view(request, form_url, extra_context)

    @takes_files(max_size=logos.MAX_FILE_SIZE)
    def change_view(self, request, object_id, form_url="", extra_context=None):
        begins = {"may_begin": self.has_begin_permission(request)}
        return super().change_view(request, object_id, form_url, begins | (extra_context or {}))

    def render_change_form(self, request, context, *args, **kwargs):
        """Ask to choose the logo again, because browsers don't keep a chosen file when the form is shown again."""
        if context.get("errors") and request.FILES.get("new_logo") and "new_logo" not in context["adminform"].errors:
            message = _("Choose the logo file again. Your browser didn’t keep it.")
            self.message_user(request, message, messages.WARNING)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request, obj, form, change):
        fields = {name: form.cleaned_data[name] for name in form.changed_data if name in profiles.PROFILE_FIELDS}
        if not change:
            obj.pk = profiles.create_organization(**fields).pk
        organization = profiles.lock_organization(obj.pk)
        if change:
            profiles.change_organization(organization, **fields)
        profiles.set_logo(organization, form.png())

    def save_formset(self, request, form, formset, change):
        """Save contacts through the rules. The admin's log reads the three lists."""
        organization = profiles.lock_organization(form.instance.pk)
        contacts.lock_contacts(organization)
        formset.new_objects, formset.changed_objects = [], []
        formset.deleted_objects = [
            contact_form.instance for contact_form in formset.deleted_forms if contact_form.instance.pk
        ]
        for contact in formset.deleted_objects:
            contacts.delete_contact(contact)
        changed = [
            contact_form
            for contact_form in formset.forms
            if contact_form.has_changed() and contact_form not in formset.deleted_forms
        ]
        # Save the new primary contact last, because there can only be one at a time.
        for contact_form in sorted(changed, key=lambda contact_form: contact_form.cleaned_data["is_primary"]):
            names = [name for name in contact_form.changed_data if name in ContactForm.Meta.fields]
            fields = {name: contact_form.cleaned_data[name] for name in names}
            if contact_form.instance.pk:
                contacts.correct_contact(contact_form.instance, **fields)
                formset.changed_objects.append((contact_form.instance, contact_form.changed_data))
            else:
                formset.new_objects.append(contacts.add_contact(organization, **fields))

    def get_deleted_objects(self, objs, request):
        """Require permission to delete contacts. Other related rows can't be deleted in their own lists."""
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, missing & {Contact._meta.verbose_name, Organization._meta.verbose_name}, protected

    def delete_model(self, request, obj):
        contacts.delete_organization(obj)
        components.anonymize_log(obj)

    def delete_queryset(self, request, queryset):
        components.delete_each(self, request, queryset)

    # Actions ---------------------------------------------------------------------------------------------------

    def has_merge_permission(self, request):
        return can_merge(request)

    def has_begin_permission(self, request):
        return request.user.has_perms(["partners.change_organization", "partners.add_pledge"])
