"""The data of the public directory: listed partners and the promises that they signed.

Contacts, phone numbers, addresses and notes are never loaded here.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import connection
from django.db.models import Case, Count, Exists, OuterRef, Prefetch, Q, Sum, Value, When
from django.urls import reverse
from django.utils.timezone import localdate

from partners.models import (
    Grade,
    Organization,
    Pledge,
    PledgeYear,
    Promise,
    PromiseType,
    School,
    Sector,
    normalize_name,
)
from partners.models.organizations import OrganizationQuerySet
from partners.models.pledges import PledgeQuerySet

PAGE_SIZE = 48  # partners on one page
MAX_LENGTH_SEARCH = 100
MIN_SIMILARITY = 0.5  # for a mistyped name
GRADE_BANDS = {"TK–6": [Grade.YOUNGEST, Grade.LOWER, Grade.MIDDLE], "7–8": [Grade.UPPER], "9–12": [Grade.HIGH]}
SECTORS = Case(
    *(When(organization__sector=sector, then=Value(place)) for place, sector in enumerate(Sector.values)),
    default=Value(len(Sector.values)),
)

VERSION = """
    SELECT coalesce(array_agg(id ORDER BY id), '{}'), pg_current_xact_id_if_assigned() IS NOT NULL
    FROM partners_directoryversion
"""


def directory_version() -> tuple:
    """What the public pages depend on besides their URL and language: they are the same as long as this is.

    Raw, because the ORM doesn't know transaction numbers. A transaction that has written something sees what no one
    else does, so its version is unique.
    """
    with connection.cursor() as cursor:
        cursor.execute(VERSION)
        changes, is_writing = cursor.fetchone()
    return (*changes, localdate(), uuid4() if is_writing else None)


# URLs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DirectoryQuery:
    """A URL of the directory: a school year and filters. The URL doesn't name the `newest` year."""

    year: int | None = None
    newest: int | None = None
    sector: str = ""
    promise_type: str = ""
    words: str = ""
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        return bool(self.sector or self.promise_type or self.words)

    def but(self, **changes) -> "DirectoryQuery":
        """A copy with changes, on its first page unless that is what changes."""
        return replace(self, **({"page": 1} | changes))

    @property
    def parameters(self) -> dict[str, str | int]:
        values = {
            "year": None if self.year == self.newest else self.year,
            "sector": self.sector,
            "kind": self.promise_type,
            "q": self.words,
            "page": self.page if self.page > 1 else "",
        }
        return {name: value for name, value in values.items() if value}

    def address(self) -> str:
        return f"{reverse('partners')}?{urlencode(self.parameters)}" if self.parameters else reverse("partners")


@lru_cache(maxsize=2)
def directory_years(version: tuple) -> dict[int, PledgeYear]:
    """The school years with listed pledges and the newest opened one, newest first."""
    with_pledges = years_with_pledges(version)
    opened = list(PledgeYear.objects.opened().order_by("-pk"))
    return {year.pk: year for year in opened if year.pk in with_pledges or year == opened[0]}


@lru_cache(maxsize=2)
def years_with_pledges(version: tuple) -> frozenset[int]:
    return frozenset(listed_pledges().order_by().values_list("year_id", flat=True).distinct())


def newest_year(version: tuple) -> int | None:
    """The year shown by default: the latest with listed pledges, else the latest opened one."""
    years, with_pledges = directory_years(version), years_with_pledges(version)
    return next((pk for pk in years if pk in with_pledges), max(years, default=None))


@lru_cache(maxsize=2)
def promise_types(version: tuple) -> dict[int, PromiseType]:
    """All promise types, retired ones too, by primary key in the order of the checklist."""
    return {promise_type.pk: promise_type for promise_type in PromiseType.objects.all()}


# Which partners -----------------------------------------------------------------------------------------------------


def listed_pledges() -> PledgeQuerySet:
    return Pledge.objects.signed().filter(organization__in=Organization.objects.listed())


def filtered_pledges(query: DirectoryQuery) -> PledgeQuerySet:
    pledges = listed_pledges().filter(year=query.year)
    if query.sector:
        pledges = pledges.filter(organization__sector=query.sector)
    if query.promise_type:
        pledges = pledges.filter(promises__promise_type__code=query.promise_type)
    return search_names(query.words, pledges) if query.words else pledges


def search_names(words: str, pledges: PledgeQuerySet) -> PledgeQuerySet:
    """Pledges of organizations whose name contains the words, or else of those with a similar name."""
    if not any(character.isalnum() for character in words):
        return pledges.none()
    name, like = "organization__normalized_name", normalize_name(Value(words))
    holding = pledges.filter(**{f"{name}__contains": like})
    if holding.exists():
        return holding
    similarity = TrigramWordSimilarity(like, name)  # type: ignore[arg-type]  # any expression
    return pledges.alias(alike=similarity).filter(alike__gte=MIN_SIMILARITY)


@lru_cache(maxsize=256)
def partners_by_sector(version: tuple, query: DirectoryQuery) -> dict[str, int]:
    """The number of partners by sector on all pages, in the order of the sectors."""
    rows = filtered_pledges(query).values_list("organization__sector").annotate(partners=Count("pk")).order_by(SECTORS)
    return dict(rows)


def pledges_on_page(query: DirectoryQuery) -> list[Pledge]:
    """The pledges of one page by sector and name, with their promises in the order of the checklist."""
    ordered = (
        filtered_pledges(query).select_related("organization").order_by(SECTORS, "organization__normalized_name", "pk")
    )
    ordered = ordered.only("organization__name", "organization__slug", "organization__sector")
    promises = Promise.objects.defer("note").order_by("pledge_id", "promise_type__order", "promise_type_id")
    first = (query.page - 1) * PAGE_SIZE
    return list(ordered.prefetch_related(Prefetch("promises", queryset=promises))[first : first + PAGE_SIZE])


# Totals -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PromiseTypeTotals:
    """One promise type in a year: the number of partners, the total quantity, and the number by grade band."""

    promise_type: PromiseType
    partners: int
    quantity: int
    bands: list[int]


@dataclass(frozen=True)
class YearTotals:
    """A school year in figures. `before` counts the partners of the year before by sector."""

    rows: list[PromiseTypeTotals]
    sectors: dict[str, int]
    before: dict[str, int]
    schools: int
    named_schools: int

    @property
    def partners(self) -> int:
        return sum(self.sectors.values())

    @property
    def promises(self) -> int:
        return sum(row.partners for row in self.rows)


@lru_cache(maxsize=8)
def year_totals(version: tuple, year: int) -> YearTotals:
    """Four queries."""
    promises = Promise.objects.filter(pledge__in=listed_pledges().filter(year=year))
    named = Promise.schools.through.objects.filter(promise__in=promises, school=OuterRef("pk"))
    return YearTotals(
        rows=promise_type_totals(promises, promise_types(version)),
        sectors=partners_by_sector(version, DirectoryQuery(year)),
        before=partners_by_sector(version, DirectoryQuery(year - 1)),
        **School.objects.active().aggregate(schools=Count("pk"), named_schools=Count("pk", filter=Exists(named))),
    )


def promise_type_totals(promises, known: dict[int, PromiseType]) -> list[PromiseTypeTotals]:
    """For each promise type on the checklist, and each retired one that is promised here."""
    in_bands = {
        f"band_{place}": Count("pk", filter=Q(grades=[]) | Q(grades__overlap=grades))
        for place, grades in enumerate(GRADE_BANDS.values())
    }
    counted = (
        promises.order_by().values("promise_type").annotate(partners=Count("pk"), quantity=Sum("quantity"), **in_bands)
    )
    found = {row["promise_type"]: row for row in counted}
    nothing = {"partners": 0, "quantity": 0} | dict.fromkeys(in_bands, 0)
    told = {
        pk: found.get(pk, nothing) for pk, promise_type in known.items() if pk in found or not promise_type.is_retired
    }
    return [
        PromiseTypeTotals(known[pk], row["partners"], row["quantity"], [row[name] for name in in_bands])
        for pk, row in told.items()
    ]


# One partner --------------------------------------------------------------------------------------------------------


def listed_partners() -> OrganizationQuerySet:
    """Listed organizations that have signed a pledge, with their logos' sizes."""
    signed = Exists(Pledge.objects.signed().filter(organization=OuterRef("pk")))
    logo = ("logo__width", "logo__height")
    found = Organization.objects.listed().filter(signed).select_related("logo")
    return found.only("name", "slug", "sector", "description", "website", *logo)


def signed_pledges_of(organization: Organization) -> list[Pledge]:
    """A partner's signed pledges, newest first, with their promises and schools."""
    promises = Promise.objects.defer("note").order_by("promise_type__order", "promise_type_id")
    promises = promises.prefetch_related(Prefetch("schools", queryset=School.objects.only("name")))
    signed = organization.pledges.signed().order_by("-year_id").only("year", "organization")
    return list(signed.prefetch_related(Prefetch("promises", queryset=promises)))
