"""Starting a pledge: three fields, the same page for everyone, and a link by email."""

import pytest
from django.test import Client
from django.urls import reverse

from imagine.core.models import RateLimitCount
from partners.models import PledgeRequest, PledgeYear
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

BEGIN, SENT = "/imagine/promise/", "/imagine/promise/sent/"
DATA = {"organization": factories.ORGANIZATION, "name": "Alma Reyes", "email": factories.EMAIL}
IGNORED_TABLES = ("core.RateLimitCount",)


@pytest.fixture(autouse=True)
def year():
    return factories.pledge_year()


def sign_up(client=None, **fields):
    return (client or Client()).post(BEGIN, DATA | fields)


def starts() -> list[tuple]:
    return list(PledgeRequest.objects.order_by("pk").values_list("organization", "name", "email", "language"))


def test_url_names():
    assert (reverse("pledge_begin"), reverse("pledge_sent")) == (BEGIN, SENT)


def test_signup_page_shows_the_school_year_and_opens_no_session(client):
    page = client.get(BEGIN)
    assert "Choose what you’ll do for Stockton’s students in 2027–28." in web_client.page_text(page)
    assert set(client.cookies) == {"csrftoken"}


def test_signup_saves_a_request_and_redirects_to_the_sent_page(client):
    response = sign_up(client, email="Alma@EXAMPLE.org")
    assert (response.status_code, response["Location"]) == (302, SENT)
    assert starts() == [(factories.ORGANIZATION, "Alma Reyes", "Alma@example.org", "en")]
    assert "is on its way" in web_client.page_text(client.get(SENT))
    assert snapshots.organizations() == []


def test_signup_saves_the_language_of_the_page(client):
    client.post(BEGIN, DATA, headers={"accept-language": "es"})
    assert [language for *_who, language in starts()] == ["es"]


def test_known_and_unknown_addresses_get_the_same_response(django_assert_num_queries):
    factories.signed_pledge("Known Growers", "known@example.org")
    responses = []
    for email in ("known@example.org", "unknown@example.org"):
        with django_assert_num_queries(5):
            response = sign_up(email=email)
        responses.append((response.status_code, response["Location"], response.content))
    assert responses[0] == responses[1]


def test_signup_submitted_twice_saves_two_requests():
    sign_up()
    sign_up()
    assert (
        starts() == [(factories.ORGANIZATION, "Alma Reyes", factories.EMAIL, "en")] * 2
    )  # both get the same answer, the second one without an email


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("organization", "", "Enter your organization’s name."),
        ("organization", "x" * 121, "at most 120 characters"),
        ("organization", "Buy at www.example.com", "Remove any web or email address"),
        ("organization", "A\nB", "on one line"),
        ("name", " ", "Enter your name."),
        ("name", "Al\x00ma", "Null characters are not allowed."),
        ("email", "", "Enter your email address."),
        ("email", "alma@example", "Enter an email address with a dot after the @ sign"),
        ("email", "alma@example.org\nBcc: ben@example.com", "on one line"),
    ],
)
def test_invalid_signup_shows_the_error_and_keeps_other_answers(field, typed, error):
    response = sign_up(**{field: typed})
    page = response.content.decode()
    assert response.status_code == 422
    assert web_client.page_text(response).count(error) == 2  # at the field, and in the summary
    assert "There’s a problem with 1 answer" in page
    assert f'href="#id_{field}"' in page
    for name, value in DATA.items():
        assert name == field or f'value="{value}"' in page
    assert starts() == []


def test_signup_page_while_no_year_is_open_says_when_the_next_opens(client):
    factories.close_year()
    PledgeYear.objects.create(school_year=2028, opens_on="2099-04-03")
    page = client.get(BEGIN)
    assert "Promises for 2028–29 open here on April 3, 2099." in web_client.page_text(page)
    assert 'name="email"' not in page.content.decode()
    response = sign_up(client)
    assert (response.status_code, response["Location"]) == (302, BEGIN)
    assert "No school year is open for promises right now." in web_client.page_text(client.get(BEGIN))
    assert starts() == []


def test_signup_and_sent_pages_reject_other_methods(client):
    assert client.put(BEGIN).status_code == client.delete(BEGIN).status_code == 405
    assert client.post(SENT).status_code == 405


def test_signup_requires_the_csrf_token():
    client = Client(enforce_csrf_checks=True)
    assert sign_up(client).status_code == 403
    token = web_client.form_fields(client.get(BEGIN))["csrfmiddlewaretoken"]
    assert sign_up(client, csrfmiddlewaretoken=token).status_code == 302


def test_signup_is_rate_limited():
    sign_up()
    RateLimitCount.objects.filter(key__startswith="begin:").update(count=300)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = sign_up()
    assert response.status_code == 429
    assert 600 <= int(response["Retry-After"]) <= 630
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_opening_signup_and_sent_pages_writes_nothing(client):
    before = snapshots.tables()
    for address in (BEGIN, SENT):
        for method in ("get", "head", "options"):
            assert getattr(client, method)(address).status_code < 500
    assert snapshots.tables() == before
