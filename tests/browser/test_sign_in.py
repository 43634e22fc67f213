"""Signing in with the keyboard alone: setting up a second step, using it, and the account page."""

import re
import time

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from imagine.accounts import second_factor
from imagine.accounts.models import StaffSession
from imagine.accounts.sessions import LAST_USED_AT, SessionStore
from imagine.privacy.models import Hold
from tests.accounts.people import code_of
from tests.browser.keyboard import Keyboard
from tests.browser.staff import admin_page_problems, offered_app, sign_in

pytestmark = pytest.mark.browser
PASSWORD = "eight channels meet"


@pytest.fixture
def newcomer(site) -> User:
    return User.objects.create_superuser("ana@example.org", "ana@example.org", PASSWORD, first_name="Ana")


def give_password(page: Page, keyboard: Keyboard) -> None:
    keyboard.fill(page.locator("#id_username"), "ana@example.org")
    keyboard.fill(page.locator("#id_password"), PASSWORD)
    keyboard.check(page.locator("#id_shared_computer"))
    with page.expect_navigation():
        page.keyboard.press("Enter")


def step(page: Page) -> tuple[str, int]:
    """The last part of a page's address, and how many answers it asks for."""
    return page.url.partition("?")[0].split("/")[-2], page.locator("main input:not([type=submit]):visible").count()


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("es", 320)])
def test_new_user_sets_up_an_app_and_signs_in_with_a_recovery_code(visit, newcomer, language, width):
    page, keyboard = visit(language, width), Keyboard()
    found = []

    def check_page() -> None:
        found.extend(admin_page_problems(page, language))

    page.goto("/imagine/admin/summit/event/")
    check_page()
    steps = [step(page)]
    give_password(page, keyboard)
    keyboard.press(page.locator("summary"))
    check_page()
    steps.append(step(page))
    device = offered_app(page)
    keyboard.fill(page.locator("#id_code"), "123")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    check_page()
    keyboard.fill(page.locator("#id_code"), code_of(device))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    check_page()
    steps.append(step(page))
    assert steps == [("login", 3), ("set-up", 1), ("recovery-codes", 0)]
    code = page.locator(".sign-in-codes code").first.inner_text()
    with page.expect_navigation():
        keyboard.press(page.locator("main [type=submit]"))
    assert page.url.endswith("/imagine/admin/summit/event/")
    page.goto("/imagine/admin/account/")
    check_page()
    if page.locator(".phone-toggle").is_visible():
        keyboard.press(page.locator(".phone-toggle summary"))
    with page.expect_navigation():
        keyboard.press(page.locator("#logout-form button"))
    page.goto("/imagine/admin/")
    give_password(page, keyboard)
    check_page()
    keyboard.fill(page.locator("#id_code"), code)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith("/imagine/admin/")
    page.goto("/imagine/admin/auth/user/add/")
    check_page()
    page.goto(f"/imagine/admin/auth/user/{newcomer.pk}/change/")
    check_page()
    page.goto(f"/imagine/admin/auth/user/{newcomer.pk}/reset-second-step/")
    check_page()
    page.goto("/imagine/admin/account/confirm/")
    check_page()
    page.context.clear_cookies(name="sessionid")
    page.goto("/imagine/admin/password/forgot/")
    check_page()
    page.goto("/imagine/admin/password/MQ/abc-123/")
    check_page()
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("language", ["en", "es"])
def test_new_user_sets_up_a_passkey_and_signs_in_with_it(visit, site, newcomer, language):
    page, keyboard = visit(language, address=site.address.replace("127.0.0.1", "localhost")), Keyboard()
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options | {"automaticPresenceSimulation": True}})
    page.goto("/imagine/admin/")
    give_password(page, keyboard)
    with page.expect_navigation():
        keyboard.press(page.locator("#passkey-form [type=submit]"))
    assert "/recovery-codes/" in page.url
    with page.expect_navigation():
        keyboard.press(page.locator("main [type=submit]"))
    assert second_factor.factors_of(newcomer).count == 1
    page.goto("/imagine/admin/account/passkey/")
    found = admin_page_problems(page, language)
    page.goto("/imagine/admin/account/")
    with page.expect_navigation():
        keyboard.press(page.locator("#logout-form button"))
    page.goto("/imagine/admin/")
    give_password(page, keyboard)
    found += admin_page_problems(page, language)
    with page.expect_navigation():
        keyboard.press(page.locator("#passkey-form [type=submit]"))
    assert page.url.endswith("/imagine/admin/")
    assert found == [], "\n".join(found)


def test_session_timeout_warns_and_keeps_typed_text(visit, newcomer):
    page = visit("en", 390, cold=True)  # a clock stays in its tab
    page.clock.install()
    sign_in(page, newcomer)
    page.goto("/imagine/admin/privacy/hold/add/")
    page.fill("#id_reason", "Public records request 2027-014")
    dialog, row = page.locator("#session-end"), StaffSession.objects.get()
    expect(dialog).to_be_hidden()

    set_time_left(row, 60)
    page.clock.fast_forward("29:00")
    expect(dialog).to_contain_text("Are you still there?")
    assert admin_page_problems(page, "en") == []
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#id_reason")).to_be_focused()

    set_time_left(row, 0)
    page.clock.fast_forward("29:00")
    expect(dialog).to_contain_text("What you typed is still here")
    page.keyboard.press("Escape")
    with page.context.expect_page() as opened:
        dialog.get_by_role("link").click()
    expect(opened.value).to_have_url(re.compile("/login/.next=/imagine/admin/privacy/hold/add/"))
    opened.value.close()
    page.context.clear_cookies(name="csrftoken")  # like signing in
    sign_in(page.context.new_page(), newcomer)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(dialog).to_be_hidden()
    page.fill("#id_email", "ana@example.org")
    page.fill("#id_ends_on", "2030-01-31")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert Hold.objects.get().reason == "Public records request 2027-014"


def test_expired_page_stays_locked_when_a_colleague_signs_in(visit, newcomer):
    page = visit("en", 1280, cold=True)
    page.clock.install()
    sign_in(page, newcomer)
    page.goto("/imagine/admin/privacy/hold/add/")
    dialog, row = page.locator("#session-end"), StaffSession.objects.get()
    set_time_left(row, 0)
    page.clock.fast_forward("29:00")
    expect(dialog).to_contain_text("You’re signed out")
    page.context.clear_cookies()
    sign_in(page.context.new_page(), User.objects.create_superuser("ben@example.org"))
    with page.expect_response("**/account/session/") as response_info:
        page.evaluate("dispatchEvent(new Event('focus'))")
    assert response_info.value.json()["seconds"] > 0
    page.evaluate("() => fetch('/imagine/').then(answer => answer.text())")  # the script has the response by then
    assert dialog.is_visible()


def set_time_left(row: StaffSession, seconds: int) -> None:
    """Let the session of `row` end in this many seconds."""
    store = SessionStore(row.session_key)
    store[LAST_USED_AT] = int(time.time()) - 30 * 60 + seconds
    store.save()
