"""Mail about an invitation that staff send once more says what is true by then, or is refused plainly."""

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
THERE = "Stockton Civic Auditorium"
State = Message.State


@pytest.fixture
def asked() -> Invitation:
    """Written, and its mail was sent yesterday."""
    invitation = factories.invite(factories.event(), person("Alma Reyes"))
    yesterday = timezone.now() - timedelta(days=1)
    Message.objects.update(state=State.SENT, sent_at=yesterday, created_at=yesterday)
    return invitation


def mail_of(invitation: Invitation, kind: str = "invitation") -> Message:
    return invitation.messages.select_related("mailing").exclude(idempotency_key__contains="again").get(kind=kind)


def is_now(message: Message, state: State) -> None:
    Message.objects.filter(pk=message.pk).update(state=state, sent_at=timezone.now() if state == State.SENT else None)


def moves(event: Event) -> None:
    """Staff save it with another place; whoever is to be told is."""
    event = Event.objects.get(pk=event.pk)
    event.venue = THERE
    factories.save_event(event)
    for mailing in Mailing.objects.unrendered():
        writing.write_mailing(mailing)


def refusal(message: Message) -> str:
    """Why it is not sent again, and that nothing was written."""
    before = snapshots.tables()
    with pytest.raises(CannotResend) as refused:
        queue.resend(message)
    assert snapshots.tables() == before
    return str(refused.value)


def entry(message: Message):
    [found] = Calendar.from_ical(message.ics).walk("VEVENT")
    return found


# An invitation ---------------------------------------------------------------------------------------------------


def test_resending_a_sent_invitation_writes_a_copy_with_current_details(asked):
    moves(asked.event)
    old = mail_of(asked)
    for _twice in range(2):  # in one minute once
        assert queue.resend(old)
    [copy] = Message.objects.filter(idempotency_key__contains=":again:")
    assert (copy.kind, copy.about) == ("invitation", asked)
    assert (copy.recipient, copy.state, copy.queue, copy.mailing) == (
        "alma.reyes@example.org",
        "queued",
        "transactional",
        None,
    )
    assert THERE in copy.body_text
    assert THERE in copy.body_html
    assert THERE in entry(copy)["LOCATION"]
    assert entry(copy)["SEQUENCE"] == 1
    assert asked.get_absolute_url() in copy.body_text
    assert copy.unsubscribe_url == old.unsubscribe_url
    assert THERE not in mail_of(asked).body_text


def test_resending_a_copy_adds_no_second_suffix_to_the_idempotency_key(asked):
    queue.resend(mail_of(asked))
    copy = Message.objects.get(idempotency_key__contains=":again:")
    is_now(copy, State.SENT)
    Message.objects.filter(pk=copy.pk).update(idempotency_key=f"invitation:{asked.pk}:again:202701010900")
    assert queue.resend(Message.objects.get(pk=copy.pk))
    assert [
        key.count(":again:")
        for key in Message.objects.order_by("idempotency_key").values_list("idempotency_key", flat=True)
    ] == [0, 1, 1]


def test_resent_invitation_needs_no_change_notice(asked):
    event = asked.event
    event.venue = THERE
    factories.save_event(event)
    queue.resend(mail_of(asked))
    assert not change_notices.invitations_to_notify(event).exists()


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED])
def test_resending_a_failed_invitation_rewrites_it_in_place(asked, state):
    is_now(mail_of(asked), state)
    moves(asked.event)
    assert queue.resend(mail_of(asked))
    [message] = Message.objects.all()
    assert (message.idempotency_key, message.state, message.queue) == (
        f"invitation:{asked.pk}",
        "queued",
        "bulk",
    )
    assert message.mailing == asked.mailing
    assert THERE in message.body_text
    assert THERE in entry(message)["LOCATION"]
    assert queue.resend(message) is False
    asked.refresh_from_db()
    assert asked.notified_version == asked.event.schedule_version


def test_resent_invitation_uses_the_contacts_current_email_and_language(asked):
    contacts.correct_contact(asked.contact, email="alma@example.org", language="es")
    queue.resend(mail_of(asked))
    copy = Message.objects.get(idempotency_key__contains=":again:")
    assert (copy.recipient, copy.language) == ("alma@example.org", "es")
    assert "Cumbre Imagine Promise" in copy.subject


@pytest.mark.parametrize("kind", ["invitation", "invitation_new_link"])
def test_resent_email_has_the_current_link(asked, kind):
    responses.replace_invitation_link(asked)
    Message.objects.filter(state=State.QUEUED).update(state=State.SENT, sent_at=timezone.now())
    responses.replace_invitation_link(asked)
    queue.resend(asked.messages.get(kind=kind, state=State.SENT))
    asked.refresh_from_db()
    assert asked.get_absolute_url() in Message.objects.get(kind=kind, idempotency_key__contains="again").body_text


def test_resent_email_of_a_merged_invitation_has_the_kept_invitations_link(asked):
    Message.objects.update(kind="invitation_merged", body_text="http://127.0.0.1/old")
    queue.resend(Message.objects.get())
    assert asked.get_absolute_url() in Message.objects.get(state=State.QUEUED).body_text


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
    ("change", "said"),
    [
        (factories.mark_event_canceled, "This event was cancelled, so nobody can be invited."),
        (factories.end_event, "This event is over, so nobody can be invited."),
        (factories.close_rsvp, "RSVP for this event is closed, so nobody could answer. Give it a later end first."),
    ],
)
def test_resend_is_refused_if_the_event_no_longer_takes_rsvps(asked, change, said, state):
    is_now(mail_of(asked), state)
    change(asked.event)
    assert refusal(mail_of(asked)) == said


def test_resend_is_refused_if_the_invitation_is_accepted(asked):
    responses.accept_invitation(asked, Rsvp(name="Alma Reyes"), size=1)
    assert refusal(mail_of(asked)).startswith("They have accepted. Mail the private link of their RSVP again")


def test_resend_is_allowed_if_the_invitation_is_declined(asked):
    responses.decline_invitation(asked)
    assert queue.resend(mail_of(asked))


@pytest.mark.parametrize("how", [{"invitations": False}, None])
def test_resend_is_refused_if_the_email_is_unsubscribed_or_suppressed(asked, how):
    if how:
        preferences.set_topics(preferences.get_preference("alma.reyes@example.org"), **how)
    else:
        preferences.suppress("alma.reyes@example.org", "550 no such person")
    assert refusal(mail_of(asked)).startswith("Their address wants no invitations, or refuses mail.")


GONE = 999_999  # no invitation's


def test_resending_a_deleted_invitation_raises_does_not_exist(asked):
    Message.objects.update(object_id=GONE)
    with pytest.raises(Invitation.DoesNotExist):
        queue.resend(Message.objects.get())


# What may have arrived, and what has words of its own ------------------------------------------------------------


def test_unknown_message_is_resent_unchanged_while_still_correct(asked):
    is_now(mail_of(asked), State.UNKNOWN)
    text = mail_of(asked).body_text
    assert queue.resend(mail_of(asked))
    assert (mail_of(asked).state, mail_of(asked).body_text) == ("queued", text)


@pytest.mark.parametrize("change", [lambda asked: moves(asked.event), responses.replace_invitation_link])
def test_outdated_unknown_message_must_be_marked_arrived_before_resending(asked, change):
    is_now(mail_of(asked), State.UNKNOWN)
    change(asked)
    assert "Say that it arrived: then an invitation that you send again is written anew." in refusal(mail_of(asked))
    assert control.resolve_unknown(mail_of(asked), arrived=True)
    assert queue.resend(mail_of(asked))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["invitation_moved", "unanswered", "invitation_link"])
def test_other_invitation_emails_are_resent_only_while_still_correct(asked, kind):
    moves(asked.event)
    reminder_sending.write_unanswered_batch(asked.event, timezone.now() + timedelta(days=9))
    invitation_links.mail_invitation_link(asked)
    Message.objects.filter(state=State.QUEUED).update(state=State.SENT, sent_at=timezone.now())
    assert queue.resend(mail_of(asked, kind))
    assert Message.objects.get(state=State.QUEUED).body_text == mail_of(asked, kind).body_text
    event = Event.objects.get()
    event.venue = "Weber Point Events Center"
    factories.save_event(event)
    assert "Send the invitation itself again: it is written anew." in refusal(mail_of(asked, kind))


@pytest.fixture
def outdated(asked) -> Callable[[str], Message]:
    """An email of a kind that was sent about the invitation."""

    def mail(kind: str) -> Message:
        Message.objects.update(kind=kind)
        return Message.objects.get()

    return mail


@pytest.mark.parametrize("kind", ["unanswered", "invitation_moved", "invitation_called_off"])
@pytest.mark.parametrize("answer", ["accepted", "declined"])
def test_email_about_an_open_invitation_is_refused_once_it_is_answered(asked, outdated, kind, answer):
    message = outdated(kind)
    if answer == "declined":
        responses.decline_invitation(asked)
    else:
        responses.accept_invitation(asked, Rsvp(name="Alma Reyes"), size=1)
    assert refusal(message) == "They have answered since, so this email isn't true anymore."


@pytest.mark.parametrize("kind", ["unanswered", "invitation_moved", "invitation_called_off", "invitation_link"])
def test_email_about_an_invitation_is_refused_once_the_event_is_over(asked, outdated, kind):
    factories.end_event(asked.event)
    assert refusal(outdated(kind)) == "The event is over, so this email is of no use anymore."


def test_reminder_of_an_invitation_is_refused_once_rsvp_is_closed(asked, outdated):
    factories.close_rsvp(asked.event)
    assert refusal(outdated("unanswered")).startswith("RSVP for this event is closed, so nobody could answer.")


def test_reminder_of_an_invitation_is_refused_to_someone_who_unsubscribed(asked, outdated):
    message = outdated("unanswered")
    Message.objects.update(topic="reminders")
    preferences.set_topics(preferences.get_preference("alma.reyes@example.org"), reminders=False)
    assert refusal(Message.objects.get(pk=message.pk)).startswith("This address doesn't want email of this kind")


# In the admin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "The event or the link changed since, so what it says is not true any more."),
        ("es", "El evento o el enlace cambió desde entonces, así que lo que dice ya no es cierto."),
    ],
)
def test_message_page_says_why_resend_is_refused(staff, asked, language, said):
    is_now(mail_of(asked), State.UNKNOWN)
    moves(asked.event)
    address = f"{MESSAGES}{mail_of(asked).pk}/change/"
    page = staff.post(address, {"_resend": "1"}, follow=True, headers={"accept-language": language})
    assert said in web_client.page_text(page)
    assert mail_of(asked).state == "unknown"


def test_message_page_says_the_invitation_no_longer_exists(staff, asked):
    Message.objects.update(object_id=GONE)
    page = staff.post(f"{MESSAGES}{Message.objects.get().pk}/change/", {"_resend": "1"}, follow=True)
    assert "Not there any more: it was erased or merged meanwhile." in web_client.page_text(page)


def test_resend_button_on_the_message_page_sends_current_details(staff, asked):
    moves(asked.event)
    page = staff.post(f"{MESSAGES}{mail_of(asked).pk}/change/", {"_resend": "1"}, follow=True)
    assert "1 message will be sent again." in web_client.page_text(page)
    assert THERE in Message.objects.get(idempotency_key__contains=":again:").body_text


@pytest.mark.slow
def test_mailing_page_resends_only_unknown_messages_that_are_still_correct(staff):
    event = factories.event()
    mailing = factories.write_mailing(event, person("Alma"), person("Jun"), person("Mai"))
    Message.objects.update(state=State.UNKNOWN)
    moved = event.invitations.get(contact__name="Alma")
    gone = event.invitations.get(contact__name="Mai")
    responses.replace_invitation_link(moved)
    Message.objects.filter(kind="invitation_new_link").delete()
    gone.messages.update(object_id=GONE)
    page = f"/imagine/admin/mail/mailing/{mailing.pk}/change/"
    text = web_client.page_text(staff.post(page, {"resend": "1", "all": "1"}, follow=True))
    assert "1 message will be sent again." in text
    assert "1 message is not sent again. The event or the link changed since" in text
    assert "1 message is not sent again. Not there any more" in text
    states = dict(mailing.messages.values_list("recipient", "state"))
    assert states == {"alma@example.org": "unknown", "jun@example.org": "queued", "mai@example.org": "unknown"}
    assert "3 messages" not in text
    assert "2 messages count as sent." in web_client.page_text(
        staff.post(page, {"arrived": "1", "all": "1"}, follow=True)
    )
