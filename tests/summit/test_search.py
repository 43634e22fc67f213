"""Searching the list of RSVPs by guest name (with or without accents), email address, organization, or code."""

import pytest

from summit import seats
from summit.models import CODE_COUNT, Rsvp, door_number
from tests import factories, web_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/rsvp/"
MAX_QUERIES = 12


@pytest.fixture
def people(db) -> None:
    event = factories.event(capacity=30)
    factories.rsvp(event, "Íñigo Muñoz", email="inigo@example.org", size=2, guests=("Renée O’Brien",))
    factories.rsvp(event, "Ben Ochoa", email="Ben.Ochoa@Example.org", organization_name="Peña & Sons 100%")
    factories.rsvp(event, "Thạch Đỗ", email="thach@example.org", size=3, guests=("Søren Ångström", "Ñ"))
    seats.cancel(factories.rsvp(event, "Alma Reyes", email="alma_reyes@example.org"))


def search(staff, query: str) -> list[str]:
    return [rsvp.name for rsvp in staff.get(LIST, {"q": query}).context["cl"].result_list][::-1]


@pytest.mark.slow
def test_search_finds_rsvps_by_name_guest_email_and_organization(subtests, staff, people):
    for query, names in [
        ("munoz", ["Íñigo Muñoz"]),
        ("MUÑOZ", ["Íñigo Muñoz"]),
        ("mun\u0303oz", ["Íñigo Muñoz"]),  # a letter and a combining tilde, as macOS may write them
        ("inigo", ["Íñigo Muñoz"]),
        ("pena", ["Ben Ochoa"]),
        ("peña 100%", ["Ben Ochoa"]),
        ("thach do", ["Thạch Đỗ"]),
        ("soren angstrom", ["Thạch Đỗ"]),
        ("renee", ["Íñigo Muñoz"]),
        ("obrien", ["Íñigo Muñoz"]),
        ("O'Brien", ["Íñigo Muñoz"]),
        ("O’BRIEN", ["Íñigo Muñoz"]),
        ("munoz renee", ["Íñigo Muñoz"]),  # one word is from the contact's name, the other from a guest's
        ("munoz soren", []),
        ("ben.ochoa@example", ["Ben Ochoa"]),
        ("example.org", ["Íñigo Muñoz", "Ben Ochoa", "Thạch Đỗ", "Alma Reyes"]),
        ("alma_reyes", ["Alma Reyes"]),
        ("alma reyes", ["Alma Reyes"]),
        ("alma%reyes", []),
        ("_", ["Alma Reyes"]),
        ("%", ["Ben Ochoa"]),
        ("ñ", ["Íñigo Muñoz", "Ben Ochoa", "Thạch Đỗ"]),
        ("\\", []),
        ("nobody", []),
        ("  ", ["Íñigo Muñoz", "Ben Ochoa", "Thạch Đỗ", "Alma Reyes"]),
        (" ".join(["example"] * 300), ["Íñigo Muñoz", "Ben Ochoa", "Thạch Đỗ", "Alma Reyes"]),
    ]:
        with subtests.test(query=query, names=names):
            assert search(staff, query) == names


@pytest.mark.slow
def test_search_without_results_is_not_an_error(subtests, staff, people):
    for query in ["'", "\u0301", "🎉", "x" * 3000]:
        with subtests.test(query=query):
            assert staff.get(LIST, {"q": query}).status_code == 200


def test_search_by_door_code_finds_only_that_party(staff, people):
    rsvp = Rsvp.objects.get(name="Ben Ochoa")
    for spelling in (rsvp.code, rsvp.code.lower(), rsvp.code.replace("-", ""), f" {rsvp.code} "):
        assert search(staff, spelling) == ["Ben Ochoa"]
    assert door_number(rsvp.code) == rsvp.ics_uid.int % CODE_COUNT


def test_search_finds_six_letter_names_that_are_not_door_codes(staff, people):
    factories.rsvp(factories.event(), "Ana Barker")
    assert search(staff, "barker") == ["Ana Barker"]


def test_search_finds_a_corrected_name_immediately(staff, people):
    rsvp = Rsvp.objects.get(name="Ben Ochoa")
    seats.update_contact(rsvp, name="Benito Ibáñez")
    assert (search(staff, "ibanez"), search(staff, "benito")) == (["Benito Ibáñez"], ["Benito Ibáñez"])


def test_search_combines_with_filters_and_shows_help_text(staff, people):
    response = staff.get(LIST, {"q": "reyes", "status": "canceled"})
    assert [rsvp.name for rsvp in response.context["cl"].result_list] == ["Alma Reyes"]
    assert "Search by any guest’s name, email, organization, or check-in code." in web_client.page_text(response)


@pytest.mark.slow
def test_list_query_count_is_low_and_does_not_grow_with_rsvps(staff, people):
    addresses = [LIST, f"{LIST}?q=munoz", f"{LIST}?q=alma+reyes&status=canceled&sector__exact="]
    counts = web_client.query_counts(staff.get, addresses)
    assert max(counts.values()) <= MAX_QUERIES, counts
    event = factories.event(capacity=40)
    for number in range(30):
        factories.rsvp(event, f"Muñoz {number}")
    assert web_client.query_counts(staff.get, addresses) == counts
