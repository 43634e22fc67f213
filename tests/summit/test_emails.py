"""The text and calendar part of each email to guests."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.utils import timezone
from icalendar import Calendar

from imagine.mail.rendering import render_with_markers, truncate_subject
from summit import seats
from summit.calendar import web_links
from summit.emails import rsvp as rsvp_emails
from summit.models import Event, Guest, Rsvp
from tests import factories

pytestmark = pytest.mark.django_db

SITE = "https://imagine.example.org"
APRIL_4 = datetime(2030, 4, 4, 15, tzinfo=UTC)  # 8 a.m. in Stockton, a Thursday
OPEN = {"rsvp_opens_at": datetime(2019, 1, 1, tzinfo=UTC), "rsvp_closes_at": datetime(2030, 4, 3, tzinfo=UTC)}
PROMISE_NOTE = (
    "Want to do more for students? While a school year is open for promises, you can make one from your RSVP page."
)
RECIPIENT_REASON = (
    "You’re getting this email because someone used this address to RSVP. If it wasn’t you, cancel with the link above."
)
LINK_WARNING = "This link is just for you. Anyone who has it can change your RSVP, so please don’t forward it."
REPLY = "Questions? Reply to this email, and someone in Community Relations will read it."
MAY_CHANGE = "Plans change? You can update your RSVP or cancel anytime before the event ends."
CALENDAR_NOTE = "We attached a calendar invite to keep your calendar up to date."
CALENDAR_COPY = "No invite to open? Add the event with one of these links. That copy doesn’t change if the event does."


@pytest.fixture(autouse=True)
def district(settings):
    settings.SITE_URL = SITE
    settings.MAIL_REPLY_TO = "community@example.org"
    settings.MAIL_POSTAL_ADDRESS = "1 Sample Street, Stockton, California"


def new_event(**fields):
    return factories.event(starts_at=APRIL_4, **(OPEN | fields))


def emails_of(rsvp, *kinds):
    messages = rsvp.messages.filter(kind__in=kinds) if kinds else rsvp.messages
    return list(messages.order_by("created_at", "object_id"))


def newest(rsvp, kind):
    return emails_of(rsvp, kind)[-1]


def calendar_entry(message):
    """Parse the calendar part's only entry with another library."""
    calendar = Calendar.from_ical(message.ics)
    assert calendar["METHOD"] == message.ics_method
    return calendar.events[0]


class EmailText(HTMLParser):
    """The text of an HTML email, one line per text node, and its links."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.links, self.tags = [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        if text := " ".join(data.split()):
            self.texts.append(text)


# Each message -------------------------------------------------------------------------------------------------------


def test_confirmed_email_has_the_full_text():
    rsvp = factories.rsvp(new_event(), size=3, guests=("Jun Reyes",), language="en")
    Guest.objects.filter(rsvp=rsvp, position=2).update(dietary_needs="vegetarian", accessibility_needs="ramp")
    rsvp_emails.queue_confirmed(rsvp)
    message = newest(rsvp, "rsvp_confirmed")
    assert (message.recipient, message.language) == ("alma.reyes@example.org", "en")
    assert message.subject == "Your 3 seats on April 4 are confirmed"
    assert message.body_text == (
        "Confirmed\n"
        "You have 3 seats\n"
        "\n"
        "Hi Alma Reyes, we look forward to seeing you at breakfast.\n"
        f"{MAY_CHANGE}\n"
        "\n"
        "Imagine Promise Summit\n"
        "Thursday, April 4, 2030\n"
        "8:00–10:30\xa0a.m.\n"
        "University of the Pacific\n"
        "3601 Pacific Avenue, Stockton, California\n"
        "\n"
        f"Check-in code: {rsvp.code}\n"
        "\n"
        "Your party:\n"
        "- Alma Reyes\n"
        "- Jun Reyes, vegetarian, ramp\n"
        "- Guest 3 (no name yet)\n"
        "\n"
        "View or change your RSVP:\n"
        f"{SITE}/imagine/rsvp/{rsvp.token}/\n"
        "\n"
        f"{LINK_WARNING}\n"
        "\n"
        f"{PROMISE_NOTE}\n"
        "\n"
        f"{CALENDAR_NOTE}\n"
        f"{CALENDAR_COPY}\n"
        f"Google: {web_links.google_calendar_link(rsvp.event)}\n"
        f"Outlook: {web_links.outlook_calendar_link(rsvp.event)}\n"
        "\n"
        "--\n"
        "Imagine Promise\n"
        "Stockton Unified School District\n"
        "\n"
        f"{RECIPIENT_REASON}\n"
        f"{REPLY}\n"
        "Community Relations, 1 Sample Street, Stockton, California\n"
    )


def test_confirmed_email_html_has_the_same_content_and_one_personal_link():
    rsvp = factories.rsvp(new_event(), size=3, guests=("Jun Reyes",))
    message = newest(rsvp, "rsvp_confirmed")
    page = EmailText(message.body_html)
    assert page.texts == [
        "Your 3 seats on April 4 are confirmed",
        "Thursday, April 4, 2030, 8:00–10:30 a.m., University of the Pacific. 1 guest still needs a name.",
        "Imagine Promise",
        "Stockton Unified School District",
        "Confirmed",
        "You have 3 seats",
        f"Hi Alma Reyes, we look forward to seeing you at breakfast. {MAY_CHANGE}",
        "Imagine Promise Summit",
        "Thursday, April 4, 2030",
        "8:00–10:30 a.m.",
        "University of the Pacific",
        "3601 Pacific Avenue, Stockton, California",
        f"Check-in code: {rsvp.code}",
        "Your party:",
        "Alma Reyes",
        "Jun Reyes",
        "Guest 3 (no name yet)",
        "View or change your RSVP",
        LINK_WARNING,
        PROMISE_NOTE,
        f"{CALENDAR_NOTE} No invite to open? Add the event to",
        "Google",
        "or",
        "Outlook",
        ". That copy doesn’t change if the event does.",
        RECIPIENT_REASON,
        REPLY,
        "Community Relations, 1 Sample Street, Stockton, California",
    ]
    google, outlook = web_links.google_calendar_link(rsvp.event), web_links.outlook_calendar_link(rsvp.event)
    assert page.links == [f"{SITE}/imagine/rsvp/{rsvp.token}/", google, outlook]
    assert not page.tags & {"img", "link", "script", "style"}
    assert {"ul", "li"} <= page.tags
    assert '<html lang="en">' in message.body_html


@pytest.mark.parametrize(
    ("meal", "sentence"),
    [
        (Event.Meal.BREAKFAST, "Hi Alma Reyes, we look forward to seeing you at breakfast."),
        (Event.Meal.LUNCH, "Hi Alma Reyes, we look forward to seeing you at lunch."),
        (Event.Meal.REFRESHMENTS, "Hi Alma Reyes, we look forward to seeing you. Refreshments will be served."),
        (Event.Meal.NONE, "Hi Alma Reyes, we look forward to seeing you."),
    ],
)
def test_confirmed_email_names_the_meal(meal, sentence):
    message = newest(factories.rsvp(new_event(meal=meal)), "rsvp_confirmed")
    assert message.subject == "Your seat on April 4 is confirmed"
    assert f"\n{sentence}\n" in message.body_text


def test_waitlisted_email_without_seats_has_no_calendar_part():
    event = new_event(capacity=2)
    rsvp = factories.rsvp(event, size=3)
    message = newest(rsvp, "rsvp_waitlisted")
    assert message.subject == "You’re on the waitlist for 3 seats on April 4"
    assert message.body_text.startswith(
        "Waitlisted\n"
        "You’re on the waitlist for 3 seats\n"
        "\n"
        "Hi Alma Reyes, we don’t have enough available seats for your party right now.\n"
        "When seats open up and it’s your turn, they’re yours, and we’ll email you right away. You don’t need to ask "
        "again. After Wednesday, April 3, 2030, at 8:00\xa0p.m., we no longer fill seats from the waitlist.\n"
    )
    assert (message.ics, message.ics_method) == ("", "")
    assert "calendar" not in message.body_text
    assert "Check-in code" not in message.body_text
    assert f"\n{SITE}/imagine/rsvp/{rsvp.token}/\n" in message.body_text


def test_waitlisted_email_with_some_seats_has_calendar_request():
    message = newest(factories.rsvp(new_event(capacity=1), size=3, accepts_partial=True), "rsvp_waitlisted")
    assert message.subject == "You have 1 seat on April 4 and are waiting for 2 more"
    assert message.body_text.startswith(
        "Partly confirmed\nYou have 1 seat and are waiting for 2 more\n\n"
        "Hi Alma Reyes, your seat is confirmed. The rest of your party is on the waitlist.\n"
    )
    entry = calendar_entry(message)
    assert message.ics_method == "REQUEST"
    assert entry["DESCRIPTION"].startswith("You have 1 seat and are waiting for 2 more. Check-in code: ")


def test_waitlisted_email_after_promotion_stopped_promises_no_seats():
    soon = timezone.now() + timedelta(hours=6)
    message = newest(factories.rsvp(factories.event(starts_at=soon, capacity=1), size=2), "rsvp_waitlisted")
    assert (
        "\nWe’ve stopped filling seats from the waitlist. "
        "If a seat opens up, you can take it with the link below or at the door.\n" in message.body_text
    )


def test_promoted_email_for_part_and_all_of_the_party():
    event = new_event(capacity=2)
    first = factories.rsvp(event, "Bo Lee", size=2)
    rsvp = factories.rsvp(event, size=3, accepts_partial=True)
    seats.cancel(first)
    message = newest(rsvp, "rsvp_promoted")
    assert message.subject == "Seats opened up. You have 2 seats on April 4 and are waiting for 1 more"
    assert (
        "\n\nHi Alma Reyes, good news: 2 seats opened up, and they’re yours.\n"
        "You keep your place on the waitlist for the rest.\n"
        "Can’t make it? Please cancel with the link below so someone else can come.\n\n"
    ) in message.body_text
    event.capacity = 3
    factories.save_event(event)
    message = newest(rsvp, "rsvp_promoted")
    assert message.subject == "A seat opened up. You have 3 seats on April 4"
    assert (
        "\n\nHi Alma Reyes, good news: a seat opened up, and it’s yours.\nYou’re no longer on the waitlist.\n"
        in message.body_text
    )
    assert len(emails_of(rsvp, "rsvp_promoted")) == 2


def test_changed_email_shows_current_seats():
    rsvp = factories.rsvp(new_event(capacity=2), size=2)
    seats.change_party_size(rsvp, size=3)
    message = newest(rsvp, "rsvp_changed")
    assert message.subject == "Your RSVP was updated. You have 2 seats on April 4 and are waiting for 1 more"
    assert message.body_text.startswith(
        "Partly confirmed\nYou have 2 seats and are waiting for 1 more\n\n"
        "Hi Alma Reyes, the number of people in your party changed. Here’s your RSVP now.\n\n"
    )


def test_move_to_waitlist_email_cancels_the_calendar_entry():
    rsvp = seats.move_to_waitlist(factories.rsvp(new_event(), size=2))
    message = newest(rsvp, "rsvp_waitlisted")
    assert message.subject == "You’re on the waitlist for 2 seats on April 4"
    assert message.body_text.startswith(
        "Waitlisted\nYou’re on the waitlist for 2 seats\n\n"
        "Hi Alma Reyes, we’re sorry, but we had to move your party to the waitlist. You don’t have seats right now.\n"
        "When seats open up and it’s your turn, they’re yours, and we’ll email you right away."
    )
    assert "\nThe attached file removes the event from your calendar.\n" in message.body_text
    assert message.ics_method == "CANCEL"
    assert calendar_entry(message)["STATUS"] == "CANCELLED"


def test_two_changes_while_waitlisted_send_two_emails():
    rsvp = factories.rsvp(new_event(capacity=1), size=3)
    seats.change_party_size(rsvp, size=2)
    seats.change_party_size(rsvp, size=4)
    assert [message.subject for message in emails_of(rsvp, "rsvp_changed")] == [
        "Your RSVP was updated. You’re on the waitlist for 2 seats on April 4",
        "Your RSVP was updated. You’re on the waitlist for 4 seats on April 4",
    ]


def test_canceled_email_with_seats_cancels_the_calendar_entry():
    rsvp = seats.cancel(factories.rsvp(new_event(), size=2))
    message = newest(rsvp, "rsvp_canceled")
    assert message.subject == "Your RSVP for April 4 is canceled"
    assert message.body_text.startswith(
        "Canceled\nYour RSVP is canceled\n\n"
        "Hi Alma Reyes, we canceled your RSVP, and your seats are open to other guests now.\n"
        "Changed your mind? Use the link below. If seats are available, they’re yours right away. "
        "If not, you’ll join the end of the waitlist.\n\n"
    )
    assert f"\nRSVP again:\n{SITE}/imagine/rsvp/{rsvp.token}/\n" in message.body_text
    assert "\nThe attached file removes the event from your calendar.\n" in message.body_text
    assert "Your party" not in message.body_text
    assert message.ics_method == "CANCEL"
    assert calendar_entry(message)["STATUS"] == "CANCELLED"


def test_canceled_email_of_second_party_uses_the_render_cache():
    event = new_event()
    first, second = factories.rsvp(event), factories.rsvp(event, "Bo Lee")
    seats.cancel(first)
    before = render_with_markers.cache_info().misses
    seats.cancel(second)
    assert render_with_markers.cache_info().misses == before


def test_canceled_email_while_waitlisted_has_no_calendar_part():
    rsvp = seats.cancel(factories.rsvp(new_event(capacity=1), size=2))
    message = newest(rsvp, "rsvp_canceled")
    assert "\n\nHi Alma Reyes, you’re no longer on the waitlist.\n" in message.body_text
    assert (message.ics, message.ics_method) == ("", "")
    assert "calendar" not in message.body_text


def test_canceled_email_after_rsvp_closed_does_not_offer_to_return():
    event = new_event()
    rsvp = factories.rsvp(event)
    Event.objects.update(rsvp_closes_at=timezone.now())
    message = newest(seats.cancel(rsvp), "rsvp_canceled")
    assert "Changed your mind" not in message.body_text
    assert f"\nSee your RSVP:\n{SITE}/imagine/rsvp/{rsvp.token}/\n" in message.body_text


def test_rsvp_link_is_sent_to_the_saved_email():
    rsvp = factories.rsvp(new_event(), size=2)
    before = Rsvp.objects.get(pk=rsvp.pk).ics_sequence
    rsvp_emails.queue_rsvp_link(rsvp)
    [message] = emails_of(rsvp, "rsvp_link")
    assert message.recipient == "alma.reyes@example.org"
    assert message.subject == "The link to your RSVP for April 4"
    assert message.body_text.startswith("Confirmed\nYou have 2 seats\n\nHi Alma Reyes, here’s the link to your RSVP.\n")
    assert f"\nOpen your RSVP:\n{SITE}/imagine/rsvp/{rsvp.token}/\n" in message.body_text
    assert "If it wasn’t you, you can ignore this email. No one else got the link.\n" in message.body_text
    assert message.ics == ""
    assert Rsvp.objects.get(pk=rsvp.pk).ics_sequence == before


@pytest.mark.parametrize(
    ("fields", "subject", "headline", "previously"),
    [
        (
            {"starts_at": datetime(2030, 4, 11, 16, tzinfo=UTC), "ends_at": datetime(2030, 4, 11, 20, tzinfo=UTC)},
            "New date: Imagine Promise Summit, April 11, 9:00 a.m.–1:00 p.m.",
            "New date",
            "Thursday, April 4, 2030, 8:00–10:30\xa0a.m.",
        ),
        (
            {"starts_at": datetime(2030, 4, 4, 16, tzinfo=UTC)},
            "New time: Imagine Promise Summit, April 4, 9:00–10:30 a.m.",
            "New time",
            "Thursday, April 4, 2030, 8:00–10:30\xa0a.m.",
        ),
        (
            {
                "starts_at": datetime(2030, 4, 5, 15, tzinfo=UTC),
                "ends_at": datetime(2030, 4, 5, 17, 30, tzinfo=UTC),
                "venue": "Civic Auditorium",
            },
            "New date and location: Imagine Promise Summit, April 5, 8:00–10:30 a.m.",
            "New date and location",
            "Thursday, April 4, 2030, 8:00–10:30\xa0a.m., University of the Pacific, "
            "3601 Pacific Avenue, Stockton, California",
        ),
        (
            {"venue": "Civic Auditorium"},
            "New location: Imagine Promise Summit, April 4",
            "New location",
            "University of the Pacific, 3601 Pacific Avenue, Stockton, California",
        ),
        (
            {"ends_at": datetime(2030, 4, 4, 18, tzinfo=UTC), "address": "525 North Center Street"},
            "New time and location: Imagine Promise Summit, April 4, 8:00–11:00 a.m.",
            "New time and location",
            "Thursday, April 4, 2030, 8:00–10:30\xa0a.m., University of the Pacific, "
            "3601 Pacific Avenue, Stockton, California",
        ),
    ],
)
def test_rescheduled_email_shows_old_and_new_time_or_place(fields, subject, headline, previously):
    event = new_event()
    rsvp = factories.rsvp(event, size=2)
    for name, value in fields.items():
        setattr(event, name, value)
    factories.save_event(event)
    message = newest(rsvp, "event_rescheduled")
    assert message.subject == subject
    assert message.body_text.startswith(
        f"Please note\n{headline}\n\n"
        "Hi Alma Reyes, we had to make a change to this event. Your RSVP still counts.\nYou have 2 seats.\n"
        "If the change doesn’t work for you, please cancel with the link below so someone else can come.\n"
    )
    assert f"\nPreviously: {previously}\n" in message.body_text
    entry = calendar_entry(message)
    assert (entry.start, entry.end) == (event.starts_at, event.ends_at)
    assert entry["LOCATION"] == f"{event.venue}, {event.address}"


def test_event_canceled_email_cancels_entry_and_has_no_rsvp_link():
    event = new_event(capacity=2)
    seated, queued = factories.rsvp(event, size=2), factories.rsvp(event, "Bo Lee")
    factories.cancel_event(event)
    message = newest(seated, "event_canceled")
    assert message.subject == "Canceled: Imagine Promise Summit, April 4"
    assert message.body_text.startswith(
        "Event canceled\nWe had to cancel this event\n\n"
        "Hi Alma Reyes, we’re sorry. The event on Thursday, April 4, 2030, won’t take place. "
        "You don’t need to do anything about your RSVP.\n\nCanceled: Imagine Promise Summit\n"
    )
    assert f"\nSee what’s coming up:\n{SITE}/imagine/\n" in message.body_text
    assert seated.token not in message.body_text + message.body_html
    assert LINK_WARNING not in message.body_text
    entry = calendar_entry(message)
    assert (message.ics_method, entry["STATUS"]) == ("CANCEL", "CANCELLED")
    assert entry["DESCRIPTION"] == "This event is canceled"
    assert newest(queued, "event_canceled").ics == ""


# The calendar part through a life -----------------------------------------------------------------------------------


def test_calendar_entry_keeps_uid_and_increments_sequence():
    rsvp = factories.rsvp(new_event(), size=3)
    seats.change_party_size(rsvp, size=2)
    seats.cancel(rsvp)
    seats.reinstate(rsvp, size=4)
    parts = [(message.ics_method, calendar_entry(message)) for message in emails_of(rsvp)]
    assert [method for method, _entry in parts] == ["REQUEST", "REQUEST", "CANCEL", "REQUEST"]
    assert {entry["UID"] for _method, entry in parts} == {str(rsvp.ics_uid)}
    assert [entry["SEQUENCE"] for _method, entry in parts] == [1, 2, 3, 4]
    assert [entry["STATUS"] for _method, entry in parts] == ["CONFIRMED", "CONFIRMED", "CANCELLED", "CONFIRMED"]
    assert Rsvp.objects.get(pk=rsvp.pk).ics_sequence == 4
    assert [message.idempotency_key for message in emails_of(rsvp)] == [
        f"rsvp_confirmed:{rsvp.pk}:1",
        f"rsvp_changed:{rsvp.pk}:2",
        f"rsvp_canceled:{rsvp.pk}:3",
        f"rsvp_confirmed:{rsvp.pk}:4",
    ]


# Names, many letters, Spanish ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('<b>Ann & "Bo"\nBcc: evil@example.org', '<b>Ann & "Bo" Bcc: evil@example.org'),
        ("Iglesia San José, Panadería «Ñandú»", "Iglesia San José, Panadería «Ñandú»"),
        ("Nguyễn Thị Phương Thảo " * 4 + "Đặng", "Nguyễn Thị Phương Thảo " * 4 + "Đặng"),
        ("ស្រីពេជ្រ សំណាង " * 6 + "កែវ", "ស្រីពេជ្រ សំណាង " * 6 + "កែវ"),
    ],
)
def test_unusual_names_are_shown_and_escaped(name, expected):
    rsvp = factories.rsvp(new_event(), name, email="alma@example.org")
    message = newest(rsvp, "rsvp_confirmed")
    assert f"\nHi {expected}, we look forward to seeing you at breakfast.\n" in message.body_text
    assert f"\n- {expected}\n" in message.body_text
    page = EmailText(message.body_html)
    assert f"Hi {expected}, we look forward to seeing you at breakfast. {MAY_CHANGE}" in page.texts
    assert expected in page.texts
    assert message.body_html.count("<b>") == 4  # the layout's own


def test_subject_is_one_line_and_fits():
    event = new_event(title="Summit\r\nBcc: evil@example.org, " + "o" * 80)
    rsvp = factories.rsvp(event)
    factories.cancel_event(event)
    assert newest(rsvp, "event_canceled").subject == (
        "Canceled: Summit Bcc: evil@example.org, " + "o" * 80 + ", April 4"
    )
    assert truncate_subject("s" * 201) == "s" * 199 + "…"


def test_building_rescheduled_messages_makes_no_queries(django_assert_num_queries):
    event = new_event(capacity=60)
    for number in range(30):
        factories.rsvp(event, f"Guest {number}", size=2)
    before = Event.objects.get(pk=event.pk)
    event.venue = "Civic Auditorium"
    parties = list(event.rsvps.prefetch_related("guests"))
    with django_assert_num_queries(0):
        for rsvp in parties:
            rsvp.event = event
            rsvp_emails.event_rescheduled_message(rsvp, before)


def test_email_uses_the_language_of_the_rsvp():
    message = newest(factories.rsvp(new_event(title_es="Cumbre Imagine Promise"), language="es"), "rsvp_confirmed")
    assert message.language == "es"
    assert (
        "\nCumbre Imagine Promise\nJueves 4 de abril de 2030\nde\xa08:00\xa0a\xa010:30\xa0a.\xa0m.\n"
    ) in message.body_text
    assert '<html lang="es">' in message.body_html
    assert calendar_entry(message)["SUMMARY"] == "Cumbre Imagine Promise"


def test_spanish_email_has_no_english_text():
    event = new_event(title_es="Cumbre Imagine Promise", capacity=2)
    rsvp = factories.rsvp(event, size=3, accepts_partial=True, language="es")
    message = newest(rsvp, "rsvp_waitlisted")
    assert "Tiene 2 lugares reservados y está en espera de 1 más" in message.body_text
    english = ("You ", "Your ", "When ", "This link", "no name", "Check-in", "Reply", "School District", "Hi ")
    assert [text for text in english if text in message.body_text + message.body_html] == []
