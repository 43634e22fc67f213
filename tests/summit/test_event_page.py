"""The admin page of an event: its overview, the copy for next spring, and the confirmation before guests are
emailed."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.timezone import get_default_timezone

from imagine.core.formatting import day
from imagine.mail.models import Mailing, Message
from summit import attendance, school_year, seats
from summit.admin.event_links import rsvp_list_url, tab_url
from summit.invitations import responses
from summit.models import Event, Rsvp
from tests import factories, snapshots, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/event/"
RSVPS = "/imagine/admin/summit/rsvp/"
NEW_VENUE = "Weber Point Events Center"
IGNORED_TABLES = ("accounts.StaffSession",)


def change_url(event: Event) -> str:
    return f"{LIST}{event.pk}/change/"


def save(staff: Client, event: Event, **changed):
    """Save the event's form with these changes and return the response."""
    return staff.post(change_url(event), web_client.form_fields(staff.get(tab_url(event, "settings"))) | changed)


def names(response) -> list[str]:
    return [rsvp.name for rsvp in response.context["cl"].result_list]


@pytest.fixture
def full_event(db) -> Event:
    """An event with 4 of 6 seats for the public, of which one party holds 3. One party waits for 4 and is skipped; one
    waits for 2."""
    event = factories.event(capacity=6, reserved_seats=2)
    canceled_rsvp = factories.rsvp(event, "Gone", size=3)
    factories.rsvp(event, "Stays", sector="labor")
    factories.rsvp(event, "Large", size=4, sector="labor")
    factories.rsvp(event, "Small", size=2, guests=("Ben Ochoa",), sector="faith")
    seats.cancel(canceled_rsvp)
    factories.rsvp(event, "Later", size=2)
    return event


# What it answers --------------------------------------------------------------------------------------------------


def test_page_shows_seat_rsvp_and_sector_figures(staff, full_event):
    urls = [change_url(full_event), *(tab_url(full_event, tab) for tab in ("guests", "emails"))]
    page = " ".join(web_client.page_text(staff.get(url)) for url in urls)
    for text in (
        "confirmed seats 3 waitlisted seats 6 reserved seats 2 available seats 1 capacity 6",
        "Confirmed (2) Waitlisted (2) Skipped on the waitlist (1) Canceled (1) Canceled late (0) Unnamed guests (4)",
        "Labor 2 1 4 Faith-based 1 2 0 Not given 1 0 2",
        "3 guests with confirmed seats listed none.",
        "0 4 Waiting for 4 seats together.",
        "No emails about this event have failed.",
    ):
        assert text in page


def test_chart_shows_seats_capacity_and_last_year_with_their_numbers(staff, full_event):
    before = factories.event(capacity=9, school_year=full_event.school_year - 1)
    factories.rsvp(before, "Came last year", size=5)
    factories.end_event(before)
    response = staff.get(change_url(full_event))
    page, text = web_client.page_html(response), web_client.page_text(response)
    assert "Confirmed seats today: 3 Capacity without 2 reserved: 4 Last year" in text
    assert f'role="img" aria-labelledby="seat-chart-{full_event.pk}"' in page
    assert page.count('<path class="chart-seats"') == page.count('<path class="chart-previous"') == 2
    assert "style=" not in page.partition('<div class="admin-page">')[2].partition("<form")[0]


@pytest.mark.slow
def test_links_open_the_filtered_rsvp_list_of_this_event(subtests, staff, full_event):
    factories.rsvp(factories.event(), "Elsewhere", size=2)
    lists = staff.get(tab_url(full_event, "guests")).context["guests"]["lists"] | {
        "active": rsvp_list_url(full_event, status="active")
    }
    for query, found in [
        ("", ["Later", "Small", "Large", "Stays", "Gone"]),
        ("confirmed", ["Small", "Stays"]),
        ("waitlisted", ["Later", "Large"]),
        ("skipped", ["Large"]),
        ("canceled", ["Gone"]),
        ("late", []),
        ("unnamed", ["Later", "Large"]),
        ("active", ["Later", "Small", "Large", "Stays"]),
    ]:
        with subtests.test(query=query, found=found):
            response = staff.get(lists[query or "all"])
            assert (response.status_code, names(response)) == (200, found)


@pytest.mark.slow
def test_sectors_link_to_their_rsvps(staff, full_event):
    sectors = staff.get(tab_url(full_event, "guests")).context["guests"]["sectors"]
    found = {row["label"]: names(staff.get(row["list"])) for row in sectors}
    assert found == {"Labor": ["Large", "Stays"], "Faith-based": ["Small"], "Not given": ["Later"]}


def test_failed_email_is_shown_with_its_reason_and_link(staff, full_event):
    rsvp = full_event.rsvps.get(name="Stays")
    message = rsvp.messages.get()
    Message.objects.filter(pk=message.pk).update(state=Message.State.REJECTED, last_error="550 no such mailbox")
    assert "1 email about this event couldn’t be delivered. Failed emails" in web_client.page_text(
        staff.get(change_url(full_event))
    )
    page = staff.get(tab_url(full_event, "emails"))
    assert "stays@example.org Bounced: 550 no such mailbox" in web_client.page_text(page)
    assert f"/imagine/admin/mail/message/{message.pk}/change/" in page.content.decode()


def test_page_shows_overbooked_seats(staff):
    event = factories.event(capacity=4)
    factories.rsvp(event, size=4)
    seats.promote_by_staff(factories.rsvp(event, "Walks in"), override_reason="Drives the speaker")
    page = web_client.page_text(staff.get(change_url(event)))
    assert "You’re 1 seat over capacity. No one loses a seat" in page
    assert "Staff confirmed 1 seat over capacity." in page


def test_page_of_event_without_rsvps_says_so(staff):
    event = factories.event()
    page = web_client.page_text(staff.get(change_url(event)))
    assert "No RSVPs yet." in page
    assert "No one is on the waitlist." in page
    assert "No RSVPs yet." in web_client.page_text(staff.get(tab_url(event, "guests")))


@pytest.mark.parametrize("tab", ["", "?tab=nothing"])
def test_page_opens_with_the_overview_and_its_tabs(staff, full_event, tab):
    page = web_client.page_html(staff.get(f"{change_url(full_event)}{tab}"))
    assert re.findall(r'<a href="([^"]*)"( aria-current="page")?>([^<]*)</a>', page.partition("admin-tabs")[2])[:5] == [
        (change_url(full_event), ' aria-current="page"', "Overview"),
        (tab_url(full_event, "guests"), "", "Guests"),
        (tab_url(full_event, "invitations"), "", "Invitations"),
        (tab_url(full_event, "emails"), "", "Automatic emails"),
        (tab_url(full_event, "settings"), "", "Settings"),
    ]
    assert 'id="id_venue"' not in page


def test_buttons_are_the_same_on_every_tab(staff, full_event):
    def buttons(tab: str) -> list[str]:
        page = web_client.page_html(staff.get(tab_url(full_event, tab)))
        return re.findall(r'<a class="button" href="([^"]*)"', page.partition("admin-tabs")[0])

    shown = [buttons(tab) for tab in ("overview", "guests", "invitations", "emails", "settings")]
    assert len(shown[0]) == 6
    assert shown == [shown[0]] * 5


def test_errors_open_the_settings(staff, full_event):
    page = web_client.page_html(save(staff, full_event, capacity="-1"))
    assert f'<a href="{tab_url(full_event, "settings")}" aria-current="page">Settings</a>' in page
    assert 'id="id_venue"' in page


def test_saving_leads_back_to_the_event(staff, full_event):
    assert save(staff, full_event, title="The Summit")["Location"] == change_url(full_event)
    new = web_client.form_fields(staff.get(tab_url(full_event, "settings"))) | {"slug": "new", "title_es": ""}
    new.pop("shown")
    new.pop("is_published")
    page = staff.post(f"{LIST}add/", new, follow=True)
    event = Event.objects.get(slug="new")
    assert page.redirect_chain == [(change_url(event), 302)]
    text = web_client.page_text(page)
    assert "Draft. Guests can’t see this event yet." in text
    steps = [step.label for step in page.context["overview"]["next_steps"]]
    assert steps == ["Add Spanish text", "Preview"]


def test_overview_says_what_to_do_next(staff, full_event):
    def steps() -> list[str]:
        return [step.label for step in staff.get(change_url(full_event)).context["overview"]["next_steps"]]

    assert steps() == ["See the waitlist", "Invite people"]
    Event.objects.update(capacity=4)
    assert steps() == ["Change capacity", "Invite people"]
    factories.end_event(full_event)
    assert steps() == ["Mark who attended", "Set up next spring’s summit"]
    attendance.check_in_party(full_event.rsvps.get(name="Stays"))
    factories.event(starts_at=timezone.now() + timedelta(days=300))
    assert steps() == []
    factories.mark_event_canceled(full_event)
    assert "Canceled on" in web_client.page_text(staff.get(change_url(full_event)))
    for step_url in [step.url for step in next_steps_of(staff, factories.event(is_published=False))]:
        assert staff.get(step_url).status_code == 200


def next_steps_of(staff, event: Event) -> list:
    return staff.get(change_url(event)).context["overview"]["next_steps"]


# Seats --------------------------------------------------------------------------------------------------------------


def change_capacity(staff, event: Event, **numbers):
    form_data = web_client.form_fields(staff.get(change_url(event)))
    return staff.post(f"{LIST}{event.pk}/capacity/", form_data | numbers, follow=True)


def test_raising_the_capacity_on_the_overview_says_who_moved_up(staff, full_event):
    page = change_capacity(staff, full_event, capacity="9")
    assert page.redirect_chain == [(change_url(full_event), 302)]
    assert (
        "Capacity raised from 6 to 9. 1 party moved off the waitlist (seats: 4). An email is on its way."
        in web_client.page_text(page)
    )
    assert snapshots.changes(full_event) == [{"capacity": [6, 9]}]
    assert change_capacity(staff, full_event).context["messages"]
    assert len(snapshots.changes(full_event)) == 1


def test_lowering_the_capacity_says_how_many_seats_are_over(staff, full_event):
    Event.objects.update(max_party_size=2)
    page = web_client.page_text(change_capacity(staff, full_event, capacity="4", reserved_seats="3"))
    assert "Capacity lowered from 6 to 4. Reserved seats changed from 2 to 3. No one moved off the waitlist." in page
    assert "You’re 2 seats over capacity. No one loses a seat, but the waitlist is on hold." in page


def test_capacity_is_refused_where_it_makes_no_sense(staff, full_event):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for numbers, error in [
        ({"capacity": "5"}, "Parties can have up to 6 guests."),
        ({"capacity": ""}, "This field is required."),
        ({"reserved_seats": "7"}, "You can’t reserve more seats than the capacity."),
    ]:
        page = change_capacity(staff, full_event, **numbers)
        assert error in web_client.page_text(page)
        assert web_client.page_title(page).startswith("Error: Change capacity")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert staff_client("view_event").post(f"{LIST}{full_event.pk}/capacity/", {"capacity": "9"}).status_code == 403


def test_capacity_changed_by_both_shows_conflict(staff, full_event):
    form_data = web_client.form_fields(staff.get(change_url(full_event)))
    change_capacity(staff, full_event, capacity="9")
    page = staff.post(f"{LIST}{full_event.pk}/capacity/", form_data | {"capacity": "12"})
    assert "Someone else changed this to “9” while you were editing." in web_client.page_text(page)
    assert Event.objects.values_list("capacity", flat=True).get() == 9


def test_add_form_shows_no_overview(staff):
    response = staff.get(f"{LIST}add/")
    assert "overview" not in response.context
    assert "admin-page" not in response.content.decode()


@pytest.mark.slow
def test_spanish_chart_has_no_decimal_commas(staff, full_event):
    staff.cookies["django_language"] = "es"
    page = staff.get(change_url(full_event))
    chart = page.content.decode().partition("<svg")[2].partition("</svg>")[0]
    assert "Lugares" in web_client.page_text(page) or "lugares" in web_client.page_text(page)
    assert not [part for part in chart.split('"')[1::2] if "," in part]


@pytest.mark.slow
def test_page_with_errors_hides_the_overview(staff, full_event):
    response = save(staff, full_event, capacity="-1")
    assert "overview" not in response.context
    assert "Enter 0 or more." in web_client.page_text(response)


@pytest.mark.slow
def test_page_query_count_is_constant(staff, full_event, django_assert_num_queries):
    staff.get(change_url(full_event))
    with CaptureQueriesContext(connection) as queries:
        staff.get(change_url(full_event))
    for number in range(26):
        factories.rsvp(full_event, f"More {number}", size=2, sector="college")
    with django_assert_num_queries(len(queries)):
        staff.get(change_url(full_event))


@pytest.mark.slow
def test_names_and_failed_emails_require_list_permissions(full_event):
    viewer = staff_client("view_event")
    page = viewer.get(change_url(full_event))
    assert "confirmed seats 3" in web_client.page_text(page)
    for hidden_text in ("Later", "Failed emails", RSVPS):
        assert hidden_text not in page.content.decode()


def test_page_requires_view_permission(full_event):
    assert staff_client("view_rsvp").get(change_url(full_event)).status_code == 403
    assert Client().get(change_url(full_event)).status_code == 302


# Next spring's ----------------------------------------------------------------------------------------------------


@pytest.fixture
def last_year(db) -> Event:
    zone = ZoneInfo("America/Los_Angeles")
    return factories.event(
        title="Summit 2030",
        title_es="Cumbre 2030",
        slug="summit-2030",
        school_year=2030,
        starts_at=datetime(2030, 4, 4, 8, tzinfo=zone),
        ends_at=datetime(2030, 4, 4, 10, 30, tzinfo=zone),
        rsvp_opens_at=datetime(2030, 1, 5, 7, tzinfo=zone),
        rsvp_closes_at=datetime(2030, 4, 3, 17, tzinfo=zone),
        waitlist_closes_hours_before=15,
        capacity=300,
        reserved_seats=20,
    )


@pytest.mark.parametrize("where", ["page", "list"])
def test_copy_for_next_spring_is_shown_before_it_is_saved(staff, last_year, where):
    Rsvp.objects.create(event=last_year, name="Alma Reyes", email="alma@example.org", held_seats=1)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    address = staff.get(change_url(last_year) if where == "page" else LIST).context["next_spring"]
    page = staff.get(address)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert "Copied from Summit 2030, April 4, 2030. Nothing is saved yet" in web_client.page_text(page)
    staff.post(address, web_client.form_fields(page))
    event = Event.objects.get(slug="summit-2031")
    assert (str(event), event.title_es, event.school_year) == ("Summit 2031, April 3, 2031", "Cumbre 2031", 2031)
    assert (event.is_published, event.capacity, event.reserved_seats, event.venue) == (False, 300, 20, last_year.venue)
    assert (event.waitlist_closes_hours_before, event.rsvps.count()) == (15, 0)
    times = [event.starts_at, event.ends_at, event.rsvp_opens_at, event.rsvp_closes_at]
    zone = ZoneInfo("America/Los_Angeles")
    assert [f"{moment.astimezone(zone):%m-%d %H:%M}" for moment in times] == [
        "04-03 08:00",
        "04-03 10:30",
        "01-04 07:00",
        "04-02 17:00",
    ]


@pytest.mark.parametrize(("opened", "copied"), [((20, 23, 45), "8:00"), ((7, 30), "7:30")])
def test_rsvps_of_a_copy_open_at_a_round_time(last_year, opened, copied):
    last_year.rsvp_opens_at = datetime(2030, 1, 5, *opened, tzinfo=get_default_timezone())
    last_year.rsvp_closes_at = datetime(2030, 4, 3, 17, 0, 12, tzinfo=get_default_timezone())
    fields = school_year.next_spring(last_year)
    assert f"{fields['rsvp_opens_at']:%-m/%-d %-H:%M}" == f"1/4 {copied}"
    assert fields["rsvp_closes_at"].second == 0


@pytest.mark.slow
def test_copying_for_next_spring_again_reports_taken_slug(staff, last_year):
    address = staff.get(change_url(last_year)).context["next_spring"]
    data = web_client.form_fields(staff.get(address))
    assert staff.post(address, data).status_code == 302
    form = staff.post(address, data).context["adminform"].form
    assert dict(form.errors) == {"slug": ["Another event already has this web address. Enter a different one."]}
    assert Event.objects.count() == 2


@pytest.mark.slow
def test_copy_of_old_summit_is_dated_in_the_future(staff):
    event = factories.event(slug="summit-2019")
    zone = ZoneInfo("America/Los_Angeles")
    start = datetime(2019, 4, 4, 8, tzinfo=zone)
    Event.objects.update(
        starts_at=start,
        ends_at=start.replace(hour=10),
        rsvp_opens_at=start.replace(month=2),
        rsvp_closes_at=start.replace(hour=7),
        school_year=2019,
    )
    initial = staff.get(staff.get(change_url(event)).context["next_spring"]).context["adminform"].form.initial
    assert initial["starts_at"] > timezone.now()
    assert initial["school_year"] == initial["starts_at"].year
    assert initial["starts_at"].strftime("%A %H") == "Thursday 08"


@pytest.mark.slow
@pytest.mark.parametrize("copied", ["", "x", "0", "99999999999999999999", "١"])
def test_copy_of_unknown_event_is_an_empty_form(staff, copied):
    page = staff.get(f"{LIST}add/", {"copied": copied})
    assert (page.status_code, "Copied from" in web_client.page_text(page)) == (200, False)


@pytest.mark.slow
def test_only_summits_can_be_copied_and_only_with_add_permission(staff, last_year):
    assert staff.get(change_url(factories.event(kind="kickoff"))).context["next_spring"] == ""
    viewer = staff_client("view_event", "change_event")
    for address in (change_url(last_year), LIST):
        page = viewer.get(address)
        assert (page.context["next_spring"], "next spring" in page.content.decode()) == ("", False)
    assert viewer.get(f"{LIST}add/?copied={last_year.pk}").status_code == 403


# Moving asks first ------------------------------------------------------------------------------------------------


def test_moving_asks_for_confirmation_and_saves_nothing(staff, full_event):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = save(staff, full_event, venue=NEW_VENUE, capacity="7")
    page = web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert "Nothing is saved yet." in page
    assert "If you save, we’ll email 4 parties. Guests with confirmed seats also get a calendar update." in page
    assert 'value="Save and send 4 emails"' in response.content.decode()
    english, spanish = response.context["previews"]
    assert english.subject == f"New location: Imagine Promise Summit, {day(full_event.starts_at)}"
    assert f"Previously: {full_event.venue}" in english.text
    assert NEW_VENUE in english.text
    assert spanish.subject.startswith("Nueva sede: Cumbre Imagine Promise")
    assert not [rsvp for rsvp in full_event.rsvps.all() if rsvp.token in response.content.decode()]


@pytest.mark.slow
def test_confirming_saves_all_input_and_notifies_each_party_once(staff, full_event):
    confirmation = save(staff, full_event, venue=NEW_VENUE, capacity="7")
    confirmed = web_client.form_fields(confirmation) | {"_sure": "yes"}
    for _twice in range(2):
        assert staff.post(change_url(full_event), confirmed).status_code == 302
    assert Event.objects.values_list("venue", "capacity").get() == (NEW_VENUE, 7)
    factories.notify_guests()
    moved = [
        email
        for rsvp in full_event.rsvps.all()
        for email in snapshots.emails(rsvp)
        if email.startswith("event_rescheduled")
    ]
    assert len(moved) == 4


@pytest.mark.slow
def test_back_restores_input_and_saves_nothing(staff, full_event):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    confirmation = save(staff, full_event, venue=NEW_VENUE, title="The Summit")
    page = staff.post(change_url(full_event), web_client.form_fields(confirmation) | {"_back": "yes"})
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert ("errors" in page.context, list(page.context["errors"])) == (True, [])
    assert not web_client.page_title(page).startswith("Error:")
    for hidden_text in ("Please correct the error", "errornote", "errorlist"):
        assert hidden_text not in page.content.decode()
    form_data = web_client.form_fields(page)
    assert (form_data["venue"], form_data["title"], "_back" in form_data) == (NEW_VENUE, "The Summit", False)
    assert "Nothing was saved, and no one was emailed." in web_client.page_text(page)
    assert "we’ll email 4 parties" in web_client.page_text(staff.post(change_url(full_event), form_data))


@pytest.mark.slow
def test_back_with_invalid_input_shows_error_and_nothing_saved_note(staff, full_event):
    confirmation = save(staff, full_event, venue=NEW_VENUE)
    page = staff.post(change_url(full_event), web_client.form_fields(confirmation) | {"_back": "yes", "capacity": "-1"})
    page_text = web_client.page_text(page)
    for text in ("Enter 0 or more.", "Nothing was saved, and no one was emailed."):
        assert page_text.count(text) == 1


@pytest.mark.slow
def test_confirming_after_another_edit_shows_conflict_and_saves_nothing(staff, full_event):
    confirmed = web_client.form_fields(save(staff, full_event, venue=NEW_VENUE)) | {"_sure": "yes"}
    save(staff, full_event, venue="Civic Auditorium", _sure="yes")
    before = snapshots.tables(exclude=IGNORED_TABLES)
    page = staff.post(change_url(full_event), confirmed)
    assert "Someone else changed this to “Civic Auditorium” while you were editing." in web_client.page_text(page)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_move_by_another_editor_is_kept_without_confirmation(staff, full_event):
    stale_form = web_client.form_fields(staff.get(tab_url(full_event, "settings")))
    save(staff, full_event, venue=NEW_VENUE, _sure="yes")
    assert staff.post(change_url(full_event), stale_form | {"title": "The Summit"}).status_code == 302
    assert Event.objects.values_list("venue", "title").get() == (NEW_VENUE, "The Summit")
    factories.notify_guests()
    assert [email for email in snapshots.emails(full_event.rsvps.get(name="Stays")) if "rescheduled" in email] == [
        "event_rescheduled 2 REQUEST"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["no RSVPs", "cancelled RSVPs", "over", "called off", "not moved"])
def test_no_confirmation_when_no_one_would_be_notified(staff, which):
    event = factories.event()
    changed = {"title": "The Summit"} if which == "not moved" else {"venue": NEW_VENUE}
    if which != "no RSVPs":
        rsvp = factories.rsvp(event)
    if which == "cancelled RSVPs":
        seats.cancel(rsvp)
    if which == "over":
        factories.end_event(event)
    if which == "called off":
        factories.mark_event_canceled(event)
    emails = snapshots.emails()
    assert save(staff, event, **changed).status_code == 302
    assert snapshots.emails() == emails


@pytest.mark.slow
@pytest.mark.parametrize("with_parties", [True, False])
def test_moving_shows_number_of_invited_people_and_their_email(staff, with_parties):
    event = factories.event(title="The Summit")
    if with_parties:
        factories.rsvp(event, "Stays")
    factories.write_mailing(event, *map(factories.person, ("Alma", "Jun", "Declines")))
    Message.objects.filter(queue="bulk").update(state="sent", sent_at=timezone.now())
    responses.decline_invitation(event.invitations.get(contact__name="Declines"))
    factories.write_mailing(event, factories.person("Queued"))
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = save(staff, event, venue=NEW_VENUE)
    page = web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert "We’ll email 2 people who were invited and haven’t answered, with a calendar update." in page
    assert ("we’ll email 1 party" in page) is with_parties
    assert (
        f"Hi Alma, we changed the date, time or location of an event we invited you to: {event.localized_title}."
        in page
    )
    assert f"The location is {NEW_VENUE}" in page
    assert ("If you save, we’ll email" in page) is with_parties
    assert event.invitations.get(contact__name="Alma").token not in response.content.decode()
    confirmed = web_client.form_fields(response) | {"_sure": "yes"}
    for _twice in range(2):
        staff.post(change_url(event), confirmed)
    [mailing] = Mailing.objects.filter(template="invitation_moved")
    assert (mailing.recipient_count, mailing.started_by) == (2, "staff")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["queued", "declined"])
def test_no_confirmation_for_queued_or_declined_invitations(staff, which):
    event = factories.event()
    invited = factories.invite(event, factories.person("Alma"))
    if which == "declined":
        Message.objects.update(state="sent", sent_at=timezone.now())
        responses.decline_invitation(invited)
    assert save(staff, event, venue=NEW_VENUE).status_code == 302


@pytest.mark.slow
def test_view_only_staff_cannot_move_an_event(full_event):
    viewer = staff_client("view_event")
    before = snapshots.tables(exclude=IGNORED_TABLES)
    data = {"venue": NEW_VENUE, "_save": "Save"}
    for more in ({}, {"_sure": "yes"}, {"_back": "yes"}):
        assert viewer.post(change_url(full_event), data | more).status_code == 403
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_saving_a_missing_event_says_so(staff):
    response = staff.post(f"{LIST}999/change/", {"venue": NEW_VENUE}, follow=True)
    assert "doesn’t exist" in web_client.page_text(response)


# Canceling --------------------------------------------------------------------------------------------------------


def test_canceling_previews_the_email_and_lists_refused_events(staff, full_event):
    past_event, canceled_event = factories.event(), factories.event()
    factories.end_event(past_event)
    factories.mark_event_canceled(canceled_event)
    selected = [event.pk for event in (full_event, past_event, canceled_event)]
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = staff.post(LIST, {"action": "cancel_events", "_selected_action": selected})
    page = web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert "We’ll email 4 parties." in page
    assert "This event is over, so it can’t be canceled." in page
    assert "This event is already canceled. We won’t email anyone again." in page
    previews = next(each for each in response.context["events"] if "previews" in each)["previews"]
    assert [email.language for email in previews] == ["en", "es"]
    assert previews[0].subject.startswith("Canceled: ")
    first = Rsvp.objects.get(name="Stays")
    assert first.token not in response.content.decode()


@pytest.mark.slow
def test_canceling_shows_number_of_invited_people_and_their_email(staff):
    event = factories.event()
    factories.write_mailing(event, *map(factories.person, ("Alma", "Jun")))
    Message.objects.update(state="sent", sent_at=timezone.now())
    page = web_client.page_text(staff.post(LIST, {"action": "cancel_events", "_selected_action": [event.pk]}))
    assert "We’ll email 2 people who were invited and haven’t answered, with a calendar update." in page
    assert "0 parties" not in page
    assert "Hi Alma, we’re sorry, but we had to cancel an event we invited you to: Imagine Promise Summit." in page


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_confirmation_query_count_is_constant(staff, number, django_assert_num_queries):
    event = factories.event()
    factories.write_mailing(event, *(factories.person(f"Person {n}") for n in range(number)))
    Message.objects.update(state="sent", sent_at=timezone.now())
    form_data = web_client.form_fields(staff.get(tab_url(event, "settings"))) | {"venue": NEW_VENUE}
    with django_assert_num_queries(28):
        staff.post(change_url(event), form_data)
    with django_assert_num_queries(12):
        staff.post(LIST, {"action": "cancel_events", "_selected_action": [event.pk]})


def test_canceling_only_past_events_offers_no_button(staff):
    event = factories.event()
    factories.end_event(event)
    page = staff.post(LIST, {"action": "cancel_events", "_selected_action": [event.pk]})
    assert "This event is over, so it can’t be canceled." in web_client.page_text(page)
    assert 'type="submit" value="Cancel event and notify guests"' not in page.content.decode()
