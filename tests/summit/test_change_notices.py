"""Whoever was invited and has not answered is told when the event moves or is called off, once."""

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


def sent(**fields) -> None:
    """All that waits has left."""
    waiting = Message.objects.filter(state="queued", **fields)
    waiting.update(state="sent", sent_at=timezone.now())


def asked(*names: str, **fields) -> Event:
    """An event to which these are invited, by mail that has left."""
    event = factories.event(**fields)
    factories.write_mailing(event, *map(person, names))
    sent()
    return event


def moved(event: Event, **fields) -> None:
    """The event as staff save it with another time or place."""
    event = Event.objects.get(pk=event.pk)
    for name, value in (fields or {"venue": "Stockton Civic Auditorium"}).items():
        setattr(event, name, value)
    factories.save_event(event)


def write() -> None:
    for mailing in Mailing.objects.unrendered().order_by("pk"):
        invitations_writing.write_mailing(mailing)


def told(**fields) -> list[str]:
    """Each word that an event moved or was called off, as "Alma moved 1 PUBLISH", in the order written."""
    names = dict(Event.objects.get().invitations.values_list("pk", "contact__name"))
    rows = Message.objects.filter(mailing__template__in=change_notices.KINDS, **fields)
    found = snapshots.numbered(rows.order_by("recipient"))
    return [f"{names[message.object_id]} {name} {message.ics_method}" for name, message in found]


def entry(message: Message):
    [found] = Calendar.from_ical(message.ics).walk("VEVENT")
    return found


# Who is told -----------------------------------------------------------------------------------------------------


def test_people_without_an_answer_are_notified_once_of_a_new_venue(django_capture_on_commit_callbacks):
    event = asked("Alma", "Jun")
    with django_capture_on_commit_callbacks() as sent_tasks:
        moved(event)
    assert len(sent_tasks) == 2  # for those invited and for guests
    assert told() == []
    for _twice in range(2):
        write()
        moved(event)
    assert told() == ["Alma moved 1 PUBLISH", "Jun moved 1 PUBLISH"]
    mailing = Mailing.objects.get(template="invitation_moved")
    assert (mailing.about, mailing.title) == (event, "Imagine Promise Summit: new time or place")
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
    event = asked("Alma")
    moved(event, **change(event))
    write()
    assert told() == ["Alma moved 1 PUBLISH"]


def test_other_changes_send_no_notice():
    event = asked("Alma")
    moved(event, capacity=200, title="Another title")
    assert Mailing.objects.count() == 1


def test_no_notice_for_answered_unsubscribed_or_undelivered_invitations():
    names = ("Open", "Coming", "Declined", "Elsewhere", "Unwilling", "Refused", "Cancelled", "Never", "Given Up")
    event = asked(*names)
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
    moved(event)
    write()
    assert told() == ["Open moved 1 PUBLISH"]


@pytest.mark.parametrize("state", ["sent", "unknown", "sending"])
def test_notice_is_sent_if_the_invitation_may_have_been_delivered(state):
    event = asked("Alma")
    fields = {"sent_at": None} if state != "sent" else {}
    if state == "sending":
        fields |= {"claim_id": "00000000-0000-0000-0000-000000000001", "claim_expires_at": timezone.now()}
        fields |= {"handed_over_at": timezone.now()}
    Message.objects.update(state=state, **fields)
    moved(event)
    write()
    assert told() == ["Alma moved 1 PUBLISH"]


def test_unsent_invitation_is_rewritten_instead_of_a_notice():
    event = factories.event()
    factories.write_mailing(event, person("Sent"), person("Queued"))
    sent(recipient="sent@example.org")
    moved(event)
    write()
    assert told() == ["Sent moved 1 PUBLISH"]
    anew = Message.objects.get(recipient="queued@example.org")
    assert (anew.kind, entry(anew)["SEQUENCE"]) == ("invitation", 1)
    assert "Civic Auditorium" in anew.body_text


def test_unsubscribing_before_notices_are_written_skips_the_notice():
    event = asked("Alma", "Jun")
    moved(event)
    preferences.set_topics(preferences.get_preference("jun@example.org"), invitations=False)
    write()
    assert told() == ["Alma moved 1 PUBLISH"]
    mailing = Mailing.objects.get(template="invitation_moved")
    assert (mailing.recipient_count, mailing.skipped_count) == (2, 1)


def test_invitation_with_replaced_link_gets_a_notice():
    event = factories.event()
    factories.write_mailing(event, person("Alma"))
    responses.replace_invitation_link(event.invitations.get())
    assert [message.kind for message in Message.objects.all()] == ["invitation_new_link"]
    sent()
    moved(event)
    write()
    assert told() == ["Alma moved 1 PUBLISH"]


@pytest.mark.slow
def test_replaced_link_email_supersedes_unsent_notice_with_new_venue():
    event = asked("Alma")
    moved(event)
    write()
    responses.replace_invitation_link(event.invitations.get())
    assert told() == []
    new = Message.objects.get(kind="invitation_new_link")
    assert ("Civic Auditorium" in new.body_text, entry(new)["SEQUENCE"]) == (True, 1)
    sent()
    moved(event, venue=event.venue)
    write()
    assert told() == ["Alma moved 2 PUBLISH"]


@pytest.mark.slow
def test_replacing_a_link_keeps_the_cancellation_notice():
    event = asked("Alma")
    factories.cancel_event(event)
    write()
    responses.replace_invitation_link(event.invitations.get())
    assert told() == ["Alma called_off 1 CANCEL"]


# More than once --------------------------------------------------------------------------------------------------


def test_second_move_sends_second_notice_if_first_was_sent():
    event = asked("Alma")
    for venue in ("One Hall", "Another Hall"):
        moved(event, venue=venue)
        write()
        sent()
    assert told() == ["Alma moved 1 PUBLISH", "Alma moved 2 PUBLISH"]
    first, second = Message.objects.filter(mailing__template="invitation_moved").order_by("created_at", "object_id")
    assert (entry(first)["UID"], entry(first)["SEQUENCE"]) == (entry(second)["UID"], 1)
    assert entry(second)["SEQUENCE"] == 2


@pytest.mark.slow
def test_second_move_replaces_unsent_notice():
    event = asked("Alma", "Jun")
    moved(event, venue="One Hall")
    write()
    sent(recipient="alma@example.org")
    moved(event, venue="Another Hall")
    write()
    assert told() == ["Alma moved 1 PUBLISH", "Alma moved 2 PUBLISH", "Jun moved 2 PUBLISH"]
    states = [progress.mailing_progress(mailing).state for mailing in Mailing.objects.order_by("pk")]
    assert states == ["done", "stopped", "sending"]


@pytest.mark.slow
def test_two_moves_before_writing_send_one_notice():
    event = asked("Alma")
    moved(event, venue="One Hall")
    moved(event, venue="Another Hall")
    write()
    assert told() == ["Alma moved 2 PUBLISH"]
    assert "Another Hall" in Message.objects.get(mailing__template="invitation_moved").body_text


@pytest.mark.slow
def test_moving_back_notifies_only_those_already_notified():
    event = asked("Heard", "Waiting", "Unwritten")
    moved(event, venue="One Hall")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(writing, "BATCH_SIZE", 2)
        writing.write_next_batch(Mailing.objects.get(template="invitation_moved").pk)
    sent(recipient="heard@example.org")
    back = Event.objects.get()
    back.venue = event.venue
    assert [each.contact.name for each in change_notices.invitations_notified_if_saved(back)] == ["Heard"]
    moved(event, venue=event.venue)
    write()
    assert told() == ["Heard moved 1 PUBLISH", "Heard moved 2 PUBLISH"]


@pytest.mark.slow
def test_repeated_unsent_moves_leave_one_notice_and_moving_back_none():
    event = asked("Alma")
    for venue in ("One Hall", "Another Hall", "One Hall"):
        moved(event, venue=venue)
        write()
    assert told() == ["Alma moved 3 PUBLISH"]
    moved(event, venue=event.venue)
    write()
    assert told() == []


@pytest.mark.slow
def test_notice_stopped_by_staff_counts_as_not_sent():
    event = asked("Alma")
    moved(event, venue="One Hall")
    write()
    invitations_writing.stop_invitations(Mailing.objects.get(template="invitation_moved"))
    assert told() == []
    moved(event, venue=event.venue)
    assert Mailing.objects.unrendered().count() == 0
    assert event.invitations.count() == 1


# Called off ------------------------------------------------------------------------------------------------------


def test_cancellation_notice_removes_the_calendar_entry():
    event = asked("Alma", "Jun")
    for _twice in range(2):
        factories.cancel_event(event)
        write()
    assert told() == ["Alma called_off 1 CANCEL", "Jun called_off 1 CANCEL"]
    invitation, cancel = Message.objects.filter(recipient="alma@example.org").order_by("created_at", "object_id")
    assert Calendar.from_ical(cancel.ics)["METHOD"] == "CANCEL"
    before, after = entry(invitation), entry(cancel)
    assert (after["UID"], after["SEQUENCE"], after["STATUS"]) == (before["UID"], 1, "CANCELLED")
    assert after["DESCRIPTION"] == "The event will not take place"
    assert (after["ATTENDEE"], after["ATTENDEE"].params["PARTSTAT"]) == ("mailto:alma@example.org", "NEEDS-ACTION")
    assert "/imagine/invitation/" not in cancel.body_text


@pytest.mark.slow
def test_canceling_during_mailing_notifies_only_sent_invitations():
    event = factories.event()
    factories.write_mailing(event, person("Sent"), person("Queued"))
    sent(recipient="sent@example.org")
    factories.cancel_event(event)
    invitations_writing.stop_closed_mailings()
    write()
    assert told() == ["Sent called_off 1 CANCEL"]
    assert not Message.objects.filter(recipient="queued@example.org").exists()
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Sent"]


@pytest.mark.slow
def test_canceling_replaces_unsent_move_notices():
    event = asked("Heard", "Waiting")
    moved(event)
    write()
    sent(recipient="heard@example.org")
    factories.cancel_event(event)
    write()
    assert told() == ["Heard moved 1 PUBLISH", "Heard called_off 2 CANCEL", "Waiting called_off 2 CANCEL"]


def test_writing_notices_stops_once_the_event_is_over():
    event = asked("Alma", "Jun")
    moved(event)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(writing, "BATCH_SIZE", 1)
        writing.write_next_batch(Mailing.objects.get(template="invitation_moved").pk)
    factories.end_event(event)
    write()
    assert told() == []
    assert Mailing.objects.get(template="invitation_moved").stopped_at


@pytest.mark.slow
def test_unsent_notices_are_dropped_once_the_event_is_over():
    event = asked("Alma")
    moved(event)
    write()
    factories.end_event(event)
    invitations_writing.stop_closed_mailings()
    assert told() == []


# Answered meanwhile ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["accept", "decline", "tie"])
@pytest.mark.parametrize("is_written", [True, False])
def test_answering_before_the_notice_is_sent_drops_it(answer, is_written):
    event = asked("Alma")
    moved(event)
    if is_written:
        write()
    invitation = event.invitations.get()
    if answer == "accept":
        responses.accept_invitation(invitation, factories.unsaved_rsvp(event, "Alma"), size=1)
    elif answer == "decline":
        responses.decline_invitation(invitation)
    else:
        factories.rsvp(event, "Alma")
        responses.link_existing_rsvps()
    write()
    assert told() == []


@pytest.mark.slow
def test_rsvp_confirmation_supersedes_the_notice_calendar_entry():
    event = asked("Alma")
    for venue in ("One Hall", "Another Hall"):
        moved(event, venue=venue)
        write()
        sent()
    rsvp = responses.accept_invitation(event.invitations.get(), factories.unsaved_rsvp(event, "Alma"), size=1)
    assert snapshots.emails(rsvp) == ["confirmed 3 REQUEST"]
    confirmed, last = (
        rsvp.messages.get(),
        Message.objects.filter(kind="invitation_moved").latest("created_at"),
    )
    assert entry(confirmed)["UID"] == entry(last)["UID"]
    assert entry(confirmed)["SEQUENCE"] > entry(last)["SEQUENCE"]


def test_corrected_email_gets_new_link_instead_of_notice():
    event = asked("Alma", "Jun")
    moved(event)
    write()
    contacts.correct_contact(event.invitations.get(contact__name="Alma").contact, email="reyes@example.org")
    assert told() == ["Jun moved 1 PUBLISH"]
    write()
    assert told() == ["Jun moved 1 PUBLISH"]
    assert [message.kind for message in Message.objects.filter(recipient="reyes@example.org")] == [
        "invitation_new_link"
    ]


# Writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_interrupted_writing_resumes(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    event = asked(*(f"Person {n}" for n in range(5)))
    moved(event)
    mailing = Mailing.objects.get(template="invitation_moved")
    assert writing.write_next_batch(mailing.pk)
    with monkeypatch.context() as broken:
        broken.setattr(change_notices.queue, "enqueue_many", lambda messages: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            invitations_writing.write_mailing(mailing)
    assert len(told()) == 2
    assert progress.mailing_progress(mailing).to_write == 3
    assert invitations_writing.write_mailing(mailing)
    assert told() == [f"Person {n} moved 1 PUBLISH" for n in range(5)]


def test_notice_is_bulk_email_with_unsubscribe_url():
    event = asked("Alma")
    moved(event)
    write()
    message = Message.objects.get(mailing__template="invitation_moved")
    assert message.queue == "bulk"
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("alma@example.org"), "invitations"
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_writing_notices_query_count_is_constant(number, django_assert_num_queries):
    event = asked(*(f"Person {n}" for n in range(number)))
    moved(event)
    mailing = Mailing.objects.get(template="invitation_moved")
    with django_assert_num_queries(13):
        invitations_writing.write_mailing(mailing)
    assert mailing.messages.count() == number


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_save_event_query_count_is_constant(number, django_assert_num_queries):
    event = asked(*(f"Person {n}" for n in range(number)))
    event.venue = "Stockton Civic Auditorium"
    with django_assert_num_queries(20):
        event_changes.save_event(event)


# Words -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_notice_text_in_both_languages():
    event = factories.event(starts_at=timezone.now().replace(microsecond=0) + timedelta(days=30))
    factories.write_mailing(event, person("Alma"), person("Jun", language="es"))
    sent()
    moved(event)
    write()
    said = {
        message.language: message.body_text for message in Message.objects.filter(mailing__template="invitation_moved")
    }
    assert "Alma, time or place of an event to which we invited you has changed" in said["en"]
    assert "Stockton Civic Auditorium, 3601 Pacific Avenue" in said["en"]
    assert "Your invitation stands: please say yes or no with the button" in said["en"]
    assert "The attached entry takes the place of the one in your calendar. It is no answer yet." in said["en"]
    assert "Jun: ha cambiado la fecha, la hora o la sede de un evento al que le invitamos" in said["es"]
    sent()
    factories.cancel_event(event)
    write()
    said = {
        m.language: (m.subject, m.body_text) for m in Message.objects.filter(mailing__template="invitation_called_off")
    }
    assert said["en"][0].startswith("Cancelled: Imagine Promise Summit")
    assert "Alma, we had to cancel Imagine Promise Summit" in said["en"][1]
    assert "The attached entry takes the event out of your calendar." in said["en"][1]
    assert said["es"][0].startswith("Cancelado: Cumbre Imagine Promise")
    assert "Jun: tuvimos que cancelar" in said["es"][1]


def test_notice_after_rsvp_closed_asks_for_no_answer():
    event = asked("Alma")
    factories.close_rsvp(event)
    moved(event)
    write()
    text = Message.objects.get(mailing__template="invitation_moved").body_text
    assert "RSVP for it is closed by now." in text
    assert "say yes or no" not in text
