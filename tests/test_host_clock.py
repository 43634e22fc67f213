"""The hosts' clocks differ, and one may be wrong: what is due, expired, too soon or changed since is told by the
database's clock alone. Whether an event is over may be told by the host's."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone

from imagine.core import audit, rate_limit
from imagine.mail import health, queue
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from partners.imports import workflow
from partners.models import Import, PledgeRequest, PledgeYear
from partners.pledges import links as pledge_links
from partners.pledges import signup, years
from tests import factories
from tests.partners.import_files import as_csv, row, table

pytestmark = pytest.mark.django_db
AHEAD, BEHIND = timedelta(days=100), timedelta(days=-100)
true_now = timezone.now


@pytest.fixture
def set_host_clock(monkeypatch) -> Callable:
    """Sets this host's clock wrong by some time."""
    return lambda by: monkeypatch.setattr(timezone, "now", lambda: true_now() + by)


@pytest.fixture(params=[AHEAD, BEHIND], ids=["ahead", "behind"])
def wrong(request) -> timedelta:
    return request.param


@pytest.fixture(autouse=True)
def year():
    """Open whatever the host's clock says."""
    factories.pledge_year(opens_on=date(2020, 1, 1))


def checked_import() -> Import:
    content = as_csv(table([row()]))
    return workflow.start_import(content, file_name="a.csv", year=PledgeYear.objects.get(), by="anna", language="en")


def test_link_of_a_pledge_is_emailed_once_in_ten_minutes(set_host_clock, wrong):
    pledge = factories.signed_pledge()
    set_host_clock(wrong)
    assert pledge_links.email_link(pledge)
    set_host_clock(-wrong)
    assert not pledge_links.email_link(pledge)


def test_request_for_a_link_is_answered_once_in_ten_minutes(set_host_clock, wrong):
    set_host_clock(wrong)
    factories.pledge_request()
    set_host_clock(-wrong)
    again = factories.unsaved_pledge_request()
    signup.request_pledge(again)
    signup.answer_pledge_request(again.pk)
    assert PledgeRequest.objects.count() == 1
    assert Message.objects.count() == 1


def test_request_is_kept_for_its_time(set_host_clock):
    set_host_clock(BEHIND)
    factories.pledge_request()
    set_host_clock(AHEAD)
    signup.delete_stale_requests()
    assert PledgeRequest.objects.exists()


def test_draft_is_reminded_after_its_days(set_host_clock):
    set_host_clock(BEHIND)
    factories.draft_pledge()
    set_host_clock(AHEAD)
    years.remind_drafts()
    assert not Message.objects.filter(kind="pledge_draft").exists()


def test_tries_are_counted_in_one_window(set_host_clock, wrong):
    set_host_clock(wrong)
    rate_limit.count_try("test", minutes=60 * 24 * 7)
    set_host_clock(-wrong)
    assert rate_limit.count_try("test", minutes=60 * 24 * 7) == 2
    rate_limit.delete_old_counts()
    assert rate_limit.RateLimitCount.objects.count() <= 1


def test_import_at_work_is_not_taken_for_abandoned(set_host_clock, monkeypatch):
    woken: list = []
    monkeypatch.setattr(workflow.dispatch, "send_task", lambda *task: woken.append(task))
    set_host_clock(BEHIND)
    run = checked_import()
    Import.objects.update(state=Import.State.WRITING)
    assert workflow.claim_step(run.pk)
    set_host_clock(AHEAD)
    workflow.resume_imports()
    assert woken == []


def test_checked_import_is_kept_for_its_time(set_host_clock):
    set_host_clock(BEHIND)
    run = checked_import()
    set_host_clock(AHEAD)
    workflow.discard_stale_imports()
    run.refresh_from_db()
    assert run.state == Import.State.CHECKED


def test_emails_to_one_address_leave_in_the_order_they_were_written(set_host_clock):
    pledge = factories.signed_pledge()
    Message.objects.all().delete()
    set_host_clock(AHEAD)
    pledge_links.email_link(pledge)
    first = Message.objects.get()
    set_host_clock(BEHIND)
    pledge_links.replace_link(pledge)
    assert list(Message.objects.due(Message.Queue.TRANSACTIONAL)) == [first]
    assert 0 <= health.seconds_overdue() < 60


def test_email_is_outdated_when_its_link_was_replaced_since(set_host_clock):
    pledge = factories.signed_pledge()
    set_host_clock(AHEAD)
    pledge_links.email_link(pledge)
    message = pledge.messages.get(kind="pledge_link")
    Message.objects.update(state=Message.State.SENT, sent_at=true_now())
    assert not audit.has_changed_since(message.created_at, pledge, "link")
    set_host_clock(BEHIND)
    pledge_links.replace_link(pledge)
    message.refresh_from_db()
    with pytest.raises(CannotResend):
        queue.resend(message)
