"""The admin's pages, and an email in its preview frame."""

import pytest
from playwright.sync_api import expect

from imagine.mail.models import Message
from tests import factories
from tests.browser.axe_checks import axe_problems
from tests.browser.staff import admin_page_problems, change_url, fill_in_sign_in_form, sign_in

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", ["en", "es"])
def test_admin_pages_have_no_problems(visit, superuser, language):
    event = factories.event(capacity=4)
    factories.event(title="Partner Kick-off", kind="kickoff")
    rsvp = factories.rsvp(event, size=3, guests=("María Thạch",))
    factories.rsvp(event, "Ben Ochoa", size=2)
    message = rsvp.messages.get()
    page = visit(language)
    page.goto("/imagine/admin/")
    found = admin_page_problems(page, language)
    fill_in_sign_in_form(page, superuser)
    for path in (
        "",
        "summit/",
        "summit/event/",
        "summit/event/?kind__exact=summit&q=summit",
        "summit/event/add/",
        f"summit/event/{event.pk}/change/",
        f"summit/event/{event.pk}/history/",
        "summit/rsvp/",
        "summit/rsvp/?status=waitlisted",
        "summit/rsvp/add/",
        f"summit/rsvp/{rsvp.pk}/change/",
        f"summit/rsvp/{rsvp.pk}/delete/",
        "mail/message/",
        f"mail/message/{message.pk}/change/",
        "auth/user/",
        "password_change/",
    ):
        response = page.goto(f"/imagine/admin/{path}")
        assert (response.status, response.url.partition("/admin/")[2]) == (200, path)
        found += admin_page_problems(page, language)
    assert not found, "\n".join(found)


def test_admin_errors_and_actions_have_no_problems(visit, staff):
    event = factories.event(capacity=4)
    factories.rsvp(event, size=3)
    page = visit()
    sign_in(page)
    page.goto("/imagine/admin/summit/rsvp/add/")
    with page.expect_navigation():
        page.click("[name=_save]")
    found = admin_page_problems(page, "en")
    assert page.title().startswith("Error:")
    page.goto("/imagine/admin/summit/rsvp/")
    page.check("#action-toggle")
    page.select_option("[name=action]", "cancel_rsvps")
    with page.expect_navigation():
        page.click("[name=index]")
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 1 RSVP?")
    found += admin_page_problems(page, "en")
    page.goto("/imagine/admin/summit/event/")
    page.check("#action-toggle")
    page.select_option("[name=action]", "cancel_events")
    with page.expect_navigation():
        page.click("[name=index]")
    found += admin_page_problems(page, "en")
    with page.expect_navigation():
        page.click("#content [type=submit]")
    found += admin_page_problems(page, "en")
    event.refresh_from_db()
    assert event.canceled_at
    assert not found, "\n".join(found)


def test_date_is_chosen_in_a_calendar_named_after_its_field(visit, staff):
    page = visit()
    sign_in(page)
    page.goto("/imagine/admin/summit/event/add/")
    assert page.locator(".date-button").count() == 4
    assert page.get_by_role("button", name="Calendar: Starts, date", exact=True).count() == 1
    page.locator(".date-calendar").first.evaluate(
        "calendar => { calendar.value = '2027-04-01'; calendar.dispatchEvent(new Event('change')) }"
    )
    assert page.get_by_label("Starts, date", exact=True).input_value() == "Thu, Apr 1, 2027"


def test_lists_are_readable_on_a_phone(visit, staff):
    """The header's links and the actions unfold, actions appear once a row is selected, and rows are cards."""
    event = factories.event(capacity=4)
    factories.rsvp(event, "Alma Reyes", size=3, organization_name="Community Partners of the San Joaquin Valley")
    page = visit(width=390)
    sign_in(page)
    found = admin_page_problems(page, "en")
    page.goto("/imagine/admin/summit/rsvp/")
    found += admin_page_problems(page, "en")
    assert page.locator("#header").bounding_box()["height"] < 80
    assert not page.get_by_role("link", name="Your account").is_visible()
    page.locator("#header summary").click()
    assert page.get_by_role("link", name="Your account").is_visible()
    assert not page.locator("[name=action]").is_visible()
    page.locator("#changelist-form summary").first.click()
    assert page.locator("[name=action]").is_visible()
    page.locator("#changelist-form summary").first.click()
    page.locator(".action-select").check()
    assert page.locator("[name=action]").is_visible()
    cells = page.locator("#result_list tbody :is(th, td):visible")
    boxes = [cell.bounding_box() for cell in cells.all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert len({round(box["y"]) for box in boxes}) == len(boxes) - 1, "one below the other, beside the checkbox"
    found += admin_page_problems(page, "en")
    assert not found, "\n".join(found)


def test_reason_is_asked_on_the_page_of_its_action(visit, staff):
    factories.rsvp(factories.event(capacity=1), size=2)
    page = visit()
    sign_in(page)
    page.goto("/imagine/admin/summit/rsvp/")
    assert page.get_by_label("Reason for going over capacity").count() == 0
    page.check(".action-select")
    page.select_option("[name=action]", label="Confirm seats over capacity")
    with page.expect_navigation():
        page.click("[name=index]")
    assert page.get_by_label("Reason for going over capacity").is_visible()


def test_switching_the_language_asks_before_unsaved_changes_are_lost(visit, staff):
    event = factories.event()
    page, questions, answer = visit(), [], {"accept": False}

    def on_dialog(dialog) -> None:
        questions.append(dialog.message)
        dialog.accept() if answer["accept"] else dialog.dismiss()

    def switch() -> str:
        with page.expect_navigation():
            page.click("#language-form button")
        return page.locator("html").get_attribute("lang")

    page.on("dialog", on_dialog)
    sign_in(page)
    address = f"{change_url(event)}?tab=settings"
    page.goto(address)
    assert (switch(), switch()) == ("es", "en")
    assert page.url.endswith(address)
    assert questions == []
    page.fill("[name=venue]", "Civic Auditorium")
    page.click("#language-form button")
    assert questions == ["You’ll lose what you entered on this page. Switch the language anyway?"]
    assert page.input_value("[name=venue]") == "Civic Auditorium"
    answer["accept"] = True
    assert switch() == "es"
    assert len(questions) == 2
    page.fill("[name=venue]", "")
    with page.expect_navigation():
        page.click("[name=_save]")
    switch()
    assert len(questions) == 3, "a page with errors has unsaved changes"


def test_message_preview_shows_the_email_without_links(visit, staff):
    rsvp = factories.rsvp(factories.event(), size=3)
    message = Message.objects.get()
    page = visit()
    sign_in(page)
    page.goto(f"/imagine/admin/mail/message/{message.pk}/change/")
    frame = page.locator("iframe.email-preview").element_handle().content_frame()
    heading = frame.locator("h1")
    assert heading.inner_text() == "You have 3 seats"
    assert heading.evaluate("element => getComputedStyle(element).fontFamily").startswith("Rockwell")
    assert rsvp.code in frame.locator("body").inner_text()
    assert frame.locator("a[href]").count() == 0
    assert axe_problems(frame) == []
