"""Query the public directory: listed partners and the promises that they signed, with their notes.

Contacts, phone numbers and addresses are never loaded.
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
MIN_SIMILARITY = 0.5  # of a mistyped name
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
    """Return a value that changes with anything the public pages depend on, except their URL and language.

    Raw SQL, because the ORM has no function for transaction IDs. A transaction that has written something sees changes
    that no other transaction sees, so its version is unique.
    """
    with connection.cursor() as cursor:
        cursor.execute(VERSION)
        changes, is_writing = cursor.fetchone()
    return (*changes, localdate(), uuid4() if is_writing else None)


# URLs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DirectoryQuery:
    """The parameters of a directory page: a school year, filters and a page number. URLs leave out the `newest`
    year."""

    year: int | None = None
    newest: int | None = None
    sector: str = ""
    promise_type: str = ""
    words: str = ""
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        return bool(self.sector or self.promise_type or self.words)

    def replace(self, **changes) -> "DirectoryQuery":
        """Return a copy with changes, on its first page unless `page` is given."""
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

    def url(self) -> str:
        return f"{reverse('partners')}?{urlencode(self.parameters)}" if self.parameters else reverse("partners")


@lru_cache(maxsize=2)
def directory_years(version: tuple) -> dict[int, PledgeYear]:
    """Return the school years with listed pledges and the newest opened one, newest first."""
    with_pledges = years_with_pledges(version)
    opened = list(PledgeYear.objects.opened().order_by("-pk"))
    return {year.pk: year for year in opened if year.pk in with_pledges or year == opened[0]}


@lru_cache(maxsize=2)
def years_with_pledges(version: tuple) -> frozenset[int]:
    return frozenset(listed_pledges().order_by().values_list("year_id", flat=True).distinct())


def newest_year(version: tuple) -> int | None:
    """Return the year shown by default: the latest with listed pledges, or else the latest opened one."""
    years, with_pledges = directory_years(version), years_with_pledges(version)
    return next((pk for pk in years if pk in with_pledges), max(years, default=None))


@lru_cache(maxsize=2)
def year_open_for_pledges(version: tuple) -> PledgeYear | None:
    """Return the school year that partners can pledge for now, or None."""
    return PledgeYear.objects.current()


@lru_cache(maxsize=2)
def promise_types(version: tuple) -> dict[int, PromiseType]:
    """Return all promise types, including retired ones, by primary key in the order of the checklist."""
    return {promise_type.pk: promise_type for promise_type in PromiseType.objects.all()}


# Partners ---------------------------------------------------------------------------------------------------------


def listed_pledges() -> PledgeQuerySet:
    return Pledge.objects.signed().filter(organization__in=Organization.objects.listed())


def filtered_pledges(query: DirectoryQuery) -> PledgeQuerySet:
    pledges = listed_pledges().filter(year=query.year)
    if query.sector:
        pledges = pledges.filter(organization__sector=query.sector)
    if query.promise_type:
        of_type = Promise.objects.filter(pledge=OuterRef("pk"), promise_type__code=query.promise_type)
        pledges = pledges.filter(Exists(of_type.order_by()))
    return search_names(query.words, pledges) if query.words else pledges


def search_names(words: str, pledges: PledgeQuerySet) -> PledgeQuerySet:
    """Return pledges of organizations whose name contains the words, or else of those with a similar name."""
    if not any(character.isalnum() for character in words):
        return pledges.none()
    name, normalized = "organization__normalized_name", normalize_name(Value(words))
    matches = pledges.filter(**{f"{name}__contains": normalized})
    if matches.exists():
        return matches
    similarity = TrigramWordSimilarity(normalized, name)  # type: ignore[arg-type]  # any expression
    return pledges.alias(similarity=similarity).filter(similarity__gte=MIN_SIMILARITY)


@lru_cache(maxsize=256)
def partner_counts_by_sector(version: tuple, query: DirectoryQuery) -> dict[str, int]:
    """Return the number of partners by sector on all pages, in the order of the sectors."""
    rows = filtered_pledges(query).values_list("organization__sector").annotate(partners=Count("pk")).order_by(SECTORS)
    return dict(rows)


def pledges_on_page(query: DirectoryQuery) -> list[Pledge]:
    """Return the pledges of a page by sector and name, with their promises in the order of the checklist."""
    ordered = (
        filtered_pledges(query).select_related("organization").order_by(SECTORS, "organization__normalized_name", "pk")
    )
    ordered = ordered.only("verified_at", "organization__name", "organization__slug", "organization__sector")
    promises = Promise.objects.order_by("pledge_id", "promise_type__order", "promise_type_id", "position")
    first = (query.page - 1) * PAGE_SIZE
    return list(ordered.prefetch_related(Prefetch("promises", queryset=promises))[first : first + PAGE_SIZE])


# Totals -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PromiseTypeTotals:
    """The totals of a promise type in a year: partners, promises, quantity, and partners by grade band. A partner can
    have several promises of a type, in different grades."""

    promise_type: PromiseType
    partners: int
    promises: int
    quantity: int
    bands: list[int]


@dataclass(frozen=True)
class YearTotals:
    """The totals of a school year. `sectors` and `before` count partners by sector, `before` in the year before."""

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
        return sum(row.promises for row in self.rows)


@lru_cache(maxsize=8)
def year_totals(version: tuple, year: int) -> YearTotals:
    """Return the totals of a school year, with four queries."""
    promises = Promise.objects.filter(pledge__in=listed_pledges().filter(year=year))
    named = Promise.schools.through.objects.filter(promise__in=promises, school=OuterRef("pk"))
    return YearTotals(
        rows=promise_type_totals(promises, promise_types(version)),
        sectors=partner_counts_by_sector(version, DirectoryQuery(year)),
        before=partner_counts_by_sector(version, DirectoryQuery(year - 1)),
        **School.objects.active().aggregate(schools=Count("pk"), named_schools=Count("pk", filter=Exists(named))),
    )


def promise_type_totals(promises, known: dict[int, PromiseType]) -> list[PromiseTypeTotals]:
    """Return the totals of each promise type on the checklist, and of each retired one among these promises."""
    in_bands = {
        f"band_{place}": Count("pledge", distinct=True, filter=Q(grades=[]) | Q(grades__overlap=grades))
        for place, grades in enumerate(GRADE_BANDS.values())
    }
    numbers = {"partners": Count("pledge", distinct=True), "promises": Count("pk"), "quantity": Sum("quantity")}
    counted = promises.order_by().values("promise_type").annotate(**numbers, **in_bands)
    found = {row["promise_type"]: row for row in counted}
    nothing = dict.fromkeys(numbers, 0) | dict.fromkeys(in_bands, 0)
    rows = {
        pk: found.get(pk, nothing) for pk, promise_type in known.items() if pk in found or not promise_type.is_retired
    }
    return [
        PromiseTypeTotals(
            known[pk], row["partners"], row["promises"], row["quantity"], [row[name] for name in in_bands]
        )
        for pk, row in rows.items()
    ]


@lru_cache(maxsize=2)
def listed_names(version: tuple, year: int) -> list[str]:
    """Return the names of a school year's listed partners in alphabetical order."""
    names = listed_pledges().filter(year=year).order_by("organization__normalized_name", "pk")
    return list(names.values_list("organization__name", flat=True))


# Partner page -----------------------------------------------------------------------------------------------------


def listed_partners() -> OrganizationQuerySet:
    """Return listed organizations that have signed a pledge, with the sizes of their logos."""
    signed = Exists(Pledge.objects.signed().filter(organization=OuterRef("pk")))
    logo = ("logo__width", "logo__height")
    partners = Organization.objects.listed().filter(signed).select_related("logo")
    return partners.only("name", "slug", "sector", "description", "website", *logo)


def signed_pledges_of(organization: Organization) -> list[Pledge]:
    """Return a partner's signed pledges, newest first, with their promises and schools."""
    promises = Promise.objects.defer("note").order_by("promise_type__order", "promise_type_id", "position")
    promises = promises.prefetch_related(Prefetch("schools", queryset=School.objects.only("name")))
    signed = organization.pledges.signed().order_by("-year_id").only("year", "organization")
    return list(signed.prefetch_related(Prefetch("promises", queryset=promises)))
