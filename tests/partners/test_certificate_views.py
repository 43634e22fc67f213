"""The certificate behind a private link: who gets which, in which language, and what is said when there is none."""

import pytest
from django.test import Client
from django.urls import reverse

from imagine.core.links import new_token
from partners.models import Pledge
from partners.pledges import editing as pledge_editing
from tests import factories, snapshots
from tests.partners import pdf

pytestmark = pytest.mark.django_db


def certificate(token: str, client: Client | None = None, **query):
    return (client or Client()).get(reverse("pledge_certificate", args=[token]), query)


def words(response) -> list[str]:
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    return [words for _role, words in pdf.heard(response.content)]


def test_it_is_there_once_the_pledge_is_signed():
    read = words(certificate(factories.signed_pledge("Slough House Bakery").token))
    assert read[3:7] == [
        "2027–28",
        "A promise to Stockton’s students",
        "Slough House Bakery",
        "will host tours and field trips (6\xa0visits).",
    ]
    assert read[8:10] == ["Alma Reyes", "Owner"]


def test_it_is_in_the_language_that_is_asked_for_else_in_the_readers():
    token = factories.signed_pledge().token
    heading = {"en": "A promise to Stockton’s students", "es": "Una promesa a los estudiantes de Stockton"}
    spanish = Client(headers={"Accept-Language": "es"})
    assert words(certificate(token, language="es"))[4] == heading["es"]
    assert words(certificate(token, spanish))[4] == heading["es"]
    assert words(certificate(token, spanish, language="en"))[4] == heading["en"]
    assert words(certificate(token, language="xx"))[4] == heading["en"]


def test_it_is_of_what_was_signed_last():
    pledge = factories.signed_pledge()
    pledge_editing.sign_pledge(
        pledge.token,
        **factories.pledge_data(pledge.token, factories.promised("mentors", 1)),
        name="Alma Reyes",
        role="",
    )
    assert words(certificate(pledge.token))[6] == "will be mentors and role models (1\xa0student)."


@pytest.mark.slow
def test_an_older_link_leads_to_the_newest_and_by_its_year_to_the_older():
    old = factories.signed_pledge()
    new = factories.renewed_pledge(old.organization, 2028)
    for token in (old.token, new.token):
        assert words(certificate(token))[3] == "2028–29"
        assert words(certificate(token, year="2027"))[3] == "2027–28"
        assert words(certificate(token, year="2028"))[3] == "2028–29"


@pytest.mark.slow
@pytest.mark.parametrize("year", ["2026", "0", "-1", "9" * 30, "2027x", "٢٠٢٧", "\0"])
def test_a_year_without_a_pledge_has_none(year):
    assert certificate(factories.signed_pledge().token, year=year).status_code == 404


def test_what_is_not_signed_has_none():
    assert certificate(factories.draft_pledge().token).status_code == 404
    assert certificate(factories.pledge_request("Another", "b@example.org").token).status_code == 404
    assert certificate(new_token()).status_code == 404


def test_a_link_that_opens_nothing_gets_the_constant_page():
    token = factories.signed_pledge().token
    wrong = [new_token(), token.swapcase(), token[:-1], token + "A", token[:-1] + "%00", "x" * 5000]
    pages = {Client().get(f"/imagine/promise/{link}/certificate.pdf").content for link in wrong}
    [page] = pages
    assert "This link doesn’t work".encode() in page


def test_who_only_knows_the_address_of_a_partner_is_not_given_its_certificate():
    factories.signed_pledge("Port Gate Logistics", "alma@example.org")
    start = factories.unsaved_pledge_request("Port Gate Logistics", "alma@example.org", browser_token=new_token())
    start.save()
    assert certificate(start.browser_token).status_code == 404


def test_it_is_private_and_its_file_names_nobody():
    response = certificate(factories.signed_pledge("Alma Reyes Consulting").token, language="es")
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Content-Disposition"] == 'inline; filename="imagine-promise-2027-28-es.pdf"'


def test_it_is_read_and_never_written(client):
    pledge = factories.signed_pledge()
    address = reverse("pledge_certificate", args=[pledge.token])
    before = snapshots.tables()
    assert [getattr(client, method)(address).status_code for method in ("get", "head")] == [200, 200]
    assert [getattr(client, method)(address).status_code for method in ("post", "put", "delete")] == [405] * 3
    assert snapshots.tables() == before


def test_it_stays_when_the_year_is_closed():
    pledge = factories.signed_pledge()
    factories.close_year()
    assert words(certificate(pledge.token))[8] == "Alma Reyes"


@pytest.mark.slow
def test_as_many_queries_for_many_versions_as_for_one(django_assert_num_queries, django_assert_max_num_queries):
    pledge = factories.signed_pledge()
    with django_assert_max_num_queries(6) as once:
        certificate(pledge.token)
    for hours in range(1, 6):
        page = factories.pledge_data(pledge.token, factories.promised("teachers", hours))
        pledge_editing.sign_pledge(pledge.token, **page, name="Alma Reyes", role="Owner")
    assert Pledge.objects.get().signatures.count() == 6
    with django_assert_num_queries(len(once)):
        certificate(pledge.token)
