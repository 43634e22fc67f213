"""Staff signed in to the admin in a browser."""

import base64
import re

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from summit.models import Event, Rsvp
from tests.accounts.people import PASSWORD, add_app, code_of
from tests.browser.axe_checks import axe_problems, cut_off, document_problems, scroll_problems

TABLET = 768


def sign_in(page: Page, user=None) -> None:
    """Open the start page, signed in. The sign-in form itself is tested in test_admin.py."""
    client = Client()
    client.force_login(user or get_user_model().objects.get(username="staff"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": "127.0.0.1", "path": "/imagine/"}
    page.context.add_cookies([cookie])
    assert page.goto("/imagine/admin/").status == 200


def fill_in_sign_in_form(page: Page, staff: User) -> None:
    """Enter the password and the app's code on the sign-in pages."""
    device = add_app(staff)
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
    """Return an authenticator app set up with the secret the page shows."""
    secret = page.locator(".sign-in-secret").inner_text().replace(" ", "")
    return TOTPDevice(key=base64.b32decode(secret).hex())


def admin_page_problems(page: Page, language: str) -> list[str]:
    """Wide tables may be cut off, since they scroll in their own frame."""
    problems = [*document_problems(page, language), *scroll_problems(page), *axe_problems(page)]
    return at(page, language, problems)


def at(page: Page, language: str, problems: list[str]) -> list[str]:
    return [f"{language}, {page.viewport_size['width']} px, {page.url}: {problem}" for problem in problems]


class StaffMember:
    """A member of staff using the admin in a browser. Every opened page is checked; `problems` lists what is wrong."""

    def __init__(self, page: Page, language: str, theme: str):
        page.emulate_media(color_scheme=theme)
        self.page, self.language, self.problems = page, language, []
        self.examined: set[tuple[str, str]] = set()
        sign_in(page)
        self.check_page()

    def check_page(self) -> None:
        """With axe when the page is new: neither its address, but for numbers, nor its title was there before."""
        kind = re.sub(r"\d+", "N", self.page.url), self.page.title()
        problems = [*document_problems(self.page, self.language), *scroll_problems(self.page), *cut_off(self.page)]
        problems += axe_problems(self.page) if kind not in self.examined else []
        self.examined.add(kind)
        self.problems += at(self.page, self.language, problems)

    def visit(self, address: str) -> None:
        assert self.page.goto(address).status == 200
        self.check_page()

    def click(self, selector: str) -> None:
        """Click something that leads to another page, and check that page."""
        with self.page.expect_navigation():
            self.page.click(selector)
        self.check_page()

    def fill(self, **fields: str | int) -> None:
        for name, value in fields.items():
            self.page.fill(f"[name='{name.replace('__', '-')}']", str(value))

    def run_action(self, action: str) -> None:
        """Run an action on every row of the list."""
        self.page.check("#action-toggle")
        self.page.select_option("[name=action]", action)
        self.click("[name=index]")

    def expect_texts(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("#main")).to_contain_text(text)


def change_url(thing: Event | Rsvp) -> str:
    return f"/imagine/admin/summit/{thing._meta.model_name}/{thing.pk}/change/"
