"""An email about an RSVP that staff resend has today's facts, or is refused with what to do instead."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.mail import queue
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from summit import rsvp_links, seats
from summit.models import Event, Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db
State = Message.State


@pytest.fixture
def rsvp() -> Rsvp:
    """Confirmed, and its email was sent yesterday."""
    rsvp = factories.rsvp(factories.event(), "Alma Reyes", size=2)
    sent_yesterday(rsvp)
    return rsvp


def sent_yesterday(rsvp: Rsvp) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    rsvp.messages.update(state=State.SENT, sent_at=yesterday, created_at=yesterday)


def resent(message: Message) -> Message:
    """The one email that resending wrote."""
    known = set(Message.objects.values_list("pk", flat=True))
    assert queue.resend(message)
    return Message.objects.exclude(pk__in=known).get()


def refusal(message: Message) -> str:
    """Why it isn't resent, and that nothing was written."""
    before = snapshots.tables()
    with pytest.raises(CannotResend) as refused:
        queue.resend(message)
    assert snapshots.tables() == before
    return str(refused.value)


def test_resent_confirmation_has_the_current_party_venue_and_link(rsvp):
    seats.grow_party(rsvp, size=3)
    rsvp_links.replace_rsvp_link(rsvp)
    Event.objects.update(venue="Stockton Civic Auditorium")
    email = resent(rsvp.messages.get(kind="rsvp_confirmed", state=State.SENT))
    rsvp.refresh_from_db()
    assert "You have 3 seats" in email.body_text
    assert "Stockton Civic Auditorium" in email.body_text
    assert rsvp.get_absolute_url() in email.body_text


def test_resent_confirmation_goes_to_the_current_email(rsvp):
    Rsvp.objects.update(email="right@example.org")
    assert resent(rsvp.messages.get()).recipient == "right@example.org"


def test_failed_email_is_rewritten_in_place(rsvp):
    message = rsvp.messages.get()
    Message.objects.update(state=State.FAILED, sent_at=None)
    Event.objects.update(venue="Stockton Civic Auditorium")
    assert queue.resend(Message.objects.get(pk=message.pk))
    message.refresh_from_db()
    assert message.state == State.QUEUED
    assert "Stockton Civic Auditorium" in message.body_text


def test_resent_link_email_has_the_current_link(rsvp):
    rsvp_links.mail_rsvp_link(rsvp, by_staff=True)
    sent_yesterday(rsvp)
    rsvp_links.replace_rsvp_link(rsvp)
    email = resent(rsvp.messages.get(kind="rsvp_link"))
    rsvp.refresh_from_db()
    assert rsvp.get_absolute_url() in email.body_text


def test_confirmation_of_a_canceled_rsvp_is_refused(rsvp):
    message = rsvp.messages.get()
    seats.cancel(rsvp)
    assert "was canceled since" in refusal(message)


def test_confirmation_of_a_canceled_event_is_refused(rsvp):
    Event.objects.update(canceled_at=timezone.now())
    assert "is over or was canceled" in refusal(rsvp.messages.get())


def test_cancellation_is_refused_once_the_guest_rsvps_again(rsvp):
    seats.cancel(rsvp)
    sent_yesterday(rsvp)
    message = rsvp.messages.get(kind="rsvp_canceled")
    assert "You have no seats" not in resent(message).body_text
    seats.reinstate(rsvp, size=1)
    assert "RSVP'd again" in refusal(message)


def test_reschedule_email_is_refused_after_another_change(rsvp):
    event = Event.objects.get()
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    message = rsvp.messages.get(kind="event_rescheduled")
    Message.objects.filter(pk=message.pk).update(state=State.SENT, sent_at=timezone.now())
    assert queue.resend(Message.objects.get(pk=message.pk))
    event.venue = "Another Hall"
    factories.save_event(event)
    assert "Resend the confirmation instead" in refusal(Message.objects.get(pk=message.pk))
