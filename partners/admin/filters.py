"""Filters of the lists of organizations, pledges and promises. They ignore unknown values."""

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from partners.models import Organization, Pledge, PledgeYear, Promise, PromiseType, School, Sector

NEEDED_MOST = "any"


def this_year(request: HttpRequest) -> PledgeYear | None:
    """Return the current or latest school year, loaded once per request."""
    if not hasattr(request, "this_year"):
        request.this_year = latest_year(PledgeYear.objects.opened())
    return request.this_year


def latest_year(years: Iterable[PledgeYear]) -> PledgeYear | None:
    """Return the latest open school year, or else the latest that has opened."""
    opened = sorted((year for year in years if year.opens_on <= timezone.localdate()), key=lambda year: year.pk)
    return next((year for year in reversed(opened) if year.is_open), opened[-1] if opened else None)


class ChoiceFilter(admin.SimpleListFilter):
    def queryset(self, request, queryset):
        values = {str(value) for value, _label in self.lookup_choices}
        value = str(self.value())  # facets pass each choice without converting it to a string
        return self.narrow(queryset, value) if value in values else queryset

    def narrow(self, queryset: QuerySet, value: str) -> QuerySet:
        """Return the rows that match a choice."""
        raise NotImplementedError


# Organizations ---------------------------------------------------------------------------------------------------


class ListingStatusFilter(ChoiceFilter):
    title, parameter_name = _("directory status"), "listing_status"

    def lookups(self, request, model_admin):
        return Organization.ListingStatus.choices

    def narrow(self, queryset, value):
        if value == Organization.ListingStatus.UNLISTED:
            return queryset.filter(wants_listing=False)
        return queryset.listed() if value == Organization.ListingStatus.LISTED else queryset.pending_approval()


class ThisYearsPledgeFilter(ChoiceFilter):
    title, parameter_name = _("this year’s pledge"), "pledge"

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        if year := this_year(request):
            self.title = _("pledge for %(year)s") % {"year": year.school_years}

    def lookups(self, request, model_admin):
        return [
            ("signed", pgettext("pledge", "Signed")),
            ("draft", pgettext("pledge", "Draft")),
            ("none", _("No pledge")),
        ]

    def narrow(self, queryset, value):
        """Filter by `pledge`, the alias of this year's pledge in the list."""
        if value == "none":
            return queryset.filter(pledge__isnull=True)
        return queryset.filter(pledge__isnull=False, pledge__signed_at__isnull=value == "draft")


class SectorFilter(ChoiceFilter):
    """Filter organizations, pledges or promises by sector."""

    title, parameter_name = _("sector"), "sector"
    paths = {Organization: "sector", Pledge: "organization__sector", Promise: "pledge__organization__sector"}

    def lookups(self, request, model_admin):
        return Sector.choices

    def narrow(self, queryset, value):
        return queryset.filter(**{self.paths[queryset.model]: value})


# Pledges and promises --------------------------------------------------------------------------------------------


def filter_by_pledge(queryset: QuerySet, **lookups) -> QuerySet:
    """Filter pledges, or promises by their pledge."""
    path = "" if queryset.model is Pledge else "pledge__"
    return queryset.filter(**{path + name: value for name, value in lookups.items()})


class PromiseFilter(ChoiceFilter):
    """Filter promises, or pledges with a matching promise. Several such filters have to match the same promise."""

    def queryset(self, request, queryset):
        self.request = request
        return super().queryset(request, queryset)

    def narrow(self, queryset, value):
        if queryset.model is Promise:
            return queryset.filter(self.wanted(value))
        self.request.wanted_promise = getattr(self.request, "wanted_promise", Q()) & self.wanted(value)
        promises = Promise.objects.filter(self.request.wanted_promise, pledge=OuterRef("pk"))
        return queryset.filter(Exists(promises.order_by()))

    def wanted(self, value: str) -> Q:
        """Return the condition for a choice."""
        raise NotImplementedError


class YearFilter(ChoiceFilter):
    title, parameter_name = _("school year"), "year"

    def lookups(self, request, model_admin):
        return [(year.pk, year.school_years) for year in PledgeYear.objects.all()]

    def narrow(self, queryset, value):
        return filter_by_pledge(queryset, year=value)


class StateFilter(ChoiceFilter):
    title, parameter_name = _("status"), "state"

    def lookups(self, request, model_admin):
        return [
            ("signed", pgettext("pledge", "Signed")),
            ("draft", pgettext("pledge", "Draft")),
            ("never", pgettext("pledge", "Never signed")),
        ]

    def narrow(self, queryset, value):
        if value == "signed":
            return filter_by_pledge(queryset, signed_at__isnull=False)
        return filter_by_pledge(queryset, signed_at__isnull=True, year__closed_at__isnull=value == "draft")


class PromiseTypeFilter(PromiseFilter):
    title, parameter_name = _("promise type"), "promise_type"

    def lookups(self, request, model_admin):
        return [(promise_type.pk, promise_type.localized_name) for promise_type in PromiseType.objects.all()]

    def wanted(self, value):
        return Q(promise_type=value)


class ClearanceFilter(PromiseFilter):
    title, parameter_name = _("volunteer clearance"), "clearance"

    def lookups(self, request, model_admin):
        return [("needed", pgettext("clearance", "Required")), ("none", pgettext("clearance", "Not required"))]

    def wanted(self, value):
        return Q(promise_type__needs_clearance=value == "needed")


class SchoolFilter(PromiseFilter):
    """Show a select, because a list of sixty links is too long."""

    title, parameter_name = _("school"), "school"
    template = "admin/partners/select_filter.html"

    def lookups(self, request, model_admin):
        schools = [(pk, name) for pk, name in School.objects.values_list("pk", "name")]
        return [(NEEDED_MOST, _("Wherever it is needed most")), *schools] if schools else []

    def choices(self, changelist):
        """Set `others` to the other parameters, for the form to keep."""
        others = {name: values for name, values in changelist.filter_params.items() if name != self.parameter_name}
        self.others = [(name, value) for name, values in others.items() for value in values]
        yield from super().choices(changelist)

    def wanted(self, value):
        place = Promise.schools.through.objects.filter(promise=OuterRef("pk"))
        return Q(~Exists(place)) if value == NEEDED_MOST else Q(schools=value)
