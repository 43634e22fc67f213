"""The public calendar: its page, and the feed for calendar programs."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from summit import school_year
from summit.models import Event
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

PAGE, FEED = "/imagine/events/", "/imagine/events/calendar.ics"
DAY = timedelta(days=1)


def parse(response) -> Calendar:
    assert response.status_code == 200
    return Calendar.from_ical(response.content)


def entries(**query) -> dict[str, object]:
    """Return the feed's entries by title."""
    return {str(entry["SUMMARY"]): entry for entry in parse(Client().get(FEED, query)).events}


def change(event: Event, **fields) -> None:
    event = Event.objects.get(pk=event.pk)
    for name, value in fields.items():
        setattr(event, name, value)
    factories.save_event(event)


def past_event(days: int, **fields) -> Event:
    """Create an event that took place some days ago."""
    start = timezone.now() - days * DAY
    return factories.event(starts_at=start, rsvp_opens_at=start - 60 * DAY, **fields)


def hidden() -> None:
    """Events that no one may see."""
    factories.event(title="Draft", is_published=False)
    factories.event(title="Secret", invitation_only=True)
    past_event(20, title="Secret past", invitation_only=True)


# The page -------------------------------------------------------------------------------------------------------


def test_events_page_lists_upcoming_by_date_and_past_of_this_school_year(client):
    hidden()
    factories.event(title="Winter gathering", starts_at=timezone.now() + 60 * DAY)
    factories.event(title="Kick-off")
    past_event(30, title="Last month", school_year=school_year.current_school_year())
    past_event(800, title="Long ago", school_year=school_year.current_school_year() - 2)
    page = web_client.page_text(client.get(PAGE))
    order = [page.index(title) for title in ("Kick-off", "Winter gathering", "Last month")]
    assert order == sorted(order)
    for title in ("Draft", "Secret", "Long ago"):
        assert title not in page


def test_events_page_shows_rsvp_status_of_each_event(client):
    now = timezone.now()
    factories.event(title="Open", capacity=7)
    factories.rsvp(factories.event(title="Full", capacity=1))
    factories.event(title="Soon", rsvp_opens_at=datetime(now.year + 1, 3, 5, 20, tzinfo=UTC), starts_at=now + 500 * DAY)
    factories.event(title="Closed", rsvp_closes_at=now - DAY)
    factories.mark_event_canceled(factories.event(title="Off"))
    page = web_client.page_text(client.get(PAGE))
    for expected in (
        "7 seats left.",
        "Every seat is taken, but you can join the waitlist.",
        "RSVPs open on March 5.",
        "RSVPs are closed.",
        "This event is canceled.",
    ):
        assert page.count(expected) == 1, expected


def test_events_page_without_events_says_so(client):
    assert "No events are scheduled yet." in web_client.page_text(client.get(PAGE))


def test_events_page_links_to_feed_and_home_page_links_to_events_page(client, settings):
    settings.SITE_URL = "https://imagine.example.org"
    page = client.get(PAGE).content.decode()
    assert f'href="webcal://imagine.example.org{FEED}?language=en"' in page
    assert f'href="https://imagine.example.org{FEED}?language=en"' in page
    assert f'href="{PAGE}"' in client.get("/imagine/").content.decode()


@pytest.mark.slow
def test_events_page_query_count_is_constant(client, django_assert_num_queries):
    for number in range(30):
        factories.event(title=f"Gathering {number}")
        past_event(number + 1, title=f"Past {number}", school_year=2090)
        if number in {0, 29}:
            with django_assert_num_queries(2):
                client.get(PAGE)


@pytest.mark.parametrize(("today", "started"), [(date(2027, 6, 30), 2026), (date(2027, 7, 1), 2027)])
def test_school_year_begins_in_july(monkeypatch, today, started):
    monkeypatch.setattr("summit.school_year.localdate", lambda: today)
    assert school_year.current_school_year() == started


# The feed -------------------------------------------------------------------------------------------------------


def test_feed_is_a_subscribable_calendar(client):
    factories.event()
    response = client.get(FEED)
    calendar = parse(response)
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    assert calendar["X-WR-CALNAME"] == calendar["NAME"] == "Imagine Promise events"
    lines = response.content.decode().split("\r\n")
    assert {"REFRESH-INTERVAL;VALUE=DURATION:PT6H", "X-PUBLISHED-TTL:PT6H"} <= set(lines)
    assert all(len(line.encode()) <= 75 for line in lines)


def test_feed_has_public_events_without_guest_data():
    hidden()
    upcoming, past = factories.event(title="Coming"), past_event(30, title="Past")
    past_event(500, title="Long ago")
    rsvp = factories.rsvp(upcoming)
    assert list(entries()) == ["Past", "Coming"]
    text = Client().get(FEED).content.decode().replace("\r\n ", "")
    for private in (rsvp.name, rsvp.email, rsvp.token, "ATTENDEE"):
        assert private not in text
    entry = entries()["Coming"]
    assert entry["UID"] == f"event-{upcoming.pk}@127.0.0.1"
    assert (entry.start, entry.end) == (upcoming.starts_at, upcoming.ends_at)
    assert entry["URL"] == f"http://127.0.0.1:8000{upcoming.get_absolute_url()}"
    assert (entry["STATUS"], entry["SEQUENCE"]) == ("CONFIRMED", 0)
    assert past.get_absolute_url() in text


def test_feed_and_event_file_share_uid_and_times(client):
    event = factories.event()
    [own] = parse(client.get(event.get_absolute_url() + "calendar.ics")).events
    [feed_entry] = entries().values()
    assert own["UID"] == feed_entry["UID"]
    assert (own.start, own.end) == (feed_entry.start, feed_entry.end)


def test_feed_follows_an_event_through_change_and_cancellation():
    event = factories.event(title="Kick-off")
    first = entries()["Kick-off"]
    change(event, venue="Weber Point")
    moved_entry = entries()["Kick-off"]
    factories.cancel_event(event)
    canceled_entry = entries()["Kick-off"]
    assert first["UID"] == moved_entry["UID"] == canceled_entry["UID"]
    assert [entry["SEQUENCE"] for entry in (first, moved_entry, canceled_entry)] == [0, 1, 2]
    assert first["DTSTAMP"].dt <= moved_entry["DTSTAMP"].dt <= canceled_entry["DTSTAMP"].dt
    assert moved_entry["LOCATION"].startswith("Weber Point")
    assert (moved_entry["STATUS"], canceled_entry["STATUS"], canceled_entry["TRANSP"]) == (
        "CONFIRMED",
        "CANCELLED",
        "TRANSPARENT",
    )


def test_feed_uses_language_of_query_parameter_or_browser():
    factories.event(title="Kick-off", title_es="Arranque")
    assert list(entries(language="es")) == ["Arranque"]
    assert list(entries(language="xx")) == ["Kick-off"]
    spanish = Client().get(FEED, headers={"accept-language": "es"})
    assert b"SUMMARY:Arranque" in spanish.content


def test_feed_returns_304_until_an_event_changes(client):
    event = factories.event()
    first = client.get(FEED)
    cached = client.get(FEED, headers={"if-none-match": first["ETag"]})
    assert (cached.status_code, cached.content) == (304, b"")
    assert client.get(FEED, headers={"if-modified-since": first["Last-Modified"]}).status_code == 304
    assert client.get(FEED).content == first.content
    change(event, title="Another title")
    assert client.get(FEED, headers={"if-none-match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize("fields", [{"is_published": False}, {"invitation_only": True}, {"title": "Another"}])
def test_if_modified_since_alone_detects_every_change(client, fields):
    event = factories.event()
    Event.objects.update(created_at=timezone.now() - DAY)
    first = client.get(FEED)
    change(event, **fields)
    assert client.get(FEED, headers={"if-modified-since": first["Last-Modified"]}).status_code == 200


def test_feed_without_any_event_is_an_empty_calendar(client):
    assert parse(client.get(FEED)).events == []


@pytest.mark.slow
def test_feed_query_count_is_constant(client, django_assert_num_queries):
    for number in range(30):
        change(factories.event(), title=f"Gathering {number}")
        if number in {0, 29}:
            with django_assert_num_queries(2):
                client.get(FEED)


@pytest.mark.parametrize("path", [PAGE, FEED])
def test_calendar_is_read_only(client, path):
    factories.event()
    before = snapshots.tables()
    assert client.head(path).status_code == 200
    for method in ("post", "put", "delete"):
        assert getattr(client, method)(path).status_code == 405
    assert snapshots.tables() == before


def test_feed_varies_by_language_unless_query_parameter_sets_it(client):
    public = "public, max-age=900"
    without, with_language = client.get(FEED), client.get(f"{FEED}?language=es")
    assert (without["Cache-Control"], with_language["Cache-Control"]) == (public, public)
    assert {"Cookie", "Accept-Language"} <= set(without["Vary"].split(", "))
    assert "Cookie" not in with_language.get("Vary", "")
