"""Audiences in the admin, and contact lists uploaded for them."""

import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import Workbook

from imagine.mail import preferences
from partners.models import Contact, Organization, PromiseType
from summit.invitations import contact_import
from summit.models import Audience, ContactListUpload, Event
from tests import factories, snapshots, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/summit/audience/"
IGNORED_TABLES = ("accounts.StaffSession",)
VALID_LIST = (
    "E-mail,Name,Organization,Language\nalma@example.org,Alma Reyes,Port Gate Logistics,es\nben@example.org,Ben,,\n"
)
LIST_WITH_ERRORS = f"{VALID_LIST}broken@,Chue,,\nALMA@example.org,,,\nno@example.org,Dee,,\n"


def change_url(audience: Audience) -> str:
    return f"{LIST}{audience.pk}/change/"


def upload_url(audience: Audience) -> str:
    return f"{LIST}{audience.pk}/list/"


def change(staff: Client, audience: Audience, **typed):
    return staff.post(change_url(audience), web_client.form_fields(staff.get(change_url(audience))) | typed)


def add(staff: Client, **typed):
    return staff.post(f"{LIST}add/", web_client.form_fields(staff.get(f"{LIST}add/")) | {"name": "Mentors"} | typed)


def upload(staff: Client, audience: Audience, content: str | bytes, name: str = "list.csv", **more):
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    file.name = name
    return staff.post(upload_url(audience), {"file": file} | more, follow=True)


def review(audience: Audience) -> dict[str, str]:
    """Return what the page for reviewing an upload shows."""
    sent = ContactListUpload.objects.filter(pk=audience.pk).first()
    return {"seen": sent.mark} if sent else {}


def people(audience: Audience) -> list[str]:
    return sorted(audience.uploaded_contacts.values_list("email", flat=True))


# Put together ----------------------------------------------------------------------------------------------------


def test_audience_criteria_are_saved_and_changed(staff):
    year, school, event = factories.pledge_year(), factories.school(), factories.event()
    kind = PromiseType.objects.get(code="mentors")
    errors = {
        "pledge_year": str(year.pk),
        "include_drafts": "on",
        "promise_types": [str(kind.pk)],
        "schools": [str(school.pk)],
        "sectors": ["labor", "faith"],
        "contact_scope": "all",
        "attended_event": str(event.pk),
        "attendance": ["came", "no_show"],
    }
    assert add(staff, **errors).status_code == 302
    audience = Audience.objects.get()
    assert (audience.name, audience.pledge_year, audience.include_drafts, audience.contact_scope) == (
        "Mentors",
        year,
        True,
        "all",
    )
    assert (list(audience.promise_types.all()), list(audience.schools.all())) == ([kind], [school])
    assert (audience.sectors, audience.attended_event, audience.attendance) == (
        ["labor", "faith"],
        event,
        ["came", "no_show"],
    )
    repeated = web_client.form_fields(staff.get(change_url(audience)))
    assert {name: repeated[name] for name in ("sectors", "attendance", "contact_scope")} == {
        "sectors": ["labor", "faith"],
        "attendance": ["came", "no_show"],
        "contact_scope": "all",
    }
    assert change(staff, audience, sectors=[]).status_code == 302
    audience.refresh_from_db()
    assert (audience.sectors, audience.attendance) == ([], ["came", "no_show"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "Taken"}, "Another audience has this name. Enter a different name."),
        ({"attendance": ["came"]}, "Choose an event."),
        ({"include_drafts": "on"}, "Choose a school year."),
        ({"sectors": ["~"]}, "~ is not one of the available choices."),
        ({"promise_types": ["999999"]}, "999999 is not one of the available choices."),
        ({"contact_scope": "~"}, "~ is not one of the available choices."),
    ],
)
def test_invalid_audience_shows_error_and_is_not_saved(staff, typed, errors):
    factories.audience(name="Taken")
    page = add(staff, **typed)
    assert page.status_code == 200
    assert errors in web_client.page_text(page)
    assert Audience.objects.count() == 1


def test_saving_audience_keeps_the_event_it_was_opened_from(staff):
    event = factories.event()
    page = staff.get(f"{LIST}add/?event={event.pk}")
    assert f"An audience to invite to {event}." in web_client.page_text(page)
    typed = web_client.form_fields(page) | {"name": "Mentors"}
    response = staff.post(f"{LIST}add/", typed | {"_invite": "1"})
    audience = Audience.objects.get()
    assert response["Location"] == f"/imagine/admin/summit/event/{event.pk}/invite/{audience.pk}/"
    repeated = web_client.form_fields(staff.get(f"{change_url(audience)}?event={event.pk}"))
    response = staff.post(change_url(audience), repeated | {"_list": "1"})
    assert response["Location"] == f"{upload_url(audience)}?event={event.pk}"


@pytest.mark.slow
@pytest.mark.parametrize("event", ["", "~", "-1", "999999", "9" * 40])
def test_audience_is_saved_despite_invalid_event_parameter(staff, event):
    typed = web_client.form_fields(staff.get(f"{LIST}add/?event={event}")) | {
        "name": "Mentors",
        "event": event,
        "_invite": "1",
    }
    assert staff.post(f"{LIST}add/", typed).status_code == 302
    assert Audience.objects.count() == 1


@pytest.mark.slow
def test_audience_list_describes_criteria_with_constant_query_count(staff, django_assert_num_queries):
    year, school = factories.pledge_year(), factories.school()
    for _number in range(3):
        factories.audience(pledge_year=year, schools=[school], uploaded_contacts=[factories.person("Alma")])
    assert "with a signed pledge for 2027–28" in web_client.page_text(staff.get(LIST))
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
    for _number in range(27):
        factories.audience(pledge_year=year, schools=[school])
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)


def test_uploaded_contacts_can_be_removed_and_audience_deleted(staff):
    audience = factories.audience(uploaded_contacts=[factories.person("Alma"), factories.person("Ben")])
    assert "2 people." in web_client.page_text(staff.get(change_url(audience)))
    assert change(staff, audience, no_list="on").status_code == 302
    assert (people(audience), Contact.objects.count()) == ([], 2)
    assert "Take the list out" not in web_client.page_text(staff.get(change_url(audience)))
    assert staff.post(f"{LIST}{audience.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Audience.objects.exists()


# From a list -----------------------------------------------------------------------------------------------------


def test_uploaded_list_is_checked_before_contacts_are_added(staff):
    audience = factories.audience()
    Contact.objects.create(name="Ben", email="Ben@example.org")
    page = upload(staff, audience, VALID_LIST)
    text = web_client.page_text(page)
    assert "Check of list.csv Existing contacts 1 New people 1" in text
    assert "No one has been added or emailed yet." in text
    assert (people(audience), Contact.objects.count()) == ([], 1)
    page = staff.post(upload_url(audience), review(audience) | {"put_in": "1"}, follow=True)
    assert "List added: 2 people." in web_client.page_text(page)
    assert people(audience) == ["Ben@example.org", "alma@example.org"]
    assert Contact.objects.get(name="Alma Reyes").organization == Organization.objects.get()
    assert not ContactListUpload.objects.exists()
    page = staff.post(upload_url(audience), review(audience) | {"put_in": "1"}, follow=True)
    assert "This list was already added or discarded. Nothing has changed." in web_client.page_text(page)


@pytest.mark.slow
@pytest.mark.parametrize("button", ["put_in", "drop"])
def test_stale_upload_page_neither_adds_nor_drops_a_newer_list(staff, button):
    """Someone else uploaded another list for the same audience in the meantime."""
    audience = factories.audience()
    form = web_client.form_fields(upload(staff, audience, VALID_LIST))
    upload(staff, audience, "E-mail\nchue@example.org\n", name="other.csv")
    page = web_client.page_text(staff.post(upload_url(audience), form | {button: "1"}, follow=True))
    assert "Someone else uploaded another list in the meantime. Nothing has changed. Review this list first." in page
    assert "Check of other.csv" in page
    assert (people(audience), Contact.objects.count(), ContactListUpload.objects.count()) == ([], 0, 1)
    staff.post(upload_url(audience), web_client.form_fields(staff.get(upload_url(audience))) | {button: "1"})
    assert people(audience) == (["chue@example.org"] if button == "put_in" else [])
    assert not ContactListUpload.objects.exists()


def test_bad_rows_are_listed_and_skipped_only_on_confirmation(staff):
    audience = factories.audience()
    preferences.set_topics(preferences.get_preference("no@example.org"), invitations=False)
    text = web_client.page_text(upload(staff, audience, LIST_WITH_ERRORS))
    assert "New people 2 Rows with errors 1 Listed twice 1 Unsubscribed or bouncing 1" in text
    assert "4 broken@ “broken@” isn’t a valid email address. Use one like name@example.org." in text
    assert "5 ALMA@example.org Same address as row 2." in text
    assert "6 no@example.org Unsubscribed or bouncing" in text
    page = staff.post(upload_url(audience), review(audience) | {"put_in": "1"}, follow=True)
    assert (
        "Check the box to skip the rows with errors, or correct the file and upload it again."
        in web_client.page_text(page)
    )
    assert not people(audience)
    staff.post(upload_url(audience), review(audience) | {"put_in": "1", "leave": "1"})
    assert people(audience) == ["alma@example.org", "ben@example.org"]


def test_list_with_no_one_to_add_has_no_button(staff):
    audience = factories.audience()
    preferences.suppress("no@example.org", "550 no")
    page = upload(staff, audience, "E-mail\nno@example.org\n")
    assert "No one in this list can be added." in web_client.page_text(page)
    assert 'name="put_in"' not in page.content.decode()
    page = staff.post(upload_url(audience), review(audience) | {"put_in": "1"}, follow=True)
    assert "No one in this list can be added." in web_client.page_text(page)


def test_empty_file_is_refused_with_an_error(staff):
    page = upload(staff, factories.audience(), b"")
    assert (page.status_code, ContactListUpload.objects.exists()) == (422, False)
    assert "The submitted file is empty." in web_client.page_text(page)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Name\nAlma\n", "This file has no “Email” column."),
        (b"%PDF-1.7", "This is a PDF. Open it in Excel or Google Sheets"),
        (b'E-mail\n"alma@example.org\n', "Make sure that each quotation mark in it has a match"),
    ],
)
def test_unreadable_file_is_refused_with_a_reason_and_nothing_of_the_list_before(staff, content, reason):
    """Case list-refused-after-another."""
    audience = factories.audience()
    upload(staff, audience, VALID_LIST, "first.csv")
    page = upload(staff, audience, content, "second.csv")
    text = web_client.page_text(page)
    assert (reason in text, "second.csv" in text, "first.csv" in text) == (True, True, False)
    assert text.index(reason) < text.index("Upload a different list")
    assert 'name="put_in"' not in page.content.decode()
    page = staff.post(upload_url(audience), {"put_in": "1", "seen": audience.upload.mark}, follow=True)
    assert "This list was already added or discarded." in web_client.page_text(page)
    assert not people(audience)


def test_file_that_is_too_large_is_refused(staff):
    audience = factories.audience()
    page = upload(staff, audience, b"E-mail\n" + b"a" * (10 * 2**20))
    assert page.status_code == 422
    assert "This file is 11 MB, and the limit is 10 MB." in web_client.page_text(page)


def test_upload_without_a_file_is_refused(staff):
    audience = factories.audience()
    assert staff.post(upload_url(audience)).status_code == 422


def test_second_upload_replaces_the_first_and_can_be_dropped(staff):
    audience = factories.audience()
    upload(staff, audience, VALID_LIST, "first.csv")
    text = web_client.page_text(upload(staff, audience, LIST_WITH_ERRORS, "second.csv"))
    assert ("first.csv" not in text, "second.csv" in text) == (True, True)
    for _twice in range(2):
        page = staff.post(upload_url(audience), review(audience) | {"drop": "1"}, follow=True)
        assert "List discarded. No one was added." in web_client.page_text(page)
    assert not ContactListUpload.objects.exists()
    assert not people(audience)


def test_adding_contacts_redirects_to_the_invite_page_of_the_event(staff):
    audience, event = factories.audience(), factories.event()
    page = upload(staff, audience, VALID_LIST, event=event.pk)
    assert f'name="event" value="{event.pk}"' in page.content.decode()
    response = staff.post(upload_url(audience), review(audience) | {"put_in": "1", "event": event.pk})
    assert response["Location"] == f"/imagine/admin/summit/event/{event.pk}/invite/{audience.pk}/"


@pytest.mark.slow
def test_long_list_is_paged_with_constant_query_count(staff, django_assert_num_queries):
    def sent(number: int) -> Audience:
        audience = factories.audience()
        rows = "".join(f"a{n}@example.org,A {n}\n" for n in range(number))
        contact_import.store_upload(audience, f"E-mail,Name\n{rows}".encode(), "list.csv")
        return audience

    few, many = sent(3), sent(3000)
    with CaptureQueriesContext(connection) as queries:
        staff.get(upload_url(few))
    with django_assert_num_queries(len(queries)):
        page = staff.get(f"{upload_url(many)}?page=120")
    assert "Page 120 of 120" in web_client.page_text(page)
    assert "a2999@example.org" in web_client.page_text(page)


def test_upload_older_than_a_day_is_discarded():
    old, new = factories.audience(), factories.audience()
    for audience in (old, new):
        contact_import.store_upload(audience, VALID_LIST.encode(), "list.csv")
    ContactListUpload.objects.filter(pk=old.pk).update(uploaded_at=timezone.now() - timedelta(hours=25))
    contact_import.discard_stale_uploads()
    assert ContactListUpload.objects.get().audience == new


def test_columns_sheet_and_hidden_rows_are_chosen_by_hand_and_remembered(staff):
    """Case list-contacts-programs: staff say which column it is."""
    workbook = Workbook()
    workbook.active.title = "Old"
    for name, rows in (("Old", 1), ("New", 3)):
        sheet = workbook["Old"] if name == "Old" else workbook.create_sheet(name)
        sheet.append(["Who", "Correspondence"])
        for number in range(rows):
            sheet.append([f"{name} {number}", f"{name.lower()}{number}@example.org"])
    workbook["New"].row_dimensions[3].hidden = True
    workbook.save(file := io.BytesIO())
    audience = factories.audience()
    page = upload(staff, audience, file.getvalue(), "people.xlsx")
    assert "This file has no “Email” column. Its headings are: Who, Correspondence." in web_client.page_text(page)
    chosen = {"column-0": "name", "column-1": "email", "sheet": "New", "with_hidden": "1", "choose": "1"}
    page = staff.post(upload_url(audience), web_client.form_fields(page) | chosen, follow=True)
    text = web_client.page_text(page)
    assert ("New people 3" in text, "Old 0" in text) == (True, False)
    other = factories.audience()
    assert "New people 1" in web_client.page_text(upload(staff, other, file.getvalue(), "again.xlsx"))


def test_choosing_columns_of_a_list_that_someone_else_replaced_is_refused(staff, sent):
    seen = review(sent)["seen"]
    contact_import.store_upload(sent, VALID_LIST.encode(), "other.csv")
    page = staff.post(upload_url(sent), {"seen": seen, "column-0": "", "choose": "1"}, follow=True)
    assert "Someone else uploaded another list in the meantime." in web_client.page_text(page)


def test_template_can_be_filled_in_and_uploaded(staff):
    template = b"".join(staff.get(f"{LIST}list-template/").streaming_content)
    page = upload(staff, factories.audience(), template, "people-template.xlsx")
    assert "New people 1" in web_client.page_text(page)


# Who may what ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(db) -> Audience:
    audience = factories.audience()
    contact_import.store_upload(audience, VALID_LIST.encode(), "list.csv")
    return audience


@pytest.mark.slow
def test_view_only_staff_cannot_change_an_audience(sent):
    client = staff_client("view_audience")
    for address in (LIST, change_url(sent), upload_url(sent)):
        page = client.get(address)
        assert page.status_code == 200
        assert 'name="put_in"' not in page.content.decode()
        assert 'type="file"' not in page.content.decode()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for button in ({"put_in": "1"}, {"drop": "1"}, {}):
        assert client.post(upload_url(sent), button).status_code == 403
    assert client.post(change_url(sent), {"name": "Mine"}).status_code == 403
    assert client.post(f"{LIST}add/", {"name": "Mine"}).status_code == 403
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_audience_pages_require_view_permission(sent):
    client = staff_client("view_event", "view_rsvp", "change_rsvp", "view_invitation")
    for address in (LIST, change_url(sent), upload_url(sent)):
        assert client.get(address).status_code == 403
        assert Client().get(address).status_code == 302
        assert Client().post(address, {"put_in": "1"}).status_code == 302


def test_get_and_head_requests_change_nothing(staff, sent):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for address in (change_url(sent), upload_url(sent)):
        for method in (staff.get, staff.head):
            assert method(address, {"put_in": "1", "drop": "1"}).status_code == 200
    for method in (staff.put, staff.delete, staff.patch):
        assert method(upload_url(sent)).status_code == 405
    assert staff.get(f"{LIST}999999/list/").status_code == 404
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_event_used_by_an_audience_cannot_be_deleted(staff):
    """The database protects an event that an audience refers to."""
    event = factories.event()
    factories.audience(attended_event=event)
    staff.post(f"/imagine/admin/summit/event/{event.pk}/delete/", {"post": "yes"})
    assert Event.objects.filter(pk=event.pk).exists()
