from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from icalendar import Calendar

from summit.calendar import entries as calendar_entries
from summit.models import Event, Rsvp

SITE = "https://imagine.example.org"
STOCKTON = ZoneInfo("America/Los_Angeles")


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = SITE
    settings.MAIL_FROM = "Imagine Promise <imagine@example.com>"
    settings.MAIL_REPLY_TO = "Community Relations <community@example.org>"


def new_event(**fields):
    values = {
        "pk": 5,
        "title": "Imagine Promise Summit",
        "title_es": "Cumbre Imagine Promise",
        "slug": "summit-2019",
        "starts_at": datetime(2019, 4, 4, 15, tzinfo=UTC),
        "ends_at": datetime(2019, 4, 4, 17, 30, tzinfo=UTC),
        "venue": "University of the Pacific",
        "address": "3601 Pacific Avenue, Stockton, California",
    }
    return Event(**values | fields)


def new_rsvp(event=None, **fields):
    values = {"pk": 17, "name": "Alma Reyes", "email": "alma@example.org", "held_seats": 3, "ics_sequence": 4}
    return Rsvp(event=event or new_event(), **values | fields)


def parse(text):
    """Parse the calendar and its only entry with another library."""
    calendar = Calendar.from_ical(text)
    [entry] = calendar.events
    return calendar, entry


def test_request_entry_has_all_properties():
    rsvp = new_rsvp()
    calendar, entry = parse(calendar_entries.for_rsvp(rsvp, "REQUEST"))
    assert (calendar["METHOD"], calendar["VERSION"]) == ("REQUEST", "2.0")
    assert entry["UID"] == str(rsvp.ics_uid)
    assert entry["SEQUENCE"] == 4
    assert entry["SUMMARY"] == "Imagine Promise Summit"
    assert entry["LOCATION"] == "University of the Pacific, 3601 Pacific Avenue, Stockton, California"
    assert entry["DESCRIPTION"] == (
        f"You have 3 seats. Check-in code: {rsvp.code}\nTo change or cancel your RSVP, use the link in our email."
    )
    assert entry["URL"] == f"{SITE}/imagine/rsvp/{rsvp.token}/"
    assert (entry["STATUS"], entry["TRANSP"]) == ("CONFIRMED", "OPAQUE")
    assert entry["ORGANIZER"] == "mailto:imagine@example.com"  # who sends the email that changes it
    assert entry["CONTACT"] == "Community Relations, community@example.org"
    assert entry["ORGANIZER"].params["CN"] == "Community Relations"
    assert entry["ATTENDEE"] == "mailto:alma@example.org"
    assert dict(entry["ATTENDEE"].params) == {
        "CN": "Alma Reyes",
        "PARTSTAT": "ACCEPTED",
        "ROLE": "REQ-PARTICIPANT",
        "RSVP": "FALSE",
    }
    assert abs(entry.DTSTAMP - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("start", "local", "offset"),
    [
        (datetime(2019, 4, 4, 15, tzinfo=UTC), "20190404T080000", -7),
        (datetime(2020, 1, 9, 16, tzinfo=UTC), "20200109T080000", -8),
    ],
)
def test_times_use_the_district_time_zone(start, local, offset):
    event = new_event(starts_at=start, ends_at=start + timedelta(hours=2, minutes=30))
    text = calendar_entries.for_rsvp(new_rsvp(event))
    assert f"DTSTART;TZID=America/Los_Angeles:{local}\r\n" in text
    entry = parse(text)[1]
    assert entry.start == start
    assert entry.start.utcoffset() == timedelta(hours=offset)
    assert entry.end - entry.start == timedelta(hours=2, minutes=30)


def test_vtimezone_is_short_and_matches_zoneinfo():
    calendar, _entry = parse(calendar_entries.for_rsvp(new_rsvp()))
    [zone] = calendar.timezones
    assert len(zone.to_ical()) < 600
    assert [part.DTSTART for part in zone.daylight] == [datetime(2019, 3, 10, 2)]
    assert [part.DTSTART for part in zone.standard] == [datetime(2019, 1, 1), datetime(2019, 11, 3, 2)]
    rules, moment = zone.to_tz(lookup_tzid=False), datetime(2019, 1, 2)
    while moment < datetime(2019, 12, 31):
        assert moment.replace(tzinfo=rules).utcoffset() == moment.replace(tzinfo=STOCKTON).utcoffset(), moment
        moment += timedelta(days=1)


def test_vtimezone_covers_event_spanning_new_year():
    event = new_event(starts_at=datetime(2020, 1, 1, 4, tzinfo=UTC), ends_at=datetime(2020, 1, 1, 9, tzinfo=UTC))
    calendar, entry = parse(calendar_entries.for_event(event))
    rules = calendar.timezones[0].to_tz(lookup_tzid=False)
    assert [moment.replace(tzinfo=rules).astimezone(UTC) for moment in (entry.start, entry.end)] == [
        event.starts_at,
        event.ends_at,
    ]


def test_cancel_keeps_the_uid_and_frees_the_time():
    rsvp = new_rsvp(held_seats=0, canceled_at=datetime.now(UTC), ics_sequence=5)
    calendar, entry = parse(calendar_entries.for_rsvp(rsvp, "CANCEL"))
    assert calendar["METHOD"] == "CANCEL"
    assert (entry["UID"], entry["SEQUENCE"]) == (str(rsvp.ics_uid), 5)
    assert (entry["STATUS"], entry["TRANSP"]) == ("CANCELLED", "TRANSPARENT")
    assert entry["DESCRIPTION"] == "Your RSVP is canceled"
    assert entry["ATTENDEE"] == "mailto:alma@example.org"


def test_publish_entry_has_no_attendee():
    rsvp = new_rsvp()
    calendar, entry = parse(calendar_entries.for_rsvp(rsvp, "PUBLISH"))
    assert calendar["METHOD"] == "PUBLISH"
    assert "ATTENDEE" not in entry
    assert (entry["UID"], entry["SEQUENCE"], entry["STATUS"]) == (str(rsvp.ics_uid), 4, "CONFIRMED")


def test_event_entry_is_public():
    event = new_event(description="Breakfast; come hungry,\nleave with a promise.")
    calendar, entry = parse(calendar_entries.for_event(event))
    assert calendar["METHOD"] == "PUBLISH"
    assert entry["UID"] == "event-5@imagine.example.org"
    assert entry["URL"] == f"{SITE}/imagine/events/summit-2019/"
    assert entry["DESCRIPTION"] == (
        f"Breakfast; come hungry,\nleave with a promise.\n\n{SITE}/imagine/events/summit-2019/"
    )
    assert "ATTENDEE" not in entry
    assert entry["STATUS"] == "CONFIRMED"
    event.canceled_at = datetime.now(UTC)
    assert parse(calendar_entries.for_event(event))[1]["STATUS"] == "CANCELLED"


def test_rsvp_entry_uses_rsvp_language_and_event_entry_the_active_one():
    assert parse(calendar_entries.for_rsvp(new_rsvp(language="es")))[1]["SUMMARY"] == "Cumbre Imagine Promise"
    with translation.override("es"):
        assert parse(calendar_entries.for_event(new_event()))[1]["SUMMARY"] == "Cumbre Imagine Promise"
        assert parse(calendar_entries.for_rsvp(new_rsvp()))[1]["SUMMARY"] == "Imagine Promise Summit"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('<b>Ann & "Bo"\r\nATTENDEE:mailto:evil@example.org', "<b>Ann & 'Bo' ATTENDEE:mailto:evil@example.org"),
        ("Iglesia San José; Panadería Ñandú, S. A.: «Güeros»", "Iglesia San José; Panadería Ñandú, S. A.: «Güeros»"),
        ("Nguyễn Thị Phương Thảo " * 4 + "Đặng", "Nguyễn Thị Phương Thảo " * 4 + "Đặng"),
        ("ស្រីពេជ្រ សំណាង " * 6 + "កែវ", "ស្រីពេជ្រ សំណាង " * 6 + "កែវ"),
        ("Ann^nBo ^'Lee^' ^^", "Ann^nBo ^'Lee^' ^^"),
        ("Ann \x07\x7fBo\tLee", "Ann Bo Lee"),
    ],
)
def test_unusual_names_produce_a_valid_calendar(name, expected):
    text = calendar_entries.for_rsvp(new_rsvp(new_event(title=f"Summit, {expected}; part 1"), name=name))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    entry = parse(text)[1]
    assert entry["ATTENDEE"] == "mailto:alma@example.org"
    assert entry["ATTENDEE"].params["CN"] == expected
    assert entry["SUMMARY"] == f"Summit, {expected}; part 1"
