"""The words of the public pages: what their templates tell of the partners."""

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
    """One of several things to choose, and where that leads."""

    label: str
    address: str = ""
    value: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Line:
    """One promise in words."""

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


def last_page(stamp: tuple, asked: DirectoryQuery) -> int:
    return max(1, ceil(sum(directory_queries.partners_by_sector(stamp, asked.but()).values()) / PAGE_SIZE))


def directory_page(stamp: tuple, asked: DirectoryQuery) -> dict:
    """All that templates/partners/partners.html tells. Only the first page of a whole year has chart and table."""
    if asked.year is None:
        about = _("Who promised what to Stockton’s students.")
        return {"title": _("Imagine Promise Partners"), "about": about, "path": asked.address()}
    totals, found = (
        directory_queries.year_totals(stamp, asked.year),
        directory_queries.partners_by_sector(stamp, asked.but()),
    )
    words = {
        "title": page_title(stamp, asked),
        "about": year_description(asked.year, totals),
        # A search is no page of its own to other sites.
        "path": (asked.but(words="") if asked.words else asked).address(),
        "here": asked.address(),
        "asked": asked,
        "year": directory_queries.directory_years(stamp)[asked.year],
        "totals": totals,
        "figures": {name: f"{getattr(totals, name):,}" for name in ("partners", "promises", "named_schools")},
        "narrowing": active_filters(stamp, asked),
        "found": sum(found.values()),
        "found_said": f"{sum(found.values()):,}",
        "years": year_choices(stamp, asked),
        "sectors": sector_choices(asked, totals),
        "promise_types": promise_type_choices(asked, totals),
        "groups": list(
            partners_by_sector(directory_queries.pledges_on_page(asked), found, directory_queries.promise_types(stamp))
        ),
        "pages": page_links(asked, last_page(stamp, asked)),
        "all": Choice(_("Show all partners"), asked.but(sector="", promise_type="", words="").address()),
    }
    is_whole = not asked.is_narrowed and asked.page == 1
    return words | year_overview(asked, totals) if is_whole and totals.partners else words


def page_title(stamp: tuple, asked: DirectoryQuery) -> str:
    said = _("Imagine Promise Partners %(year)s") % {"year": school_years(asked.year)}
    if told := active_filters(stamp, asked):
        said = f"{', '.join(told)}: {said}"
    return _("%(title)s, page %(page)s") % {"title": said, "page": asked.page} if asked.page > 1 else said


def year_description(year: int, totals: YearTotals) -> str:
    said = ngettext(
        "%(partners)s partner made promises to Stockton’s students for %(year)s. See who promised what.",
        "%(partners)s partners made promises to Stockton’s students for %(year)s. See who promised what.",
        totals.partners,
    )
    return said % {"partners": f"{totals.partners:,}", "year": school_years(year)}


def active_filters(stamp: tuple, asked: DirectoryQuery) -> list[str]:
    """What the wall is narrowed to, in words."""
    labels = {
        promise_type.code: promise_type.localized_name
        for promise_type in directory_queries.promise_types(stamp).values()
    }
    sector, words = asked.sector and sector_label(asked.sector), asked.words and f"“{asked.words}”"
    return [said for said in (sector, labels.get(asked.promise_type), words) if said]


def year_overview(asked: DirectoryQuery, totals: YearTotals) -> dict:
    """Chart and coverage table of a whole year."""
    now, before = (
        {sector_label(sector): number for sector, number in counted.items()}
        for counted in (totals.sectors, totals.before)
    )
    return {
        "chart": charts.draw(now, before),
        "year_before": school_years(asked.year and asked.year - 1),
        "bands": list(GRADE_BANDS),
        "coverage": [coverage_row(asked, row) for row in totals.rows],
        "has_gaps": any(not number for row in totals.rows for number in row.bands),
    }


def coverage_row(asked: DirectoryQuery, row: directory_queries.PromiseTypeTotals) -> dict:
    return {
        "promise_type": row.promise_type,
        "amount": row.promise_type.amount(row.quantity) if row.partners else "",
        "address": asked.but(promise_type=row.promise_type.code).address() if row.partners else "",
        "cells": [(f"{n:,}" if n else "", (n > 0) + (n >= SOME) + (n >= MANY)) for n in row.bands],
    }


def year_choices(stamp: tuple, asked: DirectoryQuery) -> list[Choice]:
    """Another year begins with all its partners."""
    return [
        Choice(year.school_years, DirectoryQuery(pk, asked.newest).address(), is_current=pk == asked.year)
        for pk, year in directory_queries.directory_years(stamp).items()
    ]


def sector_choices(asked: DirectoryQuery, totals: YearTotals) -> list[Choice]:
    """All, and those that have a partner this year."""
    every = Choice(_("All sectors"), asked.but(sector="").address(), is_current=not asked.sector)
    return [every] + [
        Choice(sector_label(sector), asked.but(sector=sector).address(), is_current=sector == asked.sector)
        for sector in Sector.values
        if totals.sectors.get(sector) or sector == asked.sector
    ]


def promise_type_choices(asked: DirectoryQuery, totals: YearTotals) -> list[Choice]:
    return [
        Choice(
            row.promise_type.localized_name,
            value=row.promise_type.code,
            is_current=row.promise_type.code == asked.promise_type,
        )
        for row in totals.rows
        if row.partners or row.promise_type.code == asked.promise_type
    ]


def page_links(asked: DirectoryQuery, last: int) -> dict | None:
    """Where the pages beside this one are; None when it is the only one."""
    if last == 1:
        return None
    return {
        "number": asked.page,
        "last": last,
        "before": asked.but(page=asked.page - 1).address() if asked.page > 1 else "",
        "after": asked.but(page=asked.page + 1).address() if asked.page < last else "",
    }


def partners_by_sector(
    pledges: Iterable[Pledge], found: dict[str, int], known: dict[int, PromiseType]
) -> Iterator[dict]:
    """The partners of a page by sector; each sector with the number of its partners on all pages."""
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
    """All that templates/partners/partner.html tells."""
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
    """The partner's logo for other sites, if it is large enough for them."""
    logo = getattr(organization, "logo", None)
    if logo is None or min(logo.width, logo.height) < MIN_SHARED_SIDE:
        return None
    path = reverse("partner_logo", args=[organization.slug])
    return {"path": path, "width": logo.width, "height": logo.height, "of": organization.name}
