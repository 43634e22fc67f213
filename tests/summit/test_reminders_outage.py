"""After an outage of our processes or the mail server, due reminders are sent late with correct text, or not at all,
and only once."""

from datetime import timedelta

import pytest

from imagine.mail import preferences, queue
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Message
from summit import rsvp_links, seats
from summit.reminders import sending as reminder_sending
from tests import factories
from tests.summit import reminder_fixtures
from tests.summit.reminder_fixtures import moment, only_reminder, reminder_rows, run_reminders
from tests.summit.test_seats_races import at_once

pytestmark = pytest.mark.django_db


# Nothing ran -----------------------------------------------------------------------------------------------------


def test_late_week_reminder_says_the_actual_number_of_days():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    assert run_reminders(moment(4, 2, 17)) == ["week alma.reyes@example.org"]
    assert only_reminder("week").subject == "See you in 5 days: Imagine Promise Summit, April 7"
    assert only_reminder("week").body_text.startswith("Hi Alma Reyes, we look forward to seeing you in 5 days.")


def test_day_reminder_sent_on_the_event_day_says_today():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    assert run_reminders(moment(4, 7, 5)) == ["day alma.reyes@example.org"]
    assert only_reminder("day").subject == "See you today: Imagine Promise Summit, April 7"
    assert ("week", "04-07", 0, True, True) in reminder_rows()


@pytest.mark.parametrize(
    ("kind", "last", "too_late"),
    [
        ("week", moment(4, 4, 8, 59), moment(4, 4, 9)),
        ("names", moment(4, 6, 8, 59), moment(4, 6, 9)),
        ("day", moment(4, 7, 5, 59), moment(4, 7, 6)),
        ("thanks", moment(4, 14, 23, 59), moment(4, 15)),
    ],
)
def test_each_reminder_is_sent_late_only_until_it_is_too_late(kind, last, too_late):
    parties = [
        reminder_fixtures.rsvp(reminder_fixtures.event(4, 7), size=2),
        reminder_fixtures.rsvp(reminder_fixtures.event(4, 7), "Chue Vang", size=2),
    ]
    expected = [
        reminder_sending.write_reminder_batch(party.event, kind, now)
        for party, now in zip(parties, (last, too_late), strict=True)
    ]
    assert expected == [True, False]
    assert reminder_fixtures.sent_reminders() == [f"{kind} alma.reyes@example.org"]
    assert reminder_rows() == [(kind, "04-07", 1, False, False), (kind, "04-07", 0, True, True)]


def test_reminder_that_was_too_late_is_not_sent_if_the_clock_is_set_back():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    assert run_reminders(moment(4, 5), moment(4, 3, 9)) == []
    assert ("week", "04-07", 0, True, True) in reminder_rows()


def test_reminders_of_an_event_without_guests_are_not_marked_too_late():
    reminder_fixtures.event()
    run_reminders(moment(4, 5), moment(4, 7, 7), moment(4, 20))
    assert {row[2:] for row in reminder_rows()} == {(0, False, True)}


def test_event_long_past_gets_no_thanks():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    assert run_reminders(moment(5, 7)) == []
    assert reminder_rows() == []


# Mail did not flow -----------------------------------------------------------------------------------------------


def test_unsent_day_reminder_is_rewritten_after_midnight():
    party = reminder_fixtures.rsvp(reminder_fixtures.event())
    run_reminders(moment(4, 6, 9), sent=False)
    assert only_reminder("day").subject == "See you tomorrow: Imagine Promise Summit, April 7"
    assert only_reminder("day").expires_at == moment(4, 7)
    assert run_reminders(moment(4, 7, 0, 5), sent=False) == ["day alma.reyes@example.org"]
    assert only_reminder("day").subject == "See you today: Imagine Promise Summit, April 7"
    assert only_reminder("day").expires_at == moment(4, 7, 6)
    assert only_reminder("day").idempotency_key == f"reminder_day:{party.pk}:2061-04-07"
    assert run_reminders(moment(4, 7, 6), sent=False) == []
    assert ("day", "04-07", 0, True, True) in reminder_rows()


@pytest.mark.slow
def test_unsent_thanks_stay_queued_for_days():
    reminder_fixtures.rsvp(reminder_fixtures.event())
    for hours in range(0, 6 * 24, 12):
        run_reminders(moment(4, 8, 9) + timedelta(hours=hours), sent=False)
    assert reminder_fixtures.sent_reminders() == ["thanks alma.reyes@example.org"]


@pytest.mark.slow
def test_sent_reminders_are_kept_when_unsent_ones_are_deleted():
    event = reminder_fixtures.event()
    for number in range(4):
        reminder_fixtures.rsvp(event, f"Guest {number}")
    run_reminders(moment(4, 6, 9), sent=False)
    first, *_rest = Message.objects.filter(queue="bulk").order_by("idempotency_key")
    Message.objects.filter(pk=first.pk).update(state="sent", sent_at=moment(4, 6, 9))
    run_reminders(moment(4, 7, 7), sent=False)
    assert reminder_fixtures.sent_reminders() == [f"day {first.recipient}"]
    assert ("day", "04-07", 1, True, True) in reminder_rows()


@pytest.mark.slow
@pytest.mark.parametrize("change", ["cancel", "waits", "moved", "called off"])
def test_unsent_reminder_is_deleted_when_it_becomes_outdated(change):
    party = reminder_fixtures.rsvp(reminder_fixtures.event())
    event = party.event
    run_reminders(moment(4, 6, 9), sent=False)
    assert reminder_fixtures.sent_reminders() == ["day alma.reyes@example.org"]
    if change == "cancel":
        seats.cancel(party)
    elif change == "waits":
        seats.move_to_waitlist(party)
    elif change == "called off":
        factories.cancel_event(event)
    else:
        event.starts_at, event.ends_at = moment(4, 28, 8), moment(4, 28, 10)
        factories.save_event(event)
    assert run_reminders(moment(4, 6, 9, 5), sent=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("change", ["called off", "another hour", "another place"])
@pytest.mark.parametrize("claimed", [False, True])
def test_unsent_reminder_is_deleted_at_once_when_the_event_changes(change, claimed):
    """It isn't sent in the minutes before the next run, even if a worker has already claimed it."""
    event = reminder_fixtures.event()
    party = reminder_fixtures.rsvp(event)
    other = reminder_fixtures.rsvp(reminder_fixtures.event(slug="another"), "Chue Vang")
    run_reminders(moment(4, 6, 9), sent=False)
    if claimed:
        bulk_delivery.claim_batch()
    if change == "called off":
        factories.cancel_event(event)
    else:
        changed = {"starts_at": moment(4, 7, 9)} if change == "another hour" else {"venue": "Elsewhere"}
        for name, value in changed.items():
            setattr(event, name, value)
        factories.save_event(event)
    email = party.messages.get(state="queued")
    assert email.kind == ("event_canceled" if change == "called off" else "event_rescheduled")
    Message.objects.filter(pk=email.pk).update(created_at=moment(4, 6, 9, 1))
    assert reminder_fixtures.sent_reminders() == [f"day {other.email}"]
    assert run_reminders(moment(4, 6, 9, 5), sent=False) == [f"day {other.email}"]  # that email says everything


@pytest.mark.parametrize("change", ["address", "link"])
def test_unsent_reminder_is_rewritten_when_the_email_or_link_changes(change):
    party = reminder_fixtures.rsvp(reminder_fixtures.event())
    run_reminders(moment(4, 6, 9), sent=False)
    before = only_reminder("day")
    if change == "address":
        party = rsvp_links.change_email(party, "right@example.org")
    else:
        party = rsvp_links.replace_rsvp_link(party)
    run_reminders(moment(4, 6, 9, 5), sent=False)
    after = only_reminder("day")
    assert (after.idempotency_key, after.pk == before.pk) == (before.idempotency_key, False)
    address = "right@example.org" if change == "address" else party.email
    assert after.recipient == address
    assert after.unsubscribe_url == preferences.unsubscribe_url(preferences.get_preference(address), "reminders")
    assert party.get_absolute_url() in after.body_text
    assert ("day", "04-07", 1, False, True) in reminder_rows()


@pytest.mark.slow
def test_unsent_names_reminder_is_rewritten_when_the_event_moves():
    event = reminder_fixtures.event()
    reminder_fixtures.rsvp(event, size=2)
    run_reminders(moment(4, 4, 9), sent=False)
    event.venue = "Elsewhere"
    factories.save_event(event)
    assert reminder_fixtures.sent_reminders() == []
    assert run_reminders(moment(4, 4, 9, 5), sent=False) == ["names alma.reyes@example.org"]
    assert "Elsewhere" in only_reminder("names").body_text
    assert ("names", "04-07", 1, False, True) in reminder_rows()


def test_expired_reminder_is_not_due_unless_it_is_queued_again(django_capture_on_commit_callbacks):
    party = reminder_fixtures.rsvp(reminder_fixtures.event())
    run_reminders(moment(4, 6, 9), sent=False)
    assert Message.objects.due("bulk").count() == 1
    Message.objects.update(expires_at=moment(4, 6, 9).replace(year=2020))
    assert Message.objects.due("bulk").count() == 0
    Message.objects.filter(queue="bulk").update(state="failed")
    assert queue.requeue(only_reminder("day"))
    assert Message.objects.due("bulk").count() == 1
    assert run_reminders(moment(4, 6, 10), sent=False) == [f"day {party.email}"]


# At the same time ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_four_concurrent_runs_send_each_reminder_once(monkeypatch):
    event = reminder_fixtures.event()
    for number in range(20):
        reminder_fixtures.rsvp(event, f"Guest {number}", size=2)
    monkeypatch.setattr(reminder_sending, "BATCH_SIZE", 3)
    at_once(
        [lambda: reminder_sending.send_due_reminders(moment(4, 4, 8))] * 2
        + [lambda: reminder_sending.send_due_reminders(moment(4, 4, 9))] * 2
    )
    reminder_sending.send_due_reminders(moment(4, 4, 9, 5))
    assert sorted(row[:3] for row in reminder_rows()) in (
        [("names", "04-07", 20), ("week", "04-07", count)] for count in range(21)
    )
    assert len(reminder_fixtures.sent_reminders()) == sum(row[2] for row in reminder_rows())
    assert len(set(reminder_fixtures.sent_reminders())) == len(reminder_fixtures.sent_reminders())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_guest_who_cancels_concurrently_is_reminded_before_or_not_at_all():
    parties = [reminder_fixtures.rsvp(reminder_fixtures.event(4, 7), f"Guest {number}") for number in range(6)]
    at_once(
        [
            lambda: reminder_sending.send_due_reminders(moment(4, 6, 9)),
            *[lambda party=party: seats.cancel(party) for party in parties],
        ]
    )
    for party in parties:
        reminder = party.messages.filter(kind="reminder_day").first()
        canceled = party.messages.get(kind="rsvp_canceled")
        assert reminder is None or reminder.created_at <= canceled.created_at
