"""Starting a pledge: the link is sent to the typed email address, and no one gets access to another's promises."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from imagine.core.links import LinkNotFound
from imagine.mail.models import Message
from partners import tasks
from partners.models import Contact, Organization, Pledge, PledgeRequest, SlugRedirect
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges.page_state import AddressAlreadyKnown, PledgeClosed
from partners.pledges.signup import REQUEST_LIFETIME
from summit import organization_matching
from summit.models import Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db


def request_pledge(organization: str = factories.ORGANIZATION, email: str = factories.EMAIL, **fields) -> PledgeRequest:
    start = factories.unsaved_pledge_request(organization, email, **fields)
    pledge_signup.request_pledge(start)
    return start


def answer_request(start: PledgeRequest) -> list[str]:
    """Answer the request twice, and return all emails."""
    for _twice in range(2):
        pledge_signup.answer_request_once(start.pk)
    return snapshots.emails_to()


def body() -> str:
    return Message.objects.order_by("-created_at")[0].body_text


def backdate(minutes: int) -> None:
    """Make all messages and requests this many minutes older."""
    ago = timezone.now() - timedelta(minutes=minutes)
    Message.objects.update(created_at=ago)
    PledgeRequest.objects.filter(answered_at__isnull=False).update(answered_at=ago)


# Begin -----------------------------------------------------------------------------------------------------------


def test_signup_takes_the_same_queries_for_known_and_unknown_addresses(django_assert_num_queries):
    factories.signed_pledge("Known", "known@example.org")
    for email in ("known@example.org", "new@example.org"):
        with django_assert_num_queries(4):  # savepoint, school year, request, savepoint
            request_pledge("Something", email)
    assert snapshots.emails_to() == ["link 1 known@example.org", "signed 1 known@example.org"]


def test_new_address_is_emailed_its_link_once():
    factories.pledge_year()
    start = request_pledge(language="es")
    assert answer_request(start) == ["link 1 alma@example.org"]
    message = Message.objects.get()
    assert message.language == "es"
    assert f"/imagine/promise/{start.token}/" in message.body_text
    assert snapshots.organizations() == []


def test_signup_is_refused_while_no_year_is_open():
    for _twice in range(2):
        with pytest.raises(PledgeClosed) as error:
            request_pledge()
    assert str(error.value) == "No school year is open for promises right now."
    assert not PledgeRequest.objects.exists()


def test_known_address_gets_the_link_of_its_existing_pledge():
    pledge = factories.draft_pledge()
    backdate(11)
    start = request_pledge("PORT GATE Logistics, Inc.", "ALMA@example.org", name="Mallory")
    assert answer_request(start)[-1] == "link 1 alma@example.org"
    assert pledge.token in body()
    assert "To promise for" not in body()
    sheet = page_state.load_page_state(start.token)  # that link was never emailed, but it would open the first pledge
    assert (sheet.pledge, sheet.contact["name"]) == (pledge, "Alma Reyes")
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "draft", 1)]


def test_known_address_can_start_a_pledge_for_another_organization():
    pledge = factories.signed_pledge()
    backdate(11)
    start = request_pledge("Stockton Rowing Club")
    assert answer_request(start)[-1] == "link 1 alma@example.org"
    assert pledge.token in body()
    assert "To start a pledge for another organization, use this link:" in body()
    assert "Rowing" not in body()
    assert start.token in body()
    other = pledge_editing.save_draft(
        start.token, **factories.pledge_data(start.token, factories.promise_data("service", 1))
    )
    assert snapshots.organizations() == ["Port Gate Logistics", "Stockton Rowing Club"]
    assert (other.contact.email, other.token) == ("alma@example.org", start.token)
    assert Contact.objects.with_email("alma@example.org").count() == 2


def test_contact_without_a_pledge_starts_one_for_its_own_organization():
    factories.pledge_year()
    organization = factories.organization(sector="business", website="https://www.example.org")
    contact = factories.contact(organization, name="Alma R. Reyes")
    start = request_pledge("Port Gate Logistic")
    assert answer_request(start) == ["link 1 alma@example.org"]
    sheet = page_state.load_page_state(start.token)
    assert (sheet.profile["name"], sheet.profile["sector"], sheet.contact["name"]) == (
        "Port Gate Logistics",
        "business",
        "Alma R. Reyes",
    )
    pledge = pledge_editing.save_draft(start.token, **factories.pledge_data(start.token, factories.promise_data()))
    assert (pledge.organization, pledge.contact) == (organization, contact)
    assert snapshots.organizations() == ["Port Gate Logistics"]


def test_second_contact_gets_the_link_at_the_stored_address():
    pledge = factories.signed_pledge(language="es")
    factories.contact(pledge.organization, "chue@example.org", "Chue Vang")
    backdate(11)
    start = request_pledge(email="CHUE@Example.org")
    assert answer_request(start)[-1] == "link 1 chue@example.org"
    assert pledge.token in body()
    assert Message.objects.order_by("-created_at")[0].language == "en"
    assert pledge.contact.email == "alma@example.org"


def test_link_of_a_contact_without_a_pledge_goes_to_the_stored_address():
    factories.pledge_year()
    factories.contact(factories.organization())
    assert answer_request(request_pledge(email="ALMA@example.org")) == ["link 1 alma@example.org"]


def test_unknown_address_cannot_access_a_known_organization():
    pledge = factories.signed_pledge()
    start = request_pledge(email="mallory@example.org")
    assert answer_request(start)[-1] == "link 1 mallory@example.org"
    assert pledge.token not in body()
    other = pledge_editing.save_draft(
        start.token, **factories.pledge_data(start.token, factories.promise_data("service", 1))
    )
    assert other.organization != pledge.organization
    assert (
        other.organization.normalized_name == pledge.organization.normalized_name
    )  # staff see the possible duplicates
    assert snapshots.promised_amounts(pledge) == {"tours": 6}


def test_signup_emails_to_one_address_are_limited():
    factories.pledge_year()
    assert answer_request(request_pledge()) == ["link 1 alma@example.org"]
    assert answer_request(request_pledge(factories.ORGANIZATION.upper())) == ["link 1 alma@example.org"]
    assert answer_request(request_pledge("Another")) == ["link 1 alma@example.org"] * 2
    for _time in range(12):
        backdate(11)
        answer_request(request_pledge())
    assert snapshots.emails_to() == ["link 1 alma@example.org"] * 10
    assert PledgeRequest.objects.count() == 10
    PledgeRequest.objects.update(answered_at=timezone.now() - timedelta(days=1, minutes=1))
    assert len(answer_request(request_pledge())) == 11


def test_pledge_link_emails_are_limited_except_for_staff():
    pledge = factories.signed_pledge()
    assert [pledge_links.email_link(pledge) for _twice in range(2)] == [True, False]
    Message.objects.filter(kind__in=("pledge_link", "pledge_request")).update(state=Message.State.FAILED)
    assert pledge_links.email_link(pledge)
    for _time in range(12):
        backdate(11)
        pledge_links.email_link(pledge)
    assert pledge.messages.filter(kind="pledge_link").count() == 10
    assert not pledge_links.email_link(pledge)
    assert pledge_links.email_link(pledge, by_staff=True)


def test_periodic_task_answers_unanswered_requests(monkeypatch):
    factories.pledge_year()
    request_pledge()
    sent_tasks = []
    monkeypatch.setattr(tasks.dispatch, "send_task", lambda task, pk: sent_tasks.append((task, pk)))
    tasks.answer_pledge_requests()
    [(task, pk)] = sent_tasks
    assert task == "partners.tasks.answer_pledge_request"
    tasks.answer_pledge_request(str(pk))
    assert snapshots.emails_to() == ["link 1 alma@example.org"]
    tasks.answer_pledge_requests()
    assert len(sent_tasks) == 1


def test_stale_requests_are_deleted_with_their_links():
    old, new = factories.pledge_request("Old", "old@example.org"), factories.pledge_request("New", "new@example.org")
    PledgeRequest.objects.filter(pk=old.pk).update(created_at=timezone.now() - REQUEST_LIFETIME)
    for _twice in range(2):
        pledge_signup.delete_stale_requests()
    assert list(PledgeRequest.objects.all()) == [new]
    with pytest.raises(LinkNotFound):
        page_state.load_page_state(old.token)


# From an RSVP ----------------------------------------------------------------------------------------------------


def click_from_rsvp(
    organization: str = factories.ORGANIZATION, email: str = factories.EMAIL, source: str = "rsvp:17", **fields
):
    return pledge_signup.open_pledge_request(
        factories.unsaved_pledge_request(organization, email, source=source, **fields)
    )


def test_one_click_from_an_rsvp_opens_a_filled_in_page_and_emails_its_link():
    factories.pledge_year()
    start, repeated = click_from_rsvp(sector="labor"), click_from_rsvp()
    assert start == repeated
    assert snapshots.emails_to() == ["link 1 alma@example.org"]
    sheet = page_state.load_page_state(start.browser_token)
    assert (sheet.profile["name"], sheet.profile["sector"], sheet.contact["name"]) == (
        "Port Gate Logistics",
        "labor",
        "Alma Reyes",
    )


def save_draft_by_browser(start: PledgeRequest, *promises) -> Pledge:
    """Save a draft in the browser that a click led to the page."""
    data = factories.pledge_data(start.browser_token, *(promises or [factories.promise_data()]))
    data["contact"] |= {"role": "Owner", "phone": "209 555 0100", "language": "es"}
    return pledge_editing.save_draft(start.browser_token, **data)


def test_browser_link_saves_a_draft_without_creating_a_contact():
    start = click_in_open_year()
    save_draft_by_browser(start)
    pledge = save_draft_by_browser(start, factories.promise_data("mentors", 2))
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "draft", 2)]
    assert not Contact.objects.exists()
    assert pledge.token not in {start.token, start.browser_token}
    assert (pledge.is_verified, snapshots.emails_to()) == (False, ["link 1 alma@example.org"])
    sheet = page_state.load_page_state(start.browser_token)
    assert (sheet.pledge, sheet.is_emailed_link) == (pledge, False)
    assert (sheet.contact["role"], sheet.contact["phone"], sheet.contact["language"]) == ("Owner", "209 555 0100", "es")


@pytest.mark.parametrize("saved_before", [True, False])
def test_browser_link_cannot_sign(saved_before):
    start = click_in_open_year()
    if saved_before:
        save_draft_by_browser(start)
    before = snapshots.tables()
    with pytest.raises(pledge_editing.AddressNotVerified, match="open the link we emailed you"):
        pledge_editing.sign_pledge(
            start.browser_token, **factories.pledge_data(start.browser_token, factories.promise_data()), name="Vic Tim"
        )
    assert snapshots.tables() == before


@pytest.mark.parametrize("is_signed", [True, False])
def test_using_the_emailed_link_creates_the_contact_and_ends_browser_link(is_signed):
    start = click_in_open_year()
    draft = save_draft_by_browser(start)
    data = factories.pledge_data(start.token)  # as it was saved
    if is_signed:
        pledge = pledge_editing.sign_pledge(start.token, **data, name="Alma Reyes")
    else:
        pledge = pledge_editing.save_draft(start.token, **data)
    assert (pledge.pk, pledge.token, pledge.is_verified) == (draft.pk, start.token, True)
    contact = Contact.objects.get()
    assert (contact.email, contact.role, contact.phone, contact.language) == (
        *("alma@example.org", "Owner"),
        *("209 555 0100", "es"),
    )
    assert pledge.contact == contact
    assert snapshots.emails_to() == ["link 1 alma@example.org", *(["signed 1 alma@example.org"] if is_signed else [])]
    assert not PledgeRequest.objects.exists()
    with pytest.raises(LinkNotFound):
        page_state.load_page_state(start.browser_token)


def test_opening_the_emailed_link_changes_nothing(client):
    start = click_in_open_year()
    save_draft_by_browser(start)
    before = snapshots.tables()
    assert client.get(start.get_absolute_url()).status_code == 200
    assert snapshots.tables() == before


@pytest.mark.slow
def test_browser_link_page_cannot_sign_and_hides_the_emailed_link(client):
    start = click_in_open_year()
    address = f"/imagine/promise/{start.browser_token}/"
    assert "Check your email to sign" in web_client.page_text(client.get(address))
    pledge = save_draft_by_browser(start)
    for path in ("", "thanks/", "year/", "certificate.pdf", "logo.png"):
        page = client.get(address + path, follow=True)
        for secret in (start.token, pledge.token):
            assert secret not in page.content.decode(errors="replace") + str(page.redirect_chain)
    form_data = web_client.form_fields(client.get(address)) | {"save": "1", "description": "We ship."}
    assert client.post(address, form_data)["Location"] == address
    signed = form_data | {"sign": "1", "sign-name": "Vic Tim", "sign-may": "on"}
    page = client.post(address, signed)
    assert page.status_code == 422
    assert "open the link we emailed you" in web_client.page_text(page)


@pytest.mark.parametrize("known", [True, False])
def test_unverified_draft_is_deleted_with_its_stale_request(known):
    start = click_in_open_year()
    pledge = save_draft_by_browser(start)
    if known:  # staff know the organization
        factories.contact(pledge.organization, "real@example.org")
    PledgeRequest.objects.update(created_at=timezone.now() - REQUEST_LIFETIME)
    pledge_signup.delete_stale_requests()
    assert (PledgeRequest.objects.count(), snapshots.pledges()) == (0, [])
    assert snapshots.organizations() == (["Port Gate Logistics"] if known else [])


@pytest.mark.parametrize(
    "end",
    [
        lambda: pledge_signup.end_requests_of_source("rsvp:17"),
        lambda: pledge_links.end_links_of_address(None, factories.EMAIL, had_access=False),
        lambda: click_from_rsvp(email="alma.reyes@example.org"),
    ],
    ids=["RSVP corrected", "contact corrected", "clicked again"],
)
def test_draft_of_a_corrected_address_loses_its_links_and_is_deleted(end):
    start = click_in_open_year()
    save_draft_by_browser(start)
    with transaction.atomic():
        end()
    for token in (start.token, start.browser_token):
        with pytest.raises(LinkNotFound):
            page_state.load_page_state(token)
    pledge_signup.delete_stale_requests()
    assert not PledgeRequest.objects.filter(email=factories.EMAIL).exists()
    assert (snapshots.pledges(), snapshots.organizations()) == ([], [])


def add_rsvp(organization: Organization) -> None:
    rsvp = factories.rsvp(factories.event())
    organization_matching.assign_organization(Rsvp.objects.filter(pk=rsvp.pk), organization.pk)


@pytest.mark.parametrize(
    "add_use",
    [
        add_rsvp,
        lambda organization: SlugRedirect.objects.create(slug="old", organization=organization),
        lambda organization: profiles.approve_listing(organization, by="anna"),
    ],
)
def test_organization_of_a_deleted_draft_is_kept_if_used_elsewhere(add_use):
    start = click_in_open_year()
    organization = save_draft_by_browser(start).organization
    add_use(organization)
    PledgeRequest.objects.update(created_at=timezone.now() - REQUEST_LIFETIME)
    pledge_signup.delete_stale_requests()
    assert not Pledge.objects.exists()
    assert snapshots.organizations() == ["Port Gate Logistics"]


def test_signup_email_omits_the_typed_organization_name():
    click_in_open_year()
    message = Message.objects.get()
    assert "Port Gate" not in message.subject + message.body_text + message.body_html


def test_merging_the_organization_ends_the_links_of_a_browser_draft():
    start = click_in_open_year()
    pledge = save_draft_by_browser(start)
    factories.merge(factories.organization("Port Gate, Inc."), pledge.organization)
    for token in (start.token, start.browser_token):
        with pytest.raises(LinkNotFound):
            page_state.load_page_state(token)
        with pytest.raises(LinkNotFound):
            pledge_editing.save_draft(token, version="", profile={}, contact={}, promised=[])


def test_browser_link_ends_when_a_contact_signs_with_the_pledge_link():
    start = click_in_open_year()
    pledge = save_draft_by_browser(start)
    factories.contact(pledge.organization, "real@example.org")
    assert pledge_links.resend_link(pledge)
    pledge_editing.sign_pledge(pledge.token, **factories.pledge_data(pledge.token), name="Real Owner")
    with pytest.raises(LinkNotFound):
        page_state.load_page_state(start.browser_token)


def test_one_click_with_a_known_address_emails_the_link_and_opens_nothing():
    pledge = factories.signed_pledge()
    backdate(11)
    for _twice in range(2):
        assert click_from_rsvp(source="rsvp:18") is None
    assert snapshots.emails_to()[2:] == ["link 1 alma@example.org"]
    assert pledge.token in body()


def test_one_click_by_contact_without_pledge_emails_link_and_opens_nothing():
    factories.pledge_year()
    factories.contact(factories.organization())
    assert click_from_rsvp() is None
    assert snapshots.emails_to() == ["link 1 alma@example.org"]


def test_browser_link_is_refused_once_the_address_is_known():
    start = click_in_open_year()
    data = factories.pledge_data(start.browser_token, factories.promise_data("service", 99))
    pledge = factories.signed_pledge()
    backdate(11)
    for _twice in range(2):
        with pytest.raises(AddressAlreadyKnown) as error:
            pledge_editing.save_draft(start.browser_token, **data)
    assert str(error.value) == "This email address already belongs to a partner. We’ve emailed the link to it."
    assert snapshots.promised_amounts(pledge) == {"tours": 6}
    assert pledge.token in body()
    assert snapshots.emails_to()[3:] == ["link 1 alma@example.org"]


def click_in_open_year() -> PledgeRequest:
    factories.pledge_year()
    return click_from_rsvp()


def test_corrected_address_gets_a_new_link_and_the_old_link_ends():
    first = click_in_open_year()
    second = click_from_rsvp(email="alma.reyes@example.org")
    assert first.token != second.token
    assert snapshots.emails_to() == ["link 1 alma.reyes@example.org"]
    with pytest.raises(LinkNotFound):
        page_state.load_page_state(first.token)


def test_one_click_is_refused_while_no_year_is_open():
    with pytest.raises(PledgeClosed):
        click_from_rsvp()
