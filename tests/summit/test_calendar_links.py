"""Links that add an event to a calendar on the web."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from imagine.core import links
from imagine.mail.models import Message
from summit.calendar import web_links
from tests import factories, web_client

pytestmark = pytest.mark.django_db

GOOGLE, OUTLOOK = "https://calendar.google.com/calendar/render?", "https://outlook.live.com/calendar/0/action/compose?"


def values(link: str) -> dict[str, str]:
    return {name: each for name, (each,) in parse_qs(urlsplit(link).query).items()}


def test_links_hold_title_times_and_place():
    event = factories.event(
        title="Summit & more",
        starts_at=datetime(2030, 4, 4, 15, 0, tzinfo=UTC),
        venue="Hall",
        address="3601 Pacific Ave",
    )
    google, outlook = web_links.google_calendar_link(event), web_links.outlook_calendar_link(event)
    assert google.startswith(GOOGLE)
    assert values(google) == {
        "action": "TEMPLATE",
        "text": "Summit & more",
        "dates": f"20300404T150000Z/{event.ends_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        "location": "Hall, 3601 Pacific Ave",
    }
    assert outlook.startswith(OUTLOOK)
    assert values(outlook) == {
        "rru": "addevent",
        "subject": "Summit & more",
        "startdt": "2030-04-04T15:00:00Z",
        "enddt": f"{event.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "location": "Hall, 3601 Pacific Ave",
    }


def test_pages_and_email_have_the_links_without_anything_about_the_guest(client):
    rsvp = factories.rsvp(factories.event(), email="alma@example.org")
    links.verify(rsvp)
    message = Message.objects.get()
    pages = [client.get(rsvp.event.get_absolute_url()), client.get(rsvp.get_absolute_url())]
    for html in (*(page.content.decode() for page in pages), message.body_html):
        for host in (GOOGLE, OUTLOOK):
            link = html.partition(f'href="{host}')[2].partition('"')[0]
            assert link != ""
            assert [secret for secret in (rsvp.token, rsvp.code, "Alma", "alma%40") if secret in link] == []
    assert f"Google: {web_links.google_calendar_link(rsvp.event)}" in message.body_text
    assert "That copy doesn’t change if the event does." in message.body_text
    assert "These copies don’t change if the event does." in web_client.page_text(pages[1])


def test_waitlisted_party_gets_no_links(client):
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    waiting = factories.rsvp(event, "Alma Reyes")
    assert GOOGLE not in client.get(waiting.get_absolute_url()).content.decode()
    assert GOOGLE not in Message.objects.latest("created_at").body_html
