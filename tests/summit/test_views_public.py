"""The landing page in each state, the event's page and calendar file, and recovering a lost link."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.mail.models import Message
from partners.models import PledgeRequest
from summit import rsvp_links, seats
from summit.models import Event, LinkRequest
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

NOW = timezone.now()
HOUR = timedelta(hours=1)
PAST = {"starts_at": NOW - 3 * HOUR, "ends_at": NOW - HOUR, "rsvp_opens_at": NOW - 99 * HOUR}


def landing(client) -> str:
    response = client.get("/imagine/")
    assert response.status_code == 200
    return web_client.page_text(response)


# Landing ----------------------------------------------------------------------------------------------------------


def test_landing_open_shows_seats_left_and_the_form(client):
    event = factories.event(capacity=50, reserved_seats=10)
    factories.rsvp(event, size=3)
    page = landing(client)
    assert "37 left of 40. Space is limited." in page
    assert "3 of 40 seats are taken" in client.get("/imagine/").content.decode()
    assert "Save my seats" in page
    assert "seats-few" not in client.get("/imagine/").content.decode()


def test_landing_highlights_few_seats_left(client):
    event = factories.event(capacity=20)
    for number in range(3):
        factories.rsvp(event, f"Guest {number}", size=6)
    assert "2 left of 20." in landing(client)
    assert "seats-few" in client.get("/imagine/").content.decode()


def test_landing_full_shows_how_many_wait_and_offers_the_waitlist(client):
    event = factories.event(capacity=1)
    factories.rsvp(event)
    factories.rsvp(event, "Waits", size=3)
    page = landing(client)
    assert "All taken 3 people are on the waitlist." in page
    assert "Every seat is taken right now." in page
    assert page.count("Join the waitlist") == 3  # in the hero, over the form and on its button


def test_page_of_a_past_summit_links_to_the_coming_one(client):
    past, upcoming = factories.event(**PAST), factories.event()
    page = client.get(past.get_absolute_url()).content.decode()
    assert "the next summit is already on the calendar." in page
    assert f'href="{upcoming.get_absolute_url()}"' in page
    factories.mark_event_canceled(upcoming)
    assert upcoming.get_absolute_url() not in client.get(past.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rsvp_opens_at": NOW + HOUR}, "RSVPs aren’t open yet"),
        ({"rsvp_closes_at": NOW - HOUR}, "RSVPs are closed"),
        (PAST, "Thank you for coming."),
        ({"canceled_at": NOW}, "This event is canceled"),
        ({"is_published": False}, "The next summit doesn’t have a date yet"),
        ({"kind": "gathering"}, "The next summit doesn’t have a date yet"),
    ],
    ids=["soon", "closed", "past", "cancelled", "hidden", "other kind"],
)
def test_landing_without_open_rsvps_says_so_and_shows_no_form(client, fields, expected):
    factories.event(**fields)
    page = landing(client)
    assert expected in page
    assert "Save my seats" not in page
    assert "Join the waitlist" not in page
    assert 'name="size"' not in client.get("/imagine/").content.decode()


def test_landing_without_any_event(client):
    assert "The next summit doesn’t have a date yet" in landing(client)


def test_landing_shows_a_canceled_summit_only_if_there_is_no_other(client):
    factories.event(**PAST, title="Past")
    factories.event(starts_at=NOW + 48 * HOUR, title="Called off", canceled_at=NOW)
    assert "Called off" in landing(client)
    factories.event(starts_at=NOW + 72 * HOUR, title="Next")
    factories.event(starts_at=NOW + 96 * HOUR, title="After next")
    assert "Next" in landing(client)


def test_next_summit_query_reads_rsvps_once():
    """RSVPs are read once, however many past summits there are."""
    for event in (factories.event(), factories.event(), factories.event(title="Past")):
        factories.rsvp(event)
    factories.end_event(event)
    with CaptureQueriesContext(connection) as queries:
        Event.objects.next_of(Event.Kind.SUMMIT)
    with connection.cursor() as cursor:
        plan = []
        for query in queries:
            cursor.execute(f"EXPLAIN ANALYZE {query['sql']}")
            plan += [line for [line] in cursor.fetchall()]
    [reads] = [line for line in plan if re.search(r" on summit_rsvp\b", line)]  # excluding its indexes
    assert "loops=1)" in reads


def test_unpublished_and_missing_events_are_not_found(client):
    hidden = factories.event(is_published=False, title="A secret summit")
    for address in (hidden.get_absolute_url(), hidden.get_absolute_url() + "calendar.ics", "/imagine/events/none/"):
        response = client.get(address)
        assert response.status_code == 404
        assert "secret" not in response.content.decode()
        assert client.post(address, web_client.rsvp_form()).status_code in {404, 405}
    assert snapshots.emails() == []


def test_event_calendar_file_names_no_guest(client):
    event = factories.event()
    factories.rsvp(event)
    response = client.get(event.get_absolute_url() + "calendar.ics")
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="{event.slug}.ics"'
    html = response.content.decode()
    assert "METHOD:PUBLISH" in html
    assert "alma" not in html.lower()


def test_root_redirects_to_the_landing_page(client):
    assert client.get("/")["Location"] == "/imagine/"


# Lost your link? --------------------------------------------------------------------------------------------------


def find_rsvp(client, email: str):
    return client.post("/imagine/rsvp/find/", {"email": email})


def answer_requests() -> None:
    for pk in LinkRequest.objects.values_list("pk", flat=True):
        rsvp_links.email_requested_links(pk)


def test_find_rsvp_answers_the_same_for_known_and_unknown_addresses(client, django_assert_num_queries):
    factories.rsvp(factories.event(), email="alma@example.org")
    with django_assert_num_queries(4):  # the rate limit, the request, and a savepoint around it
        known_response = find_rsvp(client, "alma@example.org")
    with django_assert_num_queries(4):
        unknown = find_rsvp(client, "nobody@example.org")
    assert known_response["Location"] == unknown["Location"] == "/imagine/rsvp/found/"
    assert (known_response.status_code, known_response.content) == (unknown.status_code, unknown.content) == (302, b"")
    assert (
        "If you have an RSVP for an upcoming event, or promises, your links are on their way."
        in web_client.page_text(client.get("/imagine/rsvp/found/"))
    )


def test_find_rsvp_emails_the_link_to_the_stored_address_once(client):
    rsvp = factories.rsvp(factories.event(), email="Alma@example.org")
    for typed_email in ("aLMA@example.org", "alma@EXAMPLE.ORG"):
        find_rsvp(client, typed_email)
    answer_requests()
    message = Message.objects.get(kind="rsvp_link")
    assert message.recipient == "Alma@example.org"
    assert f"http://127.0.0.1:8000/imagine/rsvp/{rsvp.token}/" in message.body_text
    assert LinkRequest.objects.count() == 0


def test_find_rsvp_with_an_unknown_address_emails_no_one(client):
    factories.rsvp(factories.event())
    find_rsvp(client, "nobody@example.org")
    answer_requests()
    assert snapshots.emails() == ["confirmed 1 REQUEST"]
    assert LinkRequest.objects.count() == 0


def test_find_rsvp_emails_links_of_coming_events_only(client):
    upcoming, another = factories.event(), factories.event()
    for event in (upcoming, another):
        factories.rsvp(event)
    seats.cancel(factories.rsvp(factories.event(), "Other", email="alma.reyes@example.org"))
    for fields in ({"is_published": False}, {"canceled_at": timezone.now()}, PAST):
        event = factories.event()
        factories.rsvp(event)
        type(event).objects.filter(pk=event.pk).update(**fields | {"rsvp_closes_at": fields.get("starts_at", NOW)})
    find_rsvp(client, "alma.reyes@example.org")
    answer_requests()
    assert Message.objects.filter(kind="rsvp_link").count() == 3


def test_find_rsvp_request_answered_twice_emails_once(client):
    factories.rsvp(factories.event())
    find_rsvp(client, "alma.reyes@example.org")
    pk = LinkRequest.objects.get().pk
    rsvp_links.email_requested_links(pk)
    rsvp_links.email_requested_links(pk)
    assert len([letter for letter in snapshots.emails() if letter.startswith("link")]) == 1


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("", "Enter the email you used, like name@example.org."),
        ("alma", "Enter an email address with one @ sign"),
        ("alma@example", "Enter an email address with a dot after the @ sign"),
        ("alma@-", "Enter an email address with a dot after the @ sign"),
        ("@example.org", "Enter a complete email address"),
    ],
)
def test_find_rsvp_with_an_incomplete_address_says_what_is_missing(client, email, expected):
    response = find_rsvp(client, email)
    assert response.status_code == 422
    assert expected in web_client.page_text(response)
    assert LinkRequest.objects.count() == 0


def kinds_to(email: str) -> list[str]:
    return list(Message.objects.filter(recipient=email, kind__contains="link").values_list("kind", flat=True))


def test_find_rsvp_emails_the_link_of_a_pledge_to_its_contact_only(client):
    pledge = factories.signed_pledge(email="alma@example.org")
    factories.contact(pledge.organization, "ben@example.org", may_open_pledge=False)
    Message.objects.all().delete()
    for email in ("ALMA@example.org", "ben@example.org"):
        find_rsvp(client, email)
    answer_requests()
    assert (kinds_to("alma@example.org"), kinds_to("ben@example.org")) == (["pledge_link"], [])
    assert pledge.token in Message.objects.get().body_text
    find_rsvp(client, "alma@example.org")
    answer_requests()
    assert kinds_to("alma@example.org") == ["pledge_link"]  # at most once in ten minutes


def test_find_rsvp_emails_the_link_of_a_pledge_that_was_only_started(client):
    factories.pledge_request(email="alma@example.org", organization="Bakery")
    Message.objects.all().delete()
    PledgeRequest.objects.update(answered_at=timezone.now() - HOUR)
    find_rsvp(client, "alma@example.org")
    answer_requests()
    assert list(Message.objects.values_list("kind", "recipient")) == [("pledge_request", "alma@example.org")]
