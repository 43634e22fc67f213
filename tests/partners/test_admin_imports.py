"""Importing spreadsheets in the admin: uploading, reviewing, importing and undoing."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.core.formatting import short_date
from imagine.core.spreadsheets.reader import MAX_BYTES
from partners.admin import imports as admin_imports
from partners.imports import workflow as import_workflow
from partners.models import Import, Organization, Pledge, PledgeYear, Promise
from tests import factories, snapshots, web_client
from tests.partners.import_files import HEADER, as_csv, as_xlsx, messy_table, row, table
from tests.summit.test_admin_actions import shown_messages
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/partners/import/"
GATE = "Port Gate Logistics"


@pytest.fixture(autouse=True)
def year(db):
    return factories.pledge_year()


def change_url(run: Import) -> str:
    return f"{LIST}{run.pk}/change/"


def send(staff, content: bytes, name: str = "list.csv", **fields):
    file = SimpleUploadedFile(name, content)
    return staff.post(f"{LIST}add/", {"file": file, "year": PledgeYear.objects.get().pk} | fields, follow=True)


def checked_import(staff, *rows: dict) -> Import:
    """Upload a file and check it."""
    send(staff, as_csv(table(list(rows))))
    return Import.objects.latest("pk")


def press_button(staff, run: Import, button: str, query: str = "", **fields):
    return staff.post(change_url(run) + query, {button: "1"} | fields, follow=True)


# Sent ------------------------------------------------------------------------------------------------------------


def test_import_from_uploaded_file_to_saved_pledges(staff):
    response = send(staff, as_xlsx(table([row(), row(kind="mentors", quantity="12")])), "Partners 2026.xlsx")
    run = Import.objects.get()
    assert (response.redirect_chain[-1][0], run.state, run.created_by) == (change_url(run), "checked", "staff")
    page = web_client.page_text(response)
    for expected in (
        "Import of Partners 2026.xlsx",
        f"Uploaded by staff on {short_date(timezone.localdate())}, for 2027–28.",
        "2 rows.",
        "rows without errors 2 rows with errors 0 new organizations 1 existing organizations 0 need your answer 0",
        "Excel file, sheet “Partners”",
        "Import 2 rows",
    ):
        assert expected in page, expected
    assert ["Organization", "organization"] in run.format["columns"]
    assert not Organization.objects.exists()
    response = press_button(staff, run, "confirm")
    assert shown_messages(response) == ["Import finished."]
    assert "organizations added 1 contacts added 1 pledges added 1 promises added 2" in web_client.page_text(response)
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 6, "mentors": 12}


def test_upload_page_lists_the_columns_that_are_read(staff):
    page = web_client.page_text(staff.get(f"{LIST}add/"))
    assert "Required: organization, promise type, quantity." in page
    assert "Optional: school year, sector, contact" in page
    PledgeYear.objects.all().delete()
    page = web_client.page_text(staff.get(f"{LIST}add/"))
    assert "Promises belong to a school year, and there isn’t one yet. Add a school year" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"", "list.csv", "The submitted file is empty."),
        (b"x" * (MAX_BYTES + 1), "list.csv", "This file is 11 MB, and the limit is 10 MB."),
    ],
)
def test_empty_or_oversized_file_is_refused(staff, content, name, expected):
    response = send(staff, content, name)
    assert response.status_code == 422
    assert expected in web_client.page_text(response)
    assert not Import.objects.exists()


def test_file_and_year_are_required(staff):
    response = staff.post(f"{LIST}add/", {"year": 1999})
    assert list(response.context["form"].errors) == ["file", "year"]
    assert "Error:" in response.content.decode().partition("</title>")[0]


def test_oversized_request_body_is_refused(staff):
    response = staff.post(f"{LIST}add/", {"year": 2027}, CONTENT_LENGTH=str(100 * 2**20))
    assert response.status_code == 413


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"MZ\x90\0" + b"\0" * 999, "partners.xlsx", "This isn’t a spreadsheet we can read."),
        (as_xlsx(table([row()]))[:500], "partners.xlsx", "This file is damaged, or isn’t really an Excel"),
        (as_csv([["Organization", "Kind"], ["A", "tours"]]), "x.csv", "This file is missing these columns: quantity."),
        (as_csv([HEADER]), "x.csv", "This file has headings, but no rows below them."),
    ],
)
def test_unreadable_file_shows_the_reason_on_its_page(staff, content, name, expected):
    page = web_client.page_text(send(staff, content, name))
    assert "Rejected" in page
    assert expected in page
    assert "Upload another file" in page


@pytest.mark.slow
def test_file_with_a_hundred_thousand_rows_is_rejected(staff):
    content = as_csv([["Organization", "Kind", "Quantity"], *[[f"P{n}", "tours", "1"] for n in range(100_000)]])
    send(staff, content)
    run = Import.objects.get()
    import_workflow.run_steps(run.pk)
    assert "This file has more than 20,000 rows. Split it into smaller files." in web_client.page_text(
        staff.get(change_url(run))
    )


# Looked through --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_bad_rows_are_shown_and_skipped_only_when_confirmed(staff):
    run = checked_import(staff, row(), row(organization="Zeta <b>Freight</b>", quantity="many", e_mail="z@"))
    response = staff.get(change_url(run))
    page, html = web_client.page_text(response), web_client.page_html(response)
    assert "rows with errors 1" in page
    assert (
        "3 Zeta <b>Freight</b> “z@” isn’t a valid email address. Use one like name@example.org. "
        "“many” isn’t a valid quantity. Use a whole number from 1 to 100,000."
    ) in page
    assert '<input type="checkbox" name="skip_errors" value="1" required>' in html
    error_messages = ["Some rows have errors. Fix them in the file and upload it again, or check the box to skip them."]
    assert shown_messages(press_button(staff, run, "confirm")) == error_messages
    assert Organization.objects.count() == 0
    press_button(staff, run, "confirm", skip_errors="1")
    assert snapshots.organizations() == [GATE]


def test_import_with_only_bad_rows_cannot_be_confirmed(staff):
    run = checked_import(staff, row(quantity="many"))
    page = web_client.page_text(staff.get(change_url(run)))
    assert "Discard import" in page
    assert "Import 0 rows" not in page


def test_answer_about_a_possible_duplicate_is_saved_and_used(staff):
    existing = factories.organization("Port Gate Logistic Group")
    run = checked_import(staff, row())
    [imported] = run.organizations.all()
    page = web_client.page_text(staff.get(change_url(run)))
    assert "need your answer 1" in page
    assert "Port Gate Logistics row 2 Same as Port Gate Logistic Group similar name New organization" in page
    assert web_client.form_fields(staff.get(change_url(run)))[f"organization-{imported.pk}"] == "new"
    response = press_button(staff, run, "answer", query="?errors=1", **{f"organization-{imported.pk}": existing.pk})
    assert shown_messages(response) == ["1 answer saved."]
    assert response.redirect_chain[-1][0] == f"{change_url(run)}?errors=1"
    assert web_client.form_fields(response)[f"organization-{imported.pk}"] == str(existing.pk)
    press_button(staff, run, "confirm")
    assert snapshots.organizations() == ["Port Gate Logistic Group"]


@pytest.mark.slow
def test_possible_duplicate_in_the_file_is_shown_and_answered(staff):
    factories.pledge_year()
    run = checked_import(
        staff, row(), row(organization="Port Gate Logistic", e_mail="ben@portgate.example", kind="mentors")
    )
    [imported] = run.organizations.filter(needs_review=True)
    expected_text = (
        "Port Gate Logistic row 3 Same as Port Gate Logistics in row 2 similar name, same email domain New organization"
    )
    assert expected_text in web_client.page_text(staff.get(change_url(run)))
    assert web_client.form_fields(staff.get(change_url(run)))[f"organization-{imported.pk}"] == "new"
    response = press_button(staff, run, "answer", **{f"organization-{imported.pk}": "line-2"})
    assert web_client.form_fields(response)[f"organization-{imported.pk}"] == "line-2"
    assert "new organizations 1 existing organizations 0 listed twice 1 need your answer 1" in web_client.page_text(
        response
    )
    press_button(staff, run, "confirm")
    assert Organization.objects.get().name == "Port Gate Logistics"


@pytest.mark.slow
@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 50, "²"])
def test_invalid_answer_is_ignored(staff, value):
    factories.organization("Port Gate Logistic Group")
    run = checked_import(staff, row())
    imported = run.organizations.get()
    press_button(
        staff, run, "answer", **{f"organization-{imported.pk}": value, "organization-x": "new", "organization-²": "new"}
    )
    imported.refresh_from_db()
    assert imported.is_new


def test_organizations_that_already_have_a_pledge_are_counted(staff):
    factories.signed_pledge(GATE)
    run = checked_import(staff, row())
    page = web_client.page_text(staff.get(change_url(run)))
    assert (
        "1 organization already has a pledge for 2027–28. That pledge stays as it is, and the organization’s promises "
        "in this file are skipped."
    ) in page
    page = web_client.page_text(press_button(staff, run, "confirm"))
    assert (
        "Promises of 1 organization were skipped: it already had a pledge for 2027–28, or the file lists a promise "
        "type for it twice. Port Gate" in page
    )


def test_discarded_import_writes_nothing(staff):
    run = checked_import(staff, row())
    response = press_button(staff, run, "discard")
    assert shown_messages(response) == ["Import discarded. Nothing was imported."]
    assert "Discarded Nothing was imported." in web_client.page_text(response)
    error_messages = ["This import’s status changed to “Discarded” in the meantime. Nothing was done."]
    assert shown_messages(press_button(staff, run, "confirm")) == error_messages
    assert not Organization.objects.exists()


@pytest.mark.slow
def test_lists_are_paged_with_the_same_number_of_queries_for_2_and_31(staff, monkeypatch):
    monkeypatch.setattr(admin_imports, "ERRORS_PER_PAGE", 30)
    counts = []
    for many in (2, 31):
        for number in range(many):
            factories.organization(f"Delta {number} Growers Group")
        rows = [row(organization=f"Delta {number} Growers Grupo") for number in range(many)]
        invalid_rows = [row(organization=f"Bad {number}", quantity="0") for number in range(many)]
        run = checked_import(staff, *rows, *invalid_rows)
        with CaptureQueriesContext(connection) as queries:
            page = staff.get(change_url(run))
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert (len(page.context["questions"]), len(page.context["error_page"])) == (25, 30)
    assert 'href="?q=2"' in page.content.decode()
    page = staff.get(f"{change_url(run)}?q=2&errors=2")
    assert (len(page.context["questions"]), len(page.context["error_page"])) == (6, 1)
    assert 'href="?q=1&amp;errors=2"' in page.content.decode()
    assert staff.get(f"{change_url(run)}?q=x&errors=999").context["error_page"].number == 2


# At work, done, undone -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_large_import_shows_its_progress(staff, monkeypatch):
    monkeypatch.setattr(import_workflow, "SMALL_BATCH", 0)
    monkeypatch.setattr(import_workflow.writing, "BATCH_SIZE", 2)
    run = checked_import(staff, *[row(organization=f"Partner {number}") for number in range(5)])
    response = press_button(staff, run, "confirm")
    assert shown_messages(response) == ["Import started. You can leave this page while it runs."]
    assert "Importing 0 of 5" in web_client.page_text(response)
    import_workflow.run_step(run.pk)
    page = staff.get(change_url(run))
    text = web_client.page_text(page)
    assert "2 of 5 done This is running in the background. You can leave this page. Refresh" in text
    assert '<progress id="bar" max="5" value="2">' in page.content.decode()
    assert "js/progress.js" in page.content.decode()
    import_workflow.run_steps(run.pk)
    assert "js/progress.js" not in staff.get(change_url(run)).content.decode()


def test_failed_import_shows_the_error_and_can_be_retried(staff, monkeypatch):
    run = checked_import(staff, row())
    monkeypatch.setattr(import_workflow.writing, "create_pledges", lambda *_all: 1 / 0)
    press_button(staff, run, "confirm")
    Import.objects.update(attempts=import_workflow.MAX_ATTEMPTS)
    text = web_client.page_text(staff.get(change_url(run)))
    assert "This stopped because of an error. What’s done is kept, and trying again won’t repeat it." in text
    monkeypatch.undo()
    assert shown_messages(press_button(staff, run, "retry")) == ["Trying again. You can leave this page."]
    import_workflow.run_steps(run.pk)
    assert (Import.objects.get().state, Pledge.objects.count()) == ("done", 1)


def test_undoing_an_import_lists_what_stays(staff):
    run = checked_import(staff, row(), row(organization="Zeta Freight", e_mail="z@zeta.example"))
    press_button(staff, run, "confirm")
    zeta = Organization.objects.get(name="Zeta Freight")
    zeta.description = "Moves freight."
    zeta.save()
    assert shown_messages(press_button(staff, run, "undo")) == ["To undo this import, check the box first."]
    response = press_button(staff, run, "undo", confirmed="1")
    assert shown_messages(response) == ["Import undone."]
    assert (
        "5 records that this import added were deleted. 1 was kept: Zeta Freight: changed since the import"
        in web_client.page_text(response)
    )
    assert (snapshots.organizations(), Promise.objects.count()) == (["Zeta Freight"], 0)


@pytest.mark.slow
def test_only_the_last_import_can_be_undone(staff):
    first = checked_import(staff, row())
    press_button(staff, first, "confirm")
    second = checked_import(staff, row(organization="Zeta Freight"))
    press_button(staff, second, "confirm")
    assert "Undo import" not in web_client.page_text(staff.get(change_url(first)))
    assert "Undo import" in web_client.page_text(staff.get(change_url(second)))
    assert shown_messages(press_button(staff, first, "undo", confirmed="1")) == [
        "You can only undo the most recent import."
    ]


@pytest.mark.slow
def test_same_file_sent_twice_is_written_once(staff):
    for _time in range(2):
        press_button(staff, checked_import(staff, row()), "confirm")
    assert (Organization.objects.count(), Pledge.objects.count()) == (1, 1)


def test_import_confirmed_twice_is_written_once(staff):
    run = checked_import(staff, row())
    press_button(staff, run, "confirm")
    assert shown_messages(press_button(staff, run, "confirm"))[0].startswith(
        "This import’s status changed to “Imported” in the meantime."
    )
    assert Pledge.objects.count() == 1


# Lists and who may -----------------------------------------------------------------------------------------------


def test_list_of_imports(staff):
    checked_import(staff, row())
    page = staff.get(LIST)
    assert "list.csv 2027–28 Needs review 1 staff" in web_client.page_text(page)
    assert "Select all" not in web_client.page_text(page)
    run = Import.objects.get()
    assert staff.get(f"{LIST}{run.pk}/delete/").status_code == 403


@pytest.mark.slow
def test_list_takes_the_same_number_of_queries_for_1_and_31(staff):
    counts = []
    for many in (1, 30):
        for _number in range(many):
            Import.objects.create(year=PledgeYear.objects.get(), file_name="x.csv", created_by="anna", state="refused")
        with CaptureQueriesContext(connection) as queries:
            staff.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_view_only_staff_can_only_view_imports(staff):
    run = checked_import(staff, row())
    viewer = staff_client("view_import")
    page = web_client.page_text(viewer.get(change_url(run)))
    assert "rows without errors 1" in page
    assert "Import 1 row" not in page
    assert viewer.post(change_url(run), {"confirm": "1"}).status_code == 403
    assert viewer.get(f"{LIST}add/").status_code == 403
    assert viewer.post(f"{LIST}add/", {"year": 2027}).status_code == 403
    assert Import.objects.get().state == "checked"


@pytest.mark.slow
def test_imports_require_login_and_permission(client, staff):
    run = checked_import(staff, row())
    for other_client in (client, staff_client("view_organization")):
        for address in (LIST, f"{LIST}add/", change_url(run)):
            assert other_client.get(address).status_code in (302, 403)
    assert staff.get(f"{LIST}999999/change/").status_code == 404


@pytest.mark.slow
def test_messy_file_is_imported_through_the_admin_pages(staff):
    """A realistic file of 300 organizations goes through all pages."""
    lines, invalid_rows = messy_table(300)
    send(staff, as_csv(lines, ";", "utf-8"))
    run = Import.objects.get()
    import_workflow.run_steps(run.pk)
    page = web_client.page_text(staff.get(change_url(run)))
    assert f"rows without errors {len(lines) - 1 - len(invalid_rows)} rows with errors {len(invalid_rows)}" in page
    press_button(staff, run, "confirm", skip_errors="1")
    import_workflow.run_steps(run.pk)
    assert Promise.objects.count() == len(lines) - 1 - len(invalid_rows)
