"""The page of an invitation: accepting, declining and changing the answer in every state of the event."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.core.links import new_token
from imagine.mail.models import Message
from partners.models import Contact
from summit import seats
from summit.invitations import responses
from summit.models import Event, Guest, Invitation, Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

IGNORED_TABLES = ("core.RateLimitCount",)
ANSWERS = ("accept", "decline")


@pytest.fixture
def kickoff() -> Event:
    return factories.event(kind="kickoff", title="Partner kick-off", invitation_only=True)


@pytest.fixture
def invited(kickoff) -> Invitation:
    """Alma Reyes of Port Gate Logistics is invited to the kickoff."""
    organization = factories.organization(sector="business")
    contact = factories.contact(organization, phone="209 555 0100", language="es")
    return factories.invitation(kickoff, contact, emailed_at=timezone.now())


def address(invitation: Invitation, answer_type: str) -> str:
    return reverse(f"{answer_type}_invitation", args=[invitation.token])


def post(client, answer_type: str, invitation: Invitation, **fields):
    response = client.post(address(invitation, answer_type), fields)
    if response.status_code == 302:
        assert response["Location"] == invitation.get_absolute_url()
    return response


def accept(client, invitation: Invitation, **fields):
    return post(client, "accept", invitation, **{"name": "Alma Reyes", "size": "1", "accepts_partial": "wait"} | fields)


def decline(client, invitation: Invitation, decline_message: str = ""):
    """Decline, and answer the question whether to cancel the RSVP."""
    return post(client, "decline", invitation, decline_message=decline_message, sure="1")


def page(client, invitation: Invitation) -> str:
    return web_client.page_text(client.get(invitation.get_absolute_url()))


def stored_answer(invitation: Invitation) -> str:
    return Invitation.objects.select_related("rsvp").get(pk=invitation.pk).answer


# Viewing ----------------------------------------------------------------------------------------------------------


def test_page_shows_the_event_and_prefills_the_contact(client, invited):
    response = client.get(invited.get_absolute_url())
    text, fields = web_client.page_text(response), web_client.form_fields(response)
    assert "You’re invited to breakfast" in text
    assert "Alma Reyes, Imagine Promise Partners and Stockton’s schools are coming together" in text
    for expected in ("Partner kick-off", "University of the Pacific", "10 left of 10.", "Decline invitation"):
        assert expected in text
    initial = {
        "name": "Alma Reyes",
        "organization_name": "Port Gate Logistics",
        "sector": "business",
        "phone": "209 555 0100",
    }
    assert {name: fields[name] for name in initial} == initial
    assert (fields["size"], fields["accepts_partial"]) == ("1", "wait")
    assert "email" not in fields
    assert invited.contact.email not in response.content.decode()


def test_contact_without_an_organization_can_accept(client, kickoff):
    invited = factories.invitation(kickoff, Contact.objects.create(name="Ben", email="ben@example.org"))
    fields = web_client.form_fields(client.get(invited.get_absolute_url()))
    assert (fields["name"], fields["organization_name"]) == ("Ben", "")
    accept(client, invited, name="Ben")
    assert snapshots.seats(kickoff) == [("Ben", 1, 0)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (factories.close_rsvp, "Closed RSVPs are closed"),
        (factories.mark_event_canceled, "Canceled This event is canceled"),
        (factories.end_event, "Thank you This event is over"),
        (lambda event: Event.objects.update(rsvp_opens_at=timezone.now() + timedelta(days=2)), "RSVPs open on"),
        (lambda event: Event.objects.update(is_published=False), "You can’t RSVP right now"),
    ],
    ids=["closed", "cancelled", "past", "soon", "hidden"],
)
def test_page_says_why_the_invitation_cannot_be_answered(client, invited, change, expected):
    change(invited.event)
    text = page(client, invited)
    assert expected in text
    assert "Save my seats" not in text
    assert "Decline invitation" not in text


def test_page_of_a_full_event_offers_the_waitlist(client, invited):
    factories.rsvp(invited.event, "Ben", size=6, source="invited")
    factories.rsvp(invited.event, "Cleo", size=4, source="invited")
    text = page(client, invited)
    assert text.count("Join the waitlist") == 3  # in the hero, over the form and on its button
    assert "Every seat is taken right now." in text
    accept(client, invited, size="2")
    assert snapshots.seats(invited.event)[-1] == ("Alma Reyes", 0, 2)
    assert "Waitlisted You’re on the waitlist for 2 seats" in page(client, invited)


def test_page_in_spanish(client, invited):
    text = client.get(invited.get_absolute_url(), headers={"accept-language": "es"}).content.decode()
    assert '<html lang="es"' in text
    for english in ("You’re invited", "Decline invitation", "Yes, I’m coming", "Message for us", "Can’t make it?"):
        assert english not in text


def test_page_shows_no_data_of_other_guests(client, invited):
    event = invited.event
    other = factories.invitation(
        event, factories.contact(factories.organization("Quirke & Sons"), "zoltan@example.org")
    )
    rsvp = factories.rsvp(event, "Zoltan Quirke", size=2, guests=("Yara",), source="invited")
    for _state in range(2):
        text = client.get(invited.get_absolute_url()).content.decode()
        for private in ("Zoltan", "Quirke", "Yara", other.token, rsvp.token, rsvp.email):
            assert private not in text
        accept(client, invited)


# Accept -----------------------------------------------------------------------------------------------------------


def test_accepting_ten_times_saves_one_rsvp(client, invited):
    fields = {"size": "3", "guest_2": "Ben Ochoa", "dietary_needs": "vegan", "note": "We bring bread."}
    for _time in range(10):
        assert accept(client, invited, **fields).status_code == 302
    [rsvp] = Rsvp.objects.all()
    assert (rsvp.email, rsvp.source, rsvp.language) == ("alma@example.org", "invited", "es")
    assert (rsvp.organization_name, rsvp.organization, rsvp.note) == (
        "",
        invited.contact.organization,
        "We bring bread.",
    )
    assert list(rsvp.guests.values_list("name", "dietary_needs")) == [
        ("Alma Reyes", "vegan"),
        ("Ben Ochoa", ""),
        ("", ""),
    ]
    assert snapshots.seats(invited.event) == [("Alma Reyes", 3, 0)]
    assert snapshots.emails() == ["confirmed 1 REQUEST"]
    assert stored_answer(invited) == "accepted"


def test_page_after_accepting_shows_the_party_and_links_to_the_rsvp(client, invited):
    accept(client, invited, size="3", guest_2="Ben Ochoa", dietary_needs="vegan")
    text = page(client, invited)
    rsvp = Rsvp.objects.get()
    assert "Confirmed You have 3 seats" in text
    for expected in ("Alma Reyes vegan", "Ben Ochoa", "No name yet", "Cancel my RSVP", rsvp.code):
        assert expected in text
    assert f'href="{rsvp.get_absolute_url()}"' in client.get(invited.get_absolute_url()).content.decode()
    assert "Save my seats" not in text


def test_accept_uses_the_contacts_email_whatever_is_submitted(client, invited):
    accept(client, invited, email="evil@example.org", event="1", partner="1")
    assert list(Rsvp.objects.values_list("email", flat=True)) == ["alma@example.org"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, "Enter your name."),
        ({"size": "7"}, "Choose a number from 1 to 6."),
        ({"size": "1", "guest_2": "Ben"}, "You listed 1 guest besides yourself."),
        ({"note": "x" * 1001}, "1001"),
        ({"name": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_accept_with_invalid_input_changes_nothing_and_keeps_the_input(client, invited, fields, expected):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = accept(
        client, invited, **{"organization_name": "Delta Growers", "guest_3": "", "accessibility_needs": "ramp"} | fields
    )
    assert response.status_code == 422
    assert expected in web_client.page_text(response)
    assert "There’s a problem with 1 answer" in web_client.page_text(response)
    assert web_client.page_text(response).startswith("Skip to main content")
    assert web_client.page_title(response) == "Error: You’re invited to breakfast"
    form_data = web_client.form_fields(response)
    assert (form_data["organization_name"], form_data["accessibility_needs"]) == ("Delta Growers", "ramp")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("change", [factories.close_rsvp, factories.mark_event_canceled, factories.end_event])
def test_accept_is_refused_when_the_event_takes_no_answers(client, invited, change):
    change(invited.event)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = accept(client, invited)
    assert response.status_code == 409
    assert "Save my seats" not in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("change", [factories.close_rsvp, factories.mark_event_canceled])
def test_accept_is_refused_if_the_event_closes_in_the_meantime(client, invited, monkeypatch, change):
    rule = responses.accept_invitation

    def change_first(*args, **kwargs):
        change(invited.event)
        return rule(*args, **kwargs)

    monkeypatch.setattr("summit.views.invitation.responses.accept_invitation", change_first)
    assert accept(client, invited).status_code == 409
    assert Rsvp.objects.count() == 0


def test_accept_over_a_max_party_size_lowered_in_the_meantime_is_an_error(client, invited, monkeypatch):
    rule = responses.accept_invitation

    def change_first(*args, **kwargs):
        Event.objects.update(max_party_size=2)
        return rule(*args, **kwargs)

    monkeypatch.setattr("summit.views.invitation.responses.accept_invitation", change_first)
    response = accept(client, invited, size="4", note="Hello")
    assert response.status_code == 422
    assert "A party can have 1 to 2 people." in web_client.page_text(response)
    assert web_client.form_fields(response)["note"] == "Hello"


def test_rsvp_made_elsewhere_with_the_same_email_is_the_answer(client):
    event = factories.event()
    invited = factories.invitation(event, factories.contact(factories.organization()))
    factories.rsvp(event, email="ALMA@example.org", size=2)
    assert "Confirmed You have 2 seats" in page(client, invited)
    accept(client, invited, size="4")
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    for _twice in range(2):
        decline(client, invited)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 0)]
    assert stored_answer(invited) == "declined"


def test_accept_with_an_rsvp_for_another_invitation_emails_its_link(invited, kickoff):
    accept(Client(), invited)
    rsvp = Rsvp.objects.get()
    other = factories.invitation(
        kickoff, factories.contact(factories.organization("Elsewhere"), email=rsvp.email.upper())
    )
    response = accept(Client(), other, name="Alma Reyes", size="3")
    assert response.status_code == 409
    assert snapshots.seats(kickoff) == [("Alma Reyes", 1, 0)]
    assert Message.objects.filter(kind="rsvp_link", object_id=rsvp.pk, recipient=rsvp.email).count() == 1


# Decline ----------------------------------------------------------------------------------------------------------


def test_declining_ten_times_with_a_message_is_saved_once(client, invited):
    for _time in range(10):
        assert decline(client, invited, "We are at harvest.").status_code == 302
    invited.refresh_from_db()
    assert (stored_answer(invited), invited.decline_message) == ("declined", "We are at harvest.")
    text = page(client, invited)
    assert "Declined You told us you can’t come Thanks for letting us know." in text
    assert "Your message: “We are at harvest.”" in text
    assert Rsvp.objects.count() == 0
    assert snapshots.emails() == []
    assert snapshots.changes(invited) == [
        {"answer": ["open", "declined"], "decline_message": ["…", "…"]},
    ]


def test_accepting_again_with_other_answers_says_that_they_were_not_saved(client, invited):
    answers = {"size": "2", "guest_2": "Ben", "dietary_needs": "vegan"}
    notice = "You’d already accepted, so what you just sent wasn’t saved."
    for more, is_told in ({}, False), ({}, False), ({"note": "We bring bread."}, True), ({"size": "3"}, True):
        accept(client, invited, **answers | more)
        assert (notice in page(client, invited)) == is_told
    assert snapshots.seats(invited.event) == [("Alma Reyes", 2, 0)]


def test_canceling_an_accepted_invitation_asks_first_and_keeps_the_message(client, invited):
    accept(client, invited, size="2")
    question = post(client, "decline", invited, decline_message="Harvest")
    assert (question.status_code, stored_answer(invited)) == (200, "accepted")
    text = web_client.page_text(question)
    assert "Cancel your RSVP?" in text
    assert "You’ll give up your 2 seats." in text
    post(client, "decline", invited, **web_client.form_fields(question))
    invited.refresh_from_db()
    assert (stored_answer(invited), invited.decline_message) == ("declined", "Harvest")


def test_decline_without_a_message(client, invited):
    client.post(address(invited, "decline"))
    assert stored_answer(invited) == "declined"
    assert "Your message" not in page(client, invited)


@pytest.mark.parametrize(
    ("decline_message", "expected"), [("x" * 501, "501"), ("a\x00b", "Null characters are not allowed.")]
)
def test_decline_with_an_invalid_message_changes_nothing(client, invited, decline_message, expected):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = decline(client, invited, decline_message)
    assert response.status_code == 422
    assert expected in web_client.page_text(response)
    assert web_client.form_fields(response)["decline_message"] == decline_message
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_html_in_a_decline_message_is_escaped(client, invited):
    decline(client, invited, "<script>alert(1)</script>")
    text = client.get(invited.get_absolute_url()).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("change", [factories.close_rsvp, factories.mark_event_canceled, factories.end_event])
def test_decline_is_refused_when_the_event_takes_no_answers(client, invited, change):
    change(invited.event)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    decline(client, invited)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert 'class="note message message-error"' in client.get(invited.get_absolute_url()).content.decode()


# Changing the answer ----------------------------------------------------------------------------------------------


def test_declining_after_accepting_promotes_the_waitlist(client, kickoff, invited):
    Event.objects.update(capacity=2)
    accept(client, invited, size="2")
    waitlisted = factories.rsvp(kickoff, "Waits", source="invited")
    for _twice in range(2):
        decline(client, invited, "Ill")
    assert snapshots.seats(kickoff) == [("Alma Reyes", 0, 0), ("Waits", 1, 0)]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert "You told us you can’t come" in page(client, invited)


def test_accepting_after_declining_confirms_seats(client, invited):
    decline(client, invited, "Ill")
    assert "Can you make it after all? 10 seats left." in page(client, invited)
    for _twice in range(2):
        accept(client, invited, size="2")
    assert snapshots.seats(invited.event) == [("Alma Reyes", 2, 0)]
    invited.refresh_from_db()
    assert (stored_answer(invited), invited.decline_message) == ("accepted", "")


def test_accepting_again_reinstates_the_rsvp_and_prefills_its_answers(client, invited):
    accept(client, invited, size="3", guest_2="Ben Ochoa", dietary_needs="vegan", note="Bread")
    decline(client, invited)
    fields = web_client.form_fields(client.get(invited.get_absolute_url()))
    assert (fields["size"], fields["guest_2"], fields["dietary_needs"], fields["note"]) == (
        "3",
        "Ben Ochoa",
        "vegan",
        "Bread",
    )
    accept(client, invited, size="2", guest_2="Cleo")
    assert snapshots.seats(invited.event) == [("Alma Reyes", 2, 0)]
    assert snapshots.guests(Rsvp.objects.get()) == [(1, "Alma Reyes"), (2, "Cleo")]


def test_rsvp_canceled_by_its_own_link_can_be_accepted_again(client, invited):
    accept(client, invited, size="2")
    seats.cancel(Rsvp.objects.get())
    assert "You told us you can’t come" in page(client, invited)
    accept(client, invited)
    assert snapshots.seats(invited.event) == [("Alma Reyes", 1, 0)]


def test_after_rsvps_close_declining_works_and_accepting_is_refused(client, invited):
    accept(client, invited, size="2")
    factories.close_rsvp(invited.event)
    assert "Cancel my RSVP" in page(client, invited)
    decline(client, invited)
    assert snapshots.seats(invited.event) == [("Alma Reyes", 0, 0)]
    text = page(client, invited)
    assert "You can’t change your answer here right now. If you can make it after all, email" in text
    assert "Save my seats" not in text
    assert accept(client, invited).status_code == 409


@pytest.mark.parametrize("change", [factories.mark_event_canceled, factories.end_event])
def test_accepted_invitation_of_a_canceled_or_past_event_is_read_only(client, invited, change):
    accept(client, invited, size="2")
    change(invited.event)
    text = page(client, invited)
    assert "Cancel my RSVP" not in text
    before = snapshots.tables(exclude=IGNORED_TABLES)
    decline(client, invited)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Safety -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", ["get", "head"])
def test_links_opened_by_an_email_scanner_change_nothing(method, invited):
    accepted = factories.invitation(invited.event, factories.contact(factories.organization("Two"), "two@example.org"))
    responses.accept_invitation(accepted, factories.unsaved_rsvp(invited.event), size=2, guests=[Guest(name="Two")])
    before = snapshots.tables()
    for invitation in (invited, accepted):
        for url in (invitation.get_absolute_url(), *(address(invitation, answer_type) for answer_type in ANSWERS)):
            response = getattr(Client(), method)(url, {"name": "Robot", "size": "1", "decline_message": "no"})
            assert response.status_code == (200 if url == invitation.get_absolute_url() else 302)
    assert snapshots.tables() == before


def test_invalid_links_get_one_constant_page(invited):
    withdrawn = factories.invitation(invited.event, factories.contact(factories.organization("Two"), "two@example.org"))
    withdrawn.delete()
    pages = set()
    for token in (new_token(), withdrawn.token, invited.token[:-1], invited.token.swapcase(), invited.contact.email):
        for tail in ("", "accept/", "decline/"):
            url = f"/imagine/invitation/{token}/{tail}"
            all_responses = [Client().get(url), *([Client().post(url, {"name": "Eve", "size": "1"})] if tail else [])]
            assert {response.status_code for response in all_responses} == {404}
            pages |= {response.content for response in all_responses}
    assert len(pages) == 1
    assert Rsvp.objects.count() == 0


def test_invitation_deleted_in_the_meantime_is_not_found(client, invited, monkeypatch):
    monkeypatch.setattr("summit.views.invitation.wait_for_invitation_email", lambda invitation: invited.delete() and 0)
    for answer_type in ANSWERS:
        assert post(client, answer_type, invited, name="Alma", size="1").status_code == 404


def test_other_methods_are_refused(client, invited):
    for url in (invited.get_absolute_url(), *(address(invited, answer_type) for answer_type in ANSWERS)):
        assert client.put(url).status_code == client.delete(url).status_code == 405
    assert client.post(invited.get_absolute_url()).status_code == 405


def test_answers_require_a_csrf_token(invited):
    csrf_client = Client(enforce_csrf_checks=True)
    for answer_type in ANSWERS:
        assert csrf_client.post(address(invited, answer_type), {"name": "Alma", "size": "1"}).status_code == 403
    assert stored_answer(invited) == "open"


def test_pages_are_not_cached_or_indexed(client, invited):
    all_responses = [client.get(invited.get_absolute_url()), accept(client, invited, size=""), accept(client, invited)]
    for response in (*all_responses, decline(client, invited), client.get(invited.get_absolute_url())):
        assert response["Cache-Control"] == "private, no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Referrer-Policy"] == "strict-origin"


@pytest.mark.slow
def test_emails_caused_by_one_link_are_limited(client, invited):
    for _time in range(10):
        assert accept(client, invited).status_code == 302
        assert decline(client, invited).status_code == 302
    assert accept(client, invited).status_code == 429
    assert Message.objects.count() == 20
    assert decline(client, invited).status_code == 302  # declining is always possible


@pytest.mark.slow
def test_page_query_count_is_the_same_for_1_and_30_invitations(client, invited, django_assert_num_queries):
    def add(number: int) -> None:
        contact = factories.contact(factories.organization(f"Growers {number}"), f"guest{number}@example.org")
        created = factories.invitation(invited.event, contact)
        responses.accept_invitation(created, factories.unsaved_rsvp(invited.event, f"Guest {number}"), size=2)

    other = factories.invitation(invited.event, factories.contact(factories.organization("Two"), "two@example.org"))
    responses.accept_invitation(other, factories.unsaved_rsvp(invited.event), size=2)
    for more in (range(1), range(1, 30)):
        for number in more:
            add(number)
        with django_assert_num_queries(3):  # the invitation, the event, and an RSVP with its email address
            client.get(invited.get_absolute_url())
        with django_assert_num_queries(4):  # the invitation, the event, its guests, and its newest email
            client.get(other.get_absolute_url())
