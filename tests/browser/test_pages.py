"""Every public page in every state, in both languages, on a phone and on a desktop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from playwright.sync_api import Page, Response

from imagine.core.formatting import short_date
from imagine.core.models import RateLimitCount
from imagine.demo.servers import free_port, wait_until
from imagine.mail.models import Message
from summit import event_changes, seats
from summit.models import DateAlert, Event, Rsvp
from tests import factories
from tests.browser.axe_checks import DESKTOP, PHONE, page_problems
from tests.browser.staff import sign_in

pytestmark = pytest.mark.browser

FIND = "/imagine/rsvp/find/"
LANDING = "/imagine/"
SEND = "#rsvp form.form button, main form.form button"


@dataclass
class Place:
    """Where a page is, its title, and how to open it."""

    path: str
    title: Callable[[], str]
    open: Callable[[Page], object] | None = None
    status: int = 200


# The landing page ----------------------------------------------------------------------------------------------


def landing(event: Event) -> Place:
    return Place(LANDING, lambda: f"{event.localized_title}, {short_date(event.starts_at)}")


def full_event(**fields) -> Event:
    event = factories.event(**{"capacity": 3, **fields})
    factories.rsvp(event, "Ben Ochoa", size=3)
    factories.rsvp(event, "Chan Sok", size=2)
    return event


def landing_open() -> Place:
    return landing(
        factories.event(capacity=300, description="Doors open at 7:30.", description_es="Abrimos a las 7:30.")
    )


def landing_few() -> Place:
    event = factories.event(capacity=10)
    factories.rsvp(event, "Ben Ochoa", size=6)
    factories.rsvp(event, "Chan Sok", size=3)
    return landing(event)


def landing_full() -> Place:
    """Also with partners whose names are long, and a promise to make."""
    factories.listed_partner("San Joaquín Valley Agricultural Workers’ Mutual Aid Society of Stockton")
    factories.listed_partner("Slough House Bakery")
    return landing(full_event())


def landing_soon() -> Place:
    return landing(factories.event(rsvp_opens_at=timezone.now() + timedelta(days=9)))


def landing_closed() -> Place:
    return landing(factories.event(rsvp_closes_at=timezone.now() - timedelta(hours=1)))


def landing_past() -> Place:
    return landing(factories.event(starts_at=timezone.now() - timedelta(days=2)))


def landing_canceled() -> Place:
    return landing(event_changes.cancel_event(factories.event()))


def landing_none() -> Place:
    return Place(LANDING, lambda: _("Imagine Promise Summit"))


def date_alert_new() -> Place:
    alert = DateAlert.objects.create(email="mariaguadalupehernandezvillanueva1796@fundacionguadalupe.example.org")
    return Place(alert.get_absolute_url(), lambda: _("Should we email you the date?"))


def date_alert_waiting() -> Place:
    alert = DateAlert.objects.create(email="alma@example.org", verified_at=timezone.now())
    return Place(alert.get_absolute_url(), lambda: _("You’re on the list"))


def date_alert_error() -> Place:
    path = reverse("begin_date_alert")

    def go(page: Page) -> None:
        page.goto(path)
        page.click("main form.form button")

    return Place(path, lambda: f"{_('Error:')} {_('Tell me when the date is set')}", go, 422)


def event_gathering() -> Place:
    """The longest date range: past midnight."""
    late = timezone.localtime().replace(hour=22, minute=30, second=0, microsecond=0) + timedelta(days=30)
    event = factories.event(kind="kickoff", title="Partner Kick-off", title_es="Reunión", meal="lunch", starts_at=late)
    return Place(event.get_absolute_url(), lambda: f"{event.localized_title}, {short_date(event.starts_at)}")


# The form with errors ------------------------------------------------------------------------------------------


def form_with_errors(event: Event, heading: Callable[[], str]) -> Place:
    def go(page: Page) -> None:
        page.goto(LANDING)
        page.fill("#id_email", "alma@example")
        page.check("input[name=size][value='2']", force=True)
        page.fill("#id_guest_2", "María Thạch")
        page.click(SEND)

    return Place(event.get_absolute_url(), lambda: f"{_('Error:')} {event.localized_title}, {heading()}", go, 422)


def form_errors() -> Place:
    return form_with_errors(factories.event(capacity=300), lambda: _("Save your seats"))


def form_errors_full() -> Place:
    return form_with_errors(full_event(), lambda: _("Join the waitlist"))


# An RSVP's own page --------------------------------------------------------------------------------------------


def place_of(rsvp: Rsvp, title: Callable[[], str]) -> Place:
    return Place(rsvp.get_absolute_url(), title)


def seats_heading(held: int) -> str:
    return ngettext("You have %(held)d seat", "You have %(held)d seats", held) % {"held": held}


def waitlist_heading(waiting: int) -> str:
    message = ngettext(
        "You’re on the waitlist for %(waiting)d seat", "You’re on the waitlist for %(waiting)d seats", waiting
    )
    return message % {"waiting": waiting}


def rsvp_confirmed() -> Place:
    rsvp = factories.rsvp(factories.event(), size=3, guests=("María Thạch",))
    guest = rsvp.guests.get(position=2)
    seats.update_guests(rsvp, {guest.pk: {"dietary_needs": "vegetarian", "accessibility_needs": "Spanish interpreter"}})
    return place_of(rsvp, lambda: seats_heading(3))


def rsvp_alone() -> Place:
    """Case name-without-space: a first name and one word of 68 letters."""
    rsvp = factories.rsvp(factories.event(meal="", max_party_size=1), f"Alma {'Villanueva' * 7}"[:73])
    return place_of(rsvp, lambda: seats_heading(1))


def rsvp_email_rejected() -> Place:
    address = "mariaguadalupehernandezvillanueva1796010267@fundacionguadalupe.example.org"
    rsvp = factories.rsvp(factories.event(), email=address)
    Message.objects.all().update(state=Message.State.REJECTED, sent_at=None, claim_id=None, claim_expires_at=None)
    return place_of(rsvp, lambda: seats_heading(1))


def rsvp_partly() -> Place:
    event = factories.event(capacity=1)
    rsvp = factories.rsvp(event, size=3, accepts_partial=True)
    singular, plural = (
        "You have %(held)d seat and are waiting for %(waiting)d more",
        "You have %(held)d seats and are waiting for %(waiting)d more",
    )
    return place_of(rsvp, lambda: ngettext(singular, plural, 1) % {"held": 1, "waiting": 2})


def rsvp_waiting() -> Place:
    return place_of(factories.rsvp(full_event(), size=2), lambda: waitlist_heading(2))


def close_waitlist(event: Event) -> Event:
    """No one is promoted anymore."""
    Event.objects.update(waitlist_closes_hours_before=24 * 14, starts_at=timezone.now() + timedelta(days=2))
    event.refresh_from_db()
    return event


def landing_full_late() -> Place:
    return landing(close_waitlist(full_event()))


def rsvp_waiting_late() -> Place:
    return place_of(close_waitlist(full_event()).rsvps.get(name="Chan Sok"), lambda: waitlist_heading(2))


def rsvp_waiting_late_with_room() -> Place:
    event = close_waitlist(full_event())
    seats.cancel(event.rsvps.get(name="Ben Ochoa"))
    return place_of(event.rsvps.get(name="Chan Sok"), lambda: waitlist_heading(2))


def canceled_rsvp() -> Rsvp:
    return seats.cancel(factories.rsvp(factories.event(), size=2))


def rsvp_canceled() -> Place:
    return place_of(canceled_rsvp(), lambda: _("Your RSVP is canceled"))


def rsvp_canceled_for_good() -> Place:
    rsvp = canceled_rsvp()
    Event.objects.update(rsvp_closes_at=timezone.now())
    return place_of(rsvp, lambda: _("Your RSVP is canceled"))


def rsvp_past() -> Place:
    rsvp = factories.rsvp(factories.event(), size=2)
    ended = timezone.now() - timedelta(hours=1)
    Event.objects.update(starts_at=ended - timedelta(hours=2), ends_at=ended, rsvp_closes_at=ended)
    return place_of(rsvp, lambda: _("This event is over"))


def rsvp_event_canceled() -> Place:
    rsvp = factories.rsvp(factories.event(), size=2)
    event_changes.cancel_event(rsvp.event)
    return place_of(rsvp, lambda: _("This event is canceled"))


def rsvp_errors() -> Place:
    rsvp = factories.rsvp(factories.event(), size=2)

    def go(page: Page) -> None:
        page.goto(rsvp.get_absolute_url())
        page.locator("ol.party input:not([type=hidden])[name$=name]").first.fill("")
        page.locator("ol.party summary").nth(1).click()
        page.locator("ol.party input:not([type=hidden])[name$=dietary_needs]").nth(1).fill("nuts, " * 50)
        page.click("ol.party ~ .actions .btn-primary")

    return Place(f"{rsvp.get_absolute_url()}party/", lambda: f"{_('Error:')} {seats_heading(2)}", go, 422)


def rsvp_change_saved() -> Place:
    """With the message about what was just saved."""
    rsvp = factories.rsvp(factories.event(), size=2)

    def go(page: Page) -> None:
        page.goto(rsvp.get_absolute_url())
        page.click("ol.party ~ .actions .btn-primary")
        page.wait_for_selector(".message")

    return Place(rsvp.get_absolute_url(), lambda: seats_heading(2), go)


def cancel() -> Place:
    rsvp = factories.rsvp(factories.event(), size=3)
    return Place(f"{rsvp.get_absolute_url()}cancel/", lambda: _("Cancel your RSVP?"))


def cancel_waiting() -> Place:
    return Place(f"{factories.rsvp(full_event()).get_absolute_url()}cancel/", lambda: _("Leave the waitlist?"))


# Lost links ----------------------------------------------------------------------------------------------------


def find() -> Place:
    return Place(FIND, lambda: _("Lost your link?"))


def send_find(address: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(FIND)
        page.fill("#id_email", address)
        page.click(SEND)

    return go


def find_errors() -> Place:
    return Place(FIND, lambda: f"{_('Error:')} {_('Lost your link?')}", send_find("alma"), 422)


def found() -> Place:
    return Place("/imagine/rsvp/found/", lambda: _("Check your email"), send_find("nobody@example.org"))


def known() -> Place:
    event = factories.event()
    factories.rsvp(event, email="alma@example.org")

    def go(page: Page) -> None:
        page.goto(LANDING)
        page.fill("#id_name", "Alma Reyes")
        page.fill("#id_email", "Alma@example.org")
        page.click(SEND)

    return Place(event.get_absolute_url(), lambda: _("This email already has an RSVP"), go, 409)


# Statements and refusals ---------------------------------------------------------------------------------------


def privacy() -> Place:
    return Place("/imagine/privacy/", lambda: _("Privacy"))


def accessibility() -> Place:
    return Place("/imagine/accessibility/", lambda: _("Accessibility"))


def posted(body: str, content_type: str) -> Callable[[Page], None]:
    """Open a page with a request that no form sends."""

    def go(page: Page) -> None:
        page.goto(FIND)  # the CSRF check comes first and needs its cookie

        def post_instead(route):
            headers = route.request.headers | {"content-type": content_type}
            route.continue_(method="POST", headers=headers, post_data=body)

        page.route(f"**{FIND}", post_instead)
        page.goto(FIND)

    return go


def error_400() -> Place:
    go = posted("nothing", "multipart/form-data; boundary=")
    return Place(FIND, lambda: _("Something went wrong with that request"), go, 400)


def error_403() -> Place:
    newcomer = get_user_model().objects.create_user("newcomer", is_staff=True)

    def go(page: Page) -> None:
        sign_in(page, newcomer)
        page.goto("/imagine/admin/summit/event/")

    return Place("/imagine/admin/summit/event/", lambda: _("You can’t open this page"), go, 403)


def error_403_csrf() -> Place:
    url = reverse("cancel_rsvp", args=[factories.rsvp(factories.event()).token])

    def go(page: Page) -> None:
        page.goto(url)
        page.context.clear_cookies()
        page.click("main form .btn-outline-danger")

    return Place(url, lambda: _("Please send that again"), go, 403)


def error_404() -> Place:
    return Place(f"/imagine/rsvp/{'x' * 32}/", lambda: _("This link doesn’t work"), status=404)


def error_413() -> Place:
    go = posted("x" * 600_000, "application/x-www-form-urlencoded")
    return Place(FIND, lambda: _("That was too much at once"), go, 413)


def error_415() -> Place:
    go = posted("email=a", "application/x-www-form-urlencoded; charset=iso-8859-1")
    return Place(FIND, lambda: _("We can’t read this form"), go, 415)


def error_429() -> Place:
    def go(page: Page) -> None:
        RateLimitCount.objects.all().delete()
        send_find("nobody@example.org")(page)
        page.wait_for_url("**/found/")
        RateLimitCount.objects.update(count=300)
        send_find("nobody@example.org")(page)

    return Place(FIND, lambda: _("Please try again later"), go, 429)


def error_500() -> Place:
    """A table that the page needs is temporarily missing."""

    def go(page: Page) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE summit_event RENAME TO summit_event_away")
            try:
                page.goto(LANDING)
            finally:
                cursor.execute("ALTER TABLE summit_event_away RENAME TO summit_event")

    return Place(LANDING, lambda: _("Something broke on our side"), go, 500)


PLACES = [
    *(landing_open, landing_few, landing_full, landing_soon, landing_closed, landing_past, landing_canceled),
    *(date_alert_new, date_alert_waiting, date_alert_error),
    *(landing_none, landing_full_late, event_gathering, form_errors, form_errors_full),
    *(rsvp_confirmed, rsvp_alone, rsvp_email_rejected, rsvp_partly, rsvp_waiting, rsvp_waiting_late),
    *(rsvp_waiting_late_with_room, rsvp_canceled),
    *(rsvp_canceled_for_good, rsvp_past, rsvp_event_canceled, rsvp_errors, rsvp_change_saved, cancel, cancel_waiting),
    *(find, find_errors, found, known, privacy, accessibility),
    *(error_400, error_403, error_403_csrf, error_404, error_413, error_415, error_429, error_500),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_page_has_no_problems_in_either_language(place, visit):
    place = place()
    found = [fault for language in ("en", "es") for fault in look(place, visit(language), language)]
    assert not found, "\n".join(found)


def look(place: Place, page: Page, language: str) -> list[str]:
    responses = []

    def record_response(response: Response) -> None:
        if response.request.is_navigation_request():
            responses.append(response)

    page.on("response", record_response)
    (place.open or open_path(place.path))(page)
    page.wait_for_load_state()
    page.remove_listener("response", record_response)
    with translation.override(language):
        assert page.title() == place.title()
    assert (page.url.partition("/imagine/")[2], responses[-1].status) == (
        place.path.partition("/imagine/")[2],
        place.status,
    )
    return check_both_widths(page, language)


def open_path(path: str) -> Callable[[Page], object]:
    return lambda page: page.goto(path)


def check_both_widths(page: Page, language: str) -> list[str]:
    """Run axe where each language is most likely to have problems: Spanish, with its longer words, on a phone."""
    found = []
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": 720})
        found += page_problems(page, language, axe=(language, width) in {("en", DESKTOP), ("es", PHONE)})
    return found


def test_page_without_database(visit, site):
    port = free_port()
    unreachable_database = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    web = site.web("web without database", port, DATABASE_URL=unreachable_database)
    web.start()
    try:
        assert wait_until(lambda: site.answers(port), 30)
        found = []
        for language in ("en", "es"):
            page = visit(language, address=f"http://127.0.0.1:{port}")
            response = page.goto(LANDING)
            assert response.status == 503
            with translation.override(language):
                assert page.title() == _("Back in a moment")
            found += check_both_widths(page, language)
        assert not found, "\n".join(found)
    finally:
        web.stop()
