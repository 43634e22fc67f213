"""A visitor with their own browser who uses a pointer or only the keyboard."""

import uuid

from playwright.sync_api import Page

from tests.browser.axe_checks import DESKTOP, PHONE
from tests.browser.keyboard import Keyboard, Pointer
from tests.browser.mailbox import Mailbox

# Covers each input device, language and width, and each language at each width.
WAYS = [
    ("pointer", "en", PHONE),
    ("pointer", "es", DESKTOP),
    ("keyboard", "es", PHONE),
    ("no script", "en", DESKTOP),
]


class Visitor:
    def __init__(self, page: Page, way: str, language: str, mailbox: Mailbox, name: str = "Alma Reyes"):
        self.page, self.way, self.language, self.mailbox, self.name = page, way, language, mailbox, name
        self.input_device = Keyboard() if way == "keyboard" else Pointer()
        self.address = f"{name.partition(' ')[0].lower()}.{uuid.uuid4().hex[:8]}@example.org"
        self.email_count = 0

    def press(self, selector: str) -> None:
        self.input_device.press(self.page.locator(selector))

    def send(self, selector: str) -> None:
        """Press something that leads to another page, and wait for it."""
        with self.page.expect_navigation():
            self.press(selector)

    def fill(self, selector: str, text: str) -> None:
        self.input_device.fill(self.page.locator(selector), text)

    def check(self, selector: str) -> None:
        self.input_device.check(self.page.locator(selector))

    def choose(self, selector: str) -> None:
        self.input_device.choose(self.page.locator(selector))

    def next_email(self):
        """Wait for the next email, which must be in the visitor's language."""
        self.email_count += 1
        message = self.mailbox.newest(self.address, self.email_count)
        assert message["Content-Language"] == self.language
        return message
