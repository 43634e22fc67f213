"""Coverage: what is promised to which school, with three queries for any number of rows."""

import pytest

from partners import checklist, coverage
from partners.models import PledgeYear, PromiseType, School
from partners.pledges import editing as pledge_editing
from tests import factories

pytestmark = pytest.mark.django_db


def counts(result: coverage.Coverage) -> dict[str, tuple]:
    """Return promises by promise type, the total, and last year's total, by school."""
    codes = [promise_type.promise_type.code for promise_type in result.promise_types]
    return {
        row.school.name: (
            {code: number for code, number in zip(codes, row.counts, strict=True) if number},
            row.promises,
            row.before,
        )
        for row in result.schools
    }


def sums(result: coverage.Coverage) -> dict[str, tuple]:
    return {
        promise_type.promise_type.code: (
            promise_type.promises,
            promise_type.quantity,
            promise_type.anywhere,
            promise_type.promises_before,
            promise_type.quantity_before,
        )
        for promise_type in result.promise_types
        if promise_type.promises or promise_type.promises_before
    }


@pytest.fixture
def district():
    year = factories.pledge_year()
    a, b, c = (factories.school(name, level) for name, level in (("A", "high"), ("B", "elementary"), ("C", "high")))
    retired = factories.school("Gone")
    promises = [factories.promise_data("tours", 6, schools=(a, b, retired)), factories.promise_data("mentors", 2)]
    factories.signed_pledge("One", "one@example.org", promises)
    factories.signed_pledge(
        "Two",
        "two@example.org",
        [factories.promise_data("tours", 4, schools=(a,)), factories.promise_data("mentors", 1, schools=(a,))],
    )
    factories.draft_pledge("Draft", "draft@example.org", [factories.promise_data("tours", 90, schools=(c,))])
    before = [factories.promise_data("tours", 3, schools=(b, c)), factories.promise_data("service", 1)]
    factories.pledge_signed_last_year("Old", "old@example.org", before)
    checklist.retire(retired)
    factories.school("Retired and never promised", is_retired=True)
    return year


def test_schools_with_fewest_promises_come_first_and_drafts_do_not_count(district):
    result = coverage.coverage_of(district)
    assert counts(result) == {
        "C": ({}, 0, 1),
        "B": ({"tours": 1}, 1, 1),
        "Gone": ({"tours": 1}, 1, 0),
        "A": ({"tours": 2, "mentors": 1}, 3, 0),
    }
    assert list(counts(result)) == ["C", "B", "Gone", "A"]


def test_promise_type_totals_are_compared_with_the_previous_year(district):
    result = coverage.coverage_of(district)
    assert sums(result) == {"tours": (2, 10, 0, 1, 3), "mentors": (2, 3, 1, 0, 0), "service": (0, 0, 0, 1, 1)}
    assert (result.promises, result.promises_before) == (4, 2)
    assert {
        promise_type.promise_type.code: promise_type.more for promise_type in result.promise_types if promise_type.more
    } == {"tours": 7, "mentors": 3, "service": -1}


def test_coverage_of_the_previous_year(district):
    result = coverage.coverage_of(PledgeYear.objects.get(pk=2026))
    assert sums(result) == {"tours": (1, 3, 0, 0, 0), "service": (1, 1, 1, 0, 0)}
    assert counts(result)["A"] == ({}, 0, 0)


def test_retired_promise_type_is_a_column_only_if_it_was_promised(district):
    for code in ("tours", "advisory"):
        checklist.retire(PromiseType.objects.get(code=code))
    codes = [promise_type.promise_type.code for promise_type in coverage.coverage_of(district).promise_types]
    assert "tours" in codes
    assert "advisory" not in codes
    assert len(codes) == 7


def test_every_active_promise_type_is_a_column_when_nothing_is_promised():
    factories.school()
    result = coverage.coverage_of(factories.pledge_year())
    assert len(result.promise_types) == 8
    assert counts(result) == {"Cesar Chavez High": ({}, 0, 0)}


def test_only_the_last_signed_version_is_counted():
    factories.pledge_year()
    school = factories.school()
    pledge = factories.signed_pledge(promises=[factories.promise_data("tours", 6, schools=(school,))])
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 2)), name="Alma Reyes"
    )
    result = coverage.coverage_of(PledgeYear.objects.get())
    assert sums(result) == {"tours": (1, 2, 1, 0, 0)}
    assert School.objects.get() == result.schools[0].school


@pytest.mark.slow
def test_three_queries_for_any_number_of_pledges(district, django_assert_num_queries):
    with django_assert_num_queries(3):
        coverage.coverage_of(district)
    for number in range(10):
        factories.school(f"School {number}")
        factories.signed_pledge(
            f"Partner {number}",
            f"p{number}@example.org",
            [factories.promise_data(schools=tuple(School.objects.active()[:3]))],
        )
    with django_assert_num_queries(3):
        coverage.coverage_of(district)
