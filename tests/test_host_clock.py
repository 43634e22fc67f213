"""Hosts' clocks differ, and one may be wrong: only the database's clock decides what is due, expired, too early or
changed since. Whether an event is over may depend on the host's clock."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone

from imagine.core import audit, rate_limit
from imagine.mail import health, queue
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from partners.emails import pledge as pledge_emails
from partners.imports import workflow
from partners.models import Import, PledgeRequest, PledgeYear
from partners.pledges import links as pledge_links
from partners.pledges import signup, years
from summit import rsvp_links
from summit.invitations import contact_import
from summit.invitations import links as invitation_links
from summit.models import ContactListUpload, Event, Reminder
from summit.reminders import sending
from tests import factories
from tests.partners.import_files import as_csv, row, table

pytestmark = pytest.mark.django_db
AHEAD, BEHIND = timedelta(days=100), timedelta(days=-100)
true_now = timezone.now


@pytest.fixture
def set_host_clock(monkeypatch) -> Callable:
    """Set this host's clock wrong by some time."""
    return lambda offset: monkeypatch.setattr(timezone, "now", lambda: true_now() + offset)


@pytest.fixture(params=[AHEAD, BEHIND], ids=["ahead", "behind"])
def wrong(request) -> timedelta:
    return request.param


@pytest.fixture(autouse=True)
def year():
    """A school year that is open whatever the host's clock says."""
    factories.pledge_year(opens_on=date(2020, 1, 1))


def checked_import() -> Import:
    content = as_csv(table([row()]))
    return workflow.start_import(content, file_name="a.csv", year=PledgeYear.objects.get(), by="anna", language="en")


def test_pledge_link_is_emailed_once_in_ten_minutes(set_host_clock, wrong):
    pledge = factories.signed_pledge()
    set_host_clock(wrong)
    assert pledge_links.email_link(pledge)
    set_host_clock(-wrong)
    assert not pledge_links.email_link(pledge)


def test_pledge_request_is_answered_once_in_ten_minutes(set_host_clock, wrong):
    set_host_clock(wrong)
    factories.pledge_request()
    set_host_clock(-wrong)
    second_request = factories.unsaved_pledge_request()
    signup.request_pledge(second_request)
    signup.answer_request_once(second_request.pk)
    assert PledgeRequest.objects.count() == 1
    assert Message.objects.count() == 1


def test_recent_pledge_request_is_not_deleted(set_host_clock):
    set_host_clock(BEHIND)
    factories.pledge_request()
    set_host_clock(AHEAD)
    signup.delete_stale_requests()
    assert PledgeRequest.objects.exists()


def test_draft_is_not_reminded_too_early(set_host_clock):
    set_host_clock(BEHIND)
    draft = factories.draft_pledge()
    set_host_clock(AHEAD)
    years.remind_unchanged_drafts()
    draft.refresh_from_db()
    assert draft.reminded_at is None


def test_tries_are_counted_in_one_window(set_host_clock, wrong):
    set_host_clock(wrong)
    rate_limit.count_try("test", minutes=60 * 24 * 7)
    set_host_clock(-wrong)
    assert rate_limit.count_try("test", minutes=60 * 24 * 7) == 2
    rate_limit.delete_old_counts()
    assert rate_limit.RateLimitCount.objects.count() <= 1


def test_running_import_is_not_resumed(set_host_clock, monkeypatch):
    woken_queues: list = []
    monkeypatch.setattr(workflow.dispatch, "send_task", lambda *task: woken_queues.append(task))
    set_host_clock(BEHIND)
    run = checked_import()
    Import.objects.update(state=Import.State.WRITING)
    assert workflow.claim_step(run.pk)
    set_host_clock(AHEAD)
    workflow.resume_abandoned_imports()
    assert woken_queues == []


def test_recent_checked_import_is_not_discarded(set_host_clock):
    set_host_clock(BEHIND)
    run = checked_import()
    set_host_clock(AHEAD)
    workflow.discard_stale_imports()
    run.refresh_from_db()
    assert run.state == Import.State.CHECKED


def test_emails_to_one_address_are_due_in_order(set_host_clock):
    pledge = factories.signed_pledge()
    Message.objects.all().delete()
    set_host_clock(AHEAD)
    pledge_links.email_link(pledge)
    first = Message.objects.get()
    set_host_clock(BEHIND)
    pledge_emails.queue_new_pledge_link(pledge)
    assert list(Message.objects.due(Message.Queue.TRANSACTIONAL)) == [first]
    assert 0 <= health.seconds_overdue() < 60


# The summit ---------------------------------------------------------------------------------------------------------


def event_in_days(days: int, **fields) -> Event:
    """Create an event whose RSVP is open whatever the host's clock says."""
    opens_at = true_now() - timedelta(days=300)
    return factories.event(starts_at=true_now() + timedelta(days=days), rsvp_opens_at=opens_at, **fields)


def test_rsvp_and_invitation_links_are_emailed_once_in_ten_minutes(set_host_clock, wrong):
    event = event_in_days(300)
    rsvp = factories.rsvp(event)
    invitation = factories.invite(event, factories.person("Jun"))
    set_host_clock(wrong)
    assert rsvp_links.mail_rsvp_link(rsvp)
    assert invitation_links.mail_invitation_link(invitation)
    set_host_clock(-wrong)
    assert not rsvp_links.mail_rsvp_link(rsvp)
    assert not invitation_links.mail_invitation_link(invitation)


def test_email_about_another_place_is_not_resent_with_a_replaced_link(set_host_clock):
    event = event_in_days(300)
    rsvp = factories.rsvp(event)
    set_host_clock(AHEAD)
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    message = rsvp.messages.get(kind="event_rescheduled")
    Message.objects.update(state=Message.State.SENT, sent_at=true_now())
    assert not audit.has_changed_since(message.created_at, rsvp, "link")
    set_host_clock(BEHIND)
    rsvp_links.replace_rsvp_link(rsvp)
    message.refresh_from_db()
    with pytest.raises(CannotResend):
        queue.resend(message)


def test_waitlist_order_follows_the_database_clock(set_host_clock):
    event = event_in_days(300, capacity=0, max_party_size=1)
    set_host_clock(AHEAD)
    factories.rsvp(event, "First")
    set_host_clock(BEHIND)
    factories.rsvp(event, "Second")
    assert [rsvp.name for rsvp in event.rsvps.waitlist()] == ["First", "Second"]


def test_reminder_is_not_queued_before_it_is_due(set_host_clock):
    event = event_in_days(105)
    factories.rsvp(event)
    set_host_clock(AHEAD)
    sending.send_due_reminders()
    assert not Message.objects.filter(kind__startswith="reminder").exists()
    assert not Reminder.objects.exists()


def test_recent_contact_list_upload_is_not_discarded(set_host_clock):
    set_host_clock(BEHIND)
    contact_import.store_upload(factories.audience(), b"Email", "people.csv")
    set_host_clock(AHEAD)
    contact_import.discard_stale_uploads()
    assert ContactListUpload.objects.exists()
