"""A day in the office, from copying next spring's event to exporting its guest list. Each opened page is checked."""

import csv
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from imagine.mail.models import Message
from summit import seats
from summit.models import Event
from tests import factories, snapshots
from tests.browser.axe_checks import DESKTOP
from tests.browser.staff import TABLET, StaffMember, change_url
from tests.browser.test_story import Guest

pytestmark = pytest.mark.browser

START, EVENTS, RSVPS = "/imagine/admin/", "/imagine/admin/summit/event/", "/imagine/admin/summit/rsvp/"
NEW_VENUE = "Weber Point Events Center"


def ben_email(staff_member: StaffMember) -> str:
    """A different address for each run, since the mailbox keeps all email."""
    return f"ben.ochoa.{staff_member.language}@example.org"


@pytest.mark.parametrize(("language", "width", "theme"), [("en", DESKTOP, "light"), ("es", TABLET, "dark")])
def test_a_day_in_the_office(visit, site, staff, language, width, theme):
    factories.event(title="Imagine Promise Summit", starts_at=timezone.now() - timedelta(days=230))
    staff_member = StaffMember(visit(language, width), language, theme)
    event = copy_event(staff_member)
    maria = fill_event(staff_member, event, visit, site)
    add_guest_by_phone(staff_member, event, maria)
    raise_capacity(staff_member, event, site)
    edit_concurrently(staff_member, event)
    check_problem_lists(staff_member, event)
    reschedule_event(staff_member, event, maria)
    move_party_to_waitlist(staff_member, event)
    cancel_another_event(staff_member)
    export_guests(staff_member, event)
    assert not staff_member.problems, "\n".join(staff_member.problems)


def copy_event(staff_member: StaffMember) -> Event:
    staff_member.visit(EVENTS)
    staff_member.click("a[href*='copied=']")
    yesterday = timezone.localdate() - timedelta(days=1)
    staff_member.fill(capacity=4, max_party_size=4, rsvp_opens_at_0=yesterday.isoformat())
    staff_member.page.check("[name=is_published]")
    assert Event.objects.count() == 1
    staff_member.click("[name=_save]")
    event = Event.objects.latest("pk")
    assert (event.starts_at > timezone.now(), event.is_published, event.capacity) == (True, True, 4)
    return event


def fill_event(staff_member: StaffMember, event: Event, visit, site) -> Guest:
    """A guest RSVPs on the public page; for others the event is full."""
    maria = Guest(visit(), "pointer", "en", site.mailbox, "María Muñoz")
    maria.address = f"maria.munoz.{staff_member.language}@example.org"
    maria.reserve(3)
    maria.expect_heading("three")
    factories.rsvp(event, "Large", size=4)
    factories.rsvp(event, "Ben Ochoa", email=ben_email(staff_member), size=2, guests=("Ana Ibáñez",))
    staff_member.visit(START)
    staff_member.click(f".admin-event a[href='{change_url(event)}']")
    assert staff_member.page.locator(".admin-stats").first.locator("dd").all_inner_texts() == ["3", "6", "0", "1", "4"]
    staff_member.page.click(".admin-page summary")
    expect(staff_member.page.locator(".admin-page details").nth(1).locator("tbody td")).to_have_text(["3", "9"])
    staff_member.check_page()
    return maria


def add_guest_by_phone(staff_member: StaffMember, event: Event, maria: Guest) -> None:
    """Find her without the accents in her name, and add a guest whose name she knows."""
    staff_member.visit(RSVPS)
    staff_member.fill(q="munoz")
    staff_member.click("#changelist-search [type=submit]")
    staff_member.click("#result_list tbody th a")
    staff_member.fill(size=4, phone="(209) 555-0123", guests__1__name="Inés Peña", guests__1__dietary_needs="no nuts")
    staff_member.click("[name=_save]")
    assert snapshots.seats(event)[0] == ("María Muñoz", 4, 0)
    maria.page.reload()
    maria.expect_heading("four")
    second = maria.page.locator("ol.party > li:nth-child(2) input:not([type=hidden])[name$=name]")
    expect(second).to_have_value("Inés Peña")


def raise_capacity(staff_member: StaffMember, event: Event, site) -> None:
    """Add two seats: the first party in line needs four, so the next one is promoted and emailed."""
    staff_member.visit(change_url(event))
    staff_member.fill(capacity=6)
    staff_member.click(".admin-inline-form button")
    assert snapshots.seats(event)[1:] == [("Large", 0, 4), ("Ben Ochoa", 2, 0)]
    assert site.mailbox.newest(ben_email(staff_member), 2)["Subject"].startswith("Seats opened up. You have 2 seats")


def edit_concurrently(staff_member: StaffMember, event: Event) -> None:
    """Ben removes a guest through his link while his page is open here; what is typed stays."""
    ben = event.rsvps.get(name="Ben Ochoa")
    staff_member.visit(change_url(ben))
    staff_member.fill(note="Drives the speaker", guests__1__dietary_needs="vegan")
    seats.remove_guest(ben, ben.guests.get(position=2).pk)
    staff_member.click("[name=_save]")
    staff_member.expect_texts("Ana Ibáñez", "vegan")
    staff_member.click("[name=_save]")
    ben.refresh_from_db()
    assert (ben.note, ben.held_seats) == ("Drives the speaker", 1)


def check_problem_lists(staff_member: StaffMember, event: Event) -> None:
    """Failed email, queued email, and skipped parties are on the start page and on the event's page."""
    ben = event.rsvps.get(name="Ben Ochoa")
    ben.messages.filter(kind="rsvp_waitlisted").update(
        state=Message.State.REJECTED, sent_at=None, last_error="550 no such mailbox", send_after=timezone.now()
    )
    earlier, later = timezone.now() - timedelta(minutes=20), timezone.now() + timedelta(hours=1)
    Message.objects.create(
        idempotency_key="test:1", recipient="late@example.org", subject="Late", created_at=earlier, send_after=later
    )
    staff_member.visit(START)
    assert staff_member.page.locator(".admin-alert a").count() == 1
    assert staff_member.page.locator(".to-do-list a[href*='state__exact=rejected']").count() == 1
    staff_member.visit(change_url(event))
    staff_member.expect_texts("Large")
    staff_member.page.click(".admin-page summary")
    staff_member.check_page()
    staff_member.click(".admin-next-steps a[href$='tab=emails']")
    staff_member.expect_texts("550 no such mailbox")
    staff_member.click("section[aria-labelledby=failed] th a")
    staff_member.visit("/imagine/admin/mail/message/?state__exact=queued")


def reschedule_event(staff_member: StaffMember, event: Event, maria: Guest) -> None:
    """Confirmation, back, confirmation again, and save."""
    staff_member.visit(change_url(event))
    staff_member.click("a[href$='/reschedule/']")
    staff_member.fill(venue=NEW_VENUE)
    staff_member.click(".submit-row [type=submit]")
    staff_member.click("[name=_back]")
    expect(staff_member.page.locator("[name=venue]")).to_have_value(NEW_VENUE)
    assert staff_member.page.locator(".errornote, .errorlist").count() == 0
    staff_member.click(".submit-row [type=submit]")
    assert NEW_VENUE not in Event.objects.values_list("venue", flat=True)
    staff_member.click("[name=_sure]")
    assert NEW_VENUE in Event.objects.values_list("venue", flat=True)
    moved = maria.mailbox.newest(maria.address, 3)
    assert NEW_VENUE in moved.get_body(("plain",)).get_content()


def move_party_to_waitlist(staff_member: StaffMember, event: Event) -> None:
    staff_member.visit(f"{RSVPS}?q=ochoa")
    staff_member.run_action("move_rsvps_to_waitlist")
    staff_member.click("#content [type=submit]")
    assert snapshots.seats(event)[1:] == [("Large", 0, 4), ("Ben Ochoa", 0, 1)]
    staff_member.run_action("promote_over_capacity")  # without a reason
    assert snapshots.seats(event)[2] == ("Ben Ochoa", 0, 1)


def cancel_another_event(staff_member: StaffMember) -> None:
    rsvp = factories.rsvp(factories.event(title="Partner Kick-off", kind="kickoff"), "Dee")
    staff_member.visit(f"{EVENTS}?kind__exact=kickoff")
    staff_member.run_action("cancel_events")
    staff_member.click("#content [type=submit]")
    assert snapshots.emails(rsvp)[-1] == "event_canceled 2 CANCEL"


def export_guests(staff_member: StaffMember, event: Event) -> None:
    """Read the file with another library, guest by guest."""
    staff_member.visit(f"{change_url(event)}?tab=guests")
    staff_member.click(".admin-links a >> nth=0")
    with staff_member.page.expect_download() as download:
        staff_member.page.click("a[href*='guests.csv']")
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = [(row[2], row[5], row[3], row[10]) for row in csv.reader(file)][1:]
    party = event.rsvps.order_by("pk", "guests__position").values_list(
        "guests__name", "name", "guests__position", "guests__dietary_needs"
    )
    assert rows == [(guest, contact, str(place), dietary_needs) for guest, contact, place, dietary_needs in party]
    assert ("Inés Peña", "María Muñoz", "2", "no nuts") in rows
