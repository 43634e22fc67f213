"""A form with errors says what to change and keeps what was typed, and is saved once however often it is sent."""

import pytest
from playwright.sync_api import Page, expect

from imagine.mail.models import Message
from summit.models import Rsvp
from tests import factories

pytestmark = pytest.mark.browser

SEND = "#rsvp form > div > button, main form.form > div > button"
FOCUSED = "document.activeElement.id || document.activeElement.className"


def fill(page: Page, **fields: str) -> None:
    page.goto("/imagine/")
    for field, value in fields.items():
        page.fill(f"#id_{field}", value)


def send(page: Page) -> None:
    with page.expect_navigation():
        page.click(SEND)


def summary_links(page: Page) -> list[str]:
    return page.locator(".error-summary a").evaluate_all("links => links.map(link => link.getAttribute('href'))")


@pytest.mark.parametrize("scripts", [True, False], ids=["", "no script"])
@pytest.mark.parametrize(
    ("language", "title", "expected"),
    [
        ("en", "Error: Imagine Promise Summit, Save your seats", "There’s a problem with 2 answers"),
        ("es", "Error: Cumbre Imagine Promise, Reserve sus lugares", "Hay un problema con 2 respuestas"),
    ],
)
def test_error_summary_links_to_the_fields(visit, language, title, expected, scripts):
    factories.event(capacity=300)
    page = visit(language, scripts=scripts)
    fill(page, email="alma@example")
    send(page)
    assert page.title() == title
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary h2")).to_have_text(expected)
    assert summary_links(page) == ["#id_name", "#id_email"]
    for link in page.locator(".error-summary a").all():
        link.click()
        assert page.evaluate(FOCUSED) == link.get_attribute("href")[1:]
        field = page.locator(":focus")
        expect(page.locator(f"label[for={field.get_attribute('id')}]")).to_be_in_viewport(ratio=1)
        assert field.get_attribute("aria-invalid") == "true"
        assert f"{field.get_attribute('id')}_error" in field.get_attribute("aria-describedby").split()
    assert Rsvp.objects.count() == 0


def test_form_with_errors_keeps_every_answer(visit):
    factories.event(capacity=300)
    page = visit()
    fields = {"name": "Alma Reyes", "email": "alma", "organization_name": "Weber Point Dental"}
    fill(page, **fields)
    page.select_option("#id_sector", "business")
    page.check("input[name=size][value='3']", force=True)
    page.check("input[name=accepts_partial][value=fewer]")
    for more in page.locator("details.collapsible summary:visible").all():
        more.click()
    hidden_values = {
        "guest_2": "María Thạch",
        "guest_3": "",
        "dietary_needs": "no nuts",
        "accessibility_needs": "",
        "phone": "209",
        "note": "Hello",
    }
    for field, value in hidden_values.items():
        page.fill(f"#id_{field}", value)
    send(page)
    for field, value in (fields | hidden_values | {"sector": "business"}).items():
        expect(page.locator(f"#id_{field}")).to_have_value(value)
    for chosen in ("size][value='3'", "accepts_partial][value='fewer'"):
        expect(page.locator(f"input[name={chosen}]")).to_be_checked()
    expect(page.locator("details.collapsible[open]")).to_have_count(2)  # the guests' names aren't behind one


def test_out_of_range_answers_get_errors(visit):
    """Only a modified page can send these: a party that is too large, a hidden phone number that is too long."""
    factories.event(capacity=300)
    page = visit()
    fill(page, name="Alma Reyes", email="alma@example.org")
    page.locator("input[name=size]").first.evaluate("radio => { radio.value = '9'; }")
    page.locator("#id_phone").evaluate("field => { field.value = '2'.repeat(31); }")
    send(page)
    assert summary_links(page) == ["#id_size_0", "#id_phone"]
    for link in page.locator(".error-summary a").all():
        link.click()
        assert page.evaluate(FOCUSED) == link.get_attribute("href")[1:]
    assert page.input_value("#id_phone") == "2" * 31


def test_party_form_with_an_empty_name_shows_an_error(visit):
    rsvp = factories.rsvp(factories.event(), size=2)
    page = visit()
    page.goto(rsvp.get_absolute_url())
    first, second = page.locator("ol.party input:not([type=hidden])[name$=name]").all()
    first.fill("")
    second.fill("María Thạch")
    with page.expect_navigation():
        page.click("ol.party ~ .actions .btn-primary")
    assert page.title() == "Error: You have 2 seats"
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary h2")).to_have_text("There’s a problem with 1 answer")
    page.locator(".error-summary a").click()
    assert page.evaluate("document.activeElement.name") == f"guest-{rsvp.guests.get(position=1).pk}-name"
    expect(second).to_have_value("María Thạch")
    assert list(rsvp.guests.values_list("name", flat=True)) == ["Alma Reyes", ""]


def assert_once(page: Page) -> None:
    page.wait_for_url("**/imagine/rsvp/*/")
    assert page.url.endswith(f"/rsvp/{Rsvp.objects.get().browser_token}/")
    expect(page.locator("h1")).to_have_text("You have 1 seat")
    assert Message.objects.count() == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["", "no script"])
def test_form_sent_again_creates_one_rsvp(visit, scripts):
    """A double click, a reload, the back button and a second tab: one RSVP, one email, the same page."""
    factories.event(capacity=300)
    page = visit(scripts=scripts)
    fill(page, name="Alma Reyes", email="alma@example.org")
    page.dblclick(SEND)
    assert_once(page)

    page.reload()
    assert_once(page)

    page.go_back()
    expect(page.locator("#id_name")).to_have_value("Alma Reyes")
    send(page)
    assert_once(page)

    tab = page.context.new_page()
    fill(tab, name="Alma Reyes", email="Alma@example.org")
    send(tab)
    assert_once(tab)
