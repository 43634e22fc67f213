"""Rules that take two locks take them in one order: event, organization, mailing, invitation, message; several of a
kind by primary key. Each pair here deadlocks when one of the two goes the other way."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from imagine.mail.models import Mailing, Message
from partners.organizations import contacts
from summit import event_changes, rsvp_links
from summit.emails.kinds import EmailKind
from summit.invitations import responses, writing
from summit.models import Event, Invitation, LinkRequest
from tests import factories
from tests.concurrency import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def run_crosswise(first: Callable, second: Callable, *held: QuerySet) -> None:
    """Run two rules that start at one moment, when each waits for its first lock. An OperationalError is a deadlock."""

    def release() -> None:
        with transaction.atomic():
            for rows in held:
                list(rows.order_by().select_for_update())
            started.append(True)
            until = time.monotonic() + 10
            with connection.cursor() as cursor:
                while time.monotonic() < until:
                    cursor.execute(WAITING)
                    if cursor.fetchone()[0] >= 2:
                        return
                    time.sleep(0.02)
            raise AssertionError("The two rules don't wait for these locks.")

    def after(rule: Callable) -> Callable:
        def run():
            while not started:
                time.sleep(0.01)
            return rule()

        return run

    started: list[bool] = []
    run_at_once([release, after(first), after(second)], may_happen=())


def test_two_lost_links_that_share_two_events():
    one, two = factories.event(slug="one"), factories.event(slug="two")
    for name, event in (("Alma", one), ("Ben", two), ("Alma", two), ("Ben", one)):
        factories.rsvp(event, name)
    Message.objects.all().delete()
    asked = [LinkRequest.objects.create(email=f"{name}@example.org") for name in ("alma", "ben")]
    run_crosswise(*(lambda pk=each.pk: rsvp_links.answer_link_request(pk) for each in asked), Event.objects.all())
    assert Message.objects.filter(kind=EmailKind.RSVP_LINK).count() == 4


@pytest.fixture
def invitation() -> Invitation:
    """Written and not sent; its contact is on their own."""
    return factories.invite(factories.event(), factories.person("Alma"))


def test_correcting_an_address_and_stopping_the_mailing(invitation):
    run_crosswise(
        lambda: contacts.correct_contact(invitation.contact, email="new@example.org"),
        lambda: writing.stop_mailing(invitation.mailing),
        Mailing.objects.all(),
        Invitation.objects.all(),
    )
    assert not Message.objects.exists()


@pytest.fixture
def notice(invitation) -> Mailing:
    """That the event moved: written and not sent."""
    Message.objects.update(state="sent", sent_at="2026-01-01T00:00Z")
    event = Event.objects.get()
    event.venue = "Stockton Civic Auditorium"
    event_changes.save_event(event)
    notice = Mailing.objects.get(template="invitation_moved")
    writing.write_mailing(notice)
    return notice


def test_declining_and_stopping_a_notice(invitation, notice):
    run_crosswise(
        lambda: responses.decline_invitation(invitation),
        lambda: writing.stop_mailing(notice),
        Invitation.objects.all(),
    )
    assert Invitation.objects.get().answer == Invitation.Answer.DECLINED


def test_deleting_a_contact_and_declining(invitation, notice):
    def decline():
        with suppress(Invitation.DoesNotExist):
            responses.decline_invitation(invitation)

    run_crosswise(
        lambda: contacts.delete_contact(invitation.contact),
        decline,
        Invitation.objects.all(),
    )
    assert not Invitation.objects.exists()


def test_moving_an_event_and_deleting_a_contact(invitation):
    event = Event.objects.get()
    event.venue = "Stockton Civic Auditorium"
    run_crosswise(
        lambda: event_changes.save_event(event),
        lambda: contacts.delete_contact(invitation.contact),
        Mailing.objects.all(),
        Invitation.objects.all(),
    )
    assert not Message.objects.exists()
