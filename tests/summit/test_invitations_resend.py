"""A resent email about an invitation has current facts, or resending is refused with a message."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from icalendar import Calendar

from imagine.mail import preferences, queue
from imagine.mail.bulk import control
from imagine.mail.models import Mailing, Message
from imagine.mail.queue import CannotResend
from partners.organizations import contacts
from summit.invitations import change_notices, responses, writing
from summit.invitations import links as invitation_links
from summit.models import Event, Invitation, Rsvp
from summit.reminders import sending as reminder_sending
from tests import factories, snapshots, web_client
from tests.factories import person

pytestmark = pytest.mark.django_db

MESSAGES = "/imagine/admin/mail/message/"
NEW_VENUE = "Stockton Civic Auditorium"
State = Message.State


@pytest.fixture
def invited() -> Invitation:
    """An invitation whose email was sent yesterday."""
    invitation = factories.invite(factories.event(), person("Alma Reyes"))
    yesterday = timezone.now() - timedelta(days=1)
    Message.objects.update(state=State.SENT, sent_at=yesterday, created_at=yesterday)
    return invitation


def message_of(invitation: Invitation, kind: str = "invitation") -> Message:
    return invitation.messages.select_related("mailing").exclude(idempotency_key__contains="again").get(kind=kind)


def set_state(message: Message, state: State) -> None:
    Message.objects.filter(pk=message.pk).update(state=state, sent_at=timezone.now() if state == State.SENT else None)


def move(event: Event) -> None:
    """Save the event with another place and write the notices."""
    event = Event.objects.get(pk=event.pk)
    event.venue = NEW_VENUE
    factories.save_event(event)
    for mailing in Mailing.objects.unrendered():
        writing.write_mailing(mailing)


def resend_error(message: Message) -> str:
    """Return why the message isn't resent, after checking that nothing was written."""
    before = snapshots.tables()
    with pytest.raises(CannotResend) as error:
        queue.resend(message)
    assert snapshots.tables() == before
    return str(error.value)


def entry(message: Message):
    [ics_entry] = Calendar.from_ical(message.ics).walk("VEVENT")
    return ics_entry


# An invitation ---------------------------------------------------------------------------------------------------


def test_resending_a_sent_invitation_writes_a_copy_with_current_details(invited):
    move(invited.event)
    old = message_of(invited)
    for _twice in range(2):  # once per minute
        assert queue.resend(old)
    [copy] = Message.objects.filter(idempotency_key__contains=":again:")
    assert (copy.kind, copy.about) == ("invitation", invited)
    assert (copy.recipient, copy.state, copy.queue, copy.mailing) == (
        "alma.reyes@example.org",
        "queued",
        "transactional",
        None,
    )
    assert NEW_VENUE in copy.body_text
    assert NEW_VENUE in copy.body_html
    assert NEW_VENUE in entry(copy)["LOCATION"]
    assert entry(copy)["SEQUENCE"] == 1
    assert invited.get_absolute_url() in copy.body_text
    assert copy.unsubscribe_url == old.unsubscribe_url
    assert NEW_VENUE not in message_of(invited).body_text


def test_resending_a_copy_adds_no_second_suffix_to_the_idempotency_key(invited):
    queue.resend(message_of(invited))
    copy = Message.objects.get(idempotency_key__contains=":again:")
    set_state(copy, State.SENT)
    Message.objects.filter(pk=copy.pk).update(idempotency_key=f"invitation:{invited.pk}:again:202701010900")
    assert queue.resend(Message.objects.get(pk=copy.pk))
    assert [
        key.count(":again:")
        for key in Message.objects.order_by("idempotency_key").values_list("idempotency_key", flat=True)
    ] == [0, 1, 1]


def test_resent_invitation_needs_no_change_notice(invited):
    event = invited.event
    event.venue = NEW_VENUE
    factories.save_event(event)
    queue.resend(message_of(invited))
    assert not change_notices.invitations_to_notify(event).exists()


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED])
def test_resending_a_failed_invitation_rewrites_it_in_place(invited, state):
    set_state(message_of(invited), state)
    move(invited.event)
    assert queue.resend(message_of(invited))
    [message] = Message.objects.all()
    assert (message.idempotency_key, message.state, message.queue) == (
        f"invitation:{invited.pk}",
        "queued",
        "bulk",
    )
    assert message.mailing == invited.mailing
    assert NEW_VENUE in message.body_text
    assert NEW_VENUE in entry(message)["LOCATION"]
    assert queue.resend(message) is False
    invited.refresh_from_db()
    assert invited.notified_version == invited.event.schedule_version


def test_resent_invitation_uses_the_contacts_current_email_and_language(invited):
    contacts.correct_contact(invited.contact, email="alma@example.org", language="es")
    queue.resend(message_of(invited))
    copy = Message.objects.get(idempotency_key__contains=":again:")
    assert (copy.recipient, copy.language) == ("alma@example.org", "es")
    assert "Cumbre Imagine Promise" in copy.subject


@pytest.mark.parametrize("kind", ["invitation", "invitation_new_link"])
def test_resent_email_has_the_current_link(invited, kind):
    responses.replace_invitation_link(invited)
    Message.objects.filter(state=State.QUEUED).update(state=State.SENT, sent_at=timezone.now())
    responses.replace_invitation_link(invited)
    queue.resend(invited.messages.get(kind=kind, state=State.SENT))
    invited.refresh_from_db()
    assert invited.get_absolute_url() in Message.objects.get(kind=kind, idempotency_key__contains="again").body_text


def test_resent_email_of_a_merged_invitation_has_the_kept_invitations_link(invited):
    Message.objects.update(kind="invitation_merged", body_text="http://127.0.0.1/old")
    queue.resend(Message.objects.get())
    assert invited.get_absolute_url() in Message.objects.get(state=State.QUEUED).body_text


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING])
def test_resending_a_queued_or_sending_message_does_nothing(state):
    factories.invite(factories.event(), person("Alma"))
    if state == State.SENDING:
        Message.objects.update(state=state, claim_id="0" * 32, claim_expires_at=timezone.now())
    before = snapshots.tables()
    assert queue.resend(Message.objects.get()) is False
    assert snapshots.tables() == before


@pytest.mark.slow
@pytest.mark.parametrize("state", [State.SENT, State.REJECTED, State.UNKNOWN])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (factories.mark_event_canceled, "This event was canceled, so no one can be invited."),
        (factories.end_event, "This event is over, so no one can be invited."),
        (factories.close_rsvp, "RSVPs for this event are closed, so no one could answer. Set a later closing date."),
    ],
)
def test_resend_is_refused_if_the_event_no_longer_takes_rsvps(invited, change, expected, state):
    set_state(message_of(invited), state)
    change(invited.event)
    assert resend_error(message_of(invited)) == expected


def test_resend_is_refused_if_the_invitation_is_accepted(invited):
    responses.accept_invitation(invited, Rsvp(name="Alma Reyes"), size=1)
    assert resend_error(message_of(invited)).startswith(
        "They’ve accepted this invitation. Resend the link to their RSVP"
    )


def test_resend_is_allowed_if_the_invitation_is_declined(invited):
    responses.decline_invitation(invited)
    assert queue.resend(message_of(invited))


@pytest.mark.parametrize("opt_out", [{"invitations": False}, None])
def test_resend_is_refused_if_the_email_is_unsubscribed_or_suppressed(invited, opt_out):
    if opt_out:
        preferences.set_topics(preferences.get_preference("alma.reyes@example.org"), **opt_out)
    else:
        preferences.suppress("alma.reyes@example.org", "550 no such person")
    assert resend_error(message_of(invited)).startswith("This address unsubscribed from invitations, or it bounces.")


GONE = 999_999  # not an invitation's key


def test_resending_a_deleted_invitation_raises_does_not_exist(invited):
    Message.objects.update(object_id=GONE)
    with pytest.raises(Invitation.DoesNotExist):
        queue.resend(Message.objects.get())


# What may have arrived, and what has words of its own ------------------------------------------------------------


def test_unknown_message_is_resent_unchanged_while_still_correct(invited):
    set_state(message_of(invited), State.UNKNOWN)
    text = message_of(invited).body_text
    assert queue.resend(message_of(invited))
    assert (message_of(invited).state, message_of(invited).body_text) == ("queued", text)


@pytest.mark.parametrize("change", [lambda invited: move(invited.event), responses.replace_invitation_link])
def test_outdated_unknown_message_must_be_marked_arrived_before_resending(invited, change):
    set_state(message_of(invited), State.UNKNOWN)
    change(invited)
    assert "Mark it as delivered first. Then you can resend the invitation with today’s details." in resend_error(
        message_of(invited)
    )
    assert control.resolve_unknown(message_of(invited), arrived=True)
    assert queue.resend(message_of(invited))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["invitation_moved", "unanswered", "invitation_link"])
def test_other_invitation_emails_are_resent_only_while_still_correct(invited, kind):
    move(invited.event)
    reminder_sending.write_unanswered_batch(invited.event, timezone.now() + timedelta(days=9))
    invitation_links.mail_invitation_link(invited)
    Message.objects.filter(state=State.QUEUED).update(state=State.SENT, sent_at=timezone.now())
    assert queue.resend(message_of(invited, kind))
    assert Message.objects.get(state=State.QUEUED).body_text == message_of(invited, kind).body_text
    event = Event.objects.get()
    event.venue = "Weber Point Events Center"
    factories.save_event(event)
    assert "Resend the invitation instead. We’ll write it with today’s details." in resend_error(
        message_of(invited, kind)
    )


@pytest.fixture
def outdated(invited) -> Callable[[str], Message]:
    """An email of a kind that was sent about the invitation."""

    def mail(kind: str) -> Message:
        Message.objects.update(kind=kind)
        return Message.objects.get()

    return mail


@pytest.mark.parametrize("kind", ["unanswered", "invitation_moved", "invitation_called_off"])
@pytest.mark.parametrize("answer", ["accepted", "declined"])
def test_email_about_an_open_invitation_is_refused_once_it_is_answered(invited, outdated, kind, answer):
    message = outdated(kind)
    if answer == "declined":
        responses.decline_invitation(invited)
    else:
        responses.accept_invitation(invited, Rsvp(name="Alma Reyes"), size=1)
    assert resend_error(message) == "They’ve answered the invitation, so this email is out of date."


@pytest.mark.parametrize("kind", ["unanswered", "invitation_moved", "invitation_called_off", "invitation_link"])
def test_email_about_an_invitation_is_refused_once_the_event_is_over(invited, outdated, kind):
    factories.end_event(invited.event)
    assert resend_error(outdated(kind)) == "The event is over, so this email is no longer useful."


def test_reminder_of_an_invitation_is_refused_once_rsvp_is_closed(invited, outdated):
    factories.close_rsvp(invited.event)
    assert resend_error(outdated("unanswered")).startswith("RSVPs for this event are closed, so no one could answer.")


def test_reminder_of_an_invitation_is_refused_to_someone_who_unsubscribed(invited, outdated):
    message = outdated("unanswered")
    Message.objects.update(topic="reminders")
    preferences.set_topics(preferences.get_preference("alma.reyes@example.org"), reminders=False)
    assert resend_error(Message.objects.get(pk=message.pk)).startswith("This address unsubscribed from these emails")


# In the admin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "This email may have been delivered, and the event or the link has changed since."),
        ("es", "Es posible que este correo haya llegado, y el evento o el enlace cambió después."),
    ],
)
def test_message_page_says_why_resend_is_refused(staff, invited, language, expected):
    set_state(message_of(invited), State.UNKNOWN)
    move(invited.event)
    address = f"{MESSAGES}{message_of(invited).pk}/change/"
    page = staff.post(address, {"_resend": "1"}, follow=True, headers={"accept-language": language})
    assert expected in web_client.page_text(page)
    assert message_of(invited).state == "unknown"


def test_message_page_says_the_invitation_no_longer_exists(staff, invited):
    Message.objects.update(object_id=GONE)
    page = staff.post(f"{MESSAGES}{Message.objects.get().pk}/change/", {"_resend": "1"}, follow=True)
    assert "This was deleted or merged in the meantime." in web_client.page_text(page)


def test_resend_button_on_the_message_page_sends_current_details(staff, invited):
    move(invited.event)
    page = staff.post(f"{MESSAGES}{message_of(invited).pk}/change/", {"_resend": "1"}, follow=True)
    assert "1 email will be resent." in web_client.page_text(page)
    assert NEW_VENUE in Message.objects.get(idempotency_key__contains=":again:").body_text


@pytest.mark.slow
def test_mailing_page_resends_only_unknown_messages_that_are_still_correct(staff):
    event = factories.event()
    mailing = factories.write_mailing(event, person("Alma"), person("Jun"), person("Mai"))
    Message.objects.update(state=State.UNKNOWN)
    moved = event.invitations.get(contact__name="Alma")
    deleted = event.invitations.get(contact__name="Mai")
    responses.replace_invitation_link(moved)
    Message.objects.filter(kind="invitation_new_link").delete()
    deleted.messages.update(object_id=GONE)
    page = f"/imagine/admin/mail/mailing/{mailing.pk}/change/"
    text = web_client.page_text(staff.post(page, {"resend": "1", "all": "1"}, follow=True))
    assert "1 email will be resent." in text
    reason = "This email may have been delivered, and the event or the link has changed since."
    assert f"1 email wasn’t resent. {reason}" in text
    assert "1 email wasn’t resent. This was deleted or merged in the meantime" in text
    states = dict(mailing.messages.values_list("recipient", "state"))
    assert states == {"alma@example.org": "unknown", "jun@example.org": "queued", "mai@example.org": "unknown"}
    assert "3 messages" not in text
    assert "2 emails marked as delivered." in web_client.page_text(
        staff.post(page, {"arrived": "1", "all": "1"}, follow=True)
    )
