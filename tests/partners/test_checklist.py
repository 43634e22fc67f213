"""Changes to promise types, schools and school years are in the change history, and those in use can't be deleted."""

from datetime import timedelta

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from imagine.core.models import AuditEntry
from partners import checklist
from partners.models import PledgeYear, PromiseType
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def kind(**fields) -> PromiseType:
    values = {"code": "books", "name": "Give books", "unit": "book", "unit_plural": "books"}
    row = PromiseType(**(values | fields))
    checklist.add_row(row)
    return row


def test_new_promise_type_is_in_history():
    row = kind(order=5)
    changes = snapshots.changes(row)
    assert changes[0]["name"] == ["", "Give books"]
    assert changes[0]["order"] == ["", 5]


def test_change_row_saves_only_the_given_fields():
    row = kind()
    PromiseType.objects.filter(pk=row.pk).update(order=7)
    for _twice in range(2):
        checklist.change_row(row, name="Give good books", unit="book")
    row.refresh_from_db()
    assert (row.name, row.order) == ("Give good books", 7)
    assert snapshots.changes(row)[1:] == [{"name": ["Give books", "Give good books"]}]


def test_promise_type_is_retired_and_unretired():
    row = kind()
    for _twice in range(2):
        assert checklist.retire(row).is_retired
    assert not checklist.unretire(row).is_retired
    assert snapshots.changes(row)[1:] == [{"is_retired": [False, True]}, {"is_retired": [True, False]}]


def test_open_year_opens_a_future_year_today_and_leaves_an_open_one_unchanged():
    today = timezone.localdate()
    later, current = factories.pledge_year(2028, opens_on=today + timedelta(days=30)), factories.pledge_year(2027)
    for year in (later, later, current):
        checklist.open_year(year)
    assert list(PledgeYear.objects.order_by("pk").values_list("opens_on", flat=True)) == [
        today - timedelta(days=1),
        today,
    ]
    assert snapshots.changes(PledgeYear(pk=2028)) == [
        {"opens_on": [(today + timedelta(days=30)).isoformat(), today.isoformat()]}
    ]
    assert snapshots.changes(PledgeYear(pk=2027)) == []


def test_unused_promise_type_is_deleted_with_its_history():
    row = kind()
    checklist.delete_row(row)
    assert not PromiseType.objects.filter(code="books").exists()
    assert not AuditEntry.objects.filter(changes__has_key="unit_plural").exists()


def test_promise_type_and_school_year_in_use_cannot_be_deleted():
    promise = factories.draft_pledge().promises.get()
    with pytest.raises(ProtectedError):
        checklist.delete_row(promise.promise_type)
    with pytest.raises(ProtectedError):
        checklist.delete_row(PledgeYear.objects.get())
    assert PromiseType.objects.filter(pk=promise.promise_type_id).exists()
