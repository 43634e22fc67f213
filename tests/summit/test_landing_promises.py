"""What the landing page says about promises: the way in, the promise types, and who has promised."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.directory import presenters
from partners.models import PromiseType
from tests import factories, web_client

pytestmark = pytest.mark.django_db


def landing(client, language: str = "en") -> str:
    return web_client.page_text(client.get("/imagine/", headers={"accept-language": language}))


def test_landing_offers_a_promise_next_to_the_rsvp_button(client):
    factories.event()
    factories.pledge_year()
    hero = landing(client).partition("Save my seats")[2]
    assert hero.startswith(" Can’t come? Make a promise When")


def test_landing_offers_a_promise_when_every_seat_is_taken(client):
    event = factories.event(capacity=1)
    factories.rsvp(event)
    factories.pledge_year()
    page = landing(client)
    assert "Join the waitlist Or make a promise now. You don’t need a seat." in page
    assert "You don’t have to wait to make a promise." in page


@pytest.mark.parametrize("capacity", [1, 10])
def test_landing_offers_no_promise_while_no_school_year_is_open(client, capacity):
    factories.rsvp(factories.event(capacity=capacity))
    factories.close_year(factories.pledge_year())
    page = landing(client)
    assert "See how partners help" in page
    main = page.partition("Partners Español")[2]
    assert "ake a promise" not in main.replace("You can make", "")


@pytest.mark.parametrize("fields", [{"canceled_at": timezone.now()}, {"is_published": False}])
def test_page_without_seats_offers_a_promise_only_while_a_year_is_open(client, fields):
    factories.event(**fields)
    assert "You don’t need a seat to make a promise" not in landing(client)
    factories.pledge_year()
    assert "You don’t need a seat to make a promise for 2027–28." in landing(client)


def test_landing_shows_the_promise_types_of_the_table(client):
    PromiseType.objects.filter(code="tours").update(
        name="Open your doors", tagline="For a class.", needs_insurance=True
    )
    PromiseType.objects.filter(code="service").update(is_retired=True)
    page = landing(client)
    assert "Seven ways to keep a promise" in page
    assert "Open your doors For a class. Requires a certificate of insurance." in page
    assert "Assist in service-learning projects" not in page
    assert "Siete formas de cumplir una promesa" in landing(client, "es")


def test_landing_names_the_partners_that_are_listed(client):
    factories.listed_partner("Slough House Bakery")
    factories.listed_partner("Khmer Youth Arts")
    factories.signed_pledge("Secret Freight", "secret@example.org")
    page = landing(client)
    assert page.partition("Already promised for 2027–28 ")[2].startswith(
        "Khmer Youth Arts Slough House Bakery See who promised what"
    )
    assert "Secret Freight" not in page


def test_landing_without_partners_has_no_names(client):
    factories.signed_pledge()
    assert "Already promised" not in landing(client)


def test_landing_folds_a_long_list_of_names(client, monkeypatch):
    monkeypatch.setattr(presenters, "NAMES_SHOWN", 1)
    for name in ("Alpha Movers", "Beta Movers", "Gamma Movers"):
        factories.listed_partner(name)
    assert "Alpha Movers 2 more partners Beta Movers Gamma Movers See who" in landing(client)


def test_page_of_an_event_names_it_in_its_heading(client):
    factories.event(title="Imagine Promise Summit", starts_at=timezone.now() + timedelta(days=3))
    html = web_client.page_html(client.get("/imagine/"))
    heading = html.partition("<h1>")[2].partition("</h1>")[0]
    assert "Imagine Promise Summit." in heading
