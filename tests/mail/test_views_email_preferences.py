"""Email preferences and unsubscribing, by form and by one click in a mail program."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.core.links import new_token
from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from partners.models import Contact, Pledge
from summit.models import Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

EMAIL = "alma@example.org"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
IGNORED_TABLES = ("core.RateLimitCount",)


def unsubscribe_path(preference: EmailPreference, topic: str = "invitations") -> str:
    return reverse("unsubscribe", args=[preference.token, topic])


def subscribed_topics(email: str = EMAIL) -> list[str]:
    preference = preferences.get_preference(email)
    return [topic for topic in preferences.TOPICS if preference.wants(topic)]


def save_preferences(client, preference: EmailPreference, **fields):
    return client.post(preference.get_absolute_url(), fields)


# The form -------------------------------------------------------------------------------------------------------


def test_preferences_page_shows_the_current_choices(client):
    preference = preferences.get_preference(EMAIL)
    page = client.get(preference.get_absolute_url())
    assert web_client.form_fields(page).keys() >= {"invitations", "reminders"}
    assert "news" not in web_client.form_fields(page)
    assert "Email preferences for alma@example.org" in web_client.page_text(page)
    assert "What you’ll always get" in web_client.page_text(page)


def test_preferences_are_saved_and_saving_again_changes_nothing(client):
    preference = preferences.get_preference(EMAIL)
    for _twice in range(2):
        response = save_preferences(client, preference, news="on", reminders="on")
        assert response["Location"] == preference.get_absolute_url()
        before = snapshots.tables(exclude=IGNORED_TABLES)
    assert subscribed_topics() == ["reminders", "news"]
    assert "Preferences saved." in web_client.page_text(client.get(preference.get_absolute_url()))
    save_preferences(client, preference, news="on", reminders="on")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_unsubscribe_all_overrides_the_selected_topics(client):
    preference = preferences.get_preference(EMAIL)
    for _twice in range(2):
        save_preferences(client, preference, invitations="on", reminders="on", unsubscribe_all="1")
    assert subscribed_topics() == []
    page = web_client.page_text(client.get(preference.get_absolute_url()))
    assert "You’re unsubscribed from invitations, reminders, and news." in page
    assert "Unsubscribe from all" not in page


def test_preferences_of_one_address_do_not_affect_others(client):
    preference, other = preferences.get_preference(EMAIL), preferences.get_preference("ben@example.org")
    save_preferences(client, preference, unsubscribe_all="1")
    assert subscribed_topics(other.email) == ["invitations", "reminders"]
    page = client.get(preference.get_absolute_url()).content.decode()
    assert other.email not in page
    assert other.token not in page


def test_page_says_when_the_address_is_suppressed(client):
    preference = preferences.get_preference(EMAIL)
    assert "isn’t getting through" not in web_client.page_text(client.get(preference.get_absolute_url()))
    preferences.suppress(EMAIL, "550 5.1.1 no such user here")
    page = web_client.page_text(client.get(preference.get_absolute_url()))
    assert "isn’t getting through" in page
    assert "no such user" not in page


# Language -------------------------------------------------------------------------------------------------------


def test_language_is_saved_for_contacts_pledges_and_upcoming_rsvps(client):
    pledge = factories.signed_pledge(email=EMAIL)
    second = factories.contact(factories.organization("Delta Growers"), "Alma@example.org")
    individual = Contact.objects.create(name="Alma", email=EMAIL)
    other_contact = factories.contact(factories.organization("Little Manila"), "ben@example.org")
    upcoming, past = (
        factories.rsvp(factories.event(), email="ALMA@example.org"),
        factories.rsvp(factories.event(), email=EMAIL),
    )
    factories.end_event(past.event)
    other_rsvp = factories.rsvp(upcoming.event, "Ben", email="ben@example.org")
    for _twice in range(2):
        save_preferences(client, preferences.get_preference(EMAIL), invitations="on", reminders="on", language="es")
    contact_languages = dict(Contact.objects.values_list("pk", "language"))
    assert {contact_languages[pk] for pk in (pledge.contact_id, second.pk, individual.pk)} == {"es"}
    assert contact_languages[other_contact.pk] == "en"
    assert Pledge.objects.get().language == "es"
    rsvp_languages = dict(Rsvp.objects.values_list("pk", "language"))
    assert rsvp_languages == {upcoming.pk: "es", past.pk: "en", other_rsvp.pk: "en"}
    assert snapshots.changes(pledge)[-1] == {"language": ["en", "es"]}
    assert subscribed_topics() == ["invitations", "reminders"]


def test_pledge_without_its_own_contact_gets_the_main_contacts_language(client):
    pledge = factories.signed_pledge(email=EMAIL)
    Pledge.objects.update(contact=None)
    save_preferences(client, preferences.get_preference(EMAIL), language="es")
    pledge.refresh_from_db()
    assert pledge.language == "es"


def test_language_is_asked_only_when_the_address_is_in_use(client):
    preference = preferences.get_preference(EMAIL)
    assert "Email language" not in web_client.page_text(client.get(preference.get_absolute_url()))
    factories.rsvp(factories.event(), email=EMAIL, language="es")
    page = client.get(preference.get_absolute_url())
    assert web_client.form_fields(page)["language"] == "es"
    factories.contact(factories.organization(), EMAIL, language="en")
    assert web_client.form_fields(client.get(preference.get_absolute_url()))["language"] == "en"


@pytest.mark.parametrize("language", [{}, {"language": "fr"}, {"language": "en\x00"}])
def test_unsupported_language_saves_nothing_and_keeps_the_selected_topics(client, language):
    factories.contact(factories.organization(), EMAIL)
    preference = preferences.get_preference(EMAIL)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = save_preferences(client, preference, news="on", **language)
    assert response.status_code == 422
    assert "Choose a language." in web_client.page_text(response)
    assert "news" in web_client.form_fields(response)
    assert "invitations" not in web_client.form_fields(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Unsubscribing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mail_topic", preferences.TOPICS)
def test_one_click_unsubscribe_ends_only_that_topic(mail_topic):
    preference = preferences.get_preference(EMAIL)
    preferences.set_topics(preference, invitations=True, reminders=True, news=True)
    program = Client(enforce_csrf_checks=True)
    for _twice in range(2):
        response = program.post(unsubscribe_path(preference, mail_topic), ONE_CLICK)
        assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert subscribed_topics() == [other for other in preferences.TOPICS if other != mail_topic]


def test_one_click_accepts_urlencoded_forms_and_never_resubscribes():
    preference = preferences.get_preference(EMAIL)
    program = Client(enforce_csrf_checks=True)
    form = "application/x-www-form-urlencoded"
    posted = program.post(unsubscribe_path(preference), "List-Unsubscribe=One-Click&again=1", content_type=form)
    assert posted.status_code == 200
    assert subscribed_topics() == ["reminders"]


@pytest.mark.slow
def test_one_click_is_not_rate_limited_for_one_email_provider():
    preference = preferences.get_preference(EMAIL)
    program = Client()
    assert {program.post(unsubscribe_path(preference), ONE_CLICK).status_code for _click in range(400)} == {200}


def test_button_unsubscribes_and_the_next_page_can_undo_it(client):
    preference = preferences.get_preference(EMAIL)
    assert "Unsubscribe from invitations?" in web_client.page_text(client.get(unsubscribe_path(preference)))
    for _twice in range(2):
        assert client.post(unsubscribe_path(preference))["Location"] == unsubscribe_path(preference)
    assert subscribed_topics() == ["reminders"]
    assert "You’re unsubscribed from invitations" in web_client.page_text(client.get(unsubscribe_path(preference)))
    for _twice in range(2):
        response = client.post(unsubscribe_path(preference), {"resubscribe": "1"})
        assert response["Location"] == unsubscribe_path(preference)
    assert subscribed_topics() == ["invitations", "reminders"]


def test_unsubscribing_twice_writes_once():
    preference = preferences.get_preference(EMAIL)
    Client().post(unsubscribe_path(preference), ONE_CLICK)
    before = snapshots.tables()
    Client().post(unsubscribe_path(preference), ONE_CLICK)
    assert snapshots.tables() == before


# Safety ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_links_opened_by_an_email_scanner_change_nothing(method):
    factories.contact(factories.organization(), EMAIL)
    preference = preferences.get_preference(EMAIL)
    before = snapshots.tables()
    for url in (
        preference.get_absolute_url(),
        *(unsubscribe_path(preference, mail_topic) for mail_topic in preferences.TOPICS),
    ):
        scanner = Client()
        response = getattr(scanner, method)(url, {"List-Unsubscribe": "One-Click", "unsubscribe_all": "1"})
        assert response.status_code == (405 if method == "options" else 200)
    assert snapshots.tables() == before


def test_wrong_links_are_not_found(client):
    preference = preferences.get_preference(EMAIL)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    token = preference.token
    for path in (
        f"{new_token()}/",
        f"{new_token()}/invitations/",
        f"{token}/all/",
        f"{token}/email/",
        f"{token[:-1]}/",
    ):
        for response in (
            client.get(f"/imagine/mail/{path}"),
            client.post(f"/imagine/mail/{path}", {"unsubscribe_all": "1"}),
        ):
            assert response.status_code == 404
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(client, method):
    preference = preferences.get_preference(EMAIL)
    for url in (preference.get_absolute_url(), unsubscribe_path(preference)):
        assert getattr(client, method)(url).status_code == 405


def test_preferences_form_requires_a_csrf_token(client):
    preference = preferences.get_preference(EMAIL)
    csrf_client = Client(enforce_csrf_checks=True)
    assert csrf_client.post(preference.get_absolute_url(), {"unsubscribe_all": "1"}).status_code == 403
    assert subscribed_topics() == ["invitations", "reminders"]


def test_preference_pages_are_not_cached_or_indexed(client):
    preference = preferences.get_preference(EMAIL)
    responses = [
        client.get(preference.get_absolute_url()),
        client.post(preference.get_absolute_url(), {}),
        client.get(unsubscribe_path(preference)),
        client.post(unsubscribe_path(preference), ONE_CLICK),
    ]
    for response in responses:
        assert response["Cache-Control"] == "private, no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"


@pytest.mark.slow
def test_preferences_page_query_count_does_not_grow_with_contacts_and_rsvps(client, django_assert_num_queries):
    preference = preferences.get_preference(EMAIL)
    factories.contact(factories.organization(), EMAIL)
    factories.rsvp(factories.event(), email=EMAIL)
    with django_assert_num_queries(3):  # the preference and the newest contact
        client.get(preference.get_absolute_url())
    for number in range(30):
        factories.contact(factories.organization(f"Growers {number}"), EMAIL)
        factories.rsvp(factories.event(), email=EMAIL)
    with django_assert_num_queries(3):
        client.get(preference.get_absolute_url())


def test_unsubscribing_updates_changed_at():
    preference = preferences.get_preference(EMAIL)
    EmailPreference.objects.update(changed_at="2020-01-01T00:00:00Z")
    Client().post(unsubscribe_path(preference), ONE_CLICK)
    preference.refresh_from_db()
    assert (timezone.now() - preference.changed_at).total_seconds() < 60
