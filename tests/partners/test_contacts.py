"""Adding, correcting and deleting contacts and organizations as staff, with email and change history."""

import pytest
from django.db.models import ProtectedError

from imagine.core import audit
from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge
from partners.organizations import contacts, profiles
from partners.pledges import links as pledge_links
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def people(organization: Organization) -> list[tuple]:
    """Return each contact's email address, and whether it is the primary contact."""
    return list(organization.contacts.order_by("pk").values_list("email", "is_primary"))


def send_email(email: str) -> None:
    Message.objects.filter(recipient=email).update(state=Message.State.SENT, sent_at="2027-01-01T00:00Z")


# Add -------------------------------------------------------------------------------------------------------------


def test_first_contact_is_the_main_contact_and_later_ones_only_on_request():
    here = factories.organization()
    contacts.add_contact(here, name="Alma", email="alma@example.org")
    contacts.add_contact(here, name="Ben", email="ben@example.org")
    assert people(here) == [("alma@example.org", True), ("ben@example.org", False)]
    contacts.add_contact(here, name="Chue", email="chue@example.org", is_primary=True)
    assert people(here)[-1] == ("chue@example.org", True)
    assert here.contacts.filter(is_primary=True).count() == 1


def test_same_email_is_not_added_twice():
    here = factories.organization()
    for email in ("alma@example.org", "ALMA@example.org"):
        contacts.add_contact(here, name="Alma", email=email)
    assert people(here) == [("alma@example.org", True)]


# Correct ---------------------------------------------------------------------------------------------------------


def test_making_another_contact_main_replaces_the_main_contact():
    here = factories.organization()
    alma, ben = factories.contact(here), factories.contact(here, "ben@example.org", "Ben")
    for _twice in range(2):
        contacts.correct_contact(ben, is_primary=True)
    assert people(here) == [("alma@example.org", False), ("ben@example.org", True)]
    assert snapshots.changes(alma)[-1] == {"is_primary": [True, False]}


def test_corrected_email_gets_unsent_messages_and_a_new_link():
    pledge = factories.signed_pledge()
    contact = pledge.contact
    Message.objects.filter(kind__in=("pledge_link", "pledge_request")).update(
        state=Message.State.SENT, sent_at="2027-01-01T00:00Z"
    )
    contacts.correct_contact(contact, email="right@example.org")
    assert snapshots.emails_to() == [
        "link 1 alma@example.org",
        "new_link 1 right@example.org",
        "signed 1 right@example.org",
    ]
    old = pledge.token
    pledge.refresh_from_db()
    assert pledge.token != old
    for message in pledge.messages.all():
        assert pledge.token in message.body_text
        assert old not in message.body_text + message.body_html
    assert snapshots.changes(contact)[-1] == {"email": ["alma@example.org", "right@example.org"]}
    contacts.correct_contact(contact, email="right@example.org")
    assert len(snapshots.emails_to()) == 3


def test_corrected_email_gets_a_new_link_even_if_one_was_just_sent():
    pledge = factories.draft_pledge()
    pledge_links.email_link(pledge)
    send_email("alma@example.org")
    contacts.correct_contact(pledge.contact, email="right@example.org")
    assert snapshots.emails_to()[-1] == "new_link 1 right@example.org"


def test_corrected_email_of_a_contact_without_pledge_access_gets_no_link():
    pledge = factories.signed_pledge()
    other = factories.contact(pledge.organization, "ben@example.org", "Ben", may_open_pledge=False)
    before = snapshots.emails_to()
    contacts.correct_contact(other, email="benjamin@example.org")
    assert snapshots.emails_to() == before


@pytest.mark.parametrize("end", [lambda each: contacts.correct_contact(each, email="new@b.c"), contacts.delete_contact])
def test_correcting_or_deleting_a_contact_replaces_the_link_without_emails(end):
    pledge = factories.signed_pledge()
    other = factories.contact(pledge.organization, "ben@example.org", "Ben")
    Message.objects.all().delete()
    end(other)
    assert not Pledge.objects.filter(token=pledge.token).exists()
    assert snapshots.emails_to() == ["new_link 1 alma@example.org"]


# Erase -----------------------------------------------------------------------------------------------------------


def test_deleting_a_contact_removes_emails_and_history_but_keeps_the_pledge():
    pledge = factories.signed_pledge()
    other = factories.contact(pledge.organization, "ben@example.org", "Ben")
    contacts.correct_contact(other, is_primary=True)
    contact = pledge.contact
    for _twice in range(2):
        contacts.delete_contact(contact)
    assert people(pledge.organization) == [("ben@example.org", True)]
    pledge.refresh_from_db()
    assert (pledge.contact, pledge.signed_by) == (None, "Alma Reyes")
    assert snapshots.emails_to() == [
        "link 1 alma@example.org",  # to the person who started, before there was a pledge
        "new_link 1 ben@example.org",
        "signed 1 ben@example.org",  # hadn't been sent
    ]
    assert not AuditEntry.objects.about(contact).exists()
    assert snapshots.changes(pledge.organization)[-1] == {"contact": ["…", ""]}
    assert pledge_links.resend_link(pledge)
    assert snapshots.emails_to()[-1] == "link 1 ben@example.org"


def test_link_of_a_pledge_without_a_contact_is_not_emailed():
    pledge = factories.signed_pledge()
    contacts.delete_contact(pledge.contact)
    with pytest.raises(pledge_links.NoContact, match="no contact who can open it"):
        pledge_links.resend_link(pledge)
    assert pledge_links.email_link(pledge) is False


def test_deleting_an_organization_removes_contacts_and_history():
    here = factories.organization(description="Bread")
    contact = factories.contact(here)
    contacts.delete_organization(here)
    assert not Organization.objects.exists()
    assert not Contact.objects.exists()
    assert not AuditEntry.objects.about_any([here, contact]).exists()


def test_organization_with_a_pledge_is_not_deleted():
    pledge = factories.draft_pledge()
    with pytest.raises(ProtectedError):
        contacts.delete_organization(pledge.organization)
    assert snapshots.organizations() == ["Port Gate Logistics"]
    assert AuditEntry.objects.about(pledge.organization).exists()


# Approval --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", ["name", "description", "website"])
def test_profile_changed_since_staff_read_it_is_not_approved(changed):
    here = factories.organization(wants_listing=True)
    fingerprint = profiles.profile_fingerprint(here)
    with audit.as_actor(audit.GUEST):
        profiles.change_organization(profiles.lock_organization(here.pk), **{changed: "https://example.org"})
    with pytest.raises(profiles.ProfileChanged, match="Review it again"):
        profiles.approve_listing(here, by="anna", seen=fingerprint)
    here.refresh_from_db()
    assert here.approved_at is None
    assert profiles.approve_listing(here, by="anna", seen=profiles.profile_fingerprint(here)).approved_by == "anna"


def test_profile_with_a_changed_logo_is_not_approved():
    here = factories.organization(wants_listing=True)
    fingerprint = profiles.profile_fingerprint(here)
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4, "big") * 2
    profiles.set_logo(profiles.lock_organization(here.pk), png)
    with pytest.raises(profiles.ProfileChanged):
        profiles.approve_listing(here, by="anna", seen=fingerprint)


def test_approving_again_keeps_the_first_approval():
    here = profiles.approve_listing(factories.organization(wants_listing=True), by="anna")
    assert profiles.approve_listing(here, by="bert", seen="").approved_by == "anna"
