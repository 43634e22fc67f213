"""The whole story of two parties, from the landing page to the emails in their inboxes."""

import pytest
from django.utils import translation
from playwright.sync_api import expect

from imagine.core.formatting import day
from summit.models import Event, Rsvp
from tests import factories, snapshots
from tests.browser.mailbox import links
from tests.browser.visitor import WAYS, Visitor

pytestmark = pytest.mark.browser

SAVE_NAMES = "ol.party ~ .actions .btn-primary"

HEADINGS = {
    "en": {
        "poster": "Come to breakfast. Keep a promise all year.",
        "two": "You have 2 seats",
        "three": "You have 3 seats",
        "four": "You have 4 seats",
        "waits": "You’re on the waitlist for 2 seats",
        "sure": "Cancel your RSVP?",
        "cancelled": "Your RSVP is canceled",
        "lost": "Lost your link?",
        "look": "Check your email",
    },
    "es": {
        "poster": "Venga a desayunar. Cumpla una promesa todo el año.",
        "two": "Tiene 2 lugares reservados",
        "three": "Tiene 3 lugares reservados",
        "four": "Tiene 4 lugares reservados",
        "waits": "Está en la lista de espera para 2 lugares",
        "sure": "¿Cancelar su reservación?",
        "cancelled": "Su reservación está cancelada",
        "lost": "¿Perdió su enlace?",
        "look": "Revise su correo",
    },
}
SUBJECTS = {
    "en": {
        "two": "Your 2 seats on {day} are confirmed",
        "three": "Your 3 seats on {day} are confirmed",
        "changed to four": "Your RSVP was updated. You have 4 seats on {day}",
        "changed to three": "Your RSVP was updated. You have 3 seats on {day}",
        "waits": "You’re on the waitlist for 2 seats on {day}",
        "cancelled": "Your RSVP for {day} is canceled",
        "moved up": "Seats opened up. You have 2 seats on {day}",
        "link": "The link to your RSVP for {day}",
    },
    "es": {
        "two": "Sus 2 lugares para el {day} están confirmados",
        "three": "Sus 3 lugares para el {day} están confirmados",
        "changed to four": "Se actualizó su reservación. Tiene 4 lugares reservados para el {day}",
        "changed to three": "Se actualizó su reservación. Tiene 3 lugares reservados para el {day}",
        "waits": "Está en la lista de espera para 2 lugares el {day}",
        "cancelled": "Su reservación para el {day} está cancelada",
        "moved up": "Se desocuparon lugares. Tiene 2 lugares reservados para el {day}",
        "link": "El enlace a su reservación para el {day}",
    },
}


class Guest(Visitor):
    def expect_heading(self, heading: str) -> None:
        expect(self.page.locator("h1")).to_have_text(HEADINGS[self.language][heading])

    def expect_email(self, subject: str) -> str:
        """Wait for the next email, check its subject, and return its personal link."""
        message = self.next_email()
        with translation.override(self.language):
            assert message["Subject"].strip() == SUBJECTS[self.language][subject].format(
                day=day(Event.objects.next_of(Event.Kind.SUMMIT).starts_at)
            )
        (link,) = set(links(message))
        return link

    def open_landing_page(self) -> None:
        self.page.goto("/imagine/")
        if self.language == "es":
            self.send(".language-switch button[value=es]")
        heading = self.page.locator("h1")
        with translation.override(self.language):
            expect(heading).to_contain_text(Event.objects.next_of(Event.Kind.SUMMIT).localized_title)
        expect(heading).to_contain_text(HEADINGS[self.language]["poster"])

    def reserve(self, size: int) -> None:
        self.open_landing_page()
        self.press(".hero a[href='#rsvp']")
        self.fill("#id_name", self.name)
        self.fill("#id_email", self.address)
        self.choose(f"input[name=size][value='{size}']")
        self.send("#rsvp form > div > button")


@pytest.mark.parametrize(("way", "language", "width"), WAYS)
def test_party_reserves_changes_cancels_and_returns(visit, site, way, language, width):
    event = factories.event(capacity=4)
    alma, ben = (
        Guest(visit("en", width, scripts=way != "no script"), way, language, site.mailbox, name)
        for name in ("Alma Reyes", "Ben Ochoa")
    )
    reserve_and_name_guests(alma)
    add_and_remove_guest(alma)
    assert snapshots.seats(event) == [("Alma Reyes", 3, 0)]

    ben.reserve(2)
    ben.expect_heading("waits")
    ben.expect_email("waits")
    cancel(alma)
    ben.page.reload()
    ben.expect_heading("two")
    assert ben.expect_email("moved up") == site.address + Rsvp.objects.get(email=ben.address).get_absolute_url()

    reinstate(alma)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0), ("Ben Ochoa", 2, 0)]


def reserve_and_name_guests(alma: Guest) -> None:
    alma.reserve(3)
    alma.expect_heading("three")
    link = alma.expect_email("three")
    page_link = alma.page.url
    assert link != page_link

    alma.page.goto(link)
    second_guest = "ol.party > li:nth-child(2) input:not([type=hidden])"
    alma.fill(f"{second_guest}[name$=name]", "María Thạch")
    alma.press("ol.party > li:nth-child(2) summary")
    alma.fill(f"{second_guest}[name$=dietary_needs]", "vegetarian")
    alma.send(SAVE_NAMES)
    expect(alma.page.locator("[role=status] .message-success")).to_be_visible()
    expect(alma.page.locator("[role=status]")).to_be_focused()
    assert alma.page.request.get(page_link).status == 404
    expect(alma.page.locator(f"{second_guest}[name$=dietary_needs]")).to_have_value("vegetarian")
    party = Rsvp.objects.get(email=alma.address).guests.values_list("name", "dietary_needs")
    assert list(party) == [("Alma Reyes", ""), ("María Thạch", "vegetarian"), ("", "")]


def add_and_remove_guest(alma: Guest) -> None:
    alma.send("ol.party ~ .actions .btn-outline-primary")
    alma.expect_heading("four")
    alma.expect_email("changed to four")
    alma.send("ol.party > li:nth-child(4) button[name=remove]")
    alma.expect_heading("three")
    alma.expect_email("changed to three")


def cancel(alma: Guest) -> None:
    alma.send(".danger-zone a")
    alma.expect_heading("sure")
    assert Rsvp.objects.get(email=alma.address).held_seats == 3
    alma.send("main form button")
    alma.expect_heading("cancelled")
    alma.expect_email("cancelled")


def reinstate(alma: Guest) -> None:
    alma.send(".site-footer a[href$='/find/']")
    alma.expect_heading("lost")
    alma.fill("#id_email", alma.address.upper())
    alma.send("main form button")
    alma.expect_heading("look")
    alma.page.goto(alma.expect_email("link"))
    alma.expect_heading("cancelled")
    alma.choose("input[name=size][value='2']")
    alma.send("main form .btn-primary")
    alma.expect_heading("two")
    alma.expect_email("two")
