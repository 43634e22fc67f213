from datetime import UTC, date, datetime

import pytest
from django.utils import timezone, translation

from imagine.core.formatting import at_time, clock, date_at_time, day, long_date, short_date
from summit import formatting
from summit.models import Event, Rsvp

EIGHT = datetime(2019, 4, 4, 15, tzinfo=UTC)  # 8 a.m. in Stockton
AFTER_MIDNIGHT_IN_LONDON = datetime(2019, 4, 5, 1, 30, tzinfo=UTC)  # still April 4, 6:30 p.m., in Stockton


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Thursday, April 4, 2019", "April 4, 2019", "April 4", "Thursday", "8:00\xa0a.m."]),
        ("es", ["jueves 4 de abril de 2019", "4 de abril de 2019", "4 de abril", "jueves", "8:00\xa0a.\xa0m."]),
    ],
)
def test_dates_in_both_languages(language, expected):
    filters = [long_date, short_date, day, formatting.weekday, clock]
    with translation.override(language):
        assert [format_date(EIGHT) for format_date in filters] == expected


@pytest.mark.parametrize(
    ("start", "end", "english", "spanish"),
    [
        ((4, 4, 15, 0), (4, 4, 17, 30), "8:00–10:30\xa0a.m.", "de\xa08:00\xa0a\xa010:30\xa0a.\xa0m."),
        ((4, 4, 18, 0), (4, 4, 20, 30), "11:00\xa0a.m.–1:30\xa0p.m.", "de\xa011:00\xa0a.\xa0m. a\xa01:30\xa0p.\xa0m."),
        ((4, 4, 19, 0), (4, 4, 21, 5), "12:00–2:05\xa0p.m.", "de\xa012:00\xa0a\xa02:05\xa0p.\xa0m."),
        (
            (4, 4, 16, 0),
            (4, 5, 23, 0),
            "9:00\xa0a.m. to 4:00\xa0p.m. on April 5",
            "de\xa09:00\xa0a.\xa0m. a 4:00\xa0p.\xa0m. del 5 de abril",
        ),
        (
            (1, 10, 16, 0),
            (1, 10, 18, 30),
            "8:00–10:30\xa0a.m.",
            "de\xa08:00\xa0a\xa010:30\xa0a.\xa0m.",
        ),  # standard time: UTC−8
    ],
)
def test_hours_in_both_languages(start, end, english, spanish):
    event = Event(starts_at=datetime(2019, *start, tzinfo=UTC), ends_at=datetime(2019, *end, tzinfo=UTC))
    with translation.override("en"):
        assert formatting.hours(event) == english
    with translation.override("es"):
        assert formatting.hours(event) == spanish


def test_dates_use_the_districts_time_zone():
    with timezone.override("Asia/Tokyo"):
        assert long_date(AFTER_MIDNIGHT_IN_LONDON) == "Thursday, April 4, 2019"
        assert clock(AFTER_MIDNIGHT_IN_LONDON) == "6:30\xa0p.m."


def test_short_date_accepts_a_date_and_none_formats_as_empty():
    assert short_date(date(2026, 12, 1)) == "December 1, 2026"
    assert [format_date(None) for format_date in (long_date, day, formatting.weekday, clock)] == [""] * 4


@pytest.mark.parametrize(
    ("hour", "english", "spanish"),
    [
        (15, "at 8:00\xa0a.m.", "a las 8:00\xa0a.\xa0m."),
        (20, "at 1:00\xa0p.m.", "a la 1:00\xa0p.\xa0m."),
        (8, "at 1:00\xa0a.m.", "a la 1:00\xa0a.\xa0m."),
        (18, "at 11:00\xa0a.m.", "a las 11:00\xa0a.\xa0m."),
    ],
)
def test_times_in_a_sentence(hour, english, spanish):
    moment = EIGHT.replace(hour=hour)
    with translation.override("en"):
        assert [at_time(moment), date_at_time(moment)] == [english, f"Thursday, April 4, 2019, {english}"]
    with translation.override("es"):
        assert [at_time(moment), date_at_time(moment)] == [spanish, f"jueves 4 de abril de 2019 {spanish}"]
    assert [at_time(None), date_at_time(None)] == ["", ""]


def test_dates_without_a_language_are_english():
    with translation.override(None):
        assert long_date(EIGHT) == "Thursday, April 4, 2019"


@pytest.mark.parametrize(
    ("held", "waitlisted", "label", "seats", "on_day"),
    [
        (1, 0, "Confirmed", "You have 1 seat", "You have 1 seat on April 4"),
        (3, 0, "Confirmed", "You have 3 seats", "You have 3 seats on April 4"),
        (
            1,
            2,
            "Partly confirmed",
            "You have 1 seat and are waiting for 2 more",
            "You have 1 seat on April 4 and are waiting for 2 more",
        ),
        (
            2,
            1,
            "Partly confirmed",
            "You have 2 seats and are waiting for 1 more",
            "You have 2 seats on April 4 and are waiting for 1 more",
        ),
        (0, 1, "Waitlisted", "You’re on the waitlist for 1 seat", "You’re on the waitlist for 1 seat on April 4"),
        (0, 4, "Waitlisted", "You’re on the waitlist for 4 seats", "You’re on the waitlist for 4 seats on April 4"),
    ],
)
def test_status_label_and_seats_sentence_of_an_rsvp(held, waitlisted, label, seats, on_day):
    rsvp = Rsvp(event=Event(starts_at=EIGHT), held_seats=held, waitlisted_seats=waitlisted)
    assert (
        formatting.status_label(rsvp),
        formatting.seats_sentence(rsvp),
        formatting.seats_sentence_with_day(rsvp),
    ) == (
        label,
        seats,
        on_day,
    )


def test_status_label_and_seats_sentence_of_a_canceled_rsvp():
    rsvp = Rsvp(event=Event(starts_at=EIGHT), canceled_at=EIGHT)
    assert formatting.status_label(rsvp) == "Canceled"
    assert formatting.seats_sentence(rsvp) == "Your RSVP is canceled"
    assert formatting.seats_sentence_with_day(rsvp) == "Your RSVP for April 4 is canceled"
