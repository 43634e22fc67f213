"""Concurrent changes with real connections, and a control that shows why the lock is needed."""

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError

from imagine.core.errors import RuleViolation
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear, Signature
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from tests import concurrency, factories, snapshots

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

THREADS = 8


def at_once(calls: list[Callable]) -> list:
    return concurrency.run_at_once(calls, (RuleViolation, IntegrityError))


def sign_call(token: str, page: dict, name: str = "Alma Reyes") -> Callable:
    return lambda: pledge_editing.sign_pledge(token, **page, name=name)


def test_concurrent_first_signings_make_one_organization_pledge_and_email():
    token = factories.pledge_request().token
    page = factories.pledge_data(token, factories.promise_data())
    results = at_once([sign_call(token, page)] * THREADS)
    assert concurrency.type_names(results) == ["Pledge"] * THREADS
    assert (snapshots.organizations(), snapshots.pledges()) == (
        ["Port Gate Logistics"],
        [("Port Gate Logistics", 2027, "signed", 1)],
    )
    assert Contact.objects.count() == 1
    assert sorted(snapshots.emails_to()) == ["link 1 alma@example.org", "signed 1 alma@example.org"]


def test_concurrent_different_changes_save_one_and_refuse_the_others():
    pledge = factories.signed_pledge()
    pages = [
        factories.pledge_data(pledge.token, factories.promise_data("tours", 10 + number)) for number in range(THREADS)
    ]
    results = at_once([sign_call(pledge.token, page) for page in pages])
    assert concurrency.type_names(results) == ["Pledge"] + ["PledgeChanged"] * (THREADS - 1)
    assert Signature.objects.count() == 2
    assert (
        snapshots.promised_amounts(pledge)["tours"]
        == Signature.objects.get(number=2).content["promises"][0]["quantity"]
    )
    for changed in (result for result in results if isinstance(result, pledge_editing.PledgeChanged)):
        assert changed.state.promises == [factories.promise_data("tours", snapshots.promised_amounts(pledge)["tours"])]


def test_control_without_the_lock_no_change_is_refused(monkeypatch):
    """If this test fails, the test above proves nothing."""
    pledge = factories.signed_pledge()
    pages = [factories.pledge_data(pledge.token, factories.promise_data("tours", 10 + number)) for number in range(2)]
    checked = threading.Barrier(2)
    check_year_open = pledge_editing.check_year_open

    def check_together(state):
        check_year_open(state)
        checked.wait(timeout=30)

    monkeypatch.setattr(pledge_editing, "lock_page_state", page_state.load_page_state)
    monkeypatch.setattr(pledge_editing, "check_year_open", check_together)
    results = at_once([sign_call(pledge.token, page) for page in pages])
    assert "PledgeChanged" not in concurrency.type_names(results)


def test_two_links_of_one_email_used_concurrently_make_one_organization():
    """Both were emailed before either was used."""
    tokens = [
        factories.pledge_request("Port Gate Logistics").token,
        factories.pledge_request("Port Gate Logistics Inc").token,
    ]
    pages = [
        factories.pledge_data(token, factories.promise_data("tours", number))
        for number, token in enumerate(tokens, start=1)
    ]
    results = at_once([sign_call(token, page) for token, page in zip(tokens, pages, strict=True)])
    assert concurrency.type_names(results) == ["Pledge", "PledgeChanged"]
    assert (Organization.objects.count(), Contact.objects.count(), Pledge.objects.count()) == (1, 1, 1)


def test_concurrent_renewals_make_one_new_pledge():
    pledge = factories.signed_pledge()
    factories.pledge_year(2028)
    page = factories.pledge_data(pledge.token, factories.promise_data("tours", 9))
    assert concurrency.type_names(at_once([sign_call(pledge.token, page)] * THREADS)) == ["Pledge"] * THREADS
    assert [row[1:] for row in snapshots.pledges()] == [(2027, "signed", 1), (2028, "signed", 1)]


def test_organizations_created_concurrently_get_unique_slugs():
    organizations = at_once([lambda: profiles.create_organization(name="Local 47")] * THREADS)
    assert sorted(organization.slug for organization in organizations) == sorted(
        ["local-47", *(f"local-47-{number}" for number in range(2, THREADS + 1))]
    )


def test_no_pledge_is_signed_after_its_year_is_closed_concurrently():
    """Each page is saved before the year is closed, or refused."""
    year = factories.pledge_year()
    tokens = [
        factories.pledge_request(f"Partner {number}", f"p{number}@example.org").token for number in range(THREADS)
    ]
    pages = [factories.pledge_data(token, factories.promise_data()) for token in tokens]
    calls = [sign_call(token, page) for token, page in zip(tokens, pages, strict=True)]
    results = at_once([*calls, lambda: pledge_years.close_year(year)])
    closed_at = PledgeYear.objects.get().closed_at
    assert set(concurrency.type_names(results)) <= {"PledgeClosed", "Pledge", "PledgeYear"}
    assert Pledge.objects.count() == concurrency.type_names(results).count("Pledge")
    assert not Pledge.objects.filter(signed_at__gt=closed_at).exists()


def test_concurrent_clicks_make_one_pledge_request_and_one_email():
    factories.pledge_year()
    results = at_once(
        [lambda: pledge_signup.open_pledge_request(factories.unsaved_pledge_request(source="rsvp:17"))] * THREADS
    )
    assert len({start.token for start in results}) == PledgeRequest.objects.count() == 1
    assert snapshots.emails_to() == ["link 1 alma@example.org"]


def test_pledge_request_answered_concurrently_sends_one_email():
    factories.pledge_year()
    start = factories.unsaved_pledge_request()
    pledge_signup.request_pledge(start)
    at_once([lambda: pledge_signup.answer_request_once(start.pk)] * THREADS)
    assert snapshots.emails_to() == ["link 1 alma@example.org"]


def test_draft_signed_while_reminded_gets_at_most_one_reminder():
    pledge = factories.draft_pledge()
    page = factories.pledge_data(pledge.token)
    factories.backdate_pledge(pledge, 6)
    at_once([*[lambda: pledge_years.remind_draft(pledge)] * 4, sign_call(pledge.token, page)])
    assert Pledge.objects.get().state == "signed"
    assert Message.objects.filter(kind="draft").count() <= 1
