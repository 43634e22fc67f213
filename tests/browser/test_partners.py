"""The list of partners and their pages in each state, in both languages, on a phone and on a desktop."""

import pytest
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from playwright.sync_api import expect

from partners.directory import queries as directory
from partners.models import MONTHS, Grade, Organization, Pledge, Promise, PromiseType, Sector
from tests import factories
from tests.browser.axe_checks import DESKTOP, PHONE
from tests.browser.test_pages import Place, look
from tests.factories import promise_data

pytestmark = pytest.mark.browser

DIRECTORY = "/imagine/partners/"
LONG = "Fundación Nuestra Señora de Guadalupe para la Educación, la Ciencia y las Artes del Valle de San Joaquín, Inc."


def title(*prefix: str) -> str:
    partners = _("Imagine Promise Partners %(year)s") % {"year": "2027–28"}
    return ": ".join([", ".join(prefix), partners]) if prefix else partners


def district() -> Organization:
    """Partners of every sector and promise type with the longest texts, for last year and this year."""
    schools = (
        factories.school("Edward C. Merlo Institute of Environmental Studies"),
        factories.school("Cesar Chavez High"),
    )
    grades = [(), ("TK-K", "4-6", "9-12"), ("9-12",)]
    codes = list(PromiseType.objects.values_list("code", flat=True))
    every = [
        promise_data(
            code, 10 ** (index % 6), schools=schools[: index % 3], grades=grades[index % 3], months=MONTHS[::2]
        )
        for index, code in enumerate(codes)
        if code != "advisory"
    ]
    factories.pledge_year(2026)
    for index, sector in enumerate(Sector.values):
        factories.listed_partner(
            f"Growers {index}", promise_data(codes[index], grades=Grade.values[:index]), sector=sector
        )
    factories.listed_partner("Other Growers", promise_data("tours"), sector="")
    partner = factories.listed_partner(
        LONG, *every, sector="nonprofit", description="We teach.\n\n" * 3, website="https://example.org/x"
    )
    earlier = Pledge.objects.create(
        organization=partner, year_id=2026, signed_by="Alma Reyes", signed_at=timezone.now(), changed_at=timezone.now()
    )
    Promise.objects.create(pledge=earlier, promise_type=PromiseType.objects.get(code="tours"), quantity=3)
    return partner


def create_partners(count: int) -> None:
    """Insert partners for several pages directly into their tables."""
    now, year = timezone.now(), factories.pledge_year()
    organizations = Organization.objects.bulk_create(
        Organization(name=f"Growers {n}", slug=f"growers-{n}", sector="labor", wants_listing=True, approved_at=now)
        for n in range(count)
    )
    pledges = Pledge.objects.bulk_create(
        Pledge(organization=organization, year=year, signed_by="Alma Reyes", signed_at=now)
        for organization in organizations
    )
    tours = PromiseType.objects.get(code="tours")
    Promise.objects.bulk_create(Promise(pledge=pledge, promise_type=tours, quantity=6) for pledge in pledges)


def directory_whole() -> Place:
    district()
    return Place(DIRECTORY, title)


def directory_table_open() -> Place:
    district()

    def prepare_page(page):
        page.goto(DIRECTORY)
        page.click(".chart summary")

    return Place(DIRECTORY, title, prepare_page)


def directory_year_before() -> Place:
    district()
    return Place(f"{DIRECTORY}?year=2026", lambda: title().replace("2027–28", "2026–27"))


def directory_closed() -> Place:
    district()
    factories.close_year()
    return Place(DIRECTORY, title)


def directory_narrowed() -> Place:
    district()
    promise_type = PromiseType.objects.get(code="tours")
    return Place(
        f"{DIRECTORY}?sector=nonprofit&kind=tours&q=fundacion",
        lambda: title(str(Sector.NONPROFIT.label), promise_type.localized_name, "“fundacion”"),
    )


def directory_nothing_found() -> Place:
    district()
    return Place(f"{DIRECTORY}?q=zzzz", lambda: title("“zzzz”"))


def directory_second_page() -> Place:
    create_partners(2 * directory.PAGE_SIZE + 1)
    return Place(f"{DIRECTORY}?page=2", lambda: _("%(title)s, page %(page)s") % {"title": title(), "page": 2})


def directory_nobody() -> Place:
    factories.pledge_year()
    return Place(DIRECTORY, title)


def directory_no_year() -> Place:
    return Place(DIRECTORY, lambda: _("Imagine Promise Partners"))


def partner() -> Place:
    partner = district()
    return Place(partner.get_absolute_url(), lambda: _("%(name)s, Imagine Promise Partner") % {"name": LONG})


PLACES = [
    *(
        directory_whole,
        directory_table_open,
        directory_year_before,
        directory_closed,
        directory_narrowed,
        directory_nothing_found,
    ),
    *(directory_second_page, directory_nobody, directory_no_year, partner),
]


@pytest.mark.parametrize("index", PLACES, ids=lambda index: index.__name__)
def test_page_has_no_problems_in_either_language(index, visit):
    index = index()
    found = [fault for language in ("en", "es") for fault in look(index, visit(language), language)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("es", PHONE)])
def test_partner_can_be_found_without_scripts(visit, language, width):
    factories.listed_partner("Peña Landscaping", promise_data("tours"))
    factories.listed_partner("Port Gate Logistics", promise_data("tours"), promise_data("mentors"))
    factories.listed_partner("Local 47", promise_data("mentors"), sector="labor")
    page = visit(language, width, scripts=False)
    with translation.override(language):
        page.goto("/imagine/")
        page.get_by_role("navigation").get_by_role("link", name=_("Partners")).click()
        expect(page.locator("h1")).to_have_text(_("Our partners and their promises"))
        expect(page.locator(".partner-card h3")).to_have_text(["Peña Landscaping", "Port Gate Logistics", "Local 47"])
        page.get_by_label(_("Partner name")).fill("pena")
        page.get_by_label(_("Promise type"), exact=True).select_option("tours")
        page.get_by_role("button", name=_("Find partners")).click()
        expect(page.locator(".partner-card h3")).to_have_text(["Peña Landscaping"])
        page.get_by_role("link", name=str(Sector.BUSINESS.label)).click()
        expect(page.get_by_label(_("Partner name"))).to_have_value("pena")
        page.get_by_role("link", name="Peña Landscaping").click()
        expect(page.locator("h1")).to_have_text("Peña Landscaping")
        page.get_by_role("link", name=_("See all partners")).click()
        page.get_by_role("link", name=PromiseType.objects.get(code="mentors").localized_name).click()
        expect(page.locator(".partner-card h3")).to_have_text(["Port Gate Logistics", "Local 47"])
        page.locator(".language-switch button").click()
        expect(page.locator(".partner-card h3")).to_have_text(["Port Gate Logistics", "Local 47"])
