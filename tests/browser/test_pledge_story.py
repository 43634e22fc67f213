"""Pledges as partners make them: new, from an RSVP, changed, and renewed the next year."""

import pytest
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from playwright.sync_api import Page, expect

from imagine.demo.servers import wait_until
from partners.models import Pledge, PledgeYear, PromiseType
from tests import factories, snapshots
from tests.browser.axe_checks import DESKTOP, PHONE
from tests.browser.mailbox import links
from tests.browser.visitor import WAYS, Visitor

pytestmark = pytest.mark.browser

SAVE, SIGN = ".sticky-bar button[name=save]", ".sticky-bar button[name=sign]"


class Partner(Visitor):
    def expect_heading(self, heading: str, **values: str) -> None:
        with translation.override(self.language):
            expect(self.page.locator("h1")).to_have_text(_(heading) % values)

    def expect_email(self, subject: str, **values: str):
        """Wait for the next email, check its subject, and return it with its personal link."""
        message = self.next_email()
        with translation.override(self.language):
            assert message["Subject"].strip() == _(subject) % values
        (link,) = set(links(message))
        return message, link

    def make_promise(self, code: str, quantity: str) -> str:
        """Select a promise type, enter the quantity, and return the prefix of its fields."""
        name = promise_field(code)
        if not self.page.locator(name).is_checked():
            self.check(name)
        self.fill(f"{name}-quantity", quantity)
        return name

    def sign(self) -> None:
        self.fill("#id_sign-name", "Alma Reyes")
        if self.page.locator("#id_sign-may").count():  # not when signing again
            self.check("#id_sign-may")
        self.send(SIGN)


def promise_field(code: str) -> str:
    return f"#promise-{PromiseType.objects.get(code=code).pk}"


def certificates(message) -> list[str]:
    return [part.get_filename() for part in message.iter_attachments()]


@pytest.fixture
def partner(visit, site, way, language, width) -> Partner:
    factories.pledge_year()
    return Partner(visit("en", width, scripts=way != "no script"), way, language, site.mailbox)


@pytest.mark.parametrize(("way", "language", "width"), WAYS)
def test_pledge_is_drafted_signed_changed_and_renewed(partner, visit, width):
    chavez = factories.school()
    factories.school("George W. Bush Elementary", "elementary")
    link = start_pledge(partner)
    save_draft(partner, link, chavez)
    check_draft_in_another_browser(visit(partner.language, width), link)
    sign_and_change(partner)
    renew(partner)


def start_pledge(alma: Partner) -> str:
    alma.page.goto("/imagine/")
    if alma.language == "es":
        alma.send(".language-switch button[value=es]")
    alma.send("nav a[href$='/promise/']")
    alma.expect_heading("Make a promise")
    alma.fill("#id_organization", factories.ORGANIZATION)
    alma.fill("#id_name", "Alma Reyes")
    alma.fill("#id_email", alma.address)
    alma.send("main form button")
    alma.expect_heading("Check your email")
    _message, link = alma.expect_email("Your link to make a promise for %(year)s", year="2027–28")
    return link


def save_draft(alma: Partner, link: str, chavez) -> None:
    alma.page.goto(link)
    alma.expect_heading("What will you promise for %(year)s?", year="2027–28")
    expect(alma.page.locator("#id_name")).to_have_value(factories.ORGANIZATION)
    tours = alma.make_promise("tours", "6")
    expect(alma.page.locator(f"{tours} ~ .promise-details .school-choice")).to_be_hidden()
    alma.choose(f"{tours}-where_1")
    schools = f"{tours} ~ .promise-details .school-choice"
    alma.press(f"{schools} details:last-child summary")
    alma.check(f"{schools} input[value='{chavez.pk}']")
    alma.check(f"{tours}-grades_4")
    alma.check(f"{tours}-months_2")
    alma.make_promise("mentors", "2")
    alma.send(SAVE)
    expect(alma.page.locator("[role=status] .message-success")).to_be_visible()
    pledge = Pledge.objects.get()
    assert snapshots.promises(pledge) == [
        ("tours", 6, ["9-12"], [10], ["Cesar Chavez High"], ""),
        ("mentors", 2, [], [], [], ""),
    ]
    assert (pledge.state, pledge.contact.email) == ("draft", alma.address)


def check_draft_in_another_browser(page: Page, link: str) -> None:
    page.goto(link)
    tours = promise_field("tours")
    expect(page.locator(f"{tours}-quantity")).to_have_value("6")
    for selected in (tours, f"{tours}-where_1", f"{tours}-grades_4", f"{tours}-months_2", promise_field("mentors")):
        expect(page.locator(selected)).to_be_checked()
    expect(page.locator(promise_field("teachers"))).not_to_be_checked()


def sign_and_change(alma: Partner) -> None:
    alma.sign()
    alma.expect_heading("Thank you for your promise")
    message, link = alma.expect_email("Your promises for %(year)s are signed", year="2027–28")
    assert certificates(message) == ["imagine-promise-2027-28.pdf"]
    alma.send(f"main a[href$='{link.partition('/imagine/')[2]}']")
    alma.expect_heading("Your promises for %(year)s", year="2027–28")
    alma.make_promise("tours", "9")
    alma.press(promise_field("mentors"))
    alma.sign()
    alma.expect_heading("Thank you for your promise")
    alma.expect_email("Your updated promises for %(year)s are signed", year="2027–28")
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 9}


def renew(alma: Partner) -> None:
    old_url = Pledge.objects.get().get_absolute_url()
    factories.close_year()
    alma.page.goto(old_url)
    alma.expect_heading("Your promises for %(year)s", year="2027–28")
    expect(alma.page.locator("input[name='sign-name']")).to_have_count(0)
    PledgeYear.objects.create(school_year=2028, opens_on=timezone.localdate())
    alma.page.goto(old_url)
    alma.expect_heading("What will you promise for %(year)s?", year="2028–29")
    expect(alma.page.locator(f"{promise_field('tours')}-quantity")).to_have_value("9")
    alma.make_promise("teachers", "12")
    alma.sign()
    alma.expect_email("Your promises for %(year)s are signed", year="2028–29")
    assert snapshots.promised_amounts(Pledge.objects.get(year=2028)) == {"tours": 9, "teachers": 12}
    assert snapshots.promised_amounts(Pledge.objects.get(year=2027)) == {"tours": 9}


@pytest.mark.parametrize(("way", "language", "width"), [("pointer", "en", PHONE), ("no script", "es", DESKTOP)])
def test_pledge_is_started_from_an_rsvp_and_signed(partner, language):
    rsvp = factories.rsvp(
        factories.event(), email=partner.address, organization_name="Delta Growers", language=language
    )
    assert wait_until(lambda: len(partner.mailbox.to(partner.address)) == 1, 30)
    partner.email_count = 1
    partner.page.goto(rsvp.get_absolute_url())
    if language == "es":
        partner.send(".language-switch button[value=es]")
    partner.send("[aria-labelledby=promise-h] button")
    partner.expect_heading("What will you promise for %(year)s?", year="2027–28")
    expect(partner.page.locator("#id_name")).to_have_value("Delta Growers")
    _message, link = partner.expect_email("Your link to make a promise for %(year)s", year="2027–28")
    assert link != partner.page.url
    partner.make_promise("tours", "6")
    expect(partner.page.locator("button[name=sign]")).to_have_count(0)
    partner.send(SAVE)
    expect(partner.page.locator(f"{promise_field('tours')}-quantity")).to_have_value("6")
    page_link = partner.page.url
    partner.page.goto(link)
    expect(partner.page.locator(f"{promise_field('tours')}-quantity")).to_have_value("6")
    partner.sign()
    partner.expect_heading("Thank you for your promise")
    partner.expect_email("Your promises for %(year)s are signed", year="2027–28")
    assert partner.page.request.get(page_link).status == 404
    partner.page.goto(rsvp.get_absolute_url())
    partner.send("[aria-labelledby=promise-h] button")  # the address is a partner's now, so only an email leads there
    expect(partner.page.locator("[role=status] .message-success")).to_be_visible()
    assert partner.page.url.endswith(rsvp.get_absolute_url())
    partner.expect_email("The link to your promises for %(year)s", year="2027–28")
