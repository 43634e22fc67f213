"""Exporting the guest list: who is on it, its columns, and who may export it."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.core.models import SecurityEvent, SecurityEventKind
from summit import exports, seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client
from tests.spreadsheets import read_columns, read_rows

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/rsvp/"
CSV, XLSX = f"{LIST}guests.csv", f"{LIST}guests.xlsx"
EIGHT = datetime(2030, 4, 4, 15, 0, tzinfo=UTC)  # in Stockton
NO_GUESTS = "No guests to export. To include canceled RSVPs, filter by “Canceled” or “Canceled late.”"


def names(response) -> list[str]:
    return [name for (name,) in read_columns(response, "Guest")]


def run_action(staff, action: str, *rsvps: Rsvp, query: str = ""):
    return staff.post(LIST + query, {"action": action, "_selected_action": [rsvp.pk for rsvp in rsvps]})


@pytest.fixture
def district(db) -> list[list[str]]:
    """Three parties of two events with text that is tricky in spreadsheets, and their list as CSV."""
    event = factories.event(title="Cumbre & Summit", starts_at=EIGHT, capacity=3)
    event.rsvp_opens_at = timezone.now().replace(year=2020)
    event.save()
    alma = factories.rsvp(
        event,
        "Alma Núñez",
        size=2,
        phone="0412 555",
        organization_name="=Delta; Bakery",
        sector="business",
        language="es",
        note="First line\r\nsecond, “line”",
        party_dietary_needs="vegan",
        party_accessibility_needs="ramp",
        guests=("Sokha ចាន់",),
        email="alma@example.org",
        created_at=datetime(2030, 3, 10, 9, 59, 59, 500, tzinfo=UTC),  # a minute before daylight saving time
    )
    seats.update_guests(
        alma, {alma.guests.last().pk: {"dietary_needs": "no nuts", "accessibility_needs": "Khmer interpreter"}}
    )
    huong = factories.rsvp(
        event, "Nguyễn Thị Hương", size=3, accepts_partial=True, phone="+1 209", email="h@example.org"
    )
    Rsvp.objects.filter(pk=huong.pk).update(
        created_at=datetime(2030, 3, 10, 10, 0, tzinfo=UTC), waitlisted_since=datetime(2030, 11, 3, 9, 30, tzinfo=UTC)
    )
    other = factories.event(title="Kick-off", starts_at=EIGHT.replace(month=9, hour=23))
    Event.objects.filter(pk=other.pk).update(rsvp_opens_at=event.rsvp_opens_at)
    factories.rsvp(other, "Ben", email="ben@example.org", created_at=datetime(2030, 3, 10, 12, 0, tzinfo=UTC))
    first = ["Cumbre & Summit", "2030-04-04"]
    party = ["2", "Alma Núñez", "alma@example.org", "0412 555", "'=Delta; Bakery", "Business and industry"]
    note = "First line\nsecond, “line”"
    waitlisted = ["3", "Nguyễn Thị Hương", "h@example.org", "'+1 209", "", "", "", "", "", "", "Partly confirmed"]
    since = ["2030-11-03 01:30:00", "2030-03-10 03:00:00", "English", "", huong.code]
    created_columns = ["2030-03-10 01:59:59", "Español", note, alma.code]
    return [
        [*first, "Alma Núñez", "1", *party, "", "", "vegan", "ramp", "Confirmed", "Confirmed", "", *created_columns],
        [
            *first,
            "Sokha ចាន់",
            "2",
            *party,
            "no nuts",
            "Khmer interpreter",
            *("", ""),
            "Confirmed",
            "Confirmed",
            "",
            *created_columns,
        ],
        [*first, "Nguyễn Thị Hương", "1", *waitlisted, "Confirmed", *since],
        [*first, "", "2", *waitlisted, "Waitlisted", *since],
        [*first, "", "3", *waitlisted, "Waitlisted", *since],
        [
            *("Kick-off", "2030-09-04", "Ben", "1", "1", "Ben", "ben@example.org", *[""] * 7),
            *("Confirmed", "Confirmed", "", "2030-03-10 05:00:00", "English", "", Rsvp.objects.get(name="Ben").code),
        ],
    ]


# What it says ----------------------------------------------------------------------------------------------------


def test_csv_has_one_row_per_guest(staff, district):
    header, *rows = read_rows(staff.get(CSV))
    assert rows == district
    assert header == [
        *("Event", "Date", "Guest", "Guest number", "Party size", "Contact", "Email", "Phone", "Organization"),
        *("Sector", "Food needs", "Access or language needs", "Food needs of anyone in the party"),
        *("Access or language needs of anyone in the party", "Status", "Seat", "Waitlisted since", "RSVP date"),
        *("Language", "Note", "Check-in code"),
    ]


def test_xlsx_has_the_same_rows_without_formula_escaping(staff, district):
    assert read_rows(staff.get(XLSX))[1:] == [[cell.removeprefix("'") for cell in row] for row in district]


@pytest.mark.slow
@pytest.mark.parametrize("address", [CSV, XLSX])
def test_export_uses_requester_language_to_the_last_row(staff, district, address):
    staff.cookies["django_language"] = "es"
    response = staff.get(address)
    Client().get("/imagine/privacy/")  # another request in English, before the file is read
    header, *rows = read_rows(response)
    assert header[:4] == ["Evento", "Fecha", "Invitado", "Número en el grupo"]
    assert [row[0] for row in rows] == [*["Cumbre Imagine Promise"] * 6]
    assert [row[9] for row in rows[:3]] == ["Empresa o industria", "Empresa o industria", ""]
    assert [row[15] for row in rows] == [
        "Confirmado",
        "Confirmado",
        "Confirmado",
        "En lista de espera",
        "En lista de espera",
        "Confirmado",
    ]


def test_export_is_a_file_named_by_date_and_record(staff, district):
    for address in (CSV, XLSX):
        response = staff.get(address)
        assert isinstance(response, StreamingHttpResponse)
        assert len(read_rows(response)) == 7
        record = SecurityEvent.objects.latest("pk").pk
        name = f"guests-{timezone.localdate():%Y-%m-%d}-record-{record}.{address.rpartition('.')[2]}"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
        assert "no-store" in response["Cache-Control"]


def test_header_and_rows_have_the_same_length():
    rsvp = factories.rsvp(factories.event())
    assert [len(row) for row in exports.guest_rows(Guest.objects.filter(rsvp=rsvp))] == [len(exports.GUEST_HEADER)]


# Who is on it ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("address", [CSV, XLSX])
def test_export_contains_guests_matching_filters_and_search(staff, address):
    event, other = factories.event(capacity=3), factories.event()
    factories.rsvp(event, "Confirmed", size=2, guests=("Findme",), sector="faith", organization_name="Delta")
    factories.rsvp(event, "Partly", size=2, accepts_partial=True, language="es")
    factories.rsvp(event, "Waiting")
    factories.rsvp(other, "Other")
    seats.cancel(factories.rsvp(other, "Gone", size=2, guests=("Gone too",)))
    assert names(staff.get(address)) == ["Confirmed", "Findme", "Partly", "", "Waiting", "Other"]
    for query, exported_names in {
        "?status=confirmed": ["Confirmed", "Findme", "Other"],
        "?status=partially_confirmed": ["Partly", ""],
        "?status=waitlisted": ["Waiting"],
        "?status=canceled": ["Gone", "Gone too"],
        f"?event__id__exact={event.pk}&status=confirmed": ["Confirmed", "Findme"],
        "?sector__exact=faith": ["Confirmed", "Findme"],
        "?language__exact=es": ["Partly", ""],
        "?q=findme": ["Confirmed", "Findme"],
        "?q=partly@example.org": ["Partly", ""],
        "?q=delta&o=2": ["Confirmed", "Findme"],
    }.items():
        assert names(staff.get(address + query)) == exported_names, query


def test_late_cancellations_are_listed_when_asked_for(staff):
    event = factories.event()
    late = factories.rsvp(event, "Late")
    factories.stop_promotion(event)
    seats.cancel(late)
    columns = ("Guest", "Party size", "Status", "Seat")
    assert read_columns(staff.get(f"{CSV}?status=late"), *columns) == [("Late", "0", "Canceled", "")]


def test_export_includes_rows_beyond_the_current_page(staff):
    event = factories.event(capacity=200)
    Rsvp.objects.bulk_create(factories.unsaved_rsvp(event, f"Guest {n}", held_seats=1) for n in range(120))
    Guest.objects.bulk_create(Guest(rsvp=rsvp, position=1, name=rsvp.name) for rsvp in Rsvp.objects.order_by("pk"))
    assert names(staff.get(CSV)) == [f"Guest {n}" for n in range(120)]


@pytest.mark.parametrize("action", ["guests_csv", "guests_xlsx"])
def test_action_exports_the_selected_parties(staff, action):
    event = factories.event()
    one, _two, three = (factories.rsvp(event, name, size=2) for name in ("One", "Two", "Three"))
    canceled_rsvp = seats.cancel(factories.rsvp(event, "Gone"))
    assert names(run_action(staff, action, one, three, canceled_rsvp)) == ["One", "", "Three", ""]
    assert names(run_action(staff, action, canceled_rsvp, query="?status=canceled")) == ["Gone"]


def test_export_links_keep_the_list_filters(staff):
    factories.rsvp(factories.event(), "Ben")
    for query, kept_query in {"?q=ben&status=confirmed&p=1": "?q=ben&amp;status=confirmed", "": ""}.items():
        page = staff.get(LIST + query).content.decode()
        assert f'<a href="{CSV}{kept_query}">Download guest list (CSV)</a>' in page
        assert f'<a href="{XLSX}{kept_query}">Download guest list (Excel)</a>' in page


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("address", [CSV, XLSX])
@pytest.mark.parametrize("query", ["?", "?q=nobody", "?status=waitlisted"])
def test_empty_export_redirects_to_the_list_with_message(staff, address, query):
    seats.cancel(factories.rsvp(factories.event()))
    response = staff.get(address + query)
    assert (response.status_code, response["Location"]) == (302, LIST + query)
    assert NO_GUESTS in web_client.page_text(staff.get(response["Location"]))


def test_action_on_canceled_rsvp_explains_how_to_list_it(staff):
    canceled_rsvp = seats.cancel(factories.rsvp(factories.event()))
    response = run_action(staff, "guests_csv", canceled_rsvp, query="?q=alma")
    assert response["Location"] == f"{LIST}?q=alma"
    assert NO_GUESTS in web_client.page_text(staff.get(response["Location"]))


@pytest.mark.parametrize("query", ["?event__id__exact=x", "?event__id__exact=99999999999999999999"])
def test_export_with_invalid_filter_redirects_to_the_list(staff, query):
    factories.rsvp(factories.event())
    factories.event()
    response = staff.get(CSV + query)
    assert response.status_code == 302
    assert response["Location"].startswith(LIST)


@pytest.mark.slow
@pytest.mark.parametrize("address", [CSV, XLSX])
def test_export_requires_permission_to_view_rsvps(address):
    factories.rsvp(factories.event())
    for user in (None, User.objects.create_user("guest"), User.objects.create_user("other", is_staff=True)):
        client = Client()
        if user:
            client.force_login(user)
        response = client.get(address)
        if user and user.is_staff:
            assert response.status_code == 403
        else:
            assert response.status_code == 302
            assert response["Location"].startswith(reverse("admin:login"))


@pytest.mark.slow
def test_view_only_staff_can_export():
    rsvp = factories.rsvp(factories.event())
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_rsvp"))
    client = Client()
    client.force_login(viewer)
    assert "Download guest list (CSV)" in web_client.page_text(client.get(LIST))
    assert names(client.get(CSV)) == names(run_action(client, "guests_xlsx", rsvp)) == ["Alma Reyes"]


@pytest.mark.parametrize("address", [CSV, XLSX])
def test_export_refuses_post_and_changes_nothing(staff, address, district):
    before = snapshots.tables(exclude=("core.SecurityEvent",))
    assert len(read_rows(staff.get(address))) == 7
    assert staff.post(address).status_code == 405
    assert snapshots.tables(exclude=("core.SecurityEvent",)) == before


# Who took it, and what they may take -----------------------------------------------------------------------------


def test_each_export_is_recorded_with_filters_rows_and_columns(staff):
    event = factories.event()
    rsvp = factories.rsvp(event, size=2, sector="labor")
    staff.get(f"{CSV}?event__id__exact={event.pk}&sector__exact=labor&q=Alma")
    read_rows(run_action(staff, "guests_xlsx", rsvp))
    listed, selected = SecurityEvent.objects.filter(kind=SecurityEventKind.EXPORTED).order_by("pk")
    columns = [str(heading).capitalize() for heading in exports.GUEST_HEADER]
    filters = {"event__id__exact": str(event.pk), "sector__exact": "labor"}
    assert [listed.user_name, selected.user_name] == ["staff", "staff"]
    assert listed.facts | {"columns": len(columns)} == {
        **{"file": "guests.csv", "rows": 2, "columns": len(columns)},
        **{"filters": filters, "searched": True},
    }
    assert [heading.capitalize() for heading in listed.facts["columns"]] == columns
    assert (selected.facts["file"], selected.facts["filters"], selected.facts["selected"]) == ("guests.xlsx", {}, True)


def test_search_terms_are_not_recorded(staff):
    """A search term is mostly a guest's name or email address."""
    factories.rsvp(factories.event())
    for query in ("?q=alma.reyes@example.org", "?q=Alma", "?name__startswith=Alma"):
        staff.get(CSV + query)
    recorded = [event.facts for event in SecurityEvent.objects.filter(kind=SecurityEventKind.EXPORTED)]
    assert len(recorded) == 3
    assert "alma" not in str(recorded).casefold()


def viewer(*more: str) -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_rsvp", *more]))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("address", [CSV, XLSX])
def test_export_omits_needs_without_permission(district, address):
    header, *rows = read_rows(viewer().get(address))
    assert header == [
        *("Event", "Date", "Guest", "Guest number", "Party size", "Contact", "Email", "Phone", "Organization"),
        *("Sector", "Status", "Seat", "Waitlisted since", "RSVP date", "Language", "Note", "Check-in code"),
    ]
    assert [row[9:12] for row in rows[:2]] == [["Business and industry", "Confirmed", "Confirmed"]] * 2
    assert "no nuts" not in str(rows)
    assert "interpreter" not in str(rows)
    assert "Food needs" not in SecurityEvent.objects.latest("pk").facts["columns"]


def test_export_includes_needs_with_permission(district):
    assert "no nuts" in str(read_rows(viewer("view_needs").get(CSV)))


def test_export_of_more_than_500_rows_requires_permission():
    event = factories.event(capacity=2000, max_party_size=20)
    rsvp = factories.rsvp(event, size=20)
    Guest.objects.bulk_create(Guest(rsvp=rsvp, position=position) for position in range(21, 502))
    client = viewer()
    response = client.get(CSV, follow=True)
    assert response.redirect_chain == [(f"{LIST}?", 302)]
    sentence = "This list has 501 rows, and your role can export up to 500. Use filters to narrow it down."
    assert sentence in web_client.page_text(response)
    assert not SecurityEvent.objects.filter(kind=SecurityEventKind.EXPORTED).exists()
    Guest.objects.get(position=501).delete()
    assert len(names(client.get(CSV))) == 500
    Guest.objects.create(rsvp=rsvp, position=501)
    User.objects.get().user_permissions.add(Permission.objects.get(codename="export_many"))
    assert len(names(client.get(CSV))) == 501


# How much it takes -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_export_query_count_is_constant(staff):
    addresses = [CSV, XLSX, f"{CSV}?q=guest", f"{CSV}?status=confirmed"]
    sizes = {}

    def export(address: str) -> None:
        sizes[address] = len(read_rows(staff.get(address)))

    event = factories.event(capacity=100)
    for number in range(3):
        factories.rsvp(event, f"Guest {number}", size=3)
    counts = web_client.query_counts(export, addresses)
    assert set(sizes.values()) == {10}, sizes
    for number in range(27):
        factories.rsvp(factories.event(), f"Guest 1{number}", size=3)
    assert web_client.query_counts(export, addresses) == counts
    assert set(sizes.values()) == {91}, sizes
