"""The contexts of the public directory's templates."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners import formatting as partner_formatting
from partners.directory import charts
from partners.directory import queries as directory_queries
from partners.directory.queries import GRADE_BANDS, PAGE_SIZE, DirectoryQuery, YearTotals
from partners.models import Organization, Pledge, PledgeYear, Promise, PromiseType, Sector

SOME, MANY = 5, 12  # from here on a cell of the coverage table is darker
MIN_SHARED_SIDE = 200  # pixels; other sites pass over a smaller picture
MAX_LENGTH_DESCRIPTION = 300


@dataclass(frozen=True)
class Choice:
    """A filter option and its URL."""

    label: str
    address: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Line:
    """A promise in words."""

    promise_type: PromiseType
    amount: str
    grades: str
    months: str = ""
    schools: str = ""

    @property
    def short(self) -> str:
        """6 visits, grades 7–12"""
        return f"{self.amount}, {self.grades}" if self.grades else self.amount

    @property
    def when_and_where(self) -> str:
        """Oct–Dec · Cesar Chavez High"""
        return " · ".join(said for said in (self.months, self.schools) if said)


@dataclass(frozen=True)
class PledgeOfYear:
    label: str
    lines: list[Line]


@dataclass(frozen=True)
class Card:
    name: str
    address: str
    lines: list[Line]


def school_years(year: int | None) -> str:
    return PledgeYear(school_year=year).school_years if year else ""


def sector_label(sector: str) -> str:
    return str(dict(Sector.choices).get(sector) or _("Other"))


# The wall -----------------------------------------------------------------------------------------------------------


def last_page(version: tuple, query: DirectoryQuery) -> int:
    return max(1, ceil(sum(directory_queries.partners_by_sector(version, query.but()).values()) / PAGE_SIZE))


def directory_page(version: tuple, query: DirectoryQuery) -> dict:
    """The context of partners.html. Only the first page of a year without filters has the chart and the table."""
    if query.year is None:
        about = _("Who promised what to Stockton’s students.")
        return {"title": _("Imagine Promise Partners"), "about": about, "path": query.address()}
    totals, found = (
        directory_queries.year_totals(version, query.year),
        directory_queries.partners_by_sector(version, query.but()),
    )
    words = {
        "title": page_title(version, query),
        "about": year_description(query.year, totals),
        # A search is no page of its own to other sites.
        "path": (query.but(words="") if query.words else query).address(),
        "here": query.address(),
        "query": query,
        "year": directory_queries.directory_years(version)[query.year],
        "totals": totals,
        "figures": {name: f"{getattr(totals, name):,}" for name in ("partners", "promises", "named_schools")},
        "narrowing": active_filters(version, query),
        "found": sum(found.values()),
        "found_said": f"{sum(found.values()):,}",
        "years": year_choices(version, query),
        "sectors": sector_choices(query, totals),
        "promise_types": promise_type_choices(query, totals),
        "groups": list(
            partners_by_sector(
                directory_queries.pledges_on_page(query), found, directory_queries.promise_types(version)
            )
        ),
        "pages": page_links(query, last_page(version, query)),
        "all": Choice(_("Show all partners"), query.but(sector="", promise_type="", words="").address()),
    }
    is_whole = not query.is_narrowed and query.page == 1
    return words | year_overview(query, totals) if is_whole and totals.partners else words


def page_title(version: tuple, query: DirectoryQuery) -> str:
    said = _("Imagine Promise Partners %(year)s") % {"year": school_years(query.year)}
    if told := active_filters(version, query):
        said = f"{', '.join(told)}: {said}"
    return _("%(title)s, page %(page)s") % {"title": said, "page": query.page} if query.page > 1 else said


def year_description(year: int, totals: YearTotals) -> str:
    said = ngettext(
        "%(partners)s partner made promises to Stockton’s students for %(year)s. See who promised what.",
        "%(partners)s partners made promises to Stockton’s students for %(year)s. See who promised what.",
        totals.partners,
    )
    return said % {"partners": f"{totals.partners:,}", "year": school_years(year)}


def active_filters(version: tuple, query: DirectoryQuery) -> list[str]:
    """The filters in words."""
    labels = {
        promise_type.code: promise_type.localized_name
        for promise_type in directory_queries.promise_types(version).values()
    }
    sector, words = query.sector and sector_label(query.sector), query.words and f"“{query.words}”"
    return [said for said in (sector, labels.get(query.promise_type), words) if said]


def year_overview(query: DirectoryQuery, totals: YearTotals) -> dict:
    """The chart and the coverage table of a year."""
    now, before = (
        {sector_label(sector): number for sector, number in counted.items()}
        for counted in (totals.sectors, totals.before)
    )
    return {
        "chart": charts.draw(now, before),
        "year_before": school_years(query.year and query.year - 1),
        "bands": list(GRADE_BANDS),
        "coverage": [coverage_row(query, row) for row in totals.rows],
        "has_gaps": any(not number for row in totals.rows for number in row.bands),
    }


def coverage_row(query: DirectoryQuery, row: directory_queries.PromiseTypeTotals) -> dict:
    return {
        "promise_type": row.promise_type,
        "amount": row.promise_type.amount(row.quantity) if row.partners else "",
        "address": query.but(promise_type=row.promise_type.code).address() if row.partners else "",
        "cells": [(f"{n:,}" if n else "", (n > 0) + (n >= SOME) + (n >= MANY)) for n in row.bands],
    }


def year_choices(version: tuple, query: DirectoryQuery) -> list[Choice]:
    """Choosing another year drops the filters."""
    return [
        Choice(year.school_years, DirectoryQuery(pk, query.newest).address(), is_current=pk == query.year)
        for pk, year in directory_queries.directory_years(version).items()
    ]


def sector_choices(query: DirectoryQuery, totals: YearTotals) -> list[Choice]:
    """All sectors, and those with a partner in the year."""
    every = Choice(_("All sectors"), query.but(sector="").address(), is_current=not query.sector)
    return [every] + [
        Choice(sector_label(sector), query.but(sector=sector).address(), is_current=sector == query.sector)
        for sector in Sector.values
        if totals.sectors.get(sector) or sector == query.sector
    ]


def promise_type_choices(query: DirectoryQuery, totals: YearTotals) -> list[tuple[str, str]]:
    return [
        (row.promise_type.code, row.promise_type.localized_name)
        for row in totals.rows
        if row.partners or row.promise_type.code == query.promise_type
    ]


def page_links(query: DirectoryQuery, last: int) -> dict | None:
    """Links to the pages before and after, or None if there is only one page."""
    if last == 1:
        return None
    return {
        "number": query.page,
        "last": last,
        "before": query.but(page=query.page - 1).address() if query.page > 1 else "",
        "after": query.but(page=query.page + 1).address() if query.page < last else "",
    }


def partners_by_sector(
    pledges: Iterable[Pledge], found: dict[str, int], known: dict[int, PromiseType]
) -> Iterator[dict]:
    """The partners of a page by sector, with each sector's number of partners on all pages."""
    for sector, some in groupby(pledges, key=lambda pledge: pledge.organization.sector):
        cards = [
            Card(
                pledge.organization.name,
                pledge.organization.get_absolute_url(),
                [promise_line(promise, known[promise.promise_type_id]) for promise in pledge.promises.all()],
            )
            for pledge in some
        ]
        yield {"label": sector_label(sector), "number": found[sector], "said": f"{found[sector]:,}", "cards": cards}


def promise_line(promise: Promise, promise_type: PromiseType) -> Line:
    return Line(promise_type, promise_type.amount(promise.quantity), partner_formatting.grade_spans(promise.grades))


# One partner --------------------------------------------------------------------------------------------------------


def partner_page(organization: Organization, known: dict[int, PromiseType]) -> dict:
    """The context of partner.html."""
    newest, *earlier = [
        PledgeOfYear(
            pledge.school_years,
            [full_promise_line(promise, known[promise.promise_type_id]) for promise in pledge.promises.all()],
        )
        for pledge in directory_queries.signed_pledges_of(organization)
    ]
    about = _("Promised to Stockton’s students for %(year)s: %(promises)s.") % {
        "year": newest.label,
        "promises": "; ".join(f"{line.promise_type.localized_name}, {line.short}" for line in newest.lines),
    }
    return {
        "title": _("%(name)s, Imagine Promise Partner") % {"name": organization.name},
        "about": Truncator(about).chars(MAX_LENGTH_DESCRIPTION),
        "path": organization.get_absolute_url(),
        "image": preview_image(organization),
        "organization": organization,
        "sector": sector_label(organization.sector) if organization.sector else "",
        "website": organization.website.partition("://")[2].rstrip("/"),
        "newest": newest,
        "earlier": earlier,
    }


def full_promise_line(promise: Promise, promise_type: PromiseType) -> Line:
    schools = ", ".join(sorted(school.name for school in promise.schools.all()))
    amount, grades, months = (
        promise_type.amount(promise.quantity),
        partner_formatting.grade_spans(promise.grades),
        partner_formatting.month_spans(promise.months),
    )
    return Line(promise_type, amount, grades, months, schools or _("wherever it is needed most"))


def preview_image(organization: Organization) -> dict | None:
    """The partner's logo for link previews, if it is large enough."""
    logo = getattr(organization, "logo", None)
    if logo is None or min(logo.width, logo.height) < MIN_SHARED_SIDE:
        return None
    path = reverse("partner_logo", args=[organization.slug])
    return {"path": path, "width": logo.width, "height": logo.height, "of": organization.name}
