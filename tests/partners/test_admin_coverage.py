"""The coverage page, and the pledges on the admin's start page."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from partners.models import PromiseType, School
from tests import factories, web_client

pytestmark = pytest.mark.django_db

PAGE, START = "/imagine/admin/partners/promise/coverage/", "/imagine/admin/"
PROMISES = "/imagine/admin/partners/promise/"


def table(response, number: int) -> list[list[str]]:
    """Return the rows of one of the page's tables as text."""
    html = re.findall(r"<table.*?</table>", response.content.decode(), re.S)[number]
    rows = re.findall(r"<tr>.*?</tr>", html, re.S)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows)
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


@pytest.fixture
def district(db) -> dict[str, School]:
    high, primary = factories.school("Edison High"), factories.school("Fillmore", "elementary")
    factories.signed_pledge(
        "One",
        "one@example.org",
        [factories.promise_data("tours", 6, schools=(high,)), factories.promise_data("mentors", 2)],
    )
    factories.draft_pledge("Draft", "draft@example.org", [factories.promise_data("tours", 9, schools=(primary,))])
    factories.pledge_signed_last_year(
        "Old", "old@example.org", [factories.promise_data("tours", 9, schools=(primary, high))]
    )
    return {"high": high, "primary": primary}


def open_schools(response) -> str:
    """Return the text of the part about schools without promises."""
    found = re.search(r'<section aria-labelledby="open-schools">(.*?)</section>', response.content.decode(), re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


def test_page_starts_with_the_schools_without_promises_by_level(staff, district):
    factories.school("Stagg High")
    factories.school("Adams", "elementary")
    retired = factories.school("Closed Elementary", "elementary")
    School.objects.filter(pk=retired.pk).update(is_retired=True)
    assert open_schools(staff.get(PAGE)) == (
        "3 of 4 schools have no promises for 2027–28 yet "
        "Elementary (TK–8) Adams; Fillmore (1 in 2026–27) High school (9–12) Stagg High "
        "Schools with promises in 2026–27 show how many they had."
    )
    text = web_client.page_text(staff.get(PAGE))
    assert text.index("3 of 4 schools") < text.index("Promises by school, 2027–28")


def test_page_says_when_one_school_or_none_is_without_promises(staff, district):
    assert open_schools(staff.get(PAGE)).startswith("1 of 2 schools has no promises for 2027–28 yet")
    factories.signed_pledge("Two", "two@example.org", [factories.promise_data(schools=(district["primary"],))])
    assert open_schools(staff.get(PAGE)) == "Every school has promises for 2027–28"


def test_page_without_schools_shows_no_part_about_them(staff):
    factories.signed_pledge()
    response = staff.get(PAGE)
    assert response.status_code == 200
    assert open_schools(response) == ""


def test_table_lists_schools_with_promises_fewest_first_and_anywhere_last(staff, district):
    busy = factories.school("Adams", "elementary")
    for name in ("Two", "Three"):
        factories.signed_pledge(name, f"{name}@example.org", [factories.promise_data("mentors", schools=(busy,))])
    header, *rows = table(staff.get(PAGE), 0)
    tours, mentors = (header.index(name) for name in ("Host tours and field trips", "Be mentors and role models"))
    assert [[*row[:3], row[tours], row[mentors]] for row in rows] == [
        ["Edison High High school (9–12)", "1", "1", "1", ""],
        ["Adams Elementary (TK–8)", "2", "", "", "2"],
        ["Wherever it is needed most", "1", "", "", "1"],
    ]


def test_tables_show_schools_and_promise_types_with_blanks_for_zeros(staff, district):
    response = staff.get(PAGE)
    header, *rows = table(response, 0)
    assert header[:3] == ["School", "Promises", "2026–27"]
    tours, mentors = (header.index(name) for name in ("Host tours and field trips", "Be mentors and role models"))
    assert [[*row[:3], row[tours], row[mentors]] for row in rows] == [
        ["Edison High High school (9–12)", "1", "1", "1", ""],
        ["Wherever it is needed most", "1", "", "", "1"],
    ]
    assert [row for row in table(response, 1) if row[1] != "0"] == [
        ["Promise type", "Promises", "2026–27", "Quantity", "2026–27", "Change"],
        ["Host tours and field trips", "1", "1", "6 visits", "9 visits", "−3"],
        ["Be mentors and role models", "1", "0", "2 students", "0 students", "+2"],
        ["Total", "2", "1", "", "", ""],
    ]


@pytest.mark.slow
def test_every_number_links_to_the_promises_it_counts(staff, district):
    page = staff.get(PAGE).content.decode()
    links = re.findall(rf'<a\s+href="({PROMISES}\?[^"]*)"\s+aria-label="([^"]*)"\s*>(\d+)</a>', page)
    assert [name for _address, name, _number in links] == [
        "1: Edison High",
        "1: Edison High, Host tours and field trips",
        "1: Be mentors and role models",
        "1: Host tours and field trips",
        "1: Be mentors and role models",
        "2: Total",
    ]
    for address, _name, number in links:
        response = staff.get(address.replace("&amp;", "&"))
        assert response.context["cl"].result_count == int(number), address


def test_year_link_shows_coverage_of_another_school_year(staff, district):
    response = staff.get(f"{PAGE}?year=2026")
    assert "Promises by school, 2026–27" in web_client.page_text(response)
    assert '<a href="?year=2026" aria-current="page">2026–27</a>' in web_client.page_html(response)
    assert [row[1:3] for row in table(response, 0)[1:3]] == [["1", ""], ["1", ""]]
    for query in ("?year=x", "?year=2019", ""):
        assert "Promises by school, 2027–28" in web_client.page_text(staff.get(PAGE + query))


def test_coverage_before_any_school_year_is_opened(staff):
    assert "No school year has opened for pledges yet." in web_client.page_text(staff.get(PAGE))
    assert staff.get(f"{PROMISES}coverage.csv")["Location"] == PAGE


@pytest.mark.slow
def test_coverage_requires_permission_to_view_promises(district):
    other = Client()
    other.force_login(User.objects.create_user("other", is_staff=True))
    assert other.get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302
    assert other.post(PAGE).status_code == 405


@pytest.mark.slow
def test_coverage_takes_at_most_8_queries_for_any_amount_of_data(district, django_assert_num_queries):
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_promise"))
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(PAGE).status_code == 200
    assert len(queries) <= 8
    for number in range(10):
        factories.school(f"School {number}")
        factories.signed_pledge(
            f"Partner {number}", f"p{number}@example.org", [factories.promise_data(schools=tuple(district.values()))]
        )
    PromiseType.objects.create(code="books", name="Give books", unit="book", unit_plural="books")
    with django_assert_num_queries(len(queries)):
        client.get(PAGE)


def test_promise_list_links_to_coverage(staff, district):
    assert f'<a href="{PAGE}">Coverage</a>' in staff.get(PROMISES).content.decode()


# The start page --------------------------------------------------------------------------------------------------


def pledge_counts(response) -> str:
    text = web_client.page_text(response)
    return text[text.index("Pledges") : text.index("Summits, kickoffs")]


def test_start_page_counts_the_pledges_of_the_year_with_links(staff, district):
    response = staff.get(START)
    assert pledge_counts(response).startswith("Pledges for 2027–28 signed 1 drafts 1")
    page = response.content.decode()
    for query, names in {"state=signed": ["One"], "state=draft": ["Draft"]}.items():
        assert f"{START}partners/pledge/?{query}&amp;year=2027" in page
        rows = staff.get(f"{START}partners/pledge/?{query}&year=2027").context["cl"].result_list
        assert [row.organization.name for row in rows] == names


def test_start_page_without_an_open_year(staff):
    assert "Pledges No school year has opened for pledges yet." in pledge_counts(staff.get(START))
    factories.signed_pledge()
    factories.close_year()
    response = staff.get(START)
    assert pledge_counts(response).startswith("Pledges for 2027–28 signed 1 drafts 0")
    assert f"{START}partners/pledge/?state=never&amp;year=2027" in response.content.decode()


def test_start_page_shows_only_what_the_user_has_permission_to_view(district):
    user = User.objects.create(username="clerk", is_staff=True)
    client = Client()
    client.force_login(user)
    assert "Pledges" not in web_client.page_text(client.get(START))
    user.user_permissions.set(Permission.objects.filter(codename="view_pledge"))
    text = web_client.page_text(client.get(START))
    assert "Pledges for 2027–28 signed 1" in text
    assert "pending approval" not in text
    assert "Coverage" not in text
