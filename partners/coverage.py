"""What is promised to which school in one school year, and what against the year before, so that nobody is forgotten.

Only signed pledges count. A promise for three schools counts at each of them; its quantity cannot be told apart, so a
school's figures are numbers of promises. One that names no school is for wherever it is needed most.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum, Value

from partners.models import PledgeYear, Promise, PromiseKind, School

ALL = 0  # stands for every promise of a kind, where a school's key stands; no row has it as its key

Counts = dict[tuple[int, int | None], int]


@dataclass(frozen=True)
class Kind:
    """One kind's promises for a school year and for the year before: how many, and how much together."""

    kind: PromiseKind
    promises: int
    quantity: int
    anywhere: int
    promises_before: int
    quantity_before: int

    @property
    def more(self) -> int:
        """By how much the quantity grew; below zero it shrank."""
        return self.quantity - self.quantity_before


@dataclass(frozen=True)
class Place:
    """How many promises name one school, of each kind in the order of the columns, and the year before."""

    school: School
    counts: list[int]
    before: int

    @property
    def promises(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Coverage:
    """Kinds are the columns: those that are offered, and retired ones that were promised in either year. Schools are
    the rows, those with the least first: those of the district, and retired ones that a promise names."""

    year: PledgeYear
    kinds: list[Kind]
    places: list[Place]

    @property
    def promises(self) -> int:
        return sum(kind.promises for kind in self.kinds)

    @property
    def promises_before(self) -> int:
        return sum(kind.promises_before for kind in self.kinds)


def of(year: PledgeYear) -> Coverage:
    """The coverage of one school year, in three queries whatever there is of pledges."""
    promises, quantities = counted(year.pk)
    before, quantities_before = promises[year.pk - 1], quantities[year.pk - 1]
    now, quantities = promises[year.pk], quantities[year.pk]
    kinds = [
        Kind(
            kind,
            promises=now[kind.pk, ALL],
            quantity=quantities[kind.pk],
            anywhere=now[kind.pk, None],
            promises_before=before[kind.pk, ALL],
            quantity_before=quantities_before[kind.pk],
        )
        for kind in PromiseKind.objects.all()
        if not kind.is_retired or now[kind.pk, ALL] or before[kind.pk, ALL]
    ]
    columns = [kind.kind.pk for kind in kinds]
    places = [
        Place(school, [now[kind, school.pk] for kind in columns], sum(before[kind, school.pk] for kind in columns))
        for school in School.objects.all()
    ]
    places = [place for place in places if place.promises or not place.school.is_retired]
    return Coverage(year, kinds, sorted(places, key=lambda place: place.promises))


def counted(year: int) -> tuple[dict[int, Counts], dict[int, dict[int, int]]]:
    """The number of signed promises by school year, kind and school, for two years; where the school would be, None
    stands for wherever it is needed most and ALL for every promise of the kind. And how much they are together, by year
    and kind. One query."""
    signed = Promise.objects.filter(pledge__signed_at__isnull=False, pledge__year__in=[year - 1, year]).order_by()
    promises, quantities = defaultdict(lambda: defaultdict(int)), defaultdict(lambda: defaultdict(int))
    by_school, by_kind = (grouped(signed, school) for school in ("schools", Value(ALL)))
    for of_year, kind, school, number, quantity in by_school.union(by_kind, all=True):
        promises[of_year][kind, school] = number
        if school == ALL:
            quantities[of_year][kind] = quantity
    return promises, quantities


def grouped(signed: QuerySet[Promise], school) -> QuerySet:
    return signed.values_list("pledge__year", "kind", school).annotate(n=Count("pk"), quantity=Sum("quantity"))
