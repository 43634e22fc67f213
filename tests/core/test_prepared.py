"""Statements and new rows that go to PostgreSQL in one trip."""

import pytest
from django.db import IntegrityError, transaction

from imagine.core.db import prepared
from imagine.core.db.inserts import insert, insert_one
from imagine.core.models import AuditEntry
from imagine.mail.models import Message, SendRate

pytestmark = pytest.mark.django_db

TWICE = "SELECT %s::int * 2 AS twice"


def message(key: str, **how) -> Message:
    return Message(idempotency_key=key, recipient="alma@example.org", language="en", **how)


def test_run_returns_the_rows_of_the_last_statement():
    assert prepared.run((TWICE, [1]), ("SELECT n FROM generate_series(1, %s) n", [2])) == [(1,), (2,)]
    assert prepared.run((TWICE, [2])) == [(4,)]
    assert prepared.run(("SELECT 3", [])) == [(3,)]
    assert prepared.run(("DELETE FROM core_ratelimitcount WHERE key = %s", ["nobody"])) == []


def test_values_are_values_whatever_stands_in_them():
    for words in ("'; DROP TABLE core_ratelimitcount; --", "100%s", "%", "\\", "$1", "Núñez\n"):
        assert prepared.run(("SELECT %s::text", [words])) == [(words,)]


def test_insert_writes_rows_of_several_tables_in_one_trip(django_assert_num_queries):
    one, other = message("one"), message("other")
    rate = SendRate.objects.get()
    change = AuditEntry(about=rate, actor_kind=AuditEntry.ActorKind.GUEST, changes={"name": ["Ana", "Alma"]})
    with django_assert_num_queries(1):
        insert(change, one, if_new=[other])
    assert list(AuditEntry.objects.values_list("object_id", "changes")) == [(rate.pk, {"name": ["Ana", "Alma"]})]
    assert set(Message.objects.values_list("idempotency_key", "recipient")) == {
        ("one", one.recipient),
        ("other", other.recipient),
    }
    assert not one._state.adding
    one.subject = "Said again"
    one.save()
    assert Message.objects.get(idempotency_key="one").subject == "Said again"


def test_insert_passes_over_what_is_there_already_and_refuses_a_double():
    insert(message("one", subject="First"))
    insert(if_new=[message("one", subject="Second"), message("two", subject="Second")])
    assert set(Message.objects.values_list("idempotency_key", "subject")) == {("one", "First"), ("two", "Second")}
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(message("one"))


def test_insert_of_nothing_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert()


def test_insert_one_gives_a_row_its_key(django_assert_num_queries):
    one = message("one", subject="First")
    with django_assert_num_queries(1):
        assert insert_one(one)
    assert Message.objects.get() == one
    one.subject = "Said again"
    one.save()
    assert Message.objects.get(idempotency_key="one").subject == "Said again"


def test_insert_one_says_that_another_has_the_same_in_a_column():
    insert_one(message("one", subject="First"))
    other = message("one", subject="Second")
    assert not insert_one(other, unless="idempotency_key")
    assert (other._state.adding, Message.objects.get().subject) == (True, "First")
    other.idempotency_key = "other"
    assert insert_one(other, unless="idempotency_key")


def test_insert_one_refuses_every_other_double():
    insert_one(message("one"))
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_one(message("one"), unless="id")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_one(message("one"))
