"""The tasks sent by beat and by starting a mailing."""

import pytest

from imagine.celery import app
from imagine.mail.models import Mailing, Message
from summit import tasks
from summit.invitations import starting, writing
from summit.invitations import writing as invitations_writing
from summit.models import Invitation
from tests import factories
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent_tasks(monkeypatch) -> list[tuple]:
    """Record tasks instead of sending them to the broker."""
    calls = []
    monkeypatch.setattr(tasks.dispatch, "send_task", lambda task, *arguments: calls.append((task, *arguments)))
    return calls


def test_started_mailing_sends_its_task_on_commit(sent_tasks, django_capture_on_commit_callbacks):
    event, audience = factories.event(), factories.audience(uploaded_contacts=[person("Alma")])
    with django_capture_on_commit_callbacks(execute=True):
        mailing = starting.start_invitations(event, audience, count=1, by="office")
        assert sent_tasks == []
    assert sent_tasks == [("summit.tasks.write_invitations", mailing.pk)]


def test_written_invitations_send_no_task(sent_tasks):
    mailing = factories.start_mailing(factories.event(), person("Alma"))
    tasks.write_invitations(mailing.pk)
    tasks.write_invitations(mailing.pk)
    assert sent_tasks == []
    assert Message.objects.count() == 1


def test_writing_that_runs_out_of_time_sends_another_task(sent_tasks, monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 1)
    monkeypatch.setattr(writing, "WRITE_SECONDS", -1)
    mailing = factories.start_mailing(factories.event(), person("Alma"), person("Jun"))
    tasks.write_invitations(mailing.pk)
    assert sent_tasks == [("summit.tasks.write_invitations", mailing.pk)]


def test_interrupted_mailings_are_resumed(sent_tasks):
    started = factories.start_mailing(factories.event(), person("Alma"))
    factories.write_mailing(factories.event(), person("Jun"))
    invitations_writing.stop_invitations(factories.start_mailing(factories.event(), person("Mai")))
    tasks.resume_interrupted_mailings()
    assert sent_tasks == [("summit.tasks.write_invitations", started.pk)]


def test_mailings_of_canceled_events_are_stopped(sent_tasks):
    event = factories.event()
    factories.write_mailing(event, person("Alma"))
    factories.mark_event_canceled(event)
    tasks.resume_interrupted_mailings()
    assert Mailing.objects.get().stopped_at
    assert not Invitation.objects.exists()


def test_rsvp_made_without_the_invitation_is_linked_to_it():
    event = factories.event()
    invitation = factories.invite(event, person("Alma Reyes", factories.organization()))
    rsvp = factories.rsvp(event, "Alma Reyes")
    tasks.link_rsvps_to_invitations()
    invitation.refresh_from_db()
    assert invitation.rsvp == rsvp


def test_tasks_have_the_right_queue_and_schedule():
    routes = app.conf.task_routes
    assert routes["summit.tasks.write_invitations"]["queue"] == "bulk"
    assert {
        routes[f"summit.tasks.{name}"]["queue"] for name in ("resume_interrupted_mailings", "link_rsvps_to_invitations")
    } == {"housekeeping"}
    periodic = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert periodic >= {"summit.tasks.resume_interrupted_mailings", "summit.tasks.link_rsvps_to_invitations"}
