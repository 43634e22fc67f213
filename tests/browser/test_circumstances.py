"""Printed, in forced colors, and enlarged: nothing important is lost."""

import pytest
from playwright.sync_api import Page, expect

from imagine.core.formatting import long_date
from tests import factories
from tests.browser.axe_checks import overflow_problems

pytestmark = pytest.mark.browser

TEXT = "document.querySelector('main').innerText.replaceAll(/\\s+/g, ' ').trim()"


@pytest.fixture
def rsvp():
    event = factories.event(capacity=2)
    return factories.rsvp(event, size=4, accepts_partial=True, guests=("María Thạch",))


def pages(rsvp) -> list[str]:
    """The most important pages: an event with a waitlist, a draft with schools, a signed pledge."""
    school = factories.school()
    draft = factories.draft_pledge(
        promises=(factories.promise_data("tours", schools=(school,)), factories.promise_data("mentors"))
    )
    signed = factories.signed_pledge("Delta Growers", "delta@example.org")
    return ["/imagine/", rsvp.get_absolute_url(), draft.get_absolute_url(), f"{signed.get_absolute_url()}thanks/"]


def test_printed_page_shows_the_rsvp_without_controls(visit, rsvp):
    page = visit()
    page.goto(rsvp.get_absolute_url())
    page.emulate_media(media="print")
    for text in (
        "You have 2 seats and are waiting for 2 more",
        "Alma Reyes",
        rsvp.code,
        long_date(rsvp.event.starts_at),
    ):
        shown = page.get_by_text(text).first
        expect(shown).to_be_visible()
        assert color_of(shown) not in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}
    expect(page.get_by_text(rsvp.event.venue).first).to_be_visible()
    names = page.locator("ol.party input:not([type=hidden])[name$=name]")
    assert [name.input_value() for name in names.all() if name.is_visible()] == ["Alma Reyes", "María Thạch", "", ""]
    for hidden_control in page.locator(
        "main button:not([aria-hidden]), main .btn, .language-switch, .site-header nav"
    ).all():
        expect(hidden_control).to_be_hidden()
    assert page.pdf(format="Letter").startswith(b"%PDF")


def color_of(shown) -> str:
    return shown.evaluate("element => getComputedStyle(element).color")


def test_forced_colors_hide_no_text(visit, rsvp):
    page = visit()
    for address in pages(rsvp):
        page.emulate_media(forced_colors="none")
        page.goto(address)
        text = page.evaluate(TEXT)
        page.emulate_media(forced_colors="active")
        assert page.evaluate(TEXT) == text
        for control in page.locator("main input:not([type=hidden]), main select, main textarea, main meter").all():
            if control.is_visible():
                assert control.evaluate("element => getComputedStyle(element).opacity") == "1"
    assert overflow_problems(page) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_zoom_and_large_text_hide_nothing(visit, rsvp, language):
    """A window of 1280 × 720 at 200% and at 400%, and text alone at 200%."""
    page = visit(language)
    for address in pages(rsvp):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address)
        text = page.evaluate(TEXT)
        for width, height in ((640, 360), (320, 180)):
            page.set_viewport_size({"width": width, "height": height})
            assert (page.evaluate(TEXT), overflow_problems(page)) == (text, [])
        for width in (1280, 640):
            page.set_viewport_size({"width": width, "height": 720})
            assert with_large_text(page) == (text, [])


def with_large_text(page: Page) -> tuple[str, list[str]]:
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    seen = page.evaluate(TEXT), overflow_problems(page)
    page.evaluate("document.documentElement.style.fontSize = ''")
    return seen
