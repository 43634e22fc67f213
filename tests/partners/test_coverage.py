"""What is promised where: each figure, and that it takes three queries whatever there is."""

import pytest

from partners import checklist, coverage
from partners.models import PledgeYear, PromiseKind, School
from partners.pledges import editing as pledge_editing
from tests.partners import make

pytestmark = pytest.mark.django_db


def counts(found: coverage.Coverage) -> dict[str, tuple]:
    """By school: promises by the code of their kind, all of them, and those of the year before."""
    codes = [kind.kind.code for kind in found.kinds]
    return {
        place.school.name: (
            {code: number for code, number in zip(codes, place.counts, strict=True) if number},
            place.promises,
            place.before,
        )
        for place in found.places
    }


def sums(found: coverage.Coverage) -> dict[str, tuple]:
    return {
        kind.kind.code: (kind.promises, kind.quantity, kind.anywhere, kind.promises_before, kind.quantity_before)
        for kind in found.kinds
        if kind.promises or kind.promises_before
    }


@pytest.fixture
def district():
    year = make.year()
    a, b, c = (make.school(name, level) for name, level in (("A", "high"), ("B", "elementary"), ("C", "high")))
    gone = make.school("Gone")
    made = [make.promised("tours", 6, schools=(a, b, gone)), make.promised("mentors", 2)]
    make.signed("One", "one@example.org", made)
    make.signed(
        "Two", "two@example.org", [make.promised("tours", 4, schools=(a,)), make.promised("mentors", 1, schools=(a,))]
    )
    make.draft("Draft", "draft@example.org", [make.promised("tours", 90, schools=(c,))])
    before = [make.promised("tours", 3, schools=(b, c)), make.promised("service", 1)]
    make.signed_before("Old", "old@example.org", before)
    checklist.retire(gone)
    make.school("Retired and never promised", is_retired=True)
    return year


def test_schools_with_the_least_come_first_and_drafts_do_not_count(district):
    found = coverage.of(district)
    assert counts(found) == {
        "C": ({}, 0, 1),
        "B": ({"tours": 1}, 1, 1),
        "Gone": ({"tours": 1}, 1, 0),
        "A": ({"tours": 2, "mentors": 1}, 3, 0),
    }
    assert list(counts(found)) == ["C", "B", "Gone", "A"]


def test_sums_of_a_kind_beside_those_of_the_year_before(district):
    found = coverage.of(district)
    assert sums(found) == {"tours": (2, 10, 0, 1, 3), "mentors": (2, 3, 1, 0, 0), "service": (0, 0, 0, 1, 1)}
    assert (found.promises, found.promises_before) == (4, 2)
    assert {kind.kind.code: kind.more for kind in found.kinds if kind.more} == {"tours": 7, "mentors": 3, "service": -1}


def test_year_before_is_looked_at_for_itself(district):
    found = coverage.of(PledgeYear.objects.get(pk=2026))
    assert sums(found) == {"tours": (1, 3, 0, 0, 0), "service": (1, 1, 1, 0, 0)}
    assert counts(found)["A"] == ({}, 0, 0)


def test_retired_kind_is_a_column_only_where_it_was_promised(district):
    for code in ("tours", "advisory"):
        checklist.retire(PromiseKind.objects.get(code=code))
    codes = [kind.kind.code for kind in coverage.of(district).kinds]
    assert "tours" in codes
    assert "advisory" not in codes
    assert len(codes) == 7


def test_every_offered_kind_is_a_column_when_nothing_is_promised():
    make.school()
    found = coverage.of(make.year())
    assert len(found.kinds) == 8
    assert counts(found) == {"Cesar Chavez High": ({}, 0, 0)}


def test_promise_counts_as_it_was_signed_last():
    make.year()
    school = make.school()
    pledge = make.signed(promises=[make.promised("tours", 6, schools=(school,))])
    pledge_editing.sign(pledge.token, **make.page(pledge.token, make.promised("tours", 2)), name="Alma Reyes")
    found = coverage.of(PledgeYear.objects.get())
    assert sums(found) == {"tours": (1, 2, 1, 0, 0)}
    assert School.objects.get() == found.places[0].school


def test_three_queries_for_any_number_of_pledges(district, django_assert_num_queries):
    with django_assert_num_queries(3):
        coverage.of(district)
    for number in range(10):
        make.school(f"School {number}")
        make.signed(
            f"Partner {number}", f"p{number}@example.org", [make.promised(schools=tuple(School.objects.active()[:3]))]
        )
    with django_assert_num_queries(3):
        coverage.of(district)
