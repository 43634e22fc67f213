"""Who is invited, once; how invitations are written and taken back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.mail import preferences, queue
from imagine.mail.bulk import control, progress
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Mailing, Message
from partners.models import Contact
from summit.emails import invitation as invitation_emails
from summit.invitations import audience_query, responses, starting, writing
from summit.invitations import writing as invitations_writing
from summit.models import Audience, Event, Invitation
from tests import factories, snapshots
from tests.factories import person, start_mailing, write_mailing

pytestmark = pytest.mark.django_db


def start(event: Event, audience: Audience, count: int, mark: str | None = None) -> Mailing:
    return starting.start_invitations(event, audience, count=count, by="office", mark=mark)


def refused(event: Event, audience: Audience, count: int = 1, mark: str | None = None) -> str:
    """Says why nothing was started, and that nothing was."""
    before = snapshots.tables()
    with pytest.raises(starting.CannotInvite) as refusal:
        start(Event.objects.get(pk=event.pk), audience, count, mark)
    assert snapshots.tables() == before
    return str(refusal.value)


# Start -----------------------------------------------------------------------------------------------------------


def test_everybody_of_an_audience_is_invited(django_capture_on_commit_callbacks):
    event, people = factories.event(), [person("Alma"), person("Jun")]
    audience = factories.audience(name="Both", uploaded_contacts=people)
    with django_capture_on_commit_callbacks() as sent_tasks:
        mailing = start(event, audience, 2)
    assert len(sent_tasks) == 1
    assert (mailing.about, mailing.title, mailing.recipient_count) == (
        event,
        "Imagine Promise Summit: Both",
        2,
    )
    assert (mailing.started_by, mailing.rendered_at) == ("office", None)
    assert sorted(event.invitations.values_list("contact__name", "mailing", "emailed_at")) == [
        ("Alma", mailing.pk, None),
        ("Jun", mailing.pk, None),
    ]
    assert AuditEntry.objects.about(event).get().changes == {"invited": ["", "Both: 2"]}
    assert not Message.objects.exists()


def test_links_of_two_invitations_differ():
    event, people = factories.event(), [person("Alma"), person("Jun")]
    start(event, factories.audience(uploaded_contacts=people), 2)
    assert len({len(token) and token for token in event.invitations.values_list("token", flat=True)}) == 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_than_was_confirmed_invites_nobody(count):
    audience = factories.audience(uploaded_contacts=[person("Alma"), person("Jun")])
    said = refused(factories.event(), audience, count)
    assert said == "Meanwhile it is 2 people who would be invited. Nobody was: look once more, then confirm."


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "Meanwhile it is another person who would be invited."),
        (2, "Meanwhile it is other people who would be invited, as many as before."),
    ],
)
def test_as_many_others_than_were_confirmed_are_not_invited(number, said):
    event = factories.event()
    audience = factories.audience(uploaded_contacts=[person(f"Shown {n}") for n in range(number)])
    mark = audience_query.count_people(audience, event).mark
    audience.uploaded_contacts.set([person(f"Other {n}") for n in range(number)])
    assert refused(event, audience, number, mark) == f"{said} Nobody was: look once more, then confirm."
    assert start(event, audience, number, audience_query.count_people(audience, event).mark).recipient_count == number


@pytest.mark.parametrize("count", [0, 1])
def test_an_audience_of_nobody_is_refused(count):
    said = "There is nobody in this audience who would be invited."
    assert refused(factories.event(), factories.audience(), count) == said


def test_started_twice_nobody_is_asked_twice():
    event, audience = factories.event(), factories.audience(uploaded_contacts=[person("Alma")])
    start(event, audience, 1)
    assert refused(event, audience) == "There is nobody in this audience who would be invited."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (factories.cancel_event_unnoticed, "This event was cancelled, so nobody can be invited."),
        (factories.end_event, "This event is over, so nobody can be invited."),
        (factories.close_rsvp, "RSVP for this event is closed, so nobody could answer. Give it a later end first."),
        (
            lambda event: Event.objects.filter(pk=event.pk).update(rsvp_opens_at=timezone.now() + timedelta(1)),
            "RSVP for this event is not open yet, so nobody could answer. Give it an earlier begin first.",
        ),
        (
            lambda event: Event.objects.filter(pk=event.pk).update(is_published=False),
            "This event is not published yet. Publish it first, so that the invitation’s page can be read.",
        ),
    ],
)
def test_nobody_is_invited_who_could_not_answer(change, said):
    event = factories.event()
    change(event)
    assert refused(event, factories.audience(uploaded_contacts=[person("Alma")])) == said


def test_more_people_than_seats_are_invited_all_the_same():
    event = factories.event(capacity=1)
    assert start(event, factories.audience(uploaded_contacts=[person("Alma"), person("Jun")]), 2).recipient_count == 2


def test_guests_become_contacts_of_their_organization_or_on_their_own():
    past = factories.event()
    port = factories.organization()
    factories.rsvp(past, "Alma", language="es")
    factories.rsvp(past, "Jun", email="Jun@Example.org")
    past.rsvps.filter(name="Jun").update(organization=port)
    start(factories.event(), factories.audience(attended_event=past), 2)
    found = Contact.objects.order_by("name").values_list("name", "email", "language", "organization", "is_primary")
    assert list(found) == [
        ("Alma", "alma@example.org", "es", None, False),
        ("Jun", "Jun@Example.org", "en", port.pk, True),
    ]
    made = Contact.objects.get(name="Jun")
    assert AuditEntry.objects.about(made).get().changes == {
        "name": ["", "Jun"],
        "email": ["", "Jun@Example.org"],
    }
    assert made.invitations.count() == 1


def test_a_guest_of_an_organization_with_a_main_contact_is_another_one():
    past, port = factories.event(), factories.organization()
    factories.contact(port, "main@example.org")
    factories.rsvp(past, "Jun")
    past.rsvps.update(organization=port)
    start(factories.event(), factories.audience(attended_event=past), 1)
    assert sorted(port.contacts.values_list("name", "is_primary")) == [("Alma Reyes", True), ("Jun", False)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_any_number_of_people_is_started_by_as_many_queries(number, django_assert_num_queries):
    past = factories.event(capacity=100)
    for n in range(number):
        factories.rsvp(past, f"Guest {n}")
    audience, event = factories.audience(attended_event=past), factories.event()
    mark = audience_query.count_people(audience, event).mark
    with django_assert_num_queries(22):  # one of them is the line of the activity log
        start(event, audience, number, mark)


# Write -----------------------------------------------------------------------------------------------------------


def test_each_invitation_is_written_as_one_of_many():
    event = factories.event()
    contact = person("Alma Reyes", factories.organization(), language="es")
    mailing = start_mailing(event, contact)
    assert invitations_writing.write_mailing(mailing)
    [invitation], [message] = event.invitations.all(), Message.objects.all()
    assert invitation.emailed_at
    assert (message.idempotency_key, message.queue, message.mailing) == (
        f"invitation:{invitation.pk}",
        "bulk",
        mailing,
    )
    assert (message.recipient, message.language) == ("alma.reyes@example.org", "es")
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference(contact.email), "invitations"
    )
    assert f"http://127.0.0.1:8000/imagine/invitation/{invitation.token}/" in message.body_text
    assert "Cumbre Imagine Promise" in message.subject
    assert message.ics_method == "PUBLISH"
    mailing.refresh_from_db()
    assert (mailing.skipped_count, bool(mailing.rendered_at)) == (0, True)
    figures = progress.mailing_progress(mailing)
    assert (figures.count, figures.to_write, figures.waiting, figures.put_off) == (1, 0, 1, 0)


def test_written_twice_everybody_has_one_message():
    event = factories.event()
    mailing = start_mailing(event, person("Alma"), person("Jun"))
    invitations_writing.write_mailing(mailing)
    before = snapshots.tables()
    invitations_writing.write_mailing(mailing)
    assert snapshots.tables() == before


def test_what_was_interrupted_goes_on(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    event = factories.event()
    mailing = start_mailing(event, *(person(f"Person {n}") for n in range(5)))
    assert writing.write_next_batch(mailing.pk)
    assert Message.objects.count() == 2
    mailing.refresh_from_db()
    assert (mailing.rendered_at, progress.mailing_progress(mailing).to_write) == (None, 3)
    assert invitations_writing.write_mailing(mailing)
    assert Message.objects.count() == 5
    assert not event.invitations.filter(emailed_at=None).exists()


def test_a_batch_that_fails_is_written_whole_later(monkeypatch):
    mailing = start_mailing(factories.event(), person("Alma"), person("Jun"))
    with monkeypatch.context() as broken:
        broken.setattr(writing.queue, "enqueue_many", lambda messages: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            invitations_writing.write_mailing(mailing)
    assert not Invitation.objects.exclude(emailed_at=None).exists()
    invitations_writing.write_mailing(mailing)
    assert Message.objects.count() == 2


def test_a_writer_hands_on_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 1)
    monkeypatch.setattr(writing, "WRITE_SECONDS", -1)
    mailing = start_mailing(factories.event(), person("Alma"), person("Jun"), person("Mai"))
    assert not invitations_writing.write_mailing(mailing)
    assert Message.objects.count() == 1


def test_who_wants_none_by_then_or_has_an_rsvp_is_left_out():
    event = factories.event()
    mailing = start_mailing(event, *map(person, ("Asked", "Unwilling", "Refused", "Coming")))
    preferences.set_topics(preferences.get_preference("unwilling@example.org"), invitations=False)
    preferences.suppress("refused@example.org", "550 no such person")
    factories.rsvp(event, "Coming")
    invitations_writing.write_mailing(mailing)
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Asked"]
    assert [message.recipient for message in mailing.messages.all()] == ["asked@example.org"]
    mailing.refresh_from_db()
    assert (mailing.recipient_count, mailing.skipped_count, bool(mailing.rendered_at)) == (4, 3, True)


@pytest.mark.parametrize("change", [factories.cancel_event_unnoticed, factories.close_rsvp])
def test_nothing_is_written_that_cannot_be_answered_any_more(change):
    event = factories.event()
    mailing = start_mailing(event, person("Alma"))
    change(event)
    assert invitations_writing.write_mailing(mailing)
    mailing.refresh_from_db()
    assert mailing.stopped_at
    assert not Invitation.objects.exists()
    assert not Message.objects.exists()


def test_nothing_of_a_stopped_mailing_is_written():
    mailing = start_mailing(factories.event(), person("Alma"))
    invitations_writing.stop_mailing(mailing)
    invitations_writing.write_mailing(mailing)
    assert not Message.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_any_number_is_written_by_as_many_queries(number, django_assert_num_queries):
    mailing = start_mailing(factories.event(), *(person(f"Person {n}", language="en") for n in range(number)))
    with django_assert_num_queries(15):
        invitations_writing.write_mailing(mailing)
    assert mailing.messages.count() == number


# Pause, go on, stop ----------------------------------------------------------------------------------------------


def test_pause_and_go_on_twice_are_once():
    mailing = write_mailing(factories.event(), person("Alma"))
    for _twice in range(2):
        control.pause(mailing)
        assert progress.mailing_progress(Mailing.objects.get()).state == "paused"
    for _twice in range(2):
        control.resume(mailing)
        assert progress.mailing_progress(Mailing.objects.get()).state == "sending"


def test_stop_takes_back_who_was_never_written_to(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 3)
    event = factories.event()
    mailing = start_mailing(event, *map(person, ("Arrived", "In Doubt", "Queued", "Unwritten")))
    writing.write_next_batch(mailing.pk)
    state_of("arrived@example.org", "sent", sent_at=timezone.now())
    state_of("in.doubt@example.org", "unknown")
    assert invitations_writing.stop_mailing(mailing) == 2
    assert invitations_writing.stop_mailing(mailing) == 0
    assert sorted(event.invitations.values_list("contact__name", flat=True)) == ["Arrived", "In Doubt"]
    assert sorted(Message.objects.values_list("recipient", flat=True)) == [
        "arrived@example.org",
        "in.doubt@example.org",
    ]
    assert progress.mailing_progress(Mailing.objects.get()).state == "stopped"


def state_of(to: str, state: str, **fields) -> None:
    Message.objects.filter(recipient=to).update(state=state, **fields)


def test_a_stopped_mailing_leaves_its_people_to_be_asked_again():
    event = factories.event()
    audience = factories.audience(uploaded_contacts=[person("Alma")])
    invitations_writing.stop_mailing(start(event, audience, 1))
    assert start(event, audience, 1).invitations.count() == 1


def test_stop_keeps_what_was_answered_already():
    event = factories.event()
    mailing = write_mailing(event, person("Alma"), person("Jun"))
    responses.decline_invitation(event.invitations.get(contact__name="Alma"))
    assert invitations_writing.stop_mailing(mailing) == 1
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Alma"]


def test_mail_that_asks_once_more_takes_no_invitation_back_with_it():
    event = factories.event()
    mailing = write_mailing(event, person("Alma"))
    [invitation] = event.invitations.all()
    state_of("alma@example.org", "sent", sent_at=timezone.now())
    fields = {"recipient": "alma@example.org", "queue": "bulk", "mailing": mailing, "language": "en"}
    for kind in ("unanswered", "invitation_merged"):
        Message.objects.create(kind=kind, about=invitation, idempotency_key=f"{kind}:{invitation.pk}", **fields)
    assert invitations_writing.stop_mailing(mailing) == 0
    assert event.invitations.get() == invitation


def test_mailings_to_an_event_that_was_canceled_end_by_themselves():
    canceled, closed, open_one = factories.event(), factories.event(), factories.event()
    mailings = {event: write_mailing(event, person(f"Person {event.pk}")) for event in (canceled, closed, open_one)}
    factories.cancel_event_unnoticed(canceled)
    factories.close_rsvp(closed)
    invitations_writing.stop_closed_mailings()
    assert [message.mailing for message in Message.objects.all()] == [mailings[open_one]]
    assert list(Invitation.objects.values_list("event", flat=True)) == [open_one.pk]


def test_no_queries_for_each_mailing_that_is_over(django_assert_num_queries):
    event = factories.event()
    write_mailing(event, person("Alma"))
    state_of("alma@example.org", "sent", sent_at=timezone.now())
    factories.cancel_event(event)
    with django_assert_num_queries(2):
        invitations_writing.stop_closed_mailings()
    assert not Mailing.objects.exclude(stopped_at=None).exists()


# The event moves -------------------------------------------------------------------------------------------------


def test_what_has_not_left_when_the_event_moves_says_where_it_is_now():
    event = factories.event()
    mailing = write_mailing(event, *map(person, ("Sent", "Queued")))
    state_of("sent@example.org", "sent", sent_at=timezone.now())
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    mailing.refresh_from_db()
    assert (mailing.rendered_at, progress.mailing_progress(mailing).to_write) == (None, 1)
    assert invitations_writing.write_mailing(mailing)
    places = {message.recipient: "Civic Auditorium" in message.body_text for message in mailing.messages.all()}
    assert places == {"sent@example.org": False, "queued@example.org": True}
    mailing.refresh_from_db()
    assert mailing.rendered_at


def test_another_change_of_the_event_writes_nothing_anew():
    event = factories.event()
    write_mailing(event, person("Alma"))
    before = snapshots.tables(but=("summit.Event", "core.AuditEntry"))
    event.capacity = 200
    factories.save_event(event)
    assert snapshots.tables(but=("summit.Event", "core.AuditEntry")) == before


# The mail, before it is sent -------------------------------------------------------------------------------------


def test_the_mail_is_shown_in_both_languages_as_one_person_reads_it():
    event = factories.event()
    before = snapshots.tables()
    english, spanish = invitation_emails.preview_invitation(event, "Alma Reyes", "Port Gate")
    assert (english.language, spanish.language) == ("en", "es")
    assert "Alma Reyes, you are invited to Imagine Promise Summit" in english.text
    assert "(the link of this person alone)" in english.text
    assert "http" not in english.text
    assert "Cumbre Imagine Promise" in spanish.text
    assert snapshots.tables() == before


def test_words_of_a_person_are_words_in_the_mail_whatever_stands_in_them():
    event = factories.event()
    hostile = person("Alma <b>{link}</b>\nBcc: all", email="alma@example.org")
    write_mailing(event, hostile)
    message = Message.objects.get()
    assert "Alma <b>{link}</b> Bcc: all" in message.body_text
    assert "<b>{link}</b>" not in message.body_html


@pytest.mark.parametrize("claimed", [False, True])
def test_nothing_leaves_once_the_event_was_canceled(claimed):
    event, people = factories.event(), [person(name) for name in ("Alma", "Jun", "Chue")]
    mailing = write_mailing(event, *people)
    bulk_delivery.mark_handed_over(first := bulk_delivery.claim()[0])
    if not claimed:
        bulk_delivery.release([first])
    factories.cancel_event(event)
    assert list(Message.objects.filter(queue="bulk").values_list("recipient", flat=True)) == [first.recipient]
    invitations_writing.write_mailing(mailing)
    mailing.refresh_from_db()
    assert mailing.stopped_at
    assert [invitation.contact.email for invitation in event.invitations.all()] == [first.recipient]


def test_mailing_to_an_event_that_is_hidden_in_the_meantime_stops():
    event = factories.event()
    mailing = write_mailing(event, person("Alma"))
    invitations_writing.stop_closed_mailings()
    assert Message.objects.exists()
    Event.objects.update(is_published=False)
    invitations_writing.stop_closed_mailings()
    mailing.refresh_from_db()
    assert mailing.stopped_at
    assert not Message.objects.exists()
    assert not Invitation.objects.exists()


def in_doubt_and_sent_again(event: Event, *names: str) -> Mailing:
    """All were written; of the first nobody knew whether it arrived, and staff had it sent again."""
    mailing = write_mailing(event, *map(person, names))
    first = Message.objects.get(recipient=f"{names[0].lower()}@example.org")
    Message.objects.filter(pk=first.pk).update(state="unknown", handed_over_at=timezone.now(), attempts=1)
    first.refresh_from_db()
    assert queue.resend(first)
    return mailing


@pytest.mark.parametrize("claimed", [False, True])
def test_stop_keeps_what_may_have_arrived_before_it_was_sent_again(claimed):
    event = factories.event()
    mailing = in_doubt_and_sent_again(event, "Alma", "Jun")
    batch = bulk_delivery.claim() if claimed else []
    assert invitations_writing.stop_mailing(mailing) == 1
    assert not any(map(bulk_delivery.mark_handed_over, batch))
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Alma"]
    assert list(Message.objects.values_list("recipient", "state", "possible_duplicate")) == [
        ("alma@example.org", "unknown", True)
    ]
    if batch:
        bulk_delivery.release(batch)
    assert Message.objects.get().state == "unknown"
    assert invitations_writing.stop_mailing(mailing) == 0


def test_stop_of_itself_when_the_event_is_canceled_keeps_it_too():
    event = factories.event()
    in_doubt_and_sent_again(event, "Alma", "Jun")
    factories.close_rsvp(event)
    invitations_writing.stop_closed_mailings()
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Alma"]
    assert Message.objects.get().state == "unknown"


def test_event_that_moves_keeps_it_and_tells_it():
    """It is unknown again, so whoever may have it is told of the new place; what nobody can have is written anew."""
    event = factories.event()
    in_doubt_and_sent_again(event, "Alma", "Jun")
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    assert list(Message.objects.values_list("recipient", "state")) == [("alma@example.org", "unknown")]
    for mailing in Mailing.objects.unrendered():
        invitations_writing.write_mailing(mailing)
    assert sorted(Message.objects.values_list("kind", flat=True)) == ["invitation", "invitation", "invitation_moved"]
    assert "Civic Auditorium" in Message.objects.get(kind="invitation_moved").body_text


def test_what_may_have_arrived_and_is_sent_again_is_flagged():
    mailing = write_mailing(factories.event(), person("Alma"))
    Message.objects.update(state="unknown", handed_over_at=timezone.now())
    assert queue.resend(mailing.messages.get())
    assert Message.objects.get().possible_duplicate


def test_what_failed_for_good_and_is_sent_again_is_not_flagged():
    mailing = write_mailing(factories.event(), person("Alma"))
    Message.objects.update(state="rejected")
    assert queue.resend(mailing.messages.get())
    assert not Message.objects.get().possible_duplicate
