"""One click leads from an RSVP to a new pledge's page; for a partner's email address, only an email does."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import PledgeRequest
from partners.pledges import editing as pledge_editing
from summit import rsvp_links, seats
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

IGNORED_TABLES = ("core.RateLimitCount",)


def make_promise(rsvp, client=None):
    return (client or Client()).post(reverse("promise_from_rsvp", args=[rsvp.token]))


def page(rsvp, client=None) -> str:
    return web_client.page_text((client or Client()).get(rsvp.get_absolute_url()))


@pytest.fixture
def rsvp():
    factories.pledge_year()
    return factories.rsvp(factories.event(), organization_name="Delta Growers", sector="labor")


def test_click_opens_the_promise_page_prefilled_from_the_rsvp(rsvp):
    response = make_promise(rsvp)
    start = PledgeRequest.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/imagine/promise/{start.browser_token}/")
    assert start.token not in Client().get(response["Location"]).content.decode()
    data = web_client.form_fields(Client().get(response["Location"]))
    assert (data["name"], data["sector"], data["contact-name"]) == ("Delta Growers", "labor", rsvp.name)
    assert (start.email, start.verified_at, start.source) == (rsvp.email, None, f"rsvp:{rsvp.pk}")


def test_repeated_click_opens_the_same_page_and_emails_the_link_once(rsvp):
    assert make_promise(rsvp)["Location"] == make_promise(rsvp)["Location"]
    assert [email for email in snapshots.emails() if email.startswith("link")] == ["link 1"]


def test_click_with_a_new_rsvp_link_opens_a_new_promise_url_and_old_one_is_404(rsvp, client):
    first = make_promise(rsvp)["Location"]
    response = make_promise(rsvp_links.replace_rsvp_link(rsvp))
    start = PledgeRequest.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/imagine/promise/{start.browser_token}/")
    assert client.get(response["Location"]).status_code == 200
    assert client.get(first).status_code == 404
    assert [email for email in snapshots.emails() if email.startswith("link")] == ["link 1"]


def test_known_partner_sees_that_the_link_was_emailed_but_not_the_link(rsvp, client):
    factories.contact(factories.organization("Delta Growers"), rsvp.email)
    response = make_promise(rsvp, client)
    assert (response.status_code, response["Location"]) == (302, rsvp.get_absolute_url())
    rsvp_page = client.get(rsvp.get_absolute_url())
    assert (
        "This email already belongs to a partner. We’re emailing it the link to its promises."
        in web_client.page_text(rsvp_page)
    )
    for start in PledgeRequest.objects.all():
        assert start.token not in rsvp_page.content.decode()


def test_click_after_the_school_year_closed_says_no_year_is_open(rsvp, client):
    factories.close_year()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert make_promise(rsvp, client)["Location"] == rsvp.get_absolute_url()
    assert "No school year is open for promises right now." in page(rsvp, client)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_rsvp_page_offers_a_promise_only_while_a_school_year_is_open(rsvp):
    offer = "Make your promise for 2027–28"
    assert offer in page(rsvp)
    assert offer in page(seats.cancel(rsvp))
    factories.end_event(rsvp.event)
    assert offer in page(rsvp)
    factories.close_year()
    assert offer not in page(rsvp)


def test_get_writes_nothing_and_redirects_to_the_rsvp_page(rsvp):
    before = snapshots.tables()
    response = Client().get(reverse("promise_from_rsvp", args=[rsvp.token]))
    assert (response.status_code, response["Location"]) == (302, rsvp.get_absolute_url())
    assert snapshots.tables() == before


def test_click_requires_a_csrf_token_and_an_existing_rsvp_link(rsvp):
    csrf_client = Client(enforce_csrf_checks=True)
    assert make_promise(rsvp, csrf_client).status_code == 403
    token = web_client.form_fields(csrf_client.get(rsvp.get_absolute_url()))["csrfmiddlewaretoken"]
    address = reverse("promise_from_rsvp", args=[rsvp.token])
    assert csrf_client.post(address, {"csrfmiddlewaretoken": token}).status_code == 302
    assert Client().post(reverse("promise_from_rsvp", args=["x" * 32])).status_code == 404
    assert Client().put(address).status_code == 405


def test_canceling_the_rsvp_leaves_the_pledge_signed(rsvp):
    make_promise(rsvp)
    token = PledgeRequest.objects.get().token
    pledge = pledge_editing.sign_pledge(
        token, **factories.pledge_data(token, factories.promise_data()), name="Alma Reyes"
    )
    seats.cancel(rsvp)
    pledge.refresh_from_db()
    assert pledge.state == "signed"
    assert snapshots.seats(rsvp.event) == [(rsvp.name, 0, 0)]
