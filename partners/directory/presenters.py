"""Build the template contexts of the public directory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from partners import formatting as partner_formatting
from partners.directory import charts
from partners.directory import queries as directory_queries
from partners.directory.queries import GRADE_BANDS, PAGE_SIZE, DirectoryQuery, YearTotals
from partners.models import Organization, Pledge, PledgeYear, Promise, PromiseType, Sector

NAMES_SHOWN = 36  # on the landing page
SOME, MANY = 5, 12  # numbers from which cells of the coverage table are darker
MIN_PREVIEW_SIZE = 200  # pixels; other sites ignore smaller images
MAX_LENGTH_DESCRIPTION = 300
MAX_LENGTH_NOTE = 90  # about a line of a card


@dataclass(frozen=True)
class Choice:
    """A filter option with its URL."""

    label: str
    url: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Line:
    """The texts that describe a promise."""

    promise_type: PromiseType
    amount: str
    grades: str
    months: str = ""
    schools: str = ""
    note: str = ""

    @property
    def summary(self) -> str:
        """Return the amount and grades, such as "6 visits, grades 7–12"."""
        return f"{self.amount}, {self.grades}" if self.grades else self.amount

    @property
    def when_and_where(self) -> str:
        """Return the months and schools, such as "Oct–Dec · Cesar Chavez High"."""
        return " · ".join(filter(None, (self.months, self.schools)))


@dataclass(frozen=True)
class PledgeOfYear:
    label: str
    lines: list[Line]


@dataclass(frozen=True)
class Card:
    name: str
    url: str
    lines: list[Line]


def school_years_or_blank(year: int | None) -> str:
    return PledgeYear(school_year=year).school_years if year else ""


def sector_label(sector: str) -> str:
    return str(dict(Sector.choices).get(sector) or pgettext("sector", "Other"))


# The directory ------------------------------------------------------------------------------------------------------


def last_page(version: tuple, query: DirectoryQuery) -> int:
    return max(1, ceil(sum(directory_queries.partner_counts_by_sector(version, query.replace()).values()) / PAGE_SIZE))


def directory_page(version: tuple, query: DirectoryQuery) -> dict:
    """Return the context of partners.html. Only the first page of a year, without filters, has the chart and table."""
    if query.year is None:
        about = _("See what our partners promised Stockton’s students.")
        return {"title": _("Imagine Promise Partners"), "about": about, "path": query.url()}
    totals, found = (
        directory_queries.year_totals(version, query.year),
        directory_queries.partner_counts_by_sector(version, query.replace()),
    )
    words = {
        "title": page_title(version, query),
        "about": year_description(query.year, totals),
        # Link previews show the page without the search.
        "path": (query.replace(words="") if query.words else query).url(),
        "current_url": query.url(),
        "query": query,
        "year": directory_queries.directory_years(version)[query.year],
        "totals": totals,
        "figures": {name: f"{getattr(totals, name):,}" for name in ("partners", "promises", "named_schools")},
        "filters": active_filters(version, query),
        "found": sum(found.values()),
        "found_text": f"{sum(found.values()):,}",
        "years": year_choices(version, query),
        "sectors": sector_choices(query, totals),
        "promise_types": promise_type_choices(query, totals),
        "groups": list(
            partners_by_sector(
                directory_queries.pledges_on_page(query), found, directory_queries.promise_types(version)
            )
        ),
        "pages": page_links(query, last_page(version, query)),
        "all": Choice(_("Show all partners"), query.replace(sector="", promise_type="", words="").url()),
    }
    is_whole = not query.is_filtered and query.page == 1
    return words | year_overview(query, totals) if is_whole and totals.partners else words


def page_title(version: tuple, query: DirectoryQuery) -> str:
    title = _("Imagine Promise Partners %(year)s") % {"year": school_years_or_blank(query.year)}
    if filters := active_filters(version, query):
        title = f"{', '.join(filters)}: {title}"
    return _("%(title)s, page %(page)s") % {"title": title, "page": query.page} if query.page > 1 else title


def year_description(year: int, totals: YearTotals) -> str:
    description = ngettext(
        "%(partners)s partner made promises to Stockton’s students for %(year)s. See who promised what.",
        "%(partners)s partners made promises to Stockton’s students for %(year)s. See who promised what.",
        totals.partners,
    )
    return description % {"partners": f"{totals.partners:,}", "year": school_years_or_blank(year)}


def active_filters(version: tuple, query: DirectoryQuery) -> list[str]:
    """Return the labels of the active filters."""
    labels = {
        promise_type.code: promise_type.localized_name
        for promise_type in directory_queries.promise_types(version).values()
    }
    sector, words = query.sector and sector_label(query.sector), query.words and f"“{query.words}”"
    return list(filter(None, (sector, labels.get(query.promise_type), words)))


def year_overview(query: DirectoryQuery, totals: YearTotals) -> dict:
    """Return the chart and the coverage table of a year."""
    current, previous = (
        {sector_label(sector): number for sector, number in counts.items()}
        for counts in (totals.sectors, totals.before)
    )
    return {
        "chart": charts.draw(current, previous),
        "year_before": school_years_or_blank(query.year and query.year - 1),
        "bands": list(GRADE_BANDS),
        "coverage": [coverage_row(query, row) for row in totals.rows],
        "has_gaps": any(not number for row in totals.rows for number in row.bands),
    }


def coverage_row(query: DirectoryQuery, row: directory_queries.PromiseTypeTotals) -> dict:
    return {
        "promise_type": row.promise_type,
        "amount": row.promise_type.amount(row.quantity) if row.partners else "",
        "url": query.replace(promise_type=row.promise_type.code).url() if row.partners else "",
        "cells": [(f"{n:,}" if n else "", (n > 0) + (n >= SOME) + (n >= MANY)) for n in row.bands],
    }


def year_choices(version: tuple, query: DirectoryQuery) -> list[Choice]:
    """Return links to the years, without the filters."""
    return [
        Choice(year.school_years, DirectoryQuery(pk, query.newest).url(), is_current=pk == query.year)
        for pk, year in directory_queries.directory_years(version).items()
    ]


def sector_choices(query: DirectoryQuery, totals: YearTotals) -> list[Choice]:
    """Return links to the page of all sectors, and to that of each sector with a partner in the year."""
    all_sectors = Choice(_("All sectors"), query.replace(sector="").url(), is_current=not query.sector)
    return [all_sectors] + [
        Choice(sector_label(sector), query.replace(sector=sector).url(), is_current=sector == query.sector)
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
    """Return links to the pages before and after, or None if there is only one page."""
    if last == 1:
        return None
    return {
        "number": query.page,
        "last": last,
        "before": query.replace(page=query.page - 1).url() if query.page > 1 else "",
        "after": query.replace(page=query.page + 1).url() if query.page < last else "",
    }


def partners_by_sector(
    pledges: Iterable[Pledge], found: dict[str, int], promise_types: dict[int, PromiseType]
) -> Iterator[dict]:
    """Yield the partners of a page by sector, with each sector's number of partners on all pages."""
    for sector, sector_pledges in groupby(pledges, key=lambda pledge: pledge.organization.sector):
        cards = [
            Card(
                pledge.organization.name,
                pledge.organization.get_absolute_url(),
                [promise_line(pledge, promise, promise_types) for promise in pledge.promises.all()],
            )
            for pledge in sector_pledges
        ]
        yield {
            "label": sector_label(sector),
            "number": found[sector],
            "number_text": f"{found[sector]:,}",
            "cards": cards,
        }


def promise_line(pledge: Pledge, promise: Promise, promise_types: dict[int, PromiseType]) -> Line:
    """Return a promise for a card, with its note if the partner wrote it on our page, which says that it is public."""
    promise_type, note = promise_types[promise.promise_type_id], promise.note if pledge.is_verified else ""
    amount, grades = promise_type.amount(promise.quantity), partner_formatting.grade_spans(promise.grades)
    return Line(promise_type, amount, grades, note=Truncator(note).chars(MAX_LENGTH_NOTE))


# Landing page -------------------------------------------------------------------------------------------------------


def landing_context(version: tuple) -> dict:
    """Return what the landing page says about promises."""
    types = directory_queries.promise_types(version).values()
    return {
        "pledge_year": directory_queries.year_open_for_pledges(version),
        "promise_types": [promise_type for promise_type in types if not promise_type.is_retired],
        "partner_names": names_wall(version),
    }


def names_wall(version: tuple) -> dict:
    """Return the names of the partners listed for the newest school year; those after NAMES_SHOWN are folded."""
    year = directory_queries.newest_year(version)
    names = directory_queries.listed_names(version, year) if year else []
    return {"year": school_years_or_blank(year), "first": names[:NAMES_SHOWN], "more": names[NAMES_SHOWN:]}


# Partner page -------------------------------------------------------------------------------------------------------


def partner_page(organization: Organization, promise_types: dict[int, PromiseType]) -> dict:
    """Return the context of partner.html."""
    newest, *earlier = [
        PledgeOfYear(
            pledge.school_years,
            [full_promise_line(promise, promise_types[promise.promise_type_id]) for promise in pledge.promises.all()],
        )
        for pledge in directory_queries.signed_pledges_of(organization)
    ]
    about = _("Promises to Stockton’s students for %(year)s: %(promises)s.") % {
        "year": newest.label,
        "promises": "; ".join(f"{line.promise_type.localized_name}, {line.summary}" for line in newest.lines),
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
    """Return the partner's logo for link previews, if it is large enough."""
    logo = getattr(organization, "logo", None)
    if logo is None or min(logo.width, logo.height) < MIN_PREVIEW_SIZE:
        return None
    path = reverse("partner_logo", args=[organization.slug])
    return {"path": path, "width": logo.width, "height": logo.height, "of": organization.name}
