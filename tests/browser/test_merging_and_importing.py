"""Staff merge two organizations, match an RSVP, and import a spreadsheet: in both languages, in a real browser, and
without JavaScript."""

import io

import pytest
from openpyxl import Workbook
from playwright.sync_api import Page, expect

from partners.imports import workflow
from partners.imports.learned_words import learn_headings
from partners.models import DuplicateScan, Import, LearnedWord, Organization, Pledge
from partners.organizations import duplicates
from summit.invitations import contact_import
from summit.models import Audience, Rsvp
from tests import factories
from tests.browser.staff import admin_page_problems, sign_in
from tests.factories import promise_data
from tests.partners.import_files import as_csv, row, table

pytestmark = pytest.mark.browser

PARTNERS, RSVPS = "/imagine/admin/partners/", "/imagine/admin/summit/rsvp/"
LONG = "Fundación Nuestra Señora de Guadalupe para la Educación, la Ciencia y las Artes del Valle de San Joaquín"


def duplicates_to_merge() -> tuple[Organization, Organization]:
    """The same organization twice, with a pledge each and many choices."""
    DuplicateScan.objects.all().delete()
    kept_pledge = factories.signed_pledge(LONG, promises=(promise_data("tours", 6), promise_data("service", 2)))
    other_pledge = factories.signed_pledge(
        f"{LONG}, Inc.", "ben@example.org", (promise_data("tours", 2), promise_data("mentors", 12))
    )
    factories.contact(other_pledge.organization, "alma@example.org", "A. Reyes", role="Directora de desarrollo")
    duplicates.scan_organizations()
    return kept_pledge.organization, other_pledge.organization


def files_to_review() -> tuple[Import, Audience]:
    """An import with an unknown word, and a list of people with hidden rows, another sheet and an error."""
    learn_headings(LearnedWord.Kind.CONTACTS_HEADING, {LONG: "name"})
    unknown = as_csv(table([row(organization=LONG), row(kind="Reading buddies"), row(schools="The Castle")]))
    run = workflow.start_import(unknown, file_name="x.csv", year=factories.pledge_year(), by="anna", language="en")
    workbook = Workbook()
    for sheet in (workbook.active, workbook.create_sheet("Faith")):
        for cells in (["Email", LONG, "On Hold"], ["alma@example.org", LONG, "No"], ["broken@", "B", ""], ["c@x.org"]):
            sheet.append(cells)
    workbook.active.row_dimensions[4].hidden = True
    workbook.save(file := io.BytesIO())
    audience = factories.audience()
    contact_import.store_upload(audience, file.getvalue(), "people.xlsx")
    return run, audience


def open_page(page: Page, address: str) -> None:
    response = page.goto(address)
    assert (response.status, response.url.endswith(address)) == (200, True)


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("es", 390)])
def test_pages_have_no_problems_in_either_language(visit, staff, language, width):
    kept, other = duplicates_to_merge()
    event = factories.event(capacity=50)
    rsvp = factories.rsvp(event, organization_name=LONG.replace("Señora", "Sra."), email="alma@example.org")
    factories.rsvp(event, "Ben Ochoa", organization_name="Zeta Freight")
    run, audience = files_to_review()
    page = visit(language, width)
    sign_in(page)
    found = []
    for address in (
        f"{PARTNERS}duplicatecandidate/",
        f"{PARTNERS}duplicatecandidate/?dismissed=yes",
        f"{PARTNERS}duplicatecandidate/{kept.pk}/{other.pk}/",
        f"{RSVPS}match/",
        f"{RSVPS}{rsvp.pk}/match/?q=valle",
        f"{RSVPS}{rsvp.pk}/change/",
        f"{PARTNERS}import/",
        f"{PARTNERS}import/add/",
        f"{PARTNERS}import/{run.pk}/change/",
        f"{PARTNERS}learnedword/",
        f"/imagine/admin/summit/audience/{audience.pk}/list/",
    ):
        open_page(page, address)
        found += admin_page_problems(page, language)
    assert not found, "\n".join(found)


def test_two_organizations_are_merged_without_scripts(visit, staff):
    kept, other = duplicates_to_merge()
    page = visit(scripts=False)
    sign_in(page)
    page.goto(f"{PARTNERS}duplicatecandidate/")
    page.click(f"a[href$='/{kept.pk}/{other.pk}/']")
    expect(page.locator("#content")).to_contain_text("12 students; wherever it is needed most")
    page.click("[name=merge]")
    expect(page.locator(".messagelist")).to_contain_text("was merged into")
    assert Organization.objects.get() == kept
    assert Pledge.objects.get().promises.count() == 3


def test_rsvp_is_matched_to_an_organization_without_scripts(visit, staff):
    gate = factories.organization("Port Gate Logistics")
    factories.rsvp(factories.event(), organization_name="Port Gate Logistcs")
    page = visit(scripts=False)
    sign_in(page)
    page.goto(RSVPS)
    page.click("text=Match organizations")
    page.click("text=Match to Port Gate Logistics")
    expect(page.locator(".messagelist")).to_have_text("1 RSVP matched to Port Gate Logistics.")
    expect(page.locator("#content")).to_contain_text("Nothing to match.")
    assert Rsvp.objects.get().organization == gate


@pytest.mark.parametrize(("language", "scripts"), [("en", False), ("en", True), ("es", True)])
def test_spreadsheet_is_imported_and_undone(visit, staff, language, scripts):
    factories.pledge_year()
    factories.organization("Port Gate Logistic Group")
    rows = [
        row(),
        row(organization="Zeta Freight", e_mail="z@zeta.example"),
        row(organization="Omega", quantity="many"),
    ]
    page = visit(language, scripts=scripts)
    sign_in(page)
    found = []

    def check_page():
        found.extend(admin_page_problems(page, language) if scripts else [])

    page.goto(f"{PARTNERS}import/add/")
    page.set_input_files("[name=file]", {"name": "list.csv", "mimeType": "text/csv", "buffer": as_csv(table(rows))})
    page.select_option("[name=year]", "2027")
    page.click("#content [type=submit]")
    check_page()
    page.check("[type=radio][value=new]")
    page.click("[name=answer]")
    page.check("[name=skip_errors]")
    page.click("[name=confirm]")
    check_page()
    assert Import.objects.get().state == "done"
    assert Organization.objects.count() == 3
    page.check("[name=confirmed]")
    page.click("[name=undo]")
    check_page()
    assert Organization.objects.get().name == "Port Gate Logistic Group"
    assert not found, "\n".join(found)


def test_large_import_shows_its_progress(visit, staff):
    """With a real worker, the page follows the import to its end by itself."""
    factories.pledge_year()
    rows = [row(organization=f"Partner {number}", e_mail=f"a@host{number}.example") for number in range(1000)]
    page = visit()
    sign_in(page)
    page.goto(f"{PARTNERS}import/add/")
    page.set_input_files("[name=file]", {"name": "list.csv", "mimeType": "text/csv", "buffer": as_csv(table(rows))})
    page.select_option("[name=year]", "2027")
    page.click("#content [type=submit]")
    expect(page.locator("#progress")).to_have_attribute("data-state", "checked", timeout=60_000)
    page.click("[name=confirm]")
    expect(page.locator("#progress")).to_have_attribute("data-state", "done", timeout=60_000)
    expect(page.locator("#progress")).to_contain_text("1000")
    assert not admin_page_problems(page, "en")
