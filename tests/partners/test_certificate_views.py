"""The certificate behind a personal link: which one, in which language, and the message if there is none."""

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


def certificate_texts(response) -> list[str]:
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    return [certificate_texts for _role, certificate_texts in pdf.spoken_elements(response.content)]


def test_signed_pledge_has_a_certificate():
    texts = certificate_texts(certificate(factories.signed_pledge("Slough House Bakery").token))
    assert texts[3:7] == [
        "2027–28",
        "A promise to Stockton’s students",
        "Slough House Bakery",
        "will host tours and field trips (6\xa0visits).",
    ]
    assert texts[8:10] == ["Alma Reyes", "Owner"]


def test_certificate_is_in_the_requested_language_or_the_readers():
    token = factories.signed_pledge().token
    heading = {"en": "A promise to Stockton’s students", "es": "Una promesa a los estudiantes de Stockton"}
    spanish = Client(headers={"Accept-Language": "es"})
    assert certificate_texts(certificate(token, language="es"))[4] == heading["es"]
    assert certificate_texts(certificate(token, spanish))[4] == heading["es"]
    assert certificate_texts(certificate(token, spanish, language="en"))[4] == heading["en"]
    assert certificate_texts(certificate(token, language="xx"))[4] == heading["en"]


def test_certificate_shows_the_last_signed_version():
    pledge = factories.signed_pledge()
    pledge_editing.sign_pledge(
        pledge.token,
        **factories.pledge_data(pledge.token, factories.promise_data("mentors", 1)),
        name="Alma Reyes",
        role="",
    )
    assert certificate_texts(certificate(pledge.token))[6] == "will be mentors and role models (1\xa0student)."


@pytest.mark.slow
def test_old_and_new_links_give_the_newest_certificate_or_the_requested_year():
    old = factories.signed_pledge()
    new = factories.renew_pledge(old.organization, 2028)
    for token in (old.token, new.token):
        assert certificate_texts(certificate(token))[3] == "2028–29"
        assert certificate_texts(certificate(token, year="2027"))[3] == "2027–28"
        assert certificate_texts(certificate(token, year="2028"))[3] == "2028–29"


@pytest.mark.slow
@pytest.mark.parametrize("year", ["2026", "0", "-1", "9" * 30, "2027x", "٢٠٢٧", "\0"])
def test_year_without_a_pledge_has_no_certificate(year):
    assert certificate(factories.signed_pledge().token, year=year).status_code == 404


def test_unsigned_pledge_has_no_certificate():
    assert certificate(factories.draft_pledge().token).status_code == 404
    assert certificate(factories.pledge_request("Another", "b@example.org").token).status_code == 404
    assert certificate(new_token()).status_code == 404


def test_every_invalid_link_gets_the_same_error_page():
    token = factories.signed_pledge().token
    wrong = [new_token(), token.swapcase(), token[:-1], token + "A", token[:-1] + "%00", "x" * 5000]
    pages = {Client().get(f"/imagine/promise/{link}/certificate.pdf").content for link in wrong}
    [page] = pages
    assert "This link doesn’t work".encode() in page


def test_knowing_a_partners_email_does_not_give_access_to_its_certificate():
    factories.signed_pledge("Port Gate Logistics", "alma@example.org")
    start = factories.unsaved_pledge_request("Port Gate Logistics", "alma@example.org", browser_token=new_token())
    start.save()
    assert certificate(start.browser_token).status_code == 404


def test_certificate_is_private_and_its_file_name_contains_no_name():
    response = certificate(factories.signed_pledge("Alma Reyes Consulting").token, language="es")
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Content-Disposition"] == 'inline; filename="imagine-promise-2027-28-es.pdf"'


def test_certificate_is_read_only(client):
    pledge = factories.signed_pledge()
    address = reverse("pledge_certificate", args=[pledge.token])
    before = snapshots.tables()
    assert [getattr(client, method)(address).status_code for method in ("get", "head")] == [200, 200]
    assert [getattr(client, method)(address).status_code for method in ("post", "put", "delete")] == [405] * 3
    assert snapshots.tables() == before


def test_certificate_stays_available_when_the_school_year_is_closed():
    pledge = factories.signed_pledge()
    factories.close_year()
    assert certificate_texts(certificate(pledge.token))[8] == "Alma Reyes"


@pytest.mark.slow
def test_certificate_takes_the_same_number_of_queries_for_1_and_6_versions(
    django_assert_num_queries, django_assert_max_num_queries
):
    pledge = factories.signed_pledge()
    with django_assert_max_num_queries(6) as queries:
        certificate(pledge.token)
    for hours in range(1, 6):
        page = factories.pledge_data(pledge.token, factories.promise_data("teachers", hours))
        pledge_editing.sign_pledge(pledge.token, **page, name="Alma Reyes", role="Owner")
    assert Pledge.objects.get().signatures.count() == 6
    with django_assert_num_queries(len(queries)):
        certificate(pledge.token)
