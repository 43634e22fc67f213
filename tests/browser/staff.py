"""Members of staff at a browser."""

import base64

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from summit.models import Event, Rsvp
from tests.accounts.people import PASSWORD, code_of, has_app
from tests.browser.axe_checks import axe_problems, cut_off, document_problems, scroll_problems

TABLET = 768


def sign_in(page: Page, user=None) -> None:
    """Opens the start page, signed in. That the form for it works is proved once, in test_admin.py."""
    client = Client()
    client.force_login(user or get_user_model().objects.get(username="staff"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": "127.0.0.1", "path": "/imagine/"}
    page.context.add_cookies([cookie])
    assert page.goto("/imagine/admin/").status == 200


def fill_in_sign_in_form(page: Page, staff: User) -> None:
    """Give a password and a code of an app on the page of sign-in that is open."""
    device = has_app(staff)
    staff.set_password(PASSWORD)
    staff.save()
    page.fill("#id_username", staff.username)
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.click("[type=submit]")
    page.fill("#id_code", code_of(device))
    with page.expect_navigation():
        page.click("[type=submit]")


def offered_app(page: Page) -> TOTPDevice:
    """The app that scanned the code of the page that sets one up."""
    secret = page.locator(".sign-in-secret").inner_text().replace(" ", "")
    return TOTPDevice(key=base64.b32decode(secret).hex())


def admin_page_problems(page: Page, language: str) -> list[str]:
    """Wide tables may be cut off: they scroll in a frame of their own."""
    problems = [*document_problems(page, language), *scroll_problems(page), *axe_problems(page)]
    return at(page, language, problems)


def at(page: Page, language: str, problems: list[str]) -> list[str]:
    return [f"{language}, {page.viewport_size['width']} px, {page.url}: {problem}" for problem in problems]


class Clerk:
    """A member of staff at a browser. Every page that they come to is examined; `found` is all that is wrong."""

    def __init__(self, page: Page, language: str, theme: str):
        page.emulate_media(color_scheme=theme)
        self.page, self.language, self.found = page, language, []
        sign_in(page)
        self.looks()

    def looks(self) -> None:
        self.found += admin_page_problems(self.page, self.language)
        self.found += at(self.page, self.language, cut_off(self.page))

    def opens(self, address: str) -> None:
        assert self.page.goto(address).status == 200
        self.looks()

    def presses(self, selector: str) -> None:
        """What leads to another page."""
        with self.page.expect_navigation():
            self.page.click(selector)
        self.looks()

    def writes(self, **fields: str | int) -> None:
        for name, value in fields.items():
            self.page.fill(f"[name='{name.replace('__', '-')}']", str(value))

    def does(self, action: str) -> None:
        """An action with every row of the list."""
        self.page.check("#action-toggle")
        self.page.select_option("[name=action]", action)
        self.presses("[name=index]")

    def reads(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("#main")).to_contain_text(text)


def page_of(thing: Event | Rsvp) -> str:
    return f"/imagine/admin/summit/{thing._meta.model_name}/{thing.pk}/change/"
