"""Who can use which link.

Each test is a story that records every link that is emailed or shown, lets something happen, and tries all of them in
new browsers.
"""

import re
from collections import defaultdict
from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.test import Client
from django.utils import timezone

from imagine.core.links import new_token
from imagine.mail import queue
from imagine.mail.models import EmailPreference, Message
from imagine.mail.preferences import get_preference
from imagine.mail.queue import CannotResend
from imagine.privacy import erasing
from imagine.privacy.people import Person
from partners.models import Contact, Organization, Pledge, PledgeRequest
from partners.organizations import contacts
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from summit import rsvp_links, seats
from summit.invitations import links as invitation_links
from summit.invitations import responses
from summit.models import DateAlert, Event, Invitation, Rsvp
from tests import factories, web_client
from tests.privacy.test_retention import carry_out, past_event
from tests.test_golden import patterns

pytestmark = pytest.mark.django_db

LINK = re.compile(r"/imagine/((rsvp|promise|invitation|mail|date)/[A-Za-z0-9_-]{32}/[\w/.-]*)")
PAGES = {"rsvp": ("", "cancel/", "calendar.ics"), "promise": ("", "thanks/", "certificate.pdf", "year/")}


class Story:
    """Everything that happened so far, and which links each reader knows."""

    def __init__(self):
        self.known_links: dict[tuple[str, str], set[str]] = defaultdict(set)

    def record_links(self, text: str, reader: str) -> None:
        for path, kind in LINK.findall(text):
            self.known_links[kind, reader].add(f"/imagine/{path}")

    def deliver(self) -> None:
        """Mark all queued email as sent, so that its readers know its links."""
        for message in Message.objects.filter(state="queued"):
            assert not self.is_unsendable(message), f"{message} has a dead link"
            self.record_links(
                message.body_text + message.body_html + message.ics.replace("\r\n ", ""), message.recipient
            )
        Message.objects.filter(state="queued").update(state="sent", sent_at=timezone.now())

    def is_unsendable(self, message: Message) -> bool:
        return any(not link_works(f"/imagine/{path}") for path, _kind in LINK.findall(message.body_text))

    def working_links(self) -> set[tuple[str, str]]:
        return {
            (kind, reader)
            for (kind, reader), links in self.known_links.items()
            if any(link_works(link + suffix) for link in links for suffix in PAGES.get(kind, ("",)))
        }

    def resend_everything(self) -> None:
        """Resend every email as staff do. What is refused stays unsent."""
        for message in Message.objects.all():
            try:
                queue.resend(message)
            except (CannotResend, ObjectDoesNotExist):
                continue
        self.deliver()


def link_works(path: str) -> bool:
    response = Client().get(path, follow=True)
    if response.status_code == 404:
        assert response.content == Client().get("/imagine/rsvp/cut-off").content
        return False
    assert response.status_code == 200
    return True


@pytest.fixture
def story() -> Story:
    return Story()


# RSVPs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rsvp(story) -> Rsvp:
    """An RSVP of Rosa, who was sent every kind of email with her link."""
    rsvp = factories.rsvp(factories.event(), "Rosa", email="wrong@example.org", size=2)
    story.deliver()
    rsvp_links.mail_rsvp_link(rsvp)
    seats.grow_party(rsvp, size=3)
    story.deliver()
    assert story.working_links() == {("rsvp", "wrong@example.org")}
    return rsvp


@pytest.mark.slow
def test_rsvp_with_corrected_email_opens_only_for_the_new_address(story, rsvp):
    seats.grow_party(rsvp, size=4)  # its email isn't sent yet
    rsvp_links.change_email(rsvp, "rosa@example.org")
    story.deliver()
    story.resend_everything()
    assert story.working_links() == {("rsvp", "rosa@example.org")}
    assert Message.objects.filter(recipient="wrong@example.org", state="queued").count() == 0


def test_rsvp_with_replaced_link_opens_only_by_the_new_link(story, rsvp):
    old = story.known_links.pop(("rsvp", "wrong@example.org"))
    seats.grow_party(rsvp, size=4)
    rsvp_links.replace_rsvp_link(rsvp)
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert story.working_links() == {("rsvp", "wrong@example.org")}


@pytest.mark.slow
def test_rsvp_opens_after_it_was_canceled_and_not_after_it_was_deleted(story, rsvp):
    seats.cancel(rsvp)
    story.deliver()
    assert story.working_links() == {("rsvp", "wrong@example.org")}
    seats.delete_rsvp(rsvp)
    story.resend_everything()
    assert story.working_links() == set()


@pytest.fixture
def browser_rsvp(story) -> Rsvp:
    """An RSVP with a typed email address. The page in the browser has its own links."""
    event = factories.event()
    browser = web_client.visitor(event)
    page = browser.post(event.get_absolute_url(), web_client.rsvp_form(email="rosa@example.org"), follow=True)
    story.record_links(f"{page.redirect_chain} {page.content.decode()}", "browser")
    rsvp = Rsvp.objects.get()
    story.record_links(Client().get(f"/imagine/rsvp/{rsvp.browser_token}/calendar.ics").content.decode(), "browser")
    second_page = browser.post(event.get_absolute_url(), web_client.rsvp_form(email="rosa@example.org"), follow=True)
    story.record_links(f"{second_page.redirect_chain}", "browser")
    assert not [link for link in story.known_links["rsvp", "browser"] if rsvp.token in link]
    story.deliver()
    assert story.working_links() == {("rsvp", "browser"), ("rsvp", "rosa@example.org")}
    return rsvp


@pytest.mark.slow
def test_rsvp_opens_in_the_browser_until_the_emailed_link_is_used(story, browser_rsvp):
    page = browser_rsvp.get_absolute_url()
    for suffix in PAGES["rsvp"]:  # like email scanners
        Client().get(page + suffix)
    browser_page = page.replace(browser_rsvp.token, browser_rsvp.browser_token)
    assert Client().post(f"{browser_page}party/", {"grow": "2"}).status_code == 302
    assert ("rsvp", "browser") in story.working_links()
    assert not Rsvp.objects.get().verified_at
    assert Client().post(f"{page}party/", {"grow": "3"}).status_code == 302
    story.deliver()
    story.resend_everything()
    assert story.working_links() == {("rsvp", "rosa@example.org")}
    assert Rsvp.objects.get().verified_at


@pytest.mark.parametrize("correct", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_rsvp_browser_link_stops_working_when_link_or_email_changes(story, browser_rsvp, correct):
    if correct:
        rsvp_links.change_email(browser_rsvp, "right@example.org")
    else:
        rsvp_links.replace_rsvp_link(browser_rsvp)
    story.deliver()
    story.resend_everything()
    assert ("rsvp", "browser") not in story.working_links()


@pytest.mark.slow
@pytest.mark.parametrize("proves", [True, False])
def test_browser_link_of_a_pledge_from_an_rsvp_ends_on_use_or_replacement(story, browser_rsvp, proves):
    factories.pledge_year()
    page = Client().post(f"/imagine/rsvp/{browser_rsvp.browser_token}/promise/", follow=True)
    story.record_links(f"{page.redirect_chain} {page.content.decode()}", "browser")
    story.deliver()
    request = PledgeRequest.objects.get()
    data = factories.pledge_data(request.browser_token, factories.promise_data(), name="Port Gate")
    pledge_editing.save_draft(request.browser_token, **data)
    assert story.working_links() >= {("promise", "browser"), ("promise", "rosa@example.org")}
    if proves:
        pledge_editing.sign_pledge(request.token, **factories.pledge_data(request.token), name="Rosa")
    else:
        rsvp_links.replace_rsvp_link(browser_rsvp)
    story.deliver()
    story.resend_everything()
    assert {reader for kind, reader in story.working_links() if kind == "promise"} == {"rosa@example.org"}


@pytest.mark.slow
def test_pledge_from_an_rsvp_opens_for_no_one_after_its_email_is_corrected(story, browser_rsvp):
    factories.pledge_year()
    page = Client().post(f"/imagine/rsvp/{browser_rsvp.browser_token}/promise/", follow=True)
    story.record_links(f"{page.redirect_chain}", "browser")
    story.deliver()
    rsvp_links.change_email(browser_rsvp, "right@example.org")
    story.deliver()
    story.resend_everything()
    assert story.working_links() == {("rsvp", "right@example.org")}


# Invitations -----------------------------------------------------------------------------------------------------


@pytest.fixture
def invitation(story) -> Invitation:
    """An invitation of Alma, whose link was also emailed again."""
    contact = factories.contact(factories.organization(), "wrong@example.org")
    invitation = factories.invite(factories.event(), contact)
    story.deliver()
    invitation_links.mail_invitation_link(invitation)
    story.deliver()
    assert story.working_links() == {("invitation", "wrong@example.org"), ("mail", "wrong@example.org")}
    return invitation


def accept(story: Story, invitation: Invitation) -> None:
    responses.accept_invitation(invitation, Rsvp(name="Alma"), size=1)
    story.deliver()
    assert ("rsvp", "wrong@example.org") in story.working_links()


@pytest.mark.slow
def test_invitation_with_corrected_email_opens_only_for_the_new_address(story, invitation):
    contacts.correct_contact(invitation.contact, email="alma@example.org")
    story.deliver()
    story.resend_everything()
    assert {reader for kind, reader in story.working_links() if kind != "mail"} == {"alma@example.org"}


@pytest.mark.parametrize("accepts", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", ["invitation", pytest.param("rsvp", marks=pytest.mark.slow)])
def test_replacing_an_invitation_or_rsvp_link_ends_old_links_of_both(story, invitation, accepts, what):
    """Each page leads to the other."""
    if accepts:
        accept(story, invitation)
    elif what == "rsvp":
        rsvp = factories.rsvp(invitation.event, email="wrong@example.org")
        story.deliver()
        seats.cancel(rsvp)
        story.deliver()
    preferences = story.known_links.pop(("mail", "wrong@example.org"))
    old = {link for links in story.known_links.values() for link in links}
    story.known_links.clear()
    if what == "rsvp":
        rsvp_links.replace_rsvp_link(Rsvp.objects.get())
    else:
        responses.replace_invitation_link(invitation)
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert any(map(link_works, preferences))
    assert {reader for _kind, reader in story.working_links()} == {"wrong@example.org"}


@pytest.mark.slow
@pytest.mark.parametrize("has_another", [False, True])
def test_rsvp_of_an_invited_contact_opens_only_for_the_corrected_email(story, invitation, has_another):
    """The correction's transaction does everything; nothing is left for later."""
    accept(story, invitation)
    if has_another:
        factories.rsvp(invitation.event, email="alma@example.org")
        story.deliver()
    contacts.correct_contact(invitation.contact, email="alma@example.org")
    story.deliver()
    if not has_another:  # otherwise staff see two RSVPs, and one keeps its address
        story.resend_everything()
    assert {reader for kind, reader in story.working_links() if kind != "mail"} == {"alma@example.org"}


def test_invitation_of_a_deleted_contact_opens_for_no_one(story, invitation):
    contacts.delete_contact(invitation.contact)
    story.resend_everything()
    assert story.working_links() == set()


# Pledges ---------------------------------------------------------------------------------------------------------


def expire_limits() -> None:
    """Let the limits on emailing links expire."""
    PledgeRequest.objects.update(answered_at=timezone.now() - timedelta(minutes=11))
    Message.objects.update(created_at=timezone.now() - timedelta(minutes=11))


@pytest.fixture
def pledge(story) -> Pledge:
    """Alma requested a link twice, signed with the first one, and again a year later. Her colleague Chue was also
    emailed the link, and requested one that leads to the same pledge."""
    first = factories.pledge_request(email="wrong@example.org")
    story.deliver()
    expire_limits()
    factories.pledge_request(email="wrong@example.org")
    story.deliver()
    pledge_editing.sign_pledge(
        first.token, **factories.pledge_data(first.token, factories.promise_data()), name="Alma", role="Owner"
    )
    story.deliver()
    organization = Organization.objects.get()
    factories.contact(organization, "chue@example.org", "Chue")
    factories.close_year()
    pledge = factories.renew_pledge(organization, 2028, factories.promise_data("mentors", 2))
    story.deliver()
    expire_limits()
    factories.pledge_request(email="chue@example.org")
    pledge_links.email_link(pledge)
    story.deliver()
    assert len(story.known_links["promise", "wrong@example.org"]) == 3
    assert story.working_links() == {("promise", "wrong@example.org"), ("promise", "chue@example.org")}
    return pledge


def forget_links(story: Story) -> set[str]:
    """Forget all links so far and return them."""
    old = {link for links in story.known_links.values() for link in links}
    story.known_links.clear()
    return old


@pytest.mark.slow
def test_pledge_with_corrected_contact_opens_only_for_the_new_address(story, pledge):
    pledge_links.email_link(pledge)  # isn't sent yet
    old = forget_links(story)
    contacts.correct_contact(pledge.contact, email="alma@example.org")
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert story.working_links() == {("promise", "alma@example.org")}


@pytest.mark.slow
def test_pledge_opens_only_by_new_links_after_a_colleague_is_corrected(story, pledge):
    old = forget_links(story)
    contacts.correct_contact(Contact.objects.get(email="chue@example.org"), email="chue.vang@example.org")
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert story.working_links() == {("promise", "wrong@example.org")}  # who is responsible for it


def test_pledge_with_replaced_link_opens_only_by_the_new_link(story, pledge):
    old = forget_links(story)
    pledge_links.replace_pledge_link(Pledge.objects.get(year=2027))
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert story.working_links() == {("promise", "wrong@example.org")}


@pytest.mark.slow
def test_pledge_link_can_be_requested_again_after_it_was_replaced(story, pledge):
    pledge_links.replace_pledge_link(pledge)
    story.deliver()
    expire_limits()
    forget_links(story)
    factories.pledge_request(email="chue@example.org")
    story.deliver()
    assert story.working_links() == {("promise", "chue@example.org")}


@pytest.mark.slow
def test_pledge_opens_only_for_the_others_after_its_contact_is_deleted(story, pledge):
    contacts.correct_contact(Contact.objects.get(email="chue@example.org"), is_primary=True)
    old = forget_links(story)
    contacts.delete_contact(pledge.contact)
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert story.working_links() == {("promise", "chue@example.org")}


@pytest.mark.slow
@pytest.mark.parametrize("selected", [(), ("wrong@example.org",), ("mallory@example.net", "chue@example.org")])
@pytest.mark.parametrize("keeps_own", [True, False])
def test_pledges_of_merged_organizations_open_only_for_selected_contacts(story, pledge, selected, keeps_own):
    impostor = factories.signed_pledge("Port Gate Logistics Inc", "mallory@example.net")
    story.deliver()
    pledge_links.email_link(pledge)  # isn't sent yet
    old = forget_links(story)
    both = (pledge.organization, impostor.organization) if keeps_own else (impostor.organization, pledge.organization)
    factories.merge(*both, may_open=Contact.objects.filter(email__in=selected).values_list("pk", flat=True))
    story.deliver()
    expire_limits()
    for email in ("wrong@example.org", "chue@example.org", "mallory@example.net"):  # all ask for their lost link
        factories.pledge_request("Port Gate Logistics", email)
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert {reader for _kind, reader in story.working_links()} >= set(selected)
    for (_kind, reader), links in story.known_links.items():
        for link in links:
            page = Client().get(link, follow=True)
            assert (page.context["state"].organization is not None) == (reader in selected)


@pytest.mark.slow
def test_pledge_opens_after_its_year_was_closed_and_not_after_it_was_deleted(story, pledge):
    factories.close_year(2028)
    assert len(story.working_links()) == 2
    for each in Pledge.objects.all():
        pledge_editing.delete_pledge(each)
    Contact.objects.all().delete()
    PledgeRequest.objects.update(created_at=timezone.now() - pledge_signup.REQUEST_LIFETIME)
    pledge_signup.delete_stale_requests()
    story.resend_everything()
    assert story.working_links() == set()


@pytest.mark.slow
def test_pledge_request_opens_nothing_after_its_email_is_corrected(story):
    """The page behind it was never saved."""
    contact = factories.contact(factories.organization(), "wrong@example.org")
    factories.pledge_request(email="wrong@example.org")
    story.deliver()
    assert story.working_links() == {("promise", "wrong@example.org")}
    contacts.correct_contact(contact, email="alma@example.org")
    story.deliver()
    story.resend_everything()
    assert story.working_links() == set()


@pytest.mark.slow
def test_draft_reminder_is_queued_again_with_the_new_link(story):
    pledge = factories.draft_pledge(email="wrong@example.org")
    story.deliver()
    factories.backdate_pledge(pledge, 6)
    pledge_years.remind_unchanged_drafts()
    pledge_links.replace_pledge_link(pledge)
    assert not Message.objects.filter(kind="draft").exists()
    pledge_years.remind_unchanged_drafts()
    story.deliver()
    assert Message.objects.filter(kind="draft").count() == 1


# Email preferences -----------------------------------------------------------------------------------------------


def test_email_preferences_still_open_after_the_contact_is_deleted(story, invitation):
    preference = EmailPreference.objects.get(email="wrong@example.org")
    Client().post(f"{preference.get_absolute_url()}invitations/", {"List-Unsubscribe": "One-Click"})
    contacts.delete_contact(invitation.contact)
    assert story.working_links() == {("mail", "wrong@example.org")}


# Erased, and deleted on schedule ---------------------------------------------------------------------------------


def erase(email: str) -> None:
    """Without the proof of who it was that a page would show."""
    erasing.erase(Person(email), by="office")


def age(days: int) -> None:
    """Everything happened so long ago, and the nights since have deleted what they should."""
    long_ago = timezone.now() - timedelta(days=days)
    for event in Event.objects.all():
        past_event(days, event=event)
    for model in (Contact, Message, PledgeRequest):
        model.objects.update(created_at=long_ago)
    Message.objects.filter(state="sent").update(sent_at=long_ago)
    carry_out()


@pytest.mark.parametrize("is_over", [False, True])
def test_rsvp_of_an_erased_person_opens_for_no_one(story, browser_rsvp, is_over):
    if is_over:
        past_event(1, event=browser_rsvp.event)
    erase("rosa@example.org")
    story.deliver()
    story.resend_everything()
    assert story.working_links() == set()


def test_anonymized_rsvp_opens_for_no_one(story, browser_rsvp):
    age(395)
    assert story.working_links() == {("rsvp", "browser"), ("rsvp", "rosa@example.org")}
    age(397)
    story.resend_everything()
    assert story.working_links() == set()


@pytest.mark.slow
@pytest.mark.parametrize("is_erased", [True, False])
def test_pledge_request_opens_for_no_one_after_erasure_or_60_days(story, browser_rsvp, is_erased):
    factories.pledge_year()
    page = Client().post(f"/imagine/rsvp/{browser_rsvp.browser_token}/promise/", follow=True)
    story.record_links(f"{page.redirect_chain} {page.content.decode()}", "browser")
    story.deliver()
    request = PledgeRequest.objects.get()
    data = factories.pledge_data(request.browser_token, factories.promise_data(), name="Port Gate")
    pledge_editing.save_draft(request.browser_token, **data)
    assert {kind for kind, _who in story.working_links()} == {"rsvp", "promise"}
    if is_erased:
        erase("rosa@example.org")
    else:
        age(397)
    story.deliver()
    story.resend_everything()
    assert story.working_links() == set()


@pytest.mark.slow
@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize("is_over", [True, False])
def test_invitation_and_preferences_of_an_erased_person_open_for_no_one(story, invitation, accepts, is_over):
    if accepts:
        accept(story, invitation)
    if is_over:
        past_event(1, event=invitation.event)
    erase("wrong@example.org")
    story.deliver()
    story.resend_everything()
    assert story.working_links() == set()


@pytest.mark.slow
def test_invitation_of_an_anonymized_rsvp_opens_for_no_one(story, invitation):
    """The contact is still invited to other events, so the preferences open until nothing is left of the person."""
    accept(story, invitation)
    age(397)
    story.resend_everything()
    assert story.working_links() == {("mail", "wrong@example.org")}
    age(2 * 365 + 1)
    age(2 * 365 + 1)  # the contact and the emails first, then the preferences that nothing needs
    assert story.working_links() == set()


@pytest.mark.slow
def test_pledge_of_an_erased_signer_opens_only_for_the_others(story, pledge):
    pledge_links.email_link(pledge)  # isn't sent yet
    old = forget_links(story)
    erase("wrong@example.org")
    story.deliver()
    story.resend_everything()
    assert not any(map(link_works, old))
    assert story.working_links() <= {("promise", "chue@example.org")}
    erase("chue@example.org")
    story.resend_everything()
    assert story.working_links() == set()


# Invalid links ---------------------------------------------------------------------------------------------------


PERSONAL = [path for path, _name in patterns() if "<token:token>" in path]
OPENERS = {
    "rsvp": ["rsvp"],
    "invitation": ["invitation"],
    "promise": ["pledge", "request"],
    "mail": ["preference"],
    "date": ["alert"],
}


@pytest.fixture
def tokens() -> dict[str, tuple[str, str]]:
    """Return a link of an object of each kind, and one of an object that was deleted."""
    event = factories.event()
    rsvps = [factories.rsvp(event, name) for name in ("Alma", "Ben")]
    pledges = [factories.draft_pledge("Port Gate", "c@example.org"), factories.draft_pledge("Mills", "d@example.org")]
    requests = [factories.pledge_request(name, f"{name}@example.org") for name in ("Bakery", "Ironworks")]
    invitations = [factories.invitation(event, factories.person(name)) for name in ("Edie", "Fay")]
    preferences = [get_preference(f"{name}@example.org") for name in ("gil", "hao")]
    alerts = [DateAlert.objects.create(email=f"{name}@example.org") for name in ("ida", "joe")]
    found = {}
    for kind, rows in zip(
        ("rsvp", "pledge", "request", "invitation", "preference", "alert"),
        (rsvps, pledges, requests, invitations, preferences, alerts),
        strict=True,
    ):
        found[kind] = rows[0].token, rows[1].token
        type(rows[1]).objects.filter(pk=rows[1].pk).delete()
    return found


def wrong_tokens(kind: str, tokens: dict[str, tuple[str, str]]) -> list[str]:
    """Return tokens of nothing, of a deleted object, shortened, extended or mistyped, and of each other kind."""
    wrong = [new_token(), "x" * 5000, "%00" * 32]
    for name, (token, deleted) in tokens.items():
        own = [deleted, token[:-1], token + "A", token.swapcase(), token[:-1] + "%00", f"{token}/{token}"]
        wrong += own if name in OPENERS[kind] else [token]
    return wrong


@pytest.mark.slow
def test_every_wrong_link_gets_the_same_404_page_at_every_url(tokens):
    pages = defaultdict(list)
    for path in PERSONAL:
        kind = path.split("/")[2]
        for link in wrong_tokens(kind, tokens):
            address = path.replace("<token:token>", link).replace("<slug:topic>", "invitations")
            for response in (Client().get(address), Client().post(address)):
                if response.status_code != 405:  # reveals nothing about the link
                    pages[response.status_code, response.content, response["Content-Type"]].append(address)
    assert len(pages) == 1, [(status, sorted(set(addresses))[:5]) for (status, *_page), addresses in pages.items()]
    [(status, content, _type)] = pages
    assert (status, "This link doesn’t work".encode() in content) == (404, True)


@pytest.mark.slow
def test_control_valid_links_open(tokens):
    for kind, openers in OPENERS.items():
        for name in openers:
            assert link_works(f"/imagine/{kind}/{tokens[name][0]}/"), name
    assert {path.split("/")[2] for path in PERSONAL} == set(OPENERS)
