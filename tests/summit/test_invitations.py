"""Who is invited, and how invitations are written and stopped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.mail import preferences, queue
from imagine.mail.bulk import control, progress
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Mailing, Message
from partners.models import Contact
from partners.pledges import page_state
from summit.emails import invitation as invitation_emails
from summit.invitations import audience_query, responses, starting, writing
from summit.invitations import writing as invitations_writing
from summit.models import Audience, Event, Invitation
from tests import factories, snapshots
from tests.factories import person, start_mailing, write_mailing

pytestmark = pytest.mark.django_db


def start(event: Event, audience: Audience, count: int, fingerprint: str | None = None) -> Mailing:
    return starting.start_invitations(event, audience, count=count, by="office", mark=fingerprint)


def start_error(event: Event, audience: Audience, count: int = 1, fingerprint: str | None = None) -> str:
    """Return why no mailing was started, after checking that nothing was saved."""
    before = snapshots.tables()
    with pytest.raises(starting.CannotInvite) as error:
        start(Event.objects.get(pk=event.pk), audience, count, fingerprint)
    assert snapshots.tables() == before
    return str(error.value)


# Start -----------------------------------------------------------------------------------------------------------


def test_starting_a_mailing_invites_everyone_in_the_audience(django_capture_on_commit_callbacks):
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
def test_start_is_refused_if_the_confirmed_count_is_wrong(count):
    audience = factories.audience(uploaded_contacts=[person("Alma"), person("Jun")])
    expected = start_error(factories.event(), audience, count)
    assert expected == (
        "The recipients have changed: 2 people would be invited now. No one was invited. Review the list and confirm "
        "again."
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, "The recipients have changed: it’s a different person now."),
        (2, "The recipients have changed: they’re as many as before, but not the same people."),
    ],
)
def test_start_is_refused_if_the_people_changed_but_not_their_number(number, expected):
    event = factories.event()
    audience = factories.audience(uploaded_contacts=[person(f"Shown {n}") for n in range(number)])
    fingerprint = audience_query.count_people(audience, event).mark
    audience.uploaded_contacts.set([person(f"Other {n}") for n in range(number)])
    assert (
        start_error(event, audience, number, fingerprint)
        == f"{expected} No one was invited. Review the list and confirm again."
    )
    assert start(event, audience, number, audience_query.count_people(audience, event).mark).recipient_count == number


@pytest.mark.parametrize("count", [0, 1])
def test_start_with_an_empty_audience_is_refused(count):
    expected = "No one in this audience can be invited."
    assert start_error(factories.event(), factories.audience(), count) == expected


def test_starting_the_same_audience_again_is_refused():
    event, audience = factories.event(), factories.audience(uploaded_contacts=[person("Alma")])
    start(event, audience, 1)
    assert start_error(event, audience) == "No one in this audience can be invited."


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (factories.mark_event_canceled, "This event was canceled, so no one can be invited."),
        (factories.end_event, "This event is over, so no one can be invited."),
        (factories.close_rsvp, "RSVPs for this event are closed, so no one could answer. Set a later closing date."),
        (
            lambda event: Event.objects.filter(pk=event.pk).update(rsvp_opens_at=timezone.now() + timedelta(1)),
            "RSVPs for this event aren’t open yet, so no one could answer. Set an earlier opening date.",
        ),
        (
            lambda event: Event.objects.filter(pk=event.pk).update(is_published=False),
            "This event isn’t published yet. Publish it so that people can open their invitations.",
        ),
    ],
)
def test_start_is_refused_if_the_event_does_not_take_rsvps(change, expected):
    event = factories.event()
    change(event)
    assert start_error(event, factories.audience(uploaded_contacts=[person("Alma")])) == expected


def test_more_people_than_seats_can_be_invited():
    event = factories.event(capacity=1)
    assert start(event, factories.audience(uploaded_contacts=[person("Alma"), person("Jun")]), 2).recipient_count == 2


def test_invited_guests_of_a_past_event_become_contacts():
    past = factories.event()
    port = factories.organization()
    factories.rsvp(past, "Alma", language="es")
    factories.rsvp(past, "Jun", email="Jun@Example.org")
    past.rsvps.filter(name="Jun").update(organization=port)
    start(factories.event(), factories.audience(attended_event=past), 2)
    created_contacts = Contact.objects.order_by("name").values_list(
        "name", "email", "language", "organization", "is_primary"
    )
    assert list(created_contacts) == [
        ("Alma", "alma@example.org", "es", None, False),
        ("Jun", "Jun@Example.org", "en", port.pk, True),
    ]
    created = Contact.objects.get(name="Jun")
    assert AuditEntry.objects.about(created).get().changes == {
        "name": ["", "Jun"],
        "email": ["", "Jun@Example.org"],
    }
    assert created.invitations.count() == 1


def test_invited_guests_get_no_link_of_the_pledge_of_their_matched_organization():
    """They typed its name. Only a verified address becomes a contact of it, and only staff let a contact open a
    pledge."""
    past, pledge = factories.event(), factories.signed_pledge("Port Gate", "main@example.org")
    factories.rsvp(past, "Jun")
    factories.rsvp(past, "Mallory", verified_at=None)
    past.rsvps.update(organization=pledge.organization)
    start(factories.event(), factories.audience(attended_event=past), 2)
    created_contacts = Contact.objects.exclude(email="main@example.org").order_by("name")
    assert list(created_contacts.values_list("name", "organization")) == [
        ("Jun", pledge.organization_id),
        ("Mallory", None),
    ]
    for name in ("Jun", "Mallory"):
        request = factories.pledge_request("Port Gate", f"{name.lower()}@example.org")
        assert page_state.load_page_state(request.token).organization is None


def test_guest_is_not_primary_if_the_organization_has_a_primary_contact():
    past, port = factories.event(), factories.organization()
    factories.contact(port, "main@example.org")
    factories.rsvp(past, "Jun")
    past.rsvps.update(organization=port)
    start(factories.event(), factories.audience(attended_event=past), 1)
    assert sorted(port.contacts.values_list("name", "is_primary")) == [("Alma Reyes", True), ("Jun", False)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_starting_takes_a_fixed_number_of_queries(number, django_assert_num_queries):
    past = factories.event(capacity=100)
    for n in range(number):
        factories.rsvp(past, f"Guest {n}")
    audience, event = factories.audience(attended_event=past), factories.event()
    fingerprint = audience_query.count_people(audience, event).mark
    with django_assert_num_queries(22):  # one of them is for the activity log
        start(event, audience, number, fingerprint)


# Write -----------------------------------------------------------------------------------------------------------


def test_invitation_is_written_as_a_bulk_message():
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
    current_progress = progress.mailing_progress(mailing)
    assert (current_progress.count, current_progress.to_write, current_progress.waiting, current_progress.deferred) == (
        1,
        0,
        1,
        0,
    )


def test_writing_a_mailing_again_changes_nothing():
    event = factories.event()
    mailing = start_mailing(event, person("Alma"), person("Jun"))
    invitations_writing.write_mailing(mailing)
    before = snapshots.tables()
    invitations_writing.write_mailing(mailing)
    assert snapshots.tables() == before


def test_interrupted_writing_is_resumed(monkeypatch):
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


def test_failed_batch_is_rolled_back_and_written_later(monkeypatch):
    mailing = start_mailing(factories.event(), person("Alma"), person("Jun"))
    with monkeypatch.context() as broken:
        broken.setattr(writing.queue, "enqueue_many", lambda messages: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            invitations_writing.write_mailing(mailing)
    assert not Invitation.objects.exclude(emailed_at=None).exists()
    invitations_writing.write_mailing(mailing)
    assert Message.objects.count() == 2


def test_writing_pauses_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 1)
    monkeypatch.setattr(writing, "WRITE_SECONDS", -1)
    mailing = start_mailing(factories.event(), person("Alma"), person("Jun"), person("Mai"))
    assert not invitations_writing.write_mailing(mailing)
    assert Message.objects.count() == 1


def test_unsubscribed_suppressed_and_rsvped_contacts_are_skipped():
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


@pytest.mark.parametrize("change", [factories.mark_event_canceled, factories.close_rsvp])
def test_writing_stops_the_mailing_if_the_event_no_longer_takes_rsvps(change):
    event = factories.event()
    mailing = start_mailing(event, person("Alma"))
    change(event)
    assert invitations_writing.write_mailing(mailing)
    mailing.refresh_from_db()
    assert mailing.stopped_at
    assert not Invitation.objects.exists()
    assert not Message.objects.exists()


def test_stopped_mailing_is_not_written():
    mailing = start_mailing(factories.event(), person("Alma"))
    invitations_writing.stop_invitations(mailing)
    invitations_writing.write_mailing(mailing)
    assert not Message.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_writing_takes_a_fixed_number_of_queries(number, django_assert_num_queries):
    mailing = start_mailing(factories.event(), *(person(f"Person {n}", language="en") for n in range(number)))
    with django_assert_num_queries(15):
        invitations_writing.write_mailing(mailing)
    assert mailing.messages.count() == number


# Pause, go on, stop ----------------------------------------------------------------------------------------------


def test_pause_and_resume_are_idempotent():
    mailing = write_mailing(factories.event(), person("Alma"))
    for _twice in range(2):
        control.pause_mailing(mailing)
        assert progress.mailing_progress(Mailing.objects.get()).state == "paused"
    for _twice in range(2):
        control.resume_mailing(mailing)
        assert progress.mailing_progress(Mailing.objects.get()).state == "sending"


def test_stop_deletes_unsent_invitations_and_keeps_sent_or_unknown_ones(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 3)
    event = factories.event()
    mailing = start_mailing(event, *map(person, ("Arrived", "In Doubt", "Queued", "Unwritten")))
    writing.write_next_batch(mailing.pk)
    state_of("arrived@example.org", "sent", sent_at=timezone.now())
    state_of("in.doubt@example.org", "unknown")
    assert invitations_writing.stop_invitations(mailing) == 2
    assert invitations_writing.stop_invitations(mailing) == 0
    assert sorted(event.invitations.values_list("contact__name", flat=True)) == ["Arrived", "In Doubt"]
    assert sorted(Message.objects.values_list("recipient", flat=True)) == [
        "arrived@example.org",
        "in.doubt@example.org",
    ]
    assert progress.mailing_progress(Mailing.objects.get()).state == "stopped"


def state_of(to: str, state: str, **fields) -> None:
    Message.objects.filter(recipient=to).update(state=state, **fields)


def test_audience_of_a_stopped_mailing_can_be_invited_again():
    event = factories.event()
    audience = factories.audience(uploaded_contacts=[person("Alma")])
    invitations_writing.stop_invitations(start(event, audience, 1))
    assert start(event, audience, 1).invitations.count() == 1


def test_stop_keeps_answered_invitations():
    event = factories.event()
    mailing = write_mailing(event, person("Alma"), person("Jun"))
    responses.decline_invitation(event.invitations.get(contact__name="Alma"))
    assert invitations_writing.stop_invitations(mailing) == 1
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Alma"]


def test_stop_keeps_a_sent_invitation_with_queued_follow_up_emails():
    event = factories.event()
    mailing = write_mailing(event, person("Alma"))
    [invitation] = event.invitations.all()
    state_of("alma@example.org", "sent", sent_at=timezone.now())
    fields = {"recipient": "alma@example.org", "queue": "bulk", "mailing": mailing, "language": "en"}
    for kind in ("unanswered", "invitation_merged"):
        Message.objects.create(kind=kind, about=invitation, idempotency_key=f"{kind}:{invitation.pk}", **fields)
    assert invitations_writing.stop_invitations(mailing) == 0
    assert event.invitations.get() == invitation


def test_stop_closed_mailings_stops_those_of_canceled_and_closed_events():
    canceled, closed, open_one = factories.event(), factories.event(), factories.event()
    mailings = {event: write_mailing(event, person(f"Person {event.pk}")) for event in (canceled, closed, open_one)}
    factories.mark_event_canceled(canceled)
    factories.close_rsvp(closed)
    invitations_writing.stop_closed_mailings()
    assert [message.mailing for message in Message.objects.all()] == [mailings[open_one]]
    assert list(Invitation.objects.values_list("event", flat=True)) == [open_one.pk]


def test_stop_closed_mailings_takes_no_queries_per_stopped_mailing(django_assert_num_queries):
    event = factories.event()
    write_mailing(event, person("Alma"))
    state_of("alma@example.org", "sent", sent_at=timezone.now())
    factories.cancel_event(event)
    with django_assert_num_queries(2):
        invitations_writing.stop_closed_mailings()
    assert not Mailing.objects.exclude(stopped_at=None).exists()


# The event moves -------------------------------------------------------------------------------------------------


def test_unsent_invitation_is_rewritten_when_the_event_moves():
    event = factories.event()
    mailing = write_mailing(event, *map(person, ("Sent", "Queued")))
    state_of("sent@example.org", "sent", sent_at=timezone.now())
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    mailing.refresh_from_db()
    assert (mailing.rendered_at, progress.mailing_progress(mailing).to_write) == (None, 1)
    assert invitations_writing.write_mailing(mailing)
    has_new_venue = {message.recipient: "Civic Auditorium" in message.body_text for message in mailing.messages.all()}
    assert has_new_venue == {"sent@example.org": False, "queued@example.org": True}
    mailing.refresh_from_db()
    assert mailing.rendered_at


def test_capacity_change_does_not_rewrite_invitations():
    event = factories.event()
    write_mailing(event, person("Alma"))
    before = snapshots.tables(exclude=("summit.Event", "core.AuditEntry"))
    event.capacity = 200
    factories.save_event(event)
    assert snapshots.tables(exclude=("summit.Event", "core.AuditEntry")) == before


# The mail, before it is sent -------------------------------------------------------------------------------------


def test_preview_shows_the_invitation_in_both_languages():
    event = factories.event()
    before = snapshots.tables()
    english, spanish = invitation_emails.preview_invitation(event, "Alma Reyes", "Port Gate")
    assert (english.language, spanish.language) == ("en", "es")
    assert "Hi Alma Reyes, we’d love to have you with us. Imagine Promise Summit is on " in english.text
    assert "(each recipient’s personal link)" in english.text
    assert "http" not in english.text
    assert "Cumbre Imagine Promise" in spanish.text
    assert snapshots.tables() == before


def test_contact_name_with_html_or_placeholder_is_escaped_in_the_invitation():
    event = factories.event()
    hostile = person("Alma <b>{link}</b>\nBcc: all", email="alma@example.org")
    write_mailing(event, hostile)
    message = Message.objects.get()
    assert "Alma <b>{link}</b> Bcc: all" in message.body_text
    assert "<b>{link}</b>" not in message.body_html


@pytest.mark.parametrize("claimed", [False, True])
def test_canceling_the_event_deletes_unsent_invitations(claimed):
    event, people = factories.event(), [person(name) for name in ("Alma", "Jun", "Chue")]
    mailing = write_mailing(event, *people)
    bulk_delivery.mark_handed_over(first := bulk_delivery.claim_batch()[0])
    if not claimed:
        bulk_delivery.release([first])
    factories.cancel_event(event)
    assert list(Message.objects.filter(queue="bulk").values_list("recipient", flat=True)) == [first.recipient]
    invitations_writing.write_mailing(mailing)
    mailing.refresh_from_db()
    assert mailing.stopped_at
    assert [invitation.contact.email for invitation in event.invitations.all()] == [first.recipient]


def test_mailing_is_stopped_when_its_event_is_unpublished():
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


def write_and_resend_unknown(event: Event, *names: str) -> Mailing:
    """Write all invitations. The first one's delivery is unknown, and staff have it resent."""
    mailing = write_mailing(event, *map(person, names))
    first = Message.objects.get(recipient=f"{names[0].lower()}@example.org")
    Message.objects.filter(pk=first.pk).update(state="unknown", handed_over_at=timezone.now(), attempts=1)
    first.refresh_from_db()
    assert queue.resend(first)
    return mailing


@pytest.mark.parametrize("claimed", [False, True])
def test_stop_keeps_a_resent_invitation_that_may_have_arrived(claimed):
    event = factories.event()
    mailing = write_and_resend_unknown(event, "Alma", "Jun")
    batch = bulk_delivery.claim_batch() if claimed else []
    assert invitations_writing.stop_invitations(mailing) == 1
    assert not any(map(bulk_delivery.mark_handed_over, batch))
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Alma"]
    assert list(Message.objects.values_list("recipient", "state", "possible_duplicate")) == [
        ("alma@example.org", "unknown", True)
    ]
    if batch:
        bulk_delivery.release(batch)
    assert Message.objects.get().state == "unknown"
    assert invitations_writing.stop_invitations(mailing) == 0


def test_automatic_stop_keeps_a_resent_invitation_that_may_have_arrived():
    event = factories.event()
    write_and_resend_unknown(event, "Alma", "Jun")
    factories.close_rsvp(event)
    invitations_writing.stop_closed_mailings()
    assert [invitation.contact.name for invitation in event.invitations.all()] == ["Alma"]
    assert Message.objects.get().state == "unknown"


def test_moved_event_notifies_recipient_of_a_resent_unknown_invitation():
    """It is unknown again, so anyone who may have it gets a notice. Invitations that no one has are rewritten."""
    event = factories.event()
    write_and_resend_unknown(event, "Alma", "Jun")
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    assert list(Message.objects.values_list("recipient", "state")) == [("alma@example.org", "unknown")]
    for mailing in Mailing.objects.unrendered():
        invitations_writing.write_mailing(mailing)
    assert sorted(Message.objects.values_list("kind", flat=True)) == ["invitation", "invitation", "invitation_moved"]
    assert "Civic Auditorium" in Message.objects.get(kind="invitation_moved").body_text


def test_resent_unknown_message_is_flagged_as_possible_duplicate():
    mailing = write_mailing(factories.event(), person("Alma"))
    Message.objects.update(state="unknown", handed_over_at=timezone.now())
    assert queue.resend(mailing.messages.get())
    assert Message.objects.get().possible_duplicate


def test_resent_rejected_message_is_not_flagged_as_possible_duplicate():
    mailing = write_mailing(factories.event(), person("Alma"))
    Message.objects.update(state="rejected")
    assert queue.resend(mailing.messages.get())
    assert not Message.objects.get().possible_duplicate
