"""Forms that come back as they were filled in, with nothing saved: on every form of the public pages, when the language
is switched and when the CSRF check refuses it (cases form-language-switch and form-stale-token)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from imagine.core.unsaved_answers import LANGUAGE_BUTTON
from imagine.mail.models import EmailPreference
from summit import seats
from summit.models import Invitation, Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

IGNORED_TABLES = ("core.RateLimitCount", "sessions.Session")


@dataclass
class Form:
    """Where a form is, where it goes, and what was typed in it."""

    page: str
    action: str
    typed: dict[str, str] = field(default_factory=dict)


def rsvp_form() -> Form:
    url = factories.event().get_absolute_url()
    typed = {"name": "Alma Reyes", "email": "alma", "size": "3", "guest_2": "Ben", "dietary_needs_3": "vegan"}
    return Form("/imagine/", url, typed | {"note": "First line\nsecond", "accepts_partial": "fewer"})


def party_form() -> Form:
    rsvp = factories.rsvp(factories.event(), size=2)
    guest = rsvp.guests.last()
    typed = {f"guest-{guest.pk}-name": "Ben", "rsvp-phone": "(209) 555-0100", "rsvp-party_dietary_needs": "no nuts"}
    return Form(rsvp.get_absolute_url(), reverse("change_party", args=[rsvp.token]), typed)


def reinstate_form() -> Form:
    rsvp = seats.cancel(factories.rsvp(factories.event()))
    return Form(rsvp.get_absolute_url(), reverse("reinstate_rsvp", args=[rsvp.token]), {"size": "3"})


def invitation() -> Invitation:
    return factories.invite(factories.event(kind="kickoff"), factories.person("Alma Reyes"))


def acceptance_form() -> Form:
    invited = invitation()
    typed = {"name": "Alma R.", "size": "2", "guest_2": "Ben", "accessibility_needs_2": "ramp"}
    return Form(invited.get_absolute_url(), reverse("accept_invitation", args=[invited.token]), typed)


def decline_form() -> Form:
    invited = invitation()
    action = reverse("decline_invitation", args=[invited.token])
    return Form(invited.get_absolute_url(), action, {"decline_message": "We are at harvest."})


def signup_form() -> Form:
    factories.pledge_year()
    url = reverse("pledge_begin")
    return Form(url, url, {"organization": "Delta Bakery", "name": "Alma", "email": "alma"})


def pledge_form() -> Form:
    factories.pledge_year()
    request = factories.pledge_request()
    url = reverse("pledge", args=[request.token])
    promise = "promise-1"
    typed = {f"{promise}-ticked": "on", f"{promise}-quantity": "many", f"{promise}-note": "Mornings only"}
    return Form(url, url, typed | {"name": "Delta Bakery", "contact-name": "Alma R."})


def find_form() -> Form:
    url = reverse("find_rsvp")
    return Form(url, url, {"email": "alma"})


def date_form() -> Form:
    return Form("/imagine/", reverse("begin_date_alert"), {"email": "alma"})


def preferences_form() -> Form:
    url = EmailPreference.objects.create(email="alma@example.org").get_absolute_url()
    return Form(url, url, {"reminders": ""})


FORMS: list[Callable[[], Form]] = [
    *(rsvp_form, party_form, reinstate_form, acceptance_form, decline_form),
    *(signup_form, pledge_form, find_form, date_form, preferences_form),
]


def fill_in(client: Client, form: Form) -> dict:
    """Return what a browser sends of a page's form with these answers."""
    sent = web_client.form_fields(client.get(form.page)) | form.typed
    return {name: value for name, value in sent.items() if value or name not in form.typed}


@pytest.mark.parametrize("make_form", FORMS)
def test_switching_the_language_keeps_what_was_typed_and_saves_nothing(client, make_form):
    form = make_form()
    data = fill_in(client, form)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = client.post(form.action, data | {LANGUAGE_BUTTON: "es"})
    page = response.content.decode()
    assert response.status_code == 200
    assert '<html lang="es"' in page
    assert "Sus respuestas siguen aquí." in web_client.page_text(response)
    assert "error-summary" not in page
    shown = web_client.form_fields(response)
    assert {name: shown.get(name, "") for name in form.typed} == form.typed
    assert response.cookies[settings.LANGUAGE_COOKIE_NAME].value == "es"
    kept = {name for name, cookie in response.cookies.items() if cookie.value}
    assert kept - {"csrftoken"} == {settings.LANGUAGE_COOKIE_NAME}
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("make_form", FORMS)
def test_form_with_a_stale_token_comes_back_filled_in_with_a_fresh_one(make_form):
    client = Client(enforce_csrf_checks=True)
    form = make_form()
    data = fill_in(client, form) | {"csrfmiddlewaretoken": "x" * 64}
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = client.post(form.action, data)
    assert response.status_code == 403
    assert "This page was open for a long time" in web_client.page_text(response)
    shown = web_client.form_fields(response)
    assert {name: shown.get(name, "") for name in form.typed} == form.typed
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    again = client.post(form.action, shown)
    assert again.status_code in {302, 422}


@pytest.mark.parametrize("make_form", FORMS)
def test_language_button_belongs_to_the_form(client, make_form):
    form = make_form()
    page = client.get(form.page).content.decode()
    assert f'name="{LANGUAGE_BUTTON}"' in page
    assert f'action="{form.action}"' in page
    assert page.count('id="answers"') == 1


@pytest.mark.parametrize("make_form", [rsvp_form, party_form, acceptance_form, signup_form, preferences_form])
def test_switching_the_language_of_an_empty_form_returns_to_the_page(client, make_form):
    form = make_form()
    form.typed = {}
    response = client.post(form.action, fill_in(client, form) | {LANGUAGE_BUTTON: "es"})
    assert (response.status_code, response["Location"]) == (302, form.page)
    assert '<html lang="es"' in client.get(form.page).content.decode()


def test_switching_the_language_never_leads_to_another_site(client):
    form = signup_form()
    response = client.post(form.action, {LANGUAGE_BUTTON: "es", "next": "https://evil.example/"})
    assert response["Location"] == form.action


def test_what_another_site_sent_is_not_shown():
    client = Client(enforce_csrf_checks=True, headers={"Origin": "https://evil.example"})
    form = rsvp_form()
    response = client.post(form.action, web_client.rsvp_form(name="Evil Prize"))
    assert response.status_code == 403
    assert "Evil Prize" not in response.content.decode()
    assert not Rsvp.objects.exists()


def test_button_with_a_stale_token_can_be_pressed_again():
    rsvp = factories.rsvp(factories.event())
    client = Client(enforce_csrf_checks=True)
    url = reverse("cancel_rsvp", args=[rsvp.token])
    page = client.post(url, {"csrfmiddlewaretoken": "x" * 64})
    assert (page.status_code, "Please send that again" in web_client.page_text(page)) == (403, True)
    assert client.post(url, web_client.form_fields(page))["Location"] == rsvp.get_absolute_url()
    assert Rsvp.objects.get().canceled_at


def test_form_of_the_admin_can_be_sent_again_after_the_sign_in_expired():
    rsvp = factories.rsvp(factories.event())
    url = reverse("admin:summit_rsvp_change", args=[rsvp.pk])
    expired = Client()
    expired.cookies[settings.SESSION_COOKIE_NAME] = "gone"
    page = expired.post(url, {"note": "typed\nfor long", "many": ["1", "2"]})
    assert (page.status_code, "Your sign-in expired" in web_client.page_text(page)) == (403, True)
    assert web_client.form_fields(page)["note"] == "typed\nfor long"


def test_passwords_are_never_given_back():
    expired = Client()
    expired.cookies[settings.SESSION_COOKIE_NAME] = "gone"
    page = expired.post(reverse("admin:auth_user_add"), {"username": "clerk", "password1": "horse-battery"})
    assert page.status_code == 403
    assert "horse-battery" not in page.content.decode()
