"""The admin's start page: upcoming events, and whether email is being sent."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from imagine.mail.models import Mailing, Message, SendRate
from summit.invitations import writing
from summit.models import Event
from tests import factories, web_client

pytestmark = pytest.mark.django_db

START = "/imagine/admin/"


def message(number: int, state: str, age: timedelta) -> None:
    moment = timezone.now() - age
    Message.objects.create(
        idempotency_key=f"test:{number}", recipient="a@example.org", state=state, created_at=moment, send_after=moment
    )


def test_coming_events_are_listed_first_with_seats_and_links(staff):
    event = factories.event(title="Kick-off", capacity=3, reserved_seats=1)
    factories.rsvp(event, "Seated", size=2)
    factories.rsvp(event, "Waits", size=4)
    past, hidden = factories.event(title="Long ago"), factories.event(title="Never", is_published=False)
    factories.end_event(past)
    factories.mark_event_canceled(hidden)
    response = staff.get(START)
    page, text = response.content.decode(), web_client.page_text(response)
    assert "Upcoming events Kick-off" in text
    assert "confirmed seats 2 available seats 0 waitlisted seats 4" in text
    assert "Never" in text
    assert "Canceled." in text
    assert "Long ago" not in text
    for address in (
        f"summit/event/{event.pk}/change/",
        f"summit/rsvp/?event__id__exact={event.pk}",
        f"summit/rsvp/add/?event={event.pk}",
    ):
        assert START + address in page
        assert staff.get(START + address).status_code == 200
    assert f"summit/rsvp/add/?event={hidden.pk}" not in page
    assert text.index("To do") < text.index("Upcoming events") < text.index("Email is going") < text.index("Setup")


def test_unpublished_and_over_capacity_events_are_labeled(staff):
    event = factories.event(capacity=2, is_published=True)
    factories.rsvp(event, size=2)
    event.capacity, event.is_published = 1, False
    event.save()
    text = web_client.page_text(staff.get(START))
    assert (
        "(in 30 days). Not published. confirmed seats 2 available seats 0 seats over capacity 1 waitlisted seats 0"
        in text
    )


def test_page_has_its_own_title(staff):
    page = staff.get(START).content.decode()
    assert "<h1>Where things stand</h1>" in page
    assert web_client.page_title(page) == "Where things stand | Imagine Promise"
    assert "Site administration" not in page


def test_page_says_when_no_event_is_coming(staff):
    assert "No upcoming events. Add event" in web_client.page_text(staff.get(START))


def test_page_says_when_no_email_is_waiting(staff):
    message(1, Message.State.QUEUED, timedelta(seconds=5))
    assert "Email is going out normally." in web_client.page_text(staff.get(START))


def test_waiting_messages_are_the_first_thing_on_the_page_with_a_link(staff):
    message(1, Message.State.QUEUED, timedelta(hours=2, minutes=1))
    response = staff.get(START)
    text = web_client.page_text(response)
    assert (
        "Email isn’t going out. The oldest unsent email has been waiting for 2\N{NO-BREAK SPACE}hours"
        in text.replace("2 hours", "2\N{NO-BREAK SPACE}hours")
    )
    assert text.index("Email isn’t going out.") < text.index("To do")
    assert "mail/message/?state__exact=queued" in response.content.decode()
    assert len(staff.get(f"{START}mail/message/?state__exact=queued").context["cl"].result_list) == 1


def test_overdue_invitations_are_shown(staff):
    message(1, Message.State.QUEUED, timedelta(hours=2, minutes=1))
    Message.objects.update(queue="bulk", send_after=timezone.now() - timedelta(hours=2, minutes=1))
    SendRate.objects.update_or_create(pk=1, defaults={"next_at": timezone.now()})
    assert "Email is going out normally." in web_client.page_text(staff.get(START))
    SendRate.objects.update(next_at=timezone.now() - timedelta(hours=1, minutes=1))
    text = web_client.page_text(staff.get(START)).replace("\N{NO-BREAK SPACE}", " ")
    assert "Invitations or reminders are due, but none have gone out for 1 hour, 1 minute." in text
    assert "Email is going out" not in text


def test_page_shows_only_what_the_user_has_permission_for(db):
    factories.rsvp(factories.event(title="Kick-off"))
    user = User.objects.create(username="clerk", is_staff=True)
    client = Client()
    client.force_login(user)
    text = web_client.page_text(client.get(START))
    assert "Kick-off" not in text
    assert "Email is" not in text
    user.user_permissions.set(Permission.objects.filter(codename="view_event"))
    page = client.get(START).content.decode()
    assert "Kick-off" in page
    assert "summit/rsvp/" not in page


def test_each_event_has_its_chart_with_last_years_numbers(staff):
    event = factories.event()
    before = factories.event(school_year=event.school_year - 1)
    factories.rsvp(event, size=3)
    factories.rsvp(before, size=5)
    factories.end_event(before)
    text = web_client.page_text(staff.get(START))
    assert "Confirmed seats today: 3 Capacity: 10 Last year" in text
    assert "Show the numbers : Imagine Promise Summit" in text


def test_only_the_next_five_events_are_shown(staff):
    for number in range(6):
        factories.event(title=f"Gathering {number}", starts_at=timezone.now() + timedelta(days=10 + number))
    text = web_client.page_text(staff.get(START))
    assert "Gathering 4" in text
    assert "Gathering 5" not in text
    assert "See all events" in text


def test_invite_link_is_shown_only_while_the_event_takes_rsvps(staff):
    event, closed = factories.event(), factories.event()
    factories.close_rsvp(closed)
    page = staff.get(START).content.decode()
    assert f'href="{START}summit/event/{event.pk}/invite/"' in page
    assert f"event/{closed.pk}/invite/" not in page


def test_mailings_are_listed_until_finished_or_stopped(staff):
    sending, stopped = mailing(factories.event()), mailing(factories.event())
    writing.stop_invitations(stopped)
    page = staff.get(START)
    assert f"Mailings in progress {sending.title} , " in web_client.page_text(page)
    assert f"imagine/mailing/{stopped.pk}/" not in page.content.decode()
    sending.messages.update(state=Message.State.SENT, sent_at=timezone.now())
    assert "Mailings in progress" not in web_client.page_text(staff.get(START))
    Message.objects.filter(pk=sending.messages.first().pk).update(state=Message.State.UNKNOWN, sent_at=None)
    assert "Mailings in progress" in web_client.page_text(staff.get(START))


def mailing(event: Event) -> Mailing:
    return factories.write_mailing(event, factories.person("Alma"), factories.person("Ben"))
