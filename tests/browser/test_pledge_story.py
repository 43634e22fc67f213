"""Promises as partners make them: from nothing, from an RSVP, changed in August, renewed the year after."""

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

SAVE, SIGN = "button[name=save]", "button[name=sign]"


class Partner(Visitor):
    def sees(self, headline: str, **facts: str) -> None:
        with translation.override(self.language):
            expect(self.page.locator("h1")).to_have_text(_(headline) % facts)

    def gets(self, subject: str, **facts: str):
        """The next mail has come and says this; returns the mail and its private link."""
        message = self.next_mail()
        with translation.override(self.language):
            assert message["Subject"].strip() == _(subject) % facts
        (link,) = set(links(message))
        return message, link

    def promises(self, code: str, quantity: str) -> str:
        """Ticks a kind and writes how much; returns how the fields below it begin."""
        name = kind(code)
        if not self.page.locator(name).is_checked():
            self.tick(name)
        self.write(f"{name}-quantity", quantity)
        return name

    def signs(self) -> None:
        self.write("#id_sign-name", "Alma Reyes")
        self.tick("#id_sign-may")
        self.send(SIGN)


def kind(code: str) -> str:
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
    link = begins(partner)
    saves_a_draft(partner, link, chavez)
    finds_it_in_another_browser(visit(partner.language, width), link)
    signs_and_changes(partner)
    renews(partner)


def begins(alma: Partner) -> str:
    alma.page.goto("/imagine/")
    if alma.language == "es":
        alma.send("button[name=language][value=es]")
    alma.send("nav a[href$='/promise/']")
    alma.sees("Make a promise")
    alma.write("#id_organization", factories.ORGANIZATION)
    alma.write("#id_name", "Alma Reyes")
    alma.write("#id_email", alma.address)
    alma.send("main form button")
    alma.sees("Look at your mail")
    _message, link = alma.gets("Your link to promise for %(year)s", year="2027–28")
    return link


def saves_a_draft(alma: Partner, link: str, chavez) -> None:
    alma.page.goto(link)
    alma.sees("What will you promise for %(year)s?", year="2027–28")
    expect(alma.page.locator("#id_name")).to_have_value(factories.ORGANIZATION)
    tours = alma.promises("tours", "6")
    expect(alma.page.locator(f"{tours} ~ .promise-details .school-choice")).to_be_hidden()
    alma.choose(f"{tours}-where_1")
    schools = f"{tours} ~ .promise-details .school-choice"
    alma.press(f"{schools} details:last-child summary")
    alma.tick(f"{schools} input[value='{chavez.pk}']")
    alma.tick(f"{tours}-grades_4")
    alma.tick(f"{tours}-months_2")
    alma.promises("mentors", "2")
    alma.send(SAVE)
    expect(alma.page.locator("[role=status] .message-success")).to_be_visible()
    pledge = Pledge.objects.get()
    assert snapshots.promises(pledge) == [
        ("tours", 6, ["9-12"], [10], ["Cesar Chavez High"], ""),
        ("mentors", 2, [], [], [], ""),
    ]
    assert (pledge.state, pledge.contact.email) == ("draft", alma.address)


def finds_it_in_another_browser(page: Page, link: str) -> None:
    page.goto(link)
    tours = kind("tours")
    expect(page.locator(f"{tours}-quantity")).to_have_value("6")
    for ticked in (tours, f"{tours}-where_1", f"{tours}-grades_4", f"{tours}-months_2", kind("mentors")):
        expect(page.locator(ticked)).to_be_checked()
    expect(page.locator(kind("teachers"))).not_to_be_checked()


def signs_and_changes(alma: Partner) -> None:
    alma.signs()
    alma.sees("Thank you for your promise")
    message, link = alma.gets("Your promises for %(year)s are signed", year="2027–28")
    assert certificates(message) == ["imagine-promise-2027-28.pdf"]
    alma.send(f"main a[href$='{link.partition('/imagine/')[2]}']")
    alma.sees("Your promises for %(year)s", year="2027–28")
    alma.promises("tours", "9")
    alma.press(kind("mentors"))
    alma.signs()
    alma.sees("Thank you for your promise")
    alma.gets("Your changed promises for %(year)s are signed", year="2027–28")
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 9}


def renews(alma: Partner) -> None:
    old = Pledge.objects.get().get_absolute_url()
    factories.close_year()
    alma.page.goto(old)
    alma.sees("Your promises for %(year)s", year="2027–28")
    expect(alma.page.locator("input[name='sign-name']")).to_have_count(0)
    PledgeYear.objects.create(school_year=2028, opens_on=timezone.localdate())
    alma.page.goto(old)
    alma.sees("What will you promise for %(year)s?", year="2028–29")
    expect(alma.page.locator(f"{kind('tours')}-quantity")).to_have_value("9")
    alma.promises("teachers", "12")
    alma.signs()
    alma.gets("Your promises for %(year)s are signed", year="2028–29")
    assert snapshots.promised_amounts(Pledge.objects.get(year=2028)) == {"tours": 9, "teachers": 12}
    assert snapshots.promised_amounts(Pledge.objects.get(year=2027)) == {"tours": 9}


@pytest.mark.parametrize(("way", "language", "width"), [("pointer", "en", PHONE), ("no script", "es", DESKTOP)])
def test_pledge_is_started_from_an_rsvp_and_signed(partner, language):
    rsvp = factories.rsvp(
        factories.event(), email=partner.address, organization_name="Delta Growers", language=language
    )
    assert wait_until(lambda: len(partner.mailbox.to(partner.address)) == 1, 30)
    partner.mails = 1
    partner.page.goto(rsvp.get_absolute_url())
    if language == "es":
        partner.send("button[name=language][value=es]")
    partner.send(".divided-section button")
    partner.sees("What will you promise for %(year)s?", year="2027–28")
    expect(partner.page.locator("#id_name")).to_have_value("Delta Growers")
    _message, link = partner.gets("Your link to promise for %(year)s", year="2027–28")
    assert link != partner.page.url
    partner.promises("tours", "6")
    expect(partner.page.locator("button[name=sign]")).to_have_count(0)
    partner.send("button[name=save]")
    expect(partner.page.locator(f"{kind('tours')}-quantity")).to_have_value("6")
    browsers_own = partner.page.url
    partner.page.goto(link)
    expect(partner.page.locator(f"{kind('tours')}-quantity")).to_have_value("6")
    partner.signs()
    partner.sees("Thank you for your promise")
    partner.gets("Your promises for %(year)s are signed", year="2027–28")
    assert partner.page.request.get(browsers_own).status == 404
    partner.page.goto(rsvp.get_absolute_url())
    partner.send(".divided-section button")  # now the address is a partner's: it is led there by mail alone
    expect(partner.page.locator("[role=status] .message-success")).to_be_visible()
    assert partner.page.url.endswith(rsvp.get_absolute_url())
    partner.gets("The link to your promises for %(year)s", year="2027–28")
