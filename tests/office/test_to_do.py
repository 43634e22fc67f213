"""The to-do list of the admin's start page: what is counted, and that each button leads to exactly that."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.access import roles
from imagine.mail.bulk import control
from imagine.mail.models import Message
from imagine.office import to_do
from partners.models import DuplicateCandidate, Import
from partners.organizations import profiles
from summit import seats
from summit.models import Event
from tests import factories, web_client

pytestmark = pytest.mark.django_db

START = "/imagine/admin/"
MAX_QUERIES = 24  # of the whole page with everything on it


@pytest.fixture
def superuser() -> User:
    return User.objects.create_superuser("staff")


@pytest.fixture
def staff(superuser) -> Client:
    return signed_in(superuser)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def member(role: str) -> User:
    roles.create_roles()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def things(user: User) -> dict[str, int]:
    return {found.label: found.number for found in to_do.to_do_list(user)}


def rows(staff: Client, url: str) -> int:
    """Return how many records the list behind a button has."""
    response = staff.get(url)
    assert response.status_code == 200, url
    context = response.context
    return context["cl"].result_count if "cl" in context else len(context["groups"])


def message(number: int, state: str, **fields) -> Message:
    return Message.objects.create(idempotency_key=f"test:{number}", recipient="a@example.org", state=state, **fields)


def everything() -> None:
    """Create at least one of each thing to do, and beside it one that needs nothing."""
    for number, state in enumerate(["rejected", "rejected", "failed", "unknown", "queued"]):
        message(number, state)
    message(9, "failed", handled_at=timezone.now())
    stuck_event()
    factories.rsvp(factories.event(), "Ann", organization_name="Port Gate")
    factories.rsvp(factories.event(), "Ben", organization_name="PORT GATE, Inc.")
    factories.event(title="Fall gathering", is_published=False)
    factories.event(is_published=False, rsvp_opens_at=timezone.now() + timedelta(days=1))
    factories.organization("Waiting", wants_listing=True)
    profiles.approve_listing(factories.organization("Shown", wants_listing=True), by="anna")
    factories.draft_pledge("Draft", "draft@example.org")
    factories.signed_pledge("Signed", "signed@example.org")
    one, other, third = (factories.organization(name) for name in ("Zeta", "Zeta, Inc.", "Zeta LLC"))
    DuplicateCandidate.objects.create(organization_a=one, organization_b=other, score=95, reasons=["name"])
    gone = {"dismissed_at": timezone.now(), "score": 90, "reasons": ["name"]}
    DuplicateCandidate.objects.create(organization_a=one, organization_b=third, **gone)
    year = factories.pledge_year(2027)
    for state, errors in (("checked", 2), ("checked", 1), ("discarded", 9)):
        Import.objects.create(year=year, file_name="partners.csv", state=state, error_count=errors)
    control.pause_mailing(factories.write_mailing(factories.event(), factories.person("Alma")))


def stuck_event(**fields) -> Event:
    """Create an event with 2 available seats, and a party that waits for 4."""
    event = factories.event(capacity=6, **fields)
    factories.rsvp(event, "Stays", size=4)
    leaving = factories.rsvp(event, "Leaves", size=2)
    factories.rsvp(event, "Large", size=4)
    seats.cancel(leaving)
    return event


def test_list_has_everything_that_waits_most_urgent_first(superuser):
    everything()
    assert list(things(superuser).items()) == [
        ("emails bounced", 2),
        ("email failed", 1),
        ("email with unknown delivery", 1),
        ("waitlisted party could move up", 1),
        ("event isn’t published", 1),
        ("mailing is paused", 1),
        ("imports to review", 2),
        ("profile pending approval", 1),
        ("organization name to match", 1),
        ("pair of possible duplicates", 1),
        ("draft pledge isn’t signed", 1),
    ]
    details = {found.label: found.detail for found in to_do.to_do_list(superuser)}
    assert details["imports to review"] == "3 rows have errors."
    assert details["waitlisted party could move up"].startswith(
        "Imagine Promise Summit: 2 seats are available. They need"
    )


def test_each_button_leads_to_exactly_what_was_counted(staff, superuser):
    everything()
    found = to_do.to_do_list(superuser)
    lists = [one for one in found if not one.url.endswith("/change/")]
    assert len(lists) == 9
    assert [(one.label, rows(staff, one.url)) for one in lists] == [(one.label, one.number) for one in lists]
    assert [staff.get(one.url).status_code for one in found if one.url.endswith("/change/")] == [200, 200]
    page = staff.get(START).content.decode()
    for one in found:
        assert f'href="{one.url.replace("&", "&amp;")}"' in page


def test_page_says_when_there_is_nothing_to_do(staff):
    text = web_client.page_text(staff.get(START))
    assert "To do You’re all caught up. Profiles to approve, organizations to match, bounced emails" in text


def test_waitlist_waits_for_the_office_only_while_seats_are_available(superuser):
    full = factories.event(capacity=2)
    factories.rsvp(full, "Seated", size=2)
    factories.rsvp(full, "Waits")
    canceled, over = stuck_event(), stuck_event()
    factories.mark_event_canceled(canceled)
    factories.end_event(over)
    assert things(superuser) == {}
    stuck_event(title="Kickoff")
    [found] = to_do.to_do_list(superuser)
    assert parse_qs(found.url.partition("?")[2])["waitlisted_seats__gt"] == ["0"]


def test_waitlist_waits_for_the_office_once_it_has_closed(superuser):
    event = factories.event(capacity=2)
    seated = factories.rsvp(event, "Seated", size=2)
    factories.rsvp(event, "Waits")
    factories.stop_promotion(event)
    seats.cancel(seated)
    [found] = to_do.to_do_list(superuser)
    assert (found.number, found.detail) == (
        1,
        "Imagine Promise Summit: 2 seats are available. The waitlist has closed.",
    )


def test_viewers_and_the_check_in_desk_have_nothing_to_do(subtests):
    everything()
    for role in (roles.VIEWER, roles.CHECK_IN_DESK):
        with subtests.test(role):
            user = member(role)
            text = web_client.page_text(signed_in(user).get(START))
            assert to_do.to_do_list(user) == []
            assert "To do" not in text
            assert "caught up" not in text


def test_community_relations_see_everything_but_email_about_accounts(superuser):
    everything()
    assert things(member(roles.COMMUNITY_RELATIONS)) == things(superuser)
    message(20, "failed", about=superuser)
    assert things(superuser)["emails failed"] == 2
    assert things(User.objects.get(username=roles.COMMUNITY_RELATIONS))["email failed"] == 1


@pytest.mark.slow
def test_page_takes_the_same_few_queries_however_much_there_is(staff, superuser):
    everything()
    message(30, "sent", sent_at=timezone.now(), mailing=factories.mailing(factories.event()))
    staff.get(START)
    with CaptureQueriesContext(connection) as first:
        staff.get(START)
    for number in range(3):
        stuck_event(title=f"Gathering {number}")
        factories.organization(f"Waiting {number}", wants_listing=True)
        factories.draft_pledge(f"Draft {number}", f"draft{number}@example.org")
        mailing = factories.write_mailing(factories.event(), factories.person(f"Ben {number}"))
        mailing.messages.update(state="sent", sent_at=timezone.now())
        message(40 + number, "rejected", kind=f"kind {number}")
    with CaptureQueriesContext(connection) as second:
        staff.get(START)
    assert len(second) == len(first) <= MAX_QUERIES
