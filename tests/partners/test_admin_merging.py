"""Possible duplicates side by side, and merging them, in the admin."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.mail.models import Message
from partners.admin import merging as pages
from partners.models import Contact, DuplicateCandidate, Logo, Organization, Pledge
from partners.organizations import duplicates, merging, profiles
from partners.organizations.merging import MergePlan
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from summit.models import Rsvp
from tests import factories, snapshots, web_client
from tests.summit.test_admin_actions import shown_messages
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/partners/duplicatecandidate/"
ORGANIZATIONS = "/imagine/admin/partners/organization/"


@pytest.fixture
def both():
    return factories.organization(), factories.organization("Port Gate Logistics Inc")


def change_url(kept: Organization, other: Organization) -> str:
    return f"{LIST}{kept.pk}/{other.pk}/"


def press_button(staff, kept: Organization, other: Organization, button: str = "merge", **more):
    """Open the page with the query in `more`, and press one of its buttons."""
    fields = web_client.form_fields(staff.get(change_url(kept, other))) | {button: "x"} | more
    return staff.post(change_url(kept, other), fields, follow=True)


def listed_pairs(staff, query: str = "") -> list[tuple[str, str]]:
    rows = staff.get(LIST + query).context["cl"].result_list
    return [(pair.organization_a.name, pair.organization_b.name) for pair in rows]


# The list --------------------------------------------------------------------------------------------------------


def test_list_shows_the_likeliest_duplicates_first_with_reasons(staff, both):
    factories.organization("Zeta Freight Forwarding")
    factories.organization("Zeta Freight Forwarders")
    page = web_client.page_text(staff.get(LIST))
    assert "Organizations haven’t been checked yet." in page
    assert shown_messages(staff.post(f"{LIST}scan/", follow=True)) == ["Check finished. We compared all organizations."]
    assert listed_pairs(staff) == [
        ("Port Gate Logistics", "Port Gate Logistics Inc"),
        ("Zeta Freight Forwarding", "Zeta Freight Forwarders"),
    ]
    page = web_client.page_text(staff.get(LIST))
    assert "Last checked on " in page
    assert "95% same name –" in page
    assert "similar name" in page
    assert f'href="{change_url(*both)}"' in staff.get(LIST).content.decode()


@pytest.mark.slow
def test_list_is_paged_with_the_same_number_of_queries_for_1_and_31(staff):
    counts = []
    for many in (1, 30):
        for number in range(many):
            one, other = (factories.organization(f"{number} {many} {name}") for name in ("a", "b"))
            DuplicateCandidate.objects.create(organization_a=one, organization_b=other, score=number, reasons=["name"])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = staff.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert len(page.context["cl"].result_list) == 25


def test_dismissed_pair_is_listed_only_with_the_dismissed_filter(staff, both):
    duplicates.scan_organizations()
    pair = DuplicateCandidate.objects.get()
    assert shown_messages(web_client.run_action(staff, LIST, "dismiss", [pair])) == ["1 pair marked as not duplicates."]
    assert (listed_pairs(staff), listed_pairs(staff, "?dismissed=yes")) == (
        [],
        [("Port Gate Logistics", "Port Gate Logistics Inc")],
    )
    assert "Not duplicates, marked by staff on" in web_client.page_text(staff.get(f"{LIST}?dismissed=yes"))
    assert (listed_pairs(staff, "?dismissed=yes&q=zeta"), len(listed_pairs(staff, "?dismissed=yes&q=gate"))) == ([], 1)


# The page --------------------------------------------------------------------------------------------------------


def test_merge_page_shows_both_organizations_and_the_result(staff):
    kept_pledge = factories.signed_pledge(promises=(factories.promise_data("tours", 6),))
    other_pledge = factories.signed_pledge(
        "Zeta Freight", "zeta@example.org", (factories.promise_data("tours", 2), factories.promise_data("mentors", 12))
    )
    kept, other = kept_pledge.organization, other_pledge.organization
    profiles.change_organization(other, website="https://zeta.example")
    factories.contact(other, "alma@example.org", "A. Reyes")
    page = web_client.page_text(staff.get(change_url(kept, other)))
    for expected in (
        "If you merge these organizations, Port Gate Logistics is kept and Zeta Freight becomes part of it.",
        "Website – https://zeta.example https://zeta.example",
        "Alma Reyes, alma@example.org, main contact A. Reyes, alma@example.org one contact: alma@example.org",
        "Alma Reyes, zeta@example.org, main contact moves, but isn’t the main contact anymore",
        "Zeta Freight: Signed by Alma Reyes. After the merge: one pledge with a new signed version;",
        "Host tours and field trips 6 visits; wherever it is needed most 2 visits; wherever it is needed most "
        "6 visits; wherever it is needed most (the other is in the change history)",
        "Be mentors and role models – 12 students; wherever it is needed most 12 students; wherever it is needed most",
        "port-gate-logistics (the old address redirects here)",
        "You can’t undo a merge.",
    ):
        assert expected in page, expected
    assert Organization.objects.count() == 2


def test_merge_page_shows_that_a_signed_pledge_replaces_a_draft(staff):
    kept_pledge, other_pledge = (
        factories.draft_pledge(promises=(factories.promise_data("mentors", 3),)),
        factories.signed_pledge("Zeta", "zeta@example.org"),
    )
    page = web_client.page_text(staff.get(change_url(kept_pledge.organization, other_pledge.organization)))
    assert "Be mentors and role models 3 students; wherever it is needed most – only in the change history" in page
    assert "Port Gate Logistics: Draft. Zeta: Signed by Alma Reyes. After the merge: the signed pledge;" in page


def test_merge_page_warns_about_values_that_are_not_kept(staff):
    kept_pledge = factories.signed_pledge(promises=(factories.promise_data("tours", 6),))
    other_pledge = factories.signed_pledge(
        "Zeta Freight", "zeta@example.org", (factories.promise_data("tours", 2), factories.promise_data("mentors", 12))
    )
    kept, other = kept_pledge.organization, other_pledge.organization
    profiles.change_organization(kept, website="https://gate.example")
    profiles.change_organization(other, website="https://zeta.example", description="Moves freight.")
    factories.contact(other, "alma@example.org", "A. Reyes")
    for organization in (kept, other):
        Logo.objects.create(organization=organization, png=b"", width=1, height=1)
    assert (
        "These values won’t be kept. The change history will mention them: "
        "Name: Zeta Freight Website: https://zeta.example Logo of Zeta Freight "
        "Contact alma@example.org: A. Reyes "
        "Host tours and field trips, 2027–28: 2 visits; wherever it is needed most "
        "You can’t undo a merge."
    ) in web_client.page_text(staff.get(change_url(kept, other)))


def test_merge_page_warns_about_promises_of_a_draft_that_are_not_kept(staff):
    draft = factories.draft_pledge(promises=(factories.promise_data("mentors", 3),)).organization
    signed = factories.signed_pledge("Zeta", "zeta@example.org").organization
    page = web_client.page_text(staff.get(change_url(draft, signed)))
    assert "Be mentors and role models, 2027–28: 3 students; wherever it is needed most You can’t undo a merge." in page


def test_merge_page_warns_of_nothing_when_everything_is_kept(staff):
    kept, other = factories.organization(), factories.organization()
    page = web_client.page_text(staff.get(change_url(kept, other)))
    assert "won’t be kept" not in page
    assert "You can’t undo a merge." in page


def test_merging_redirects_to_the_kept_organization(staff, both):
    response = press_button(staff, *both)
    assert response.redirect_chain[-1][0] == f"{ORGANIZATIONS}{both[0].pk}/change/"
    assert shown_messages(response) == ["Port Gate Logistics Inc was merged into Port Gate Logistics."]
    assert Organization.objects.get() == both[0]
    assert "merged record" in web_client.page_text(response)
    assert snapshots.changes(both[0])[-1]["merged"][1].startswith("Port Gate Logistics Inc (")


@pytest.mark.slow
def test_history_shows_who_merged_the_organizations(staff, both):
    press_button(staff, *both)
    page = web_client.page_text(staff.get(f"{ORGANIZATIONS}{both[0].pk}/change/"))
    assert "staff merged record: – → Port Gate Logistics Inc (port-gate-logistics-inc)" in page


def test_other_organization_can_be_kept_instead(staff, both):
    kept, other = both
    assert f'href="{change_url(other, kept)}"' in staff.get(change_url(kept, other)).content.decode()
    press_button(staff, other, kept)
    assert Organization.objects.get() == other


def test_merging_twice_says_that_the_organization_is_gone(staff, both):
    fields = web_client.form_fields(staff.get(change_url(*both))) | {"merge": "x"}
    responses = [staff.post(change_url(*both), fields, follow=True) for _time in range(2)]
    assert shown_messages(responses[1]) == [str(merging.OrganizationGone())]
    assert Organization.objects.count() == 1


@pytest.mark.slow
def test_outdated_merge_plan_is_refused_and_shown_again(staff, both):
    kept, other = both
    fields = web_client.form_fields(staff.get(change_url(kept, other))) | {"merge": "x"}
    profiles.change_organization(other, description="Moves freight.")
    response = staff.post(change_url(kept, other), fields, follow=True)
    assert shown_messages(response) == [str(merging.MergePlanOutdated())]
    assert "Moves freight." in web_client.page_text(response)
    assert Organization.objects.count() == 2
    fields = web_client.form_fields(response) | {"merge": "x"}
    assert shown_messages(staff.post(change_url(kept, other), fields, follow=True))[0].startswith(
        "Port Gate Logistics Inc was merged"
    )


@pytest.mark.slow
@pytest.mark.parametrize("listed_pairs", [None, "", "0" * 16])
def test_post_without_a_valid_fingerprint_merges_nothing(staff, both, listed_pairs):
    fields = {"merge": "x"} | ({} if listed_pairs is None else {"shown": listed_pairs})
    assert shown_messages(staff.post(change_url(*both), fields, follow=True)) == [str(merging.MergePlanOutdated())]
    assert Organization.objects.count() == 2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["get", "post"])
def test_missing_or_same_organization_redirects_with_a_message(staff, both, method):
    kept, other = both
    open_page = getattr(staff, method)
    assert shown_messages(open_page(change_url(kept, kept), follow=True)) == [str(merging.SameOrganization())]
    other.delete()
    assert shown_messages(open_page(f"{LIST}{kept.pk}/{kept.pk + 1}/", follow=True)) == [
        str(merging.OrganizationGone())
    ]


def test_dismissed_pair_is_not_merged_and_not_listed_again(staff, both):
    duplicates.scan_organizations()
    response = press_button(staff, *both, button="dismiss")
    assert shown_messages(response) == ["Port Gate Logistics and Port Gate Logistics Inc are marked as not duplicates."]
    assert (listed_pairs(staff), Organization.objects.count()) == ([], 2)
    assert "staff marked these as not duplicates on" in web_client.page_text(staff.get(change_url(*both)))


@pytest.mark.slow
def test_closed_pledges_are_merged_too(staff):
    kept_pledge, other_pledge = factories.signed_pledge(), factories.signed_pledge("Zeta Freight", "zeta@example.org")
    factories.close_year()
    press_button(staff, kept_pledge.organization, other_pledge.organization)
    assert Pledge.objects.get().state == "closed"
    assert page_state.load_page_state(Pledge.objects.get().token).pledge.pk == kept_pledge.pk


# Who can open the pledge after the merge ------------------------------------------------------------------------------


def test_merge_page_shows_who_gets_the_link_and_where_emails_were_verified(staff):
    kept_pledge = factories.signed_pledge("Pacific Slope University", "dean@pacificslope.example")
    kept = kept_pledge.organization
    factories.contact(kept, "help@gmail.com", "Helper")
    other = factories.signed_pledge("Pacific Slope Univ.", "mallory@attacker.example").organization
    factories.contact(other, "provost@PacificSlope.example", "Provost")
    factories.contact(other, "stranger@gmail.com", "Stranger")
    Pledge.objects.update(verified_at=None)
    Pledge.objects.filter(pk=kept_pledge.pk).update(verified_at="2027-02-03T20:00Z")
    rsvp = factories.rsvp(factories.event(), "Mallory", email="mallory@attacker.example")
    Rsvp.objects.filter(pk=rsvp.pk).update(verified_at="2027-02-04T20:00Z")
    page = staff.get(change_url(kept, other))
    selected_emails = {Contact.objects.get(pk=pk).email for pk in web_client.form_fields(page)["may_open"]}
    assert selected_emails == {"dean@pacificslope.example", "help@gmail.com", "provost@PacificSlope.example"}
    expected = web_client.page_text(page)
    assert "used the 2027–28 pledge link on February 3, 2027" in expected
    assert "Pacific Slope Univ.; used the link of an RSVP on February 4, 2027" in expected
    assert "stranger@gmail.com, Stranger Pacific Slope Univ.; address not verified" in expected


def test_only_selected_contacts_get_the_new_link(staff):
    kept_pledge = factories.signed_pledge("Pacific Slope University", "dean@pacificslope.example")
    other = factories.signed_pledge("Pacific Slope Univ.", "mallory@attacker.example").organization
    factories.deliver()
    press_button(staff, kept_pledge.organization, other)
    message = Message.objects.get(state="queued")
    assert (message.kind, message.recipient) == ("pledge_new_link", "dean@pacificslope.example")


def test_pledge_access_can_be_granted_and_revoked_on_the_contact_page(staff):
    kept_pledge = factories.signed_pledge("Pacific Slope University", "dean@pacificslope.example")
    page = f"/imagine/admin/partners/contact/{kept_pledge.contact.pk}/change/"
    fields = web_client.form_fields(staff.get(page))
    assert fields.pop("may_open_pledge") == "on"
    assert staff.post(page, fields).status_code == 302
    assert Client().get(kept_pledge.get_absolute_url()).status_code == 404
    pledge = Pledge.objects.get()
    with pytest.raises(pledge_links.NoContact):
        pledge_links.resend_link(pledge)
    staff.post(page, web_client.form_fields(staff.get(page)) | {"may_open_pledge": "on"})
    assert pledge_links.resend_link(pledge)


# From the list of organizations, and who may ---------------------------------------------------------------------


def test_merge_action_requires_exactly_two_selected_organizations(staff, both):
    data = {"action": "merge_two", "_selected_action": [row.pk for row in both]}
    assert staff.post(ORGANIZATIONS, data).headers["Location"] == change_url(*both)
    for organizations in (both[:1], [*both, factories.organization("Zeta")]):
        data["_selected_action"] = [row.pk for row in organizations]
        assert shown_messages(staff.post(ORGANIZATIONS, data, follow=True)) == [
            "Select exactly two organizations to merge."
        ]


@pytest.mark.slow
def test_view_only_staff_cannot_merge_dismiss_or_scan(both):
    viewer = staff_client("view_organization", "view_duplicatecandidate")
    duplicates.scan_organizations()
    assert len(listed_pairs(viewer)) == 1
    page = viewer.get(change_url(*both))
    assert "You can’t undo a merge" not in web_client.page_text(page)
    for button in ("merge", "dismiss"):
        assert viewer.post(change_url(*both), {button: "x", "shown": MergePlan(*both).fingerprint}).status_code == 403
    assert viewer.post(f"{LIST}scan/").status_code == 403
    assert (Organization.objects.count(), DuplicateCandidate.objects.not_dismissed().count()) == (2, 1)


@pytest.mark.slow
def test_staff_without_delete_permission_can_dismiss_but_not_merge(both):
    editor = staff_client("view_organization", "view_duplicatecandidate", "change_organization")
    assert editor.post(change_url(*both), {"merge": "x", "shown": MergePlan(*both).fingerprint}).status_code == 403
    assert editor.post(change_url(*both), {"dismiss": "x"}).status_code == 302
    assert Organization.objects.count() == 2


def test_merging_requires_login_and_permission(client, both):
    for other_client in (client, staff_client("view_organization")):
        assert other_client.get(LIST).status_code in (302, 403)
        assert other_client.get(change_url(*both)).status_code in (302, 403)
        fields = {"merge": "x", "shown": MergePlan(*both).fingerprint}
        assert other_client.post(change_url(*both), fields).status_code in (302, 403)
    assert Organization.objects.count() == 2


def test_scan_of_many_organizations_runs_in_a_worker(staff, both, monkeypatch):
    sent_tasks = []
    monkeypatch.setattr(pages, "SMALL_BATCH", 1)
    monkeypatch.setattr("imagine.mail.dispatch.send_task", sent_tasks.append)
    response = staff.post(f"{LIST}scan/", follow=True)
    assert shown_messages(response) == ["We’re comparing all organizations. Reload this page in a minute."]
    assert (sent_tasks, listed_pairs(staff)) == (["partners.tasks.scan_for_duplicates"], [])


def test_scan_requires_post(staff):
    assert staff.get(f"{LIST}scan/").status_code == 405
