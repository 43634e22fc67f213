"""Inviting from an event's page: choosing an audience, reviewing recipients, and confirming their number."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.mail import preferences
from imagine.mail.models import Mailing, Message
from partners.models import Contact
from partners.organizations import contacts
from summit.admin.invite_wizard import ConfirmForm
from summit.invitations import responses
from summit.models import Audience, Event, Invitation
from tests import factories, snapshots, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

EVENTS = "/imagine/admin/summit/event/"
IGNORED_TABLES = ("accounts.StaffSession",)
VIEW_PERMISSIONS = ("view_event", "view_audience", "view_invitation")


@pytest.fixture
def kickoff(db) -> Event:
    return factories.event(kind="kickoff", title="Partner Kick-off", title_es="Encuentro inicial", invitation_only=True)


def people(number: int = 3) -> list[Contact]:
    names = ["Alma Reyes", "Ben Ochoa", "Chue Vang", *(f"Person {n:03}" for n in range(3, number))]
    return [factories.person(name) for name in names[:number]]


def audience_url(event: Event) -> str:
    return f"{EVENTS}{event.pk}/invite/"


def review_url(event: Event, audience: Audience) -> str:
    return f"{audience_url(event)}{audience.pk}/"


def form_data(staff: Client, event: Event, audience: Audience, number: object) -> dict[str, str]:
    """Open the page, enter a number, and return what the form would send."""
    return web_client.form_fields(staff.get(review_url(event, audience))) | {"number": str(number)}


def confirm(staff: Client, event: Event, audience: Audience, number: object):
    """Open the page, enter a number, and submit the form."""
    return staff.post(review_url(event, audience), form_data(staff, event, audience, number), follow=True)


def shown_errors(page) -> list[str]:
    return [person.name for person in page.context["people"]]


def invited(event: Event) -> list[str]:
    return list(event.invitations.order_by("contact__name").values_list("contact__name", flat=True))


# Whom ------------------------------------------------------------------------------------------------------------


def test_event_page_links_to_invite_page_and_counts_invitations(staff, kickoff):
    page = staff.get(f"{EVENTS}{kickoff.pk}/change/")
    assert f'href="{audience_url(kickoff)}"' in page.content.decode()
    assert "All invitations" not in web_client.page_text(page)
    invitation = factories.invite(kickoff, people()[0])
    responses.decline_invitation(invitation, "Inventory that week")
    text = web_client.page_text(staff.get(f"{EVENTS}{kickoff.pk}/change/?tab=invitations"))
    assert "invited 1 accepted 0 declined 1 no answer yet 0" in text


def test_audiences_are_described_in_words(staff, kickoff):
    year, school = factories.pledge_year(), factories.school()
    first = factories.audience(
        name="Freight",
        pledge_year=year,
        include_drafts=True,
        sectors=["business", "labor"],
        schools=[school],
        contact_scope="all",
    )
    factories.audience(
        name="Guests", attended_event=kickoff, attendance=["came", "waitlisted"], uploaded_contacts=people(2)
    )
    factories.audience(name="Empty")
    text = web_client.page_text(staff.get(audience_url(kickoff)))
    assert (
        "Freight Organizations with a pledge for 2027–28, signed or not. Schools: Cesar Chavez High. "
        "Sectors: Business and industry, Labor. Every contact of each organization." in text
    )
    assert f"Guests of {kickoff}: Attended, Stayed on the waitlist. 2 people from an uploaded list." in text
    assert "Empty No one is in this audience yet." in text
    assert f'href="{review_url(kickoff, first)}"' in staff.get(audience_url(kickoff)).content.decode()


def test_partners_of_the_year_audience_is_created_once(staff, kickoff):
    factories.signed_pledge()
    assert "The main contact of every organization with a signed pledge for 2027–28." in web_client.page_text(
        staff.get(audience_url(kickoff))
    )
    for _twice in range(2):
        page = staff.post(audience_url(kickoff), follow=True)
        assert shown_errors(page) == ["Alma Reyes"]
    audience = Audience.objects.get()
    assert (audience.name, audience.pledge_year_id) == ("2027–28 partners", 2027)
    assert "The main contact of every organization" not in web_client.page_text(staff.get(audience_url(kickoff)))


def test_partners_of_the_year_audience_gets_a_number_when_name_is_taken(staff, kickoff):
    factories.signed_pledge()
    factories.audience(name="2027–28 partners")
    assert shown_errors(staff.post(audience_url(kickoff), follow=True)) == ["Alma Reyes"]
    assert sorted(Audience.objects.values_list("name", flat=True)) == ["2027–28 partners", "2027–28 partners (2)"]


def test_no_audience_is_created_without_a_school_year(staff, kickoff):
    assert staff.post(audience_url(kickoff)).status_code == 302
    assert not Audience.objects.exists()


# Recipients ------------------------------------------------------------------------------------------------------


def test_page_shows_who_will_be_invited_and_why_others_are_left_out(staff, kickoff):
    audience_of_all = people()
    audience = factories.audience(uploaded_contacts=audience_of_all)
    preferences.set_topics(preferences.get_preference("ben.ochoa@example.org"), invitations=False)
    preferences.suppress("chue.vang@example.org", "550 no such mailbox")
    page = staff.get(review_url(kickoff, audience))
    assert "Will be invited 1 Excluded 2 Available seats 10" in web_client.page_text(page)
    assert shown_errors(page) == ["Alma Reyes"]
    assert [(part["label"], part["number"]) for part in page.context["filters"]] == [
        ("Will be invited", 1),
        ("Unsubscribed", 1),
        ("Bouncing address", 1),
        ("All", 3),
    ]
    assert shown_errors(staff.get(review_url(kickoff, audience) + "?who=opted_out")) == ["Ben Ochoa"]
    assert shown_errors(staff.get(review_url(kickoff, audience) + "?who=all")) == [
        "Alma Reyes",
        "Ben Ochoa",
        "Chue Vang",
    ]
    assert shown_errors(staff.get(review_url(kickoff, audience) + "?who=~")) == ["Alma Reyes"]
    assert "Ben Ochoa – ben.ochoa@example.org Unsubscribed" in web_client.page_text(
        staff.get(review_url(kickoff, audience) + "?who=all&q=ochoa")
    )


@pytest.mark.parametrize(
    ("search", "found"), [("REYES", ["Alma Reyes"]), ("ben@", []), ("vang@example", ["Chue Vang"])]
)
def test_people_can_be_searched_by_name_or_email(staff, kickoff, search, found):
    vang = contacts.add_contact(None, name="Chue Vang", email="vang@example.org")
    audience = factories.audience(uploaded_contacts=[*people(2), vang])
    assert shown_errors(staff.get(review_url(kickoff, audience), {"q": search})) == found


def test_email_preview_for_chosen_person_in_both_languages(staff, kickoff):
    alma, ben = people(2)
    audience = factories.audience(uploaded_contacts=[alma, ben])
    page = staff.get(review_url(kickoff, audience))
    assert [message.language for message in page.context["previews"]] == ["en", "es"]
    assert "Email preview for Alma Reyes" in web_client.page_text(page)
    chosen = staff.get(review_url(kickoff, audience), {"as": f"c{ben.pk}"})
    assert "Email preview for Ben Ochoa" in web_client.page_text(chosen)
    assert "Partner Kick-off" in chosen.context["previews"][0].text
    assert "Encuentro inicial" in chosen.context["previews"][1].text
    assert "Email preview for Alma Reyes" in web_client.page_text(staff.get(review_url(kickoff, audience), {"as": "~"}))
    assert not Message.objects.exists()
    assert not Invitation.objects.exists()


@pytest.mark.slow
def test_thousands_of_people_are_paged(staff, kickoff):
    Contact.objects.bulk_create(
        Contact(name=f"Person {number:04}", email=f"p{number}@example.org") for number in range(3000)
    )
    audience = factories.audience(uploaded_contacts=Contact.objects.all())
    page = staff.get(review_url(kickoff, audience))
    assert len(shown_errors(page)) == 25
    assert "Page 1 of 120" in web_client.page_text(page)
    assert (
        "Only 10 seats are available. Once they’re taken, people who accept join the waitlist."
        in web_client.page_text(page)
    )
    assert shown_errors(staff.get(review_url(kickoff, audience), {"page": 120}))[-1] == "Person 2999"
    assert len(page.content) < 100_000


@pytest.mark.slow
def test_invite_page_query_count_is_constant(staff, kickoff, django_assert_num_queries):
    def audience(number: int) -> Audience:
        return factories.audience(
            uploaded_contacts=people(number), schools=[school], pledge_year=year, attended_event=kickoff
        )

    year, school = factories.pledge_year(), factories.school()
    few = audience(3)
    with CaptureQueriesContext(connection) as queries:
        staff.get(review_url(kickoff, few))
        staff.get(audience_url(kickoff))
    many = next(iter([audience(30) for _number in range(29)]))
    with django_assert_num_queries(len(queries)):
        staff.get(review_url(kickoff, many))
        staff.get(audience_url(kickoff))


# The number ------------------------------------------------------------------------------------------------------


def test_typing_the_right_number_invites_and_redirects_to_the_mailing(
    staff, kickoff, django_capture_on_commit_callbacks
):
    audience = factories.audience(uploaded_contacts=people(), name="Everyone")
    page = confirm(staff, kickoff, audience, 3)
    mailing = Mailing.objects.get()
    assert page.redirect_chain == [(f"/imagine/admin/mail/mailing/{mailing.pk}/change/", 302)]
    assert "Mailing started. We’re sending 3 invitations." in web_client.page_text(page)
    assert (mailing.recipient_count, mailing.started_by, mailing.about) == (3, "staff", kickoff)
    assert invited(kickoff) == ["Alma Reyes", "Ben Ochoa", "Chue Vang"]


def test_submitting_again_invites_no_one_twice(staff, kickoff):
    audience = factories.audience(uploaded_contacts=people())
    data = form_data(staff, kickoff, audience, 3)
    staff.post(review_url(kickoff, audience), data)
    page = staff.post(review_url(kickoff, audience), data)
    assert page.status_code == 422
    assert "No one in this audience can be invited." in web_client.page_text(page)
    assert (Mailing.objects.count(), len(invited(kickoff))) == (1, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (
            "2",
            "You typed 2, but 3 people would be invited. No one was invited. Review the list and type the number "
            "again.",
        ),
        ("three", "You typed three, but 3 people would be invited."),
        ("", "Type the number of people to invite."),
        ("3" * 500, "at most 12 characters"),
        ("3\n3", "on one line"),
    ],
)
def test_wrong_number_invites_no_one(staff, kickoff, number, error):
    audience = factories.audience(uploaded_contacts=people())
    page = confirm(staff, kickoff, audience, number)
    assert page.status_code == 422
    assert error in web_client.page_text(page)
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("number", ["1,200", "1200", " 1200 ", "1 200", "1.200"])
def test_number_accepts_thousands_separators_and_spaces(number):
    assert ConfirmForm({"number": number, "shown": "1200"}).is_valid()


@pytest.mark.slow
@pytest.mark.parametrize("shown_errors", ["", "~", "-1", "9" * 30])
def test_invalid_shown_number_invites_no_one(staff, kickoff, shown_errors):
    audience = factories.audience(uploaded_contacts=people())
    page = staff.post(review_url(kickoff, audience), form_data(staff, kickoff, audience, 3) | {"shown": shown_errors})
    assert page.status_code == 422
    assert not Invitation.objects.exists()


@pytest.mark.slow
def test_page_is_shown_again_when_the_number_of_people_changed(staff, kickoff):
    alma, ben, chue = people()
    audience = factories.audience(uploaded_contacts=[alma, ben])
    data = form_data(staff, kickoff, audience, 2)
    audience.uploaded_contacts.add(chue)
    page = staff.post(review_url(kickoff, audience), data)
    assert page.status_code == 422
    assert "The recipients have changed: 3 people would be invited now. No one was invited." in web_client.page_text(
        page
    )
    assert not Invitation.objects.exists()
    assert web_client.form_fields(page)["shown"] == "3"


def rename_contact(audience: Audience, alma: Contact, chue: Contact) -> None:
    audience.uploaded_contacts.remove(alma)
    audience.uploaded_contacts.add(chue)


def correct_email(_audience: Audience, alma: Contact, _chue: Contact) -> None:
    contacts.correct_contact(alma, email="somebody.else@example.org")


def swap_contacts(audience: Audience, alma: Contact, chue: Contact) -> None:
    audience.uploaded_contacts.add(chue)
    preferences.set_topics(preferences.get_preference(alma.email), invitations=False)


@pytest.mark.slow
@pytest.mark.parametrize("change", [rename_contact, correct_email, swap_contacts])
def test_page_is_shown_again_when_people_changed_but_not_their_number(staff, kickoff, change):
    alma, ben, chue = people()
    audience = factories.audience(uploaded_contacts=[alma, ben])
    data = form_data(staff, kickoff, audience, 2)
    change(audience, alma, chue)
    page = staff.post(review_url(kickoff, audience), data)
    assert page.status_code == 422
    error = "The recipients have changed: they’re as many as before, but not the same people. No one was invited."
    assert error in web_client.page_text(page)
    assert not Invitation.objects.exists()
    assert web_client.form_fields(page)["number"] == ""
    errors = shown_errors(page)
    assert confirm(staff, kickoff, audience, 2).status_code == 200
    assert invited(kickoff) == errors


@pytest.mark.slow
def test_message_about_changed_people_is_translated(staff, kickoff):
    alma, ben, _chue = people()
    audience = factories.audience(uploaded_contacts=[alma])
    data = form_data(staff, kickoff, audience, 1)
    audience.uploaded_contacts.set([ben])
    page = staff.post(review_url(kickoff, audience), data, headers={"accept-language": "es"})
    assert "Los destinatarios cambiaron: ahora es otra persona." in web_client.page_text(page)
    assert not Invitation.objects.exists()


def test_fingerprint_matches_for_unusual_email_addresses(staff, kickoff):
    """The page's fingerprint is made by the database, and the rule's by Python from the people it will invite."""
    past, emails = factories.event(), ["ñu@example.org", "Zoe@Example.org", "a_b@example.org", "ab@example.org"]
    for number, email in enumerate(emails):
        contacts.add_contact(None, name=f"Person {number}", email=email)
    factories.rsvp(past, "Guest", email="Émile@example.org")
    audience = factories.audience(uploaded_contacts=Contact.objects.all(), attended_event=past)
    assert confirm(staff, kickoff, audience, 5).status_code == 200
    assert len(invited(kickoff)) == 5


@pytest.mark.slow
@pytest.mark.parametrize("fingerprint", [None, "", "~", "0" * 32, "0" * 500])
def test_missing_or_wrong_fingerprint_invites_no_one(staff, kickoff, fingerprint):
    audience = factories.audience(uploaded_contacts=people())
    data = form_data(staff, kickoff, audience, 3) | {"mark": fingerprint or ""}
    if fingerprint is None:
        del data["mark"]
    assert staff.post(review_url(kickoff, audience), data).status_code == 422
    assert not Invitation.objects.exists()


def cancel(event: Event) -> None:
    factories.mark_event_canceled(event)


def hidden(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(is_published=False)


def unpublish(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(rsvp_opens_at=timezone.now() + timedelta(days=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (factories.end_event, "This event is over, so no one can be invited."),
        (cancel, "This event was canceled, so no one can be invited."),
        (hidden, "This event isn’t published yet. Publish it"),
        (factories.close_rsvp, "RSVPs for this event are closed"),
        (unpublish, "RSVPs for this event aren’t open yet"),
    ],
)
def test_event_that_takes_no_rsvps_invites_no_one(staff, kickoff, change, error):
    audience = factories.audience(uploaded_contacts=people())
    data = form_data(staff, kickoff, audience, 3)
    change(kickoff)
    for page in (
        staff.get(audience_url(kickoff)),
        staff.get(review_url(kickoff, audience)),
        staff.post(review_url(kickoff, audience), data),
    ):
        assert error in web_client.page_text(page)
        assert 'name="number"' not in page.content.decode()
    assert not Invitation.objects.exists()


def test_empty_audience_has_no_invite_button(staff, kickoff):
    audience = factories.audience()
    page = staff.get(review_url(kickoff, audience))
    assert "No one in this audience can be invited." in web_client.page_text(page)
    assert 'name="number"' not in page.content.decode()
    response = staff.post(review_url(kickoff, audience), {"shown": "0", "number": "0"})
    assert response.status_code == 422
    assert not Mailing.objects.exists()


# Who may what ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_view_only_staff_see_the_pages_but_cannot_invite(kickoff):
    factories.signed_pledge()
    audience, client = factories.audience(uploaded_contacts=people()), staff_client(*VIEW_PERMISSIONS)
    for address in (audience_url(kickoff), review_url(kickoff, audience)):
        page = client.get(address)
        assert page.status_code == 200
        assert 'method="post"' not in page.content.decode().replace("/logout/", "").split('id="content-main"')[1]
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert client.post(audience_url(kickoff)).status_code == 403
    assert client.post(review_url(kickoff, audience), {"shown": "3", "number": "3"}).status_code == 403
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
@pytest.mark.parametrize("missing", VIEW_PERMISSIONS)
def test_invite_pages_require_all_view_permissions(kickoff, missing):
    audience, client = (
        factories.audience(uploaded_contacts=people()),
        staff_client("change_rsvp", *(set(VIEW_PERMISSIONS) - {missing})),
    )
    for address in (audience_url(kickoff), review_url(kickoff, audience)):
        assert client.get(address).status_code == 403
        assert client.post(address, {"shown": "3", "number": "3"}).status_code == 403
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("client", ["nobody", "guest"])
def test_invite_pages_are_closed_to_non_staff(kickoff, client):
    browser = Client()
    if client == "guest":
        browser.force_login(User.objects.create_user("guest"))
    audience = factories.audience(uploaded_contacts=people())
    for address in (audience_url(kickoff), review_url(kickoff, audience)):
        assert browser.get(address).status_code == 302
        assert browser.post(address, {"shown": "3", "number": "3"}).status_code == 302
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(staff, kickoff, method):
    audience = factories.audience(uploaded_contacts=people())
    for address in (audience_url(kickoff), review_url(kickoff, audience)):
        assert getattr(staff, method)(address).status_code == 405


@pytest.mark.slow
def test_get_head_and_options_change_nothing(staff, kickoff):
    audience = factories.audience(uploaded_contacts=people())
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for address in (audience_url(kickoff), review_url(kickoff, audience)):
        for method in (staff.get, staff.head, staff.options):
            method(address)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.parametrize("address", ["{event}9/invite/", "{event}/invite/999/"])
def test_missing_event_or_audience_returns_404(staff, kickoff, address):
    assert staff.get(EVENTS + address.format(event=kickoff.pk)).status_code == 404
