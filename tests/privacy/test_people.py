"""Showing everything about a person, and erasing them."""

import json
import re
import time
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import TextField
from django.db.models.functions import Cast
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.accounts.sessions import SessionStore
from imagine.core import audit
from imagine.core.deletion import DeletionRefused
from imagine.core.models import AuditEntry, SecurityEvent, SecurityEventKind
from imagine.mail import preferences
from imagine.mail.models import EmailPreference, Message
from imagine.privacy import erasing, people, retention
from imagine.privacy.models import Erasure, Hold
from imagine.privacy.people import TABLES, Person, everything_about, in_words
from imagine.privacy.security_events import PrivacyEventKind
from partners.imports import workflow
from partners.models import Contact, Import, ImportRow, Organization, Pledge, PledgeRequest, Signature
from partners.organizations import contacts
from partners.pledges import editing as pledge_editing
from partners.pledges import signup as pledge_signup
from summit import date_alerts, organization_matching, rsvp_links, seats
from summit.invitations import contact_import, responses
from summit.models import ContactListUpload, DateAlert, Event, Guest, LinkRequest, Rsvp
from tests import factories, web_client
from tests.partners.import_files import as_csv, row, table
from tests.privacy.test_retention import hold, past_event

pytestmark = pytest.mark.django_db

EMAIL, NAME = "Nora.Quill@example.org", "Nora Quill"
WORDS = ("nora", "quill", "555-0177", "lentils", "ramp for nora", "bus 12")


def find_nora() -> Person:
    return Person(EMAIL.lower())


def create_nora_everywhere() -> None:
    """Create one person in every table about people, and others whose email address contains hers."""
    upcoming = factories.event(capacity=3)
    past = factories.event(title="Past")
    quill = factories.organization("Quill Inc.")
    for event in (upcoming, past):
        guests = [
            Guest(name=NAME, dietary_needs="lentils", accessibility_needs="ramp for Nora"),
            Guest(name="Nora Junior Quill"),
        ]
        fields = {"email": EMAIL, "phone": "(209) 555-0177", "note": "bus 12", "organization_name": "Quill Inc."}
        rsvp = seats.reserve(factories.unsaved_rsvp(event, NAME, **fields), size=2, guests=guests)
        seats.update_contact(rsvp, name="Nora Q.")
        seats.update_contact(rsvp, name=NAME)
        organization_matching.assign_organization(Rsvp.objects.filter(pk=rsvp.pk), quill.pk)
    factories.rsvp(upcoming, "Waiting Walt", size=2, email="walt@example.org")
    pledge = factories.signed_pledge("Port Gate", EMAIL, name=NAME)
    sign_again(pledge)
    invitation = factories.invite(factories.event(title="Kickoff"), Contact.objects.get())
    responses.decline_invitation(invitation, message="Nora is away")
    factories.person(NAME, email=EMAIL)
    rsvp_links.request_links(EMAIL)
    date_alerts.request_alert(EMAIL, "en")
    PledgeRequest.objects.create(organization="Quill Inc.", name=NAME, email=EMAIL)
    preferences.set_topics(preferences.get_preference(EMAIL), reminders=False)
    contact_import.store_upload(factories.audience(), f"Email\n{EMAIL}".encode(), "Nora Quill.csv")
    run = workflow.start_import(as_csv(table([row()])), file_name="a.csv", year=pledge.year, by="anna", language="en")
    ImportRow.objects.filter(run=run).update(
        values={"email": EMAIL, "contact": NAME, "phone": "(209) 555-0177", "signed_by": NAME, "quantity": 3}
    )
    run.not_undone = [[f"Contact {EMAIL}", "changed since"]]
    run.save()
    audit.log_change(upcoming, {"venue": ""}, {"venue": f"ask {EMAIL}"})
    Message.objects.create(
        idempotency_key="other",
        recipient="walt@example.org",
        subject=f"About {EMAIL}",
        body_text=f"Write to {EMAIL}.",
        body_html=f"<p>{EMAIL}</p>",
        state="sent",
        sent_at=timezone.now(),
    )
    user = User.objects.create_superuser("office")
    content_type = ContentType.objects.get_for_model(Contact)
    LogEntry.objects.create(
        user=user, content_type=content_type, object_id="1", object_repr=f"x {EMAIL}", action_flag=CHANGE
    )
    session = SessionStore()
    session["typed"] = EMAIL
    session.save()
    factories.rsvp(factories.event(title="Other"), "Ann Other", email=f"an.{EMAIL.lower()}")
    factories.rsvp(factories.event(title="Other 2"), "Ann Other", email=f"{EMAIL.lower()}.mx")
    past_event(1, event=past)
    past_event(1, event=invitation.event)


def sign_again(pledge: Pledge) -> None:
    data = factories.pledge_data(pledge.token, factories.promise_data("tours", 9))
    pledge_editing.sign_pledge(pledge.token, **data, name=NAME, role="Owner")


def count_rows_with(word: str) -> dict[str, int]:
    """Count the rows of every table that contain a word in any text column."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        for column in model._meta.concrete_fields:
            texts = model._default_manager.alias(found_text=Cast(column.name, TextField()))
            number = texts.filter(found_text__icontains=word).count()
            if number:
                found[f"{model._meta.label}.{column.name}"] = number
    return found


# Find ------------------------------------------------------------------------------------------------------------


def test_every_personal_table_says_what_erasing_does():
    personal = {label for rule in retention.RULES for label in rule.columns}
    staff_only = {
        *("mail.Mailing", "mail.TemplateOverride", "partners.DuplicateCandidate"),
        *("core.SecurityEvent", "summit.StaffEmail"),
        *("accounts.Passkey", "accounts.SsoIdentity"),
        *("otp_totp.TOTPDevice", "otp_static.StaticDevice", "otp_static.StaticToken"),
    }
    assert personal - staff_only == set(TABLES)


def test_person_is_found_in_every_table():
    create_nora_everywhere()
    found = {each.model._meta.label: len(each.rows) for each in everything_about(find_nora())}
    nowhere = {
        *("partners.Organization", "partners.Logo", "partners.SlugRedirect"),
        *("partners.ImportedOrganization", "core.RateLimitCount", "partners.Promise"),
        *("auth.User", "privacy.Hold", "privacy.Erasure"),
    }
    assert set(TABLES) - set(found) == nowhere
    assert (found["summit.Rsvp"], found["summit.Guest"], found["partners.Contact"]) == (2, 4, 2)
    assert (found["partners.Pledge"], found["partners.Signature"]) == (1, 2)


def test_page_and_json_have_everything_but_links_within_5_seconds(staff):
    create_nora_everywhere()
    Rsvp.objects.filter(event__title="Past").update(browser_token="the-browsers-secret")
    rsvp = Rsvp.objects.get(event__title="Past")
    started = time.monotonic()
    page = staff.get(f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/")
    download = staff.get(f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/json/")
    assert time.monotonic() - started < 5
    page_text = web_client.page_text(page)
    content = json.loads(download.content)
    assert content["email"] == EMAIL.lower()
    assert set(content["tables"]) == {each.model._meta.label for each in everything_about(find_nora())}
    for text in (page_text, download.content.decode()):
        for word in ("Nora Junior Quill", "lentils", "bus 12", "Nora is away", "(209) 555-0177", "Port Gate"):
            assert word in text
        assert "an.nora" not in text
    assert "name: Nora Quill → Nora Q." in page_text
    assert "promises: – name: Host tours and field trips" in page_text
    for text in (page_text, download.content.decode()):
        for link in (rsvp, *Pledge.objects.all(), *EmailPreference.objects.filter(email=EMAIL.lower())):
            assert link.token not in text
        assert "the-browsers-secret" not in text
    record = SecurityEvent.objects.get(kind=SecurityEventKind.EXPORTED)
    tables = {label: set(rows[0]) for label, rows in content["tables"].items()}
    assert record.about == rsvp
    assert set(record.facts["columns"]) == {f"{label}.{name}" for label in tables for name in tables[label]}
    assert record.facts["rows"] == sum(map(len, content["tables"].values()))
    assert "nora" not in str(record.facts).lower()
    name = f"person-{timezone.localdate()}-record-{record.pk}.json"
    assert download["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.slow
def test_pages_that_show_a_person_link_to_their_data_and_erasure(subtests, staff):
    create_nora_everywhere()
    contact = Contact.objects.get(organization__name="Port Gate")
    listed_people = [
        *(Rsvp.objects.get(event__title="Past"), contact, contact.invitations.get(), Pledge.objects.get()),
        *(Message.objects.filter(recipient=EMAIL).first(), EmailPreference.objects.get(email=EMAIL.lower())),
    ]
    for found in listed_people:
        with subtests.test(found._meta.label):
            page = staff.get(reverse(f"admin:{found._meta.label_lower.replace('.', '_')}_change", args=[found.pk]))
            for page_text in ("Everything about this person", "Erase this person"):
                [address] = set(re.findall(rf'<a href="([^"]+)">{page_text}</a>', page.content.decode()))
                assert EMAIL.lower() in web_client.page_text(staff.get(address))
                assert "nora" not in address


@pytest.mark.slow
def test_organization_page_links_to_its_contacts(staff):
    create_nora_everywhere()
    contact = Contact.objects.get(organization__name="Port Gate")
    page = staff.get(f"/imagine/admin/partners/organization/{contact.organization_id}/change/").content.decode()
    assert f'href="/imagine/admin/partners/contact/{contact.pk}/change/' in page


def test_unverified_draft_links_to_the_person_who_started_it(staff):
    pledge = factories.signed_pledge("Port Gate", EMAIL, name=NAME)
    Pledge.objects.update(contact=None)
    page = f"/imagine/admin/partners/pledge/{pledge.pk}/change/"
    assert "about this person" not in staff.get(page).content.decode()
    for _time in range(2):
        PledgeRequest.objects.create(organization="Port Gate", name=NAME, email=EMAIL, pledge=pledge)
        assert "Everything about this person" in staff.get(page).content.decode()
    PledgeRequest.objects.create(organization="Port Gate", name="Ben", email="ben@example.org", pledge=pledge)
    assert "about this person" not in staff.get(page).content.decode()


def test_list_of_two_grades_is_not_shown_as_a_change():
    signed = {"promises": [{"name": "Host tours", "name_es": "Recibir visitas", "grades": ["TK–K", "7–8"]}]}
    assert in_words(signed) == "promises: \n– name: Host tours; grades: TK–K, 7–8"
    assert in_words({"name": ["Nora", ""]}, is_history=True) == "name: Nora → "


@pytest.mark.slow
def test_person_is_found_by_email_in_any_letter_case(staff):
    create_nora_everywhere()
    response = staff.post("/imagine/admin/privacy/erasure/find/", {"email": EMAIL.upper()})
    assert "nora" not in response["Location"].lower()
    assert NAME in web_client.page_text(staff.get(response["Location"]))
    unknown = staff.post("/imagine/admin/privacy/erasure/find/", {"email": "nobody@example.org"})
    assert "We don’t have anything about this address." in web_client.page_text(unknown)


@pytest.mark.slow
def test_person_who_is_only_mentioned_is_found_and_erased(staff):
    audit.log_change(factories.event(), {"venue": ""}, {"venue": f"ask {EMAIL}"})
    find = "/imagine/admin/privacy/erasure/find/"
    assert "ask Nora.Quill@example.org" in web_client.page_text(staff.post(find, {"email": EMAIL}))
    content = json.loads(staff.post(find, {"email": EMAIL, "step": "json"}).content)
    assert list(content["tables"]) == ["core.AuditEntry"]
    assert SecurityEvent.objects.get(kind=SecurityEventKind.EXPORTED).about == AuditEntry.objects.latest("pk")
    assert "What happens" in web_client.page_text(staff.post(find, {"email": EMAIL, "step": "plan"}))
    assert count_rows_with("nora")
    assert staff.post(find, {"email": EMAIL, "step": "erase"}).status_code == 302
    assert count_rows_with("nora") == {}


# Erase -----------------------------------------------------------------------------------------------------------


def test_erasure_plan_is_shown_first_and_changes_nothing(staff):
    create_nora_everywhere()
    rsvp = Rsvp.objects.get(event__title="Past")
    before = count_rows_with("nora")
    page = web_client.page_text(staff.get(f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/erase/"))
    for found in everything_about(find_nora()):
        assert str(found.table.fate) in page
    assert count_rows_with("nora") == before
    assert not Erasure.objects.exists()


@pytest.mark.slow
def test_erased_person_is_in_no_table(staff):
    create_nora_everywhere()
    rsvp = Rsvp.objects.get(event__title="Past")
    token = Pledge.objects.get().token
    response = staff.post(f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/erase/")
    assert response["Location"] == "/imagine/admin/privacy/erasure/"
    Rsvp.objects.filter(event__title__startswith="Other").delete()
    Message.objects.filter(recipient__contains=EMAIL.lower()).delete()
    assert not Rsvp.objects.exclude(organization=None).exists()
    Organization.objects.filter(name="Quill Inc.").delete()
    assert {word: count_rows_with(word) for word in WORDS} == {word: {} for word in WORDS}
    assert everything_about(Person(EMAIL.lower())) == []
    assert "Nora" not in web_client.page_text(staff.get(response["Location"]))
    page, wrong = Client().get(f"/imagine/promise/{token}/"), Client().get("/imagine/promise/cut-off")
    assert (page.status_code, page.content) == (wrong.status_code, wrong.content)
    assert page.status_code == 404
    assert Erasure.objects.get().erased_by == "staff"
    event = SecurityEvent.objects.get(kind=PrivacyEventKind.PERSON_ERASED)
    assert (event.user_name, event.facts) == ("staff", {"rows": sum(Erasure.objects.get().counts.values())})


@pytest.mark.slow
def test_erasing_keeps_seat_counts_promises_and_other_people():
    create_nora_everywhere()
    promises = list(Pledge.objects.get().promises.values_list("promise_type__code", "quantity"))
    erasing.erase(find_nora(), by="office")
    past = Rsvp.objects.get(event__title="Past")
    assert (past.held_seats, past.guests.count(), past.name) == (2, 2, "–")
    upcoming = Event.objects.get(title="Imagine Promise Summit")
    assert list(upcoming.rsvps.values_list("name", "held_seats")) == [("Waiting Walt", 2)]
    pledge = Pledge.objects.get()
    assert list(pledge.promises.values_list("promise_type__code", "quantity")) == promises
    assert (pledge.signed_by, pledge.signed_role, bool(pledge.signed_at)) == ("–", "", True)
    assert list(Signature.objects.values_list("signed_by", "signed_role")) == [("–", ""), ("–", "")]
    others = set(Rsvp.objects.filter(event__title__startswith="Other").values_list("email", flat=True))
    assert others == {f"an.{EMAIL.lower()}", f"{EMAIL.lower()}.mx"}
    other = Message.objects.get(idempotency_key="other")
    assert (other.subject, other.body_text) == ("About …", "Write to ….")
    assert ImportRow.objects.get().values["quantity"] == 3
    assert [model.objects.count() for model in (LinkRequest, DateAlert, ContactListUpload)] == [0, 0, 0]


def signed_versions() -> list[str]:
    return list(Signature.objects.order_by("number").values_list("signed_by", flat=True))


def sign_as(name: str, pledge: Pledge, quantity: int) -> None:
    data = factories.pledge_data(pledge.token, factories.promise_data("tours", quantity))
    pledge_editing.sign_pledge(pledge.token, **data, name=name, role="Owner")


@pytest.mark.slow
def test_erasing_keeps_a_colleagues_signature_made_by_the_shared_link():
    pledge = factories.signed_pledge("Port Gate", EMAIL, name=NAME)
    sign_as(NAME, pledge, 8)
    factories.contact(pledge.organization, "bo@example.org", name="Bo Lindqvist")
    sign_as("Bo  lindqvist", pledge, 9)
    hold("bo@example.org")
    erasing.erase(find_nora(), by="office")
    assert signed_versions()[1:] == ["–", "Bo  lindqvist"]
    assert Pledge.objects.get().signed_by == "Bo  lindqvist"
    assert Pledge.objects.get().signed_role == "Owner"


@pytest.mark.slow
def test_short_names_and_other_spellings_are_removed_from_signatures():
    pledge = factories.signed_pledge("Port Gate", "ana@example.org", name="Ana")
    for quantity, name in enumerate(("Anna Quill", "Ana"), start=8):
        sign_as(name, pledge, quantity)
    sign_as("A. Quill", pledge, 11)
    erasing.erase(Person("ana@example.org"), by="office")
    assert set(signed_versions()) == {"–"}
    assert Pledge.objects.get().signed_by == "–"


@pytest.mark.slow
def test_name_with_an_apostrophe_is_removed_from_html():
    name, email = "Pat O'Brien", "pat.o'brien@example.org"
    factories.person(name, email=email)
    Message.objects.create(
        idempotency_key="other",
        recipient="walt@example.org",
        subject="x",
        body_text=f"{name} <{email}>",
        body_html="<p>Pat O&#x27;Brien, pat.o&#x27;brien@example.org, Pat O'Brien</p>",
    )
    erasing.erase(Person(email), by="office")
    other = Message.objects.get(idempotency_key="other")
    assert (other.body_text, other.body_html) == ("… <…>", "<p>…, …, …</p>")


def test_erasing_deletes_an_unverified_draft_with_its_request():
    factories.pledge_year()
    data = factories.unsaved_pledge_request("Vic Works", "vic@example.org", source="rsvp:1")
    start = pledge_signup.open_pledge_request(data)
    pledge_editing.save_draft(
        start.browser_token, **factories.pledge_data(start.browser_token, factories.promise_data())
    )
    erasing.erase(Person("vic@example.org"), by="office")
    assert [model.objects.count() for model in (PledgeRequest, Pledge, Organization)] == [0, 0, 0]


@pytest.mark.slow
def test_erasing_twice_changes_nothing_more():
    create_nora_everywhere()
    erasing.erase(find_nora(), by="office")
    before = count_rows_with("e")
    erasing.erase_data(Person(EMAIL.lower()))
    assert count_rows_with("e") == before


@pytest.mark.slow
def test_erasing_someone_on_hold_is_refused_with_a_message(staff):
    create_nora_everywhere()
    hold(EMAIL.lower())
    rsvp = Rsvp.objects.get(event__title="Past")
    before = count_rows_with("nora")
    path = f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/erase/"
    page = staff.get(path)
    assert "on hold" in web_client.page_text(page)
    assert 'value="Erase this person"' not in page.content.decode()
    response = staff.post(path, follow=True)
    assert "This person is on hold, so we can’t delete anything about them" in web_client.page_text(response)
    after = count_rows_with("nora")
    assert {key: number for key, number in after.items() if "StaffSession" not in key} == {
        key: number for key, number in before.items() if "StaffSession" not in key
    }
    Hold.objects.update(ends_on=timezone.localdate() - timedelta(days=1))
    staff.post(path)
    assert not Rsvp.objects.filter(email=EMAIL).exists()


# Who may ---------------------------------------------------------------------------------------------------------


def staff_with(*codenames: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.slow
@pytest.mark.parametrize(
    ("permissions", "statuses"),
    [
        (("view_rsvp", "view_erasure"), (403, 403, 403, 403)),
        (("see_person",), (200, 200, 200, 403)),
        (("erase_person",), (403, 403, 403, 403)),
        (("see_person", "erase_person"), (200, 200, 200, 200)),
    ],
)
def test_seeing_and_erasing_a_person_require_separate_permissions(permissions, statuses):
    rsvp = factories.rsvp(factories.event())
    clerk, person = staff_with(*permissions), f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/"
    paths = ("/imagine/admin/privacy/erasure/find/", person, f"{person}json/", f"{person}erase/")
    assert tuple(clerk.get(path).status_code for path in paths) == statuses
    assert clerk.post(f"{person}erase/").status_code == (302 if statuses[3] == 200 else 403)
    assert Rsvp.objects.exists() is (statuses[3] != 200)


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    ["summit.rsvp/0", "summit.rsvp/x", "summit.rsvp/99999999999999999999", "mail.message/1", "auth.group/1", "x/1"],
)
def test_unknown_rows_are_not_found(staff, where):
    for end in ("", "json/", "erase/"):
        assert staff.get(f"/imagine/admin/privacy/erasure/person/{where}/{end}").status_code == 404


def test_anonymized_rsvp_belongs_to_no_person(staff):
    rsvp = factories.rsvp(factories.event())
    rsvp.anonymized_at = timezone.now()
    rsvp.save()
    assert staff.get(f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/").status_code == 404
    assert "about this person" not in staff.get(f"/imagine/admin/summit/rsvp/{rsvp.pk}/change/").content.decode()


def test_hold_can_be_added_and_extended_but_not_deleted(staff):
    listed = staff.get("/imagine/admin/privacy/hold/").content.decode()
    assert "<h1>Holds</h1>" in listed
    assert 'href="/imagine/admin/privacy/hold/add/' in listed
    fields = {"email": EMAIL, "reason": "Public records request 2027-014", "ends_on": "2030-01-31"}
    assert staff.post("/imagine/admin/privacy/hold/add/", fields).status_code == 302
    new_hold = Hold.objects.get()
    assert (new_hold.email, new_hold.created_by) == (EMAIL.lower(), "staff")
    page = f"/imagine/admin/privacy/hold/{new_hold.pk}/"
    assert staff.post(f"{page}change/", fields | {"ends_on": "2031-01-31"}).status_code == 302
    assert Hold.objects.get().ends_on.year == 2031
    assert staff.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    assert "nora" not in str(list(LogEntry.objects.values())).lower()


def test_names_that_are_too_short_are_not_searched():
    factories.person("Al", email="al@example.org")
    assert Person("al@example.org").names == []
    assert people.person_of(Contact.objects.get()) == Person("al@example.org")
    assert not AuditEntry.objects.filter(reason="x").exists()


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("Write to nora.quill@example.org.", True),
        ("<NORA.QUILL@example.org>", True),
        ("an.nora.quill@example.org", False),
        ("nora.quill@example.org.mx", False),
        ("Nora Quill.csv", True),
        ("2026_nora_quill_list.csv", True),
        ("Eleonora Quill", False),
        ("Nora Quillson", False),
    ],
)
def test_address_and_name_are_found_as_whole_words(text, is_found):
    """Both by Python, which removes them, and by PostgreSQL, which finds the rows."""
    factories.person(NAME, email=EMAIL)
    pattern = find_nora().mentioned(names=True)
    event = factories.event(title=text)
    assert bool(re.search(pattern, text, re.IGNORECASE)) is is_found
    assert Event.objects.filter(pk=event.pk, title__iregex=pattern).exists() is is_found


@pytest.mark.parametrize(
    "name", ["rsvp", *(pytest.param(name, marks=pytest.mark.slow) for name in ("contact", "organization", "pledge"))]
)
def test_staff_cannot_delete_records_of_someone_on_hold(staff, name):
    organization = factories.organization("Port Gate")
    contact = factories.contact(organization, EMAIL)
    rows = {
        "rsvp": ("summit/rsvp", factories.rsvp(factories.event(), NAME, email=EMAIL)),
        "contact": ("partners/contact", contact),
        "organization": ("partners/organization", organization),
        "pledge": ("partners/pledge", factories.draft_pledge("Other Inc.", EMAIL) if name == "pledge" else contact),
    }
    where, record = rows[name]
    hold(EMAIL.lower())
    page = f"/imagine/admin/{where}/{record.pk}/delete/"
    assert "nora.quill@example.org is on hold until" in web_client.page_text(staff.post(page, {"post": "yes"}))
    web_client.run_action(staff, f"/imagine/admin/{where}/", "delete_selected", [record])
    assert type(record).objects.filter(pk=record.pk).exists()
    Hold.objects.update(ends_on=timezone.localdate() - timedelta(days=1))
    assert staff.post(page, {"post": "yes"}).status_code == 302
    assert not type(record).objects.filter(pk=record.pk).exists()


def test_staff_cannot_delete_a_contact_on_hold_on_the_organizations_page(staff):
    organization = factories.organization("Port Gate")
    invitation = factories.invite(factories.event(), factories.contact(organization, EMAIL))
    new_hold = hold(EMAIL.lower())
    page = f"/imagine/admin/partners/organization/{organization.pk}/change/"
    data = web_client.form_fields(staff.get(page)) | {"contacts-0-DELETE": "on"}
    response_with_error = staff.post(page, data)
    assert "nora.quill@example.org is on hold until" in web_client.page_text(response_with_error)
    assert "Public records request" in web_client.page_text(response_with_error)
    assert organization.contacts.get().invitations.get() == invitation
    new_hold.delete()
    assert staff.post(page, data).status_code == 302
    assert not organization.contacts.exists()


def test_rules_delete_nothing_about_someone_on_hold():
    """Whatever page or command calls them."""
    pledge, audience = factories.signed_pledge("Port Gate", EMAIL), factories.audience()
    rsvp, run = factories.rsvp(factories.event(), email=EMAIL), imported_rows(as_csv(table([row(e_mail=EMAIL)])))
    contact_import.store_upload(audience, f"Email\n{EMAIL}".encode(), "list.csv")
    mark = ContactListUpload.objects.get().mark
    hold(EMAIL.lower())
    deletions = [
        lambda: seats.delete_rsvp(rsvp),
        lambda: contacts.delete_contact(pledge.contact),
        lambda: contacts.delete_organization(pledge.organization),
        lambda: pledge_editing.delete_pledge(pledge),
        lambda: workflow.discard_import(run),
        lambda: contact_import.discard_upload(audience, seen=mark),
        lambda: contact_import.store_upload(audience, b"Email\nwalt@example.org", "other.csv"),
    ]
    before = count_rows_with("nora.quill")
    for delete in deletions:
        with pytest.raises(DeletionRefused, match="on hold until"):
            delete()
    assert count_rows_with("nora.quill") == before


def test_pledge_is_kept_for_a_requester_on_hold(staff):
    pledge = factories.draft_pledge("Port Gate", "walt@example.org")
    PledgeRequest.objects.create(organization="Port Gate", name=NAME, email=EMAIL, pledge=pledge)
    hold(EMAIL.lower())
    staff.post(f"/imagine/admin/partners/pledge/{pledge.pk}/delete/", {"post": "yes"})
    assert PledgeRequest.objects.exists()


def test_audience_is_kept_while_its_uploaded_list_names_someone_on_hold(staff):
    audience = factories.audience()
    contact_import.store_upload(audience, f"Email\n{EMAIL}".encode(), "list.csv")
    new_hold = hold(EMAIL.lower())
    page = f"/imagine/admin/summit/audience/{audience.pk}/delete/"
    assert "is on hold until" in web_client.page_text(staff.post(page, {"post": "yes"}))
    web_client.run_action(staff, "/imagine/admin/summit/audience/", "delete_selected", [audience])
    assert ContactListUpload.objects.exists()
    new_hold.delete()
    staff.post(page, {"post": "yes"})
    assert not ContactListUpload.objects.exists()


def test_uploaded_list_that_names_someone_on_hold_is_not_replaced(staff):
    audience = factories.audience()
    contact_import.store_upload(audience, f"Email\n{EMAIL}".encode(), "list.csv")
    new_hold = hold(EMAIL.lower())
    page = f"/imagine/admin/summit/audience/{audience.pk}/list/"

    def upload_another():
        file = SimpleUploadedFile("other.csv", b"Email\nwalt@example.org")
        return web_client.page_text(staff.post(page, {"file": file}, follow=True))

    assert "is on hold until" in upload_another()
    assert ContactListUpload.objects.get().file_name == "list.csv"
    new_hold.delete()
    assert "is on hold until" not in upload_another()
    assert ContactListUpload.objects.get().file_name == "other.csv"


def test_staff_account_of_someone_on_hold_is_not_deleted(staff):
    clerk = User.objects.create_user("clerk", email=EMAIL, is_staff=True)
    new_hold = hold(EMAIL.lower())
    page = f"/imagine/admin/auth/user/{clerk.pk}/delete/"
    assert "is on hold until" in web_client.page_text(staff.post(page, {"post": "yes"}))
    assert User.objects.filter(pk=clerk.pk).exists()
    new_hold.delete()
    staff.post(page, {"post": "yes"})
    assert not User.objects.filter(pk=clerk.pk).exists()


def imported_rows(content: bytes) -> Import:
    workflow.start_import(content, file_name="a.csv", year=factories.pledge_year(), by="anna", language="en")
    return Import.objects.get()


def test_undoing_an_import_keeps_people_on_hold():
    run = imported_rows(as_csv(table([row(e_mail=EMAIL), row(organization="Beta", e_mail="b@b.example")])))
    workflow.confirm_import(run)
    organization = Contact.objects.get(email__iexact=EMAIL).organization
    hold(EMAIL.lower())
    run.refresh_from_db()
    workflow.undo_import(run)
    run.refresh_from_db()
    reason = "a person has a hold"
    assert run.not_undone == [
        [f"Pledge by {organization}", reason],
        [f"Contact at {organization}", reason],
        [str(organization), reason],
    ]
    assert list(Organization.objects.all()) == [organization]


def test_discarding_an_upload_with_someone_on_hold_is_refused(staff):
    run = imported_rows(as_csv(table([row(e_mail=EMAIL)])))
    audience = factories.audience()
    contact_import.store_upload(audience, f"Email\n{EMAIL}".encode(), "list.csv")
    new_hold = hold(EMAIL.lower())
    pages = {
        f"/imagine/admin/partners/import/{run.pk}/change/": {"discard": "1"},
        f"/imagine/admin/summit/audience/{audience.pk}/list/": {
            "drop": "1",
            "seen": ContactListUpload.objects.get().mark,
        },
    }
    for page, fields in pages.items():
        assert "is on hold until" in web_client.page_text(staff.post(page, fields, follow=True))
    assert (ImportRow.objects.count(), ContactListUpload.objects.count()) == (1, 1)
    new_hold.delete()
    for page, fields in pages.items():
        staff.post(page, fields)
    assert (ImportRow.objects.count(), ContactListUpload.objects.count()) == (0, 0)


def test_erasing_is_refused_if_an_uploaded_list_has_someone_on_hold():
    contact_import.store_upload(factories.audience(), f"Email\n{EMAIL}\nwalt@example.org".encode(), "list.csv")
    new_hold = hold("walt@example.org")
    with pytest.raises(erasing.PersonOnHold, match="uploaded list"):
        erasing.erase(find_nora(), by="office")
    assert ContactListUpload.objects.exists()
    new_hold.delete()
    erasing.erase(find_nora(), by="office")
    assert not ContactListUpload.objects.exists()
