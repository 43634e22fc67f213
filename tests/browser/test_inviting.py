"""Staff invite partners to the kickoff and watch the mailing in a real browser with a real worker, in both languages,
with and without scripts. Each opened page is checked."""

import re
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
from tests.browser.staff import TABLET, StaffMember, change_url, sign_in

pytestmark = pytest.mark.browser

PEOPLE = 40
SLOW, FAST = 2, 400  # emails per second: slow enough to watch, fast enough to finish
TIMEOUT_MS = 60_000  # long enough for a busy machine


@pytest.fixture
def kickoff(site) -> Iterator[Event]:
    previous = send_rate.get_send_rate().per_second
    send_rate.set_send_rate(SLOW)
    yield factories.event(kind="kickoff", title="Partner Kick-off", title_es="Encuentro inicial", invitation_only=True)
    send_rate.set_send_rate(previous)


def spreadsheet(language: str) -> dict:
    """A list of people with an invalid email address and a duplicate."""
    rows = [f"p{number}.{language}@example.org,Persona {number},," for number in range(PEOPLE)]
    rows += ["broken@,Nobody,,", f"P1.{language}@example.org,Twice,,"]
    content = "\n".join(["E-mail,Name,Organization,Language", *rows])
    return {"name": "list.csv", "mimeType": "text/csv", "buffer": content.encode()}


def sent_count(mailing: Mailing) -> int:
    return mailing.messages.filter(state=Message.State.SENT).count()


@pytest.mark.parametrize(("language", "width", "theme"), [("en", DESKTOP, "light"), ("es", TABLET, "dark")])
def test_partners_are_invited_and_the_mailing_is_watched(visit, site, staff, kickoff, language, width, theme):
    factories.signed_pledge("Port Gate Logistics", f"gate.{language}@example.org")
    staff_member = StaffMember(visit(language, width), language, theme)
    audience = create_audience(staff_member, kickoff)
    upload_contacts(staff_member, audience)
    review_recipients(staff_member)
    mailing = confirm_invitations(staff_member, kickoff)
    pause_and_resume(staff_member, mailing)
    check_one_email_each(site, language)
    check_nobody_is_invited_twice(staff_member, kickoff, audience)
    move_event(staff_member, kickoff, site)
    assert not staff_member.problems, "\n".join(staff_member.problems)


def create_audience(staff_member: StaffMember, event: Event) -> Audience:
    staff_member.visit(change_url(event))
    staff_member.click(f"a[href$='/event/{event.pk}/invite/']")
    staff_member.click(f"a[href*='audience/add/?event={event.pk}']")
    staff_member.fill(name="Kick-off")
    staff_member.page.select_option("[name=pledge_year]", "2027")
    staff_member.click("[name=_list]")
    return Audience.objects.get()


def upload_contacts(staff_member: StaffMember, audience: Audience) -> None:
    staff_member.page.set_input_files("[name=file]", spreadsheet(staff_member.language))
    staff_member.click("#content [type=submit] >> nth=-1")
    staff_member.expect_texts("broken@", "list.csv")
    assert not audience.uploaded_contacts.exists()
    staff_member.page.check("[name=leave]")
    staff_member.click("[name=put_in]")
    assert audience.uploaded_contacts.count() == PEOPLE
    assert "/invite/" in staff_member.page.url


def review_recipients(staff_member: StaffMember) -> None:
    stats = staff_member.page.locator(".admin-stats dd")
    assert stats.all_inner_texts()[:2] == [f"{PEOPLE + 1}", "0"]
    expect(staff_member.page.locator(".admin-card")).to_have_count(2)
    staff_member.click("a[href*='page=2']")
    staff_member.fill(q="persona 12")
    staff_member.click("[role=search] button")
    expect(staff_member.page.locator(".admin-invitees tbody tr")).to_have_count(1)
    staff_member.click(".admin-invitees tbody td a")
    staff_member.expect_texts("Persona 12,")


def confirm_invitations(staff_member: StaffMember, event: Event) -> Mailing:
    """Enter a wrong number first."""
    staff_member.fill(number=PEOPLE)
    staff_member.click(".admin-confirm button")
    expect(staff_member.page.locator(".admin-confirm .errorlist")).to_have_count(1)
    assert not Invitation.objects.exists()
    staff_member.fill(number=PEOPLE + 1)
    staff_member.click(".admin-confirm button")
    assert event.invitations.count() == PEOPLE + 1
    return Mailing.objects.get()


def pause_and_resume(staff_member: StaffMember, mailing: Mailing) -> None:
    """The page updates itself without any click."""
    page, state = staff_member.page, staff_member.page.locator("#progress")
    expect(state).to_have_attribute("data-state", "sending-0", timeout=TIMEOUT_MS)
    expect(state.locator("dd").first).not_to_have_text("0", timeout=TIMEOUT_MS)
    staff_member.check_page()
    if staff_member.language == "en":
        expect(page.get_by_role("status")).to_have_text(re.compile(rf"^\d+ of {PEOPLE + 1} sent, "), timeout=TIMEOUT_MS)
    staff_member.click("[name=pause]")
    expect(state).to_have_attribute("data-state", "paused-0")
    page.wait_for_timeout(1500)  # emails already being transmitted are sent
    previous = sent_count(mailing)
    page.wait_for_timeout(1500)
    assert sent_count(mailing) == previous < PEOPLE + 1
    staff_member.fill(per_second=FAST)
    staff_member.click("[name=set_rate]")
    staff_member.click("[name=resume]")
    expect(state).to_have_attribute("data-state", "done-0", timeout=TIMEOUT_MS)
    assert sent_count(mailing) == PEOPLE + 1
    staff_member.check_page()


def check_one_email_each(site, language: str) -> None:
    """Count the emails in the mail server's folder."""
    addresses = [contact.email for contact in Contact.objects.all()]
    assert Counter(len(invitations(site, address)) for address in addresses) == {1: PEOPLE + 1}


def invitations(site, address: str) -> list:
    return [message for message in site.mailbox.to(address) if message["List-Unsubscribe"]]


def check_nobody_is_invited_twice(staff_member: StaffMember, event: Event, audience: Audience) -> None:
    staff_member.visit(f"/imagine/admin/summit/event/{event.pk}/invite/{audience.pk}/")
    expect(staff_member.page.locator("[name=number]")).to_have_count(0)
    staff_member.click("a[href*='who=invited']")
    expect(staff_member.page.locator(".admin-invitees tbody tr")).to_have_count(25)
    staff_member.visit(f"{change_url(event)}?tab=invitations")
    staff_member.visit("/imagine/admin/summit/invitation/")
    staff_member.visit("/imagine/admin/mail/mailing/")


def move_event(staff_member: StaffMember, event: Event, site) -> None:
    """No one has answered, so everyone is notified once."""
    staff_member.visit(f"{change_url(event)}?tab=settings")
    staff_member.fill(venue="Stockton Civic Auditorium")
    staff_member.click("[name=_save]")
    expect(staff_member.page.locator(".admin-card")).to_have_count(2)
    staff_member.expect_texts(f"{PEOPLE + 1} ", "Stockton Civic Auditorium")
    staff_member.click("[name=_sure]")
    change_notices = Mailing.objects.get(template="invitation_moved")
    staff_member.visit(f"/imagine/admin/mail/mailing/{change_notices.pk}/change/")
    expect(staff_member.page.locator("#progress")).to_have_attribute("data-state", "done-0", timeout=TIMEOUT_MS)
    staff_member.check_page()
    addresses = [contact.email for contact in Contact.objects.all()]
    assert Counter(len(invitations(site, address)) for address in addresses) == {2: PEOPLE + 1}


def test_mailing_is_stopped_without_scripts(visit, staff, kickoff):
    """Invite the year's partners in three clicks, then start and stop another mailing."""
    for number in range(3):
        factories.signed_pledge(f"Partner {number}", f"partner{number}@example.org")
    others = factories.audience(
        name="Others", uploaded_contacts=[factories.person(f"Other {number}") for number in range(30)]
    )
    send_rate.set_send_rate(1)
    page = visit(scripts=False)
    sign_in(page)
    page.goto(change_url(kickoff))
    page.click(f"a[href$='/event/{kickoff.pk}/invite/']")
    page.click(".admin-card form button")
    page.fill("[name=number]", "3")
    page.click(".admin-confirm button")
    expect(page.locator("#progress")).to_contain_text("of 3 sent")
    page.goto(f"/imagine/admin/summit/event/{kickoff.pk}/invite/{others.pk}/")
    page.fill("[name=number]", "30")
    page.click(".admin-confirm button")
    page.click("#progress .admin-links a >> nth=0")  # reload
    page.click("[name=stop]")
    assert Mailing.objects.filter(stopped_at__isnull=True).count() == 2
    page.click(".submit-row [name=stop]")
    expect(page.locator("#progress")).to_have_attribute("data-state", "stopped-0")
    stopped = Mailing.objects.exclude(stopped_at=None).get()
    assert wait_until(
        lambda: stopped.invitations.count() == sent_count(stopped), 15
    )  # emails already being transmitted are sent
    assert sent_count(stopped) < 30
