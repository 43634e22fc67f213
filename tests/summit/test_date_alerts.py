"""Tell me when the date is set: asking, confirming by the emailed link, being told once, leaving the list."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from imagine.mail import queue
from imagine.mail.models import Message
from imagine.privacy import erasing
from imagine.privacy.people import Person
from summit import date_alerts
from summit.models import DateAlert
from tests import factories, web_client

pytestmark = pytest.mark.django_db

EMAIL = "alma@example.org"


def ask(client=None, email: str = EMAIL, **headers):
    return (client or Client()).post("/imagine/date/", {"email": email}, headers=headers)


def answer() -> None:
    for alert in DateAlert.objects.unanswered():
        date_alerts.email_alert_link(alert.pk)


def asked(email: str = EMAIL) -> DateAlert:
    ask(email=email)
    answer()
    return DateAlert.objects.with_email(email).get()


def confirmed(email: str = EMAIL) -> DateAlert:
    alert = asked(email)
    Client().post(alert.get_absolute_url())
    alert.refresh_from_db()
    return alert


def told() -> list[str]:
    return list(Message.objects.filter(kind="date_set").order_by("recipient").values_list("recipient", flat=True))


def test_landing_without_a_coming_summit_has_the_form(client):
    page = client.get("/imagine/")
    assert web_client.form_fields(page).keys() == {"csrfmiddlewaretoken", "next", "email"}
    assert "Tell me when the date is set We’ll email you once" in web_client.page_text(page)
    factories.event()
    assert "Tell me when the date is set" not in web_client.page_text(client.get("/imagine/"))


def test_asking_answers_the_same_for_known_and_unknown_addresses(client, django_assert_num_queries):
    confirmed()
    with django_assert_num_queries(5):  # the rate limit, whether there is a date, the request, a savepoint around it
        known = ask(client)
    with django_assert_num_queries(5):
        unknown = ask(client, "new@example.org")
    assert (known.status_code, known["Location"], known.content) == (302, "/imagine/date/sent/", b"")
    assert (unknown.status_code, unknown["Location"], unknown.content) == (302, "/imagine/date/sent/", b"")
    assert "We’re sending you a link." in web_client.page_text(client.get("/imagine/date/sent/"))


def test_asking_emails_one_link_in_the_readers_language():
    ask(email="Alma@Example.org", accept_language="es")
    answer()
    ask(email=EMAIL, accept_language="es")  # minutes later
    answer()
    message = Message.objects.get()
    alert = DateAlert.objects.get()
    assert (message.kind, message.recipient, message.language) == ("date_alert_link", EMAIL, "es")
    assert f"/imagine/date/{alert.token}/" in message.body_text
    assert alert.verified_at is None


@pytest.mark.parametrize("email", ["", "alma", "alma@example"])
def test_incomplete_address_is_an_error(email):
    response = ask(email=email)
    assert response.status_code == 422
    assert web_client.page_title(response).startswith("Error:")
    assert DateAlert.objects.count() == 0


def test_asking_while_a_summit_is_announced_leads_to_it():
    factories.event()
    assert ask()["Location"] == "/imagine/"
    assert DateAlert.objects.count() == 0


def test_opening_the_link_changes_nothing_and_the_button_confirms(client):
    alert = asked()
    assert "If you say yes, we’ll email alma@example.org once" in web_client.page_text(
        client.get(alert.get_absolute_url())
    )
    assert DateAlert.objects.get().verified_at is None
    for _again in range(2):
        response = client.post(alert.get_absolute_url(), follow=True)
        assert "You’re on the list" in web_client.page_text(response)
    assert DateAlert.objects.get().is_waiting


def test_confirmed_addresses_are_told_once_when_a_summit_is_published():
    alert = confirmed()
    asked("unconfirmed@example.org")
    event = factories.event(is_published=False)
    assert date_alerts.announce_date() == 0
    event.is_published = True
    event.save()
    assert (date_alerts.announce_date(), date_alerts.announce_date()) == (1, 0)
    assert told() == [EMAIL]
    message = Message.objects.get(kind="date_set")
    stop = f"http://127.0.0.1:8000/imagine/date/{alert.token}/stop/"
    assert (message.unsubscribe_url, message.queue) == (stop, "bulk")
    assert f"http://127.0.0.1:8000{event.get_absolute_url()}" in message.body_text
    assert "We emailed you the date" in web_client.page_text(Client().get(alert.get_absolute_url()))


@pytest.mark.parametrize(
    "fields",
    [{"kind": "kickoff"}, {"invitation_only": True}, {"canceled_at": timezone.now()}],
    ids=["kickoff", "invited", "canceled"],
)
def test_only_a_summit_open_to_the_public_is_announced(fields):
    confirmed()
    factories.event(**fields)
    assert (date_alerts.announce_date(), told()) == (0, [])


def test_asking_again_after_being_told_has_to_be_confirmed_again():
    confirmed()
    event = factories.event()
    date_alerts.announce_date()
    factories.end_event(event)
    DateAlert.objects.update(answered_at=timezone.now() - timedelta(days=2))
    asked()
    factories.event()
    assert date_alerts.announce_date() == 0
    Client().post(DateAlert.objects.get().get_absolute_url())
    assert (date_alerts.announce_date(), told()) == (1, [EMAIL, EMAIL])


def test_leaving_the_list_deletes_the_address_and_waiting_email(client):
    alert = confirmed()
    factories.event()
    date_alerts.announce_date()
    assert client.get(f"{alert.get_absolute_url()}stop/")["Location"] == alert.get_absolute_url()
    response = client.post(f"{alert.get_absolute_url()}stop/", follow=True)
    assert "You’re off the list." in web_client.page_text(response)
    assert (DateAlert.objects.count(), told()) == (0, [])
    assert client.post(f"{alert.get_absolute_url()}stop/").status_code == 404


def test_email_program_unsubscribes_with_one_post():
    alert = confirmed()
    browser = Client(enforce_csrf_checks=True)
    response = browser.post(f"{alert.get_absolute_url()}stop/", {"List-Unsubscribe": "One-Click"})
    assert (response.status_code, response.content, DateAlert.objects.count()) == (200, b"Unsubscribed.", 0)


def test_link_is_emailed_at_most_five_times_a_day():
    for _time in range(7):
        asked()
        DateAlert.objects.update(answered_at=timezone.now() - timedelta(hours=1))
    assert Message.objects.count() == 5


def test_addresses_are_deleted_on_schedule_except_those_on_hold():
    asked("unconfirmed@example.org")
    confirmed("told@example.org")
    confirmed("old@example.org")
    confirmed("held@example.org")
    confirmed("waiting@example.org")
    now = timezone.now()
    DateAlert.objects.exclude(email="waiting@example.org").update(asked_at=now - timedelta(days=8))
    DateAlert.objects.filter(email="told@example.org").update(told_at=now - timedelta(days=31))
    DateAlert.objects.filter(email__in=["old@example.org", "held@example.org"]).update(
        asked_at=now - timedelta(days=731)
    )
    assert date_alerts.delete_old_alerts(["held@example.org"]) == 3
    assert set(DateAlert.objects.values_list("email", flat=True)) == {"held@example.org", "waiting@example.org"}


def test_erasing_a_person_deletes_the_request():
    confirmed()
    erasing.erase_data(Person(EMAIL))
    assert (DateAlert.objects.count(), Message.objects.count()) == (0, 0)


def test_staff_can_resend_both_emails():
    alert = confirmed()
    factories.event()
    date_alerts.announce_date()
    Message.objects.update(state="failed")
    for message in Message.objects.all():
        assert queue.resend(message)
    assert set(Message.objects.values_list("kind", "state")) == {
        ("date_alert_link", "queued"),
        ("date_set", "queued"),
    }
    assert alert.token in Message.objects.get(kind="date_alert_link").body_text
