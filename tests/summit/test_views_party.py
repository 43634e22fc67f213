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


def test_changes_of_a_guest_who_left_in_another_tab_are_not_lost_without_a_word(client):
    rsvp = factories.rsvp(factories.event(), size=2, guests=("Ben",))
    ben = rsvp.guests.last()
    form_data = web_client.form_fields(client.get(rsvp.get_absolute_url()))
    seats.remove_guest(rsvp, ben.pk)
    notice = "A guest you changed is no longer in your party, so those changes weren’t saved."
    for typed, is_told in ({"dietary_needs": "vegan"}, True), ({}, False):
        changes = {f"guest-{ben.pk}-{name}": value for name, value in typed.items()}
        page = client.post(reverse("change_party", args=[rsvp.token]), form_data | changes, follow=True)
        assert (notice in web_client.page_text(page)) == is_told
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes")]


# Seats that someone on the waitlist would get ---------------------------------------------------------------------


def full_event(waiting: int = 1) -> Event:
    """Return an event whose two seats Alma's party has, with parties of three on the waitlist."""
    event = factories.event(capacity=2)
    factories.rsvp(event, "Alma", size=2, guests=("Ben",))
    for number in range(waiting):
        factories.rsvp(event, f"Waiting {number}", size=3 if number else 1)
    return event


def alma() -> Rsvp:
    return Rsvp.objects.get(name__in=["Alma", "Alma R."])


def test_removing_a_guest_asks_first_while_someone_waits_and_keeps_what_was_typed(client):
    event = full_event()
    contact, ben = alma().guests.all()
    url = reverse("remove_guest", args=[alma().token, ben.pk])
    response = send(client, alma(), remove=str(ben.pk), **{f"guest-{contact.pk}-name": "Alma R."})
    assert response["Location"] == url
    assert snapshots.seats(event) == [("Alma R.", 2, 0), ("Waiting 0", 0, 1)]
    question = client.get(url)
    assert "Remove Ben from your party?" in web_client.page_text(question)
    assert "someone on the waitlist may get it right away" in web_client.page_text(question)
    send(client, alma(), remove=str(ben.pk), **web_client.form_fields(question))
    assert snapshots.seats(event) == [("Alma R.", 1, 0), ("Waiting 0", 1, 0)]
    assert client.get(url)["Location"] == alma().get_absolute_url()  # the guest has left


@pytest.mark.parametrize("nobody_waits", ["no waitlist", "closed"])
def test_removing_a_guest_needs_no_question_if_no_one_gets_the_seat(client, nobody_waits):
    event = full_event(waiting=0 if nobody_waits == "no waitlist" else 1)
    if nobody_waits == "closed":
        factories.stop_promotion(event)
    ben = alma().guests.last()
    assert send(client, alma(), remove=str(ben.pk))["Location"] == alma().get_absolute_url()
    assert alma().held_seats == 1


def test_question_about_a_guest_of_another_party_leads_back(client):
    event = full_event()
    stranger = factories.rsvp(event, "Stranger", size=2).guests.last()
    contact = alma().guests.first()
    for guest in (stranger, contact):
        assert client.get(reverse("remove_guest", args=[alma().token, guest.pk]))["Location"] == (
            alma().get_absolute_url()
        )


def test_waiting_party_is_told_its_place_in_line(client):
    event = full_event(waiting=3)
    pages = [web_client.page_text(client.get(rsvp.get_absolute_url())) for rsvp in event.rsvps.waitlist()]
    assert ["You’re next in line." in page for page in pages] == [True, False, False]
    assert ["1 party is ahead of you." in page for page in pages] == [False, True, False]
    assert ["2 parties are ahead of you." in page for page in pages] == [False, False, True]
    seats.cancel(event.rsvps.waitlist()[0])
    assert "1 party is ahead of you." in web_client.page_text(client.get(event.rsvps.waitlist()[1].get_absolute_url()))
    factories.stop_promotion(event)
    assert "ahead of you" not in web_client.page_text(client.get(event.rsvps.waitlist()[1].get_absolute_url()))


# What the page says -----------------------------------------------------------------------------------------------


def test_page_greets_the_guest_by_name_and_offers_the_promise_in_the_tinted_note(client):
    factories.pledge_year()
    page = client.get(factories.rsvp(factories.event()).get_absolute_url())
    assert "Alma Reyes, we look forward to seeing you at breakfast on" in web_client.page_text(page)
    aside = web_client.page_html(page).partition("<aside")[2].partition("</aside>")[0]
    assert '<section class="note mb-4" aria-labelledby="promise-h">' in aside
    assert '<section aria-labelledby="link-h">' in aside


def test_saved_changes_take_the_focus_on_load(client):
    rsvp = factories.rsvp(factories.event())
    page = client.post(reverse("change_party", args=[rsvp.token]), DETAILS, follow=True)
    assert '<div class="wrap" role="status" tabindex="-1" autofocus>' in page.content.decode()
