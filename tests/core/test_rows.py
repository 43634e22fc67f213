import pytest

from imagine.core.rows import insert_rows, select_row
from imagine.mail.models import Message
from imagine.mail.models.messages import KEEP_TRYING
from summit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db


def test_select_row_returns_what_the_orm_does():
    event = Event.objects.get(pk=factories.event().pk)
    selected = select_row(Event, "slug = %s", [event.slug])
    assert vars(selected) | {"_state": None} == vars(event) | {"_state": None}
    assert not selected._state.adding
    assert selected.get_deferred_fields() == set()
    assert select_row(Event, "slug = %s", ["nowhere"]) is None


def test_insert_rows_stores_what_the_orm_does_and_skips_existing_rows():
    def messages(*keys):
        return [
            Message(
                idempotency_key=key,
                kind="rsvp_confirmed",
                recipient="rosa@example.org",
                language="en",
                subject="Ñandú’s % seat",
                queue=Message.Queue.BULK,
            )
            for key in keys
        ]

    Message.objects.bulk_create(messages("by the ORM"))
    insert_rows(messages("by us", "by us too"))
    insert_rows(messages("by us"))

    stored = {row.pop("idempotency_key"): row for row in Message.objects.values()}
    assert set(stored) == {"by the ORM", "by us", "by us too"}
    for row in stored.values():
        assert row.pop("id")
        assert row["send_after"] == row["created_at"] == row.pop("retry_until") - KEEP_TRYING
        assert row.pop("send_after") == row.pop("created_at")
    assert stored["by us"] == stored["by us too"] == stored["by the ORM"]
