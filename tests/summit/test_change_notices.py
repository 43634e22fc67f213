"""Invited people who haven't answered are notified once when the event is rescheduled or canceled."""

from datetime import timedelta

import pytest
from django.utils import timezone
from icalendar import Calendar

from imagine.mail import preferences
from imagine.mail.bulk import progress
from imagine.mail.models import Mailing, Message
from partners.organizations import contacts
from summit import event_changes, seats
from summit.invitations import change_notices, responses, writing
from summit.invitations import writing as invitations_writing
from summit.models import Event
from tests import factories, snapshots
from tests.factories import person

pytestmark = pytest.mark.django_db


def mark_sent(**fields) -> None:
    """Mark queued email as sent."""
    queued = Message.objects.filter(state="queued", **fields)
    queued.update(state="sent", sent_at=timezone.now())


def invite(*names: str, **fields) -> Event:
    """Create an event and invite these people, by email that was sent."""
    event = factories.event(**fields)
    factories.write_mailing(event, *map(person, names))
    mark_sent()
    return event


def save_changed(event: Event, **fields) -> None:
    """Save the event with another time or place, as staff do."""
    event = Event.objects.get(pk=event.pk)
    for name, value in (fields or {"venue": "Stockton Civic Auditorium"}).items():
        setattr(event, name, value)
    factories.save_event(event)


def write_notices() -> None:
    for mailing in Mailing.objects.unrendered().order_by("pk"):
        invitations_writing.write_mailing(mailing)


def notices(**fields) -> list[str]:
    """Return each notice in the order written, such as "Alma moved 1 PUBLISH"."""
    names = dict(Event.objects.get().invitations.values_list("pk", "contact__name"))
    rows = Message.objects.filter(mailing__template__in=change_notices.KINDS, **fields)
    named_messages = snapshots.numbered(rows.order_by("recipient"))
    return [f"{names[message.object_id]} {name} {message.ics_method}" for name, message in named_messages]


def entry(message: Message):
    [named_messages] = Calendar.from_ical(message.ics).walk("VEVENT")
    return named_messages


# Who is told -----------------------------------------------------------------------------------------------------


def test_people_without_an_answer_are_notified_once_of_a_new_venue(django_capture_on_commit_callbacks):
    event = invite("Alma", "Jun")
    with django_capture_on_commit_callbacks() as sent_tasks:
        save_changed(event)
    assert len(sent_tasks) == 2  # for invited people and for guests
    assert notices() == []
    for _twice in range(2):
        write_notices()
        save_changed(event)
    assert notices() == ["Alma moved 1 PUBLISH", "Jun moved 1 PUBLISH"]
    mailing = Mailing.objects.get(template="invitation_moved")
    assert (mailing.about, mailing.title) == (event, "Imagine Promise Summit: new time or location")
    assert (mailing.recipient_count, mailing.skipped_count, bool(mailing.rendered_at)) == (2, 0, True)
    assert progress.mailing_progress(mailing).state == "sending"


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda event: {"starts_at": event.starts_at + timedelta(minutes=30)},
        lambda event: {"ends_at": event.ends_at + timedelta(minutes=30)},
        lambda event: {"venue": "Weber Point Events Center"},
        lambda event: {"address": "221 North Center Street, Stockton, California"},
    ],
    ids=["start", "end", "venue", "address"],
)
def test_each_time_or_place_change_sends_a_notice(change):
    event = invite("Alma")
    save_changed(event, **change(event))
    write_notices()
    assert notices() == ["Alma moved 1 PUBLISH"]


def test_other_changes_send_no_notice():
    event = invite("Alma")
    save_changed(event, capacity=200, title="Another title")
    assert Mailing.objects.count() == 1


def test_no_notice_for_answered_unsubscribed_or_undelivered_invitations():
    names = ("Open", "Coming", "Declined", "Elsewhere", "Unwilling", "Refused", "Cancelled", "Never", "Given Up")
    event = invite(*names)
    invitations_of = {each.contact.name: each for each in event.invitations.select_related("contact")}
    responses.accept_invitation(invitations_of["Coming"], factories.unsaved_rsvp(event, "Coming"), size=1)
    responses.decline_invitation(invitations_of["Declined"])
    factories.rsvp(event, "Elsewhere")
    rsvp = responses.accept_invitation(invitations_of["Cancelled"], factories.unsaved_rsvp(event, "Cancelled"), size=1)
    seats.cancel(rsvp)
    preferences.set_topics(preferences.get_preference("unwilling@example.org"), invitations=False)
    preferences.suppress("refused@example.org", "550 no such person")
    Message.objects.filter(recipient="never@example.org").update(state="rejected", sent_at=None)
    Message.objects.filter(recipient="given.up@example.org").update(state="failed", sent_at=None)
    save_changed(event)
    write_notices()
    assert notices() == ["Open moved 1 PUBLISH"]


@pytest.mark.parametrize("state", ["sent", "unknown", "sending"])
def test_notice_is_sent_if_the_invitation_may_have_been_delivered(state):
    event = invite("Alma")
    fields = {"sent_at": None} if state != "sent" else {}
    if state == "sending":
        fields |= {"claim_id": "00000000-0000-0000-0000-000000000001", "claim_expires_at": timezone.now()}
        fields |= {"handed_over_at": timezone.now()}
    Message.objects.update(state=state, **fields)
    save_changed(event)
    write_notices()
    assert notices() == ["Alma moved 1 PUBLISH"]


def test_unsent_invitation_is_rewritten_instead_of_a_notice():
    event = factories.event()
    factories.write_mailing(event, person("Sent"), person("Queued"))
    mark_sent(recipient="sent@example.org")
    save_changed(event)
    write_notices()
    assert notices() == ["Sent moved 1 PUBLISH"]
    rewritten = Message.objects.get(recipient="queued@example.org")
    assert (rewritten.kind, entry(rewritten)["SEQUENCE"]) == ("invitation", 1)
    assert "Civic Auditorium" in rewritten.body_text


def test_unsubscribing_before_notices_are_written_skips_the_notice():
    event = invite("Alma", "Jun")
    save_changed(event)
    preferences.set_topics(preferences.get_preference("jun@example.org"), invitations=False)
    write_notices()
    assert notices() == ["Alma moved 1 PUBLISH"]
    mailing = Mailing.objects.get(template="invitation_moved")
    assert (mailing.recipient_count, mailing.skipped_count) == (2, 1)


def test_invitation_with_replaced_link_gets_a_notice():
    event = factories.event()
    factories.write_mailing(event, person("Alma"))
    responses.replace_invitation_link(event.invitations.get())
    assert [message.kind for message in Message.objects.all()] == ["invitation_new_link"]
    mark_sent()
    save_changed(event)
    write_notices()
    assert notices() == ["Alma moved 1 PUBLISH"]


@pytest.mark.slow
def test_replaced_link_email_supersedes_unsent_notice_with_new_venue():
    event = invite("Alma")
    save_changed(event)
    write_notices()
    responses.replace_invitation_link(event.invitations.get())
    assert notices() == []
    new = Message.objects.get(kind="invitation_new_link")
    assert ("Civic Auditorium" in new.body_text, entry(new)["SEQUENCE"]) == (True, 1)
    mark_sent()
    save_changed(event, venue=event.venue)
    write_notices()
    assert notices() == ["Alma moved 2 PUBLISH"]


@pytest.mark.slow
def test_replacing_a_link_keeps_the_cancellation_notice():
    event = invite("Alma")
    factories.cancel_event(event)
    write_notices()
    responses.replace_invitation_link(event.invitations.get())
    assert notices() == ["Alma called_off 1 CANCEL"]


# More than once --------------------------------------------------------------------------------------------------


def test_second_move_sends_second_notice_if_first_was_sent():
    event = invite("Alma")
    for venue in ("One Hall", "Another Hall"):
        save_changed(event, venue=venue)
        write_notices()
        mark_sent()
    assert notices() == ["Alma moved 1 PUBLISH", "Alma moved 2 PUBLISH"]
    first, second = Message.objects.filter(mailing__template="invitation_moved").order_by("created_at", "object_id")
    assert (entry(first)["UID"], entry(first)["SEQUENCE"]) == (entry(second)["UID"], 1)
    assert entry(second)["SEQUENCE"] == 2


@pytest.mark.slow
def test_second_move_replaces_unsent_notice():
    event = invite("Alma", "Jun")
    save_changed(event, venue="One Hall")
    write_notices()
    mark_sent(recipient="alma@example.org")
    save_changed(event, venue="Another Hall")
    write_notices()
    assert notices() == ["Alma moved 1 PUBLISH", "Alma moved 2 PUBLISH", "Jun moved 2 PUBLISH"]
    states = [progress.mailing_progress(mailing).state for mailing in Mailing.objects.order_by("pk")]
    assert states == ["done", "stopped", "sending"]


@pytest.mark.slow
def test_two_moves_before_writing_send_one_notice():
    event = invite("Alma")
    save_changed(event, venue="One Hall")
    save_changed(event, venue="Another Hall")
    write_notices()
    assert notices() == ["Alma moved 2 PUBLISH"]
    assert "Another Hall" in Message.objects.get(mailing__template="invitation_moved").body_text


@pytest.mark.slow
def test_moving_back_notifies_only_those_already_notified():
    event = invite("Heard", "Waiting", "Unwritten")
    save_changed(event, venue="One Hall")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BATCH_SIZE", 2)
        writing.write_next_batch(Mailing.objects.get(template="invitation_moved").pk)
    mark_sent(recipient="heard@example.org")
    back = Event.objects.get()
    back.venue = event.venue
    assert [each.contact.name for each in change_notices.invitations_notified_if_saved(back)] == ["Heard"]
    save_changed(event, venue=event.venue)
    write_notices()
    assert notices() == ["Heard moved 1 PUBLISH", "Heard moved 2 PUBLISH"]


@pytest.mark.slow
def test_repeated_unsent_moves_leave_one_notice_and_moving_back_none():
    event = invite("Alma")
    for venue in ("One Hall", "Another Hall", "One Hall"):
        save_changed(event, venue=venue)
        write_notices()
    assert notices() == ["Alma moved 3 PUBLISH"]
    save_changed(event, venue=event.venue)
    write_notices()
    assert notices() == []


@pytest.mark.slow
def test_notice_stopped_by_staff_counts_as_not_sent():
    event = invite("Alma")
    save_changed(event, venue="One Hall")
    write_notices()
    invitations_writing.stop_invitations(Mailing.objects.get(template="invitation_moved"))
    assert notices() == []
    save_changed(event, venue=event.venue)
    assert Mailing.objects.unrendered().count() == 0
    assert event.invitations.count() == 1


# Canceled --------------------------------------------------------------------------------------------------------


def test_cancellation_notice_removes_the_calendar_entry():
    event = invite("Alma", "Jun")
    for _twice in range(2):
        factories.cancel_event(event)
        write_notices()
    assert notices() == ["Alma called_off 1 CANCEL", "Jun called_off 1 CANCEL"]
    invitation, cancel = Message.objects.filter(recipient="alma@example.org").order_by("created_at", "object_id")
    assert Calendar.from_ical(cancel.ics)["METHOD"] == "CANCEL"
    before, after = entry(invitation), entry(cancel)
    assert (after["UID"], after["SEQUENCE"], after["STATUS"]) == (before["UID"], 1, "CANCELLED")
    assert after["DESCRIPTION"] == "This event is canceled"
    assert (after["ATTENDEE"], after["ATTENDEE"].params["PARTSTAT"]) == ("mailto:alma@example.org", "NEEDS-ACTION")
    assert "/imagine/invitation/" not in cancel.body_text


@pytest.mark.slow
def test_canceling_during_mailing_notifies_only_sent_invitations():
    event = factories.event()
    factories.write_mailing(event, person("Sent"), person("Queued"))
    mark_sent(recipient="sent@example.org")
    factories.cancel_event(event)
    invitations_writing.stop_closed_mailings()
    write_notices()
    assert notices() == ["Sent called_off 1 CANCEL"]
    assert not Message.objects.filter(recipient="queued@example.org").exists()
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Sent"]


@pytest.mark.slow
def test_canceling_replaces_unsent_move_notices():
    event = invite("Heard", "Waiting")
    save_changed(event)
    write_notices()
    mark_sent(recipient="heard@example.org")
    factories.cancel_event(event)
    write_notices()
    assert notices() == ["Heard moved 1 PUBLISH", "Heard called_off 2 CANCEL", "Waiting called_off 2 CANCEL"]


def test_writing_notices_stops_once_the_event_is_over():
    event = invite("Alma", "Jun")
    save_changed(event)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BATCH_SIZE", 1)
        writing.write_next_batch(Mailing.objects.get(template="invitation_moved").pk)
    factories.end_event(event)
    write_notices()
    assert notices() == []
    assert Mailing.objects.get(template="invitation_moved").stopped_at


@pytest.mark.slow
def test_unsent_notices_are_dropped_once_the_event_is_over():
    event = invite("Alma")
    save_changed(event)
    write_notices()
    factories.end_event(event)
    invitations_writing.stop_closed_mailings()
    assert notices() == []


# Answered meanwhile ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["accept", "decline", "tie"])
@pytest.mark.parametrize("is_written", [True, False])
def test_answering_before_the_notice_is_sent_drops_it(answer, is_written):
    event = invite("Alma")
    save_changed(event)
    if is_written:
        write_notices()
    invitation = event.invitations.get()
    if answer == "accept":
        responses.accept_invitation(invitation, factories.unsaved_rsvp(event, "Alma"), size=1)
    elif answer == "decline":
        responses.decline_invitation(invitation)
    else:
        factories.rsvp(event, "Alma")
        responses.link_existing_rsvps()
    write_notices()
    assert notices() == []


@pytest.mark.slow
def test_rsvp_confirmation_supersedes_the_notice_calendar_entry():
    event = invite("Alma")
    for venue in ("One Hall", "Another Hall"):
        save_changed(event, venue=venue)
        write_notices()
        mark_sent()
    rsvp = responses.accept_invitation(event.invitations.get(), factories.unsaved_rsvp(event, "Alma"), size=1)
    assert snapshots.emails(rsvp) == ["confirmed 3 REQUEST"]
    confirmed, last = (
        rsvp.messages.get(),
        Message.objects.filter(kind="invitation_moved").latest("created_at"),
    )
    assert entry(confirmed)["UID"] == entry(last)["UID"]
    assert entry(confirmed)["SEQUENCE"] > entry(last)["SEQUENCE"]


def test_corrected_email_gets_new_link_instead_of_notice():
    event = invite("Alma", "Jun")
    save_changed(event)
    write_notices()
    contacts.correct_contact(event.invitations.get(contact__name="Alma").contact, email="reyes@example.org")
    assert notices() == ["Jun moved 1 PUBLISH"]
    write_notices()
    assert notices() == ["Jun moved 1 PUBLISH"]
    assert [message.kind for message in Message.objects.filter(recipient="reyes@example.org")] == [
        "invitation_new_link"
    ]


# Writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_interrupted_writing_resumes(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    event = invite(*(f"Person {n}" for n in range(5)))
    save_changed(event)
    mailing = Mailing.objects.get(template="invitation_moved")
    assert writing.write_next_batch(mailing.pk)
    with monkeypatch.context() as broken:
        broken.setattr(change_notices.queue, "enqueue_many", lambda messages: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            invitations_writing.write_mailing(mailing)
    assert len(notices()) == 2
    assert progress.mailing_progress(mailing).to_write == 3
    assert invitations_writing.write_mailing(mailing)
    assert notices() == [f"Person {n} moved 1 PUBLISH" for n in range(5)]


def test_notice_is_bulk_email_with_unsubscribe_url():
    event = invite("Alma")
    save_changed(event)
    write_notices()
    message = Message.objects.get(mailing__template="invitation_moved")
    assert message.queue == "bulk"
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("alma@example.org"), "invitations"
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_writing_notices_query_count_is_constant(number, django_assert_num_queries):
    event = invite(*(f"Person {n}" for n in range(number)))
    save_changed(event)
    mailing = Mailing.objects.get(template="invitation_moved")
    with django_assert_num_queries(13):
        invitations_writing.write_mailing(mailing)
    assert mailing.messages.count() == number


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_save_event_query_count_is_constant(number, django_assert_num_queries):
    event = invite(*(f"Person {n}" for n in range(number)))
    event.venue = "Stockton Civic Auditorium"
    with django_assert_num_queries(21):
        event_changes.save_event(event)


# Words -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_notice_text_in_both_languages():
    event = factories.event(starts_at=timezone.now().replace(microsecond=0) + timedelta(days=30))
    factories.write_mailing(event, person("Alma"), person("Jun", language="es"))
    mark_sent()
    save_changed(event)
    write_notices()
    expected = {
        message.language: message.body_text for message in Message.objects.filter(mailing__template="invitation_moved")
    }
    assert (
        "Hi Alma, we changed the date, time or location of an event we invited you to: Imagine Promise Summit."
        in expected["en"]
    )
    assert "Stockton Civic Auditorium, 3601 Pacific Avenue" in expected["en"]
    assert "Your invitation still stands. Please let us know by" in expected["en"]
    assert "The attached file updates your calendar, but it doesn’t answer the invitation." in expected["en"]
    assert "Hola, Jun. Cambiamos la fecha, la hora o la sede de un evento al que le invitamos" in expected["es"]
    mark_sent()
    factories.cancel_event(event)
    write_notices()
    expected = {
        m.language: (m.subject, m.body_text) for m in Message.objects.filter(mailing__template="invitation_called_off")
    }
    assert expected["en"][0].startswith("Canceled: Imagine Promise Summit")
    assert (
        "Hi Alma, we’re sorry, but we had to cancel an event we invited you to: Imagine Promise Summit."
        in expected["en"][1]
    )
    assert "The attached file removes the event from your calendar." in expected["en"][1]
    assert expected["es"][0].startswith("Evento cancelado: Cumbre Imagine Promise")
    assert "Hola, Jun. Lo sentimos, pero tuvimos que cancelar" in expected["es"][1]


def test_notice_after_rsvp_closed_asks_for_no_answer():
    event = invite("Alma")
    factories.close_rsvp(event)
    save_changed(event)
    write_notices()
    text = Message.objects.get(mailing__template="invitation_moved").body_text
    assert "RSVPs are closed now." in text
    assert "let us know" not in text
