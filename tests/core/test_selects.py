"""Rows of models by statements that are kept as they stand."""

import pytest

from imagine.core.db.selects import first, found, with_columns
from imagine.core.models import AuditEntry, RateLimitCount
from partners.models import Contact, Pledge, PledgeYear
from partners.pledges import page_state
from tests import factories

pytestmark = pytest.mark.django_db

COUNTS = with_columns(
    "SELECT {}, count + %s, key = 'two' FROM core_ratelimitcount WHERE count < %s ORDER BY key DESC", RateLimitCount
)


def test_found_are_rows_of_the_model_with_what_is_also_known(django_assert_num_queries):
    for count, key in enumerate(("one", "two", "three"), start=1):
        RateLimitCount.objects.create(key=key, count=count, since="2026-01-31 08:00Z")
    with django_assert_num_queries(1):
        rows = found(RateLimitCount, (COUNTS, [10, 3]), also=("more", "is_two"))
    assert rows == list(RateLimitCount.objects.filter(count__lt=3).order_by("-key"))
    assert [(row.key, row.more, row.is_two) for row in rows] == [("two", 12, True), ("one", 11, False)]
    rows[0].count = 7
    rows[0].save()
    assert RateLimitCount.objects.get(key="two").count == 7


def test_first_is_the_first_one_or_none():
    RateLimitCount.objects.create(key="one", since="2026-01-31 08:00Z")
    assert first(RateLimitCount, (COUNTS, [0, 9]), also=("more", "is_two")).key == "one"
    assert first(RateLimitCount, (COUNTS, [0, 0]), also=("more", "is_two")) is None


def test_columns_of_two_models():
    one, other = with_columns("{} | {}", RateLimitCount, AuditEntry).split(" | ")
    columns = ("id", "key", "since", "count")
    assert one == ", ".join(f'core_ratelimitcount."{column}"' for column in columns)
    assert other.startswith('core_auditentry."id", core_auditentry."content_type_id"')


def test_related_rows_are_those_of_their_models_or_none(django_assert_num_queries):
    organization = factories.organization()
    alma, nobody = factories.contact(organization), None
    year, next_year = (PledgeYear.objects.create(school_year=each, opens_on="2026-01-31") for each in (2026, 2027))
    for contact, each in ((alma, year), (nobody, next_year)):
        Pledge.objects.create(organization=organization, contact=contact, year=each)
    asked = (with_columns(page_state.PLEDGES, Pledge, PledgeYear, Contact), [organization.pk])
    with django_assert_num_queries(1):
        pledges = found(Pledge, asked, related=("year", "contact"))
        assert [(pledge.year, pledge.contact) for pledge in pledges] == [(year, alma), (next_year, nobody)]
    assert pledges == list(Pledge.objects.order_by("year_id"))
