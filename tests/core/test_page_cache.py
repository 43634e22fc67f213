"""Cached pages are rendered again when their data changes, and never contain another visitor's token."""

import re

import pytest
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.test import Client
from django.utils import timezone

from imagine.core import page_cache
from summit.models import Event
from tests import factories, web_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    monkeypatch.setattr(page_cache, "cached_pages", {})


def page(client, **headers) -> str:
    return client.get("/imagine/", **headers).content.decode()


def token(html: str) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)[1]


@pytest.mark.django_db(transaction=True)
def test_cached_page_is_shared_but_each_visitor_gets_their_own_token(client):
    factories.event()
    first, second = page(client), page(client)
    assert len(page_cache.cached_pages) == 1
    assert token(first) != token(second)
    assert token(first) not in str(page_cache.cached_pages)
    assert first.replace(token(first), "") == second.replace(token(second), "")
    assert page_cache.PLACE not in first


def test_token_placeholder_cannot_be_injected(client):
    """A partner's website URL could once send visitors' tokens to another site."""
    partner = factories.listed_partner(website=f"https://evil.example.org/?t={chr(0xE000)}token{chr(0xE001)}")
    for _twice in range(2):
        page = client.get(partner.get_absolute_url()).content.decode()
        [link] = re.findall(r'href="(https://evil[^"]*)"', page)
        assert client.cookies["csrftoken"].value[:20] not in link
        assert not re.search(r"[A-Za-z0-9]{32}", link)
    assert page_cache.PLACE not in page


def test_page_is_rendered_again_when_seats_or_the_event_change(client):
    event = factories.event(capacity=50)
    assert "0 of 50 seats are taken" in page(client)
    factories.rsvp(event, size=3)
    assert "3 of 50 seats are taken" in page(client)
    Event.objects.update(venue="Town Hall")
    assert "Town Hall" in page(client)
    factories.cancel_event(event)
    assert "Town Hall" in page(client)
    assert len(page_cache.cached_pages) == 4


def test_page_changes_when_rsvp_closes(client, monkeypatch):
    event = factories.event()
    assert "Save my seats" in page(client)
    monkeypatch.setattr(timezone, "now", lambda: event.rsvp_closes_at)
    assert "Save my seats" not in page(client)


def test_each_language_has_its_own_cached_page(client):
    factories.event()
    assert '<html lang="en"' in page(client)
    assert '<html lang="es"' in page(client, headers={"accept-language": "es"})


def test_page_with_a_message_is_not_cached(client, rf):
    factories.event()
    page(client)
    response = page_cache.HttpResponse()
    storage = CookieStorage(rf.get("/"))
    storage._store([Message(20, "Told to you alone")], response)
    client.cookies.update(response.cookies)
    assert "Told to you alone" in page(client)
    assert "Told to you alone" not in str(page_cache.cached_pages)
    assert "Told to you alone" not in page(client)


def test_page_evicted_by_another_thread_is_still_shown(client, monkeypatch):
    class BrokenDict(dict):
        def __setitem__(self, key, page):
            pass

        def __contains__(self, key):
            return True

    monkeypatch.setattr(page_cache, "cached_pages", BrokenDict())
    factories.event()
    assert "Save my seats" in page(client)


def test_cached_page_sets_the_csrf_cookie_for_a_new_visitor():
    event = factories.event()
    page(Client())
    visitor = Client(enforce_csrf_checks=True)
    response = visitor.get("/imagine/")
    assert {"Cookie", "Accept-Language"} <= set(response["Vary"].split(", "))
    fields = web_client.rsvp_form(csrfmiddlewaretoken=token(response.content.decode()))
    assert visitor.post(event.get_absolute_url(), fields).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_refused_post_uses_the_cached_page_with_its_own_status(client):
    event = factories.event(rsvp_closes_at=timezone.now())
    posted = client.post(event.get_absolute_url(), web_client.rsvp_form())
    shown, head = client.get(event.get_absolute_url()), client.head(event.get_absolute_url())
    assert [each.status_code for each in (posted, shown, head)] == [409, 200, 200]
    assert len(page_cache.cached_pages) == 1
    assert "RSVPs are closed" in shown.content.decode()


def test_cache_size_is_bounded(client, monkeypatch):
    monkeypatch.setattr(page_cache, "MAX_PAGES", 2)
    event = factories.event(capacity=50)
    for size in range(1, 5):
        factories.rsvp(event, f"Guest {size}", size=size)
        page(client)
        assert len(page_cache.cached_pages) <= 2
