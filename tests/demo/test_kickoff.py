"""The demo's kickoff: partners are invited, some have answered, and all rules hold."""

import time

import pytest
from django.utils import timezone

from imagine.demo.data import kickoff, promises
from imagine.mail.models import EmailPreference, Mailing, Message
from partners.models import Pledge
from summit import seats, stats
from summit.invitations import audience_query
from summit.models import Audience, Event, Rsvp
from tests.demo.conftest import rolled_back

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

THIS_YEAR = 2027


@pytest.fixture(scope="module")
def seconds(django_db_setup, django_db_blocker) -> float:
    """Create the sample kickoff once. Return how many seconds it took."""
    with rolled_back(django_db_blocker):
        promises.fill_promises(THIS_YEAR)
        started = time.process_time()
        kickoff.fill_kickoff(THIS_YEAR)
        yield time.process_time() - started


@pytest.fixture
def event(seconds) -> Event:
    return Event.objects.get()


def test_kickoff_has_accepted_declined_and_open_invitations(event):
    asked = stats.invitation_counts(event)
    assert (event.kind, event.invitation_only, event.is_published) == ("kickoff", True, True)
    assert (event.starts_at.year, event.starts_at.month) == (THIS_YEAR, 9)
    assert asked["invited"] > 20
    assert asked["accepted"] >= 6
    assert asked["declined"] >= 2
    assert asked["open"] >= 6
    assert event.invitations.declined().exclude(decline_message="").exists()
    assert 0 < event.rsvps.filter(source=Rsvp.Source.INVITATION).count() == asked["accepted"]
    assert 0 < seats.available_seats(event) < event.capacity


def test_partners_of_the_year_are_invited_except_one_who_opted_out(event):
    audience, mailing = Audience.objects.get(), Mailing.objects.get()
    assert audience.name == "2027–28 partners"
    assert set(event.invitations.values_list("contact__organization", flat=True)) <= set(
        Pledge.objects.signed().filter(year=THIS_YEAR).values_list("organization", flat=True)
    )
    skipped = audience_query.count_people(audience, event).skipped
    assert skipped[audience_query.Reason.OPTED_OUT] == 1
    assert mailing.recipient_count == event.invitations.count()
    assert (mailing.about, mailing.started_by) == (event, "staff")


def test_one_email_is_rejected_and_all_others_are_queued(event):
    mailing = Mailing.objects.get()
    refused = mailing.messages.get(state=Message.State.REJECTED)
    assert EmailPreference.objects.get(suppressed_at__isnull=False).email == refused.recipient.lower()
    waiting = mailing.messages.filter(state=Message.State.QUEUED, queue=Message.Queue.BULK)
    assert waiting.count() == mailing.recipient_count - 1
    assert not mailing.messages.exclude(recipient__endswith="@example.org").exists()


def test_all_timestamps_are_between_the_mailing_and_now(event):
    mailing = Mailing.objects.get()
    for moments in (
        event.invitations.values_list("created_at", flat=True),
        event.invitations.declined().values_list("declined_at", flat=True),
        event.rsvps.values_list("created_at", flat=True),
    ):
        assert all(mailing.created_at <= moment <= timezone.now() for moment in moments)


def test_kickoff_data_is_reproducible_and_quick_to_create(event, seconds):
    assert seconds < 5, "the demo's first start waits for this"
    first = list(event.rsvps.order_by("pk").values_list("name", "held_seats"))
    for rows in (event.rsvps, event.invitations):
        rows.all().delete()
    for model in (Event, Message, Mailing, Audience, EmailPreference):
        model.objects.all().delete()
    kickoff.fill_kickoff(THIS_YEAR)
    assert list(Rsvp.objects.order_by("pk").values_list("name", "held_seats")) == first
