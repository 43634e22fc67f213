"""The coverage page: promise types and schools of a school year."""

from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from imagine.core.admin.exports import recorded_response
from partners import coverage, exports
from partners.admin.filters import NEEDED_MOST, latest_year
from partners.coverage import Coverage, PromiseTypeCoverage, SchoolCoverage
from partners.models import PledgeYear, School

SOME, MANY = 5, 12  # promises from which a cell is darker


def chosen_year(request: HttpRequest) -> tuple[list[PledgeYear], PledgeYear | None]:
    """Return all school years, and the year in the URL, or else the current or latest year."""
    if not request.user.has_perm("partners.view_promise"):
        raise PermissionDenied
    years = list(PledgeYear.objects.all())
    chosen = next((year for year in years if str(year.pk) == request.GET.get("year")), None)
    return years, chosen or latest_year(years)


@require_safe
def coverage_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    years, year = chosen_year(request)
    context = {
        **site.each_context(request),
        "title": _("Coverage"),
        "years": years,
        "year": year,
        "coverage": coverage_context(coverage.coverage_of(year)) if year else None,
    }
    return render(request, "admin/partners/coverage.html", context)


@require_safe
def coverage_csv(request: HttpRequest) -> HttpResponse:
    _years, year = chosen_year(request)
    if year is None:
        return redirect("admin:partners_coverage")
    filters = {"year": str(year.pk)}
    return recorded_response(request, exports.coverage_export(coverage.coverage_of(year)), "csv", filters=filters)


def coverage_context(found: Coverage) -> dict:
    """Return the figures, each with the URL of the list of its promises."""
    promises = f"{reverse('admin:partners_promise_changelist')}?{urlencode({'state': 'signed', 'year': found.year.pk})}"
    return {
        "promise_types": [promise_type_column(column, promises) for column in found.promise_types],
        "open_schools": schools_by_level(found.open_schools),
        "rows": [school_row(row, found, promises) for row in found.schools if row.promises],
        "anywhere": sum(column.anywhere for column in found.promise_types),
        "found": found,
        "promises": promises,
        "open_had_promises": any(row.before for row in found.open_schools),
        "before": PledgeYear(school_year=found.year.pk - 1).school_years,
    }


def schools_by_level(rows: list[SchoolCoverage]) -> list[tuple[str, list[SchoolCoverage]]]:
    levels = ((label, [row for row in rows if row.school.level == level]) for level, label in School.Level.choices)
    return [(str(label), of_level) for label, of_level in levels if of_level]


def promise_type_column(column: PromiseTypeCoverage, promises: str) -> dict:
    return {
        "promise_type": column,
        "amount": column.promise_type.amount(column.quantity),
        "amount_before": column.promise_type.amount(column.quantity_before),
        "more": f"{column.more:+,}".replace("-", "\N{MINUS SIGN}") if column.more else "0",
        "promises": f"{promises}&promise_type={column.promise_type.pk}",
        "anywhere": f"{promises}&promise_type={column.promise_type.pk}&school={NEEDED_MOST}",
    }


def school_row(school_coverage: SchoolCoverage, found: Coverage, promises: str) -> dict:
    url = f"{promises}&school={school_coverage.school.pk}"
    counts = zip(found.promise_types, school_coverage.counts, strict=True)
    return {
        "school_coverage": school_coverage,
        "url": url,
        "cells": [
            (
                count,
                cell_shade(count),
                f"{url}&promise_type={column.promise_type.pk}",
                column.promise_type.localized_name,
            )
            for column, count in counts
        ],
    }


def cell_shade(count: int) -> str:
    return "many" if count >= MANY else "some" if count >= SOME else "few" if count else "open"
