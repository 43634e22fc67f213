"""The pledge list as a file, read back with other libraries: its content, its rows, and who may export it."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.core.models import SecurityEvent, SecurityEventKind
from imagine.core.spreadsheets.writer import RESPONSES
from partners import checklist
from partners.models import Pledge, Promise, PromiseType
from partners.organizations import contacts, profiles
from partners.pledges import editing as pledge_editing
from tests import factories, snapshots, web_client
from tests.spreadsheets import read_columns, read_rows

pytestmark = pytest.mark.django_db

PLEDGES, PROMISES = "/imagine/admin/partners/pledge/", "/imagine/admin/partners/promise/"
ORGANIZATIONS = "/imagine/admin/partners/organization/organizations"
NOTHING_TO_EXPORT = "Nothing to export. No records match these filters."
FORMS = ("promises", "organizations")
FILES = [f"{url}{form}.{kind}" for url in (PLEDGES, PROMISES) for form in FORMS for kind in RESPONSES]
ALL_FILES = [*FILES, f"{ORGANIZATIONS}.csv", f"{ORGANIZATIONS}.xlsx"]


def partners(response) -> list[str]:
    return [name for (name,) in read_columns(response, "Organization")]


def set_signed_at(pledge: Pledge, moment: datetime) -> None:
    Pledge.objects.filter(pk=pledge.pk).update(signed_at=moment)


@pytest.fixture
def district(db) -> list[list[str]]:
    """Three partners over two years with text that is tricky in spreadsheets, and their list as CSV."""
    high, primary = factories.school("Edison High"), factories.school("Año Nuevo Elementary", "elementary")
    first = factories.pledge_signed_last_year("Núñez & Hijos", "inés@example.org", [factories.promise_data("tours", 1)])
    set_signed_at(first, datetime(2027, 1, 1, 7, 59, tzinfo=UTC))  # still 2026 in Stockton
    tours = factories.promise_data("tours", 1200, grades=("9-12", "4-6"), months=(3, 10), schools=(high, primary))
    mentors = factories.promise_data("mentors", 1, note="First line\r\nsecond, “line”; @noon")
    bread = factories.signed_pledge("=Bread; “Rye”", "bread@example.org", [tours, mentors], sector="business")
    set_signed_at(bread, datetime(2027, 7, 1, 6, 30, tzinfo=UTC))
    contacts.correct_contact(bread.contact, name="Sokha ចាន់", phone="+1 209 555 0100")
    renewed = factories.pledge_data(first.token, factories.promise_data("mentors", 3, months=(5, 8)))
    pledge_editing.save_draft(first.token, **renewed)
    by, anywhere, touring = "Alma Reyes", "wherever it is needed most", "Host tours and field trips"
    who = ["2027–28", "'=Bread; “Rye”", "Business and industry", "Sokha ចាន់", "bread@example.org", "'+1 209 555 0100"]
    schools = "Año Nuevo Elementary, Edison High"
    nunez = ["Núñez & Hijos", "", "Alma Reyes", "inés@example.org", ""]
    mentoring = "Be mentors and role models"
    note = "First line\nsecond, “line”; @noon"
    return [
        [*who, touring, "1200", "visits", "4–6, 9–12", schools, "Oct, Mar", "", by, "2027-06-30", ""],
        [*who, mentoring, "1", "student", "", anywhere, "", "Required", by, "2027-06-30", note],
        ["2027–28", *nunez, mentoring, "3", "students", "", anywhere, "Aug, May", "Required", "", "", ""],
        ["2026–27", *nunez, touring, "1", "visit", "", anywhere, "", "", by, "2026-12-31", ""],
    ]


# What it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [PLEDGES, PROMISES])
def test_csv_export_has_one_row_per_promise(staff, district, url):
    header, *rows = read_rows(staff.get(f"{url}promises.csv"))
    assert rows == district
    assert header == [
        *("School year", "Organization", "Sector", "Contact", "Email", "Phone"),
        *("Promise type", "Quantity", "Unit", "Grades"),
        *("Schools", "Months", "Volunteer clearance", "Signed by", "Signed on", "Note"),
    ]


@pytest.mark.parametrize("url", [PLEDGES, PROMISES])
def test_xlsx_export_has_the_same_rows_without_escaping_apostrophes(staff, district, url):
    header, *rows = read_rows(staff.get(f"{url}promises.xlsx"))
    assert rows == [[cell.removeprefix("'") for cell in row] for row in district]
    assert len(header) == 16


def test_csv_export_starts_with_a_byte_order_mark_for_excel(staff, district):
    content = b"".join(staff.get(f"{PROMISES}promises.csv").streaming_content)
    assert content.startswith("\ufeffSchool year,Organization".encode())
    assert "Núñez & Hijos".encode() in content
    assert b"\r\n2027" in content


@pytest.mark.slow
@pytest.mark.parametrize("url", [PLEDGES, PROMISES])
def test_export_by_organization_has_one_column_per_promise_type(staff, district, url):
    checklist.retire(PromiseType.objects.get(code="tours"))
    checklist.retire(PromiseType.objects.get(code="advisory"))
    header, *rows = read_rows(staff.get(f"{url}organizations.csv"))
    assert header == [
        *("School year", "Organization", "Sector", "Contact", "Email", "Phone", "Signed by", "Signed on"),
        "Contribute to curriculum development (hours)",
        "Host tours and field trips (visits)",
        "Collaborate with teachers (hours)",
        "Be mentors and role models (students)",
        "Host class presentations (visits)",
        "Assist in service-learning projects (projects)",
        "Provide job shadowing, internships, and apprenticeships (places)",
    ]
    assert [[*row[:2], *row[6:]] for row in rows] == [
        ["2027–28", "'=Bread; “Rye”", "Alma Reyes", "2027-06-30", "", "1200", "", "1", "", "", ""],
        ["2027–28", "Núñez & Hijos", "", "", "", "", "", "3", "", "", ""],
        ["2026–27", "Núñez & Hijos", "Alma Reyes", "2026-12-31", "", "1", "", "", "", "", ""],
    ]
    xlsx = read_rows(staff.get(f"{url}organizations.xlsx"))
    assert xlsx == [[cell.removeprefix("'") for cell in row] for row in [header, *rows]]


@pytest.mark.slow
def test_pledge_without_a_contact_is_exported_with_the_main_contact(staff):
    pledge = factories.signed_pledge()
    contacts.correct_contact(factories.contact(pledge.organization, "ben@example.org", "Ben"), is_primary=True)
    contacts.delete_contact(pledge.contact)
    assert read_columns(staff.get(f"{PROMISES}promises.csv"), "Contact", "Email") == [("Ben", "ben@example.org")]
    contacts.delete_contact(pledge.organization.contacts.get())
    assert read_columns(staff.get(f"{PROMISES}promises.csv"), "Contact", "Email") == [("", "")]


@pytest.mark.slow
@pytest.mark.parametrize("address", [f"{PROMISES}promises.csv", f"{PROMISES}promises.xlsx"])
def test_export_is_in_the_users_language_to_the_last_row(staff, district, address):
    staff.cookies["django_language"] = "es"
    response = staff.get(address)
    Client().get("/imagine/privacy/")  # another request in English, before the file is read
    header, *rows = read_rows(response)
    assert header[0] == "Año escolar"
    assert [row[6] for row in rows] == [
        "Recibir visitas y excursiones",
        *["Ser mentores y ejemplos a seguir"] * 2,
        "Recibir visitas y excursiones",
    ]
    assert [row[8] for row in rows] == ["visitas", "estudiante", "estudiantes", "visita"]
    assert rows[0][11] == "oct, mar"


def test_organizations_export_has_main_contact_and_this_years_pledge(staff, district):
    bread = Pledge.objects.get(signed_by="Alma Reyes", year=2027).organization
    factories.contact(bread, "second@example.org", "Second")
    profiles.change_organization(
        profiles.lock_organization(bread.pk), description="We bake.", size="some", wants_listing=True
    )
    factories.organization("Zinc", website="https://www.example.org")
    factories.contact(Pledge.objects.get(year=2026).organization, "third@example.org", "Third")
    today = f"{timezone.localdate():%Y-%m-%d}"
    header, *rows = read_rows(staff.get(f"{ORGANIZATIONS}.csv"))
    assert header == [
        *("Organization", "Sector", "Description", "Website", "Phone", "Street address", "Size", "Directory status"),
        *("Contact", "Role", "Email", "Contact phone", "Language", "Added on", "Pledge for 2027–28"),
    ]
    assert rows == [
        [
            *("'=Bread; “Rye”", "Business and industry", "We bake.", "", "", "", "10 to 49 people"),
            *(
                "Pending approval",
                "Sokha ចាន់",
                "",
                "bread@example.org",
                "'+1 209 555 0100",
                "English",
                today,
                "Signed",
            ),
        ],
        [
            *("Núñez & Hijos", "", "", "", "", "", "", "Not listed"),
            *("Alma Reyes", "", "inés@example.org", "", "English", today, "Draft"),
        ],
        ["Zinc", "", "", "https://www.example.org", "", "", "", "Not listed", "", "", "", "", "", today, ""],
    ]
    assert read_rows(staff.get(f"{ORGANIZATIONS}.xlsx"))[1:] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]


@pytest.mark.slow
def test_export_is_named_by_date_logged_and_not_cached(subtests, staff, district):
    for address in ALL_FILES:
        with subtests.test(address=address):
            response = staff.get(address)
            assert isinstance(response, StreamingHttpResponse)
            header, *rows = read_rows(response)
            name = {"promises": "promises", "organizations": "pledges"}[address.rpartition("/")[2].partition(".")[0]]
            name = "organizations" if address.startswith(ORGANIZATIONS) else name
            record = SecurityEvent.objects.latest("pk")
            assert (record.kind, record.user_name, record.facts["rows"]) == (
                SecurityEventKind.EXPORTED,
                "staff",
                len(rows),
            )
            assert record.facts["columns"] == header
            end = f"{name}-{timezone.localdate():%Y-%m-%d}-record-{record.pk}.{address.rpartition('.')[2]}"
            assert response["Content-Disposition"] == f'attachment; filename="{end}"'
            assert "no-store" in response["Cache-Control"]


def test_coverage_as_csv(staff):
    factories.pledge_year()
    school, other = factories.school("Edison High"), factories.school("Año Nuevo Elementary", "elementary")
    factories.signed_pledge(
        promises=[factories.promise_data("tours", 6, schools=(school, other)), factories.promise_data("mentors", 2)]
    )
    factories.signed_pledge("Other", "other@example.org", [factories.promise_data("tours", 1, schools=(school,))])
    header, *rows = read_rows(staff.get("/imagine/admin/partners/promise/coverage.csv?year=2027"))
    assert header[:4] == ["School", "Level", "Contribute to curriculum development", "Host tours and field trips"]
    assert header[-2:] == ["Promises", "Promises in 2026–27"]
    assert [[row[0], row[1], row[3], row[6], *row[-2:]] for row in rows] == [
        ["Año Nuevo Elementary", "Elementary (TK–8)", "1", "0", "1", "0"],
        ["Edison High", "High school (9–12)", "2", "0", "2", "0"],
        ["Wherever it is needed most", "", "0", "1", "1", ""],
        ["All promises", "", "2", "1", "3", "0"],
        ["Quantity", "", "7", "2", "", ""],
        ["Quantity the year before", "", "0", "0", "", ""],
    ]


# Who is on it ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed_pledges(db):
    factories.pledge_year()
    high, primary = factories.school("Edison High"), factories.school("Fillmore", "elementary")
    factories.signed_pledge(
        "Bakery", "a@example.org", [factories.promise_data("tours", schools=(high,))], sector="business"
    )
    factories.signed_pledge(
        "Church",
        "b@example.org",
        [factories.promise_data("mentors"), factories.promise_data("service", schools=(primary,))],
    )
    factories.draft_pledge("Clinic", "c@example.org", [factories.promise_data("tours", schools=(high, primary))])
    return high


def expected_by_filter(school) -> dict[str, tuple[list[str], list[str]]]:
    """Return the organizations in each row of the list of promises, and of the list of pledges, by filter."""
    kinds = dict(PromiseType.objects.values_list("code", "pk"))
    every = ["Bakery", "Church", "Church", "Clinic"]
    return {
        "": (every, every),
        "?year=2027": (every, every),
        "?year=2019": (every, every),  # not an option of the filter
        "?state=signed": (every[:3], every[:3]),
        "?state=draft": (["Clinic"], ["Clinic"]),
        "?sector=business": (["Bakery"], ["Bakery"]),
        f"?promise_type={kinds['tours']}": (["Bakery", "Clinic"], ["Bakery", "Clinic"]),
        f"?promise_type={kinds['mentors']}": (["Church"], ["Church", "Church"]),
        f"?school={school.pk}": (["Bakery", "Clinic"], ["Bakery", "Clinic"]),
        "?school=any": (["Church"], ["Church", "Church"]),
        "?q=chur": (["Church"] * 2, ["Church"] * 2),
        "?q=c@example.org&state=draft": (["Clinic"], ["Clinic"]),
    }


@pytest.mark.slow
def test_export_applies_filters_and_search(staff, mixed_pledges):
    for query, (of_promises, of_pledges) in expected_by_filter(mixed_pledges).items():
        for kind in RESPONSES:
            assert partners(staff.get(f"{PROMISES}promises.{kind}{query}")) == of_promises, query
            assert partners(staff.get(f"{PLEDGES}promises.{kind}{query}")) == of_pledges, query
            distinct = list(dict.fromkeys(of_pledges))
            assert partners(staff.get(f"{PLEDGES}organizations.{kind}{query}")) == distinct, query


@pytest.mark.slow
def test_promise_export_can_be_filtered_by_clearance(staff, mixed_pledges):
    assert partners(staff.get(f"{PROMISES}promises.csv?clearance=needed")) == ["Church"]
    assert partners(staff.get(f"{PROMISES}promises.csv?clearance=none")) == ["Bakery", "Church", "Clinic"]


@pytest.mark.slow
def test_filtered_export_by_organization_has_only_matching_promises(staff, mixed_pledges):
    kind = PromiseType.objects.get(code="mentors")
    [row] = read_columns(
        staff.get(f"{PROMISES}organizations.csv?promise_type={kind.pk}"),
        "Organization",
        "Be mentors and role models (students)",
        "Assist in service-learning projects (projects)",
    )
    assert row == ("Church", "6", "")


@pytest.mark.slow
def test_never_signed_filter_exports_drafts_of_a_closed_year(staff, mixed_pledges):
    factories.close_year()
    assert partners(staff.get(f"{PROMISES}promises.csv?state=never")) == ["Clinic"]
    assert staff.get(f"{PROMISES}promises.csv?state=draft").status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize(("url", "name"), [(PLEDGES, "pledge"), (PROMISES, "promise")])
def test_export_action_exports_the_selected_rows(staff, mixed_pledges, url, name):
    rows = list((Pledge if name == "pledge" else Promise).objects.order_by("pk"))
    for kind in RESPONSES:
        selected = {"_selected_action": [rows[0].pk, rows[-1].pk]}
        assert partners(staff.post(url, selected | {"action": f"{name}_promises_{kind}"})) == ["Bakery", "Clinic"]
        assert partners(staff.post(url, selected | {"action": f"{name}_organizations_{kind}"})) == ["Bakery", "Clinic"]


def test_export_action_exports_the_selected_organizations(staff, mixed_pledges):
    selected = Pledge.objects.get(organization__name="Clinic").organization
    url = "/imagine/admin/partners/organization/"
    data = {"action": "organization_organizations_csv", "_selected_action": [selected.pk]}
    assert partners(staff.post(url, data)) == ["Clinic"]
    assert partners(staff.get(f"{ORGANIZATIONS}.csv?pledge=signed")) == ["Bakery", "Church"]


@pytest.mark.slow
def test_export_includes_rows_beyond_the_shown_page(staff):
    factories.pledge_year()
    for number in range(101):
        factories.draft_pledge(f"Partner {number:03}", f"p{number}@example.org")
    names = [f"Partner {number:03}" for number in range(101)]
    assert partners(staff.get(f"{PROMISES}promises.csv")) == names
    assert partners(staff.get(f"{PLEDGES}organizations.xlsx")) == names


@pytest.mark.slow
def test_export_links_keep_the_list_filters(staff, mixed_pledges):
    for query, kept_query in {"?q=bak&state=signed&p=1": "?q=bak&amp;state=signed", "": ""}.items():
        page = staff.get(PROMISES + query).content.decode()
        assert f'<a href="{PROMISES}promises.csv{kept_query}">Download promises (CSV)</a>' in page
        assert f'<a href="{PROMISES}organizations.xlsx{kept_query}">Download pledges (Excel)</a>' in page


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_empty_export_redirects_to_the_list_with_a_message(subtests, staff, mixed_pledges):
    for query in ["?q=nobody", "?q=%22%3B"]:
        for address in ALL_FILES:
            with subtests.test(query=query, address=address):
                response = staff.get(address + query)
                url = f"{address.rpartition('/')[0]}/"
                assert (response.status_code, response["Location"].partition("?")[0]) == (302, url)
                assert NOTHING_TO_EXPORT in web_client.page_text(staff.get(response["Location"]))


def test_pledge_without_promises_is_not_exported(staff):
    pledge = factories.draft_pledge()
    pledge_editing.save_draft(pledge.token, **(factories.pledge_data(pledge.token) | {"promised": []}))
    assert snapshots.tables()["partners.Promise"] == []
    assert staff.get(f"{PLEDGES}organizations.csv")["Location"] == f"{PLEDGES}?"
    assert NOTHING_TO_EXPORT in web_client.page_text(staff.get(PLEDGES))


@pytest.mark.slow
def test_invalid_filter_is_ignored(subtests, staff, mixed_pledges):
    for query in ["?year=x", "?promise_type=99999999999999999999", "?e=1&state=nonsense"]:
        with subtests.test(query=query):
            assert len(partners(staff.get(f"{PROMISES}promises.csv{query}"))) == 4


def test_unknown_lookup_redirects_to_the_list(staff, mixed_pledges):
    response = staff.get(f"{PROMISES}promises.csv?quantity__exact=x")
    assert (response.status_code, response["Location"]) == (302, PROMISES)


@pytest.mark.slow
@pytest.mark.parametrize("address", [*ALL_FILES, f"{PROMISES}coverage.csv"])
def test_export_requires_permission_to_view_the_list(address):
    factories.signed_pledge()
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
    factories.signed_pledge()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_promise", "view_pledge"]))
    client = Client()
    client.force_login(viewer)
    for address in FILES:
        assert partners(client.get(address)) == ["Port Gate Logistics"]
    data = {"action": "promise_promises_csv", "_selected_action": [Promise.objects.get().pk]}
    assert partners(client.post(PROMISES, data)) == ["Port Gate Logistics"]
    assert client.get(f"{ORGANIZATIONS}.csv").status_code == 403


@pytest.mark.slow
def test_export_is_get_only_and_writes_only_the_activity_log(subtests, staff, district):
    before = snapshots.tables(exclude=("core.SecurityEvent",))
    for address in [*ALL_FILES, f"{PROMISES}coverage.csv"]:
        with subtests.test(address=address):
            read_rows(staff.get(address))
            assert staff.post(address).status_code == 405
            assert snapshots.tables(exclude=("core.SecurityEvent",)) == before


# How much it takes -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_exports_take_the_same_number_of_queries_for_3_and_30(staff):
    factories.pledge_year()
    schools = (factories.school("Edison High"), factories.school("Fillmore"))
    addresses = [*ALL_FILES, f"{PROMISES}promises.csv?q=partner", f"{PROMISES}coverage.csv"]
    sizes = {}

    def create_pledges(numbers) -> None:
        for number in numbers:
            factories.signed_pledge(
                f"Partner {number}", f"p{number}@example.org", [factories.promise_data("tours", schools=schools)]
            )

    def export(address: str) -> None:
        sizes[address] = len(read_rows(staff.get(address)))

    create_pledges(range(3))
    counts = web_client.query_counts(export, addresses)
    assert min(sizes.values()) > 3, sizes
    create_pledges(range(3, 30))
    assert web_client.query_counts(export, addresses) == counts
    assert min(sizes.values()) >= 6, sizes
    assert max(counts.values()) <= 11, counts
