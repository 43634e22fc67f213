"""The office invites partners to the kick-off and watches the mails leave: by a real browser, with a real worker, in
both languages, with and without scripts. Each page that it opens is examined."""

from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from imagine.demo.servers import wait_until
from imagine.mail.bulk import send_rate
from imagine.mail.models import Mailing, Message
from partners.models import Contact
from summit.models import Audience, Event, Invitation
from tests import factories
from tests.browser.axe_checks import DESKTOP
from tests.browser.staff import TABLET, Clerk, page_of, sign_in

pytestmark = pytest.mark.browser

PEOPLE = 40
SLOW, FAST = 4, 400  # mails a second: so that there is something to watch, and an end
LONG = 60_000  # ms for a worker on a busy machine


@pytest.fixture
def kickoff(site) -> Iterator[Event]:
    before = send_rate.get_send_rate().per_second
    send_rate.set_send_rate(SLOW)
    yield factories.event(kind="kickoff", title="Partner Kick-off", title_es="Encuentro inicial", invitation_only=True)
    send_rate.set_send_rate(before)


def spreadsheet(language: str) -> dict:
    """People on a list, a broken address among them, one that stands there twice, and one who wants no invitations."""
    rows = [f"p{number}.{language}@example.org,Persona {number},," for number in range(PEOPLE)]
    rows += ["broken@,Nobody,,", f"P1.{language}@example.org,Twice,,"]
    content = "\n".join(["E-mail,Name,Organization,Language", *rows])
    return {"name": "list.csv", "mimeType": "text/csv", "buffer": content.encode()}


def sent(mailing: Mailing) -> int:
    return mailing.messages.filter(state=Message.State.SENT).count()


@pytest.mark.parametrize(("language", "width", "theme"), [("en", DESKTOP, "light"), ("es", TABLET, "dark")])
def test_partners_are_invited_and_the_mailing_is_watched(visit, site, staff, kickoff, language, width, theme):
    factories.signed_pledge("Port Gate Logistics", f"gate.{language}@example.org")
    clerk = Clerk(visit(language, width), language, theme)
    audience = puts_an_audience_together(clerk, kickoff)
    takes_people_from_a_list(clerk, audience)
    reads_who_they_are(clerk)
    mailing = confirms(clerk, kickoff)
    watches_pauses_and_goes_on(clerk, mailing)
    everybody_has_one_mail(site, language)
    invites_nobody_twice(clerk, kickoff, audience)
    moves_the_event(clerk, kickoff, site)
    assert not clerk.found, "\n".join(clerk.found)


def puts_an_audience_together(clerk: Clerk, event: Event) -> Audience:
    clerk.opens(page_of(event))
    clerk.presses(f"a[href$='/event/{event.pk}/invite/']")
    clerk.presses(f"a[href*='audience/add/?event={event.pk}']")
    clerk.writes(name="Kick-off")
    clerk.page.select_option("[name=pledge_year]", "2027")
    clerk.presses("[name=_list]")
    return Audience.objects.get()


def takes_people_from_a_list(clerk: Clerk, audience: Audience) -> None:
    clerk.page.set_input_files("[name=file]", spreadsheet(clerk.language))
    clerk.presses("#content [type=submit] >> nth=-1")
    clerk.reads("broken@", "list.csv")
    assert not audience.uploaded_contacts.exists()
    clerk.page.check("[name=leave]")
    clerk.presses("[name=put_in]")
    assert audience.uploaded_contacts.count() == PEOPLE
    assert "/invite/" in clerk.page.url


def reads_who_they_are(clerk: Clerk) -> None:
    figures = clerk.page.locator(".admin-stats dd")
    assert figures.all_inner_texts()[:2] == [f"{PEOPLE + 1}", "0"]
    expect(clerk.page.locator(".admin-card")).to_have_count(2)
    clerk.presses("a[href*='page=2']")
    clerk.writes(q="persona 12")
    clerk.presses("[role=search] button")
    expect(clerk.page.locator(".admin-invitees tbody tr")).to_have_count(1)
    clerk.presses(".admin-invitees tbody a")
    clerk.reads("Persona 12,")


def confirms(clerk: Clerk, event: Event) -> Mailing:
    """A wrong number first."""
    clerk.writes(number=PEOPLE)
    clerk.presses(".admin-confirm button")
    expect(clerk.page.locator(".admin-confirm .errorlist")).to_have_count(1)
    assert not Invitation.objects.exists()
    clerk.writes(number=PEOPLE + 1)
    clerk.presses(".admin-confirm button")
    assert event.invitations.count() == PEOPLE + 1
    return Mailing.objects.get()


def watches_pauses_and_goes_on(clerk: Clerk, mailing: Mailing) -> None:
    """The page brings itself up to date: nothing is pressed for it."""
    page, state = clerk.page, clerk.page.locator("#progress")
    expect(state).to_have_attribute("data-state", "sending-0", timeout=LONG)
    expect(state.locator("dd").first).not_to_have_text("0", timeout=LONG)
    clerk.looks()
    clerk.presses("[name=pause]")
    expect(state).to_have_attribute("data-state", "paused-0")
    page.wait_for_timeout(1500)  # what was in mid-mail has left
    before = sent(mailing)
    page.wait_for_timeout(1500)
    assert sent(mailing) == before < PEOPLE + 1
    clerk.writes(per_second=FAST)
    clerk.presses("[name=set_rate]")
    clerk.presses("[name=resume]")
    expect(state).to_have_attribute("data-state", "done-0", timeout=LONG)
    assert sent(mailing) == PEOPLE + 1
    clerk.looks()


def everybody_has_one_mail(site, language: str) -> None:
    """Asked of the mail server's folder."""
    addresses = [contact.email for contact in Contact.objects.all()]
    assert Counter(len(invitations(site, address)) for address in addresses) == {1: PEOPLE + 1}


def invitations(site, address: str) -> list:
    return [message for message in site.mailbox.to(address) if message["List-Unsubscribe"]]


def invites_nobody_twice(clerk: Clerk, event: Event, audience: Audience) -> None:
    clerk.opens(f"/imagine/admin/summit/event/{event.pk}/invite/{audience.pk}/")
    expect(clerk.page.locator("[name=number]")).to_have_count(0)
    clerk.presses("a[href*='who=invited']")
    expect(clerk.page.locator(".admin-invitees tbody tr")).to_have_count(25)
    clerk.opens(page_of(event))
    clerk.opens("/imagine/admin/summit/invitation/")
    clerk.opens("/imagine/admin/mail/mailing/")


def moves_the_event(clerk: Clerk, event: Event, site) -> None:
    """Nobody has answered: all are told, once."""
    clerk.opens(page_of(event))
    clerk.writes(venue="Stockton Civic Auditorium")
    clerk.presses("[name=_save]")
    expect(clerk.page.locator(".admin-card")).to_have_count(2)
    clerk.reads(f"{PEOPLE + 1} ", "Stockton Civic Auditorium")
    clerk.presses("[name=_sure]")
    word = Mailing.objects.get(template="invitation_moved")
    clerk.opens(f"/imagine/admin/mail/mailing/{word.pk}/change/")
    expect(clerk.page.locator("#progress")).to_have_attribute("data-state", "done-0", timeout=LONG)
    clerk.looks()
    addresses = [contact.email for contact in Contact.objects.all()]
    assert Counter(len(invitations(site, address)) for address in addresses) == {2: PEOPLE + 1}


def test_mailing_is_stopped_without_scripts(visit, staff, kickoff):
    """The usual case in three clicks: invite, the partners of the year, the number. Then one that is stopped."""
    for number in range(3):
        factories.signed_pledge(f"Partner {number}", f"partner{number}@example.org")
    others = factories.audience(
        name="Others", uploaded_contacts=[factories.person(f"Other {number}") for number in range(30)]
    )
    send_rate.set_send_rate(1)
    page = visit(scripts=False)
    sign_in(page)
    page.goto(page_of(kickoff))
    page.click(f"a[href$='/event/{kickoff.pk}/invite/']")
    page.click(".admin-card form button")
    page.fill("[name=number]", "3")
    page.click(".admin-confirm button")
    expect(page.locator("#progress")).to_contain_text("of 3 are sent")
    page.goto(f"/imagine/admin/summit/event/{kickoff.pk}/invite/{others.pk}/")
    page.fill("[name=number]", "30")
    page.click(".admin-confirm button")
    page.click("#progress .admin-links a >> nth=0")  # look again
    page.click("[name=stop]")
    assert Mailing.objects.filter(stopped_at__isnull=True).count() == 2
    page.click(".submit-row [name=stop]")
    expect(page.locator("#progress")).to_have_attribute("data-state", "stopped-0")
    stopped = Mailing.objects.exclude(stopped_at=None).get()
    assert wait_until(lambda: stopped.invitations.count() == sent(stopped), 15)  # what was in mid-mail has left
    assert sent(stopped) < 30
