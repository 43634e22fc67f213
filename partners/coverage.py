"""What is promised to which school in one school year, and what against the year before, so that nobody is forgotten.

Only signed pledges count. A promise for three schools counts at each of them; its quantity cannot be told apart, so a
school's figures are numbers of promises. One that names no school is for wherever it is needed most.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum, Value

from partners.models import PledgeYear, Promise, PromiseType, School

EVERY_SCHOOL = 0  # stands for every promise of a kind, where a school's key stands; no row has it as its key

Counts = dict[tuple[int, int | None], int]


@dataclass(frozen=True)
class PromiseTypeCoverage:
    """One kind's promises for a school year and for the year before: how many, and how much together."""

    promise_type: PromiseType
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
class SchoolCoverage:
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
    promise_types: list[PromiseTypeCoverage]
    places: list[SchoolCoverage]

    @property
    def promises(self) -> int:
        return sum(promise_type.promises for promise_type in self.promise_types)

    @property
    def promises_before(self) -> int:
        return sum(promise_type.promises_before for promise_type in self.promise_types)


def coverage_of(year: PledgeYear) -> Coverage:
    """The coverage of one school year, in three queries whatever there is of pledges."""
    promises, quantities = count_promises(year.pk)
    before, quantities_before = promises[year.pk - 1], quantities[year.pk - 1]
    now, quantities = promises[year.pk], quantities[year.pk]
    promise_types = [
        PromiseTypeCoverage(
            promise_type,
            promises=now[promise_type.pk, EVERY_SCHOOL],
            quantity=quantities[promise_type.pk],
            anywhere=now[promise_type.pk, None],
            promises_before=before[promise_type.pk, EVERY_SCHOOL],
            quantity_before=quantities_before[promise_type.pk],
        )
        for promise_type in PromiseType.objects.all()
        if not promise_type.is_retired or now[promise_type.pk, EVERY_SCHOOL] or before[promise_type.pk, EVERY_SCHOOL]
    ]
    columns = [promise_type.promise_type.pk for promise_type in promise_types]
    places = [
        SchoolCoverage(
            school,
            [now[promise_type, school.pk] for promise_type in columns],
            sum(before[promise_type, school.pk] for promise_type in columns),
        )
        for school in School.objects.all()
    ]
    places = [place for place in places if place.promises or not place.school.is_retired]
    return Coverage(year, promise_types, sorted(places, key=lambda place: place.promises))


def count_promises(year: int) -> tuple[dict[int, Counts], dict[int, dict[int, int]]]:
    """The number of signed promises by school year, kind and school, for two years; where the school would be, None
    stands for wherever it is needed most and ALL for every promise of the kind. And how much they are together, by year
    and kind. One query."""
    signed = Promise.objects.filter(pledge__signed_at__isnull=False, pledge__year__in=[year - 1, year]).order_by()
    promises, quantities = defaultdict(lambda: defaultdict(int)), defaultdict(lambda: defaultdict(int))
    by_school, by_promise_type = (group_promises(signed, school) for school in ("schools", Value(EVERY_SCHOOL)))
    for of_year, promise_type, school, number, quantity in by_school.union(by_promise_type, all=True):
        promises[of_year][promise_type, school] = number
        if school == EVERY_SCHOOL:
            quantities[of_year][promise_type] = quantity
    return promises, quantities


def group_promises(signed: QuerySet[Promise], school) -> QuerySet:
    return signed.values_list("pledge__year", "promise_type", school).annotate(n=Count("pk"), quantity=Sum("quantity"))
