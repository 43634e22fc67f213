"""The public list of partners: who is listed, filters, pages, and totals."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.directory import queries as directory_queries
from partners.models import Organization, PledgeYear, PromiseType, School
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import years as pledge_years
from tests import factories, snapshots, web_client
from tests.factories import promise_data

pytestmark = pytest.mark.django_db

DIRECTORY = "/imagine/partners/"


def html(client, query: str = "", **headers) -> str:
    response = client.get(f"{DIRECTORY}{query}", headers=headers)
    assert response.status_code == 200, response
    return web_client.page_html(response)


def text_of(client, query: str = "", **headers) -> str:
    return web_client.page_text(client.get(f"{DIRECTORY}{query}", headers=headers))


def names(client, query: str = "") -> list[str]:
    return re.findall(r"<h3><a [^>]+>([^<]+)</a></h3>", html(client, query))


def cells(client, query: str = "") -> dict[str, list[str]]:
    """Return the cells of the coverage table by promise type."""
    rows = re.findall(r'<tr><th scope="row"><img.*?</tr>', html(client, query), re.S)
    cells_of_rows = ([re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows)
    return dict(zip((re.search(r"<span>(?:<a.*?>)?([^<]+)", row)[1] for row in rows), cells_of_rows, strict=True))


def stats(client, query: str = "") -> dict[str, str]:
    terms = re.findall(r'<dt>([^<]+)</dt><dd class="num">([^<]+)</dd>', html(client, query))
    return dict(terms)


# Who is shown -----------------------------------------------------------------------------------------------------


def test_partner_is_listed_under_its_sector_with_its_promises(client):
    factories.listed_partner(
        "Port Gate Logistics", promise_data("tours", 6, grades=("7-8", "9-12")), promise_data("mentors", 1)
    )
    factories.listed_partner("St. Brigid Parish", promise_data("mentors", 1200, grades=("TK-K", "1-3")), sector="faith")
    factories.listed_partner("Slough House Bakery")
    page = text_of(client)
    assert (
        "Business and industry 2 partners "
        "Port Gate Logistics 6 visits, grades 7–12 Host tours and field trips 1 student Be mentors and role models "
        "Slough House Bakery 6 visits Host tours and field trips "
        "Faith-based 1 partner St. Brigid Parish 1,200 students, grades TK–3 Be mentors and role models"
    ) in page


def test_each_part_of_the_page_has_a_heading(client):
    factories.listed_partner()
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", html(client))
    assert headings[:4] == ["Partners by sector", "Promises by grade", "Find a partner", "Business and industry"]


def test_only_signed_and_approved_partners_that_want_listing_are_shown(client):
    factories.listed_partner("Shown Growers")
    draft = factories.draft_pledge("Draft Growers", "draft@example.org").organization
    Organization.objects.filter(pk=draft.pk).update(wants_listing=True)
    profiles.approve_listing(draft, by="staff")
    profiles.approve_listing(factories.signed_pledge("Silent Growers", "silent@example.org").organization, by="staff")
    pending = factories.signed_pledge("Waiting Growers", "waiting@example.org").organization
    Organization.objects.filter(pk=pending.pk).update(wants_listing=True)
    hidden = factories.listed_partner("Hidden Growers")
    assert names(client) == ["Hidden Growers", "Shown Growers"]
    profiles.withdraw_approval(hidden)
    assert names(client) == ["Shown Growers"]
    assert stats(client)["partner listed"] == "1"
    for organization in (draft, pending, hidden):
        assert client.get(organization.get_absolute_url()).status_code == 404


def test_private_details_are_not_shown(client):
    partner = factories.listed_partner(
        "Port Gate Logistics",
        phone="209 555 0100",
        address="1 Dock Street",
    )
    partner.contacts.update(role="Yard boss", phone="209 555 0199")
    token = partner.pledges.get().token
    for path in (DIRECTORY, partner.get_absolute_url()):
        page = client.get(path).content.decode()
        assert "Port Gate Logistics" in page
        for secret in ("Alma", "@example.org", "Yard boss", "Owner", "209 555", "Dock Street", token):
            assert secret not in page.replace("community@example.org", ""), secret


def test_card_shows_the_first_line_of_a_note_that_the_partner_wrote_on_our_page(client):
    promised = promise_data(note="Six visits to the docks. " * 6)
    partner = factories.listed_partner("Port Gate Logistics", promised)
    page = web_client.page_text(client.get(DIRECTORY))
    assert "Host tours and field trips Six visits to the docks. Six visits" in page
    assert promised.note.strip() not in page
    partner.pledges.update(verified_at=None)  # as after an import
    assert "docks" not in web_client.page_text(client.get(DIRECTORY))


def test_partner_name_is_escaped_and_shown_as_written(client):
    factories.listed_partner("<b>Đặng & Sons</b> “Phở”")
    assert "&lt;b&gt;Đặng &amp; Sons&lt;/b&gt; “Phở”" in html(client)


@pytest.mark.slow
def test_partner_without_a_sector_is_listed_last(client):
    factories.listed_partner("A Club", sector="")
    factories.listed_partner("Z Agency", sector="public")
    assert names(client) == ["Z Agency", "A Club"]
    assert "Other 1 partner A Club" in text_of(client)


# Narrowed ---------------------------------------------------------------------------------------------------------


def create_three_partners() -> None:
    factories.listed_partner("Hmong Families Together", promise_data("teachers"), sector="families")
    factories.listed_partner("Peña Landscaping", promise_data("tours"), promise_data("service"))
    factories.listed_partner("Local 47", promise_data("tours"), sector="labor")


@pytest.mark.slow
def test_filters_and_search(subtests, client):
    create_three_partners()
    for query, terms in [
        ("", ["Peña Landscaping", "Local 47", "Hmong Families Together"]),
        ("?sector=labor", ["Local 47"]),
        ("?kind=tours", ["Peña Landscaping", "Local 47"]),
        ("?kind=tours&sector=business", ["Peña Landscaping"]),
        ("?kind=advisory", []),
        ("?q=PENA", ["Peña Landscaping"]),
        ("?q=landsc", ["Peña Landscaping"]),
        ("?q=%20%20families%20%20together", ["Hmong Families Together"]),
        ("?q=hmogn", ["Hmong Families Together"]),
        ("?q=local&sector=business", []),
        ("?q=%25", []),
        ("?q=___", []),
        ("?q=x%00y", []),
        ("?q=%ff", []),
        ("?q=&kind=&sector=&year=", ["Peña Landscaping", "Local 47", "Hmong Families Together"]),
        (f"?q={'wxyz' * 500}", []),
    ]:
        with subtests.test(query=query, terms=terms):
            assert names(client, query) == terms


def test_filtered_page_shows_its_filters_and_how_to_clear_them(client):
    create_three_partners()
    page = html(client, "?sector=labor&kind=tours&q=local")
    assert "1 partner Labor · Host tours and field trips · “local” Show all partners" in text_of(
        client, "?sector=labor&kind=tours&q=local"
    )
    assert '<option value="tours" selected>' in page
    assert 'name="q" value="local"' in page
    assert '<input type="hidden" name="sector" value="labor" id="sector">' in page
    assert f'href="{DIRECTORY}?sector=families&amp;kind=tours&amp;q=local"' in page
    assert f'<a href="{DIRECTORY}?kind=tours&amp;q=local">All sectors</a>' in page
    assert "coverage" not in page


@pytest.mark.slow
def test_empty_result_links_to_all_partners(client):
    create_three_partners()
    page = html(client, "?q=bakery&kind=tours")
    assert "No partners match your search" in page
    assert f'<a class="btn btn-outline-primary" href="{DIRECTORY}">Show all partners</a>' in page


@pytest.mark.slow
def test_unknown_year_sector_or_promise_type_returns_404(subtests, client):
    create_three_partners()
    factories.pledge_year(2028, opens_on=timezone.localdate() + timedelta(days=1))
    for query in ["?year=1999", "?year=2028", "?year=x", "?year=２０２７", "?sector=x", "?kind=x"]:
        with subtests.test(query=query):
            assert client.get(f"{DIRECTORY}{query}").status_code == 404


@pytest.mark.slow
def test_each_school_year_has_its_page(client):
    old, unlisted = factories.listed_partner("Old Growers"), factories.listed_partner("Gone Growers")
    factories.renew_pledge(old, 2028, promise_data("service", 2))
    assert names(client) == ["Old Growers"]
    assert names(client, "?year=2027") == [unlisted.name, old.name]
    assert "2 projects" in html(client)
    page = html(client, "?year=2027&sector=business")
    assert f'<a href="{DIRECTORY}?year=2027">All sectors</a>' in page
    assert f'<a href="{DIRECTORY}">2028–29</a><a href="{DIRECTORY}?year=2027" aria-current="true">2027–28</a>' in page
    assert f'rel="canonical" href="http://127.0.0.1:8000{DIRECTORY}?year=2027&amp;sector=business"' in page
    assert f'rel="canonical" href="http://127.0.0.1:8000{DIRECTORY}"' in html(client, "?year=2028")


@pytest.mark.slow
def test_retired_promise_type_stays_listed_if_it_was_promised(client):
    factories.listed_partner("Port Gate Logistics", promise_data("tours"))
    PromiseType.objects.filter(code__in=["tours", "service"]).update(is_retired=True)
    assert "Host tours and field trips" in cells(client)
    assert "Assist in service-learning projects" not in cells(client)
    assert names(client, "?kind=tours") == ["Port Gate Logistics"]


# Turned -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def five_partners(monkeypatch):
    """Five partners, two per page."""
    for module in ("partners.directory.queries", "partners.directory.presenters"):
        monkeypatch.setattr(f"{module}.PAGE_SIZE", 2)
    for letter in "ABCDE":
        factories.listed_partner(f"{letter} Growers")


@pytest.mark.slow
def test_pagination_keeps_the_filters(client, five_partners):
    assert names(client, "?kind=tours") == ["A Growers", "B Growers"]
    assert names(client, "?kind=tours&page=2") == ["C Growers", "D Growers"]
    assert names(client, "?kind=tours&page=3") == ["E Growers"]
    page = html(client, "?kind=tours&page=2")
    assert f'rel="prev" href="{DIRECTORY}?kind=tours"' in page
    assert f'rel="next" href="{DIRECTORY}?kind=tours&amp;page=3"' in page
    assert "Page 2 of 3" in page
    assert "Business and industry 5 partners" in text_of(client, "?kind=tours&page=2")
    assert 'rel="next"' not in html(client, "?kind=tours&page=3")
    assert f'<a href="{DIRECTORY}?sector=business&amp;kind=tours">Business and industry</a>' in page


@pytest.mark.slow
def test_invalid_page_number_redirects_to_a_valid_page(subtests, client, five_partners):
    for page, linked_pages in [
        ("1", ""),
        ("01", ""),
        ("0", ""),
        ("-1", ""),
        ("x", ""),
        ("2.5", ""),
        ("٢", ""),
        ("4", "&page=3"),
        ("999999999", "&page=3"),
        ("9" * 5000, ""),
    ]:
        with subtests.test(page=page, linked_pages=linked_pages):
            response = client.get(f"{DIRECTORY}?kind=tours&page={page}")
            assert (response.status_code, response.headers["Location"]) == (
                302,
                f"{DIRECTORY}?kind=tours{linked_pages}",
            )


def test_page_number_of_an_empty_list_redirects_to_the_first_page(client):
    assert client.get(f"{DIRECTORY}?page=2").headers["Location"] == DIRECTORY


# Totals -----------------------------------------------------------------------------------------------------------


def test_figures_count_what_is_shown(client):
    schools = factories.school("Cesar Chavez High"), factories.school("Edison High")
    retired = factories.school("Old High")
    factories.school("Franklin High")
    factories.listed_partner(
        "Port Gate Logistics", promise_data("tours", schools=(*schools, retired)), promise_data("mentors")
    )
    factories.listed_partner("Slough House Bakery", promise_data("tours", schools=schools[:1]))
    factories.signed_pledge("Silent Growers", "silent@example.org", (promise_data("service"),))
    School.objects.filter(pk=retired.pk).update(is_retired=True)
    assert stats(client) == {"partners listed": "2", "promises made": "3", "schools named": "2 of 3"}


def test_coverage_shows_a_count_or_none_yet_by_promise_type_and_grades(client):
    factories.listed_partner("One", promise_data("tours", 4, grades=("TK-K", "4-6")), promise_data("mentors", 2))
    factories.listed_partner("Two", promise_data("tours", 1, grades=("9-12",)))
    table = cells(client)
    assert list(table) == [promise_type.name for promise_type in PromiseType.objects.all()]
    assert table["Host tours and field trips"] == ["1", "none yet", "1"]
    assert table["Be mentors and role models"] == ["1", "1", "1"]
    assert table["Collaborate with teachers"] == ["none yet"] * 3
    assert "Host tours and field trips 5 visits in total" in text_of(client)
    assert "Fill an open need" in text_of(client)
    factories.close_year()
    assert cells(client)["Host tours and field trips"] == ["1", "0", "1"]
    assert "Fill an open need" not in text_of(client)


@pytest.mark.slow
def test_coverage_cells_are_darker_the_more_partners_promise(client):
    for number in range(12):
        factories.listed_partner(
            f"Growers {number}", promise_data("tours", grades=("7-8",)) if number < 4 else promise_data("tours")
        )
    page = html(client)
    assert 'class="num level-2">8</td><td class="num level-3">12</td><td class="num level-2">8</td>' in page


def test_chart_and_table_compare_partners_by_sector_with_the_previous_year(client):
    old = factories.listed_partner("Old Growers")
    factories.listed_partner("Gone Parish", sector="faith")
    assert "<desc" in html(client)
    assert "Business and industry: 1. Faith-based: 1.</desc>" in html(client)
    factories.renew_pledge(old, 2028)
    factories.listed_partner("New Growers")
    page = html(client)
    assert "Business and industry: 2 (1 in 2027–28). Faith-based: 0 (1 in 2027–28).</desc>" in page
    assert '<svg viewBox="0 0 352 128" role="img" aria-labelledby="chart-title chart-words">' in page
    drawn = page.partition("</desc>")[2].partition("</svg>")[0]
    assert re.findall(r"<text[^>]*>([^<]*)</text>", drawn) == [
        "Business and industry",
        "2",
        "1",
        "Faith-based",
        "0",
        "1",
    ]
    assert drawn.startswith('<g aria-hidden="true">'), "the title and description say it all"
    assert '<th scope="row">Business and industry</th><td class="num">1</td><td class="num">2</td>' in page
    assert '<th scope="row">Faith-based</th><td class="num">1</td><td class="num">0</td>' in page


# Nothing yet ------------------------------------------------------------------------------------------------------


def test_page_before_any_school_year_is_open(client):
    factories.pledge_year(2028, opens_on=timezone.localdate() + timedelta(days=1))
    page = html(client)
    assert "No school year is open for promises yet." in page
    assert 'href="/imagine/#promises"' in page
    assert "noindex" not in page


def test_empty_list_links_to_the_pledge_page_only_while_the_year_is_open(client):
    factories.draft_pledge()
    assert "No partners for 2027–28 yet" in html(client)
    assert 'class="btn btn-primary" href="/imagine/promise/"' in html(client)
    assert stats(client) == {}
    factories.close_year()
    assert 'class="btn btn-primary" href="/imagine/promise/"' not in html(client)


@pytest.mark.slow
def test_list_shows_last_year_while_the_new_year_has_no_partners(client):
    factories.listed_partner()
    factories.pledge_year(2028)
    assert names(client) == ["Port Gate Logistics"]
    assert f'<a href="{DIRECTORY}?year=2028">2028–29</a>' in html(client)
    page = html(client, "?year=2028")
    assert "No partners for 2028–29 yet" in page
    assert f'<a href="{DIRECTORY}">2027–28</a>' in page


# Addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_page_is_indexable_and_has_a_canonical_url(client, five_partners):
    for query, expected_query in {
        "": "",
        "?sector=business": "?sector=business",
        "?kind=tours&page=2": "?kind=tours&amp;page=2",
        "?q=growers&page=2": "",
        "?kind=tours&q=growers": "?kind=tours",
    }.items():
        page = html(client, query)
        assert "noindex" not in page
        assert f'<link rel="canonical" href="http://127.0.0.1:8000{DIRECTORY}{expected_query}">' in page
        assert f'<meta property="og:url" content="http://127.0.0.1:8000{DIRECTORY}{expected_query}">' in page
    assert web_client.page_title(html(client)) == "Imagine Promise Partners 2027–28"
    title = "Business and industry: Imagine Promise Partners 2027–28, page 2"
    assert web_client.page_title(html(client, "?sector=business&page=2")) == title
    description = "5 partners made promises to Stockton’s students for 2027–28. See who promised what."
    assert f'<meta name="description" content="{description}">' in html(client)


@pytest.mark.slow
def test_switching_language_keeps_the_url(client):
    create_three_partners()
    assert f'name="next" value="{DIRECTORY}?sector=labor&amp;kind=tours"' in html(client, "?kind=tours&sector=labor")
    page = text_of(client, "?kind=tours", **{"accept-language": "es"})
    assert "Nuestros aliados y sus promesas" in page
    assert "2 aliados Recibir visitas y excursiones" in page
    assert "6 visitas" in page


def test_list_is_read_only(client):
    factories.listed_partner()
    assert client.post(DIRECTORY).status_code == 405
    assert client.head(DIRECTORY).status_code == 200


@pytest.mark.slow
def test_list_takes_the_same_number_of_queries_for_3_and_30(client):
    queries = ["", "?sector=business&kind=tours", "?q=growers", "?q=nothing"]
    schools = factories.school(), factories.school("Edison High")
    for number in range(3):
        factories.listed_partner(f"Growers {number}", promise_data("tours", schools=schools), promise_data("mentors"))
    few = web_client.query_counts(lambda query: html(client, query), queries)
    for number in range(3, 30):
        factories.listed_partner(
            f"Growers {number}", promise_data("tours", schools=schools), promise_data("service"), sector="labor"
        )
    assert web_client.query_counts(lambda query: html(client, query), queries) == few
    assert max(few.values()) <= 13, few


@pytest.mark.slow
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_viewing_pages_writes_nothing_to_the_database(client, method):
    partner = factories.listed_partner()
    before = snapshots.tables()
    for path in (
        DIRECTORY,
        f"{DIRECTORY}?q=port",
        f"{DIRECTORY}?page=9",
        partner.get_absolute_url(),
        f"{DIRECTORY}nobody/",
    ):
        assert getattr(client, method)(path).status_code < 500
    assert snapshots.tables() == before


def test_home_page_links_to_the_partner_list_and_the_pledge_page(client):
    page = web_client.page_html(client.get("/imagine/"))
    assert f'<a href="{DIRECTORY}">Partners</a>' in page
    assert '<a href="/imagine/promise/">Make a promise</a>' in page
    assert f'<a href="{DIRECTORY}">See what our partners promised</a>' in page
    assert f'<a href="{DIRECTORY}" aria-current="page">Partners</a>' in html(client)


# Kept -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_page_is_cached_until_anything_it_shows_changes(client, mail_server):
    partner = factories.listed_partner("Port Gate Logistics", promise_data("tours", schools=(factories.school(),)))
    pledge, versions = partner.pledges.get(), []

    def get_page() -> str:
        versions.append(directory_queries.directory_version())
        assert directory_queries.directory_version() == versions[-1]
        return html(client)

    first = get_page()
    with CaptureQueriesContext(connection) as captured:
        html(client)
    assert len(captured) == 1
    Organization.objects.update(name="Port Gate")
    assert get_page() != first
    assert names(client) == ["Port Gate"]
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, promise_data("tours", 9)), name="Alma Reyes"
    )
    assert "9 visits" in get_page()
    PromiseType.objects.filter(code="tours").update(name="Show us around")
    assert "Show us around" in get_page()
    School.objects.update(is_retired=True)
    assert "schools named" not in get_page()
    pledge_years.close_year(PledgeYear.objects.get())
    assert "none yet" not in get_page()
    profiles.set_logo(partner, factories.png())
    profiles.approve_listing(partner, by="staff")
    get_page()
    profiles.withdraw_approval(partner)
    assert "No partners for 2027–28 yet" in get_page()
    assert len(set(versions)) == len(versions)


@pytest.mark.django_db(transaction=True)
def test_directory_version_changes_with_every_concurrent_commit(mail_server):
    """Each of two concurrent commits is noticed, including the one that starts first and ends last."""
    factories.listed_partner()
    versions_seen = [directory_queries.directory_version()]
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("UPDATE partners_organization SET name = 'First'")
            PromiseType.objects.filter(code="tours").update(name="Second")
            versions_seen.append(directory_queries.directory_version())
            cursor.execute("COMMIT")
        versions_seen.append(directory_queries.directory_version())
    finally:
        other.close()
    assert len(set(versions_seen)) == 3
    factories.pledge_year(2028)
    assert len(directory_queries.directory_version()) == 3  # the version, the date, and whether anyone is writing


def test_page_seen_in_a_writing_transaction_is_current_and_not_cached(client):
    """A test's transaction writes everything itself."""
    partner = factories.listed_partner()
    assert names(client) == ["Port Gate Logistics"]
    Organization.objects.filter(pk=partner.pk).update(name="Port Gate")
    assert names(client) == ["Port Gate"]
    assert directory_queries.directory_version() != directory_queries.directory_version()
