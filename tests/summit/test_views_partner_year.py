"""The page with a partner's year, reached through the personal link of its pledge."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.core.links import new_token
from imagine.mail.models import Message
from partners.models import Contact, Pledge
from partners.organizations import contacts
from summit import seats
from summit.invitations import responses
from summit.models import Event, Invitation, Rsvp
from summit.school_year import current_school_year
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

IGNORED_TABLES = ("core.RateLimitCount",)


@pytest.fixture
def pledge() -> Pledge:
    """A pledge signed by Alma Reyes of Port Gate Logistics."""
    return factories.signed_pledge()


def address(pledge: Pledge) -> str:
    return reverse("partner_year", args=[pledge.token])


def page(pledge: Pledge) -> str:
    return web_client.page_text(Client().get(address(pledge)))


def kickoff(**fields) -> Event:
    return factories.event(**{"kind": "kickoff", "title": "Partner kick-off", "invitation_only": True, **fields})


def invite(event: Event, contact: Contact) -> Invitation:
    return factories.invitation(event, contact, emailed_at=timezone.now())


def accept(invitation: Invitation, size: int = 2) -> Rsvp:
    contact = invitation.contact
    return responses.accept_invitation(invitation, factories.unsaved_rsvp(invitation.event, contact.name), size=size)


def colleague(pledge: Pledge, name: str) -> Contact:
    return factories.contact(pledge.organization, f"{name.lower().split()[0]}@example.org", name)


def email_link(client, pledge: Pledge, event: Event):
    return client.post(reverse("mail_year_link", args=[pledge.token]), {"event": event.slug})


# Content ---------------------------------------------------------------------------------------------------


def test_year_shows_the_pledge_in_each_state(pledge):
    text = page(pledge)
    assert "Port Gate Logistics Your year as a partner" in text
    assert "Signed Your promises for 2027–28 Signed by Alma Reyes on " in text
    assert "Your certificate (PDF)" in text
    draft = factories.draft_pledge("Delta Growers", "delta@example.org")
    assert "Draft Your promises for 2027–28 This is a draft." in page(draft)
    factories.close_year()
    assert "This school year is closed. Your signed promises stay as they are." in page(pledge)
    assert "Closed Promises are closed" in page(draft)
    factories.pledge_year(2028)
    assert "Not started Your promises for 2028–29" in page(pledge)


def test_year_shows_each_contacts_answer(pledge):
    event = kickoff()
    own, ben, cleo, dee = pledge.contact, *(colleague(pledge, name) for name in ("Ben Ochoa", "Cleo", "Dee"))
    invite(event, own)
    accept(invite(event, ben), size=3)
    responses.decline_invitation(invite(event, cleo), "A private word")
    seats.cancel(accept(invite(event, dee)))
    text = page(pledge)
    for expected in (
        "Alma Reyes Invited, no answer yet",
        "Ben Ochoa Confirmed, 3 seats",
        "Cleo Can’t come",
        "Dee Canceled",
        "Email me my invitation",
    ):
        assert expected in text, expected
    assert "A private word" not in text


def test_year_shows_coming_public_events_with_an_rsvp_link(pledge):
    factories.event(title="Open gathering")
    text = page(pledge)
    assert "Open gathering" in text
    assert "Save my seats (Open gathering)" in text
    factories.rsvp(Event.objects.get(), email="ALMA@example.org", size=2)
    text = page(pledge)
    assert "Alma Reyes Confirmed, 2 seats" in text
    assert "Save my seats" not in text


def test_year_shows_an_invitation_answered_by_an_rsvp_made_elsewhere(pledge):
    event = factories.event()
    invite(event, pledge.contact)
    factories.rsvp(event, email="alma@example.org", size=2)
    text = page(pledge)
    assert "Alma Reyes Confirmed, 2 seats" in text
    assert "no answer yet" not in text


def test_year_lists_their_past_events_of_this_school_year(pledge):
    now, this_year = timezone.now(), current_school_year()
    for title, school_year in (("Fall breakfast", this_year), ("Years ago", this_year - 3), ("Not theirs", this_year)):
        event = factories.event(title=title, school_year=school_year, rsvp_opens_at=now - timedelta(days=90))
        if title != "Not theirs":
            factories.rsvp(event, email="alma@example.org", size=2)
        factories.end_event(event)
    text = page(pledge)
    assert "Earlier this school year" in text
    assert "Fall breakfast" in text
    assert "Alma Reyes 2 seats" in text
    for other in ("Years ago", "Not theirs", "Email me my link"):
        assert other not in text


def test_year_shows_no_data_of_others_and_no_other_links(pledge):
    event, secret = kickoff(), kickoff(title="A secret of others")
    other = factories.signed_pledge("Quirke & Sons", "zoltan@example.org")
    others_invitation = invite(secret, other.contact)
    others_rsvp = accept(invite(event, other.contact))
    own, ben = invite(event, pledge.contact), invite(event, colleague(pledge, "Ben Ochoa"))
    rsvps = [accept(own), accept(ben)]
    unwritten = factories.invitation(secret, pledge.contact)
    hidden = factories.event(title="A hidden draft", is_published=False)
    factories.rsvp(kickoff(title="Of the past", invitation_only=False), "Zoltan", email="zoltan@example.org")
    text = Client().get(address(pledge)).content.decode()
    private = ["Zoltan", "Quirke", "A secret of others", hidden.title, "ben@example.org", others_rsvp.token]
    private += [one.token for one in (others_invitation, own, ben, unwritten, *rsvps)] + [other.token]
    for private_text in private:
        assert private_text not in text, private_text


def test_year_without_events_says_so(pledge):
    assert "No events are scheduled yet. Invitations come by email." in page(pledge)


def test_year_is_linked_from_the_pledge_and_its_thank_you_page(client, pledge):
    for url in (pledge.get_absolute_url(), reverse("pledge_thanks", args=[pledge.token])):
        assert f'href="{address(pledge)}"' in client.get(url).content.decode()


# Access ----------------------------------------------------------------------------------------------------


def test_pages_of_a_pledge_link_here(client, pledge):
    pages = [pledge.get_absolute_url(), reverse("pledge_thanks", args=[pledge.token])]
    found = [client.get(page).content.decode() for page in pages]
    factories.close_year()
    found.append(client.get(pledge.get_absolute_url()).content.decode())
    link = f'<a href="{address(pledge)}">Your year: events, invitations, promises</a>'
    assert [link in page for page in found] == [True, True, True]


def test_link_of_an_older_pledge_redirects_to_the_newest(client):
    before = factories.pledge_signed_last_year()
    assert client.get(address(before)).status_code == 200
    newest = factories.renew_pledge(before.organization, 2027)
    assert client.get(address(before))["Location"] == address(newest)


def test_link_of_a_pledge_request_redirects_to_its_form(client):
    start = factories.pledge_request()
    assert client.get(reverse("partner_year", args=[start.token]))["Location"] == start.get_absolute_url()


def test_invalid_links_are_not_found(client, pledge):
    event = invite(kickoff(), pledge.contact).event
    for token in (new_token(), pledge.token[:-1], pledge.token.swapcase()):
        assert client.get(f"/imagine/promise/{token}/year/").status_code == 404
        assert client.post(f"/imagine/promise/{token}/year/link/", {"event": event.slug}).status_code == 404
    assert Message.objects.filter(kind="invitation_link").count() == 0


def test_year_is_not_cached_or_indexed(client, pledge):
    event = invite(kickoff(), pledge.contact).event
    for response in (client.get(address(pledge)), email_link(client, pledge, event)):
        assert response["Cache-Control"] == "private, no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"


# Emailing the link -----------------------------------------------------------------------------------------


def test_invitation_link_is_emailed_to_its_contact_once_in_ten_minutes(client, pledge):
    invited = invite(kickoff(), pledge.contact)
    contacts.correct_contact(pledge.contact, language="es")
    assert email_link(client, pledge, invited.event)["Location"] == address(pledge)
    assert "We’re emailing you your link." in web_client.page_text(client.get(address(pledge)))
    email_link(client, pledge, invited.event)
    assert "We emailed you this link not long ago." in web_client.page_text(client.get(address(pledge)))
    [message] = Message.objects.filter(content_type__model="invitation")
    assert (message.kind, message.about, message.recipient, message.language) == (
        "invitation_link",
        invited,
        "alma@example.org",
        "es",
    )
    assert message.queue == Message.Queue.TRANSACTIONAL
    assert invited.get_absolute_url() in message.body_text
    assert invited.get_absolute_url() in message.body_html
    assert "University of the Pacific" in message.body_text


def test_rsvp_link_is_emailed_instead_of_an_answered_invitation(client, pledge):
    rsvp = accept(invite(kickoff(), pledge.contact))
    for _twice in range(2):
        email_link(client, pledge, rsvp.event)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "link 1"]
    assert rsvp.messages.get(kind="rsvp_link").recipient == "alma@example.org"


def test_links_of_colleagues_and_past_events_are_not_emailed(client, pledge):
    event, without_invitation, past = kickoff(), factories.event(), kickoff()
    accept(invite(event, colleague(pledge, "Ben Ochoa")))
    invite(past, pledge.contact)
    factories.end_event(past)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for url in (event, without_invitation, past):
        assert email_link(client, pledge, url).status_code == 404
    assert client.post(reverse("mail_year_link", args=[pledge.token])).status_code == 404
    assert client.post(reverse("mail_year_link", args=[pledge.token]), {"event": "\x00"}).status_code == 404
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_pledge_without_a_contact_emails_no_one(client, pledge):
    invite(kickoff(), pledge.contact)
    Pledge.objects.update(contact=None)
    assert "Mail me" not in page(pledge)
    assert email_link(client, pledge, Event.objects.get()).status_code == 404


# Safety ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head"])
def test_links_opened_by_an_email_scanner_change_nothing(method, pledge):
    event = invite(kickoff(), pledge.contact).event
    before = snapshots.tables()
    assert getattr(Client(), method)(address(pledge)).status_code == 200
    link = reverse("mail_year_link", args=[pledge.token])
    assert getattr(Client(), method)(link, {"event": event.slug})["Location"] == address(pledge)
    assert snapshots.tables() == before


def test_other_methods_are_refused(client, pledge):
    assert client.post(address(pledge)).status_code == 405
    assert client.delete(address(pledge)).status_code == 405
    assert client.put(reverse("mail_year_link", args=[pledge.token])).status_code == 405


@pytest.mark.slow
def test_query_count_is_the_same_for_1_and_30_events_and_colleagues(pledge, django_assert_num_queries):
    counts = []
    for more in (range(1), range(1, 30)):
        for number in more:
            event = kickoff()
            accept(invite(event, factories.contact(pledge.organization, f"c{number}@example.org", f"Guest {number}")))
            factories.rsvp(factories.event(), f"Own {number}", email="alma@example.org")
        with django_assert_num_queries(counts[0] if counts else 8) as invited:
            Client().get(address(pledge))
        counts.append(len(invited))
