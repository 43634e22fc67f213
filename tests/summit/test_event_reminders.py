"""Reminders and attendance on an event's admin page."""

import pytest
from django.utils import timezone

from summit import attendance
from summit.models import Event, Reminder, Rsvp
from summit.reminders import sending as reminder_sending
from tests import factories, web_client
from tests.summit import reminder_fixtures
from tests.summit.reminder_fixtures import moment, run_reminders

pytestmark = pytest.mark.django_db


def states(event: Event, now) -> list[tuple[str, int]]:
    return [(each.state, each.count) for each in reminder_sending.reminder_plan(event, now)]


def text(staff, event: Event, tab: str = "emails") -> str:
    return web_client.page_text(staff.get(f"/imagine/admin/summit/event/{event.pk}/change/?tab={tab}"))


def test_reminder_plan_is_ordered_with_the_state_of_each():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event)
    assert [(each.label, each.due) for each in reminder_sending.reminder_plan(event)] == [
        ("Unanswered invitation", None),
        ("One week before", moment(3, 31, 9)),
        ("Missing guest names", moment(4, 4, 9)),
        ("One day before", moment(4, 6, 9)),
        ("Thank-you", moment(4, 8, 9)),
    ]
    upcoming = ("coming", 0)
    assert states(event, moment(3, 1)) == [upcoming] * 5
    run_reminders(moment(3, 31, 9), moment(4, 4, 9), moment(4, 7, 7), moment(4, 8, 9))
    assert states(event, moment(4, 9)) == [("never", 0), ("sent", 1), ("nobody", 0), ("too late", 0), ("sent", 1)]
    Reminder.objects.filter(kind="thanks").update(too_late=True)
    assert states(event, moment(4, 9))[-1] == ("partly", 1)
    assert states(reminder_fixtures.event(), moment(6, 1)) == [("never", 0)] * 5


def test_page_shows_due_and_sent_reminders(staff):
    event = reminder_fixtures.event()
    page = text(staff, event)
    assert "One week before March 31, 9:00 a.m. Not sent yet" in page
    assert "Unanswered invitation One week after each invitation Not sent yet" in page
    at = moment(3, 31, 9, 5)
    Reminder.objects.create(
        event=event, kind="week", event_date=moment(4, 7).date(), recipient_count=2, completed_at=at
    )
    Reminder.objects.create(event=event, kind="day", event_date=moment(4, 7).date(), too_late=True, completed_at=at)
    Reminder.objects.create(event=event, kind="names", event_date=moment(4, 7).date(), completed_at=at)
    page = text(staff, event)
    assert "To 2 people, last on March 31, 9:05 a.m." in page
    assert "Not sent: too late to be useful" in page
    assert "No one to send it to" in page


def test_page_explains_why_no_reminders_are_sent(staff):
    hidden, canceled = factories.event(is_published=False), factories.event()
    factories.mark_event_canceled(canceled)
    assert "These emails won’t go out until the event is published." in text(staff, hidden)
    assert "This event was canceled, so no more of these emails will go out." in text(staff, canceled)


def test_page_counts_guests_who_came_from_the_event_day_on(staff):
    event = factories.event()
    rsvp = factories.rsvp(event, size=3)
    assert "guests who attended" not in text(staff, event, "overview")
    Event.objects.filter(pk=event.pk).update(starts_at=timezone.now(), rsvp_closes_at=timezone.now())
    attendance.check_in_party(Rsvp.objects.get(pk=rsvp.pk))
    page = text(staff, event, "overview") + text(staff, event, "guests")
    assert "guests who attended 3" in page
    assert "Attended (1)" in page
