"""Finding, editing, approving and deleting organizations in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.core import audit
from imagine.core.models import AuditEntry
from partners.admin import organization_actions
from partners.models import Contact, DuplicateCandidate, Logo, Organization
from partners.organizations import contacts, profiles
from partners.pledges import editing as pledge_editing
from tests import factories, snapshots, web_client
from tests.summit.test_admin_actions import GONE, IGNORED_TABLES, NEEDED_NO_CHANGE, shown_messages

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/partners/organization/"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4, "big") * 2 + b"the rest"


def change_url(organization: Organization) -> str:
    return f"{LIST}{organization.pk}/change/"


def change(staff, organization: Organization, **typed):
    """Open the page, change some fields, and save."""
    return staff.post(change_url(organization), web_client.form_fields(staff.get(change_url(organization))) | typed)


def run_action(staff, action: str, *rows, **more):
    return web_client.run_action(staff, LIST, action, rows, **more)


def listed_names(staff, query: str = "") -> list[str]:
    return [organization.name for organization in staff.get(LIST + query).context["cl"].result_list]


def change_profile(organization: Organization, **fields) -> None:
    """Change the partner's profile through its personal link."""
    with audit.as_actor(audit.GUEST):
        profiles.change_organization(profiles.lock_organization(organization.pk), **fields)


def with_logo(organization: Organization) -> Organization:
    profiles.set_logo(profiles.lock_organization(organization.pk), PNG)
    return organization


# Its list --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_search_ignores_accents_and_finds_contacts(subtests, staff):
    factories.contact(factories.organization("Peña & Núñez, Inc."), "ines@example.org", "Inés")
    union = factories.organization("Delta Union")
    factories.contact(union, "maria@delta.example.org", "María Thạch")
    factories.contact(union, "ben@delta.example.org", "Ben")
    for query, found in [
        ("nunez", ["Peña & Núñez, Inc."]),
        ("NÚÑEZ pena", ["Peña & Núñez, Inc."]),
        ("peña and nunez", ["Peña & Núñez, Inc."]),
        ("the union of delta", ["Delta Union"]),
        ("maria", ["Delta Union"]),
        ("María Thạch", ["Delta Union"]),
        ("thach delta", ["Delta Union"]),
        ("@delta", ["Delta Union"]),
        ("maria nunez", []),
        ("&", ["Peña & Núñez, Inc."]),
        ("%", []),
        ("_", []),
        ("", ["Delta Union", "Peña & Núñez, Inc."]),
        ("delta " * 300, ["Delta Union"]),
    ]:
        with subtests.test(query=query, found=found):
            response = staff.get(LIST, {"q": query})
            assert [organization.name for organization in response.context["cl"].result_list] == found


@pytest.mark.slow
def test_filters_show_only_matching_organizations(staff):
    factories.pledge_signed_last_year("Past", "past@example.org")
    signed = factories.signed_pledge("Signed", "signed@example.org", sector="labor").organization
    factories.draft_pledge("Draft", "draft@example.org")
    profiles.approve_listing(factories.organization("Shown", wants_listing=True), by="anna")
    factories.organization("Waiting", wants_listing=True, sector="faith")
    profiles.approve_listing(factories.organization("Hidden"), by="anna")
    assert signed.sector == "labor"
    for query, names in {
        "": ["Draft", "Hidden", "Past", "Shown", "Signed", "Waiting"],
        "?pledge=signed": ["Signed"],
        "?pledge=draft": ["Draft"],
        "?pledge=none": ["Hidden", "Past", "Shown", "Waiting"],
        "?listing_status=pending": ["Waiting"],
        "?listing_status=listed": ["Shown"],
        "?listing_status=unlisted": ["Draft", "Hidden", "Past", "Signed"],
        "?sector=labor": ["Signed"],
        "?pledge=none&listing_status=pending&sector=faith&q=wait": ["Waiting"],
        "?pledge=x&listing_status=x": ["Draft", "Hidden", "Past", "Shown", "Signed", "Waiting"],
    }.items():
        assert listed_names(staff, query) == names, query


def test_list_shows_the_school_year_and_each_status(staff):
    factories.signed_pledge("Signed", "signed@example.org")
    text = web_client.page_text(staff.get(LIST))
    assert "By pledge for 2027–28" in text
    assert "Signed - Alma Reyes Signed Not listed" in text
    factories.close_year()
    assert listed_names(staff, "?pledge=signed") == ["Signed"]  # the latest past year, since none is open


def test_list_before_any_school_year_is_opened(staff):
    factories.organization()
    assert listed_names(staff, "?pledge=none") == ["Port Gate Logistics"]
    assert listed_names(staff, "?pledge=signed") == []


@pytest.mark.slow
def test_list_takes_the_same_number_of_queries_for_3_and_30(staff):
    queries = ["", "?q=partner", "?pledge=signed&listing_status=unlisted", "?_facets=True"]
    sizes = {}

    def ask(query: str) -> None:
        sizes[query] = len(listed_names(staff, query))

    for number in range(3):
        factories.signed_pledge(f"Partner {number}", f"p{number}@example.org")
    counts = web_client.query_counts(ask, queries)
    assert set(sizes.values()) == {3}, sizes
    for number in range(3, 30):
        factories.signed_pledge(f"Partner {number}", f"p{number}@example.org")
    assert web_client.query_counts(ask, queries) == counts
    assert set(sizes.values()) == {30}, sizes
    assert max(counts.values()) <= 12, counts


# Its page --------------------------------------------------------------------------------------------------------


def test_page_shows_logo_pledges_emails_and_history(staff):
    pledge = factories.signed_pledge()
    organization = with_logo(pledge.organization)
    factories.close_year()
    factories.pledge_year(2028)
    renewed = pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token))
    change_profile(organization, wants_listing=True)
    profiles.approve_listing(organization, by="anna")
    contacts.correct_contact(pledge.contact, role="Owner")
    response = staff.get(change_url(organization))
    page, text = web_client.page_html(response), web_client.page_text(response)
    assert f'src="{LIST}{organization.pk}/logo.png"' in page
    for each, state in ((pledge, "Signed"), (renewed, "Draft")):
        assert f'<a href="/imagine/admin/partners/pledge/{each.pk}/change/">{each.school_years}</a>: {state}' in page
    assert "1 promise" in text
    message = pledge.messages.filter(kind="pledge_signed").get()
    assert f'<a href="/imagine/admin/mail/message/{message.pk}/change/">{message.subject}</a>: Queued' in page
    assert "wants to be listed: no → yes" in text
    assert "Alma Reyes role: – → Owner" in text
    assert "Directory status: Approved by anna on" in text
    assert f'<a href="{organization.get_absolute_url()}">View public page</a>' in page
    for link in (pledge, renewed):
        assert link.token not in page


def test_page_says_what_an_approved_organization_needs_to_appear_in_the_directory(staff):
    organization = factories.organization(wants_listing=True)
    assert "Pending approval." in web_client.page_text(staff.get(change_url(organization)))
    profiles.approve_listing(organization, by="anna")
    response = staff.get(change_url(organization))
    assert "It will appear in the directory once a pledge is signed." in web_client.page_text(response)
    assert "View public page" not in web_client.page_text(response)
    assert Client().get(organization.get_absolute_url()).status_code == 404


def test_logo_is_shown_only_to_staff_with_permission(staff):
    organization = with_logo(factories.organization())
    address = f"{LIST}{organization.pk}/logo.png"
    response = staff.get(address)
    assert (response.content, response["Content-Type"]) == (PNG, "image/png")
    assert staff.get(f"{LIST}{organization.pk + 1}/logo.png").status_code == 404
    assert Client().get(address).status_code == 302
    other = Client()
    other.force_login(User.objects.create_user("other", is_staff=True))
    assert other.get(address).status_code == 404


@pytest.mark.slow
def test_page_takes_the_same_number_of_queries_for_1_and_10_contacts(staff, django_assert_num_queries):
    organization = factories.signed_pledge().organization
    staff.get(change_url(organization))
    with CaptureQueriesContext(connection) as queries:
        staff.get(change_url(organization))
    for number in range(9):
        factories.contact(organization, f"{number}@example.org", f"Person {number}")
    with django_assert_num_queries(len(queries)):
        assert "Person 8" in staff.get(change_url(organization)).content.decode()


def test_new_organization_gets_a_slug_and_contacts(staff):
    add = f"{LIST}add/"
    person = {"contacts-0-name": "Alma", "contacts-0-email": "alma@example.org", "contacts-0-language": "es"}
    typed = {"name": "Slough House Bakery", "website": "bakery.example.org", "sector": "business"}
    response = staff.post(add, web_client.form_fields(staff.get(add)) | typed | person)
    assert response.status_code == 302
    organization = Organization.objects.get()
    assert (organization.slug, organization.website) == ("slough-house-bakery", "https://bakery.example.org")
    contact = Contact.objects.get()
    assert (contact.email, contact.is_primary, contact.language) == ("alma@example.org", True, "es")
    assert snapshots.changes(organization) == [{"name": ["", "Slough House Bakery"]}]


@pytest.mark.slow
def test_invalid_organization_shows_an_error_and_saves_nothing(subtests, staff):
    organization = factories.organization()
    factories.contact(organization)
    factories.contact(organization, "ben@example.org", "Ben")
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for fields, sentence in [
        ({"name": ""}, "This field is required."),
        ({"website": "ftp://example.org"}, "Enter a web address that starts with https:// or http://."),
        ({"website": "no address"}, "Enter a valid URL."),
        ({"contacts-0-email": "alma"}, "Enter a valid email address."),
        ({"contacts-1-email": "ALMA@example.org"}, "This email is listed twice."),
        ({"contacts-1-is_primary": "on"}, "Choose only one main contact."),
    ]:
        with subtests.test(fields=fields, sentence=sentence):
            response = change(staff, organization, **fields)
            assert response.status_code == 200
            assert sentence in web_client.page_text(response)
            assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_two_new_contacts_with_the_same_email_are_refused(staff):
    organization = factories.organization()
    new = {"contacts-TOTAL_FORMS": "2"}
    for number in range(2):
        new |= {f"contacts-{number}-name": "Alma", f"contacts-{number}-email": "Alma@example.org"}
        new |= {f"contacts-{number}-language": "en"}
    response = change(staff, organization, **new)
    assert "This email is listed twice. Each contact needs a different one." in web_client.page_text(response)
    assert not Contact.objects.exists()


@pytest.mark.slow
def test_contact_cannot_take_the_email_another_contact_still_has(staff):
    """Saved one after the other, the first would get an address that is still in use."""
    organization = factories.organization()
    alma, ben = factories.contact(organization), factories.contact(organization, "ben@example.org", "Ben")
    for address in ("new@example.org", "alma@example.org"):
        response = change(staff, organization, **{"contacts-0-email": "Ben@example.org", "contacts-1-email": address})
        assert "Another contact still has this email." in web_client.page_text(response)
    assert set(organization.contacts.values_list("email", flat=True)) == {"alma@example.org", "ben@example.org"}
    change(staff, organization, **{"contacts-0-email": "Ben@example.org", "contacts-1-DELETE": "on"})
    assert organization.contacts.get() == alma
    assert not Contact.objects.filter(pk=ben.pk).exists()


def test_contact_of_a_new_organization_may_have_the_email_of_a_contact_elsewhere(staff):
    factories.person("Alma")
    factories.contact(factories.organization(), "alma@example.org")
    page = f"{LIST}add/"
    contact = {"contacts-0-name": "Alma", "contacts-0-email": "alma@example.org"}
    staff.post(page, web_client.form_fields(staff.get(page)) | {"name": "Tidewater"} | contact)
    assert Organization.objects.get(name="Tidewater").contacts.get().email == "alma@example.org"


@pytest.mark.slow
def test_saving_without_changes_changes_nothing(staff):
    organization = with_logo(factories.signed_pledge().organization)
    profiles.change_organization(
        profiles.lock_organization(organization.pk), description="two\nlines", website="https://example.org"
    )
    before = snapshots.tables(exclude=(*IGNORED_TABLES, "admin.LogEntry"))
    assert change(staff, organization).status_code == 302
    assert snapshots.tables(exclude=(*IGNORED_TABLES, "admin.LogEntry")) == before


def test_profile_changed_by_staff_stays_approved(staff):
    organization = profiles.approve_listing(factories.organization(wants_listing=True), by="anna")
    assert change(staff, organization, name="Port Gate", sector="labor").status_code == 302
    organization.refresh_from_db()
    assert (organization.name, organization.sector, organization.approved_by) == ("Port Gate", "labor", "anna")
    last = AuditEntry.objects.about(organization).latest("pk")
    assert (last.actor_kind, last.actor_name, last.changes) == (
        "staff",
        "staff",
        {"name": ["Port Gate Logistics", "Port Gate"], "sector": ["", "labor"]},
    )
    assert LogEntry.objects.first().get_change_message() == "Changed Name and Sector."


def test_logo_is_removed(staff):
    organization = with_logo(factories.organization())
    change(staff, organization, no_logo="on")
    assert not Logo.objects.exists()
    assert snapshots.changes(organization)[-1] == {"logo": ["…", ""]}
    assert 'name="no_logo"' not in staff.get(change_url(organization)).content.decode()


def test_contacts_are_corrected_added_and_deleted_in_one_save(staff):
    organization = factories.organization()
    for name in ("Alma", "Ben", "Chue"):
        factories.contact(organization, f"{name.lower()}@example.org", name)
    opened = web_client.form_fields(staff.get(change_url(organization)))
    assert [opened[f"contacts-{number}-name"] for number in range(3)] == ["Alma", "Ben", "Chue"]
    del opened["contacts-0-is_primary"]
    typed = {
        "contacts-0-role": "Baker",
        "contacts-1-is_primary": "on",
        "contacts-2-DELETE": "on",
        "contacts-TOTAL_FORMS": "4",
        "contacts-3-name": "Dung",
        "contacts-3-email": "dung@example.org",
        "contacts-3-language": "en",
    }
    assert staff.post(change_url(organization), opened | typed).status_code == 302
    assert list(organization.contacts.order_by("email").values_list("name", "role", "is_primary")) == [
        ("Alma", "Baker", False),
        ("Ben", "", True),
        ("Dung", "", False),
    ]
    log = LogEntry.objects.first().get_change_message()
    assert log.startswith("Added contact")
    assert not {"Alma", "Ben", "Chue", "Dung"} & set(log.split())


@pytest.mark.slow
def test_corrected_email_gets_a_new_link(staff):
    pledge = factories.signed_pledge()
    change(staff, pledge.organization, **{"contacts-0-email": "right@example.org"})
    emails = snapshots.emails_to()
    assert emails[-2:] == [
        "new_link 1 right@example.org",
        "signed 1 right@example.org",
    ]  # the last email hadn't been sent


# Two editors -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_concurrent_profile_edits_are_not_overwritten_silently(staff):
    organization = factories.organization(description="Old", phone="1")
    opened = web_client.form_fields(staff.get(change_url(organization)))
    change_profile(organization, description="Theirs", website="https://example.org")
    response = staff.post(change_url(organization), opened | {"description": "Mine", "phone": "2"})
    assert "Someone else changed this to “Theirs” while you were editing." in web_client.page_text(response)
    organization.refresh_from_db()
    assert (organization.description, organization.phone) == ("Theirs", "1")
    staff.post(change_url(organization), web_client.form_fields(response))
    organization.refresh_from_db()
    assert (organization.description, organization.phone, organization.website) == ("Mine", "2", "https://example.org")


@pytest.mark.slow
def test_concurrent_contact_edits_are_not_overwritten_silently(staff):
    organization = factories.organization()
    contact = factories.contact(organization, phone="1")
    opened = web_client.form_fields(staff.get(change_url(organization)))
    contacts.correct_contact(contact, phone="2", role="Owner")
    response = staff.post(change_url(organization), opened | {"contacts-0-phone": "3"})
    assert "Someone else changed this to “2” while you were editing." in web_client.page_text(response)
    contact.refresh_from_db()
    assert (contact.phone, contact.role) == ("2", "Owner")
    assert staff.post(change_url(organization), web_client.form_fields(response)).status_code == 302
    contact.refresh_from_db()
    assert (contact.phone, contact.role) == ("3", "Owner")


@pytest.mark.slow
def test_saving_with_a_concurrently_deleted_contact_changes_nothing(staff):
    organization = factories.organization()
    contact = factories.contact(organization)
    factories.contact(organization, "ben@example.org", "Ben")
    opened = web_client.form_fields(staff.get(change_url(organization)))
    contacts.delete_contact(contact)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = staff.post(change_url(organization), opened | {"phone": "2"})
    assert response.status_code == 200
    assert "A contact was deleted while you had this page open." in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_saving_a_concurrently_deleted_organization_does_not_recreate_it(staff):
    organization = factories.organization()
    opened = web_client.form_fields(staff.get(change_url(organization)))
    contacts.delete_organization(organization)
    assert staff.post(change_url(organization), opened, follow=True).status_code == 200
    assert not Organization.objects.exists()


# Approve and withdraw --------------------------------------------------------------------------------------------


def test_approve_action_shows_the_profiles_before_approving(staff):
    organization = with_logo(
        factories.organization(description="We ship.", website="https://example.org", wants_listing=True)
    )
    response = run_action(staff, "approve", organization, factories.organization("Silent"), confirms=False)
    text = web_client.page_text(response)
    assert "Approve 2 profiles?" in text
    assert "We won’t email anyone." in text
    assert "Port Gate Logistics – We ship. https://example.org" in text
    assert "This organization hasn’t asked to be listed, so it won’t appear in the directory yet." in text
    assert f"{LIST}{organization.pk}/logo.png" in response.content.decode()
    assert not Organization.objects.filter(approved_at__isnull=False).exists()


def test_approving_a_profile_is_idempotent(staff):
    organization = factories.organization(wants_listing=True)
    assert shown_messages(run_action(staff, "approve", organization)) == ["1 profile approved."]
    organization.refresh_from_db()
    assert (organization.is_listed, organization.approved_by) == (True, "staff")
    last = AuditEntry.objects.latest("pk")
    assert (last.about, last.actor_name, last.changes) == (
        organization,
        "staff",
        {"approved_at": [False, True]},
    )
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, "approve", organization)) == [NEEDED_NO_CHANGE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_profile_that_changed_since_it_was_read_is_not_approved(staff):
    organization, other = (
        factories.organization(wants_listing=True),
        factories.organization("Other", wants_listing=True),
    )
    asked = run_action(staff, "approve", organization, other, confirms=False)
    change_profile(organization, description="Something else")
    assert shown_messages(staff.post(LIST, web_client.form_fields(asked), follow=True)) == [
        "Port Gate Logistics changed after you opened the page, so we left it as it is. Select it again to see it as "
        "it is now.",
        "1 profile approved.",
    ]
    assert Organization.objects.get(approved_at__isnull=False) == other


def test_approval_without_seeing_the_profile_is_refused(staff):
    organization = factories.organization(wants_listing=True)
    run_action(staff, "approve", organization, confirms=False, rows_shown=f"{organization.pk}:guess")
    assert Organization.objects.listed().count() == 0


@pytest.mark.slow
def test_approve_confirmation_takes_the_same_number_of_queries_for_1_and_10(staff, django_assert_num_queries):
    some = [with_logo(factories.organization(f"Partner {number}", wants_listing=True)) for number in range(10)]
    shown, found = [profiles.profile_fingerprint(each) for each in some], Organization.objects.order_by("name", "pk")
    with django_assert_num_queries(1):
        rows = organization_actions.approve.row_action.prepare(found)
        assert [profiles.profile_fingerprint(row) for row in rows] == shown


def test_profiles_are_approved_one_after_the_other(staff):
    first, second, third = (factories.organization(name, wants_listing=True) for name in ("Alpha", "Beta", "Gamma"))
    page = run_action(staff, "approve", first, confirms=False)
    assert "Approve and next (2 more)" in page.content.decode()
    page = staff.post(LIST, web_client.form_fields(page) | {"_next": "1"})
    assert page.context["question"].rows == [second]
    assert "1 profile approved." in web_client.page_text(page)
    page = staff.post(LIST, web_client.form_fields(page) | {"_next": "1"})
    assert page.context["question"].rows == [third]
    assert page.context["question"].next_button == ""
    staff.post(LIST, web_client.form_fields(page))
    assert Organization.objects.listed().count() == 3


def test_withdrawing_approval_is_idempotent(staff):
    organization = profiles.approve_listing(factories.organization(wants_listing=True), by="anna")
    assert shown_messages(run_action(staff, "hide", organization)) == ["1 approval withdrawn."]
    organization.refresh_from_db()
    assert (organization.approved_at, organization.approved_by) == (None, "")
    assert snapshots.changes(organization)[-1] == {"approved_at": [True, False]}
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, "hide", organization)) == [NEEDED_NO_CHANGE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_page_shows_a_button_to_approve_or_withdraw_approval(staff):
    organization = factories.organization(wants_listing=True)
    page = staff.get(change_url(organization)).content.decode()
    ticked = f'<input type="hidden" name="_selected_action" value="{organization.pk}">'
    assert f'<form method="post" action="{LIST}">' in page
    assert f'<input type="hidden" name="action" value="approve">{ticked}' in page
    profiles.approve_listing(organization, by="anna")
    page = staff.get(change_url(organization)).content.decode()
    assert f'<input type="hidden" name="action" value="hide">{ticked}' in page


@pytest.mark.slow
@pytest.mark.parametrize("action", ["approve", "hide", "organization_organizations_csv", "delete_selected"])
def test_action_on_a_deleted_organization_changes_nothing(staff, action):
    deleted = factories.organization()
    contacts.delete_organization(deleted)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, action, deleted, sure="yes", post="yes")) == [GONE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Erase -----------------------------------------------------------------------------------------------------------


def test_deleting_an_organization_removes_contacts_and_history(staff):
    organization = factories.organization()
    factories.contact(organization)
    address = f"{LIST}{organization.pk}/delete/"
    assert staff.get(address).status_code == 200
    assert staff.post(address, {"post": "yes"}).status_code == 302
    assert not Organization.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.slow
def test_organization_with_a_likely_duplicate_can_be_deleted(staff):
    organization, other = factories.organization(), factories.organization("Port Gate")
    DuplicateCandidate.objects.create(
        organization_a=organization, organization_b=other, score=90, reasons=["similar_name"]
    )
    address = f"{LIST}{organization.pk}/delete/"
    assert "permission" not in web_client.page_text(staff.get(address))
    assert staff.post(address, {"post": "yes"}).status_code == 302
    assert snapshots.organizations() == ["Port Gate"]
    assert not DuplicateCandidate.objects.exists()


@pytest.mark.slow
def test_admin_log_drops_the_name_of_a_deleted_organization(staff):
    one, other = factories.organization(), factories.organization("Port Gate")
    for organization in (one, other):
        change(staff, organization, phone="1")
    staff.post(f"{LIST}{one.pk}/delete/", {"post": "yes"})
    assert set(LogEntry.objects.values_list("object_repr", flat=True)) == {f"organization {one.pk}", "Port Gate"}
    run_action(staff, "delete_selected", other, post="yes")
    assert LogEntry.objects.count() == 4
    assert "Port" not in str(snapshots.tables()["admin.LogEntry"])


@pytest.mark.slow
def test_bulk_delete_deletes_after_confirmation(staff):
    some = [factories.organization(f"Partner {number}") for number in range(2)]
    assert run_action(staff, "delete_selected", *some, confirms=False).status_code == 200
    assert Organization.objects.count() == 2
    run_action(staff, "delete_selected", *some)
    assert not Organization.objects.exists()


def test_organization_with_a_pledge_is_not_deleted(staff):
    organization = factories.signed_pledge().organization
    address = f"{LIST}{organization.pk}/delete/"
    text = web_client.page_text(staff.get(address))
    assert "Can’t delete 1 organization" in text
    assert "Port Gate Logistics, 2027–28" in text
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert staff.post(address, {"post": "yes"}).status_code == 200
    run_action(staff, "delete_selected", organization, post="yes")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Who may what ----------------------------------------------------------------------------------------------------


def viewer() -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.slow
def test_view_only_staff_cannot_change_anything():
    organization = with_logo(factories.signed_pledge().organization)
    change_profile(organization, wants_listing=True)
    client = viewer()
    assert client.get(LIST).status_code == 200
    page = client.get(change_url(organization)).content.decode()
    assert "Port Gate Logistics" in page
    assert 'name="action"' not in page
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert client.post(change_url(organization), {"name": "Mine"}).status_code == 403
    assert client.post(f"{LIST}{organization.pk}/delete/", {"post": "yes"}).status_code == 403
    for action in ("approve", "hide", "delete_selected"):
        run_action(client, action, organization, sure="yes", post="yes")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("address", [LIST, f"{LIST}add/", "/imagine/admin/partners/"])
def test_pages_redirect_anyone_who_is_not_staff(address):
    factories.organization()
    for user in (None, User.objects.create_user("guest")):
        client = Client()
        if user:
            client.force_login(user)
        assert client.get(address).status_code == 302
        assert client.post(address, {"action": "approve"}).status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize("lookup", ["pledges__token", "pledges__token_redirects__token", "contacts__pledges__token"])
def test_list_filters_cannot_reveal_a_private_link(staff, lookup):
    pledge = factories.signed_pledge()
    for value in (pledge.token[0], "~"):
        response = staff.get(f"{LIST}?{lookup}__startswith={value}")
        assert response.status_code in {302, 400}


@pytest.mark.slow
@pytest.mark.parametrize("total", ["2147483648", "1000", "23"])
def test_too_many_contact_forms_are_refused(staff, total):
    organization = factories.organization()
    for number in range(2):
        factories.contact(organization, f"c{number}@example.org", "Alma")
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = change(staff, organization, **{"contacts-TOTAL_FORMS": total})
    assert response.status_code == 200
    [inline] = response.context["inline_admin_formsets"]
    assert len(inline.formset.forms) == 22
    assert "Please submit at most 22 forms." in inline.formset.non_form_errors()
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
