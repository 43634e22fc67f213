"""A pledge's page in every state, in both languages, on a phone and on a desktop; its tab order and its size."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from django.utils.translation import gettext as _
from playwright.sync_api import Page, expect

from partners import schools
from partners.models import Pledge, PromiseType, School
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import signup as pledge_signup
from tests import factories
from tests.browser.axe_checks import DESKTOP, PHONE
from tests.browser.test_keyboard import STOPS, walk
from tests.browser.test_pages import Place, look
from tests.browser.test_weight import weights_of
from tests.factories import promise_data

pytestmark = pytest.mark.browser

BEGIN = "/imagine/promise/"
SIGN, SAVE = ".sticky-bar button[name=sign]", ".sticky-bar button[name=save]"
MAX_STOPS = 119  # of the Tab key in a draft of all promise types, with schools, grades and months
LONG = "Fundación Nuestra Señora de Guadalupe para la Educación, la Ciencia y las Artes del Valle de San Joaquín, Inc."
MAX_BYTES = 45_000  # bytes of the first page view, compressed, without images and the font


@pytest.fixture(autouse=True)
def keep_promise_types(site):
    """Promise types stay between tests, as a migration created them."""
    PromiseType.objects.update(is_retired=False, needs_insurance=False)
    yield
    PromiseType.objects.update(is_retired=False, needs_insurance=False)


def district() -> None:
    """All the schools of the district."""
    rows = schools.read_schools(schools.DEFAULT_FILE.read_bytes())
    schools.load_schools(rows, schools.compare_schools(rows))


def all_promises() -> tuple:
    some_schools = tuple(School.objects.order_by("level", "-name")[:4])
    codes = PromiseType.objects.values_list("code", flat=True)
    return tuple(
        promise_data(
            code,
            10**place % 99_999 + 1,
            schools=some_schools[: 1 + place % 3],
            months=(10, 3),
            note="Ask at the gate. " * place,
        )
        for place, code in enumerate(codes)
    )


def open_profile(page: Page) -> None:
    """Unfold the profile, and in it the website and the logo."""
    for summary in ("#profile-h", "details details:has(#id_logo) > summary"):
        if not page.locator("#id_logo").is_visible():
            page.click(summary)


def open_heading() -> str:
    return _("What will you promise for %(year)s?") % {"year": "2027–28"}


def signed_heading() -> str:
    return _("Your promises for %(year)s") % {"year": "2027–28"}


def thanks_heading() -> str:
    return _("Thank you for your promise")


def place_of(pledge, title: Callable[[], str], tail: str = "", **options) -> Place:
    return Place(f"{pledge.get_absolute_url()}{tail}", title, **options)


# Signing up --------------------------------------------------------------------------------------------------------


def begin() -> Place:
    factories.pledge_year()
    return Place(BEGIN, lambda: _("Make a promise"))


def begin_errors() -> Place:
    factories.pledge_year()

    def prepare_page(page: Page) -> None:
        page.goto(BEGIN)
        page.fill("#id_email", "alma@example")
        page.click("main form.form button")

    return Place(BEGIN, lambda: f"{_('Error:')} {_('Make a promise')}", prepare_page, 422)


def begin_closed() -> Place:
    return Place(BEGIN, lambda: _("Make a promise"))


def sent() -> Place:
    return Place(f"{BEGIN}sent/", lambda: _("Check your email"))


# The page ----------------------------------------------------------------------------------------------------------


def first() -> Place:
    district()
    return place_of(factories.pledge_request(), open_heading)


def draft_of_everything() -> Place:
    district()
    factories.pledge_year(announced_deadline="2027-09-30")
    pledge = factories.draft_pledge(LONG, promises=all_promises(), sector="nonprofit")
    profiles.change_organization(
        pledge.organization, description="We teach. " * 20, website="https://example.org", phone="209 555 0100"
    )
    profiles.set_logo(pledge.organization, factories.png(600, 300))
    return place_of(pledge, open_heading)


def schools_open() -> Place:
    district()
    pledge = factories.draft_pledge()

    def prepare_page(page: Page) -> None:
        page.goto(pledge.get_absolute_url())
        name = f"#promise-{PromiseType.objects.get(code='tours').pk}"
        page.check(f"{name}-where_1")
        for summary in page.locator(f"{name} ~ .promise-details .school-choice summary").all():
            summary.click()

    return place_of(pledge, open_heading, open=prepare_page)


def saved() -> Place:
    pledge = factories.draft_pledge()

    def prepare_page(page: Page) -> None:
        page.goto(pledge.get_absolute_url())
        page.click(SAVE)
        page.wait_for_selector(".message")

    return place_of(pledge, open_heading, open=prepare_page)


def signed() -> Place:
    return place_of(factories.signed_pledge(LONG), signed_heading)


def several() -> Place:
    """Two promises of a type, and one more that was asked for."""
    pledge = factories.draft_pledge(promises=(promise_data("tours", 2, months=(10,)), promise_data("tours", 3)))

    def prepare_page(page: Page) -> None:
        page.goto(pledge.get_absolute_url())
        with page.expect_navigation():
            page.click(f"button[name=add][value='{PromiseType.objects.get(code='tours').pk}']")
        expect(page.locator(f"#promise-{PromiseType.objects.get(code='tours').pk}-3-quantity")).to_be_focused()

    return place_of(pledge, open_heading, open=prepare_page)


def renewal() -> Place:
    pledge = factories.pledge_signed_last_year(promises=(promise_data("tours"), promise_data("mentors")))
    PromiseType.objects.filter(code="mentors").update(is_retired=True)
    return place_of(pledge, open_heading)


def retired() -> Place:
    pledge = factories.signed_pledge(promises=(promise_data("mentors"),))
    PromiseType.objects.filter(code="mentors").update(is_retired=True, needs_insurance=True)
    return place_of(pledge, signed_heading)


def errors() -> Place:
    district()
    start = factories.pledge_request()

    def prepare_page(page: Page) -> None:
        page.goto(start.get_absolute_url())
        for code in ("tours", "mentors"):
            name = f"#promise-{PromiseType.objects.get(code=code).pk}"
            page.check(name)
            page.fill(f"{name}-quantity", "lots")
            page.check(f"{name}-where_1")
        open_profile(page)
        page.fill("#id_name", "")
        page.click("#contact-h")
        page.fill("#id_website", "javascript:alert(1)")
        page.set_input_files("#id_logo", {"name": "logo.png", "mimeType": "image/png", "buffer": b"MZ" * 500})
        page.fill("#id_contact-name", "")
        page.click(SIGN)

    return place_of(start, lambda: f"{_('Error:')} {open_heading()}", open=prepare_page, status=422)


def changed_by_other() -> Place:
    pledge = factories.draft_pledge(promises=(promise_data("tours"), promise_data("mentors")))

    def prepare_page(page: Page) -> None:
        page.goto(pledge.get_absolute_url())
        later = Pledge.objects.get()
        pledge_editing.save_draft(
            pledge.token,
            **factories.pledge_data(
                pledge.token, promise_data("tours", 40 + later.version), promise_data("teachers"), name=LONG
            ),
        )
        page.fill(f"#promise-{PromiseType.objects.get(code='tours').pk}-quantity", "9")
        page.click(SAVE)

    return place_of(pledge, lambda: f"{_('Review changes:')} {open_heading()}", open=prepare_page, status=409)


# After signing -----------------------------------------------------------------------------------------------------


def thanks() -> Place:
    district()
    return place_of(factories.signed_pledge(LONG, promises=all_promises()), thanks_heading, "thanks/")


def thanks_shown() -> Place:
    factories.listed_partner()
    return place_of(Pledge.objects.get(), thanks_heading, "thanks/")


def closed() -> Place:
    pledge = factories.signed_pledge(promises=(promise_data("tours"), promise_data("mentors")))
    factories.close_year()
    return place_of(pledge, signed_heading)


def closed_draft() -> Place:
    pledge = factories.draft_pledge()
    factories.close_year()
    return place_of(pledge, lambda: _("Promises are closed"))


def known() -> Place:
    factories.pledge_year()
    start = pledge_signup.open_pledge_request(factories.unsaved_pledge_request(source="rsvp:17"))
    address = reverse("pledge", args=[start.browser_token])

    def prepare_page(page: Page) -> None:
        page.goto(address)
        factories.contact(factories.organization("Port Gate Logistic"), factories.EMAIL)
        page.click(SAVE)

    def again(page: Page) -> None:
        page.goto(address)
        page.click(SAVE)

    steps = iter([prepare_page, again])
    return Place(address, lambda: _("Check your email"), open=lambda page: next(steps)(page), status=409)


PLACES = [
    *(begin, begin_errors, begin_closed, sent),
    *(first, draft_of_everything, schools_open, saved, signed, several, renewal, retired, errors, changed_by_other),
    *(thanks, thanks_shown, closed, closed_draft, known),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_page_has_no_problems_in_either_language(place, visit):
    place = place()
    found = [fault for language in ("en", "es") for fault in look(place, visit(language), language)]
    assert not found, "\n".join(found)


# Keyboard and size -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(DESKTOP, 720), (PHONE, 180)], ids=str)
@pytest.mark.parametrize("place", [begin, draft_of_everything, thanks_shown], ids=lambda place: place.__name__)
def test_keyboard_reaches_every_control_in_order(visit, place, width, height):
    page = visit("es", width)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(place().path)
    expected_stops = page.evaluate(STOPS)
    assert walk(page) == expected_stops
    assert len(expected_stops) <= MAX_STOPS, len(expected_stops)


def test_error_summary_links_focus_their_fields(visit):
    page = visit()
    place = errors()
    place.open(page)
    page.wait_for_selector(".error-summary")
    expect(page.locator(".error-summary")).to_be_focused()
    for link in page.locator(".error-summary a").all():
        link.click()
        focused = page.evaluate("document.activeElement.id")
        assert focused == link.get_attribute("href")[1:]
        assert page.locator(f"[id='{focused}']").is_visible()


COVERED = """async () => {
  const [bar, ...links] = [".sticky-bar", ".error-summary a"].flatMap((each) => [...document.querySelectorAll(each)]);
  const covered = new Set();
  for (let y = 0; y < document.documentElement.scrollHeight; y += 10) {
    scrollTo({top: y, behavior: "instant"});
    const top = bar.getBoundingClientRect().top;
    links.filter((link) => link.getBoundingClientRect().bottom > top).forEach((link) => covered.add(link.textContent));
  }
  return [...covered];
}"""


def test_bar_covers_no_link_of_the_error_summary(visit):
    page = visit("es", PHONE)
    errors().open(page)
    page.wait_for_selector(".error-summary")
    assert page.evaluate(COVERED) == []


def test_enter_never_signs_a_draft(visit):
    page = visit()
    page.goto(factories.draft_pledge().get_absolute_url())
    page.fill("#id_sign-name", "Alma Reyes")
    page.check("#id_sign-may")
    open_profile(page)
    with page.expect_navigation():
        page.press("#id_name", "Enter")
    assert Pledge.objects.get().state == "draft"


@pytest.mark.parametrize("scripts", [True, False], ids=["", "no script"])
def test_logo_is_uploaded_shown_and_removed(visit, scripts):
    page = visit(scripts=scripts)
    page.goto(factories.draft_pledge().get_absolute_url())
    open_profile(page)
    page.set_input_files("#id_logo", {"name": "logo.png", "mimeType": "image/png", "buffer": factories.png(900, 300)})
    assert save_and_get_form(page).startswith("multipart/form-data")
    open_profile(page)
    expect(page.locator("img.logo")).to_be_visible()
    expect(page.locator("img.logo")).to_have_js_property("naturalWidth", 600)
    assert save_and_get_form(page).startswith("application/x-www-form-urlencoded" if scripts else "multipart/form-data")
    open_profile(page)
    page.check("#id_no_logo")
    save_and_get_form(page)
    expect(page.locator("img.logo")).to_have_count(0)


def save_and_get_form(page: Page) -> str:
    """Save the draft, and return which form sent it."""
    with page.expect_navigation(), page.expect_request(lambda request: request.method == "POST") as sent:
        page.click(SAVE)
    return sent.value.headers["content-type"]


@pytest.mark.parametrize("size", [12_000_000, 30_000_000])
def test_oversized_logo_is_refused_and_other_answers_are_kept(visit, tmp_path, size):
    page, file = visit(), tmp_path / "photo.jpg"
    file.write_bytes(b"\0" * size)
    page.goto(factories.draft_pledge().get_absolute_url())
    page.fill(f"#promise-{PromiseType.objects.get(code='tours').pk}-quantity", "41")
    open_profile(page)
    page.set_input_files("#id_logo", file)
    save_and_get_form(page)
    expect(page.locator(".error-summary")).to_contain_text("This file is larger than 5 MB.")
    expect(page.locator(f"#promise-{PromiseType.objects.get(code='tours').pk}-quantity")).to_have_value("41")


@pytest.mark.parametrize("language", ["en", "es"])
def test_pledge_page_stays_under_its_weight_limit(visit, language):
    district()
    page = visit(language, cold=True)
    weights = weights_of(page, factories.draft_pledge(promises=all_promises()).get_absolute_url())
    assert sum(weights.values()) <= MAX_BYTES, weights
