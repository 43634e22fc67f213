"""Possible duplicates in the admin, and the page that shows what a merge would do."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext_lazy, pgettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from imagine.core.admin.actions import ActionsAdmin, row_action
from imagine.core.admin.read_only import ReadOnlyMixin
from imagine.core.formatting import short_date
from imagine.mail import dispatch
from partners.admin import components
from partners.models import Contact, DuplicateCandidate, DuplicateScan, MatchReason, Organization, Pledge
from partners.organizations import duplicates, merging
from partners.organizations.access import access_lines
from partners.organizations.merging import MergePlan, PledgeMerge
from partners.organizations.profiles import PROFILE_FIELDS
from partners.pledges.editing import value_in_words
from partners.pledges.promises import Checklist, by_type, promises_in_words

NONE = "–"
SMALL_BATCH = 1000  # organizations; fewer are compared in the request


class DismissedFilter(admin.SimpleListFilter):
    """Show the open candidates by default, in place of all."""

    title, parameter_name = _("decision"), "dismissed"

    def lookups(self, request, model_admin):
        return [("yes", _("Not duplicates"))]

    def choices(self, changelist):
        default = {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
        }
        return [default | {"display": _("Needs review")}, *list(super().choices(changelist))[1:]]

    def queryset(self, request, queryset):
        return queryset.filter(dismissed_at__isnull=False) if self.value() == "yes" else queryset.not_dismissed()


@admin.register(DuplicateCandidate)
class DuplicateCandidateAdmin(ReadOnlyMixin, ActionsAdmin):
    list_display = ("organizations", "percentage", "reason_labels", "dismissal")
    list_display_links = None
    list_filter = (DismissedFilter,)
    list_select_related = ("organization_a", "organization_b")
    list_per_page = 25
    search_fields = ("organization_a__name", "organization_b__name")
    show_full_result_count = False
    ordering = ("-score", "pk")
    actions = ("dismiss",)
    change_list_template = "admin/partners/duplicates.html"

    def has_view_permission(self, request, obj=None):
        return request.user.has_perms(["partners.view_organization", "partners.view_duplicatecandidate"])

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def has_dismiss_permission(self, request):
        return request.user.has_perm("partners.change_organization")

    # The list --------------------------------------------------------------------------------------------------

    def changelist_view(self, request, extra_context=None):
        context = {
            "title": _("Possible duplicates"),
            "scan": DuplicateScan.objects.first(),
            "can_scan": self.has_dismiss_permission(request),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.display(description=_("organizations"))
    def organizations(self, pair: DuplicateCandidate) -> str:
        url = reverse("admin:partners_merge", args=[pair.organization_a_id, pair.organization_b_id])
        return format_html('<a href="{}">{}<br>{}</a>', url, pair.organization_a.name, pair.organization_b.name)

    @admin.display(description=_("match"), ordering="score")
    def percentage(self, pair: DuplicateCandidate) -> str:
        return f"{pair.score}%"

    @admin.display(description=_("why they match"))
    def reason_labels(self, pair: DuplicateCandidate) -> str:
        return ", ".join(str(MatchReason(reason).label) for reason in pair.reasons)

    @admin.display(description=_("decision"))
    def dismissal(self, pair: DuplicateCandidate) -> str:
        if not pair.dismissed_at:
            return NONE
        message = gettext("Not duplicates, marked by %(name)s on %(day)s")
        return message % {"name": pair.dismissed_by, "day": short_date(pair.dismissed_at)}

    def row_label(self, pair: DuplicateCandidate) -> str:
        return gettext("%(one)s and %(other)s") % {"one": pair.organization_a, "other": pair.organization_b}

    @row_action(
        _("Mark as not duplicates"),
        permissions=["dismiss"],
        button=ngettext_lazy(
            "Mark %(number)d pair as not duplicates", "Mark %(number)d pairs as not duplicates", "number"
        ),
        done=ngettext_lazy(
            "%(number)d pair marked as not duplicates.", "%(number)d pairs marked as not duplicates.", "number"
        ),
        undo=_("You can still merge them later: filter the list by “Not duplicates.”"),
    )
    def dismiss(self, request: HttpRequest, queryset: QuerySet):
        pairs = queryset.select_related("organization_a", "organization_b")
        return [(pair, self.dismiss_pair(request, pair)) for pair in pairs]

    def dismiss_pair(self, request: HttpRequest, pair: DuplicateCandidate) -> bool:
        before, username = pair.dismissed_at, request.user.get_username()
        after = duplicates.dismiss_candidate(pair.organization_a, pair.organization_b, by=username)
        return after.dismissed_at != before

    # Other pages -----------------------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("scan/", view(require_POST(self.scan)), name="partners_scan_for_duplicates"),
            path(
                "<int:kept>/<int:other>/",
                view(require_http_methods(["GET", "HEAD", "POST"])(self.merge_view)),
                name="partners_merge",
            ),
            *super().get_urls(),
        ]

    def scan(self, request: HttpRequest) -> HttpResponse:
        """Scan for duplicates now, or in a task if there are many organizations."""
        if not self.has_dismiss_permission(request):
            raise PermissionDenied
        if Organization.objects.count() <= SMALL_BATCH:
            duplicates.scan_organizations()
            message = _("Check finished. We compared all organizations.")
        else:
            dispatch.send_task("partners.tasks.scan_for_duplicates")
            message = _("We’re comparing all organizations. Reload this page in a minute.")
        self.message_user(request, message, messages.SUCCESS)
        return redirect("admin:partners_duplicatecandidate_changelist")

    def merge_view(self, request: HttpRequest, kept: int, other: int) -> HttpResponse:
        """Show two organizations side by side. A POST merges them or dismisses the pair."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        both = {row.pk: row for row in Organization.objects.filter(pk__in=[kept, other])}
        if kept == other or len(both) < 2:
            error = merging.SameOrganization() if kept == other else merging.OrganizationGone()
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:partners_duplicatecandidate_changelist")
        if request.method == "POST":
            return self.handle_post(request, both[kept], both[other])
        context = self.merge_context(request, MergePlan(both[kept], both[other]))
        return render(request, "admin/partners/merge.html", context)

    def merge_context(self, request: HttpRequest, plan: MergePlan) -> dict:
        kept, other = plan.both
        fields, contacts = list(profile_lines(plan)), list(contact_lines(plan))
        years = [year_lines(mine, theirs, plan) for mine, theirs in plan.years]
        lines = [*fields, *contacts, *(line for year in years for line in year["lines"])]
        return {
            **self.admin_site.each_context(request),
            "title": _("Merge two organizations?"),
            "opts": self.opts,
            "plan": plan,
            "fields": fields,
            "contacts": contacts,
            "years": years,
            "dropped": [line.dropped for line in lines if line.dropped],
            "access": list(access_lines(plan)),
            "can_merge": can_merge(request),
            "can_dismiss": self.has_dismiss_permission(request),
            "reverse_url": reverse("admin:partners_merge", args=[other.pk, kept.pk]),
            "pair": DuplicateCandidate.objects.filter(
                organization_a=min(kept.pk, other.pk), organization_b=max(kept.pk, other.pk)
            ).first(),
        }

    def handle_post(self, request: HttpRequest, kept: Organization, other: Organization) -> HttpResponse:
        if "dismiss" in request.POST:
            if not self.has_dismiss_permission(request):
                raise PermissionDenied
            duplicates.dismiss_candidate(kept, other, by=request.user.get_username())
            message = _("%(one)s and %(other)s are marked as not duplicates.")
            self.message_user(request, message % {"one": kept.name, "other": other.name}, messages.SUCCESS)
            return redirect("admin:partners_duplicatecandidate_changelist")
        if not can_merge(request):
            raise PermissionDenied
        try:
            may_open = {int(pk) for pk in request.POST.getlist("may_open") if re.fullmatch("[0-9]{1,18}", pk)}
            merging.merge_organizations(kept, other, may_open=may_open, shown=request.POST.get("shown") or "nothing")
        except merging.MergeRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:partners_merge", kept.pk, other.pk)
        message = _("%(other)s was merged into %(kept)s.") % {"kept": kept.name, "other": other.name}
        self.message_user(request, message, messages.SUCCESS)
        return redirect("admin:partners_organization_change", kept.pk)


def can_merge(request: HttpRequest) -> bool:
    permissions = ("change_organization", "delete_organization", "merge_organizations")
    return request.user.has_perms([f"partners.{permission}" for permission in permissions])


@admin.action(description=_("Merge two organizations"), permissions=["merge"])
def merge_two(page: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet):
    """Go to the page that shows what a merge would do."""
    pks = sorted(queryset.order_by().values_list("pk", flat=True)[:3])
    if len(pks) == 2:
        return redirect("admin:partners_merge", *pks)
    page.message_user(request, _("Select exactly two organizations to merge."), messages.ERROR)
    return None


# Lines of the comparison -----------------------------------------------------------------------------------------


class ComparisonLine(NamedTuple):
    label: str
    kept: str
    other: str
    after: str
    dropped: str = ""  # what the merge doesn't keep


def profile_lines(plan: MergePlan) -> Iterator[ComparisonLine]:
    kept, other = plan.both
    for name in PROFILE_FIELDS:
        label = capfirst(str(Organization._meta.get_field(name).verbose_name))
        values = getattr(kept, name), getattr(other, name), plan.profile.get(name, getattr(kept, name))
        mine, theirs, after = (value_in_words(Organization, name, value) for value in values)
        is_dropped = name in plan.dropped_fields or (name == "name" and mine != theirs)
        yield ComparisonLine(label, mine, theirs, after, f"{label}: {theirs}" if is_dropped else "")
    approved = [yes_or_no(row.approved_at) for row in plan.both]
    yield ComparisonLine(
        pgettext("profile", "Approved"), *approved, yes_or_no(plan.profile.get("approved_at", kept.approved_at))
    )
    dropped_logo = gettext("Logo of %(name)s") % {"name": other.name} if all(plan.logos) else ""
    yield ComparisonLine(gettext("Logo"), *map(yes_or_no, plan.logos), logo_after(*plan.logos), dropped_logo)
    slugs = gettext("%(kept)s (the old address redirects here)") % {"kept": kept.slug}
    yield ComparisonLine(gettext("Web address"), kept.slug, other.slug, slugs)


def logo_after(mine: bool, theirs: bool) -> str:
    if mine and theirs:
        return gettext("keeps its logo")
    return yes_or_no(mine or theirs)


def yes_or_no(value) -> str:
    return gettext("yes") if value else gettext("no")


def contact_lines(plan: MergePlan) -> Iterator[ComparisonLine]:
    mine, theirs = plan.contacts
    duplicate_of = {stays.pk: pk for pk, stays in plan.duplicate_contacts.items()}
    others = {contact.pk: contact for contact in theirs}
    for contact in mine:
        duplicate = others.get(duplicate_of.get(contact.pk))
        if duplicate is None:
            yield ComparisonLine("", contact_in_words(contact), NONE, gettext("stays"))
            continue
        after = gettext("one contact: %(email)s") % {"email": contact.email}
        dropped = dropped_details(contact, duplicate)
        yield ComparisonLine("", contact_in_words(contact), contact_in_words(duplicate), after, dropped)
    has_primary = any(contact.is_primary for contact in mine)
    for contact in theirs:
        if contact.pk not in plan.duplicate_contacts:
            loses_primary = contact.is_primary and has_primary
            after = gettext("moves, but isn’t the main contact anymore") if loses_primary else gettext("moves")
            yield ComparisonLine("", NONE, contact_in_words(contact), after)


def dropped_details(contact: Contact, duplicate: Contact) -> str:
    """Return the details of a duplicate contact that differ from those of the contact that is kept."""
    names = [name for name in ("name", "role", "phone") if getattr(contact, name) and getattr(duplicate, name)]
    values = [getattr(duplicate, name) for name in names if getattr(contact, name) != getattr(duplicate, name)]
    details = {"email": duplicate.email, "details": ", ".join(values)}
    return gettext("Contact %(email)s: %(details)s") % details if values else ""


def contact_in_words(contact: Contact) -> str:
    parts = [contact.name, contact.role, contact.email, gettext("main contact") if contact.is_primary else ""]
    return ", ".join(filter(None, parts))


def year_lines(mine: Pledge | None, theirs: Pledge | None, plan: MergePlan) -> dict:
    """Compare both pledges for a school year, promise by promise."""
    year = {"year": (mine or theirs).school_years, "states": [pledge_in_words(mine), pledge_in_words(theirs)]}
    if not (mine and theirs):
        return year | {"after": gettext("moves unchanged") if theirs else gettext("stays unchanged"), "lines": []}
    merged = next(merged for merged in plan.pledge_merges if merged.leading.pk in (mine.pk, theirs.pk))
    return year | {"after": merge_result(merged), "lines": list(promise_lines(merged, mine))}


def pledge_in_words(pledge: Pledge | None) -> str:
    if pledge is None:
        return NONE
    if not pledge.signed_at:
        return str(components.pledge_state(pledge))
    return gettext("Signed by %(name)s") % {"name": pledge.signed_by}


def merge_result(merged: PledgeMerge) -> str:
    if merged.both_signed:
        return gettext("one pledge with a new signed version; every earlier signed version is kept")
    if merged.leading.signed_at:
        return gettext("the signed pledge; the draft is only in the change history")
    return gettext("one draft")


def promise_lines(merged: PledgeMerge, mine: Pledge) -> Iterator[ComparisonLine]:
    checklist = Checklist.of([*merged.leading_promises, *merged.merged_promises])
    leading, others = by_type(merged.leading_promises), by_type(merged.merged_promises)
    result = by_type(merged.result)
    for pk, promise_type in sorted(checklist.promise_types.items(), key=lambda item: (item[1].order, item[0])):
        columns = [promises_in_words(groups.get(pk, ()), checklist) or NONE for groups in (leading, others)]
        if merged.leading is not mine:
            columns.reverse()
        after = promises_in_words(result.get(pk, ()), checklist) or gettext("only in the change history")
        label, dropped = promise_type.localized_name, ""
        if pk in others and others[pk] != result.get(pk):
            dropped = f"{label}, {mine.school_years}: {promises_in_words(others[pk], checklist)}"
            if pk in result:
                after = gettext("%(words)s (the other is in the change history)") % {"words": after}
        yield ComparisonLine(label, *columns, after, dropped)
