"""Pages of invitations, email preferences, the public calendar and a partner's year in every state: both languages,
phone and desktop."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import gettext as _
from playwright.sync_api import Page

from imagine.core.formatting import day, short_date
from imagine.mail import preferences
from summit import event_changes
from summit.invitations import responses
from summit.models import Event, Invitation
from tests import factories
from tests.browser.test_pages import Place, full_event, look, seats_heading, waitlist_heading

pytestmark = pytest.mark.browser

NAME = "Congregación Nuestra Señora de Guadalupe y Amigos del Delta"


def event(**fields) -> Event:
    return factories.event(
        **{"kind": "kickoff", "title": "Partner kick-off", "title_es": "Encuentro inicial", **fields}
    )


def invite(at: Event | None = None, **fields) -> Invitation:
    contact = factories.contact(factories.organization(NAME, sector="faith"), **fields)
    return factories.invitation(at or event(), contact, emailed_at=timezone.now())


def accepted(invitation: Invitation, size: int = 3) -> Invitation:
    rsvp = factories.unsaved_rsvp(invitation.event, accepts_partial=False)
    invitation.rsvp = responses.accept_invitation(invitation, rsvp, size=size, guests=[])
    return invitation


def place_of(invitation: Invitation, title) -> Place:
    return Place(invitation.get_absolute_url(), title)


# Invitations ----------------------------------------------------------------------------------------------------


def invitation_open() -> Place:
    return place_of(invite(event(description="Doors open at 7:30.")), lambda: _("You’re invited to breakfast"))


def invitation_full() -> Place:
    return place_of(invite(full_event(meal="lunch")), lambda: _("You’re invited to lunch"))


def invitation_soon() -> Place:
    upcoming = event(rsvp_opens_at=timezone.now() + timedelta(days=9), meal="")
    return place_of(invite(upcoming), lambda: _("RSVPs open on %(date)s") % {"date": day(upcoming.rsvp_opens_at)})


def invitation_closed() -> Place:
    return place_of(invite(event(rsvp_closes_at=timezone.now() - timedelta(hours=1))), lambda: _("RSVPs are closed"))


def invitation_canceled() -> Place:
    return place_of(invite(event_changes.cancel_event(event())), lambda: _("This event is canceled"))


def invitation_past() -> Place:
    return place_of(invite(event(starts_at=timezone.now() - timedelta(days=2))), lambda: _("This event is over"))


def invitation_hidden() -> Place:
    return place_of(invite(event(is_published=False)), lambda: _("You can’t RSVP right now"))


def invitation_accepted() -> Place:
    return place_of(accepted(invite()), lambda: seats_heading(3))


def invitation_waiting() -> Place:
    return place_of(accepted(invite(full_event()), size=2), lambda: waitlist_heading(2))


def invitation_declined() -> Place:
    declined = responses.decline_invitation(invite(), "Estamos en cosecha. " * 20)
    return place_of(declined, lambda: _("You told us you can’t come"))


def invitation_errors() -> Place:
    invitation = invite()

    def submit(page: Page) -> None:
        page.goto(invitation.get_absolute_url())
        page.fill("#id_name", "")
        page.click("form[action$='/accept/'] > div > button")

    title = f"{invitation.get_absolute_url()}accept/"
    return Place(title, lambda: f"{_('Error:')} {_('You’re invited to breakfast')}", submit, 422)


def invitation_only() -> Place:
    closed = event(invitation_only=True)
    return Place(closed.get_absolute_url(), lambda: f"{closed.localized_title}, {short_date(closed.starts_at)}")


# Email ----------------------------------------------------------------------------------------------------------


def email_preferences() -> Place:
    factories.contact(factories.organization(), "a.very.long.name.of.somebody@example.org")
    address = preferences.get_preference("a.very.long.name.of.somebody@example.org")
    preferences.suppress(address.email, "550 5.1.1")
    return Place(address.get_absolute_url(), lambda: _("Which emails do you want?"))


def email_preferences_saved() -> Place:
    address = preferences.get_preference("alma@example.org")

    def submit(page: Page) -> None:
        page.goto(address.get_absolute_url())
        page.click("main form .btn-primary")
        page.wait_for_selector(".message")

    return Place(address.get_absolute_url(), lambda: _("Which emails do you want?"), submit)


def unsubscribe() -> Place:
    address = preferences.get_preference("alma@example.org")
    return Place(f"{address.get_absolute_url()}reminders/", lambda: _("Unsubscribe from reminders?"))


def unsubscribed() -> Place:
    address = preferences.get_preference("alma@example.org")
    preferences.set_topics(address, news=False)
    return Place(f"{address.get_absolute_url()}news/", lambda: _("You’re unsubscribed from news"))


# Calendar and partner's year ------------------------------------------------------------------------------------


def events() -> Place:
    event(capacity=120)
    full_event(title="Winter gathering", title_es="Encuentro de invierno")
    event_changes.cancel_event(event(title="Mentors meet mentors", starts_at=timezone.now() + timedelta(days=99)))
    event(starts_at=timezone.now() - timedelta(days=9), school_year=2090)
    return Place("/imagine/events/", lambda: _("This year’s events"))


def events_none() -> Place:
    return Place("/imagine/events/", lambda: _("This year’s events"))


def partner_year() -> Place:
    pledge = factories.signed_pledge(NAME)
    kickoff = event(invitation_only=True, capacity=40)
    for name in ("Alma Reyes", "Ben Ochoa", "María del Carmen Thạch-Gutiérrez"):
        contact = factories.contact(pledge.organization, f"{name.lower().split()[0]}@example.org", name)
        invitation = factories.invitation(kickoff, contact, emailed_at=timezone.now())
        if name == "Ben Ochoa":
            accepted(invitation)
    factories.rsvp(event(title="Winter gathering"), email="alma@example.org")
    event(title="Open gathering", starts_at=timezone.now() + timedelta(days=40))
    return Place(f"{pledge.get_absolute_url()}year/", lambda: _("Your year as a partner"))


def partner_year_draft() -> Place:
    return Place(f"{factories.draft_pledge().get_absolute_url()}year/", lambda: _("Your year as a partner"))


PLACES = [
    *(invitation_open, invitation_full, invitation_soon, invitation_closed, invitation_canceled, invitation_past),
    *(
        invitation_hidden,
        invitation_accepted,
        invitation_waiting,
        invitation_declined,
        invitation_errors,
        invitation_only,
    ),
    *(email_preferences, email_preferences_saved, unsubscribe, unsubscribed),
    *(events, events_none, partner_year, partner_year_draft),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_page_has_no_problems_in_either_language(place, visit):
    place = place()
    found = [fault for language in ("en", "es") for fault in look(place, visit(language), language)]
    assert not found, "\n".join(found)
