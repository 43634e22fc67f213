"""Automatic emails around an event: when, to whom, and with which text."""

import time
from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.mail import preferences
from imagine.mail.models import Message
from summit import seats, tasks
from summit.models import Rsvp
from summit.reminders import sending as reminder_sending
from tests import factories, web_client
from tests.summit import reminder_fixtures
from tests.summit.reminder_fixtures import moment, only_reminder, run_reminders

pytestmark = pytest.mark.django_db


# When ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_reminder_is_sent_once_at_nine_on_its_day():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event, size=2)
    seen, before = [], []
    hour = moment(3, 25)
    while hour < moment(4, 20):
        now = run_reminders(hour)
        if fresh := [each for each in now if each not in before]:
            seen.append((f"{hour.astimezone(reminder_fixtures.STOCKTON):%m-%d %H}", fresh))
        before, hour = now, hour + timedelta(hours=1)
    assert seen == [
        ("03-31 09", ["week alma.reyes@example.org"]),
        ("04-04 09", ["names alma.reyes@example.org"]),
        ("04-06 09", ["day alma.reyes@example.org"]),
        ("04-08 09", ["thanks alma.reyes@example.org"]),
    ]
    assert Message.objects.filter(queue="bulk").count() == 4
    assert [row[2:] for row in reminder_fixtures.reminder_rows()] == [(1, False, True)] * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("month", "day", "week_utc", "day_utc"),
    [
        (3, 17, "2061-03-10 17:00", "2061-03-16 16:00"),  # daylight saving time starts in between
        (3, 13, "2061-03-06 17:00", "2061-03-12 17:00"),  # the night before
        (11, 10, "2061-11-03 16:00", "2061-11-09 17:00"),  # daylight saving time ends
        (11, 6, "2061-10-30 16:00", "2061-11-05 16:00"),
    ],
)
def test_reminders_are_due_at_nine_local_time_across_dst_changes(month, day, week_utc, day_utc):
    event = reminder_fixtures.event(month, day)
    dues = {
        kind: f"{span.due(event).astimezone(UTC):%Y-%m-%d %H:%M}" for kind, span in reminder_sending.DUE_PERIODS.items()
    }
    assert dues["week"] == week_utc
    assert dues["day"] == day_utc
    reminder_fixtures.rsvp(event)
    second = timedelta(seconds=1)
    due = reminder_sending.DUE_PERIODS["week"].due(event)
    assert run_reminders(due - second) == []
    assert run_reminders(due, due + second, due + timedelta(hours=1)) == ["week alma.reyes@example.org"]


@pytest.mark.slow
def test_hour_repeated_by_dst_sends_no_reminder_twice():
    event = reminder_fixtures.event(11, 6, 1, ends_at=moment(11, 6, 4))
    reminder_fixtures.rsvp(event)
    start = moment(11, 5, 9)
    assert run_reminders(*[start + timedelta(minutes=30 * step) for step in range(40)]) == [
        "day alma.reyes@example.org"
    ]


# To whom -------------------------------------------------------------------------------------------------------

EVERY_DAY = [moment(3, 31, 9), moment(4, 4, 9), moment(4, 6, 9), moment(4, 8, 9)]


def test_only_guests_with_seats_who_want_reminders_get_them():
    event = reminder_fixtures.event(capacity=3)
    held = reminder_fixtures.rsvp(event, "Held", size=2)
    reminder_fixtures.rsvp(event, "Waits", size=2)  # one seat is available
    seats.cancel(reminder_fixtures.rsvp(event, "Cancelled"))
    reminder_fixtures.rsvp(event, "Unwilling")
    preferences.set_topics(preferences.get_preference("UNWILLING@example.org"), reminders=False)
    reminder_fixtures.rsvp(reminder_fixtures.event(5, 30), "Of another event")
    assert run_reminders(*EVERY_DAY) == [
        "day held@example.org",
        "names held@example.org",
        "thanks held@example.org",
        "week held@example.org",
    ]
    assert held.held_seats == 2


def test_suppressed_email_gets_no_reminders():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    preferences.suppress("Alma.Reyes@example.org", "550 no such user")
    assert run_reminders(*EVERY_DAY) == []
    assert [row[2:] for row in reminder_fixtures.reminder_rows()] == [(0, False, True)] * 4


@pytest.mark.parametrize("change", [{"canceled_at": moment(3, 2)}, {"is_published": False}])
def test_canceled_or_unpublished_event_has_no_reminders(change):
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event, size=2)
    type(event).objects.filter(pk=event.pk).update(**change)
    assert run_reminders(*EVERY_DAY) == []
    assert reminder_fixtures.reminder_rows() == []


def test_guest_who_rsvps_after_a_reminder_was_due_does_not_get_it():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event, "In time", created_at=moment(3, 31, 8, 59))
    reminder_fixtures.rsvp(event, "Too late for it", created_at=moment(3, 31, 9))
    assert run_reminders(moment(3, 31, 10)) == ["week in.time@example.org"]
    assert run_reminders(moment(4, 6, 9)) == [
        "day in.time@example.org",
        "week in.time@example.org",
        "day too.late.for.it@example.org",
    ]


def test_change_notice_after_a_reminder_was_due_replaces_it():
    event = reminder_fixtures.event()
    reminded, not_reminded = reminder_fixtures.rsvp(event, "Told"), reminder_fixtures.rsvp(event, "Untold")
    Message.objects.create(
        kind="event_rescheduled",
        about=reminded,
        idempotency_key=f"event_rescheduled:{reminded.pk}:2",
        recipient=reminded.email,
        language="en",
        subject="Moved",
        body_text="-",
        body_html="-",
        created_at=moment(3, 31, 10),
    )
    assert not_reminded.held_seats
    assert run_reminders(moment(3, 31, 11)) == ["week untold@example.org"]


def test_rescheduled_event_gets_reminders_for_its_new_day():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event)
    assert run_reminders(moment(3, 31, 9)) == ["week alma.reyes@example.org"]
    event.starts_at, event.ends_at = moment(4, 14, 8), moment(4, 14, 10)
    event.save()
    assert run_reminders(moment(4, 6, 9)) == ["week alma.reyes@example.org"]
    assert run_reminders(moment(4, 7, 9)) == ["week alma.reyes@example.org"] * 2
    assert reminder_fixtures.reminder_rows() == [("week", "04-07", 1, False, True), ("week", "04-14", 1, False, True)]


def test_names_reminder_goes_only_to_parties_with_unnamed_guests():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event, "Alone")
    reminder_fixtures.rsvp(event, "All named", size=2, guests=("Chue Vang",))
    partly_checked_in = reminder_fixtures.rsvp(event, "One missing", size=3, guests=("Chue Vang",))
    assert run_reminders(moment(4, 4, 9)) == ["names one.missing@example.org"]
    assert (
        only_reminder("names").body_text.splitlines()[0]
        == "Hi One missing, your party still has 1 guest without a name."
    )
    assert partly_checked_in.get_absolute_url() in only_reminder("names").body_text


def test_thanks_go_only_to_parties_that_came_if_attendance_was_noted():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event, "Came", size=2, checked_in=1)
    reminder_fixtures.rsvp(event, "Stayed away")
    assert run_reminders(moment(4, 8, 9)) == ["thanks came@example.org"]


def test_thanks_go_to_all_parties_with_seats_if_no_attendance_was_noted():
    event = reminder_fixtures.event(capacity=2)
    reminder_fixtures.rsvp(event, "Alma Reyes")
    reminder_fixtures.rsvp(event, "Chue Vang", size=2)  # waitlisted
    seats.cancel(reminder_fixtures.rsvp(event, "Gone"))
    assert run_reminders(moment(4, 8, 9)) == ["thanks alma.reyes@example.org"]


def test_thanks_ask_only_guests_without_a_signed_pledge_for_a_promise():
    event = reminder_fixtures.event()
    partner = factories.signed_pledge().organization
    draft = factories.draft_pledge("Drafted", "draft@example.org").organization
    by_address = reminder_fixtures.rsvp(event, "Signed by address", email="ALMA@example.org")
    matched = reminder_fixtures.rsvp(event, "Matched", email="matched@example.org")
    drafted = reminder_fixtures.rsvp(event, "Drafted", email="drafted@example.org")
    Rsvp.objects.filter(pk=matched.pk).update(organization=partner)
    Rsvp.objects.filter(pk=drafted.pk).update(organization=draft)
    guest = reminder_fixtures.rsvp(event, "A guest", email="guest@example.org")
    run_reminders(moment(4, 8, 9))
    texts = dict(Message.objects.filter(kind="thanks").values_list("object_id", "body_text"))
    asks = "Will you make a promise for the 2027–28 school year?"
    own_page = {rsvp.pk: f"{rsvp.get_absolute_url()}#promise-h\n" for rsvp in (guest, drafted, by_address, matched)}
    assert {pk for pk, text in texts.items() if asks in text and own_page[pk] in text} == {guest.pk, drafted.pk}
    page = web_client.page_html(Client().get(guest.get_absolute_url()))
    assert 'id="promise-h"' in page
    thanked = {
        pk for pk, text in texts.items() if "Thank you, too, for your promises" in text and "/partners/\n" in text
    }
    assert thanked == {by_address.pk, matched.pk}


def test_thanks_ask_no_one_for_a_promise_when_no_school_year_is_open():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    run_reminders(moment(4, 8, 9))
    assert "make a promise" not in only_reminder("thanks").body_text
    assert "/imagine/partners/" in only_reminder("thanks").body_text
    assert "\n\n\n" not in only_reminder("thanks").body_text


# What it says --------------------------------------------------------------------------------------------------


def test_day_reminder_has_event_details_door_code_and_rsvp_link(settings):
    party = reminder_fixtures.rsvp(reminder_fixtures.event(), size=2)
    run_reminders(moment(4, 6, 9))
    message = only_reminder("day")
    assert message.subject == "See you tomorrow: Imagine Promise Summit, April 7"
    assert message.queue == Message.Queue.BULK
    assert message.body_text.split("\n--\n")[0] == (
        "Hi Alma Reyes, we look forward to seeing you tomorrow. You have 2 seats.\n\n"
        "Can’t make it? Please cancel now so someone else can have the seat.\n\n"
        "Imagine Promise Summit\n\n"
        "Thursday, April 7, 2061\n8:00–10:30\N{NO-BREAK SPACE}a.m.\n\n"
        "University of the Pacific\n3601 Pacific Avenue, Stockton, California\n\n"
        f"Check-in code: {party.code}\n\n"
        f"View or change your RSVP:\n{settings.SITE_URL}{party.get_absolute_url()}\n\n"
        "This link is just for you. Anyone who has it can change your RSVP, so please don’t forward it.\n"
    )
    address = preferences.get_preference(party.email)
    assert message.unsubscribe_url == preferences.unsubscribe_url(address, "reminders")
    assert message.unsubscribe_url in message.body_text
    assert message.unsubscribe_url in message.body_html
    assert address.get_absolute_url() in message.body_text


def test_reminder_is_in_the_guests_language():
    reminder_fixtures.rsvp(reminder_fixtures.event(), language="es")
    run_reminders(moment(3, 31, 9))
    message = only_reminder("week")
    assert message.language == "es"
    assert 'lang="es"' in message.body_html
    assert message.subject == "Nos vemos dentro de 7 días: Cumbre Imagine Promise, 7 de abril"
    for english in ("Hi ", "we look", "seat", "This link", "because", "Unsubscribe", "Choose"):
        assert english not in message.body_text


def test_name_that_looks_like_a_placeholder_or_html_is_escaped():
    reminder_fixtures.rsvp(reminder_fixtures.event(), "{link} <b>Bold</b>")
    run_reminders(moment(3, 31, 9))
    assert only_reminder("week").body_text.startswith("Hi {link} <b>Bold</b>, we look forward to seeing you")
    assert "&lt;b&gt;Bold&lt;/b&gt;" in only_reminder("week").body_html


# Once ----------------------------------------------------------------------------------------------------------


def test_deleting_an_rsvp_deletes_its_reminders():
    party = reminder_fixtures.rsvp(reminder_fixtures.event())
    run_reminders(moment(3, 31, 9))
    seats.delete_rsvp(party)
    assert reminder_fixtures.sent_reminders() == []


def test_interrupted_run_is_resumed(monkeypatch):
    event = reminder_fixtures.event()
    for number in range(7):
        reminder_fixtures.rsvp(event, f"Guest {number}")
    monkeypatch.setattr(reminder_sending, "BATCH_SIZE", 3)
    monkeypatch.setattr(reminder_sending, "RUN_SECONDS", 0)
    assert len(run_reminders(moment(3, 31, 9))) == 0  # its period ended before the run
    assert reminder_sending.write_reminder_batch(event, "week", moment(3, 31, 9))
    assert reminder_fixtures.reminder_rows() == [("week", "04-07", 3, False, False)]
    monkeypatch.setattr(reminder_sending, "RUN_SECONDS", 30)
    assert len(run_reminders(moment(3, 31, 9, 5))) == 7
    assert reminder_fixtures.reminder_rows() == [("week", "04-07", 7, False, True)]


@pytest.mark.slow
def test_queries_do_not_grow_with_the_parties():
    counted = []
    for day, number in ((7, 3), (8, 30)):
        event = reminder_fixtures.event(4, day)
        for guest in range(number):
            reminder_fixtures.rsvp(event, f"Guest {guest}", size=2)
        with CaptureQueriesContext(connection) as queries:
            reminder_sending.send_due_reminders(moment(4, day - 3, 9))
        counted.append(len(queries))
        reminder_fixtures.send_queued(moment(4, day - 3, 9))
        type(event).objects.filter(pk=event.pk).update(is_published=False)
    assert counted[0] == counted[1]


def test_task_runs():
    tasks.send_reminders()
    assert reminder_fixtures.reminder_rows() == []


def test_failure_for_one_event_does_not_block_others(caplog):
    broken, working, sent_reminders_list = reminder_fixtures.event(), reminder_fixtures.event(slug="whole"), []

    def fail_once() -> bool:
        sent_reminders_list.append(None)
        return len(sent_reminders_list) < 2

    reminder_sending.run_batches(broken, lambda: 1 / 0, stop_at=time.monotonic() + 60)
    reminder_sending.run_batches(working, fail_once, stop_at=time.monotonic() + 60)
    assert len(sent_reminders_list) == 2
    assert f"Couldn't write the reminders of event {broken.pk}." in caplog.text
