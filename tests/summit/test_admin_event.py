"""Editing events in the admin."""

import re
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape
from django.utils.timezone import get_default_timezone

from imagine.core.formatting import date_at_time
from summit import seats
from summit.formatting import hours
from summit.models import Event
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/event/"


def change_url(event: Event) -> str:
    return f"{LIST}{event.pk}/change/"


def settings_url(event: Event) -> str:
    return f"{change_url(event)}?tab=settings"


def change(staff, event: Event, **changed):
    form_data = web_client.form_fields(staff.get(settings_url(event)))
    return staff.post(change_url(event), form_data | changed, follow=True)


def cancel_events(staff, *events: Event, **more):
    return staff.post(
        LIST, {"action": "cancel_events", "_selected_action": [each.pk for each in events], **more}, follow=True
    )


def test_raising_capacity_promotes_waitlisted_party(staff):
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    waitlisted = factories.rsvp(event, "Waits", size=2)
    change(staff, event, capacity="3", max_party_size="3")
    assert snapshots.seats(event) == [("Seated", 1, 0), ("Waits", 2, 0)]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_lowering_capacity_warns_and_keeps_all_seats(staff):
    event = factories.event(capacity=4)
    factories.rsvp(event, size=4)
    page = web_client.page_text(change(staff, event, capacity="1", max_party_size="1"))
    assert "You’re 3 seats over capacity. No one loses a seat, but the waitlist is on hold." in page
    assert snapshots.seats(event) == [("Alma Reyes", 4, 0)]


def test_venue_change_notifies_guests(staff):
    event = factories.event()
    rsvp = factories.rsvp(event)
    change(staff, event, venue="Weber Point Events Center", _sure="yes")
    factories.notify_guests()
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "event_rescheduled 2 REQUEST"]


def test_save_without_a_change_changes_nothing(staff):
    event = factories.event()
    factories.rsvp(event)
    before = snapshots.tables(exclude=("accounts.StaffSession", "admin.LogEntry"))
    change(staff, event)
    assert snapshots.tables(exclude=("accounts.StaffSession", "admin.LogEntry")) == before


@pytest.mark.slow
def test_invalid_event_shows_error_on_its_field(subtests, staff):
    event = factories.event()
    factories.event(slug="taken")
    factories.rsvp(event)
    form_data = web_client.form_fields(staff.get(settings_url(event)))
    before = snapshots.tables(exclude=("accounts.StaffSession",))
    for more in [{}, {"_sure": "yes"}]:
        for value, field, expected_error in [
            ({"ends_at_0": "2020-01-01"}, "ends_at", "Choose an end time after the event starts."),
            ({"rsvp_closes_at_0": "2020-01-01"}, "rsvp_closes_at", "Choose a closing time after RSVPs open."),
            (
                {"rsvp_closes_at_0": "2099-01-01"},
                "rsvp_closes_at",
                "RSVPs can’t stay open after the event ends. Choose an earlier time.",
            ),
            ({"max_party_size": "0"}, "max_party_size", "Enter 1 or more."),
            (
                {"max_party_size": "21", "capacity": "30"},
                "max_party_size",
                "Enter 20 or less.",
            ),
            ({"capacity": "5"}, "max_party_size", "The maximum party size can’t be larger than the capacity."),
            (
                {"max_party_size": "11"},
                "max_party_size",
                "The maximum party size can’t be larger than the capacity.",
            ),
            ({"capacity": "-1"}, "capacity", "Enter 0 or more."),
            ({"capacity": "1000000"}, "capacity", "Enter 20000 or less."),
            ({"reserved_seats": "11"}, "reserved_seats", "You can’t reserve more seats than the capacity."),
            ({"slug": "two words"}, "slug", "Use only letters, numbers, and hyphens, with no spaces."),
            ({"slug": "taken"}, "slug", "Another event already has this web address. Enter a different one."),
            (
                {
                    "starts_at_0": "2020-01-02",
                    "ends_at_0": "2020-01-03",
                    "rsvp_opens_at_0": "2020-01-01",
                    "rsvp_closes_at_0": "2020-01-02",
                },
                "ends_at",
                "This time has passed, and guests have RSVP’d. To notify them, use “Cancel event” above.",
            ),
        ]:
            with subtests.test(more=more, value=value, field=field, expected_error=expected_error):
                form = staff.post(change_url(event), form_data | value | more).context["adminform"].form
                assert {name: list(sentences) for name, sentences in form.errors.items()} == {field: [expected_error]}
                assert snapshots.tables(exclude=("accounts.StaffSession",)) == before


def test_existing_invalid_numbers_do_not_block_other_changes(staff):
    event = factories.event(capacity=2)
    change(staff, event, title="The Summit")
    assert Event.objects.values_list("title", "max_party_size").get() == ("The Summit", 6)


def test_add_form_creates_an_event(staff):
    event = factories.event()
    value = web_client.form_fields(staff.get(settings_url(event)))
    value |= {"slug": "another", "title": "Another"}
    value.pop("shown", None)
    assert staff.post(f"{LIST}add/", value).status_code == 302
    another = Event.objects.get(slug="another")
    starts_at = event.starts_at.replace(second=0)  # the form has no seconds
    assert (another.title, another.capacity, another.starts_at) == ("Another", 10, starts_at)


def test_list_and_form_have_titles_of_their_own(staff):
    event = factories.event(title="Tea & <Talk>")
    form = web_client.page_html(staff.get(change_url(event)))
    assert web_client.page_title(staff.get(LIST)) == "Events | Imagine Promise"
    assert "<h1>Events</h1>" in web_client.page_html(staff.get(LIST))
    assert web_client.page_title(form) == f"{event} | Events | Imagine Promise"
    assert f"<h1>{escape(event)}</h1>" in form
    assert str(event).startswith("Tea & <Talk>, ")


def test_each_date_and_time_is_named_after_its_field(staff):
    form = staff.get(f"{LIST}add/").content.decode()
    for label in ("Starts", "Ends", "RSVPs open", "RSVPs close"):
        assert f'aria-label="{label}, date"' in form
        assert f'aria-label="{label}, time"' in form


def test_dates_are_shown_and_read_the_american_way(staff):
    event = factories.event(starts_at=datetime(2027, 4, 1, 8, 0, 45, tzinfo=get_default_timezone()))
    shown = web_client.form_fields(staff.get(settings_url(event)))
    assert (shown["starts_at_0"], shown["starts_at_1"]) == ("Thu, Apr 1, 2027", "8:00\N{NO-BREAK SPACE}a.m.")
    page = change(staff, event, starts_at_0="4/8/2027", starts_at_1="9am", ends_at_0="Apr 8, 2027", ends_at_1="11:30")
    assert page.redirect_chain
    event.refresh_from_db()
    assert (date_at_time(event.starts_at), hours(event)) == (
        "Thursday, April 8, 2027, at 9:00\N{NO-BREAK SPACE}a.m.",
        "9:00–11:30\N{NO-BREAK SPACE}a.m.",
    )


def test_event_with_rsvps_is_not_deleted(staff):
    event = factories.event()
    factories.rsvp(event)
    response = staff.post(f"{LIST}{event.pk}/delete/", {"post": "yes"})
    assert response.status_code in {200, 403}
    assert Event.objects.count() == 1


def test_canceling_asks_for_confirmation_then_notifies_each_party_once(staff):
    event = factories.event(capacity=1)
    seated, waitlisted = factories.rsvp(event, "Seated"), factories.rsvp(event, "Waits")
    before = snapshots.tables(exclude=("accounts.StaffSession",))
    response = cancel_events(staff, event)
    assert "Cancel this event?" in web_client.page_text(response)
    assert snapshots.tables(exclude=("accounts.StaffSession",)) == before
    value = web_client.form_fields(response)
    assert "1 event canceled." in web_client.page_text(cancel_events(staff, event, sure=value["sure"]))
    assert Event.objects.get().canceled_at is not None
    factories.notify_guests()
    assert snapshots.emails(seated) == ["confirmed 1 REQUEST", "event_canceled 2 CANCEL"]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "event_canceled 2"]


def button_labels(page) -> set[str]:
    html = page.content.decode().partition('class="admin-actions"')[2].partition("</div>")[0]
    return {text.strip() for text in re.findall(r"<(?:a|button)[^>]*>([^<]*)<", html)}


def test_buttons_of_the_event_page_depend_on_the_event_and_the_role(staff):
    event = factories.event(is_published=False)
    always = {"Invite people", "Email guests", "Download guest list (Excel)", "Set up next spring’s summit"}
    open_to_change = {"Reschedule", "Cancel event"}
    assert button_labels(staff.get(change_url(event))) == always | open_to_change | {"Preview", "Publish event"}
    Event.objects.update(is_published=True)
    assert button_labels(staff.get(change_url(event))) == always | open_to_change | {"Add phone RSVP"}
    factories.end_event(event)
    assert button_labels(staff.get(change_url(event))) == always
    reader = web_client.staff_client("view_event")
    Event.objects.update(is_published=False)
    assert button_labels(reader.get(change_url(event))) == {"Preview"}


def test_event_is_published_by_its_button(staff):
    event = factories.event(is_published=False)
    press = {"action": "publish_events", "_selected_action": [event.pk]}
    page = staff.post(LIST, press, follow=True)
    assert page.redirect_chain == [(change_url(event), 302)]
    assert "1 event published." in web_client.page_text(page)
    assert Client().get(event.get_absolute_url()).status_code == 200
    assert snapshots.changes(event) == [{"is_published": [False, True]}]
    assert "1 event was already published." in web_client.page_text(staff.post(LIST, press, follow=True))
    assert len(snapshots.changes(event)) == 1


def test_event_is_canceled_from_its_page(staff):
    event = factories.event()
    page = staff.get(change_url(event)).content.decode()
    form = page.partition('value="cancel_events"')[0].rpartition("<form")[2]
    assert f'action="{LIST}"' in form
    assert "Cancel this event?" in web_client.page_text(cancel_events(staff, event))


@pytest.mark.parametrize("language", ["en", "es"])
def test_unpublished_event_is_previewed_by_staff_only(staff, language):
    event = factories.event(is_published=False)
    url = f"{LIST}{event.pk}/preview/"
    page = staff.get(url, headers={"accept-language": language})
    band = {
        "en": "This event isn’t published, so only staff can see this page. No one can RSVP yet.",
        "es": "Este evento no está publicado: solo el personal puede ver esta página y todavía no se puede reservar.",
    }
    assert band[language].replace("’", "'") in web_client.page_text(page).replace("’", "'")
    assert re.search(r'<button class="btn btn-primary btn-lg btn-wide"\s+disabled', page.content.decode())
    assert 'content="noindex"' in page.content.decode()
    assert "no-cache" in page["Cache-Control"]
    assert staff.post(url).status_code == 405
    assert Client().get(event.get_absolute_url()).status_code == 404
    assert Client().get(url).status_code == 302
    assert web_client.staff_client("view_rsvp").get(url).status_code == 403
    assert staff.get(f"{LIST}999/preview/").status_code == 404


@pytest.mark.parametrize("opens_in", [-1, 1])
def test_every_link_of_a_preview_works(staff, opens_in):
    """The calendar file is that of the unpublished event; everything else is public."""
    opens = timezone.now() + timedelta(days=opens_in)
    event = factories.event(is_published=False, rsvp_opens_at=opens, description="Doors open at 7:30 a.m.")
    page = staff.get(f"{LIST}{event.pk}/preview/").content.decode()
    links = {unescape(link) for link in re.findall(r'<a[^>]* href="(/[^"#]+)', page)}
    assert {link: staff.get(link).status_code for link in links} == dict.fromkeys(links, 200)
    calendar = f"{LIST}{event.pk}/preview/calendar.ics"
    assert calendar in links
    assert "SUMMARY:Imagine Promise Summit" in staff.get(calendar).content.decode()
    assert Client().get(calendar).status_code == 302
    assert web_client.staff_client("view_rsvp").get(calendar).status_code == 403


def test_preview_of_a_published_event_leads_to_its_page(staff):
    event = factories.event()
    assert staff.get(f"{LIST}{event.pk}/preview/")["Location"] == event.get_absolute_url()


def test_canceling_past_event_is_refused(staff):
    event = factories.event()
    factories.end_event(event)
    assert "This event is over, so it can’t be canceled." in web_client.page_text(
        cancel_events(staff, event, sure="yes")
    )
    assert Event.objects.get().canceled_at is None


@pytest.mark.slow
def test_event_list_shows_seats_with_constant_query_count(staff, django_assert_num_queries):
    event = factories.event(capacity=5, reserved_seats=1)
    factories.rsvp(event, size=3)
    factories.rsvp(event, "Waits", size=2)
    staff.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        row = staff.get(LIST).context["cl"].result_list[0]
    assert (row.held_seats, row.waitlisted_seats) == (3, 2)
    for _number in range(29):
        factories.rsvp(factories.event())
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)


@pytest.mark.slow
def test_raising_capacity_after_promotion_stopped_promotes_no_one(staff):
    event = factories.event(capacity=1)
    seated = factories.rsvp(event, "Seated")
    factories.rsvp(event, "Waits")
    factories.stop_promotion(event)
    seats.cancel(seated)
    change(staff, event, capacity="6")
    assert snapshots.seats(event) == [("Seated", 0, 0), ("Waits", 0, 1)]
