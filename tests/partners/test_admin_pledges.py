"""Pledges and promises in the admin: read-only, with links that can be emailed and replaced but are never shown."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from partners import checklist
from partners.models import Pledge, Promise, PromiseType, Signature
from partners.organizations import contacts, profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import signup as pledge_signup
from tests import factories, snapshots, web_client
from tests.summit.test_admin_actions import GONE, IGNORED_TABLES, shown_messages

pytestmark = pytest.mark.django_db

LIST, PROMISES = "/imagine/admin/partners/pledge/", "/imagine/admin/partners/promise/"
ALREADY_EMAILED = "1 personal link was emailed in the last 10 minutes, so we didn’t send it again."


def change_url(pledge: Pledge) -> str:
    return f"{LIST}{pledge.pk}/change/"


def run_action(staff, action: str, *rows, **more):
    return web_client.run_action(staff, LIST, action, rows, **more)


def listed_rows(staff, query: str = "", url: str = LIST) -> list[str]:
    rows = staff.get(url + query).context["cl"].result_list
    return [(row if url == LIST else row.pledge).organization.name for row in rows]


def create_pledges(numbers, **promised) -> None:
    for number in numbers:
        factories.signed_pledge(f"Partner {number}", f"p{number}@example.org", [factories.promise_data(**promised)])


# Lists -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def four_pledges(db):
    """Four pledges: for a school, with a promise type that needs clearance, a draft, and one for the previous year."""
    factories.pledge_signed_last_year("Old", "o@example.org", [factories.promise_data("tours")])
    school = factories.school()
    factories.signed_pledge(
        "Bakery", "a@example.org", [factories.promise_data("tours", schools=(school,))], sector="business"
    )
    factories.signed_pledge("Church", "b@example.org", [factories.promise_data("mentors")])
    factories.draft_pledge("Clinic", "c@example.org", [factories.promise_data("tours", schools=(school,))])
    return school


@pytest.mark.slow
def test_filters_show_only_matching_pledges_and_promises(staff, four_pledges):
    promise_types = dict(PromiseType.objects.values_list("code", "pk"))
    for query, names in {
        "": {"Old", "Bakery", "Church", "Clinic"},
        "?year=2026": {"Old"},
        "?year=2027": {"Bakery", "Church", "Clinic"},
        "?year=2027&state=signed": {"Bakery", "Church"},
        "?state=draft": {"Clinic"},
        "?sector=business": {"Bakery"},
        f"?promise_type={promise_types['tours']}": {"Old", "Bakery", "Clinic"},
        f"?promise_type={promise_types['mentors']}": {"Church"},
        f"?school={four_pledges.pk}": {"Bakery", "Clinic"},
        "?school=any": {"Old", "Church"},
        f"?school={four_pledges.pk}&state=signed&q=bak": {"Bakery"},
        "?q=c@example.org": {"Clinic"},
        "?q=nobody": set(),
        "?year=x&promise_type=x&school=x&state=x&sector=x": {"Old", "Bakery", "Church", "Clinic"},
    }.items():
        assert set(listed_rows(staff, query)) == names, query
        assert set(listed_rows(staff, query, PROMISES)) == names, query
    assert listed_rows(staff, "?clearance=needed", PROMISES) == ["Church"]
    assert set(listed_rows(staff, "?clearance=none", PROMISES)) == {"Old", "Bakery", "Clinic"}


@pytest.mark.slow
def test_promise_type_and_school_filters_match_the_same_promise(staff):
    school = factories.school()
    both = [factories.promise_data("tours", schools=(school,)), factories.promise_data("service")]
    factories.signed_pledge("Bakery", "a@example.org", both)
    factories.signed_pledge(
        "Church",
        "b@example.org",
        [factories.promise_data("service", schools=(school,)), factories.promise_data("tours")],
    )
    promise_types = dict(PromiseType.objects.values_list("code", "pk"))
    for query, names in {
        f"?promise_type={promise_types['tours']}&school={school.pk}": {"Bakery"},
        f"?promise_type={promise_types['service']}&school={school.pk}": {"Church"},
        f"?promise_type={promise_types['tours']}&school=any": {"Church"},
        f"?promise_type={promise_types['tours']}": {"Bakery", "Church"},
        f"?school={school.pk}": {"Bakery", "Church"},
        f"?promise_type={promise_types['mentors']}&school={school.pk}": set(),
    }.items():
        assert set(listed_rows(staff, query)) == names, query
        assert set(listed_rows(staff, query, PROMISES)) == names, query


@pytest.mark.slow
def test_draft_of_a_closed_school_year_is_shown_as_never_signed(staff, four_pledges):
    factories.close_year()
    assert listed_rows(staff, "?state=never") == ["Clinic"]
    assert listed_rows(staff, "?state=draft") == []
    assert "Never signed" in web_client.page_text(staff.get(f"{LIST}?q=clinic"))


@pytest.mark.slow
def test_search_finds_the_signer(staff, four_pledges):
    assert set(listed_rows(staff, "?q=alma+reyes")) == {"Old", "Bakery", "Church", "Clinic"}
    pledge = factories.signed_pledge("Union", "u@example.org")
    pledge_editing.sign_pledge(pledge.token, **factories.pledge_data(pledge.token), name="Thanh Nguyễn")
    assert listed_rows(staff, "?q=nguyễn") == ["Union"]


@pytest.mark.slow
def test_retired_promise_type_and_school_stay_in_filters_and_on_promises(staff, four_pledges):
    promise_type = checklist.retire(PromiseType.objects.get(code="mentors"))
    checklist.retire(four_pledges)
    assert listed_rows(staff, f"?promise_type={promise_type.pk}", PROMISES) == ["Church"]
    assert set(listed_rows(staff, f"?school={four_pledges.pk}")) == {"Bakery", "Clinic"}
    assert "Be mentors and role models" in web_client.page_text(staff.get(PROMISES))


@pytest.mark.slow
def test_school_filter_menu_keeps_the_other_filters(staff, four_pledges):
    page = web_client.page_html(staff.get(f"{PROMISES}?year=2027&q=bakery&o=1&school={four_pledges.pk}"))
    menu = page[
        page.index('class="admin-select-filter"') : page.index("</form>", page.index('class="admin-select-filter"'))
    ]
    for name, value in {"year": "2027", "q": "bakery", "o": "1"}.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in menu
    assert f'<option value="{four_pledges.pk}" selected>Cesar Chavez High</option>' in menu
    assert 'name="school" value' not in menu


def test_promise_list_shows_all_details_and_links_to_the_pledge(staff):
    school = factories.school()
    tours = factories.promise_data("tours", 12, grades=("9-12",), months=(3, 10), schools=(school,))
    pledge = factories.signed_pledge(promises=[tours])
    response = staff.get(PROMISES)
    text = web_client.page_text(response)
    expected = "2027–28 Signed Host tours and field trips 12 visits 9–12 Oct, Mar Cesar Chavez High"
    assert f"Port Gate Logistics {expected}" in text
    assert f'<a href="{change_url(pledge)}">Port Gate Logistics</a>' in response.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("url", [LIST, PROMISES])
def test_lists_take_the_same_number_of_queries_for_3_and_30(staff, url):
    factories.pledge_year()
    factories.school()
    queries = ["", "?q=partner", "?year=2027&state=signed&school=any", "?_facets=True"]
    sizes = {}

    def get(query: str) -> None:
        sizes[query] = len(listed_rows(staff, query, url))

    create_pledges(range(3))
    counts = web_client.query_counts(get, queries)
    assert set(sizes.values()) == {3}, sizes
    create_pledges(range(3, 30))
    assert web_client.query_counts(get, queries) == counts
    assert set(sizes.values()) == {30}, sizes
    assert max(counts.values()) <= 12, counts


# Its page --------------------------------------------------------------------------------------------------------


def test_page_shows_current_promises_and_every_signed_version(staff):
    school = factories.school()
    pledge = factories.signed_pledge(
        promises=[factories.promise_data("tours", 12, grades=("9-12",), schools=(school,), note="Mornings")]
    )
    pledge_editing.sign_pledge(
        pledge.token,
        **factories.pledge_data(pledge.token, factories.promise_data("mentors", 1)),
        name="Ben Ochoa",
        role="Manager",
    )
    PromiseType.objects.filter(code="tours").update(name="Another name")
    response = staff.get(change_url(pledge))
    text, page = web_client.page_text(response), response.content.decode()
    assert "Signature: Signed by Ben Ochoa on" in text
    assert "Be mentors and role models 1 student – wherever it is needed most – –" in text
    second, first = text.index("Version 2, signed by Ben Ochoa"), text.index("Version 1, signed by Alma Reyes")
    assert second < first
    assert "Host tours and field trips 12 visits 9–12 Cesar Chavez High – Mornings" in text[first:]
    for signature in Signature.objects.all():
        for language in ("en", "es"):
            assert f"{LIST}certificate/{signature.pk}-{language}.pdf" in page
    assert "Alma Reyes, alma@example.org" in text


@pytest.mark.slow
def test_page_is_shown_in_spanish(staff):
    pledge = factories.signed_pledge(promises=[factories.promise_data("tours", 1, months=(10,))])
    staff.cookies["django_language"] = "es"
    text = web_client.page_text(staff.get(change_url(pledge)))
    assert text.count("Recibir visitas y excursiones 1 visita") == 2  # current values, and as signed
    assert "oct" in text


@pytest.mark.slow
def test_staff_pages_never_show_the_private_link(staff):
    pledge = factories.signed_pledge()
    pledge_links.replace_pledge_link(pledge)
    tokens = {pledge.token, Pledge.objects.get().token}
    message = pledge.messages.filter(kind="pledge_signed").get()
    for address in (
        LIST,
        PROMISES,
        change_url(pledge),
        f"{LIST}{pledge.pk}/delete/",
        f"{LIST}{pledge.pk}/history/",
        f"{PROMISES}{Promise.objects.get().pk}/change/",
        f"/imagine/admin/partners/organization/{pledge.organization_id}/change/",
        f"/imagine/admin/mail/message/{message.pk}/change/",
        f"/imagine/admin/mail/message/{message.pk}/preview/",
    ):
        page = staff.get(address).content.decode()
        assert not [token for token in tokens if token in page], address
        assert "/imagine/promise/" not in page.replace("/imagine/promise/(link)", ""), address
        assert "admin/r/" not in page, address


TOKENS = ["token", "token_redirects__token", "organization__pledges__token", "contact__pledges__token"]


@pytest.mark.slow
@pytest.mark.parametrize("lookup", TOKENS)
def test_list_filters_cannot_reveal_a_private_link(staff, lookup):
    pledge = factories.signed_pledge()
    for url in (LIST, PROMISES):
        full_lookup = lookup if url == LIST else f"pledge__{lookup}"
        for value in (pledge.token[0], "~"):
            assert staff.get(f"{url}?{full_lookup}__startswith={value}").status_code in {302, 400}


def test_certificate_of_a_signed_version_requires_staff_permission(staff):
    pledge = factories.signed_pledge()
    signature = Signature.objects.get()
    address = f"{LIST}certificate/{signature.pk}"
    for language in ("en", "es"):
        response = staff.get(f"{address}-{language}.pdf")
        assert response["Content-Type"] == "application/pdf"
        assert response["Content-Disposition"] == f'inline; filename="certificate-2027-{language}.pdf"'
        assert response.content.startswith(b"%PDF-")
    assert staff.get(f"{address}-fr.pdf").status_code == 404
    assert staff.get(f"{LIST}certificate/{signature.pk + 1}-en.pdf").status_code == 404
    assert staff.post(f"{address}-en.pdf").status_code == 405
    assert Client().get(f"{address}-en.pdf").status_code == 302
    other = Client()
    other.force_login(User.objects.create_user("other", is_staff=True))
    assert other.get(f"{address}-en.pdf").status_code == 404
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "signed", 1)]
    assert pledge.signatures.count() == 1


def test_pledges_and_promises_cannot_be_added_or_changed_in_the_admin(staff):
    pledge = factories.signed_pledge()
    promise = Promise.objects.get()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for address in (
        f"{LIST}add/",
        change_url(pledge),
        f"{PROMISES}add/",
        f"{PROMISES}{promise.pk}/change/",
        f"{PROMISES}{promise.pk}/delete/",
    ):
        assert staff.post(address, {"organization": "1", "quantity": "9", "post": "yes"}).status_code == 403, address
    staff.post(PROMISES, {"action": "delete_selected", "_selected_action": [promise.pk], "post": "yes"})
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_page_takes_the_same_number_of_queries_for_1_and_8_promises(staff, django_assert_num_queries):
    school = factories.school()
    pledge = factories.signed_pledge(promises=[factories.promise_data("tours", schools=(school,))])
    staff.get(change_url(pledge))
    with CaptureQueriesContext(connection) as queries:
        staff.get(change_url(pledge))
    every = [factories.promise_data(promise_type.code, schools=(school,)) for promise_type in PromiseType.objects.all()]
    for _several in range(4):
        pledge_editing.sign_pledge(pledge.token, **factories.pledge_data(pledge.token, *every), name=f"Alma {_several}")
    with django_assert_num_queries(len(queries)):
        staff.get(change_url(pledge))


# Actions ---------------------------------------------------------------------------------------------------------


def test_link_is_emailed_again_but_not_twice_in_ten_minutes(staff):
    pledge = factories.signed_pledge()
    assert shown_messages(run_action(staff, "mail_links", pledge)) == ["1 personal link emailed."]
    assert snapshots.emails_to()[-1] == "link 1 alma@example.org"
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, "mail_links", pledge)) == [ALREADY_EMAILED]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_emailing_the_link_of_a_pledge_without_a_contact_shows_a_message(staff):
    pledge, other = factories.signed_pledge(), factories.signed_pledge("Other", "other@example.org")
    contacts.delete_contact(pledge.contact)
    response = run_action(staff, "mail_links", pledge, other)
    assert shown_messages(response) == ["1 personal link emailed."]
    assert response.asked.context["question"].notes == [
        "Port Gate Logistics, 2027–28, Signed: This pledge has no contact who can open it. Give its organization one "
        "first."
    ]


def test_replace_links_action_replaces_the_link_every_time(staff):
    pledge = factories.signed_pledge()
    earlier_tokens = {pledge.token}
    for number in (1, 2):
        assert shown_messages(run_action(staff, "replace_pledge_links", pledge)) == ["1 personal link replaced."]
        assert Pledge.objects.get().token in Message.objects.get(kind="pledge_new_link").body_text
        earlier_tokens.add(Pledge.objects.get().token)
        assert AuditEntry.objects.about(pledge).filter(actor_name="staff").count() == number
    assert len(earlier_tokens) == 3
    assert Client().get(pledge.get_absolute_url()).status_code == 404


def test_list_and_page_show_that_an_email_is_not_verified(staff):
    factories.pledge_year()
    start = pledge_signup.open_pledge_request(
        factories.unsaved_pledge_request("Vic Works", "vic@example.org", source="rsvp:1")
    )
    token = start.browser_token
    unverified = pledge_editing.save_draft(token, **factories.pledge_data(token, factories.promise_data()))
    verified = factories.signed_pledge()
    text = web_client.page_text(staff.get(LIST))
    assert text.count("Address not verified") == 1
    page = web_client.page_text(staff.get(change_url(unverified)))
    assert "vic@example.org, Address not verified" in page
    assert "No one yet, because the address isn’t verified" in page
    assert "Address verified on" in web_client.page_text(staff.get(change_url(verified)))


def test_page_shows_buttons_to_email_and_replace_the_link(staff):
    pledge = factories.signed_pledge()
    page = staff.get(change_url(pledge)).content.decode()
    hidden_input = f'<input type="hidden" name="_selected_action" value="{pledge.pk}">'
    for action in ("mail_links", "replace_pledge_links"):
        assert f'<input type="hidden" name="action" value="{action}">{hidden_input}' in page


@pytest.mark.slow
@pytest.mark.parametrize("action", ["mail_links", "replace_pledge_links", "pledge_promises_csv", "delete_selected"])
def test_action_on_a_deleted_pledge_changes_nothing(staff, action):
    deleted = factories.signed_pledge()
    pledge_editing.delete_pledge(deleted)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, action, deleted, post="yes")) == [GONE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Erase -----------------------------------------------------------------------------------------------------------


def test_deleting_a_pledge_removes_promises_versions_emails_and_history(staff):
    pledge = factories.signed_pledge()
    assert pledge.messages.exists()
    address = f"{LIST}{pledge.pk}/delete/"
    assert "Delete 1 pledge?" in web_client.page_text(staff.get(address))
    assert staff.post(address, {"post": "yes"}).status_code == 302
    for model in (Pledge, Promise, Signature):
        assert not model.objects.exists()
    assert not pledge.messages.exists()
    assert not AuditEntry.objects.about(pledge).exists()
    assert snapshots.organizations() == ["Port Gate Logistics"]
    log = str(snapshots.tables()["admin.LogEntry"])
    assert "Alma" not in log
    assert "Port Gate" not in log


@pytest.mark.slow
def test_bulk_delete_deletes_pledges_and_keeps_organizations(staff):
    pledges = [factories.signed_pledge(), factories.draft_pledge("Other", "other@example.org")]
    run_action(staff, "delete_selected", *pledges, post="yes")
    assert snapshots.pledges() == []
    assert len(snapshots.organizations()) == 2


# Who may what ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_view_only_staff_cannot_run_actions():
    pledge = factories.signed_pledge()
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    page = client.get(change_url(pledge)).content.decode()
    assert "Port Gate Logistics" in page
    assert 'name="action"' not in page
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for action in ("mail_links", "replace_pledge_links", "delete_selected"):
        run_action(client, action, pledge, post="yes")
    assert client.post(f"{LIST}{pledge.pk}/delete/", {"post": "yes"}).status_code == 403
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_permission_to_view_pledges_does_not_include_organizations(staff):
    """Someone who may view pledges but not organizations sees no more than before."""
    pledge = factories.signed_pledge()
    profiles.approve_listing(pledge.organization, by="anna")
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_pledge"))
    client = Client()
    client.force_login(user)
    assert client.get(change_url(pledge)).status_code == 200
    assert client.get(PROMISES).status_code == 403
    assert client.get(f"/imagine/admin/partners/organization/{pledge.organization_id}/change/").status_code == 403
