"""Editing RSVPs in the admin follows the same seat rules as a guest's own page."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from imagine.mail.models import Message
from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

LIST, ADD = "/imagine/admin/summit/rsvp/", "/imagine/admin/summit/rsvp/add/"


def change(staff, rsvp: Rsvp, **changed):
    """Open the RSVP's page, change some fields, and save."""
    address = f"{LIST}{rsvp.pk}/change/"
    return staff.post(address, web_client.form_fields(staff.get(address)) | changed)


def add(staff, to: Event, **changed):
    data = {"event": str(to.pk), "name": "Alma Reyes", "email": "alma@example.org", "size": "1"}
    return staff.post(ADD, web_client.form_fields(staff.get(ADD)) | data | changed)


def run_action(staff, action: str, *rsvps: Rsvp, **more):
    return web_client.run_action(staff, LIST, action, rsvps, **more)


# Add --------------------------------------------------------------------------------------------------------------


def test_adding_rsvp_seats_the_party_and_emails_it(staff):
    event = factories.event(capacity=3)
    assert add(staff, event, size="2", language="es").status_code == 302
    rsvp = Rsvp.objects.get()
    assert (rsvp.held_seats, rsvp.source, rsvp.language) == (2, "staff", "es")
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "")]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]


def test_phone_rsvp_has_guests_and_needs_on_one_page(staff):
    event = factories.event(capacity=3)
    guests = {"guest_2": "Ben Cho", "dietary_needs_2": "No peanuts", "accessibility_needs_3": "Ramp"}
    response = add(staff, event, size="3", dietary_needs="Vegan", **guests)
    rsvp = Rsvp.objects.get()
    assert response.url == f"{LIST}{rsvp.pk}/change/"
    needs = list(rsvp.guests.order_by("position").values_list("name", "dietary_needs", "accessibility_needs"))
    assert needs == [("Alma Reyes", "Vegan", ""), ("Ben Cho", "No peanuts", ""), ("", "", "Ramp")]
    assert "Ben Cho" in rsvp.messages.get().body_text
    text = web_client.page_text(staff.get(response.url))
    assert "Alma Reyes has 3 confirmed seats." in text
    assert "We’re emailing the details and a personal link to alma@example.org. Add another phone RSVP" in text


def test_phone_rsvp_offers_coming_published_events_with_their_seats(staff):
    coming, full = factories.event(capacity=3), factories.event(title="Kickoff", kind="kickoff", capacity=1)
    factories.rsvp(full)
    factories.event(title="Not yet", is_published=False)
    factories.cancel_event(factories.event(title="Off"))
    factories.end_event(factories.event(title="Over"))
    page = staff.get(f"{ADD}?event={full.pk}")
    offered = [label for _value, label in page.context["adminform"].form.fields["event"].choices][1:]
    assert [label.partition(" (")[2] for label in offered] == ["3 seats available)", "Full: joins the waitlist)"]
    fields = web_client.form_fields(page)
    assert (fields["event"], fields["size"]) == (str(full.pk), "1")
    assert 'id="id_size_helptext"><div>Full: joins the waitlist' in web_client.page_html(page)
    assert add(staff, coming).status_code == 302


def test_only_coming_event_is_chosen_already(staff):
    event = factories.event()
    assert web_client.form_fields(staff.get(ADD))["event"] == str(event.pk)


def test_next_caller_gets_the_same_event(staff):
    event = factories.event()
    assert add(staff, event, _addanother="1").url == f"{ADD}?event={event.pk}"


def test_adding_to_full_event_waitlists_or_seats_over_capacity(staff):
    event = factories.event(capacity=1)
    add(staff, event, size="2")
    add(staff, event, size="2", email="walk-in@example.org", over_capacity="on", reason="The superintendent asked")
    assert list(Rsvp.objects.order_by("pk").values_list("held_seats", "waitlisted_seats", "overbooked_seats")) == [
        (0, 2, 0),
        (2, 0, 1),
    ]


@pytest.mark.parametrize("reason", ["", "   "])
def test_adding_over_capacity_without_reason_is_refused_and_keeps_input(staff, reason):
    event = factories.event(capacity=0)
    response = add(staff, event, size="2", over_capacity="on", reason=reason, note="Drives the speaker")
    assert dict(response.context["adminform"].form.errors) == {
        "reason": ["Enter a reason. We save it in the change history."]
    }
    assert web_client.form_fields(response)["note"] == "Drives the speaker"
    assert (Rsvp.objects.count(), snapshots.emails()) == (0, [])


def test_adding_is_allowed_after_rsvp_closes_but_not_after_the_event(staff):
    event = factories.event()
    factories.close_rsvp(event)
    assert add(staff, event).status_code == 302
    factories.end_event(event)
    response = add(staff, event, email="late@example.org")
    assert response.status_code == 200
    assert "Choose a published event that isn’t over or canceled." in web_client.page_text(response)
    assert Rsvp.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"email": "ALMA.REYES@example.org"}, "This email already has an RSVP for this event."),
        ({"email": "alma"}, "Enter an email address with one @ sign"),
        ({"size": "7"}, "A party can have 1 to 6 people."),
        ({"size": "0"}, "greater than or equal to 1"),
        ({"size": "1.5"}, "Enter a whole number."),
        ({"size": "9" * 5000}, "Enter a whole number."),
        ({"name": ""}, "This field is required."),
        ({"event": ""}, "Choose an event."),
        ({"guest_3": "Chue Vang"}, "You filled in guest 3. Enter at least 3 seats"),
    ],
)
def test_adding_invalid_rsvp_shows_error_and_saves_nothing(staff, fields, error):
    event = factories.event()
    factories.rsvp(event)
    before = snapshots.tables(exclude=("accounts.StaffSession",))
    response = add(staff, event, **fields)
    assert response.status_code == 200
    assert error in web_client.page_text(response)
    assert snapshots.tables(exclude=("accounts.StaffSession",)) == before


# Change -----------------------------------------------------------------------------------------------------------


def test_size_change_updates_seats_waitlist_and_emails(staff):
    event = factories.event(capacity=3)
    rsvp = factories.rsvp(event, size=2)
    other = factories.rsvp(event, "Waits", size=2)
    assert change(staff, rsvp, size="4").status_code == 302
    assert snapshots.seats(event) == [("Alma Reyes", 2, 2), ("Waits", 0, 2)]
    change(staff, rsvp, size="1")
    assert snapshots.seats(event) == [("Alma Reyes", 1, 0), ("Waits", 2, 0)]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "changed 2 REQUEST", "changed 3 REQUEST"]
    assert snapshots.emails(other) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert len(snapshots.guests(rsvp)) == 1


def test_changing_names_and_needs_sends_no_email(staff):
    rsvp = factories.rsvp(factories.event(), size=2)
    guest = rsvp.guests.last()
    response = change(
        staff, rsvp, phone="209 555 0100", **{"guests-1-name": "Ben", "guests-1-dietary_needs": "no nuts"}
    )
    assert response.status_code == 302
    guest.refresh_from_db()
    assert (guest.name, guest.dietary_needs) == ("Ben", "no nuts")
    assert Rsvp.objects.get().phone == "209 555 0100"
    assert snapshots.emails() == ["confirmed 1 REQUEST"]


def test_save_without_a_change_changes_nothing(staff):
    rsvp = factories.rsvp(factories.event(capacity=1), size=2, note="two\nlines")
    ignored_tables = ("accounts.StaffSession", "admin.LogEntry")
    before = snapshots.tables(exclude=ignored_tables)
    assert change(staff, rsvp).status_code == 302
    assert snapshots.tables(exclude=ignored_tables) == before


def test_rsvp_name_and_first_guest_name_stay_in_sync(staff):
    rsvp = factories.rsvp(factories.event(), size=2)
    change(staff, rsvp, name="Alma R.")
    assert (Rsvp.objects.get().name, snapshots.guests(rsvp)[0]) == ("Alma R.", (1, "Alma R."))
    change(staff, rsvp, **{"guests-0-name": "Alma Ruiz"})
    assert (Rsvp.objects.get().name, snapshots.guests(rsvp)[0]) == ("Alma Ruiz", (1, "Alma Ruiz"))


def test_changed_email_gets_the_unsent_message_with_the_link(staff):
    rsvp = factories.rsvp(factories.event(), email="alma@example.com")
    change(staff, rsvp, email="alma@example.org")
    assert Rsvp.objects.get().email == "alma@example.org"
    assert set(Message.objects.values_list("recipient", flat=True)) == {"alma@example.org"}
    [message] = Message.objects.all()  # unsent email was rewritten
    assert message.kind == "rsvp_confirmed"
    assert Rsvp.objects.get().get_absolute_url() in message.body_text


def test_list_and_page_show_unverified_email(staff):
    event = factories.event()
    factories.rsvp(event, "Bo", verified_at=None)
    factories.rsvp(event, "Alma", verified_at="2027-02-03T20:00Z")
    text = web_client.page_text(staff.get("/imagine/admin/summit/rsvp/"))
    assert "bo@example.org Address not verified" in text
    assert "alma@example.org (Address" not in text
    for name, error in (("Bo", "Address not verified"), ("Alma", "Address verified on February 3, 2027")):
        page = staff.get(f"/imagine/admin/summit/rsvp/{Rsvp.objects.get(name=name).pk}/change/")
        assert error in web_client.page_text(page)


def test_email_of_another_party_is_refused(staff):
    event = factories.event()
    factories.rsvp(event, "Other")
    rsvp = factories.rsvp(event)
    response = change(staff, rsvp, email="OTHER@example.org")
    assert "This email already has an RSVP for this event." in web_client.page_text(response)
    rsvp.refresh_from_db()
    assert rsvp.email == "alma.reyes@example.org"


def test_size_change_after_the_event_is_refused(staff):
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    factories.end_event(event)
    response = change(staff, rsvp, size="1")
    assert response.status_code == 200
    assert "This event isn’t taking RSVPs right now." in web_client.page_text(response)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]


def test_note_of_canceled_rsvp_can_be_changed(staff):
    rsvp = seats.cancel(factories.rsvp(factories.event()))
    assert change(staff, rsvp, note="Called to say sorry.").status_code == 302
    assert (Rsvp.objects.get().note, Rsvp.objects.get().status) == ("Called to say sorry.", "canceled")


# Delete -----------------------------------------------------------------------------------------------------------


def test_deleting_rsvp_removes_guests_and_emails_and_frees_seats(staff):
    event = factories.event(capacity=1)
    rsvp, waitlisted = factories.rsvp(event), factories.rsvp(event, "Waits")
    address = f"{LIST}{rsvp.pk}/delete/"
    assert snapshots.seats(event)[0][0] == "Alma Reyes"
    assert staff.get(address).status_code == 200
    assert staff.post(address, {"post": "yes"}).status_code == 302
    assert snapshots.seats(event) == [("Waits", 1, 0)]
    assert snapshots.emails() == snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert list(Guest.objects.values_list("name", flat=True)) == ["Waits"]


@pytest.mark.slow
def test_bulk_delete_frees_all_seats(staff):
    event = factories.event(capacity=2)
    deleted = [factories.rsvp(event, "One"), factories.rsvp(event, "Two")]
    factories.rsvp(event, "Waits", size=2)
    assert run_action(staff, "delete_selected", *deleted, confirms=False).status_code == 200
    assert Rsvp.objects.count() == 3
    run_action(staff, "delete_selected", *deleted)
    assert snapshots.seats(event) == [("Waits", 2, 0)]


def test_admin_log_of_deleted_rsvp_keeps_no_personal_data(staff):
    rsvp = factories.rsvp(factories.event())
    staff.post(f"{LIST}{rsvp.pk}/delete/", {"post": "yes"})
    log = str(snapshots.tables()["admin.LogEntry"])
    assert "Alma" not in log
    assert "example.org" not in log


# Lists and who may see them ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_list_query_count_is_constant(staff):
    addresses = [LIST + query for query in ("", "?q=guest", "?status=waitlisted", "?status=skipped", "?status=late")]
    event = factories.event(capacity=20)
    factories.rsvp(event, "Guest first")
    counts = web_client.query_counts(staff.get, addresses)
    for number in range(29):
        factories.rsvp(event, f"Guest {number}")
    assert web_client.query_counts(staff.get, addresses) == counts


def test_status_filter_shows_only_matching_rsvps(staff):
    event = factories.event(capacity=3)
    factories.rsvp(event, "Confirmed", size=2)
    factories.rsvp(event, "Partly", size=2, accepts_partial=True)
    factories.rsvp(event, "Waiting")
    seats.cancel(factories.rsvp(event, "Cancelled"))
    statuses = {"Confirmed": "confirmed", "Partly": "partially_confirmed", "Waiting": "waitlisted"}
    for name, status in (statuses | {"Cancelled": "canceled"}).items():
        response = staff.get(f"{LIST}?status={status}")
        assert [rsvp.name for rsvp in response.context["cl"].result_list] == [name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "address", ["/imagine/admin/", LIST, ADD, "/imagine/admin/summit/event/", "/imagine/admin/mail/message/"]
)
def test_admin_is_closed_to_non_staff(address):
    factories.rsvp(factories.event())
    guest = Client()
    guest.force_login(User.objects.create_user("guest"))
    for client in (Client(), guest):
        for response in (client.get(address), client.post(address, {"action": "cancel_rsvps"})):
            assert response.status_code == 302
            assert response["Location"].startswith(reverse("admin:login"))


@pytest.mark.slow
def test_view_only_staff_cannot_change_delete_or_cancel():
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(viewer)
    assert client.get(f"{LIST}{rsvp.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{rsvp.pk}/change/", {"size": "1"}).status_code == 403
    assert client.post(f"{LIST}{rsvp.pk}/delete/", {"post": "yes"}).status_code == 403
    run_action(client, "cancel_rsvps", rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]


def test_reinstate_action_restores_the_whole_party_once(staff):
    event = factories.event()
    rsvp = seats.cancel(factories.rsvp(event, size=2, guests=("Ben",)))
    run_action(staff, "reinstate_rsvps", rsvp)
    assert "1 RSVP restored." not in web_client.page_text(run_action(staff, "reinstate_rsvps", rsvp))
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben")]


@pytest.mark.slow
def test_admin_log_records_only_fields_changed_by_the_editor(staff):
    rsvp = factories.rsvp(factories.event())
    address = f"{LIST}{rsvp.pk}/change/"
    form_data = web_client.form_fields(staff.get(address))
    change(staff, rsvp, email="right@example.org")
    staff.post(address, form_data | {"phone": "1"})
    rsvp.refresh_from_db()
    assert (rsvp.email, rsvp.phone) == ("right@example.org", "1")
    assert LogEntry.objects.first().get_change_message() == "Changed Phone."


@pytest.mark.slow
def test_note_of_canceled_rsvp_can_be_changed_after_the_event(staff):
    event = factories.event()
    rsvp = seats.cancel(factories.rsvp(event))
    factories.end_event(event)
    assert change(staff, rsvp, note="Called.").status_code == 302


# Names of what is on the page -------------------------------------------------------------------------------------


def test_list_has_a_title_and_names_its_search_and_checkboxes(staff):
    factories.rsvp(factories.event(), "Tia Moua & Co.")
    page = web_client.page_html(staff.get(LIST))
    assert web_client.page_title(page) == "RSVPs | Imagine Promise"
    assert "<h1>RSVPs</h1>" in page
    assert '<label class="visually-hidden" for="searchbar">Search</label>' in page
    assert 'id="searchbar" aria-describedby="searchbar-help"' in page
    assert '<p class="search-help" id="searchbar-help">Search by any guest’s name' in page
    assert 'aria-label="Select Tia Moua &amp; Co."' in page


def test_page_of_rsvp_is_headed_by_the_guest_and_the_code(staff):
    rsvp = factories.rsvp(factories.event(), "Tia Moua & Co.")
    page = web_client.page_html(staff.get(f"{LIST}{rsvp.pk}/change/"))
    assert web_client.page_title(page) == f"RSVP {rsvp.code} | RSVPs | Imagine Promise"
    assert f"<h1>Tia Moua &amp; Co.</h1><h2>RSVP {rsvp.code}</h2>" in page
    assert web_client.page_title(staff.get(ADD)) == "Add RSVP | Imagine Promise"
