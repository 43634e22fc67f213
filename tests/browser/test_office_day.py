"""A day in the office, from next spring's summit to the list for the kitchen: each page that it opens is examined."""

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
from tests.browser.staff import TABLET, Clerk, page_of
from tests.browser.test_story import Guest

pytestmark = pytest.mark.browser

START, EVENTS, RSVPS = "/imagine/admin/", "/imagine/admin/summit/event/", "/imagine/admin/summit/rsvp/"
PLACE = "Weber Point Events Center"


def ben_of(clerk: Clerk) -> str:
    """An address for each run: the mailbox keeps the mail of all of them."""
    return f"ben.ochoa.{clerk.language}@example.org"


@pytest.mark.parametrize(("language", "width", "theme"), [("en", DESKTOP, "light"), ("es", TABLET, "dark")])
def test_a_day_in_the_office(visit, site, staff, language, width, theme):
    factories.event(title="Imagine Promise Summit", starts_at=timezone.now() - timedelta(days=230))
    clerk = Clerk(visit(language, width), language, theme)
    event = sets_up_next_spring(clerk)
    maria = watches_it_fill(clerk, event, visit, site)
    helps_a_caller(clerk, event, maria)
    makes_room(clerk, event, site)
    meets_a_colleague(clerk, event)
    sees_what_went_wrong(clerk, event)
    moves_it(clerk, event, maria)
    puts_a_party_on_the_list(clerk, event)
    calls_off_another(clerk)
    takes_the_list_away(clerk, event)
    assert not clerk.found, "\n".join(clerk.found)


def sets_up_next_spring(clerk: Clerk) -> Event:
    clerk.opens(EVENTS)
    clerk.presses("a[href*='copied=']")
    yesterday = timezone.localdate() - timedelta(days=1)
    clerk.writes(capacity=4, max_party_size=4, rsvp_opens_at_0=yesterday.isoformat())
    clerk.page.check("[name=is_published]")
    assert Event.objects.count() == 1
    clerk.presses("[name=_save]")
    event = Event.objects.latest("pk")
    assert (event.starts_at > timezone.now(), event.is_published, event.capacity) == (True, True, 4)
    return event


def watches_it_fill(clerk: Clerk, event: Event, visit, site) -> Guest:
    """A guest comes by the public page; others meet a full room."""
    maria = Guest(visit(), "pointer", "en", site.mailbox, "María Muñoz")
    maria.address = f"maria.munoz.{clerk.language}@example.org"
    maria.reserves(3)
    maria.sees("three")
    factories.rsvp(event, "Large", size=4)
    factories.rsvp(event, "Ben Ochoa", email=ben_of(clerk), size=2, guests=("Ana Ibáñez",))
    clerk.opens(START)
    clerk.presses(f".admin-event a[href='{page_of(event)}']")
    assert clerk.page.locator(".admin-stats").first.locator("dd").all_inner_texts() == ["3", "6", "0", "1", "4"]
    clerk.page.click(".admin-page summary")
    expect(clerk.page.locator(".admin-page details table tfoot td")).to_have_text(["3", "9"])
    clerk.looks()
    return maria


def helps_a_caller(clerk: Clerk, event: Event, maria: Guest) -> None:
    """Found without her accents; she brings one more, whose name she knows."""
    clerk.opens(RSVPS)
    clerk.writes(q="munoz")
    clerk.presses("#changelist-search [type=submit]")
    clerk.presses("#result_list tbody th a")
    clerk.writes(size=4, phone="(209) 555-0123", guests__1__name="Inés Peña", guests__1__dietary_needs="no nuts")
    clerk.presses("[name=_save]")
    assert snapshots.seats(event)[0] == ("María Muñoz", 4, 0)
    maria.page.reload()
    maria.sees("four")
    second = maria.page.locator("ol.party > li:nth-child(2) input:not([type=hidden])[name$=name]")
    expect(second).to_have_value("Inés Peña")


def makes_room(clerk: Clerk, event: Event, site) -> None:
    """Two more seats: the first in line needs four together, so the next is seated, and is written to."""
    clerk.opens(page_of(event))
    clerk.writes(capacity=6)
    clerk.presses("[name=_save]")
    assert snapshots.seats(event)[1:] == [("Large", 0, 4), ("Ben Ochoa", 2, 0)]
    assert site.mailbox.newest(ben_of(clerk), 2)["Subject"].startswith("Seats came free. You have 2 seats")


def meets_a_colleague(clerk: Clerk, event: Event) -> None:
    """Ben takes a companion off by his link while his page is open here; what is typed stays."""
    ben = event.rsvps.get(name="Ben Ochoa")
    clerk.opens(page_of(ben))
    clerk.writes(note="Drives the speaker", guests__1__dietary_needs="vegan")
    seats.remove_guest(ben, ben.guests.get(position=2).pk)
    clerk.presses("[name=_save]")
    clerk.reads("Ana Ibáñez", "vegan")
    clerk.presses("[name=_save]")
    ben.refresh_from_db()
    assert (ben.note, ben.held_seats) == ("Drives the speaker", 1)


def sees_what_went_wrong(clerk: Clerk, event: Event) -> None:
    """Mail that failed, mail that waits, and who was passed over: on the start page and on the event's."""
    ben = event.rsvps.get(name="Ben Ochoa")
    ben.messages.filter(kind="rsvp_waitlisted").update(
        state=Message.State.REJECTED, sent_at=None, last_error="550 no such mailbox", send_after=timezone.now()
    )
    then, later = timezone.now() - timedelta(minutes=20), timezone.now() + timedelta(hours=1)
    Message.objects.create(
        idempotency_key="test:1", recipient="late@example.org", subject="Late", created_at=then, send_after=later
    )
    clerk.opens(START)
    assert clerk.page.locator(".admin-alert a").count() == 2
    clerk.opens(page_of(event))
    clerk.reads("550 no such mailbox", "Large")
    clerk.page.click(".admin-page summary")
    clerk.looks()
    clerk.presses("section[aria-labelledby=failed] th a")
    clerk.opens("/imagine/admin/mail/message/?state__exact=queued")


def moves_it(clerk: Clerk, event: Event, maria: Guest) -> None:
    """The question, back, the question again, and yes."""
    clerk.opens(page_of(event))
    clerk.writes(venue=PLACE)
    clerk.presses("[name=_save]")
    clerk.presses("[name=_back]")
    expect(clerk.page.locator("[name=venue]")).to_have_value(PLACE)
    assert clerk.page.locator(".errornote, .errorlist").count() == 0
    clerk.presses("[name=_save]")
    assert PLACE not in Event.objects.values_list("venue", flat=True)
    clerk.presses("[name=_sure]")
    assert PLACE in Event.objects.values_list("venue", flat=True)
    moved = maria.mailbox.newest(maria.address, 3)
    assert PLACE in moved.get_body(("plain",)).get_content()


def puts_a_party_on_the_list(clerk: Clerk, event: Event) -> None:
    clerk.opens(f"{RSVPS}?q=ochoa")
    clerk.does("move_to_waitlist")
    assert snapshots.seats(event)[1:] == [("Large", 0, 4), ("Ben Ochoa", 0, 1)]
    clerk.does("promote_over_capacity")  # without a reason
    assert snapshots.seats(event)[2] == ("Ben Ochoa", 0, 1)


def calls_off_another(clerk: Clerk) -> None:
    rsvp = factories.rsvp(factories.event(title="Partner Kick-off", kind="kickoff"), "Dee")
    clerk.opens(f"{EVENTS}?kind__exact=kickoff")
    clerk.does("cancel_events")
    clerk.presses("#content [type=submit]")
    assert snapshots.emails(rsvp)[-1] == "event_canceled 2 CANCEL"


def takes_the_list_away(clerk: Clerk, event: Event) -> None:
    """Read back by another program than wrote it, guest by guest."""
    clerk.opens(page_of(event))
    clerk.presses(".admin-links a >> nth=0")
    with clerk.page.expect_download() as download:
        clerk.page.click("a[href*='guests.csv']")
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = [(row[2], row[5], row[3], row[10]) for row in csv.reader(file)][1:]
    party = event.rsvps.order_by("pk", "guests__position").values_list(
        "guests__name", "name", "guests__position", "guests__dietary_needs"
    )
    assert rows == [(guest, contact, str(place), dietary_needs) for guest, contact, place, dietary_needs in party]
    assert ("Inés Peña", "María Muñoz", "2", "no nuts") in rows
