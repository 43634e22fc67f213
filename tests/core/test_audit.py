"""The change history: who changed what, with old and new values."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from imagine.core.models import AuditEntry
from summit import rsvp_links, seats
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def changes(rsvp) -> list[tuple]:
    """Return the kind, name, changes and reason of each entry, oldest first."""
    rows = AuditEntry.objects.about(rsvp).order_by("pk")
    return list(rows.values_list("actor_kind", "actor_name", "changes", "reason"))


def test_change_by_link_is_recorded_as_the_guests(client):
    rsvp = factories.rsvp(factories.event(), size=1)
    client.post(reverse("change_party", args=[rsvp.token]), {"grow": "2"})
    assert changes(rsvp) == [
        ("guest", "", {"held_seats": [1, 2], "guests": ["Alma Reyes", "Alma Reyes; –"]}, ""),
    ]


def test_unchanged_or_refused_request_is_not_recorded(client):
    rsvp = factories.rsvp(factories.event(), size=2)
    for size in ("2", "7"):
        client.post(reverse("change_party", args=[rsvp.token]), {"grow": size})
    assert changes(rsvp) == []


def test_promotion_from_the_waitlist_is_recorded_as_system(client):
    event = factories.event(capacity=1)
    first, second = factories.rsvp(event, "First"), factories.rsvp(event, "Second")
    client.post(reverse("cancel_rsvp", args=[first.token]))
    assert changes(first) == [("guest", "", {"held_seats": [1, 0], "canceled": [False, True]}, "")]
    assert changes(second) == [("system", "", {"held_seats": [0, 1], "waitlisted_seats": [1, 0]}, "")]


def test_staff_change_records_the_user_and_only_changed_fields(staff):
    rsvp = factories.rsvp(factories.event(), size=1)
    address = f"/imagine/admin/summit/rsvp/{rsvp.pk}/change/"
    staff.post(address, web_client.form_fields(staff.get(address)) | {"phone": "209 555 0100", "size": "2"})
    assert changes(rsvp) == [
        ("staff", "anna", {"phone": ["", "209 555 0100"]}, ""),
        ("staff", "anna", {"held_seats": [1, 2], "guests": ["Alma Reyes", "Alma Reyes; –"]}, ""),
    ]
    page = web_client.page_text(staff.get(address))
    assert "anna phone: – → 209 555 0100" in page
    assert "guests: Alma Reyes → Alma Reyes; – confirmed seats: 1 → 2" in page


def test_override_requires_and_records_a_reason(staff):
    event = factories.event(capacity=0)
    rsvp = factories.rsvp(event)
    page = web_client.run_action(staff, "/imagine/admin/summit/rsvp/", "promote_over_capacity", [rsvp])
    assert "Enter a reason." in web_client.page_text(page)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 1)]
    staff.post("/imagine/admin/summit/rsvp/", web_client.form_fields(page) | {"reason": "The mayor"}, follow=True)
    seat_changes = {"held_seats": [0, 1], "waitlisted_seats": [1, 0], "overbooked_seats": [0, 1]}
    assert changes(rsvp) == [("staff", "anna", seat_changes, "The mayor")]


def test_event_history_shows_only_the_changed_field(staff):
    event = factories.event(capacity=10)
    address = f"/imagine/admin/summit/event/{event.pk}/change/?tab=settings"
    staff.post(address, web_client.form_fields(staff.get(address)) | {"capacity": "12"})
    assert AuditEntry.objects.about(event).get().changes == {"capacity": [10, 12]}
    assert "anna capacity: 10 → 12" in web_client.page_text(staff.get(address))


def test_replaced_link_is_recorded_without_the_token():
    rsvp = factories.rsvp(factories.event())
    replaced = rsvp_links.replace_rsvp_link(rsvp)
    assert changes(rsvp) == [("system", "", {"link": ["", "replaced"]}, "")]
    assert rsvp.token not in str(changes(rsvp))
    assert replaced.token not in str(changes(rsvp))


def test_deleted_rsvp_leaves_no_history():
    rsvp = seats.cancel(factories.rsvp(factories.event()))
    seats.delete_rsvp(rsvp)
    assert not AuditEntry.objects.exists()
