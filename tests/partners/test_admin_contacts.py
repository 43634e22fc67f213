"""Finding, correcting and deleting contacts in the admin, and adding contacts without an organization."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.core.models import AuditEntry
from imagine.mail import preferences
from partners.models import Contact
from partners.organizations import contacts
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/partners/contact/"
IGNORED_TABLES = ("accounts.StaffSession", "admin.LogEntry")


def change_url(contact: Contact) -> str:
    return f"{LIST}{contact.pk}/change/"


def change(staff: Client, contact: Contact, **typed):
    return staff.post(change_url(contact), web_client.form_fields(staff.get(change_url(contact))) | typed)


def add(staff: Client, **typed):
    data = {"name": "Inés Peña", "email": "ines@example.org", "language": "es"} | typed
    return staff.post(f"{LIST}add/", web_client.form_fields(staff.get(f"{LIST}add/")) | data)


def listed_emails(staff: Client, query: str = "") -> list[str]:
    return [contact.email for contact in staff.get(LIST + query).context["cl"].result_list]


def individual(email: str = "ines@example.org", name: str = "Inés Peña") -> Contact:
    return contacts.add_contact(None, email=email, name=name)


# Its list --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["alma@example.org", "ines@example.org"]),
        ("?of=partner", ["alma@example.org"]),
        ("?of=nobody", ["ines@example.org"]),
        ("?of=~", ["alma@example.org", "ines@example.org"]),
        ("?mail=unsubscribed", ["alma@example.org"]),
        ("?mail=suppressed", ["ines@example.org"]),
        ("?language__exact=es", []),
        ("?q=pena", ["ines@example.org"]),
        ("?q=INES@", ["ines@example.org"]),
        ("?q=gate alma", ["alma@example.org"]),
        ("?q=gate ines", []),
    ],
)
def test_contact_list_search_and_filters(staff, query, expected):
    factories.contact(factories.organization())
    individual()
    preferences.set_topics(preferences.get_preference("alma@example.org"), invitations=False)
    preferences.suppress("ines@example.org", "550 no such mailbox")
    assert listed_emails(staff, query) == expected


def test_contact_list_shows_organization_and_email_preferences(staff):
    factories.contact(factories.organization(), "ALMA@example.org")
    individual()
    preferences.set_topics(preferences.get_preference("alma@example.org"), invitations=False)
    page = web_client.page_text(staff.get(LIST))
    assert "Port Gate Logistics ALMA@example.org English" in page
    assert "Inés Peña Independent ines@example.org" in page
    assert "English Yes Unsubscribed" in page


@pytest.mark.slow
def test_list_takes_the_same_number_of_queries_for_3_and_30(staff, django_assert_num_queries):
    organization = factories.organization()
    for number in range(2):
        factories.contact(organization, f"a{number}@example.org")
    individual()
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
    for number in range(2, 30):
        factories.contact(factories.organization(f"Partner {number}"), f"a{number}@example.org")
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)


# Written ---------------------------------------------------------------------------------------------------------


def test_contact_without_an_organization_is_added_once(staff):
    assert add(staff).status_code == 302
    assert list(Contact.objects.values_list("organization", "name", "email", "language", "is_primary")) == [
        (None, "Inés Peña", "ines@example.org", "es", False)
    ]
    page = add(staff, email="INES@example.org")
    assert "Another contact already has this email. Enter a different one." in web_client.page_text(page)
    assert Contact.objects.count() == 1


def test_contact_of_an_organization_can_also_be_added_without_one(staff):
    factories.contact(factories.organization(), "ines@example.org")
    assert add(staff).status_code == 302
    assert Contact.objects.count() == 2


def test_contact_without_an_organization_is_corrected(staff):
    person = individual()
    assert change(staff, person, name="Inés Núñez", email="nunez@example.org").status_code == 302
    person.refresh_from_db()
    assert (person.name, person.email, person.organization) == ("Inés Núñez", "nunez@example.org", None)
    changes = AuditEntry.objects.about(person).latest("pk").changes
    assert changes == {"name": ["Inés Peña", "Inés Núñez"], "email": ["ines@example.org", "nunez@example.org"]}
    assert "Inés Núñez" in web_client.page_text(staff.get(change_url(person)))


def test_email_already_used_by_another_contact_is_refused(staff):
    person, other = individual(), individual("ben@example.org", "Ben")
    assert "Another contact already has this email. Enter a different one." in web_client.page_text(
        change(staff, person, email="BEN@example.org")
    )
    organization = factories.organization()
    own_contact = factories.contact(organization)
    factories.contact(organization, "chue@example.org", "Chue")
    assert "Another contact already has this email. Enter a different one." in web_client.page_text(
        change(staff, own_contact, email="chue@example.org")
    )
    assert change(staff, own_contact, email=other.email).status_code == 302


def test_making_another_contact_main_replaces_the_main_contact(staff):
    organization = factories.organization()
    alma, ben = factories.contact(organization), factories.contact(organization, "ben@example.org", "Ben")
    assert change(staff, ben, is_primary="on").status_code == 302
    assert list(organization.contacts.order_by("pk").values_list("pk", "is_primary")) == [
        (alma.pk, False),
        (ben.pk, True),
    ]


def test_concurrent_contact_changes_are_shown_before_saving(staff):
    person = individual()
    typed = web_client.form_fields(staff.get(change_url(person))) | {"name": "Mine"}
    contacts.correct_contact(person, name="Theirs", phone="209 555 0101")
    page = staff.post(change_url(person), typed)
    assert "Theirs" in web_client.page_text(page)
    assert staff.post(change_url(person), web_client.form_fields(page)).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.phone) == ("Mine", "209 555 0101")


def test_contacts_are_deleted_one_at_a_time_and_in_bulk(staff):
    person, own_contact = individual(), factories.contact(factories.organization())
    assert staff.post(f"{LIST}{person.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not AuditEntry.objects.about(person).exists()
    web_client.run_action(staff, LIST, "delete_selected", [own_contact])
    assert not Contact.objects.exists()


def test_deleting_a_contact_twice_is_harmless():
    person = individual()
    for _twice in range(2):
        contacts.delete_contact(person)
    assert not Contact.objects.exists()


# Who may what ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_view_only_staff_cannot_change_anything():
    person = individual()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(viewer)
    assert "Inés Peña" in web_client.page_text(client.get(LIST))
    assert client.get(change_url(person)).status_code == 200
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert client.post(change_url(person), {"name": "Mine"}).status_code == 403
    assert client.post(f"{LIST}add/", {"name": "Mine"}).status_code == 403
    assert client.post(f"{LIST}{person.pk}/delete/", {"post": "yes"}).status_code == 403
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("lookup", ["pledges__token", "invitations__token"])
def test_list_filters_cannot_reveal_a_private_link(staff, lookup):
    pledge = factories.signed_pledge()
    for value in (pledge.token[0], "~"):
        assert staff.get(f"{LIST}?{lookup}__startswith={value}").status_code in {302, 400}
