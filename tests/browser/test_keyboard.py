"""With the keyboard alone: every element in page order, none skipped, none hidden, no trap."""

import pytest
from playwright.sync_api import Page

from tests import factories
from tests.browser.axe_checks import DESKTOP, PHONE
from tests.browser.keyboard import MAX_STOPS, step

pytestmark = pytest.mark.browser

# What the keyboard can reach, named as in DESCRIBE_FOCUS; for radio buttons with one name, the selected one.
STOPS = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((element) => element.checkVisibility() && element.tabIndex >= 0)
  .filter((element) => element.type !== "radio" || element.checked)
  .map((element) => `${element.tagName.toLowerCase()} ${element.id || element.name || element.textContent.trim()}`)
  .map((where) => where.replaceAll(/\\s+/g, " ").slice(0, 60))"""


IS_NEW = """() => {
  const isNew = !window.stops.has(document.activeElement);
  window.stops.add(document.activeElement);
  return isNew;
}"""


def walk(page: Page) -> list[str]:
    """Return every focused element from here to the end of the page. After the last one, the focus leaves the page or
    returns to the first."""
    stops = []
    page.evaluate("window.stops = new Set()")
    while (where := step(page)) and page.evaluate(IS_NEW):
        stops.append(where)
        assert len(stops) < MAX_STOPS, f"no way out: {stops[-5:]}"
    return stops


def landing(page: Page) -> None:
    factories.event(capacity=300)
    page.goto("/imagine/")


def errors(page: Page) -> None:
    factories.event(capacity=300)
    page.goto("/imagine/")
    page.click("#rsvp form > div > button")
    page.wait_for_selector(".error-summary")


def party(page: Page) -> None:
    rsvp = factories.rsvp(factories.event(capacity=2), size=4, accepts_partial=True, guests=("María Thạch",))
    page.goto(rsvp.get_absolute_url())


def canceled(page: Page) -> None:
    party(page)
    page.click(".danger-zone a")
    page.click("main form button")
    page.wait_for_selector(".is-canceled")


@pytest.mark.parametrize(("width", "height"), [(DESKTOP, 720), (PHONE, 180)], ids=str)
@pytest.mark.parametrize("place", [landing, errors, party, canceled], ids=lambda place: place.__name__)
def test_keyboard_reaches_every_control_in_order(visit, place, width, height):
    page = visit("es", width)
    page.set_viewport_size({"width": width, "height": height})
    place(page)
    expected_stops = page.evaluate(STOPS)
    forward = walk(page)
    # An error page starts at its summary; what is above it is reached backward.
    assert forward == (expected_stops if place is not errors else expected_stops[-len(forward) :])
    assert [step(page, "Shift+Tab") for _stop in expected_stops] == expected_stops[::-1]


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_skip_link_leads_to_the_main_content(visit, width):
    page = visit("en", width)
    landing(page)
    assert step(page) == "a Skip to main content"
    page.keyboard.press("Enter")
    step(page)
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("scripts", [True, False], ids=["", "no script"])
def test_enter_sends_the_form_and_leaves_the_language(visit, scripts):
    event = factories.event(capacity=300)
    page = visit(scripts=scripts)
    page.goto("/imagine/")
    page.fill("#id_name", "Alma Reyes")
    page.fill("#id_email", "alma@example.org")
    with page.expect_navigation():
        page.press("#id_email", "Enter")
    rsvp = event.rsvps.get()
    assert page.locator("html").get_attribute("lang") == "en"
    page.fill("[name^=guest-][name$=-name] >> nth=0", "Alma Reyes Cruz")
    with page.expect_navigation():
        page.press("[name^=guest-][name$=-name] >> nth=0", "Enter")
    assert rsvp.guests.first().name == "Alma Reyes Cruz"
    assert page.locator("html").get_attribute("lang") == "en"
