"""Staff match the organization name typed in an RSVP with an organization."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from partners.models import Contact, Organization
from summit import organization_matching
from summit.models import Rsvp
from tests import factories, web_client
from tests.summit.test_admin_actions import shown_messages
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/rsvp/match/"
GATE = "Port Gate Logistics"


@pytest.fixture
def event(db):
    return factories.event(capacity=200)


@pytest.fixture
def gate(db):
    return factories.organization(GATE, sector="business")


@pytest.fixture
def rsvp(event):
    return factories.rsvp(event, "Ben Ochoa", organization_name="Port Gate Logistcs", sector="labor")


def change_url(rsvp: Rsvp) -> str:
    return f"/imagine/admin/summit/rsvp/{rsvp.pk}/match/"


def match_url(rsvp: Rsvp) -> str:
    return f"/imagine/admin/summit/rsvp/{rsvp.pk}/change/"


def press_button(staff, rsvp: Rsvp, **data):
    return staff.post(change_url(rsvp), {"was": ""} | data, follow=True)


def partner(rsvp: Rsvp) -> str | None:
    return Rsvp.objects.values_list("organization__name", flat=True).get(pk=rsvp.pk)


# The list --------------------------------------------------------------------------------------------------------


def test_accepting_a_suggestion_matches_all_rsvps_with_that_name(staff, event, gate, rsvp):
    same_organization = factories.rsvp(event, "Chue Vang", organization_name="port gate logistcs")
    factories.rsvp(event, "Dara Keo", organization_name="Zeta Freight")
    page = web_client.page_text(staff.get(LIST))
    assert "port gate logistcs 2 RSVPs: Chue Vang , chue.vang@example.org; Ben Ochoa , ben.ochoa@example.org" in page
    assert "Match to Port Gate Logistics similar name; Business and industry" in page
    assert "Zeta Freight 1 RSVP: Dara Keo , dara.keo@example.org Choose or create one" in page
    response = press_button(staff, same_organization, choose=gate.pk, back="names")
    assert (response.redirect_chain[-1][0], shown_messages(response)) == (
        LIST,
        ["2 RSVPs matched to Port Gate Logistics."],
    )
    assert [partner(rsvp), partner(same_organization)] == [GATE, GATE]
    assert "port gate" not in web_client.page_text(response).replace(GATE, "")
    assert not Contact.objects.exists()


@pytest.mark.slow
def test_list_is_paged_with_constant_query_count(staff, event):
    factories.organization("Partner 00")
    factories.rsvp(event, "Guest", organization_name="Partner 00")
    with CaptureQueriesContext(connection) as for_one:
        staff.get(LIST)
    for number in range(1, 30):
        factories.rsvp(
            event, f"Guest {number}", email=f"g@host{number}.example", organization_name=f"Partner {number:02}"
        )
    with CaptureQueriesContext(connection) as for_thirty:
        first = staff.get(LIST)
    assert len(for_one) == len(for_thirty)
    assert [group.name for group in first.context["groups"]] == [f"Partner {number:02}" for number in range(29, 4, -1)]
    assert [group.name for group in staff.get(f"{LIST}?p=2").context["groups"]][-1] == "Partner 00"
    assert staff.get(f"{LIST}?p=x").context["page"].number == 1


def test_empty_list_says_so(staff, event):
    factories.rsvp(event)
    assert "Nothing to match. Organization names that guests enter appear here until" in web_client.page_text(
        staff.get(LIST)
    )


# One RSVP --------------------------------------------------------------------------------------------------------


def test_rsvp_page_shows_suggestion_and_links_to_matching(staff, gate, rsvp):
    page = staff.get(match_url(rsvp))
    assert "Possible matches: Port Gate Logistics (similar name). Match organization" in web_client.page_text(page)
    assert f'href="{change_url(rsvp)}"' in page.content.decode()
    press_button(staff, rsvp, choose=gate.pk)
    page = staff.get(match_url(rsvp))
    assert f'href="/imagine/admin/partners/organization/{gate.pk}/change/"' in page.content.decode()
    assert "staff partner: – → Port Gate Logistics" in web_client.page_text(page)
    organization_matching.assign_no_organization(Rsvp.objects.all())
    assert "Not a partner. Change match" in web_client.page_text(staff.get(match_url(rsvp)))


def test_searched_organization_can_be_chosen_with_guest_as_contact(staff, gate, rsvp):
    factories.organization("Iglesia Luz del Valle")
    page = web_client.page_text(staff.get(f"{change_url(rsvp)}?q=IGLÉSIA"))
    assert "Results for “IGLÉSIA” Match to Iglesia Luz del Valle" in page
    assert "No organization’s name contains this." in web_client.page_text(staff.get(f"{change_url(rsvp)}?q=zeta"))
    church = Organization.objects.get(name="Iglesia Luz del Valle")
    press_button(staff, rsvp, choose=church.pk, contacts="1")
    assert partner(rsvp) == "Iglesia Luz del Valle"
    assert list(church.contacts.values_list("name", "email")) == [("Ben Ochoa", "ben.ochoa@example.org")]


def test_pages_say_whose_address_is_not_verified_and_who_becomes_a_contact(staff, event, gate, rsvp):
    everyone = "Also add these guests as contacts, who can open the organization’s pledge"
    factories.rsvp(event, "Chue Vang", organization_name="port gate logistcs", verified_at=None)
    listed = web_client.page_text(staff.get(LIST))
    assert "chue.vang@example.org, address not verified; Ben" in listed
    assert "ben.ochoa@example.org, address not verified" not in listed
    page = web_client.page_text(staff.get(change_url(rsvp)))
    assert "Chue Vang , chue.vang@example.org, address not verified" in page
    assert f"{everyone}: Ben Ochoa" in page
    assert "Ben Ochoa will be added as its contact." in page
    Rsvp.objects.update(verified_at=None)
    page = web_client.page_text(staff.get(change_url(rsvp)))
    assert everyone not in page
    assert page.count("No one here has a verified email address, so no contacts will be added.") == 2


def test_new_organization_is_created_from_typed_values(staff, rsvp):
    data = web_client.form_fields(staff.get(change_url(rsvp)))
    assert (data["name"], data["sector"]) == ("Port Gate Logistcs", "labor")
    response = press_button(staff, rsvp, new="1", name="Port Gate Logistics", sector="business")
    assert shown_messages(response) == ["1 RSVP matched to Port Gate Logistics."]
    created = Organization.objects.get()
    assert (created.name, created.sector, created.contacts.get().name, partner(rsvp)) == (
        GATE,
        "business",
        "Ben Ochoa",
        GATE,
    )


def test_new_organization_with_existing_name_asks_for_confirmation(staff, gate, rsvp):
    response = press_button(staff, rsvp, new="1", name="The PORT GATE Logistics, Inc.")
    page = web_client.page_text(response)
    assert "An organization with this name already exists. Choose it, or enter a different name." in page
    assert "Create a second organization with this name" in page
    assert (Organization.objects.count(), partner(rsvp)) == (1, None)
    press_button(staff, rsvp, new="1", name="The PORT GATE Logistics, Inc.", sure="1")
    assert (Organization.objects.count(), partner(rsvp)) == (2, "The PORT GATE Logistics, Inc.")


@pytest.mark.parametrize("typed", [{"name": ""}, {"name": "x" * 121}, {"name": "Zeta", "sector": "circus"}])
def test_invalid_new_organization_shows_form_errors(staff, rsvp, typed):
    response = press_button(staff, rsvp, new="1", **typed)
    assert response.context["form"].errors
    assert (response.status_code, Organization.objects.count()) == (200, 0)


def test_rsvp_marked_as_no_partner_can_be_matched_again(staff, rsvp):
    assert shown_messages(press_button(staff, rsvp, none="1")) == ["1 RSVP marked as not a partner."]
    assert rsvp not in Rsvp.objects.unmatched()
    response = press_button(staff, rsvp, again="1", was="none")
    assert shown_messages(response) == ["Match removed from 1 RSVP."]
    assert rsvp in Rsvp.objects.unmatched()


def test_changing_a_match_affects_only_that_rsvp(staff, event, gate, rsvp):
    same_organization = factories.rsvp(event, "Chue Vang", organization_name="Port Gate Logistcs")
    press_button(staff, rsvp, choose=gate.pk)
    other = factories.organization("Zeta Freight")
    assert "Your choice changes only this RSVP." in web_client.page_text(staff.get(change_url(rsvp)))
    press_button(staff, rsvp, choose=other.pk, was=str(gate.pk))
    assert [partner(rsvp), partner(same_organization)] == ["Zeta Freight", GATE]


@pytest.mark.slow
@pytest.mark.parametrize("data", [{"choose": "0"}, {"choose": "x"}, {"choose": "9" * 30}, {"choose": "²"}])
def test_choosing_unknown_organization_shows_message(staff, rsvp, data):
    assert shown_messages(press_button(staff, rsvp, **data)) == [str(organization_matching.OrganizationMissing())]
    assert partner(rsvp) is None


@pytest.mark.slow
@pytest.mark.parametrize("button", ["choose", "none", "new", "again"])
def test_match_made_by_someone_else_is_not_overwritten(staff, gate, rsvp, button):
    other = factories.organization("Zeta Freight")
    organization_matching.assign_organization(Rsvp.objects.all(), other.pk)
    for choice in ("", "none", str(gate.pk), "x"):
        value = gate.pk if button == "choose" else "1"
        assert shown_messages(press_button(staff, rsvp, was=choice, name="New", **{button: value})) == [
            str(organization_matching.AlreadyMatched())
        ]
    assert (partner(rsvp), Organization.objects.count()) == ("Zeta Freight", 2)


@pytest.mark.slow
def test_view_only_staff_see_the_list_but_cannot_match(gate, rsvp):
    viewer = staff_client("view_rsvp")
    page = viewer.get(LIST)
    assert "Port Gate Logistics (similar name)" in web_client.page_text(page)
    assert "<button" not in page.content.decode().partition('id="content"')[2].partition('id="footer"')[0]
    assert viewer.get(change_url(rsvp)).status_code == 403
    assert viewer.post(change_url(rsvp), {"choose": gate.pk, "was": ""}).status_code == 403
    assert partner(rsvp) is None


@pytest.mark.slow
def test_staff_without_add_permission_can_only_choose_existing(gate, rsvp):
    editor = staff_client("view_rsvp", "change_rsvp")
    assert "Create organization" not in web_client.page_text(editor.get(change_url(rsvp)))
    assert editor.post(change_url(rsvp), {"new": "1", "name": "Zeta", "was": ""}).status_code == 403
    assert editor.post(change_url(rsvp), {"choose": gate.pk, "was": ""}).status_code == 302
    assert (partner(rsvp), Organization.objects.count()) == (GATE, 1)


@pytest.mark.slow
def test_matching_requires_permission_and_unknown_rsvp_returns_404(client, staff, rsvp):
    for address in (LIST, change_url(rsvp)):
        assert client.get(address).headers["Location"].startswith("/imagine/admin/login/")
        assert client_without_permissions().get(address).status_code == 403
    assert staff.get("/imagine/admin/summit/rsvp/999999/match/").status_code == 404
    assert staff.post(LIST).status_code == 405


def client_without_permissions() -> Client:
    User.objects.filter(username="clerk").delete()
    return staff_client()


def test_rsvp_list_links_to_matching(staff):
    assert f'href="{LIST}"' in staff.get("/imagine/admin/summit/rsvp/").content.decode()
