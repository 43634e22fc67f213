"""Partners in the admin, in both languages, on a desktop and on a tablet."""

import pytest
from django.db import transaction
from playwright.sync_api import expect

from partners.models import DuplicateCandidate, Organization, Pledge, PledgeYear, PromiseType
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from tests import factories
from tests.browser.axe_checks import DESKTOP
from tests.browser.staff import TABLET, admin_page_problems, sign_in

pytestmark = pytest.mark.browser

BASE = "/imagine/admin/partners/"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


@transaction.atomic
def district() -> Pledge:
    """Partners with everything a page may show: a logo, two signed versions, a draft, last year's pledge, one to
    approve."""
    schools = (
        factories.school("Edward C. Merlo Institute of Environmental Studies"),
        factories.school("Weber Institute"),
    )
    details = {"schools": schools, "grades": ("TK-K", "4-6", "9-12"), "months": (8, 10, 1, 5), "note": "N. " * 90}
    every = [factories.promise_data(promise_type.code, 1200, **details) for promise_type in PromiseType.objects.all()]
    factories.pledge_signed_last_year("Growers’ Association of the Delta", "growers@example.org", every[:3])
    factories.draft_pledge("Draft & Sons", "draft@example.org")
    pledge = factories.signed_pledge(
        "Fundación Nuestra Señora de Guadalupe para la Educación", "maria@example.org", every
    )
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, *every[:2]), name="Đặng Thị Hương", role="Presidenta"
    )
    profiles.change_organization(
        profiles.lock_organization(pledge.organization_id), description="We teach. " * 40, wants_listing=True
    )
    profiles.set_logo(profiles.lock_organization(pledge.organization_id), PNG)
    factories.contact(pledge.organization, "ben@example.org", "Ben Ochoa")
    one, other = factories.organization("Port Gate"), factories.organization("Port Gate, Inc.")
    DuplicateCandidate.objects.create(organization_a=one, organization_b=other, score=95, reasons=["name"])
    return pledge


def paths(pledge: Pledge) -> list[str]:
    promise_type, school = PromiseType.objects.first(), pledge.promises.first().schools.first()
    return [
        "",
        "organization/",
        "organization/?listing_status=pending&pledge=signed&q=guadalupe",
        "organization/add/",
        f"organization/{pledge.organization_id}/change/",
        f"organization/{pledge.organization_id}/delete/",
        "pledge/",
        f"pledge/?year=2027&school={school.pk}",
        f"pledge/{pledge.pk}/change/",
        f"pledge/{pledge.pk}/delete/",
        f"promise/?promise_type={promise_type.pk}&clearance=none",
        "promise/?q=nobody",
        "promise/coverage/",
        "promisetype/",
        "promisetype/add/",
        f"promisetype/{promise_type.pk}/change/",
        "school/",
        f"school/{school.pk}/change/",
        "pledgeyear/",
        "pledgeyear/add/",
        "pledgeyear/2027/change/",
    ]


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", TABLET)])
def test_partner_admin_pages_have_no_problems(visit, staff, language, width):
    pledge = district()
    page = visit(language, width)
    sign_in(page)
    found = admin_page_problems(page, language)
    for path in paths(pledge):
        response = page.goto(BASE + path)
        assert (response.status, response.url.partition("/partners/")[2]) == (200, path)
        found += admin_page_problems(page, language)
    assert not found, "\n".join(found)


def test_profile_is_approved_without_scripts(visit, staff):
    pledge = district()
    page = visit(scripts=False)
    sign_in(page)
    page.get_by_role("link", name="Review profiles").click()
    page.get_by_role("link", name="Fundación Nuestra Señora").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 1 profile?")
    expect(page.locator(".admin-logo")).not_to_have_js_property("naturalWidth", 0)  # loads after the heading
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".messagelist")).to_have_text("1 profile approved.")
    assert Organization.objects.get(pk=pledge.organization_id).approved_by == "staff"


def test_form_errors_and_confirmations_have_no_problems(visit, staff):
    pledge = district()
    page = visit()
    sign_in(page)
    page.goto(f"{BASE}organization/{pledge.organization_id}/change/")
    page.get_by_label("Website:").fill("no address")
    page.locator("#id_contacts-1-email").fill("maria@example.org")
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.title().startswith("Error:")
    found = admin_page_problems(page, "en")
    page.goto(f"{BASE}organization/?listing_status=pending")
    page.check("#action-toggle")
    page.select_option("[name=action]", "approve")
    page.click("[name=index]")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 1 profile?")
    found += admin_page_problems(page, "en")
    assert not found, "\n".join(found)


def test_contacts_are_added_and_the_main_one_changes(visit, staff):
    pledge = district()
    page = visit()
    sign_in(page)
    page.goto(f"{BASE}organization/{pledge.organization_id}/change/")
    page.get_by_role("button", name="Add another Contact").click()
    page.locator("#id_contacts-2-name").fill("Chue Vang")
    page.locator("#id_contacts-2-email").fill("chue@example.org")
    page.locator("#id_contacts-0-is_primary").uncheck()
    page.locator("#id_contacts-2-is_primary").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    people = pledge.organization.contacts.order_by("pk").values_list("email", "is_primary")
    assert list(people) == [("maria@example.org", False), ("ben@example.org", False), ("chue@example.org", True)]


def test_school_promises_are_reached_by_filter_and_coverage_without_scripts(visit, staff):
    pledge = district()
    school = pledge.promises.first().schools.get(name="Weber Institute")
    page = visit(scripts=False)
    sign_in(page)
    page.goto(f"{BASE}promise/?year=2027")
    page.get_by_label("School", exact=True).select_option("Weber Institute")
    page.get_by_role("button", name="Apply filter").click()
    assert page.url.endswith(f"promise/?year=2027&school={school.pk}")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.goto("/imagine/admin/")
    page.get_by_role("link", name="Coverage", exact=True).click()
    row = page.get_by_role("row", name="Weber Institute")
    row.get_by_role("link").first.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


def test_year_is_closed_and_opened_again_on_its_page(visit, staff):
    factories.signed_pledge()
    page = visit()
    sign_in(page)
    for button, message in (
        ("Close this school year", "school year closed."),
        ("Reopen this school year", "school year reopened."),
    ):
        page.goto(f"{BASE}pledgeyear/2027/change/")
        page.get_by_role("button", name=button).click()
        if "Close" in button:  # closing asks first
            page.get_by_role("button", name="Close 1 school year").click()
        expect(page.locator(".messagelist .success")).to_contain_text(message)
    assert PledgeYear.objects.get().closed_at is None
