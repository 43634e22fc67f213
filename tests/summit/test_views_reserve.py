"""RSVPs sent from the event's page: valid, repeated, from another browser, full, closed, missing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.core import links
from imagine.mail.models import Message
from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_rsvp_is_saved_with_its_party_and_redirects_to_its_page():
    event = factories.event()
    fields = web_client.rsvp_form(
        organization_name="Delta Bakery",
        sector="business",
        size="3",
        accepts_partial="fewer",
        guest_2="Ben Okafor",
        dietary_needs="no nuts",
        accessibility_needs="wheelchair space",
        phone="209 555 0100",
        note="We bring bread.\nA lot.",
    )
    response = web_client.visitor(event).post(event.get_absolute_url(), fields)
    rsvp = Rsvp.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/imagine/rsvp/{rsvp.browser_token}/")
    names = ("name", "email", "organization_name", "sector", "phone", "note", "language", "source", "accepts_partial")
    assert {name: getattr(rsvp, name) for name in names} == {
        "name": "Alma Reyes",
        "email": "alma@example.org",
        "organization_name": "Delta Bakery",
        "sector": "business",
        "phone": "209 555 0100",
        "note": "We bring bread.\nA lot.",
        "language": "en",
        "source": "web",
        "accepts_partial": True,
    }
    assert list(Guest.objects.values_list("position", "name", "dietary_needs", "accessibility_needs")) == [
        (1, "Alma Reyes", "no nuts", "wheelchair space"),
        (2, "Ben Okafor", "", ""),
        (3, "", "", ""),
    ]
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == (3, 0)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]
    assert Message.objects.get().recipient == "alma@example.org"


def test_rsvp_page_says_that_the_email_may_take_a_while():
    event = factories.event()
    response = web_client.visitor(event).post(event.get_absolute_url(), web_client.rsvp_form(), follow=True)
    page = web_client.page_text(response)
    assert "You have 1 seat" in page
    assert "An email to alma@example.org is on its way. This page is already up to date." in page


def test_rsvp_repeated_in_the_same_browser_saves_one_and_sends_one_email():
    event = factories.event()
    browser = web_client.visitor(event)
    responses = [
        browser.post(event.get_absolute_url(), web_client.rsvp_form(name=name)) for name in ("Alma", "Alma", "Alma R.")
    ]
    assert len({(each.status_code, each["Location"]) for each in responses}) == 1
    assert snapshots.seats(event) == [("Alma R.", 1, 0)]
    assert snapshots.emails() == ["confirmed 1 REQUEST"]


def test_rsvp_from_two_tabs_is_saved_once():
    event = factories.event()
    browser = web_client.visitor(event)
    browser.get("/imagine/")
    first = browser.post(event.get_absolute_url(), web_client.rsvp_form())
    browser.get(first["Location"])
    browser.get("/imagine/rsvp/find/")
    second = browser.post(event.get_absolute_url(), web_client.rsvp_form(email="ALMA@example.org"))
    assert first["Location"] == second["Location"]
    assert snapshots.emails() == ["confirmed 1 REQUEST"]


@pytest.mark.parametrize("other", ["another browser", "no cookie"])
def test_duplicate_rsvp_from_another_browser_only_emails_the_link(other):
    event = factories.event()
    web_client.visitor(event).post(event.get_absolute_url(), web_client.rsvp_form(email="Alma@example.org"))
    rsvp = Rsvp.objects.get()
    before = snapshots.tables(exclude=("mail.Message", "core.RateLimitCount"))
    other_browser = web_client.visitor(event) if other == "another browser" else Client()
    for _twice in range(2):
        response = other_browser.post(
            event.get_absolute_url(), web_client.rsvp_form(name="Eve", email="aLmA@Example.org", size="4")
        )
        assert response.status_code == 409
        assert "This email already has an RSVP" in web_client.page_text(response)
        assert rsvp.token not in response.content.decode()
    assert snapshots.tables(exclude=("mail.Message", "core.RateLimitCount")) == before
    link = Message.objects.get(kind="rsvp_link")
    assert (link.recipient, rsvp.token in link.body_text) == ("Alma@example.org", True)


def test_browser_is_redirected_to_the_rsvp_it_made_for_an_hour():
    event = factories.event()
    browser = web_client.visitor(event)
    first = browser.post(event.get_absolute_url(), web_client.rsvp_form())
    Rsvp.objects.update(created_at=timezone.now() - timedelta(minutes=59))
    assert browser.post(event.get_absolute_url(), web_client.rsvp_form())["Location"] == first["Location"]
    Rsvp.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    each = browser.post(event.get_absolute_url(), web_client.rsvp_form())
    assert (each.status_code, "Location" in each) == (409, False)
    assert Rsvp.objects.get().browser_token not in each.content.decode()


ADDED = "so we added what you just sent"


def test_going_back_and_sending_again_adds_what_is_new():
    """Case rsvp-again-other-answers: go back, add a companion, an allergy and an access need, and send again."""
    event = factories.event()
    browser = web_client.visitor(event)
    first = browser.post(event.get_absolute_url(), web_client.rsvp_form(name="Lia Xiong", phone="209 555 0100"))
    more = {"guest_2": "Kou Xiong", "dietary_needs": "peanut allergy", "accessibility_needs": "wheelchair space"}
    more |= {"note": "We bring bread.", "party_dietary_needs": "halal", "accepts_partial": "fewer"}
    second = browser.post(
        event.get_absolute_url(), web_client.rsvp_form(name="Lia Xiong", size="2", **more), follow=True
    )
    assert second.redirect_chain == [(first["Location"], 302)]
    assert ADDED in web_client.page_text(second)
    rsvp = Rsvp.objects.get()
    assert list(rsvp.guests.values_list("name", "dietary_needs", "accessibility_needs")) == [
        ("Lia Xiong", "peanut allergy", "wheelchair space"),
        ("Kou Xiong", "", ""),
    ]
    assert (rsvp.phone, rsvp.note, rsvp.party_dietary_needs) == ("209 555 0100", "We bring bread.", "halal")
    assert (rsvp.held_seats, rsvp.accepts_partial) == (2, True)
    assert snapshots.emails() == ["confirmed 1 REQUEST", "changed 2 REQUEST"]


def test_sending_again_erases_nothing_and_says_so_if_fewer_seats_were_asked_for():
    event = factories.event()
    browser = web_client.visitor(event)
    full = {"guest_2": "Ben", "dietary_needs": "vegan", "phone": "1", "organization_name": "Delta Bakery"}
    browser.post(event.get_absolute_url(), web_client.rsvp_form(size="2", **full))
    again = browser.post(event.get_absolute_url(), web_client.rsvp_form(size="1"), follow=True)
    page = web_client.page_text(again)
    assert ADDED not in page
    assert "Your party still has 2 people. To bring fewer, remove a guest below." in page
    rsvp = Rsvp.objects.get()
    assert list(rsvp.guests.values_list("name", "dietary_needs")) == [("Alma Reyes", "vegan"), ("Ben", "")]
    assert (rsvp.phone, rsvp.organization_name) == ("1", "Delta Bakery")


def test_sending_the_same_again_says_nothing():
    event = factories.event()
    browser = web_client.visitor(event)
    form = web_client.rsvp_form(size="2", guest_2="Ben", dietary_needs="vegan")
    for _twice in range(2):
        page = web_client.page_text(browser.post(event.get_absolute_url(), form, follow=True))
        assert ADDED not in page


def test_sending_again_what_cannot_be_added_says_that_it_was_not_saved():
    event = factories.event()
    browser = web_client.visitor(event)
    browser.post(event.get_absolute_url(), web_client.rsvp_form())
    seats.cancel(Rsvp.objects.get())
    page = browser.post(event.get_absolute_url(), web_client.rsvp_form(size="2", guest_2="Ben"), follow=True)
    assert "What you just sent wasn’t saved. This RSVP is canceled." in web_client.page_text(page)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 0)]


def test_browser_is_not_redirected_once_the_emailed_link_was_used():
    event = factories.event()
    browser = web_client.visitor(event)
    browser.post(event.get_absolute_url(), web_client.rsvp_form())
    Client().post(f"{Rsvp.objects.get().get_absolute_url()}party/", {})
    assert browser.post(event.get_absolute_url(), web_client.rsvp_form()).status_code == 409


def test_emails_repeat_only_the_name_until_the_address_is_verified():
    event = factories.event()
    data = {"guest_2": "Evil Prize", "dietary_needs": "Call 209 555 0100", "note": "evil note", "size": "2"}
    browser = web_client.visitor(event)
    browser.post(event.get_absolute_url(), web_client.rsvp_form(organization_name="Prize Inc", **data))
    rsvp = Rsvp.objects.get()
    seats.grow_party(rsvp, size=3)
    for message in Message.objects.all():
        text = f"{message.subject} {message.body_text} {message.body_html} {message.ics}"
        assert "Alma Reyes" in text
        assert [word for word in ("Prize", "Call 209", "evil note") if word in text] == []
    links.verify(rsvp)
    seats.grow_party(rsvp, size=4)
    assert "Evil Prize" in Message.objects.latest("created_at").body_text


def test_organization_name_with_a_link_is_rejected(client):
    event = factories.event()
    form = web_client.rsvp_form(organization_name="Prize: www.evil-prize.example.com/claim")
    assert client.post(event.get_absolute_url(), form).status_code == 422
    assert not Rsvp.objects.exists()


def test_two_addresses_in_one_browser_make_two_rsvps():
    event = factories.event()
    browser = web_client.visitor(event)
    for email in ("alma@example.org", "ben@example.org"):
        browser.post(event.get_absolute_url(), web_client.rsvp_form(email=email))
    assert Rsvp.objects.count() == 2


def test_more_guest_names_than_the_party_size_is_an_error():
    event = factories.event()
    response = web_client.visitor(event).post(event.get_absolute_url(), web_client.rsvp_form(size="1", guest_2="Ben"))
    assert response.status_code == 422
    error = "You listed 1 guest besides yourself. Choose 2 people, or clear that guest’s answers."
    assert error in web_client.page_text(response)
    assert 'class="guest-row is-typed"' in response.content.decode()  # shown, although one person needs no row
    assert not Rsvp.objects.exists()


def test_guest_can_be_named_in_any_field():
    event = factories.event()
    web_client.visitor(event).post(event.get_absolute_url(), web_client.rsvp_form(size="2", guest_5="Ben"))
    assert snapshots.guests(Rsvp.objects.get()) == [(1, "Alma Reyes"), (2, "Ben")]


def test_needs_are_kept_for_each_guest_and_for_anyone_in_the_party():
    event = factories.event()
    fields = {"dietary_needs_3": "vegan", "party_dietary_needs": "no nuts", "party_accessibility_needs": "ramp"}
    form = web_client.rsvp_form(size="3", guest_2="Ben", dietary_needs="kosher", **fields)
    page = web_client.visitor(event).post(event.get_absolute_url(), form, follow=True)
    rsvp = Rsvp.objects.get()
    assert list(rsvp.guests.values_list("position", "name", "dietary_needs")) == [
        (1, "Alma Reyes", "kosher"),
        (2, "Ben", ""),
        (3, "", "vegan"),
    ]
    assert (rsvp.party_dietary_needs, rsvp.party_accessibility_needs) == ("no nuts", "ramp")
    inputs = web_client.form_fields(page)
    assert (inputs["rsvp-party_dietary_needs"], inputs["rsvp-party_accessibility_needs"]) == ("no nuts", "ramp")
    links.verify(rsvp)
    seats.grow_party(rsvp, size=4)
    assert "- Anyone in your party: no nuts, ramp" in Message.objects.latest("created_at").body_text


def test_form_has_a_row_for_each_guest_the_event_allows(client):
    page = client.get(factories.event(max_party_size=4).get_absolute_url()).content.decode()
    assert page.count('<fieldset class="guest-row">') == 3
    alone = client.get(factories.event(max_party_size=1).get_absolute_url()).content.decode()
    assert "guest-row" not in alone
    assert "Anyone in your party" not in alone


def test_rsvp_for_a_full_event_is_waitlisted():
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    response = web_client.visitor(event).post(event.get_absolute_url(), web_client.rsvp_form(size="2"), follow=True)
    assert "You’re on the waitlist for 2 seats" in web_client.page_text(response)
    assert snapshots.seats(event) == [("Seated", 1, 0), ("Alma Reyes", 0, 2)]


def test_rsvp_in_spanish_is_answered_in_spanish():
    event = factories.event()
    client = Client(headers={"accept-language": "es-MX,es;q=0.9,en;q=0.5"})
    client.post(event.get_absolute_url(), web_client.rsvp_form())
    assert Rsvp.objects.get().language == Message.objects.get().language == "es"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rsvp_closes_at": timezone.now() - HOUR}, "RSVPs are closed"),
        ({"rsvp_opens_at": timezone.now() + HOUR}, "RSVPs aren’t open yet"),
        ({"canceled_at": timezone.now()}, "This event is canceled"),
    ],
    ids=["closed", "soon", "cancelled"],
)
def test_rsvp_is_refused_and_not_saved_when_the_event_takes_none(fields, expected):
    event = factories.event()
    browser = web_client.visitor(event)
    Event.objects.update(**fields)
    before = snapshots.tables(exclude=("core.RateLimitCount",))
    response = browser.post(event.get_absolute_url(), web_client.rsvp_form(name="", note="kept?"))
    assert response.status_code == 409
    assert expected in web_client.page_text(response)
    assert snapshots.tables(exclude=("core.RateLimitCount",)) == before


def test_rsvp_to_a_missing_event_is_not_found(client):
    assert client.post("/imagine/events/none/", web_client.rsvp_form()).status_code == 404
    assert snapshots.tables()["summit.Rsvp"] == []


def test_rsvp_with_invalid_input_keeps_the_input_and_links_to_the_errors():
    event = factories.event()
    fields = web_client.rsvp_form(email="alma", organization_name="Delta <Bakery>", size="9", guest_2="Ben")
    response = web_client.visitor(event).post(event.get_absolute_url(), fields)
    page = response.content.decode()
    assert response.status_code == 422
    assert "There’s a problem with 2 answers" in page
    assert '<a href="#id_email">' in page
    assert '<a href="#id_size_0">' in page
    for data in ('value="Alma Reyes"', 'value="alma"', 'value="Delta &lt;Bakery&gt;"', 'value="Ben"'):
        assert data in page
    assert Rsvp.objects.count() == 0


def test_rsvp_without_a_csrf_token_comes_back_filled_in():
    event = factories.event()
    response = Client(enforce_csrf_checks=True).post(event.get_absolute_url(), web_client.rsvp_form())
    assert response.status_code == 403
    assert "nothing is saved yet" in web_client.page_text(response)
    assert web_client.form_fields(response)["name"] == "Alma Reyes"
    assert Rsvp.objects.count() == 0


# Queries ----------------------------------------------------------------------------------------------------------


def fill_event(event: Event, number: int) -> None:
    for one in range(number):
        factories.rsvp(event, f"Guest {one}", size=1 + one % 3)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 60])
@pytest.mark.parametrize("size", [1, 6])
def test_rsvp_takes_at_most_eight_queries(number, size):
    event = factories.event(capacity=62)
    fill_event(event, number)
    browser = web_client.visitor(event)
    with CaptureQueriesContext(connection) as queries:
        assert browser.post(event.get_absolute_url(), web_client.rsvp_form(size=str(size))).status_code == 302
    rsvp_queries = [query["sql"] for query in queries if query["sql"] not in {"BEGIN", "COMMIT"}]
    assert len(rsvp_queries) <= 8, "\n".join(rsvp_queries)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 60])
def test_landing_takes_two_queries_once_the_directory_is_known(number, client):
    """Those for the types, years and names of partners are repeated only when one of these changes."""
    event = factories.event(capacity=30)
    fill_event(event, number)
    factories.listed_partner()
    for address in ("/imagine/", event.get_absolute_url()):
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        assert len(queries) == 2


def test_form_errors_of_one_request_do_not_show_in_another():
    """crispy-forms modifies the fields of a form that it renders."""
    browser, event = web_client.visitor(factories.event()), factories.event()
    invalid_fields = [{"email": "alma"}, {"name": ""}, {"email": "alma"}]
    pages = [browser.post(event.get_absolute_url(), web_client.rsvp_form(**wrong)) for wrong in invalid_fields]
    first, other, repeated = (page.content.decode().partition('id="div_id_name"')[2] for page in pages)
    assert first.partition("</form>")[0] == repeated.partition("</form>")[0] != ""
    assert "is-invalid" not in other.partition('id="div_id_email"')[2].partition("</form>")[0]
