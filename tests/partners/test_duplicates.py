"""Finding possible duplicates, and dismissing them."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Value

from partners.models import DuplicateCandidate, Organization, normalize_name
from partners.organizations import contacts, duplicates
from partners.organizations.duplicates import MatchQuery
from tests import factories

pytestmark = pytest.mark.django_db


def match_query(name: str, *emails: str, website: str = "", key: int = 0) -> MatchQuery:
    """Return a name as typed in an RSVP or a spreadsheet. PostgreSQL normalizes it, so some organization must exist."""
    rows = Organization.objects.annotate(typed=normalize_name(Value(name)))
    return MatchQuery(key, rows.values_list("typed", flat=True).first(), emails, website)


def find_matches(*args, **fields) -> list[tuple[str, list[str]]]:
    """Return the names and reasons of possible matches, the most likely first."""
    matches = (
        duplicates.find_matches([match_query(*args, **fields)])[0]
        if duplicates.find_matches([match_query(*args, **fields)])
        else []
    )
    names = dict(Organization.objects.values_list("pk", "name"))
    return [(names[one.organization], one.reasons) for one in matches]


def scan() -> list[tuple[str, str, list[str]]]:
    duplicates.scan_organizations()
    return [
        (pair.organization_a.name, pair.organization_b.name, pair.reasons)
        for pair in DuplicateCandidate.objects.not_dismissed()
    ]


# One typed organization ------------------------------------------------------------------------------------------


def test_name_in_another_spelling_matches_as_the_same_name():
    factories.organization("The Port Gate Logistics, Inc.")
    factories.organization("Slough House Bakery")
    assert find_matches("port gate  LOGISTICS") == [("The Port Gate Logistics, Inc.", ["name"])]


def test_identical_name_in_a_script_without_trigrams_is_found():
    factories.organization("ក្រុមយុវជន")
    assert find_matches("ក្រុមយុវជន") == [("ក្រុមយុវជន", ["name"])]


def test_similar_name_is_found_and_a_different_one_is_not():
    factories.organization("San Joaquin Delta College")
    factories.organization("Stockton Ports")
    assert find_matches("San Joaquim Delta Collage") == [("San Joaquin Delta College", ["similar_name"])]
    assert find_matches("Tule & Sons Hardware") == []


def test_contact_email_website_and_email_domain_are_match_reasons():
    gate = factories.organization("Port Gate Logistics", website="https://www.portgate.example/about")
    factories.contact(gate, "alma@mail.portgate.example")
    assert find_matches("PGL", "ALMA@mail.portgate.example") == [("Port Gate Logistics", ["email", "email_domain"])]
    assert find_matches("PGL", "ben@mail.portgate.example") == [("Port Gate Logistics", ["email_domain"])]
    assert find_matches("PGL", "ben@portgate.example") == [("Port Gate Logistics", ["email_domain"])]
    assert find_matches("PGL", website="http://portgate.example") == [("Port Gate Logistics", ["website"])]


def test_widely_shared_domains_are_not_match_reasons():
    for number in range(6):
        factories.contact(factories.organization(f"Campus {chr(65 + number) * 9}"), f"c{number}@college.example")
    page = factories.organization("Zeta Bakery", website="https://www.facebook.com/zeta")
    factories.contact(page, "zeta@gmail.com")
    assert find_matches("Q", "q@gmail.com", website="https://facebook.com/q") == []
    assert find_matches("Q", "q@college.example") == []


def test_at_most_five_matches_are_found_likeliest_first():
    for letter in "ABCDE":
        factories.organization(f"Delta Growers {letter}")
    factories.organization("Delta Growers")
    matches = find_matches("Delta Growers")
    assert (len(matches), matches[0]) == (5, ("Delta Growers", ["name"]))


@pytest.mark.slow
def test_find_matches_takes_the_same_number_of_queries_for_1_and_30(django_assert_num_queries):
    for number in range(30):
        factories.contact(factories.organization(f"Partner {number}"), f"a@host{number}.example")
    for many in (1, 30):
        matches = [match_query(f"Partner {number}", f"b@host{number}.example", key=number) for number in range(many)]
        with django_assert_num_queries(10):
            assert len(duplicates.find_matches(matches)) == many


# Pairs -----------------------------------------------------------------------------------------------------------


def test_scan_finds_each_pair_once_likeliest_first():
    factories.organization("Port Gate Logistics")
    factories.organization("Port Gate Logistic Services")
    factories.organization("Slough House Bakery")
    factories.organization("SLOUGH HOUSE BAKERY, LLC")
    pairs = scan()
    assert pairs == [
        ("Slough House Bakery", "SLOUGH HOUSE BAKERY, LLC", ["name"]),
        ("Port Gate Logistics", "Port Gate Logistic Services", ["similar_name"]),
    ]


def test_contacts_without_an_organization_are_ignored():
    gate = factories.organization("Port Gate Logistics", website="https://portgate.example")
    factories.contact(gate, "alma@portgate.example")
    for email in ("alma@portgate.example", "chue@portgate.example"):
        contacts.add_contact(None, email=email, name="Chue Vang")
    assert scan() == []
    assert [one.organization for one in duplicates.find_matches([match_query("PGL", "alma@portgate.example")])[0]] == [
        gate.pk
    ]


def test_scan_runs_only_after_changes_and_removes_outdated_pairs():
    one = factories.organization("Port Gate Logistics")
    other = factories.organization("Port Gate Logistics Inc")
    assert [
        duplicates.scan_organizations(),
        duplicates.scan_organizations(),
        duplicates.scan_organizations(force=True),
    ] == [True, False, True]
    other.name = "Slough House Bakery"
    other.save()
    assert scan() == []
    factories.contact(one, "a@portgate.example")
    factories.contact(other, "b@portgate.example")
    assert scan() == [("Port Gate Logistics", "Slough House Bakery", ["email_domain"])]


def test_dismissed_pair_stays_dismissed_when_new_reasons_are_found():
    one, other = factories.organization("Port Gate Logistics"), factories.organization("Port Gate Logistics Inc")
    duplicates.scan_organizations()
    pair = duplicates.dismiss_candidate(other, one, by="anna")
    repeated = duplicates.dismiss_candidate(one, other, by="ben")
    assert (pair.pk, repeated.dismissed_by) == (repeated.pk, "anna")
    factories.contact(one, "a@portgate.example")
    factories.contact(other, "b@portgate.example")
    assert scan() == []
    assert DuplicateCandidate.objects.get().dismissed_at


def test_pair_that_was_never_found_can_be_dismissed():
    pair = duplicates.dismiss_candidate(factories.organization("B"), factories.organization("A"), by="anna")
    assert (pair.organization_a.name, pair.organization_b.name, pair.score) == ("B", "A", 0)


def test_database_requires_the_older_organization_first_in_a_pair():
    one, other = factories.organization("A"), factories.organization("B")
    for pair in ((other, one), (one, one)):
        with pytest.raises(IntegrityError, match="duplicatecandidate_older_first"), transaction.atomic():
            DuplicateCandidate.objects.create(organization_a=pair[0], organization_b=pair[1], score=1, reasons=[])
