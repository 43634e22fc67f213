"""The whole story, as two parties live it: from the landing page to the mail in the inbox, and back."""

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

PAGES = {
    "en": {
        "poster": "Come to breakfast. Keep a promise all year.",
        "two": "You have 2 seats",
        "three": "You have 3 seats",
        "four": "You have 4 seats",
        "waits": "You are waiting for 2 seats",
        "sure": "Cancel all 3 seats?",
        "cancelled": "Your RSVP is cancelled",
        "lost": "Lost your link?",
        "look": "Look at your mail",
    },
    "es": {
        "poster": "Venga a desayunar. Cumpla una promesa todo el año.",
        "two": "Tiene 2 lugares",
        "three": "Tiene 3 lugares",
        "four": "Tiene 4 lugares",
        "waits": "Está en espera de 2 lugares",
        "sure": "¿Cancelar los 3 lugares?",
        "cancelled": "Su reservación está cancelada",
        "lost": "¿Perdió su enlace?",
        "look": "Revise su correo",
    },
}
MAILS = {
    "en": {
        "two": "Your 2 seats on {day} are confirmed",
        "three": "Your 3 seats on {day} are confirmed",
        "changed to four": "Your party changed. You have 4 seats on {day}",
        "changed to three": "Your party changed. You have 3 seats on {day}",
        "waits": "You are waiting for 2 seats on {day}",
        "cancelled": "Your RSVP for {day} is cancelled",
        "moved up": "Seats came free. You have 2 seats on {day}",
        "link": "The link to your RSVP for {day}",
    },
    "es": {
        "two": "Sus 2 lugares para el {day} están confirmados",
        "three": "Sus 3 lugares para el {day} están confirmados",
        "changed to four": "Cambió su grupo. Tiene 4 lugares para el {day}",
        "changed to three": "Cambió su grupo. Tiene 3 lugares para el {day}",
        "waits": "Está en espera de 2 lugares para el {day}",
        "cancelled": "Su reservación del {day} está cancelada",
        "moved up": "Se liberaron lugares. Tiene 2 lugares para el {day}",
        "link": "El enlace a su reservación del {day}",
    },
}


class Guest(Visitor):
    def sees(self, headline: str) -> None:
        expect(self.page.locator("h1")).to_have_text(PAGES[self.language][headline])

    def gets(self, mail: str) -> str:
        """The next mail has come and says this; returns its private link."""
        message = self.next_mail()
        with translation.override(self.language):
            assert message["Subject"].strip() == MAILS[self.language][mail].format(
                day=day(Event.objects.get().starts_at)
            )
        (link,) = set(links(message))
        return link

    def arrives(self) -> None:
        self.page.goto("/imagine/")
        if self.language == "es":
            self.send("button[name=language][value=es]")
        self.sees("poster")

    def reserves(self, size: int) -> None:
        self.arrives()
        self.press(".hero a[href='#rsvp']")
        self.write("#id_name", self.name)
        self.write("#id_email", self.address)
        self.choose(f"input[name=size][value='{size}']")
        self.send("#rsvp form > div > button")


@pytest.mark.parametrize(("way", "language", "width"), WAYS)
def test_party_reserves_changes_cancels_and_returns(visit, site, way, language, width):
    event = factories.event(capacity=4)
    alma, ben = (
        Guest(visit("en", width, scripts=way != "no script"), way, language, site.mailbox, name)
        for name in ("Alma Reyes", "Ben Ochoa")
    )
    reserves_and_names(alma)
    grows_and_shrinks(alma)
    assert snapshots.seats(event) == [("Alma Reyes", 3, 0)]

    ben.reserves(2)
    ben.sees("waits")
    ben.gets("waits")
    cancels(alma)
    ben.page.reload()
    ben.sees("two")
    assert ben.gets("moved up") == site.address + Rsvp.objects.get(email=ben.address).get_absolute_url()

    comes_back(alma)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0), ("Ben Ochoa", 2, 0)]


def reserves_and_names(alma: Guest) -> None:
    alma.reserves(3)
    alma.sees("three")
    link = alma.gets("three")
    browsers_own = alma.page.url
    assert link != browsers_own

    alma.page.goto(link)
    second = "ol.party > li:nth-child(2) input:not([type=hidden])"
    alma.write(f"{second}[name$=name]", "María Thạch")
    alma.press("ol.party > li:nth-child(2) summary")
    alma.write(f"{second}[name$=dietary_needs]", "vegetarian")
    alma.send(SAVE_NAMES)
    expect(alma.page.locator("[role=status] .message-success")).to_be_visible()
    assert alma.page.request.get(browsers_own).status == 404
    expect(alma.page.locator(f"{second}[name$=dietary_needs]")).to_have_value("vegetarian")
    party = Rsvp.objects.get(email=alma.address).guests.values_list("name", "dietary_needs")
    assert list(party) == [("Alma Reyes", ""), ("María Thạch", "vegetarian"), ("", "")]


def grows_and_shrinks(alma: Guest) -> None:
    alma.send("ol.party ~ .actions .btn-outline-primary")
    alma.sees("four")
    alma.gets("changed to four")
    alma.send("ol.party > li:nth-child(4) button[name=remove]")
    alma.sees("three")
    alma.gets("changed to three")


def cancels(alma: Guest) -> None:
    alma.send(".danger-zone a")
    alma.sees("sure")
    assert Rsvp.objects.get(email=alma.address).held_seats == 3
    alma.send("main form button")
    alma.sees("cancelled")
    alma.gets("cancelled")


def comes_back(alma: Guest) -> None:
    alma.send(".site-footer a[href$='/find/']")
    alma.sees("lost")
    alma.write("#id_email", alma.address.upper())
    alma.send("main form button")
    alma.sees("look")
    alma.page.goto(alma.gets("link"))
    alma.sees("cancelled")
    alma.choose("input[name=size][value='2']")
    alma.send("main form .btn-primary")
    alma.sees("two")
    alma.gets("two")
