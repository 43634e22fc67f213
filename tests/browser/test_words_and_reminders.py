"""Editing email templates and watching reminders in a real browser: both languages, every width, previews, and without
scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from imagine.mail.editable_templates import TEMPLATES
from imagine.mail.models import TemplateOverride
from summit import attendance
from summit.models import Event, Reminder, Rsvp
from tests import factories
from tests.browser.axe_checks import DESKTOP
from tests.browser.staff import TABLET, admin_page_problems, sign_in

pytestmark = pytest.mark.browser

LIST = "/imagine/admin/mail/templateoverride/"


def past_event() -> Event:
    """An event that has just started, with guests checked in and reminders sent."""
    event = factories.event(capacity=9)
    parties = [factories.rsvp(event, name, size=2) for name in ("Alma Reyes", "Ben Ochoa")]
    now = timezone.now()
    Event.objects.filter(pk=event.pk).update(starts_at=now, rsvp_closes_at=now)
    attendance.check_in_party(Rsvp.objects.get(pk=parties[0].pk))
    day = timezone.localdate(now)
    Reminder.objects.create(
        event=event, kind="week", event_date=day, recipient_count=2, completed_at=now - timedelta(days=7)
    )
    Reminder.objects.create(event=event, kind="names", event_date=day, completed_at=now - timedelta(days=3))
    Reminder.objects.create(event=event, kind="day", event_date=day, completed_at=now, too_late=True)
    return event


def frame(page: Page, number: int):
    return page.frame_locator(f".email-preview >> nth={number}")


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", TABLET)])
def test_template_and_reminder_pages_have_no_problems(visit, staff, language, width):
    event = past_event()
    TemplateOverride.objects.create(template="thanks", language="es", subject="Hola", text="Adiós, {nadie}.")
    page = visit(language, width)
    sign_in(page)
    found = []
    for path in (
        LIST,
        *[f"{LIST}{code}/" for code in TEMPLATES],
        f"/imagine/admin/summit/event/{event.pk}/change/",
        f"/imagine/admin/summit/event/{event.pk}/change/?tab=emails",
        f"/imagine/admin/summit/rsvp/{event.rsvps.first().pk}/change/",
        "/imagine/admin/summit/rsvp/?status=came",
    ):
        assert page.goto(path).status == 200
        found += admin_page_problems(page, language)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scripts", [True, False])
def test_template_text_is_previewed_refused_saved_and_restored(visit, staff, scripts):
    page = visit(scripts=scripts)
    sign_in(page)
    page.goto(LIST)
    page.get_by_role("link", name="One day before an event").click()
    expect(frame(page, 0).get_by_role("heading")).to_contain_text("See you tomorrow")
    expect(frame(page, 1).get_by_role("heading")).to_contain_text("mañana")
    text_field = page.get_by_label("Text").first
    text_field.fill("Dear {nmae}, come!")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".errorlist")).to_have_text("{nmae} isn’t a placeholder of this email. Did you mean {name}?")
    text_field.fill("Dear {name}, come {soon}!\n\nBring a pen.")
    page.get_by_role("button", name="Preview").click()
    expect(frame(page, 0).locator("p", has_text="Dear Alma Reyes, come tomorrow!")).to_be_visible()
    preview_line = frame(page, 0).locator("p", has_text="Bring a pen.")
    assert preview_line.evaluate("e => getComputedStyle(e).marginBottom") == "14px"
    assert not TemplateOverride.objects.active().exists()
    page.get_by_role("button", name="Save text").click()
    expect(page.get_by_text("Saved. The new text will be used from the next email on.")).to_be_visible()
    assert TemplateOverride.objects.active().get().text == "Dear {name}, come {soon}!\n\nBring a pen."
    page.get_by_role("button", name="Restore default text").click()
    expect(page.get_by_text("Default text restored.")).to_be_visible()
    assert not TemplateOverride.objects.active().exists()
