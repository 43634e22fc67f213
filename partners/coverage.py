"""Count the promises by promise type and school in a school year and in the year before, so that no school is
forgotten.

Only signed pledges count. A promise for three schools counts for each of them. Because its quantity can't be divided,
the figures of a school are numbers of promises. A promise without schools is for wherever it is needed most.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum, Value

from partners.models import PledgeYear, Promise, PromiseType, School

EVERY_SCHOOL = 0  # in place of a school's primary key, for all promises of a type

PromiseCounts = dict[int, dict[tuple[int, int | None], int]]  # by school year, then by promise type and school
Quantities = dict[int, dict[int, int]]  # by school year, then by promise type


@dataclass(frozen=True)
class PromiseTypeCoverage:
    """The number and total quantity of the promises of a type, in a school year and in the year before."""

    promise_type: PromiseType
    promises: int
    quantity: int
    anywhere: int
    promises_before: int
    quantity_before: int

    @property
    def more(self) -> int:
        return self.quantity - self.quantity_before


@dataclass(frozen=True)
class SchoolCoverage:
    """The number of promises for a school, for each promise type in the order of the columns, and in the year
    before."""

    school: School
    counts: list[int]
    before: int

    @property
    def promises(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Coverage:
    """The coverage table. Its columns are the promise types that are offered or were promised in either year. Its rows
    are the schools, those with the fewest promises first."""

    year: PledgeYear
    promise_types: list[PromiseTypeCoverage]
    schools: list[SchoolCoverage]

    @property
    def offered_schools(self) -> list[SchoolCoverage]:
        """The schools that partners can choose. Retired ones are in the table only if they still have promises."""
        return [row for row in self.schools if not row.school.is_retired]

    @property
    def open_schools(self) -> list[SchoolCoverage]:
        """The schools without a promise in this school year."""
        return [row for row in self.schools if not row.promises]

    @property
    def promises(self) -> int:
        return sum(column.promises for column in self.promise_types)

    @property
    def promises_before(self) -> int:
        return sum(column.promises_before for column in self.promise_types)


def coverage_of(year: PledgeYear) -> Coverage:
    """Return the coverage of a school year, with three queries."""
    counts, quantities = count_promises(year.pk)
    now, before = counts[year.pk], counts[year.pk - 1]
    columns = [
        PromiseTypeCoverage(
            promise_type,
            promises=now[promise_type.pk, EVERY_SCHOOL],
            quantity=quantities[year.pk][promise_type.pk],
            anywhere=now[promise_type.pk, None],
            promises_before=before[promise_type.pk, EVERY_SCHOOL],
            quantity_before=quantities[year.pk - 1][promise_type.pk],
        )
        for promise_type in PromiseType.objects.all()
        if not promise_type.is_retired or now[promise_type.pk, EVERY_SCHOOL] or before[promise_type.pk, EVERY_SCHOOL]
    ]
    types = [column.promise_type.pk for column in columns]
    rows = [
        SchoolCoverage(school, [now[pk, school.pk] for pk in types], sum(before[pk, school.pk] for pk in types))
        for school in School.objects.all()
    ]
    rows = [row for row in rows if row.promises or not row.school.is_retired]
    return Coverage(year, columns, sorted(rows, key=lambda row: row.promises))


def count_promises(year: int) -> tuple[PromiseCounts, Quantities]:
    """Count the signed promises of a school year and the year before, with one query.

    In place of a school, None means wherever it is needed most, and EVERY_SCHOOL means all promises of the type.
    """
    signed = Promise.objects.filter(pledge__signed_at__isnull=False, pledge__year__in=[year - 1, year]).order_by()
    counts: PromiseCounts = defaultdict(lambda: defaultdict(int))
    quantities: Quantities = defaultdict(lambda: defaultdict(int))
    by_school, by_promise_type = (group_promises(signed, school) for school in ("schools", Value(EVERY_SCHOOL)))
    for school_year, promise_type, school, number, quantity in by_school.union(by_promise_type, all=True):
        counts[school_year][promise_type, school] = number
        if school == EVERY_SCHOOL:
            quantities[school_year][promise_type] = quantity
    return counts, quantities


def group_promises(signed: QuerySet[Promise], school) -> QuerySet:
    return signed.values_list("pledge__year", "promise_type", school).annotate(n=Count("pk"), quantity=Sum("quantity"))
