"""The story of an invitation: it arrives by email, is declined, accepted and declined again. Then its recipient changes
email preferences and unsubscribes."""

import re

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from playwright.sync_api import expect

from imagine.mail import preferences
from partners.models import Contact
from partners.organizations import contacts
from summit.invitations import starting
from summit.models import Invitation
from tests import factories, snapshots
from tests.browser.axe_checks import page_problems
from tests.browser.mailbox import links
from tests.browser.visitor import WAYS, Visitor

pytestmark = pytest.mark.browser

ACCEPT, DECLINE = "form[action$='/accept/']", "form[action$='/decline/']"
UNSUBSCRIBE = re.compile("<(https?://[^>]+)>")


class Guest(Visitor):
    """Alma Reyes, who is invited to the kickoff."""

    def open(self, link: str) -> None:
        self.page.goto(link)

    def expect_heading(self, message_id: str, *plural: str, number: int = 1, before: str = "", **values) -> None:
        """The page has this heading, after what the pattern `before` matches, and no problems. With the keyboard or
        without scripts it is the same page."""
        with translation.override(self.language):
            heading = ngettext(message_id, *plural, number) if plural else _(message_id)
            expect(self.page.locator("h1")).to_have_text(re.compile(rf"^\s*{before}{re.escape(heading % values)}\s*$"))
        if self.way == "pointer":
            assert page_problems(self.page, self.language) == []


@pytest.fixture
def alma(visit, site, way, language, width) -> Guest:
    return Guest(visit("en", width, scripts=way != "no script"), way, language, site.mailbox)


@pytest.fixture
def invitation(alma, language) -> Invitation:
    """Alma's invitation, in a mailing that is being sent."""
    event = factories.event(
        kind="kickoff", title="Partner kick-off", title_es="Encuentro inicial", invitation_only=True
    )
    organization = factories.organization("Delta Growers")
    contact = contacts.add_contact(organization, email=alma.address, name="Alma Reyes", language=language)
    other = contacts.add_contact(organization, email="ben@example.org", name="Ben Ochoa")
    starting.start_invitations(event, factories.audience(uploaded_contacts=[contact, other]), count=2, by="office")
    return Invitation.objects.get(contact=contact)


@pytest.mark.parametrize(("way", "language", "width"), WAYS)
def test_invitation_declined_accepted_and_declined_again(alma, invitation):
    message = alma.next_email()
    [link] = set(links(message, "invitation"))
    assert link.endswith(invitation.get_absolute_url())
    decline(alma, link)
    accept(alma, invitation)
    decline_again(alma, link, invitation)
    change_preferences(alma, message)
    unsubscribe(alma, message)


def decline(alma: Guest, link: str) -> None:
    alma.open(link)
    if alma.language == "es":
        alma.send(".language-switch button[value=es]")
    alma.expect_heading("You’re invited to breakfast", before=r"(Partner kick-off|Encuentro inicial)\.\s[\s\S]+\s")
    alma.fill("#id_decline_message", "We are at harvest that week.")
    alma.send(f"{DECLINE} button")
    alma.expect_heading("You told us you can’t come")
    expect(alma.page.locator(".status")).to_contain_text("We are at harvest that week.")


def accept(alma: Guest, invitation: Invitation) -> None:
    alma.press(".status .actions a")
    expect(alma.page.locator("#id_name")).to_have_value("Alma Reyes")
    expect(alma.page.locator("#id_organization_name")).to_have_value("Delta Growers")
    expect(alma.page.locator(".guest-row:visible")).to_have_count(0)
    alma.choose("#id_size_1")
    expect(alma.page.locator(".guest-row:visible")).to_have_count(1)
    alma.fill("#id_guest_2", "María Thạch")
    alma.send(f"{ACCEPT} > div > button")
    alma.expect_heading("You have %(held)d seat", "You have %(held)d seats", number=2, held=2)
    expect(alma.page.locator("ol.party li")).to_have_text(["Alma Reyes", "María Thạch"])
    assert snapshots.seats(invitation.event) == [("Alma Reyes", 2, 0)]
    alma.next_email()


def decline_again(alma: Guest, link: str, invitation: Invitation) -> None:
    alma.send("main a[href*='/rsvp/'].btn-primary")  # the RSVP's own page, and back
    alma.expect_heading("You have %(held)d seat", "You have %(held)d seats", number=2, held=2)
    alma.open(link)
    alma.send(f"{DECLINE} button")
    alma.expect_heading("Cancel your RSVP?")
    alma.send(f"{DECLINE} button")
    alma.expect_heading("You told us you can’t come")
    assert snapshots.seats(invitation.event) == [("Alma Reyes", 0, 0)]
    alma.next_email()


def change_preferences(alma: Guest, message) -> None:
    link = next(link for link in links(message, "mail") if f"{link}invitations/" not in link)
    alma.open(link)
    alma.expect_heading("Which emails do you want?")
    alma.check("#id_news")
    other = "es" if alma.language == "en" else "en"
    alma.choose(f"input[name=language][value={other}]")
    alma.send("main form .btn-primary")
    alma.expect_heading("Which emails do you want?")
    expect(alma.page.locator("[role=status] .message-success")).to_be_visible()
    assert preferences.get_preference(alma.address).wants_news
    assert Contact.objects.get(email=alma.address).language == other


def unsubscribe(alma: Guest, message) -> None:
    [link] = UNSUBSCRIBE.findall(str(message["List-Unsubscribe"]))
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    alma.open(link)
    alma.expect_heading("Unsubscribe from invitations?")
    alma.send("main form button")
    alma.expect_heading("You’re unsubscribed from invitations")
    assert not preferences.get_preference(alma.address).wants_invitations
    alma.send("main form button")
    alma.expect_heading("Unsubscribe from invitations?")
    assert preferences.get_preference(alma.address).wants_invitations


def test_one_click_unsubscribe_needs_no_cookie_or_redirect(visit, site):
    """Mail programs have no cookie, follow no redirect and read no page: the email's headers are enough (RFC 8058)."""
    address = preferences.get_preference("alma@example.org")
    program = visit().request
    link = site.address + address.get_absolute_url() + "invitations/"
    response = program.post(link, form={"List-Unsubscribe": "One-Click"}, max_redirects=0)
    assert response.status == 200
    address.refresh_from_db()
    assert (address.wants_invitations, address.wants_reminders) == (False, True)
