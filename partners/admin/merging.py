"""Possible duplicates in the admin, and the page that shows what a merge would do."""

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
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from imagine.core.admin.actions import ActionsAdmin, report_outcomes
from imagine.mail import dispatch
from partners.admin import components
from partners.models import Contact, DuplicateCandidate, DuplicateScan, MatchReason, Organization, Pledge
from partners.organizations import duplicates, merging
from partners.organizations.merging import MergePlan, PledgeMerge
from partners.organizations.profiles import PROFILE_FIELDS
from partners.pledges import promises
from partners.pledges.editing import value_in_words
from partners.pledges.promises import Checklist, PromiseData

NONE = "–"
SMALL_BATCH = 1000  # organizations: so many are compared while staff wait


class SaidFilter(admin.SimpleListFilter):
    """Shows those that staff haven't dismissed, unless the others are chosen."""

    title, parameter_name = _("what staff said"), "said"

    def lookups(self, request, model_admin):
        return [("two", _("these are two"))]

    def choices(self, changelist):
        nothing = {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
        }
        return [nothing | {"display": _("nothing yet")}, *list(super().choices(changelist))[1:]]

    def queryset(self, request, queryset):
        return queryset.filter(dismissed_at__isnull=False) if self.value() == "two" else queryset.open()


@admin.register(DuplicateCandidate)
class DuplicateCandidateAdmin(ActionsAdmin):
    list_display = ("pair", "in_percent", "why", "said")
    list_display_links = None
    list_filter = (SaidFilter,)
    list_select_related = ("organization_a", "organization_b")
    list_per_page = 25
    search_fields = ("organization_a__name", "organization_b__name")
    show_full_result_count = False
    ordering = ("-score", "pk")
    actions = ("say_two",)
    change_list_template = "admin/partners/duplicates.html"

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perms(["partners.view_organization", "partners.view_duplicatecandidate"])

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def has_say_permission(self, request):
        return request.user.has_perm("partners.change_organization")

    # The list --------------------------------------------------------------------------------------------------

    def changelist_view(self, request, extra_context=None):
        context = {
            "title": _("Organizations that may be one"),
            "search": DuplicateScan.objects.first(),
            "may_search": self.has_say_permission(request),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.display(description=_("organizations"))
    def pair(self, pair: DuplicateCandidate) -> str:
        address = reverse("admin:partners_merge", args=[pair.organization_a_id, pair.organization_b_id])
        return format_html('<a href="{}">{}<br>{}</a>', address, pair.organization_a.name, pair.organization_b.name)

    @admin.display(description=_("how likely"), ordering="score")
    def in_percent(self, pair: DuplicateCandidate) -> str:
        return f"{pair.score} %"

    @admin.display(description=_("what speaks for it"))
    def why(self, pair: DuplicateCandidate) -> str:
        return ", ".join(str(MatchReason(reason).label) for reason in pair.reasons)

    @admin.display(description=_("what staff said"))
    def said(self, pair: DuplicateCandidate) -> str:
        if not pair.dismissed_at:
            return NONE
        said = gettext("two, by %(name)s on %(day)s")
        return said % {"name": pair.dismissed_by, "day": f"{localtime(pair.dismissed_at):%Y-%m-%d}"}

    @admin.action(description=_("These are two: ask no more"), permissions=["say"])
    def say_two(self, request: HttpRequest, queryset: QuerySet):
        done = _("%(number)d marked as two.")
        outcomes = [
            (pair, self.dismiss(request, pair)) for pair in queryset.select_related("organization_a", "organization_b")
        ]
        report_outcomes(self, request, outcomes, done)

    def dismiss(self, request: HttpRequest, pair: DuplicateCandidate) -> bool:
        before = pair.dismissed_at
        return (
            duplicates.dismiss_candidate(
                pair.organization_a, pair.organization_b, by=request.user.get_username()
            ).dismissed_at
            != before
        )

    # Its other pages -------------------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("search/", view(require_POST(self.search)), name="partners_search_twins"),
            path(
                "<int:kept>/<int:other>/",
                view(require_http_methods(["GET", "HEAD", "POST"])(self.merge)),
                name="partners_merge",
            ),
            *super().get_urls(),
        ]

    def search(self, request: HttpRequest) -> HttpResponse:
        """Scan for duplicates now; a worker does it if there are many organizations."""
        if not self.has_say_permission(request):
            raise PermissionDenied
        if Organization.objects.count() <= SMALL_BATCH:
            duplicates.scan_for_duplicates()
            said = _("All organizations were compared.")
        else:
            dispatch.send_task("partners.tasks.scan_for_duplicates")
            said = _("All organizations are being compared. Look again in a minute.")
        self.message_user(request, said, messages.SUCCESS)
        return redirect("admin:partners_duplicatecandidate_changelist")

    def merge(self, request: HttpRequest, kept: int, other: int) -> HttpResponse:
        """Show two organizations side by side. A POST merges them or dismisses the pair."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        both = {row.pk: row for row in Organization.objects.filter(pk__in=[kept, other])}
        if kept == other or len(both) < 2:
            refused = merging.SameOrganization() if kept == other else merging.OrganizationGone()
            self.message_user(request, str(refused), messages.ERROR)
            return redirect("admin:partners_duplicatecandidate_changelist")
        if request.method == "POST":
            return self.act(request, both[kept], both[other])
        return render(request, "admin/partners/merge.html", self.page(request, MergePlan(both[kept], both[other])))

    def page(self, request: HttpRequest, plan: MergePlan) -> dict:
        kept, other = plan.both
        return {
            **self.admin_site.each_context(request),
            "title": _("Merge two organizations?"),
            "opts": self.opts,
            "plan": plan,
            "fields": list(fields(plan)),
            "contacts": list(contact_lines(plan)),
            "years": [year_lines(mine, theirs, plan) for mine, theirs in plan.years],
            "may_merge": may_merge(request),
            "may_say": self.has_say_permission(request),
            "other_way": reverse("admin:partners_merge", args=[other.pk, kept.pk]),
            "pair": DuplicateCandidate.objects.filter(
                organization_a=min(kept.pk, other.pk), organization_b=max(kept.pk, other.pk)
            ).first(),
        }

    def act(self, request: HttpRequest, kept: Organization, other: Organization) -> HttpResponse:
        if "two" in request.POST:
            if not self.has_say_permission(request):
                raise PermissionDenied
            duplicates.dismiss_candidate(kept, other, by=request.user.get_username())
            said = _("%(one)s and %(other)s are two. They are not shown as twins again.")
            self.message_user(request, said % {"one": kept.name, "other": other.name}, messages.SUCCESS)
            return redirect("admin:partners_duplicatecandidate_changelist")
        if not may_merge(request):
            raise PermissionDenied
        try:
            merging.merge_organizations(kept, other, shown=request.POST.get("shown") or "nothing")
        except merging.MergeRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return redirect("admin:partners_merge", kept.pk, other.pk)
        said = _("%(other)s is now one with %(kept)s.") % {"kept": kept.name, "other": other.name}
        self.message_user(request, said, messages.SUCCESS)
        return redirect("admin:partners_organization_change", kept.pk)


def may_merge(request: HttpRequest) -> bool:
    return request.user.has_perms(["partners.change_organization", "partners.delete_organization"])


@admin.action(description=_("Merge two …"), permissions=["delete"])
def merge_two(page: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet):
    """An action that leads to the page that shows what would be done."""
    pks = sorted(queryset.order_by().values_list("pk", flat=True)[:3])
    if len(pks) == 2:
        return redirect("admin:partners_merge", *pks)
    page.message_user(request, _("Tick two organizations to merge them."), messages.ERROR)
    return None


# What the page says ----------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A line of the comparison: label, both values, and the result."""

    name: str
    kept: str
    other: str
    after: str


def fields(plan: MergePlan) -> Iterator[Line]:
    kept, other = plan.both
    for name in PROFILE_FIELDS:
        label = capfirst(str(Organization._meta.get_field(name).verbose_name))
        values = getattr(kept, name), getattr(other, name), plan.profile.get(name, getattr(kept, name))
        yield Line(label, *(value_in_words(Organization, name, value) for value in values))
    approved = [yes_or_no(row.approved_at) for row in plan.both]
    yield Line(gettext("Approved"), *approved, yes_or_no(plan.profile.get("approved_at", kept.approved_at)))
    yield Line(gettext("Logo"), *map(yes_or_no, plan.logos), logo_after(*plan.logos))
    both = gettext("%(kept)s; the other address leads there") % {"kept": kept.slug}
    yield Line(gettext("Web address"), kept.slug, other.slug, both)


def logo_after(mine: bool, theirs: bool) -> str:
    if mine and theirs:
        return gettext("the kept one’s; the other is dropped")
    return yes_or_no(mine or theirs)


def yes_or_no(value) -> str:
    return gettext("yes") if value else gettext("no")


def contact_lines(plan: MergePlan) -> Iterator[Line]:
    mine, theirs = plan.contacts
    joined = {stays.pk: pk for pk, stays in plan.doubles.items()}
    others = {contact.pk: contact for contact in theirs}
    for contact in mine:
        twin = others.get(joined.get(contact.pk))
        after = gettext("one contact, %(email)s") % {"email": contact.email} if twin else gettext("stays")
        yield Line("", person(contact), person(twin) if twin else NONE, after)
    has_main = any(contact.is_primary for contact in mine)
    for contact in theirs:
        if contact.pk not in plan.doubles:
            loses = contact.is_primary and has_main
            after = gettext("moves, no longer the main contact") if loses else gettext("moves")
            yield Line("", NONE, person(contact), after)


def person(contact: Contact) -> str:
    words = [contact.name, contact.role, contact.email, gettext("main contact") if contact.is_primary else ""]
    return ", ".join(word for word in words if word)


def year_lines(mine: Pledge | None, theirs: Pledge | None, plan: MergePlan) -> dict:
    """Both pledges for a school year, promise by promise."""
    standing = mine or theirs
    year = {"year": standing.school_years, "states": [stands(mine), stands(theirs)]}
    if not (mine and theirs):
        return year | {"after": gettext("moves as it is") if theirs else gettext("stays as it is"), "lines": []}
    fold = next(fold for fold in plan.folds if fold.leading.pk in (mine.pk, theirs.pk))
    return year | {"after": after_fold(fold), "lines": list(promise_lines(fold, mine))}


def stands(pledge: Pledge | None) -> str:
    if pledge is None:
        return NONE
    if not pledge.signed_at:
        return str(components.pledge_state(pledge))
    return gettext("signed by %(name)s") % {"name": pledge.signed_by}


def after_fold(fold: PledgeMerge) -> str:
    if fold.both_signed:
        return gettext("one pledge, with a new version; every signed version of both is kept; both links open it")
    if fold.leading.signed_at:
        return gettext("the signed one stands; what only the draft says stays in history; both links open it")
    return gettext("one draft; both links open it")


def promise_lines(fold: PledgeMerge, mine: Pledge) -> Iterator[Line]:
    known = Checklist.of([*fold.there, *fold.others])
    there, others, after = (
        by_promise_type(fold.there),
        by_promise_type(fold.others),
        by_promise_type([*fold.there, *fold.added]),
    )
    for pk, promise_type in sorted(known.promise_types.items(), key=lambda item: (item[1].order, item[0])):
        sides = [words(some.get(pk), known) for some in (there, others)]
        if fold.leading is not mine:
            sides.reverse()
        stands = words(after.get(pk), known) if pk in after else gettext("only in history")
        lost = pk in after and pk in others and others[pk] != after[pk]
        yield Line(
            promise_type.localized_name,
            *sides,
            gettext("%(words)s; the other stays in history") % {"words": stands} if lost else stands,
        )


def by_promise_type(some: list[PromiseData]) -> dict[int, PromiseData]:
    return {promised.promise_type: promised for promised in some}


def words(promised: PromiseData | None, known: Checklist) -> str:
    return promises.promise_in_words(promised, known) if promised else NONE
