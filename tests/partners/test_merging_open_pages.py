"""A merge finishes first while someone else is about to write: they get a clear answer, and their change applies to the
kept organization."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from imagine.demo.servers import wait_until
from imagine.mail import preferences, queue
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from partners.emails.kinds import PledgeEmailKind
from partners.models import Contact, Organization, Pledge
from partners.organizations import contacts, profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from summit import seats
from summit.invitations import contact_import
from summit.models import Rsvp
from tests import factories, snapshots, web_client
from tests.partners.pledge_form import pledge_url
from tests.partners.test_admin_organizations import LIST, change_url, run_action
from tests.summit.test_contact_import import read_list

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PLEDGES_OF = 'INNER JOIN "partners_pledgeyear"'  # of the query of an organization's pledges
ROW_LOCK = "FOR (NO KEY )?UPDATE"
PLEDGES = "/imagine/admin/partners/pledge/"
GONE = "This record was merged or deleted in the meantime. Nothing was saved."


@pytest.fixture
def kept() -> Organization:
    """Its own pledge would be merged with the other one's; without one, the other pledge moves."""
    return factories.organization("Port Gate, Inc.")


def run_in_thread(do: Callable):
    """Call it in a thread with its own connection."""
    try:
        return do()
    finally:
        connection.close()


def run_before_query(do: Callable, *, pattern: str):
    """Do something once in another connection, just before the first query that matches, as if someone else was
    faster."""
    done = []

    def watch(execute, sql, *arguments):
        if re.search(pattern, sql) and not done:
            done.append(True)
            with ThreadPoolExecutor(1) as executor:
                executor.submit(run_in_thread, do).result(timeout=30)
        return execute(sql, *arguments)

    return connection.execute_wrapper(watch)


def is_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def run_while_merging(kept: Organization, other: Organization, rule: Callable):
    """Return the result of a rule that starts before a merge is committed and waits for it."""
    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic():
            factories.merge(kept, other)
            future = executor.submit(run_in_thread, rule)
            wait_until(is_waiting_for_a_lock, 30)
        return future.result(timeout=30)


RULES = {
    "mail the link": lambda pledge: pledge_links.email_link(pledge, by_staff=True),
    "mail it again": pledge_links.resend_link,
    "replace it": pledge_links.replace_pledge_link,
    "remind": pledge_years.remind_draft,
    "delete": pledge_editing.delete_pledge,
}


@pytest.mark.parametrize("rule", RULES)
def test_pledge_action_that_waited_for_a_merge_uses_the_moved_pledge(kept, rule):
    pledge = factories.draft_pledge()
    factories.backdate_pledge(pledge, 30)
    token = pledge.token
    run_while_merging(kept, pledge.organization, lambda: RULES[rule](pledge))
    if rule == "delete":
        assert Pledge.objects.count() == 0
        return
    pledge = Pledge.objects.get()
    assert pledge.organization == kept
    assert pledge.token != token
    expected_emails = {"replace it": [], "remind": ["draft alma@example.org"]}.get(rule, ["link 1 alma@example.org"])
    assert sorted(snapshots.emails_to()) == sorted(
        ["link 1 alma@example.org", "new_link 1 alma@example.org", *expected_emails]
    )
    for message in pledge.messages.all():
        assert pledge.token in message.body_text


@pytest.mark.parametrize("rule", ["mail it again", "replace it", "delete"])
def test_action_on_a_merged_pledge_raises_does_not_exist(rule):
    kept, pledge = factories.signed_pledge("Zeta Freight", "zeta@example.org"), factories.signed_pledge()
    factories.merge(kept.organization, pledge.organization)
    kept.refresh_from_db()
    pattern = sorted(snapshots.emails_to())
    with pytest.raises(Pledge.DoesNotExist):
        RULES[rule](pledge)
    assert (Pledge.objects.get(), sorted(snapshots.emails_to())) == (kept, pattern)


def test_reminder_of_a_merged_draft_is_skipped():
    kept, draft = factories.signed_pledge("Zeta Freight", "zeta@example.org"), factories.draft_pledge()
    factories.backdate_pledge(draft, 30)
    factories.merge(kept.organization, draft.organization)
    assert pledge_years.remind_draft(draft) is False


def test_signup_during_a_merge_emails_the_link_of_the_kept_pledge():
    kept, pledge = factories.signed_pledge("Zeta Freight", "zeta@example.org"), factories.signed_pledge()
    start = factories.unsaved_pledge_request()
    pledge_signup.request_pledge(start)
    with run_before_query(
        lambda: factories.merge(kept.organization, pledge.organization),
        pattern='FROM "partners_organization" INNER JOIN',
    ):
        pledge_signup.answer_request_once(start.pk)
    kept.refresh_from_db()
    mail = kept.messages.filter(recipient="alma@example.org").latest("created_at")
    assert kept.get_absolute_url() in mail.body_text


def correct_email(contact: Contact) -> None:
    contacts.correct_contact(contact, role="Owner")


@pytest.mark.parametrize("rule", [correct_email, contacts.delete_contact])
def test_contact_action_that_waited_for_a_merge_uses_the_moved_contact(kept, rule):
    contact = factories.contact(factories.organization())
    run_while_merging(kept, contact.organization, lambda: rule(contact))
    remaining = [(each.organization, each.role) for each in Contact.objects.all()]
    assert remaining == ([(kept, "Owner")] if rule is correct_email else [])


def test_actions_on_a_merged_contact_leave_the_kept_one_unchanged(kept):
    contact, duplicate = factories.contact(factories.organization()), factories.contact(kept)
    factories.merge(kept, contact.organization)
    contacts.delete_contact(contact)
    assert Contact.objects.get() == duplicate
    with pytest.raises(Contact.DoesNotExist):
        correct_email(contact)


# Links -----------------------------------------------------------------------------------------------------------


def test_opening_a_link_while_its_pledge_moves_returns_404(kept):
    pledge = factories.signed_pledge()
    with run_before_query(lambda: factories.merge(kept, pledge.organization), pattern=PLEDGES_OF):
        response = Client().get(pledge_url(pledge.token))
    assert response.status_code == 404


def test_opening_a_link_while_its_pledge_is_merged_returns_404():
    kept, pledge = factories.signed_pledge("Zeta Freight", "zeta@example.org"), factories.signed_pledge()
    with run_before_query(lambda: factories.merge(kept.organization, pledge.organization), pattern=PLEDGES_OF):
        response = Client().get(pledge_url(pledge.token))
    assert response.status_code == 404


# Mail choices ----------------------------------------------------------------------------------------------------


def choose_spanish(email: str):
    return Client().post(preferences.get_preference(email).get_absolute_url(), {"invitations": "on", "language": "es"})


def test_language_chosen_during_a_merge_is_saved_on_the_kept_contact():
    """The merged contact comes first: it was found, but is gone when it is to be locked."""
    merged_contact = factories.contact(factories.organization())
    kept_contact = factories.contact(factories.organization("Port Gate, Inc."))
    with run_before_query(
        lambda: factories.merge(kept_contact.organization, merged_contact.organization), pattern=ROW_LOCK
    ):
        response = choose_spanish(merged_contact.email)
    assert response.status_code == 302
    assert list(Contact.objects.values_list("pk", "language")) == [(kept_contact.pk, "es")]


def test_language_chosen_while_an_rsvp_is_deleted_is_saved_on_the_other():
    rsvps = [factories.rsvp(factories.event(), email="alma@example.org") for _twice in range(2)]
    with run_before_query(lambda: seats.delete_rsvp(rsvps[0]), pattern=ROW_LOCK):
        response = choose_spanish("alma@example.org")
    assert response.status_code == 302
    assert list(Rsvp.objects.values_list("pk", "language")) == [(rsvps[1].pk, "es")]


# The admin -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["mail_links", "replace_pledge_links"])
def test_admin_actions_on_a_merged_pledge_say_it_is_gone(staff, action):
    kept, pledge = factories.signed_pledge("Zeta Freight", "zeta@example.org"), factories.signed_pledge()
    with run_before_query(lambda: factories.merge(kept.organization, pledge.organization), pattern=ROW_LOCK):
        response = web_client.run_action(staff, PLEDGES, action, [pledge])
    assert "This was deleted or merged in the meantime." in web_client.page_text(response)


def test_saving_an_organization_during_its_merge_says_it_is_gone(staff, kept):
    other = factories.organization()
    contact = factories.contact(other)
    expected_emails = web_client.form_fields(staff.get(change_url(other))) | {
        "description": "We ship.",
        "contacts-0-role": "Owner",
    }
    with run_before_query(lambda: factories.merge(kept, other), pattern=ROW_LOCK):
        response = staff.post(change_url(other), expected_emails, follow=True)
    assert GONE in web_client.page_text(response)
    contact.refresh_from_db()
    assert (contact.organization, contact.role, Organization.objects.get().description) == (kept, "", "")


@pytest.mark.parametrize("model_name", ["organization", "pledge"])
def test_deleting_during_a_merge_keeps_the_data_and_says_it_is_gone(staff, model_name):
    kept, pledge = factories.signed_pledge("Zeta Freight", "zeta@example.org"), factories.signed_pledge()
    if model_name == "organization":
        pledge_editing.delete_pledge(pledge)
    list_url = {"organization": LIST, "pledge": PLEDGES}[model_name]
    row = {"organization": pledge.organization, "pledge": pledge}[model_name]

    def merge():
        factories.merge(kept.organization, pledge.organization)

    with run_before_query(merge, pattern=ROW_LOCK):
        response = staff.post(f"{list_url}{row.pk}/delete/", {"post": "yes"}, follow=True)
    assert GONE in web_client.page_text(response)
    assert {contact.email for contact in kept.organization.contacts.all()} == {"zeta@example.org", "alma@example.org"}
    assert Pledge.objects.get() == kept


def test_bulk_delete_counts_selected_organizations_that_were_merged(staff, kept):
    other = factories.organization()
    factories.contact(other)
    with run_before_query(lambda: factories.merge(kept, other), pattern=ROW_LOCK):
        response = run_action(staff, "delete_selected", other, post="yes")
    assert "1 of the selected items was changed or deleted in the meantime." in web_client.page_text(response)
    assert Contact.objects.get().organization == kept


def test_approving_a_merged_organization_is_refused(staff, kept):
    other = factories.organization(wants_listing=True)
    fingerprints = {f"seen-{other.pk}": profiles.profile_fingerprint(other)}
    with run_before_query(lambda: factories.merge(kept, other), pattern=ROW_LOCK):
        response = run_action(staff, "approve", other, sure="yes", **fingerprints)
    assert "This was deleted or merged in the meantime." in web_client.page_text(response)


def test_contact_import_during_a_merge_adds_the_kept_contact(kept):
    other = factories.organization("Zeta Freight")
    kept_contact, removed_contact = factories.contact(kept), factories.contact(other)
    checked = read_list((removed_contact.email, "Alma", other.name))
    audience = factories.audience()
    assert run_while_merging(kept, other, lambda: contact_import.add_to_audience(audience, checked)) == 1
    assert list(audience.uploaded_contacts.all()) == [kept_contact]


def test_resending_a_reminder_while_the_partner_signs_is_refused():
    pledge = factories.draft_pledge()
    factories.backdate_pledge(pledge, 30)
    pledge_years.remind_draft(pledge)
    message = pledge.messages.get(kind=PledgeEmailKind.PLEDGE_DRAFT)
    Message.objects.filter(pk=message.pk).update(state=Message.State.SENT, sent_at=timezone.now())
    data = factories.pledge_data(pledge.token, factories.promise_data("tours", 6))

    def sign():
        pledge_editing.sign_pledge(pledge.token, **data, name="Alma Reyes")

    with run_before_query(sign, pattern=ROW_LOCK), pytest.raises(CannotResend, match="already signed"):
        queue.resend(message)
