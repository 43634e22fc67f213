"""What everybody may see: partners who asked to be shown and whom staff approved, with what they signed.

Contacts, telephone numbers, addresses and notes are never read here.
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
MIN_SIMILARITY = 0.5  # of 1; from here on a mistyped name is taken for one
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
    """What the public pages depend on beside their address and language: as long as it is the same they are the same.
    Whoever is about to write sees what nobody else does, so their stamp is never met again."""
    with connection.cursor() as cursor:
        cursor.execute(VERSION)
        changes, is_writing = cursor.fetchone()
    return (*changes, localdate(), uuid4() if is_writing else None)


# What is asked for --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DirectoryQuery:
    """One address of the wall: a school year, and which of its partners. The `newest` year is not said in addresses."""

    year: int | None = None
    newest: int | None = None
    sector: str = ""
    promise_type: str = ""
    words: str = ""
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        return bool(self.sector or self.promise_type or self.words)

    @property
    def said_year(self) -> int | None:
        return None if self.year == self.newest else self.year

    def but(self, **changes) -> "DirectoryQuery":
        """Another one from its first page on, unless the change is of the page."""
        return replace(self, **({"page": 1} | changes))

    def address(self) -> str:
        said = {
            "year": self.said_year,
            "sector": self.sector,
            "kind": self.promise_type,
            "q": self.words,
            "page": self.page if self.page > 1 else "",
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{reverse('partners')}?{query}" if query else reverse("partners")


@lru_cache(maxsize=2)
def directory_years(stamp: tuple) -> dict[int, PledgeYear]:
    """The school years with listed pledges and the newest opened one, newest first."""
    with_pledges = years_with_pledges(stamp)
    opened = list(PledgeYear.objects.opened().order_by("-pk"))
    return {year.pk: year for year in opened if year.pk in with_pledges or year == opened[0]}


@lru_cache(maxsize=2)
def years_with_pledges(stamp: tuple) -> frozenset[int]:
    return frozenset(listed_pledges().order_by().values_list("year_id", flat=True).distinct())


def newest_year(stamp: tuple) -> int | None:
    """The year shown by default: the latest with listed pledges, else the latest opened one."""
    years, with_pledges = directory_years(stamp), years_with_pledges(stamp)
    return next((pk for pk in years if pk in with_pledges), max(years, default=None))


@lru_cache(maxsize=2)
def promise_types(stamp: tuple) -> dict[int, PromiseType]:
    """Every kind in the order of the checklist, those that were retired too, by its key."""
    return {promise_type.pk: promise_type for promise_type in PromiseType.objects.all()}


# Which partners -----------------------------------------------------------------------------------------------------


def listed_pledges() -> PledgeQuerySet:
    """The pledges that everybody may see."""
    return Pledge.objects.signed().filter(organization__in=Organization.objects.listed())


def filtered_pledges(asked: DirectoryQuery) -> PledgeQuerySet:
    """The shown pledges of a year that was asked for, narrowed."""
    pledges = listed_pledges().filter(year=asked.year)
    if asked.sector:
        pledges = pledges.filter(organization__sector=asked.sector)
    if asked.promise_type:
        pledges = pledges.filter(promises__promise_type__code=asked.promise_type)
    return search_names(asked.words, pledges) if asked.words else pledges


def search_names(words: str, pledges: PledgeQuerySet) -> PledgeQuerySet:
    """Those of organizations whose name holds these words, whatever its case and accents; when there is none, those
    with a name much like it."""
    if not any(character.isalnum() for character in words):
        return pledges.none()
    name, like = "organization__normalized_name", normalize_name(Value(words))
    holding = pledges.filter(**{f"{name}__contains": like})
    if holding.exists():
        return holding
    similarity = TrigramWordSimilarity(like, name)  # type: ignore[arg-type]  # any expression
    return pledges.alias(alike=similarity).filter(alike__gte=MIN_SIMILARITY)


@lru_cache(maxsize=256)
def partners_by_sector(stamp: tuple, asked: DirectoryQuery) -> dict[str, int]:
    """How many partners of each sector were asked for, whatever the page, in the order of the sectors."""
    rows = filtered_pledges(asked).values_list("organization__sector").annotate(partners=Count("pk")).order_by(SECTORS)
    return dict(rows)


def pledges_on_page(asked: DirectoryQuery) -> list[Pledge]:
    """The partners of one page: by sector, then by name, each with its promises in the order of the checklist."""
    ordered = (
        filtered_pledges(asked).select_related("organization").order_by(SECTORS, "organization__normalized_name", "pk")
    )
    ordered = ordered.only("organization__name", "organization__slug", "organization__sector")
    promises = Promise.objects.defer("note").order_by("pledge_id", "promise_type__order", "promise_type_id")
    first = (asked.page - 1) * PAGE_SIZE
    return list(ordered.prefetch_related(Prefetch("promises", queryset=promises))[first : first + PAGE_SIZE])


# Totals -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PromiseTypeTotals:
    """One kind of promise in a year: how many partners promised it, how much in all, and how many for each of BANDS."""

    promise_type: PromiseType
    partners: int
    quantity: int
    bands: list[int]


@dataclass(frozen=True)
class YearTotals:
    """A school year in figures. `before` counts the partners of the year before, in the same sectors."""

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
def year_totals(stamp: tuple, year: int) -> YearTotals:
    """What the shown partners promised for a school year, in four queries."""
    promises = Promise.objects.filter(pledge__in=listed_pledges().filter(year=year))
    named = Promise.schools.through.objects.filter(promise__in=promises, school=OuterRef("pk"))
    return YearTotals(
        rows=promise_type_totals(promises, promise_types(stamp)),
        sectors=partners_by_sector(stamp, DirectoryQuery(year)),
        before=partners_by_sector(stamp, DirectoryQuery(year - 1)),
        **School.objects.active().aggregate(schools=Count("pk"), named_schools=Count("pk", filter=Exists(named))),
    )


def promise_type_totals(promises, known: dict[int, PromiseType]) -> list[PromiseTypeTotals]:
    """One for each kind of the checklist, and for those that were retired since and are promised here."""
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
    """Those that everybody may see: who signed nothing is none yet. Each with the size of its logo, if it has one."""
    signed = Exists(Pledge.objects.signed().filter(organization=OuterRef("pk")))
    logo = ("logo__width", "logo__height")
    found = Organization.objects.listed().filter(signed).select_related("logo")
    return found.only("name", "slug", "sector", "description", "website", *logo)


def signed_pledges_of(organization: Organization) -> list[Pledge]:
    """All that a partner signed, the newest year first, with promises and the schools that they name."""
    promises = Promise.objects.defer("note").order_by("promise_type__order", "promise_type_id")
    promises = promises.prefetch_related(Prefetch("schools", queryset=School.objects.only("name")))
    signed = organization.pledges.signed().order_by("-year_id").only("year", "organization")
    return list(signed.prefetch_related(Prefetch("promises", queryset=promises)))
