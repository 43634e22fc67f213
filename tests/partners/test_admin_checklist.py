"""Promise types, schools and school years in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from imagine.core.formatting import short_date
from imagine.core.models import AuditEntry
from partners import certificates, checklist
from partners.models import PledgeYear, PromiseType, School
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state, promises
from partners.pledges import years as pledge_years
from tests import factories, snapshots, web_client
from tests.summit.test_admin_actions import GONE, IGNORED_TABLES, NEEDED_NO_CHANGE, shown_messages

pytestmark = pytest.mark.django_db

BASE = "/imagine/admin/partners/"
KINDS, SCHOOLS, YEARS = f"{BASE}promisetype/", f"{BASE}school/", f"{BASE}pledgeyear/"
BOOKS = {"code": "books", "name": "Give books", "unit": "book", "unit_plural": "books", "order": "5"}


def today(days: int = 0):
    return timezone.localdate() + timedelta(days=days)


def change(staff, url: str, row, **typed):
    address = f"{url}{row.pk}/change/"
    return staff.post(address, web_client.form_fields(staff.get(address)) | typed)


def add(staff, url: str, **typed):
    return staff.post(f"{url}add/", web_client.form_fields(staff.get(f"{url}add/")) | typed)


def run_action(staff, url: str, action: str, *rows, **more):
    return web_client.run_action(staff, url, action, rows, **more)


def tours() -> PromiseType:
    return PromiseType.objects.get(code="tours")


# Kinds -----------------------------------------------------------------------------------------------------------


def test_promise_type_form_changes_every_field_except_code(staff):
    typed = {
        "name": "Open your doors",
        "name_es": "Abrir sus puertas",
        "tagline": "Show it.",
        "tagline_es": "Muéstrelo.",
        "unit": "day",
        "unit_plural": "days",
        "unit_es": "día",
        "unit_plural_es": "días",
        "example": "A bakery.",
        "example_es": "Una panadería.",
        "needs_clearance": "on",
        "needs_insurance": "on",
        "requirements": "A certificate.",
        "requirements_es": "Un certificado.",
        "work_based_learning": "training",
        "order": "5",
        "is_retired": "on",
        "code": "other",
    }
    promise_type = tours()
    assert change(staff, KINDS, promise_type, **typed).status_code == 302
    promise_type.refresh_from_db()
    stored_values = {name: getattr(promise_type, name) for name in typed}
    assert stored_values == typed | dict.fromkeys(("needs_clearance", "needs_insurance", "is_retired"), True) | {
        "order": 5,
        "code": "tours",
    }
    [entry] = AuditEntry.objects.about(promise_type)
    assert entry.actor_name == "staff"
    assert (entry.changes["unit_es"], entry.changes["is_retired"]) == (["visita", "día"], [False, True])
    assert "unit in Spanish (singular): visita → día" in web_client.page_text(
        staff.get(f"{KINDS}{promise_type.pk}/change/")
    )


def test_new_promise_type_is_sorted_by_its_order(staff):
    assert add(staff, KINDS, **BOOKS).status_code == 302
    assert [promise_type.code for promise_type in PromiseType.objects.all()][:2] == ["books", "curriculum"]
    assert snapshots.changes(PromiseType.objects.get(code="books"))[0]["name"] == ["", "Give books"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"code": "tours"}, "Another promise type already has this code."),
        ({"code": "two words"}, "Enter a valid “slug”"),
        ({"name": ""}, "This field is required."),
        ({"unit_plural": ""}, "This field is required."),
        ({"order": "-1"}, "greater than or equal to 0"),
        ({"order": "9" * 30}, "less than or equal to"),
        ({"work_based_learning": "x"}, "Select a valid choice."),
    ],
)
def test_invalid_promise_type_shows_an_error_and_saves_nothing(staff, fields, sentence):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = add(staff, KINDS, **(BOOKS | fields))
    assert response.status_code == 200
    assert sentence in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_concurrent_promise_type_edits_are_not_overwritten_silently(staff):
    promise_type = tours()
    address = f"{KINDS}{promise_type.pk}/change/"
    stale_form = web_client.form_fields(staff.get(address))
    checklist.change_row(promise_type, name="Theirs", example="Theirs too")
    response = staff.post(address, stale_form | {"name": "Mine", "order": "7"})
    assert "Someone else changed this to “Theirs” while you were editing." in web_client.page_text(response)
    assert staff.post(address, web_client.form_fields(response)).status_code == 302
    promise_type.refresh_from_db()
    assert (promise_type.name, promise_type.order, promise_type.example) == ("Mine", 7, "Theirs too")


@pytest.mark.slow
def test_retired_promise_type_stays_on_pledges_but_is_not_offered(staff):
    pledge = factories.signed_pledge()
    promise_type = tours()
    assert shown_messages(run_action(staff, KINDS, "retire_rows", promise_type)) == [
        "1 retired. Partners can’t choose it anymore."
    ]
    assert snapshots.promised_amounts(pledge) == {"tours": 6}
    assert not PromiseType.objects.active().filter(pk=promise_type.pk).exists()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, KINDS, "retire_rows", promise_type)) == [NEEDED_NO_CHANGE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert shown_messages(run_action(staff, KINDS, "unretire_rows", promise_type)) == [
        "1 restored. Partners can choose it again."
    ]
    assert shown_messages(run_action(staff, KINDS, "unretire_rows", promise_type)) == [NEEDED_NO_CHANGE]
    assert [change.actor_name for change in AuditEntry.objects.about(promise_type)] == [
        "staff",
        "staff",
    ]


def test_promise_type_is_deleted_only_when_no_promise_uses_it(staff):
    pledge = factories.draft_pledge()
    used, unused = tours(), PromiseType.objects.get(code="service")
    for url in (f"{KINDS}{used.pk}/delete/", f"{KINDS}{unused.pk}/delete/"):
        assert staff.get(url).status_code == 200
        staff.post(url, {"post": "yes"})
    run_action(staff, KINDS, "delete_selected", used, post="yes")
    assert set(PromiseType.objects.filter(code__in=["tours", "service"])) == {used}
    assert snapshots.promised_amounts(pledge) == {"tours": 6}
    run_action(staff, KINDS, "delete_selected", PromiseType.objects.get(code="mentors"), post="yes")
    assert PromiseType.objects.count() == 6


# Schools ---------------------------------------------------------------------------------------------------------


def test_school_can_only_be_retired_and_brought_back(staff):
    school = factories.school()
    assert change(staff, SCHOOLS, school, is_retired="on", name="Mine", code="1" * 14).status_code == 302
    school.refresh_from_db()
    assert (school.is_retired, school.name) == (True, "Cesar Chavez High")
    assert (
        shown_messages(run_action(staff, SCHOOLS, "unretire_rows", school))[-1]
        == "1 restored. Partners can choose it again."
    )
    assert shown_messages(run_action(staff, SCHOOLS, "retire_rows", school)) == [
        "1 retired. Partners can’t choose it anymore."
    ]
    assert shown_messages(run_action(staff, SCHOOLS, "retire_rows", school)) == [NEEDED_NO_CHANGE]
    assert snapshots.changes(school) == [
        {"is_retired": [False, True]},
        {"is_retired": [True, False]},
        {"is_retired": [False, True]},
    ]
    for address in (f"{SCHOOLS}add/", f"{SCHOOLS}{school.pk}/delete/"):
        assert staff.post(address, {"post": "yes"}).status_code == 403
    assert School.objects.count() == 1


@pytest.mark.slow
def test_saving_an_outdated_school_form_keeps_it_retired(staff):
    school = factories.school()
    address = f"{SCHOOLS}{school.pk}/change/"
    stale_form = web_client.form_fields(staff.get(address))
    checklist.retire(school)
    assert staff.post(address, stale_form).status_code == 302  # unchanged here, so the other editor's value stays
    school.refresh_from_db()
    assert school.is_retired


def test_school_list_search_and_filters(staff):
    factories.school("Edison High")
    checklist.retire(factories.school("Fillmore Elementary", "elementary", is_charter=True))
    for query, names in {
        "": ["Edison High", "Fillmore Elementary"],
        "?q=edison": ["Edison High"],
        "?level__exact=elementary": ["Fillmore Elementary"],
        "?is_retired__exact=1": ["Fillmore Elementary"],
        "?is_charter__exact=0": ["Edison High"],
    }.items():
        assert [school.name for school in staff.get(SCHOOLS + query).context["cl"].result_list] == names, query


# School years ----------------------------------------------------------------------------------------------------


def test_added_school_year_is_not_open_before_its_opening_date(staff):
    typed = {"school_year": "2028", "opens_on": today(30).isoformat(), "announced_deadline": today(60).isoformat()}
    assert add(staff, YEARS, **typed).status_code == 302
    year = PledgeYear.objects.get()
    assert (year.pk, year.opens_on, year.announced_deadline, year.is_open) == (2028, today(30), today(60), False)
    assert "Not open yet" in web_client.page_text(staff.get(YEARS))
    assert snapshots.changes(PledgeYear(pk=2028))[0]["opens_on"] == ["", today(30).isoformat()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"school_year": "2027"}, "This school year already exists."),
        ({"school_year": "2017"}, "greater than or equal to 2018"),
        ({"school_year": "x"}, "Enter a whole number."),
        ({"opens_on": ""}, "This field is required."),
        ({"opens_on": "soon"}, "Enter a date, like Apr 1, 2027."),
        (
            {"opens_on": "2028-05-02", "announced_deadline": "2028-05-01"},
            "Choose a deadline on or after the opening date.",
        ),
    ],
)
def test_invalid_school_year_shows_an_error_and_saves_nothing(staff, fields, sentence):
    factories.pledge_year()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = add(staff, YEARS, **({"school_year": "2028", "opens_on": "2028-05-01"} | fields))
    assert response.status_code == 200
    assert sentence in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_school_year_form_changes_dates_but_not_the_year(staff):
    year = factories.pledge_year()
    assert change(staff, YEARS, year, school_year="2030", announced_deadline=today(90).isoformat()).status_code == 302
    assert list(PledgeYear.objects.values_list("pk", "announced_deadline")) == [(2027, today(90))]


@pytest.mark.slow
def test_concurrent_school_year_edits_are_not_overwritten_silently(staff):
    year = factories.pledge_year()
    address = f"{YEARS}2027/change/"
    stale_form = web_client.form_fields(staff.get(address))
    checklist.change_row(year, announced_deadline=today(10))
    factories.close_year(year)
    response = staff.post(address, stale_form | {"announced_deadline": today(20).isoformat()})
    assert f"Someone else changed this to “{short_date(today(10))}” while you were editing." in web_client.page_text(
        response
    )
    staff.post(address, web_client.form_fields(response))
    year.refresh_from_db()
    assert year.announced_deadline == today(20)
    assert year.closed_at is not None


def test_opening_closing_and_reopening_a_school_year_are_idempotent(staff):
    year = factories.pledge_year(2028, opens_on=today(30))
    for action, sentence, is_open in (
        ("open_years", "1 school year opened.", True),
        ("close_years", "1 school year closed. Its pledges can’t be changed or signed anymore.", False),
        ("reopen_years", "1 school year reopened.", True),
    ):
        assert shown_messages(run_action(staff, YEARS, action, year)) == [sentence]
        year.refresh_from_db()
        assert year.is_open is is_open
        before = snapshots.tables(exclude=IGNORED_TABLES)
        assert shown_messages(run_action(staff, YEARS, action, year)) == [NEEDED_NO_CHANGE]
        assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert snapshots.changes(PledgeYear(pk=2028)) == [
        {"opens_on": [today(30).isoformat(), today().isoformat()]},
        {"closed_at": [False, True]},
        {"closed_at": [True, False]},
    ]
    assert set(AuditEntry.objects.values_list("actor_name", flat=True)) == {"staff"}


def test_school_year_page_shows_a_button_for_the_available_action(staff):
    year = factories.pledge_year(2028, opens_on=today(30))
    hidden_input = '<input type="hidden" name="_selected_action" value="2028">'
    for action, rule in (
        ("open_years", checklist.open_year),
        ("close_years", pledge_years.close_year),
        ("reopen_years", pledge_years.reopen_year),
    ):
        page = staff.get(f"{YEARS}2028/change/").content.decode()
        assert f'<input type="hidden" name="action" value="{action}">{hidden_input}' in page
        year = rule(year)


def test_closed_school_year_refuses_signing_until_it_is_reopened(staff):
    pledge = factories.signed_pledge()
    year = PledgeYear.objects.get()
    typed = factories.pledge_data(pledge.token, factories.promise_data("tours", 7))
    run_action(staff, YEARS, "close_years", year)
    with pytest.raises(page_state.PledgeClosed):
        pledge_editing.sign_pledge(pledge.token, **typed, name="Alma Reyes")
    run_action(staff, YEARS, "reopen_years", year)
    pledge_editing.sign_pledge(pledge.token, **typed, name="Alma Reyes")
    assert snapshots.promised_amounts(pledge) == {"tours": 7}


def test_reopening_an_older_school_year_warns_that_links_lead_to_the_newest(staff):
    factories.pledge_signed_last_year()
    before = PledgeYear.objects.get(pk=2026)
    assert shown_messages(run_action(staff, YEARS, "reopen_years", before)) == [
        "1 school year reopened.",
        "Partners’ links still open 2027–28, because it’s the newest open school year. To send partners to an earlier "
        "one, close 2027–28.",
    ]


def test_school_year_with_a_pledge_is_not_deleted(staff):
    factories.draft_pledge()
    empty = factories.pledge_year(2028)
    for year in (2027, 2028):
        staff.post(f"{YEARS}{year}/delete/", {"post": "yes"})
    assert list(PledgeYear.objects.values_list("pk", flat=True)) == [2027]
    run_action(staff, YEARS, "delete_selected", empty, PledgeYear.objects.get(), post="yes")
    assert PledgeYear.objects.count() == 1


def test_school_year_list_counts_signed_pledges_and_drafts(staff):
    factories.signed_pledge()
    factories.draft_pledge("Other", "other@example.org")
    factories.draft_pledge("Third", "third@example.org")
    [year] = staff.get(YEARS).context["cl"].result_list
    assert (year.signed_count, year.draft_count) == (1, 2)


# All of them -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "action"),
    [
        (KINDS, "retire_rows"),
        (KINDS, "unretire_rows"),
        (YEARS, "open_years"),
        (YEARS, "close_years"),
        (YEARS, "reopen_years"),
        (SCHOOLS, "retire_rows"),
        (SCHOOLS, "unretire_rows"),
    ],
)
def test_action_on_a_deleted_row_changes_nothing(staff, url, action):
    deleted = {KINDS: tours, SCHOOLS: factories.school, YEARS: factories.pledge_year}[url]()
    type(deleted).objects.filter(pk=deleted.pk).delete()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, url, action, deleted)) == [GONE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
@pytest.mark.parametrize("url", [KINDS, SCHOOLS, YEARS])
def test_lists_take_the_same_number_of_queries_for_3_and_30(staff, url, django_assert_num_queries):
    def more(numbers) -> None:
        for number in numbers:
            factories.school(f"School {number}")
            factories.pledge_year(2019 + number)
            PromiseType.objects.create(code=f"kind-{number}", name="Kind", unit="hour", unit_plural="hours")

    more(range(3))
    staff.get(url)
    with CaptureQueriesContext(connection) as queries:
        staff.get(url)
    more(range(3, 30))
    with django_assert_num_queries(len(queries)):
        assert len(staff.get(url).context["cl"].result_list) >= 30
    assert len(queries) <= 12


@pytest.mark.slow
@pytest.mark.parametrize("url", [KINDS, SCHOOLS, YEARS])
def test_view_only_staff_cannot_change_anything(url):
    row = {KINDS: tours, SCHOOLS: factories.school, YEARS: factories.pledge_year}[url]()
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    assert client.get(url).status_code == 200
    assert client.get(f"{url}{row.pk}/change/").status_code == 200
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert client.post(f"{url}{row.pk}/change/", {"is_retired": "on"}).status_code == 403
    assert client.post(f"{url}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    for action in ("retire_rows", "unretire_rows", "open_years", "close_years", "reopen_years", "delete_selected"):
        run_action(client, url, action, row, post="yes")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_promise_type_form_shows_how_the_certificate_uses_its_name(staff):
    page_text, promised = web_client.page_text(staff.get(f"{KINDS}add/")), factories.promise_data("tours", 6)
    for language in ("en", "es"):
        stored_values = promises.signed_promise(promised, promises.Checklist.of([promised]))
        with translation.override(language):
            promise_sentence = certificates.sentence([stored_values], language).replace("\N{NO-BREAK SPACE}", " ")
        assert promise_sentence.rstrip(".") in page_text
