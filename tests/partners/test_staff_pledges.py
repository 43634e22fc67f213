"""Staff start a pledge for an organization: opened or created, emailed or not, refused with a message, and never
twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from imagine.core import audit
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge, PledgeYear
from partners.organizations import merging
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from partners.pledges import staff as staff_pledges
from tests import factories, snapshots
from tests.partners.pledge_form import selected, signature, submit
from tests.partners.test_admin_organizations import change_url, run_action, viewer
from tests.summit.test_admin_actions import shown_messages

pytestmark = pytest.mark.django_db


@pytest.fixture
def port() -> Organization:
    factories.pledge_year()
    organization = factories.organization()
    factories.contact(organization, language="es")
    return organization


def test_starting_a_pledge_uses_the_primary_contact_and_their_language(port):
    factories.contact(port, "ben@example.org", "Ben Ochoa")
    pledge_url = staff_pledges.start_pledge_for(port)
    assert (pledge_url.is_new, pledge_url.is_emailed) == (True, False)
    pledge = Pledge.objects.get()
    assert (pledge.contact.email, pledge.language, pledge.year_id) == ("alma@example.org", "es", 2027)
    assert (snapshots.pledges(), snapshots.promises(pledge)) == ([("Port Gate Logistics", 2027, "draft", 1)], [])
    assert snapshots.emails_to() == []


def test_starting_twice_returns_the_first_pledge_and_limits_emails(port):
    first = staff_pledges.start_pledge_for(port, emails_link=True)
    assert (first.is_new, first.is_emailed) == (True, True)
    second = staff_pledges.start_pledge_for(port, emails_link=True)
    assert (second.pledge, second.is_new, second.is_emailed) == (first.pledge, False, False)
    assert snapshots.emails_to() == ["begun 1 alma@example.org"]
    Message.objects.update(created_at="2026-01-01T00:00Z")
    assert staff_pledges.start_pledge_for(port, emails_link=True).is_emailed
    assert sorted(snapshots.emails_to()) == ["begun 1 alma@example.org", "link 1 alma@example.org"]


def test_email_says_who_started_the_pledge_and_links_to_it(port):
    Contact.objects.update(language="en")
    pledge = staff_pledges.start_pledge_for(port, emails_link=True).pledge
    message = Message.objects.get()
    assert message.subject == "Your link to make a promise for 2027–28"
    text = " ".join(message.body_text.split())
    assert "so we started a checklist of promises for Port Gate Logistics." in text
    assert "because Community Relations started this checklist for your organization" in text
    assert pledge.get_absolute_url() in text
    assert "someone used this address" not in text


def test_partner_can_sign_a_pledge_started_by_staff(port):
    pledge = staff_pledges.start_pledge_for(port).pledge
    assert submit(pledge.token, selected("tours", "9"), signature()).status_code == 302
    assert (snapshots.pledges(), snapshots.promised_amounts(Pledge.objects.get())) == (
        [("Port Gate Logistics", 2027, "signed", 2)],
        {"tours": 9},
    )


def test_starting_returns_this_years_signed_pledge_unchanged():
    pledge = factories.signed_pledge()
    pledge_url = staff_pledges.start_pledge_for(pledge.organization)
    assert (pledge_url.pledge, pledge_url.is_new) == (pledge, False)
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "signed", 1)]


def test_draft_includes_last_years_promises():
    before = factories.pledge_signed_last_year(promises=[factories.promise_data("tours", 7, note="Ask us")])
    pledge_url = staff_pledges.start_pledge_for(before.organization)
    assert pledge_url.is_new
    assert snapshots.promises(pledge_url.pledge) == snapshots.promises(before)
    assert page_state.load_page_state(before.token).pledge == pledge_url.pledge


def test_starting_a_pledge_is_recorded_in_its_history(port):
    with audit.as_actor(audit.Actor("staff", "anna")):
        pledge = staff_pledges.start_pledge_for(port).pledge
    assert snapshots.changes(pledge) == [{"language": ["en", "es"]}]


def test_starting_is_refused_without_a_contact_or_an_open_year(port):
    Contact.objects.all().delete()
    with pytest.raises(pledge_links.NoContact, match="This organization has no main contact"):
        staff_pledges.start_pledge_for(port, emails_link=True)
    factories.contact(port)
    factories.close_year()
    with pytest.raises(page_state.PledgeClosed, match="No school year is open for promises right now"):
        staff_pledges.start_pledge_for(port)
    PledgeYear.objects.all().delete()
    with pytest.raises(page_state.PledgeClosed):
        staff_pledges.start_pledge_for(port)
    assert (Pledge.objects.count(), snapshots.emails_to()) == (0, [])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_starts_make_one_pledge_and_one_email(port):
    start = threading.Barrier(6)

    def begin(_number: int) -> bool:
        try:
            start.wait(timeout=30)
            return staff_pledges.start_pledge_for(port, emails_link=True).is_new
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as executor:
        assert sorted(executor.map(begin, range(6))) == [False] * 5 + [True]
    assert (Pledge.objects.count(), snapshots.emails_to()) == (1, ["begun 1 alma@example.org"])


# In the admin ----------------------------------------------------------------------------------------------------


def test_admin_buttons_start_a_pledge_and_redirect_to_it(staff, port):
    page = staff.get(change_url(port)).content.decode()
    for action in ("begin_pledge", "begin_and_mail"):
        assert f'name="action" value="{action}"' in page
    response = run_action(staff, "begin_and_mail", port)
    pledge = Pledge.objects.get()
    assert response.redirect_chain[-1][0] == f"/imagine/admin/partners/pledge/{pledge.pk}/change/"
    assert shown_messages(response) == ["1 pledge started.", "1 personal link emailed."]
    response = run_action(staff, "begin_and_mail", port)
    assert response.redirect_chain[-1][0] == f"/imagine/admin/partners/pledge/{pledge.pk}/change/"
    assert shown_messages(response) == [
        "1 organization already had a pledge.",
        "1 personal link was emailed in the last 10 minutes, so we didn’t send it again.",
    ]
    assert pledge.token not in response.content.decode()


def test_bulk_start_counts_new_pledges_and_names_refusals(staff, port):
    without_contact = factories.organization("Alone")
    response = run_action(staff, "begin_pledge", port, without_contact)
    assert shown_messages(response) == ["1 pledge started."]
    assert response.asked.context["question"].notes == ["Alone: This organization has no main contact. Add one first."]
    assert response.redirect_chain[-1][0].endswith(f"/pledge/{Pledge.objects.get().pk}/change/")
    assert snapshots.emails_to() == []


def test_admin_says_when_no_school_year_is_open(staff, port):
    factories.close_year()
    assert shown_messages(run_action(staff, "begin_pledge", port)) == [
        "Port Gate Logistics: No school year is open for promises right now."
    ]


def test_starting_for_a_merged_organization_raises_does_not_exist(port):
    merging.merge_organizations(factories.organization("Port Gate, Inc."), port)
    with pytest.raises(Organization.DoesNotExist):
        staff_pledges.start_pledge_for(port)


@pytest.mark.slow
def test_view_only_staff_cannot_start_a_pledge(port):
    client: Client = viewer()
    assert 'value="begin_pledge"' not in client.get(change_url(port)).content.decode()
    run_action(client, "begin_and_mail", port)
    assert (Pledge.objects.count(), snapshots.emails_to()) == (0, [])
