"""A person with a browser of their own, who works a page with a pointer or with the keyboard alone."""

import uuid

from playwright.sync_api import Page

from tests.browser.axe_checks import DESKTOP, PHONE
from tests.browser.keyboard import Keyboard, Pointer
from tests.browser.mailbox import Mailbox

# Each way, each language and each width, and each language at each width.
WAYS = [
    ("pointer", "en", PHONE),
    ("pointer", "es", DESKTOP),
    ("keyboard", "es", PHONE),
    ("no script", "en", DESKTOP),
]


class Visitor:
    def __init__(self, page: Page, way: str, language: str, mailbox: Mailbox, name: str = "Alma Reyes"):
        self.page, self.way, self.language, self.mailbox, self.name = page, way, language, mailbox, name
        self.hands = Keyboard() if way == "keyboard" else Pointer()
        self.address = f"{name.partition(' ')[0].lower()}.{uuid.uuid4().hex[:8]}@example.org"
        self.mails = 0

    def press(self, selector: str) -> None:
        self.hands.press(self.page.locator(selector))

    def send(self, selector: str) -> None:
        """Presses what leads to another page, and waits for that."""
        with self.page.expect_navigation():
            self.press(selector)

    def write(self, selector: str, text: str) -> None:
        self.hands.write(self.page.locator(selector), text)

    def tick(self, selector: str) -> None:
        self.hands.tick(self.page.locator(selector))

    def choose(self, selector: str) -> None:
        self.hands.choose(self.page.locator(selector))

    def next_mail(self):
        """The next mail, once it has come, in their language."""
        self.mails += 1
        message = self.mailbox.newest(self.address, self.mails)
        assert message["Content-Language"] == self.language
        return message
