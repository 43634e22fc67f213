"""The admin of pledges and promises, read-only. A pledge can only be changed with its link. Staff can resend or replace
the link but never see it."""

from datetime import date

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_safe

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin, Outcome, row_action
from imagine.core.admin.exports import ExportAdmin, csv_and_xlsx
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.admin.permissions import may_replace_links
from imagine.core.admin.verification import verification_status, with_verification
from imagine.core.errors import RuleViolation
from imagine.core.spreadsheets.writer import Export
from partners import certificates, exports
from partners.admin import components, coverage, filters
from partners.admin.organizations import search_organizations
from partners.emails import pledge as pledge_emails
from partners.models import Organization, Pledge, Promise, Signature
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links

ROW_PER_PROMISE = {"csv": _("Download promises (CSV)"), "xlsx": _("Download promises (Excel)")}
ROW_PER_ORGANIZATION = {"csv": _("Download pledges (CSV)"), "xlsx": _("Download pledges (Excel)")}


def export_promises(request: HttpRequest, promises: QuerySet[Promise]) -> Export:
    return exports.promise_export(promises)


def export_pledges(request: HttpRequest, promises: QuerySet[Promise]) -> Export:
    return exports.pledge_export(promises)


def files(promises) -> list:
    """Return both exports. `promises` is a function that maps the rows of a list to promises."""
    return [
        *csv_and_xlsx("promises", ROW_PER_PROMISE, promises, export_promises),
        *csv_and_xlsx("organizations", ROW_PER_ORGANIZATION, promises, export_pledges),
    ]


def organizations_matching(term: str) -> QuerySet[Organization]:
    return Organization.objects.filter(search_organizations(term)).order_by()


class ReadAdmin(ActionsAdmin, ExportAdmin):
    """Base of read-only models. The actions of their lists need the permission to change them."""

    view_on_site = False  # it would be the partner's personal link
    show_full_result_count = False
    search_fields = ("organization",)  # shows the search box; see get_search_results()
    search_help_text = _("Search by organization, contact name, or email.")

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return obj is None and super().has_change_permission(request)


# Pledges ---------------------------------------------------------------------------------------------------------


@row_action(
    _("Email personal link again"),
    permissions=["change"],
    button=ngettext_lazy("Email %(number)d personal link", "Email %(number)d personal links", "number"),
    done=components.LINKS_SENT,
    same=components.LINKS_SENT_RECENTLY,
    undo=_("Nothing else changes."),
)
def mail_links(page, request, pledges):
    return [(pledge, outcome(pledge_links.resend_link, pledge)) for pledge in pledges]


@row_action(
    _("Replace personal link and email the new one"),
    permissions=["link"],
    button=ngettext_lazy("Replace %(number)d personal link", "Replace %(number)d personal links", "number"),
    done=ngettext_lazy("%(number)d personal link replaced.", "%(number)d personal links replaced.", "number"),
    undo=_("The old links stop working right away. You can’t undo this."),
    is_dangerous=True,
)
def replace_pledge_links(page, request, pledges):
    return [(pledge, outcome(pledge_links.replace_pledge_link, pledge)) for pledge in pledges]


def outcome(act, pledge: Pledge) -> Outcome:
    try:
        return act(pledge) is not False
    except (RuleViolation, Pledge.DoesNotExist, Organization.DoesNotExist) as refused:
        return refused


@admin.register(Pledge)
class PledgeAdmin(GuardedAdmin, ReadAdmin):
    secrets = ("token",)
    list_display = ("organization", "school_years", "state", "promised", "holder", "signed_by", "signed_on")
    list_filter = (
        filters.YearFilter,
        filters.StateFilter,
        filters.SectorFilter,
        filters.PromiseTypeFilter,
        filters.SchoolFilter,
    )
    list_select_related = ("organization", "year", "contact")
    actions = (mail_links, replace_pledge_links)
    files = files(lambda shown: Promise.objects.filter(pledge__in=shown))
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "partner",
                    "school_years",
                    "state",
                    "signed",
                    "mailed_to",
                    "verification",
                    "language",
                    "created_at",
                ]
            },
        ),
        (_("Promises"), {"fields": ["promises"]}),
        (_("Signed versions"), {"fields": ["versions"]}),
        (_("Emails and change history"), {"fields": ["mail", "history"]}),
    ]

    def get_queryset(self, request):
        promises = Promise.objects.filter(pledge=OuterRef("pk")).order_by().values("pledge")
        counted = promises.annotate(number=Count("pk")).values("number")
        return super().get_queryset(request).annotate(promise_count=Subquery(counted))

    def get_search_results(self, request, queryset, search_term):
        if not search_term:
            return queryset, False
        return queryset.filter(
            Q(organization__in=organizations_matching(search_term)) | Q(signed_by__icontains=search_term)
        ), False

    # List ------------------------------------------------------------------------------------------------------

    @admin.display(description=_("school year"), ordering="year_id")
    def school_years(self, pledge: Pledge) -> str:
        return pledge.school_years

    @admin.display(description=_("status"))
    def state(self, pledge: Pledge) -> str:
        return components.pledge_state(pledge)

    @admin.display(description=_("promises"))
    def promised(self, pledge: Pledge) -> int:
        return pledge.promise_count or 0

    @admin.display(description=_("contact"))
    def holder(self, pledge: Pledge) -> str:
        return with_verification(pledge.contact.name if pledge.contact else "", pledge)

    @admin.display(description=_("signed on"), ordering="signed_at")
    def signed_on(self, pledge: Pledge) -> date | None:
        return pledge.signed_at and localdate(pledge.signed_at)

    def row_label(self, pledge: Pledge) -> str:
        return f"{pledge.organization}, {pledge.school_years}, {self.state(pledge)}"

    # Page ------------------------------------------------------------------------------------------------------

    def has_link_permission(self, request):
        return may_replace_links(request, "partners.change_pledge")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        acts = {"acts": self.has_change_permission(request), "can_replace_link": self.has_link_permission(request)}
        return super().change_view(request, object_id, form_url, acts | (extra_context or {}))

    @admin.display(description=_("organization"))
    def partner(self, pledge: Pledge) -> str:
        url = reverse("admin:partners_organization_change", args=[pledge.organization_id])
        return format_html('<a href="{}">{}</a>', url, pledge.organization)

    @admin.display(description=_("emails go to"))
    def mailed_to(self, pledge: Pledge) -> str:
        contact = pledge_emails.contact_for(pledge)
        if contact:
            return f"{contact.name}, {contact.email}"
        if pledge.requests.exists():
            return _("No one yet, because the address isn’t verified")
        return _("No one. Add a main contact to the organization.")

    @admin.display(description=_("email address"))
    def verification(self, pledge: Pledge) -> str:
        addresses = sorted(pledge.requests.values_list("email", flat=True))  # of people who can't sign yet
        return ", ".join([*addresses, verification_status(pledge)])

    @admin.display(description=_("signature"))
    def signed(self, pledge: Pledge) -> str:
        return render_to_string("admin/partners/pledge/signature.html", {"by": pledge})

    @admin.display(description=_("promises"))
    def promises(self, pledge: Pledge) -> str:
        promises = pledge.promises.select_related("promise_type").prefetch_related("schools")
        rows = {"promises": [components.promise_texts(promise) for promise in promises], "label": _("Promises")}
        return render_to_string("admin/partners/pledge/promises.html", rows)

    @admin.display(description=_("signed versions"))
    def versions(self, pledge: Pledge) -> str:
        """Return the signed versions, newest first, with links to their certificates."""
        versions = [
            {
                "signature": signature,
                "promises": [components.signed_promise_row(promise) for promise in signature.content["promises"]],
                "certificates": [
                    (language, label, reverse("admin:partners_certificate", args=[signature.pk, language]))
                    for language, label in settings.LANGUAGES
                ],
            }
            for signature in pledge.signatures.order_by("-number")
        ]
        return render_to_string("admin/partners/pledge/versions.html", {"versions": versions})

    @admin.display(description=_("emails"))
    def mail(self, pledge: Pledge) -> str:
        return components.recent_emails([pledge])

    @admin.display(description=_("change history"))
    def history(self, pledge: Pledge) -> str:
        return audit.history_table(pledge, guest=_("partner"))

    def get_urls(self):
        certificate = self.admin_site.admin_view(require_safe(self.certificate))
        name = "partners_certificate"
        return [path("certificate/<int:pk>-<str:language>.pdf", certificate, name=name), *super().get_urls()]

    def certificate(self, request: HttpRequest, pk: int, language: str) -> HttpResponse:
        """Return the certificate of a signed version."""
        if not self.has_view_permission(request) or language not in dict(settings.LANGUAGES):
            raise Http404
        signature = get_object_or_404(Signature, pk=pk)
        shown = f'inline; filename="certificate-{signature.content["school_year"]}-{language}.pdf"'
        page = certificates.certificate_pdf(signature, language)
        return HttpResponse(page, content_type="application/pdf", headers={"Content-Disposition": shown})

    # Deleting --------------------------------------------------------------------------------------------------

    def delete_view(self, request, object_id, extra_context=None):
        try:
            return super().delete_view(request, object_id, extra_context)
        except Pledge.DoesNotExist:
            return components.redirect_if_gone(self, request)

    def get_deleted_objects(self, objs, request):
        """Allow deleting promises with their pledge."""
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, missing - {Promise._meta.verbose_name}, protected

    def delete_model(self, request, obj):
        pledge_editing.delete_pledge(obj)
        components.anonymize_log(obj)

    def delete_queryset(self, request, queryset):
        components.delete_each(self, request, queryset)


# Promises --------------------------------------------------------------------------------------------------------


@admin.register(Promise)
class PromiseAdmin(ReadAdmin):
    list_display = (
        "partner",
        "school_years",
        "state",
        "promise_type_label",
        "amount",
        "for_grades",
        "in_months",
        "at_schools",
    )
    list_display_links = None
    list_filter = (
        filters.YearFilter,
        filters.StateFilter,
        filters.PromiseTypeFilter,
        filters.SchoolFilter,
        filters.SectorFilter,
        filters.ClearanceFilter,
    )
    list_select_related = ("pledge__organization", "pledge__year", "promise_type")
    ordering = ("-pledge_id", "promise_type__order", "promise_type_id", "position")
    files = files(lambda shown: shown)

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("schools")

    def get_search_results(self, request, queryset, search_term):
        if not search_term:
            return queryset, False
        return queryset.filter(pledge__organization__in=organizations_matching(search_term)), False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description=_("organization"), ordering="pledge__organization__name")
    def partner(self, promise: Promise) -> str:
        """Return the organization's name with a link to the pledge."""
        url = reverse("admin:partners_pledge_change", args=[promise.pledge_id])
        return format_html('<a href="{}">{}</a>', url, promise.pledge.organization)

    @admin.display(description=_("school year"), ordering="pledge__year_id")
    def school_years(self, promise: Promise) -> str:
        return promise.pledge.school_years

    @admin.display(description=_("status"))
    def state(self, promise: Promise) -> str:
        return components.pledge_state(promise.pledge)

    @admin.display(description=_("promise type"), ordering="promise_type__order")
    def promise_type_label(self, promise: Promise) -> str:
        return promise.promise_type.localized_name

    @admin.display(description=_("quantity"), ordering="quantity")
    def amount(self, promise: Promise) -> str:
        return promise.amount

    @admin.display(description=_("grades"))
    def for_grades(self, promise: Promise) -> str:
        return components.promise_texts(promise)["grades"]

    @admin.display(description=_("months"))
    def in_months(self, promise: Promise) -> str:
        return components.promise_texts(promise)["months"]

    @admin.display(description=_("schools"))
    def at_schools(self, promise: Promise) -> str:
        return components.promise_texts(promise)["schools"]

    # Other pages -----------------------------------------------------------------------------------------------

    def get_urls(self):
        page, file = (
            self.admin_site.admin_view(coverage.coverage_page),
            self.admin_site.admin_view(coverage.coverage_csv),
        )
        pages = [
            path("coverage/", page, {"site": self.admin_site}, name="partners_coverage"),
            path("coverage.csv", file, name="partners_coverage_csv"),
        ]
        return [*pages, *super().get_urls()]

    def changelist_view(self, request, extra_context=None):
        pages = [(reverse("admin:partners_coverage"), _("Coverage"))]
        return super().changelist_view(request, {"pages": pages} | (extra_context or {}))
