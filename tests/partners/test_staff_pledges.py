"""Staff begin a pledge for an organization: opened or made, mailed or not, refused plainly, and never twice."""

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
from tests.partners.pledge_form import signature, submit, tick
from tests.partners.test_admin_organizations import LIST, act, page_of, viewer
from tests.summit.test_admin_actions import said

pytestmark = pytest.mark.django_db


@pytest.fixture
def port() -> Organization:
    factories.pledge_year()
    organization = factories.organization()
    factories.contact(organization, language="es")
    return organization


def test_begun_for_the_main_contact_in_their_language(port):
    factories.contact(port, "ben@example.org", "Ben Ochoa")
    begun = staff_pledges.start_pledge_for(port)
    assert (begun.is_new, begun.is_emailed) == (True, False)
    pledge = Pledge.objects.get()
    assert (pledge.contact.email, pledge.language, pledge.year_id) == ("alma@example.org", "es", 2027)
    assert (snapshots.pledges(), snapshots.promises(pledge)) == ([("Port Gate Logistics", 2027, "draft", 1)], [])
    assert snapshots.emails_to() == []


def test_begun_twice_opens_the_first_and_mails_once(port):
    first = staff_pledges.start_pledge_for(port, emails_link=True)
    assert (first.is_new, first.is_emailed) == (True, True)
    second = staff_pledges.start_pledge_for(port, emails_link=True)
    assert (second.pledge, second.is_new, second.is_emailed) == (first.pledge, False, False)
    assert snapshots.emails_to() == ["begun 1 alma@example.org"]
    Message.objects.update(created_at="2026-01-01T00:00Z")
    assert staff_pledges.start_pledge_for(port, emails_link=True).is_emailed
    assert sorted(snapshots.emails_to()) == ["begun 1 alma@example.org", "link 1 alma@example.org"]


def test_mail_says_who_began_and_leads_to_the_page(port):
    Contact.objects.update(language="en")
    pledge = staff_pledges.start_pledge_for(port, emails_link=True).pledge
    message = Message.objects.get()
    assert message.subject == "Your link to promise for 2027–28"
    text = " ".join(message.body_text.split())
    assert "We have begun the page for the promises of Port Gate Logistics." in text
    assert "because Community Relations began this page for your organization" in text
    assert pledge.get_absolute_url() in text
    assert "someone entered this address" not in text


def test_partner_goes_on_from_the_link(port):
    pledge = staff_pledges.start_pledge_for(port).pledge
    assert submit(pledge.token, tick("tours", "9"), signature()).status_code == 302
    assert (snapshots.pledges(), snapshots.promised_amounts(Pledge.objects.get())) == (
        [("Port Gate Logistics", 2027, "signed", 2)],
        {"tours": 9},
    )


def test_signed_one_of_this_year_is_opened_as_it_is():
    pledge = factories.signed_pledge()
    begun = staff_pledges.start_pledge_for(pledge.organization)
    assert (begun.pledge, begun.is_new) == (pledge, False)
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "signed", 1)]


def test_last_years_promises_are_in_the_draft():
    before = factories.pledge_signed_last_year(promises=[factories.promised("tours", 7, note="Ask us")])
    begun = staff_pledges.start_pledge_for(before.organization)
    assert begun.is_new
    assert snapshots.promises(begun.pledge) == snapshots.promises(before)
    assert page_state.load_page_state(before.token).pledge == begun.pledge


def test_staff_are_in_its_history(port):
    with audit.as_actor(audit.Actor("staff", "anna")):
        pledge = staff_pledges.start_pledge_for(port).pledge
    assert snapshots.changes(pledge) == [{"language": ["en", "es"]}]


def test_refused_plainly_without_a_contact_or_an_open_year(port):
    Contact.objects.all().delete()
    with pytest.raises(pledge_links.NoContact, match="It has no main contact who could answer"):
        staff_pledges.start_pledge_for(port, emails_link=True)
    factories.contact(port)
    factories.close_year()
    with pytest.raises(page_state.PledgeClosed, match="No school year is open for promises now"):
        staff_pledges.start_pledge_for(port)
    PledgeYear.objects.all().delete()
    with pytest.raises(page_state.PledgeClosed):
        staff_pledges.start_pledge_for(port)
    assert (Pledge.objects.count(), snapshots.emails_to()) == (0, [])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_begun_many_times_at_once_is_one_pledge_and_one_mail(port):
    start = threading.Barrier(6)

    def begin(_number: int) -> bool:
        try:
            start.wait(timeout=30)
            return staff_pledges.start_pledge_for(port, emails_link=True).is_new
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as crowd:
        assert sorted(crowd.map(begin, range(6))) == [False] * 5 + [True]
    assert (Pledge.objects.count(), snapshots.emails_to()) == (1, ["begun 1 alma@example.org"])


# In the admin ----------------------------------------------------------------------------------------------------


def test_pages_buttons_begin_and_lead_to_the_pledge(staff, port):
    page = staff.get(page_of(port)).content.decode()
    for action in ("begin_pledge", "begin_and_mail"):
        assert f'name="action" value="{action}"' in page
    response = act(staff, "begin_and_mail", port)
    pledge = Pledge.objects.get()
    assert response.redirect_chain[-1][0] == f"/imagine/admin/partners/pledge/{pledge.pk}/change/"
    assert said(response) == ["1 pledge was begun.", "1 link is on its way."]
    response = act(staff, "begin_and_mail", port)
    assert response.redirect_chain[-1][0] == f"/imagine/admin/partners/pledge/{pledge.pk}/change/"
    assert said(response) == [
        "1 was begun before.",
        "1 link was mailed in the last ten minutes and is not mailed again.",
    ]
    assert pledge.token not in response.content.decode()


def test_several_at_once_are_counted_and_refusals_named(staff, port):
    alone = factories.organization("Alone")
    response = act(staff, "begin_pledge", port, alone)
    assert said(response) == [
        "1 pledge was begun.",
        "Alone: It has no main contact who could answer. Add one first.",
    ]
    assert response.redirect_chain[-1][0] == LIST
    assert snapshots.emails_to() == []


def test_without_an_open_year_it_is_said(staff, port):
    factories.close_year()
    assert said(act(staff, "begin_pledge", port)) == ["Port Gate Logistics: No school year is open for promises now."]


def test_merged_meanwhile_is_said(port):
    merging.merge_organizations(factories.organization("Port Gate, Inc."), port)
    with pytest.raises(Organization.DoesNotExist):
        staff_pledges.start_pledge_for(port)


@pytest.mark.slow
def test_who_may_only_look_begins_nothing(port):
    client: Client = viewer()
    assert 'value="begin_pledge"' not in client.get(page_of(port)).content.decode()
    act(client, "begin_and_mail", port)
    assert (Pledge.objects.count(), snapshots.emails_to()) == (0, [])
