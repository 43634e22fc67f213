"""An event for invited partners only: its page describes it but accepts no RSVPs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from summit import rsvp_links, seats
from summit.models import Event, LinkRequest
from summit.school_year import next_spring
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

IGNORED_TABLES = ("core.RateLimitCount",)
NOW = timezone.now()


def invitation_only_event(**fields) -> Event:
    return factories.event(**{"invitation_only": True, "kind": "kickoff", "title": "Partner kick-off", **fields})


def test_page_shows_the_event_without_form_or_capacity_and_is_noindex(client):
    event = invitation_only_event(capacity=7771)
    response = client.get(event.get_absolute_url())
    page = web_client.page_text(response)
    assert "For invited partners." in page
    assert "Partner kick-off" in page
    assert "University of the Pacific" in page
    assert "Your invitation email has a personal link." in page
    assert "7771" not in page
    assert 'name="email"' not in response.content.decode()
    assert 'content="noindex"' in response.content.decode()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"rsvp_opens_at": NOW + timedelta(days=2)}, "RSVPs open on "),
        ({"rsvp_closes_at": NOW - timedelta(days=1)}, "RSVPs are closed."),
        ({"canceled_at": NOW}, "This event is canceled"),
    ],
    ids=["soon", "closed", "cancelled"],
)
def test_page_says_if_rsvp_is_upcoming_or_closed_or_the_event_is_canceled(client, fields, text):
    assert text in web_client.page_text(client.get(invitation_only_event(**fields).get_absolute_url()))


def test_cached_page_is_not_served_after_rsvp_closes(client):
    event = invitation_only_event()
    assert "RSVPs are closed." not in web_client.page_text(client.get(event.get_absolute_url()))
    factories.close_rsvp(event)
    assert "RSVPs are closed." in web_client.page_text(client.get(event.get_absolute_url()))


def test_rsvp_on_the_public_page_is_refused_and_changes_nothing(client):
    event = invitation_only_event()
    factories.rsvp(event, source="invited")
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for email in ("new@example.org", "alma.reyes@example.org"):
        response = client.post(event.get_absolute_url(), web_client.rsvp_form(email=email))
        assert response.status_code == 409
        assert "How to RSVP" in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_start_page_never_shows_an_invitation_only_event(client):
    invitation_only_event(kind="summit", title="A closed summit", starts_at=NOW + timedelta(days=3))
    assert "closed summit" not in web_client.page_text(client.get("/imagine/"))
    factories.event(title="The open summit")
    assert "The open summit" in web_client.page_text(client.get("/imagine/"))


def test_past_event_page_does_not_link_to_an_invitation_only_event(client):
    past, secret = factories.event(), invitation_only_event(kind="summit")
    factories.end_event(past)
    assert secret.get_absolute_url() not in client.get(past.get_absolute_url()).content.decode()


def test_rsvp_link_works_and_a_lost_link_is_emailed(client):
    event = invitation_only_event()
    rsvp = factories.rsvp(event, email="alma@example.org", source="invited")
    client.post(f"{rsvp.get_absolute_url()}party/", {"grow": "2"})
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    client.post("/imagine/rsvp/find/", {"email": "alma@example.org"})
    rsvp_links.email_requested_links(LinkRequest.objects.get().pk)
    assert rsvp.messages.filter(kind="rsvp_link").count() == 1


def test_copy_for_next_spring_stays_invitation_only():
    assert next_spring(invitation_only_event())["invitation_only"] is True


def test_staff_can_reserve_seats_at_an_invitation_only_event():
    event = invitation_only_event()
    seats.reserve(factories.unsaved_rsvp(event), size=2, by_staff=True)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
