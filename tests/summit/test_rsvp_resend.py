"""A resent email about an RSVP has current facts, or resending is refused with a message."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from imagine.mail import editable_templates, preferences, queue
from imagine.mail.editable_templates import TEMPLATES, TemplateText
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from summit import date_alerts, rsvp_links, rsvp_resend, seats
from summit.emails.kinds import SummitEmailKind
from summit.emails.templates import how_soon
from summit.invitations import resend as invitation_resend
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db
State = Message.State
OUTDATED = "What it said yesterday"
# How far ahead an event is when its reminders are sent, at whatever hour of the day.
AHEAD = {
    SummitEmailKind.REMINDER_WEEK: timedelta(days=5),
    SummitEmailKind.REMINDER_NAMES: timedelta(days=2),
    SummitEmailKind.REMINDER_DAY: timedelta(hours=14),
    SummitEmailKind.THANKS: timedelta(days=-3),
}
REMINDERS = tuple(AHEAD)[:3]


@pytest.fixture
def rsvp() -> Rsvp:
    """A confirmed RSVP whose email was sent yesterday."""
    rsvp = factories.rsvp(factories.event(), "Alma Reyes", size=2)
    mark_sent_yesterday(rsvp)
    return rsvp


def mark_sent_yesterday(rsvp: Rsvp) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    rsvp.messages.update(state=State.SENT, sent_at=yesterday, created_at=yesterday)


def starts_in(ahead: timedelta) -> None:
    starts_at = timezone.now() + ahead
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2), "rsvp_closes_at": starts_at}
    Event.objects.update(rsvp_opens_at=starts_at - timedelta(days=60), **times)


def outdated(rsvp: Rsvp, kind: str) -> Message:
    """An email of this kind that was sent yesterday, of which nothing is true anymore."""
    message = rsvp.messages.earliest("created_at")
    Message.objects.filter(pk=message.pk).update(kind=kind, body_text=OUTDATED)
    return Message.objects.get(pk=message.pk)


def happened(rsvp: Rsvp, kind: str) -> None:
    """What an email of this kind is about."""
    if kind in AHEAD:
        starts_in(AHEAD[kind])
    if kind == SummitEmailKind.RSVP_CANCELED:
        seats.cancel(rsvp)
    if kind == SummitEmailKind.EVENT_CANCELED:
        factories.mark_event_canceled(rsvp.event)
    rsvp.refresh_from_db()


def resend(message: Message) -> Message:
    """Resend the message and return the only email it wrote."""
    earlier_pks = set(Message.objects.values_list("pk", flat=True))
    assert queue.resend(message)
    return Message.objects.exclude(pk__in=earlier_pks).get()


def resend_error(message: Message) -> str:
    """Return why the message isn't resent, after checking that nothing was written."""
    before = snapshots.tables()
    with pytest.raises(CannotResend) as error:
        queue.resend(message)
    assert snapshots.tables() == before
    return str(error.value)


def test_resent_confirmation_has_the_current_party_venue_and_link(rsvp):
    seats.grow_party(rsvp, size=3)
    rsvp_links.replace_rsvp_link(rsvp)
    Event.objects.update(venue="Stockton Civic Auditorium")
    email = resend(rsvp.messages.get(kind="rsvp_confirmed", state=State.SENT))
    rsvp.refresh_from_db()
    assert "You have 3 seats" in email.body_text
    assert "Stockton Civic Auditorium" in email.body_text
    assert rsvp.get_absolute_url() in email.body_text


def test_resent_confirmation_goes_to_the_current_email(rsvp):
    Rsvp.objects.update(email="right@example.org")
    assert resend(rsvp.messages.get()).recipient == "right@example.org"


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
    mark_sent_yesterday(rsvp)
    rsvp_links.replace_rsvp_link(rsvp)
    email = resend(rsvp.messages.get(kind="rsvp_link"))
    rsvp.refresh_from_db()
    assert rsvp.get_absolute_url() in email.body_text


def test_confirmation_of_a_canceled_rsvp_is_refused(rsvp):
    message = rsvp.messages.get()
    seats.cancel(rsvp)
    assert "This RSVP is canceled" in resend_error(message)


def test_confirmation_of_a_canceled_event_is_refused(rsvp):
    Event.objects.update(canceled_at=timezone.now())
    assert "This event is over or canceled" in resend_error(rsvp.messages.get())


def test_cancellation_is_refused_once_the_guest_rsvps_again(rsvp):
    seats.cancel(rsvp)
    mark_sent_yesterday(rsvp)
    message = rsvp.messages.get(kind="rsvp_canceled")
    assert "You have no seats" not in resend(message).body_text
    seats.reinstate(rsvp, size=1)
    assert "RSVP’d again" in resend_error(message)


@pytest.fixture
def rescheduled(rsvp) -> Message:
    """The email about another place."""
    event = Event.objects.get()
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    message = rsvp.messages.get(kind="event_rescheduled")
    Message.objects.filter(pk=message.pk).update(state=State.SENT, sent_at=timezone.now())
    return Message.objects.get(pk=message.pk)


def moves_again(rsvp: Rsvp) -> None:
    event = Event.objects.get()
    event.venue = "Another Hall"
    factories.save_event(event)


def test_email_about_another_place_is_resent_while_it_is_true(rescheduled):
    assert resend(rescheduled).body_text == rescheduled.body_text


@pytest.mark.parametrize(
    "change",
    [
        moves_again,
        lambda rsvp: seats.grow_party(rsvp, size=3),
        lambda rsvp: seats.update_contact(rsvp, name="Alma Vang"),
        lambda rsvp: Rsvp.objects.update(language="es"),
        rsvp_links.replace_rsvp_link,
    ],
)
def test_email_about_another_place_is_refused_once_what_it_says_changed(rsvp, rescheduled, change):
    change(Rsvp.objects.get())
    assert resend_error(rescheduled) == (
        "The event or the RSVP has changed, so this email is out of date. Resend the confirmation instead. We’ll write "
        "it with today’s details."
    )


# Refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*AHEAD, SummitEmailKind.EVENT_CANCELED, SummitEmailKind.EVENT_RESCHEDULED])
def test_email_to_a_canceled_rsvp_is_refused(rsvp, kind):
    seats.cancel(rsvp)
    happened(rsvp, kind)
    assert "This RSVP is canceled" in resend_error(outdated(rsvp, kind))


@pytest.mark.parametrize("kind", REMINDERS)
@pytest.mark.parametrize(
    "change", [factories.mark_event_canceled, lambda event: Event.objects.update(is_published=False)]
)
def test_reminder_is_refused_if_the_event_was_canceled_or_hidden(rsvp, kind, change):
    happened(rsvp, kind)
    change(rsvp.event)
    assert resend_error(outdated(rsvp, kind)) == (
        "This event is canceled or no longer published, so we don’t remind its guests."
    )


@pytest.mark.parametrize(
    ("kind", "ahead", "sentence"),
    [
        (SummitEmailKind.REMINDER_WEEK, timedelta(days=9), "It’s too early to resend this."),
        (
            SummitEmailKind.REMINDER_WEEK,
            timedelta(days=2),
            "It’s too late for this reminder. Resend the confirmation instead",
        ),
        (SummitEmailKind.REMINDER_WEEK, timedelta(days=-1), "This event is over"),
        (SummitEmailKind.REMINDER_NAMES, timedelta(days=5), "It’s too early to resend this."),
        (SummitEmailKind.REMINDER_NAMES, timedelta(hours=14), "It’s too late for this reminder."),
        (SummitEmailKind.REMINDER_NAMES, timedelta(days=-1), "This event is over"),
        (SummitEmailKind.REMINDER_DAY, timedelta(days=3), "It’s too early to resend this."),
        (SummitEmailKind.REMINDER_DAY, timedelta(hours=1), "It’s too late for this reminder."),
        (SummitEmailKind.REMINDER_DAY, timedelta(days=-1), "This event is over"),
        (SummitEmailKind.THANKS, timedelta(days=1), "It’s too early to resend this."),
        (SummitEmailKind.THANKS, timedelta(days=-10), "It’s too late to send a thank-you for this event."),
        (SummitEmailKind.RSVP_LINK, timedelta(days=-1), "This event is over"),
        (SummitEmailKind.RSVP_NEW_LINK, timedelta(days=-1), "This event is over"),
        (SummitEmailKind.EVENT_RESCHEDULED, timedelta(days=-1), "This event is over or canceled"),
    ],
)
def test_email_is_refused_at_the_wrong_time(rsvp, kind, ahead, sentence):
    starts_in(ahead)
    assert resend_error(outdated(rsvp, kind)).startswith(sentence)


def test_email_about_a_canceled_event_is_refused_once_it_would_be_over(rsvp):
    starts_in(timedelta(days=-1))
    factories.mark_event_canceled(rsvp.event)
    assert resend_error(outdated(rsvp, SummitEmailKind.EVENT_CANCELED)).startswith(
        "The canceled event would be over by now"
    )


@pytest.mark.parametrize("kind", REMINDERS)
def test_reminder_is_refused_once_the_party_is_on_the_waitlist(rsvp, kind):
    happened(rsvp, kind)
    Rsvp.objects.update(held_seats=0, waitlisted_seats=2, waitlisted_since=timezone.now())
    assert "This party has no confirmed seats now" in resend_error(outdated(rsvp, kind))


def test_reminder_of_missing_names_is_refused_once_all_are_named(rsvp):
    happened(rsvp, SummitEmailKind.REMINDER_NAMES)
    Guest.objects.filter(position=2).update(name="Jun Reyes")
    assert "Every guest in this party has a name now" in resend_error(outdated(rsvp, SummitEmailKind.REMINDER_NAMES))


def test_thanks_are_refused_to_a_party_that_did_not_come(rsvp):
    other = factories.rsvp(rsvp.event, "Jun Reyes")
    other.guests.update(checked_in_at=timezone.now())
    happened(rsvp, SummitEmailKind.THANKS)
    assert "No one in this party attended" in resend_error(outdated(rsvp, SummitEmailKind.THANKS))


def test_reminder_is_refused_to_someone_who_unsubscribed(rsvp):
    happened(rsvp, SummitEmailKind.REMINDER_DAY)
    preferences.set_topics(preferences.get_preference(rsvp.email), reminders=False)
    assert resend_error(outdated(rsvp, SummitEmailKind.REMINDER_DAY)).startswith(
        "This address unsubscribed from these emails"
    )


def test_email_that_may_have_arrived_is_refused_if_it_would_read_otherwise(rsvp):
    message = rsvp.messages.get()
    Message.objects.update(state=State.UNKNOWN, sent_at=None)
    Event.objects.update(venue="Stockton Civic Auditorium")
    assert "Mark it as delivered first. Then you can resend it" in resend_error(Message.objects.get(pk=message.pk))


def test_message_page_says_why_a_reminder_is_not_resent(staff, rsvp):
    happened(rsvp, SummitEmailKind.REMINDER_DAY)
    message = outdated(rsvp, SummitEmailKind.REMINDER_DAY)
    starts_in(timedelta(hours=1))
    address = f"/imagine/admin/mail/message/{message.pk}/change/"
    for language, sentence in (
        (
            "en",
            "It’s too late for this reminder. Resend the confirmation instead. We’ll write it with today’s details.",
        ),
        (
            "es",
            "Ya es tarde para este recordatorio. Reenvíe mejor la confirmación. La escribiremos con los datos de hoy.",
        ),
    ):
        page = staff.post(address, {"_resend": "1"}, follow=True, headers={"accept-language": language})
        assert sentence in web_client.page_text(page)


# Every kind ------------------------------------------------------------------------------------------------------

STATUS = {
    SummitEmailKind.RSVP_CONFIRMED,
    SummitEmailKind.RSVP_WAITLISTED,
    SummitEmailKind.RSVP_PROMOTED,
    SummitEmailKind.RSVP_CHANGED,
}


@pytest.mark.parametrize("kind", [kind for kind in rsvp_resend.KINDS if kind != SummitEmailKind.EVENT_RESCHEDULED])
def test_resent_email_has_the_current_facts(rsvp, kind):
    happened(rsvp, kind)
    message = outdated(rsvp, kind)
    rsvp_links.change_email(rsvp, "right@example.org")  # and its link is replaced
    seats.update_contact(rsvp, name="Alma Vang", language="es")
    Event.objects.update(venue="Stockton Civic Auditorium", title_es="Cumbre nueva")
    if kind in STATUS or kind in REMINDERS:
        seats.grow_party(rsvp, size=3)
    for code, template in TEMPLATES.items():
        if code in AHEAD:
            editable_templates.save_text(template, "es", TemplateText("Texto", "{name}: texto nuevo, {event}, {where}"))
    email = resend(message)
    rsvp.refresh_from_db()
    assert (email.kind, email.recipient, email.language) == (
        SummitEmailKind.RSVP_CONFIRMED if kind in STATUS else kind,
        "right@example.org",
        "es",
    )
    for fact in ("Alma Vang", "Stockton Civic Auditorium", "Cumbre nueva"):
        assert fact in email.body_text
    assert (rsvp.get_absolute_url() in email.body_text) == (
        kind not in {SummitEmailKind.EVENT_CANCELED, SummitEmailKind.THANKS}
    )
    assert ("texto nuevo" in email.body_text) == (kind in AHEAD)
    assert ("Tiene 3 lugares" in email.body_text) == (kind in STATUS)
    assert bool(email.ics) == (
        kind in STATUS or kind in {SummitEmailKind.RSVP_CANCELED, SummitEmailKind.EVENT_CANCELED}
    )
    assert OUTDATED not in email.body_text


def test_every_kind_of_email_can_be_resent_or_refused():
    kinds = (*rsvp_resend.KINDS, *invitation_resend.KINDS, *date_alerts.KINDS, SummitEmailKind.STAFF_EMAIL)
    assert set(kinds) == set(SummitEmailKind)


@pytest.mark.parametrize("kind", REMINDERS)
def test_resent_reminder_says_how_many_days_and_seats_are_left(rsvp, kind):
    starts_in(AHEAD[kind])
    message = outdated(rsvp, kind)
    seats.grow_party(rsvp, size=3)
    editable_templates.save_text(TEMPLATES[kind], "en", TemplateText("Hello", "{soon}, {seats}"))
    with translation.override("en"):
        soon = how_soon(Event.objects.get(), timezone.now())
    assert f"{soon}, 3 seats" in resend(message).body_text
