"""Rescheduling an event on its own page of the admin."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django.utils.timezone import get_default_timezone

from imagine.core.formatting import date_at_time
from imagine.mail.models import Message
from summit import seats
from summit.formatting import hours
from summit.models import Event
from tests import factories, snapshots, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/event/"
IGNORED_TABLES = ("accounts.StaffSession",)
NBSP = "\N{NO-BREAK SPACE}"


def at(month: int, day: int, *clock: int) -> datetime:
    return datetime(2027, month, day, *clock, tzinfo=get_default_timezone())


@pytest.fixture
def event(db) -> Event:
    """April 1, 2027, 8:00–10:30 a.m., with one party in each language."""
    event = factories.event(
        starts_at=at(4, 1, 8),
        ends_at=at(4, 1, 10, 30),
        rsvp_opens_at=timezone.now() - timedelta(days=9),
        rsvp_closes_at=at(3, 31, 17),
    )
    factories.rsvp(event, "Alma Reyes", size=2)
    factories.rsvp(event, "Ben Ochoa", language="es")
    return event


def url(event: Event) -> str:
    return f"{LIST}{event.pk}/reschedule/"


def send(staff, event: Event, **typed):
    return staff.post(url(event), web_client.form_fields(staff.get(url(event))) | typed)


def errors(response) -> dict:
    return {name: list(texts) for name, texts in response.context["form"].errors.items()}


def test_form_shows_the_schedule_as_people_write_it(staff, event):
    fields = web_client.form_fields(staff.get(url(event)))
    assert [fields[name] for name in ("day", "starts", "ends")] == [
        "Thu, Apr 1, 2027",
        f"8:00{NBSP}a.m.",
        f"10:30{NBSP}a.m.",
    ]


def test_review_shows_every_email_and_saves_nothing(staff, event):
    factories.write_mailing(event, factories.person("Inez Lopez"))
    Message.objects.filter(queue="bulk").update(state="sent", sent_at=timezone.now())
    invitation = event.invitations.get()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    page = send(staff, event, day="4/8/2027", starts="9am", ends="11:30")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    text = web_client.page_text(page)
    assert "When Thursday, April 1, 2027, 8:00–10:30 a.m. Thursday, April 8, 2027, 9:00–11:30 a.m." in text
    assert "we’ll email 2 parties." in text
    assert "We’ll email 1 person who was invited and hasn’t answered" in text
    assert 'value="Save and send 3 emails"' in page.content.decode()
    english, spanish = page.context["previews"]
    assert english.subject.startswith("New date: Imagine Promise Summit, April 8")
    assert spanish.subject.startswith("Nueva fecha: Cumbre Imagine Promise")
    assert invitation.token not in page.content.decode()


def test_confirming_saves_moves_the_deadline_and_notifies_once(staff, event):
    review = send(staff, event, day="4/8/2027", venue="Weber Point")
    confirmed = web_client.form_fields(review) | {"_sure": "yes"}
    page = staff.post(url(event), confirmed, follow=True)
    assert page.redirect_chain == [(f"{LIST}{event.pk}/change/", 302)]
    assert "Event rescheduled. 2 emails are on their way." in web_client.page_text(page)
    staff.post(url(event), confirmed)
    event.refresh_from_db()
    assert (event.starts_at, event.ends_at, event.venue) == (at(4, 8, 8), at(4, 8, 10, 30), "Weber Point")
    assert event.rsvp_closes_at == at(4, 7, 17)
    factories.notify_guests()
    for rsvp in event.rsvps.all():
        assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "event_rescheduled 2 REQUEST"]
    assert len(snapshots.changes(event)) == 1


def test_back_shows_the_form_with_what_was_typed(staff, event):
    review = send(staff, event, day="4/8/2027")
    page = staff.post(url(event), web_client.form_fields(review) | {"_back": "yes"})
    assert web_client.form_fields(page)["day"] == "4/8/2027"
    assert "errorlist" not in page.content.decode()
    assert Event.objects.get().starts_at == at(4, 1, 8)


def test_event_without_guests_is_rescheduled_without_email(staff):
    event = factories.event(starts_at=at(4, 1, 8), ends_at=at(4, 2, 16))
    review = send(staff, event, day="Apr 8, 2027")
    assert "so we won’t email anyone." in web_client.page_text(review)
    staff.post(url(event), web_client.form_fields(review) | {"_sure": "yes"})
    event.refresh_from_db()
    assert (date_at_time(event.starts_at), event.ends_at) == (
        f"Thursday, April 8, 2027, at 8:00{NBSP}a.m.",
        at(4, 9, 16),  # it still takes two days
    )
    assert "April 9" in hours(event)


def test_schedules_that_make_no_sense_are_refused(staff, event):
    for typed, found in [
        ({"day": "soon"}, {"day": ["Enter a date, like Apr 1, 2027."]}),
        ({"starts": "8"}, {"starts": ["Enter a time, like 8:00 a.m."]}),
        ({"ends": "7:00 a.m."}, {"ends": ["Choose an end time after the event starts."]}),
        ({"day": "4/1/2020"}, {"day": ["Choose a date in the future."]}),
        ({"venue": ""}, {"venue": ["This field is required."]}),
    ]:
        assert errors(send(staff, event, **typed)) == found
    stays = web_client.form_fields(staff.get(url(event))) | {"day": "3/11/2027"}
    del stays["moves_closing"]
    (error,) = errors(staff.post(url(event), stays)).values()
    assert error == ["RSVPs can’t stay open after the event ends. Check this box to move the deadline, too."]
    assert Event.objects.get().starts_at == at(4, 1, 8)


def test_unchanged_schedule_saves_nothing(staff, event):
    Event.objects.update(starts_at=at(4, 1, 8, 0, 45))  # the form shows no seconds
    page = staff.post(url(event), web_client.form_fields(staff.get(url(event))), follow=True)
    assert "No changes to save." in web_client.page_text(page)
    assert Event.objects.get().starts_at.second == 45


def test_schedule_changed_by_both_shows_conflict(staff, event):
    stale = web_client.form_fields(staff.get(url(event)))
    review = send(staff, event, day="4/8/2027")
    staff.post(url(event), web_client.form_fields(review) | {"_sure": "yes"})
    page = staff.post(url(event), stale | {"day": "4/15/2027", "venue": "Weber Point", "_sure": "yes"})
    assert errors(page) == {
        "day": ["Someone else changed this to “Thu, Apr 8, 2027” while you were editing. Save again to keep yours."]
    }
    assert web_client.form_fields(page)["venue"] == "Weber Point"
    assert Event.objects.get().starts_at == at(4, 8, 8)


def test_event_that_is_over_or_canceled_is_not_rescheduled(staff, event):
    factories.mark_event_canceled(event)
    page = staff.get(url(event), follow=True)
    assert "so you can’t reschedule it." in web_client.page_text(page)
    assert staff_client("view_event").get(url(event)).status_code == 403
    assert staff.get(f"{LIST}999/reschedule/").status_code == 404


def test_no_seat_is_lost_by_moving(staff, event):
    before = snapshots.seats(event)
    staff.post(url(event), web_client.form_fields(send(staff, event, day="4/8/2027")) | {"_sure": "yes"})
    assert snapshots.seats(event) == before
    assert seats.available_seats(Event.objects.get()) == 7
