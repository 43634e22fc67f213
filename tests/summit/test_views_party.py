"""What a guest changes on the RSVP's page besides seats: needs of the whole party, organization, phone, note."""

import pytest
from django.urls import reverse

from imagine.core.models import AuditEntry
from summit import organization_matching, party_details, seats
from summit.models import Event, Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

DETAILS = {
    "rsvp-party_dietary_needs": "no nuts",
    "rsvp-party_accessibility_needs": "ramp",
    "rsvp-organization_name": "Delta Bakery",
    "rsvp-phone": "(209) 555-0100",
    "rsvp-note": "We bring bread.\nA lot.",
}


def send(client, rsvp: Rsvp, **fields):
    return client.post(reverse("change_party", args=[rsvp.token]), fields)


def test_details_of_the_party_are_saved_and_can_be_repeated(client):
    rsvp = factories.rsvp(factories.event(), size=2, phone="1", note="old")
    for _twice in range(2):
        assert send(client, rsvp, **DETAILS)["Location"] == rsvp.get_absolute_url()
    rsvp.refresh_from_db()
    assert {name: getattr(rsvp, name.removeprefix("rsvp-")) for name in DETAILS} == DETAILS
    assert snapshots.emails() == ["confirmed 1 REQUEST"]
    history = AuditEntry.objects.latest("pk")
    assert "Delta Bakery" in str(history.changes)
    assert "no nuts" not in str(history.changes)


def test_stale_page_does_not_undo_what_staff_corrected_in_the_details(client):
    rsvp = factories.rsvp(factories.event(), phone="1", note="old")
    form_data = web_client.form_fields(client.get(rsvp.get_absolute_url()))
    seats.update_contact(rsvp, phone="2")
    send(client, rsvp, **form_data | {"rsvp-note": "new"})
    rsvp.refresh_from_db()
    assert (rsvp.phone, rsvp.note) == ("2", "new")


def test_invalid_details_are_shown_with_what_was_typed_and_save_nothing(client):
    rsvp = factories.rsvp(factories.event(), size=2)
    response = send(client, rsvp, **DETAILS | {"rsvp-organization_name": "www.prize.example.com"})
    assert response.status_code == 422
    assert 'href="#id_rsvp-organization_name"' in response.content.decode()
    assert web_client.form_fields(response)["rsvp-phone"] == "(209) 555-0100"
    rsvp.refresh_from_db()
    assert (rsvp.phone, rsvp.party_dietary_needs) == ("", "")


def test_another_organization_has_to_be_matched_again():
    rsvp = factories.rsvp(factories.event(), organization_name="Port Gate")
    organization_matching.assign_organization(Rsvp.objects.filter(pk=rsvp.pk), factories.organization("Port Gate").pk)
    party_details.update_details(rsvp, organization_name="Port Gate", phone="1")
    assert not Rsvp.objects.unmatched().exists()
    party_details.update_details(rsvp, organization_name="Delta Bakery")
    assert Rsvp.objects.unmatched().get().organization is None


def test_details_cannot_be_changed_once_the_event_is_over(client):
    rsvp = factories.rsvp(factories.event())
    Event.objects.update(canceled_at="2030-01-01T00:00Z")
    assert "nothing can be changed" in web_client.page_text(
        client.post(reverse("change_party", args=[rsvp.token]), DETAILS, follow=True)
    )
    rsvp.refresh_from_db()
    assert rsvp.phone == ""


def test_needs_of_anyone_are_asked_only_of_a_party(client):
    event = factories.event()
    alone, party = factories.rsvp(event, "Alma"), factories.rsvp(event, "Ben", size=2)
    asked = ["Needs of anyone" in web_client.page_text(client.get(rsvp.get_absolute_url())) for rsvp in (alone, party)]
    assert asked == [False, True]
