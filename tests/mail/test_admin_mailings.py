"""A mailing as staff watch it: how far it is, paused, gone on with, stopped, and what only they can decide."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.mail.admin.mailings import time_left
from imagine.mail.bulk import send_rate
from imagine.mail.models import Mailing, Message
from summit.invitations import writing as invitations_writing
from summit.models import Event, Invitation
from tests import factories, snapshots, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/mail/mailing/"
UNCHANGED = ("accounts.StaffSession",)
State = Message.State


@pytest.fixture
def kickoff(db) -> Event:
    return factories.event(kind="kickoff", title="Partner Kick-off", invitation_only=True)


def mailing(event: Event, number: int = 3) -> Mailing:
    """One whose mails wait to be sent."""
    return factories.write_mailing(event, *(factories.person(f"Person {n:03}") for n in range(number)))


def became(mailing: Mailing, state: State, number: int = 1, **fields) -> list[Message]:
    """As if so many of its waiting mails had met this end."""
    some = list(mailing.messages.filter(state=State.QUEUED).order_by("recipient")[:number])
    times = {"handed_over_at": timezone.now(), "sent_at": timezone.now() if state == State.SENT else None}
    Message.objects.filter(pk__in=[message.pk for message in some]).update(state=state, **(times | fields))
    return some


def page_of(mailing: Mailing) -> str:
    return f"{LIST}{mailing.pk}/change/"


def press(staff: Client, mailing: Mailing, **sent) -> str:
    """What the page says after one of its buttons."""
    return web_client.page_text(staff.post(page_of(mailing), sent, follow=True))


def states(mailing: Mailing) -> list[str]:
    return list(mailing.messages.order_by("recipient").values_list("state", flat=True))


# How far it is ---------------------------------------------------------------------------------------------------


def test_page_shows_progress(staff, kickoff):
    sending = mailing(kickoff, 5)
    became(sending, State.SENT, 2)
    became(sending, State.REJECTED, last_error="550 5.1.1 no such mailbox")
    page = staff.get(page_of(sending))
    text = web_client.page_text(page)
    assert "Being sent 2 of 5 are sent" in text
    assert "sent 2 waiting to be sent 2 refused 1" in text
    assert "person.002@example.org refused 550 5.1.1 no such mailbox" in text
    assert '<progress id="bar" max="1" value="0.6000">' in page.content.decode()
    assert 'data-state="sending-0"' in page.content.decode()
    assert "progress.js" in page.content.decode()
    assert "Look again" in text


def test_page_shows_how_many_are_still_to_be_written(staff, kickoff):
    writing = factories.start_mailing(kickoff, factories.person("Alma"), factories.person("Ben"))
    text = web_client.page_text(staff.get(page_of(writing)))
    assert "Being written 0 of 2 are sent" in text
    assert "still to be written 2" in text


def test_page_of_a_finished_mailing_stops_polling(staff, kickoff):
    done = mailing(kickoff, 1)
    became(done, State.SENT)
    page = staff.get(page_of(done))
    assert "Done 1 of 1 are sent" in web_client.page_text(page)
    assert "progress.js" not in page.content.decode()
    assert 'name="pause"' not in page.content.decode()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "less than a minute left"),
        (70, "about 1 minute left"),
        (1000, "about 17 minutes left"),
        (9000, "about 2 hours left"),
    ],
)
def test_time_left_is_human_readable(seconds, said):
    assert time_left(seconds) == said


def test_list_shows_each_mailing_with_its_state(staff, kickoff):
    sending = mailing(kickoff)
    became(sending, State.SENT)
    became(sending, State.UNKNOWN)
    text = web_client.page_text(staff.get(LIST))
    assert f"{sending.title} being sent 3 1 1 office" in text


@pytest.mark.slow
def test_pages_take_as_many_queries_for_3_as_for_30(staff, kickoff, django_assert_num_queries):
    def some(number: int) -> Mailing:
        event = factories.event(invitation_only=True, capacity=100)
        made = mailing(event, number)
        for state in (State.UNKNOWN, State.REJECTED, State.SENT):
            became(made, state, number // 3)
        return made

    few = some(3)
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
        staff.get(page_of(few))
    many = [some(30), some(3), some(3)]
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)
        staff.get(page_of(many[0]))


# Pause, go on, stop ----------------------------------------------------------------------------------------------


def test_mailing_is_paused_and_resumed(staff, kickoff):
    sending = mailing(kickoff)
    for _twice in range(2):
        assert "It is paused. Nothing leaves until you go on." in press(staff, sending, pause="1")
        assert "Paused 0 of 3 are sent" in web_client.page_text(staff.get(page_of(sending)))
    assert not Message.objects.due("bulk").exists()
    for _twice in range(2):
        assert "It goes on." in press(staff, sending, resume="1")
    assert Message.objects.due("bulk").count() == 3


def test_stop_asks_for_confirmation_and_removes_unsent_invitations(staff, kickoff):
    sending = mailing(kickoff)
    became(sending, State.SENT)
    question = staff.post(page_of(sending), {"stop": "1"})
    assert "Stop this mailing?" in web_client.page_text(question)
    assert "1 person has the invitation" in web_client.page_text(question)
    assert "A stop cannot be undone." in web_client.page_text(question)
    assert Invitation.objects.count() == 3
    for _twice in range(2):
        assert "It is stopped. Who was not written to yet is invited no more." in press(
            staff, sending, stop="1", confirmed="yes"
        )
    assert [each.contact.name for each in Invitation.objects.all()] == ["Person 000"]
    assert states(sending) == ["sent"]
    page = staff.get(page_of(sending)).content.decode()
    assert 'name="resume"' not in page
    press(staff, sending, resume="1")
    sending.refresh_from_db()
    assert sending.stopped_at


def test_page_shows_a_stopped_mailing_as_stopped(staff, kickoff):
    sending = mailing(kickoff)
    invitations_writing.stop_invitations(sending)
    assert "Stopped 0 of 3 are sent" in web_client.page_text(staff.get(page_of(sending)))


# Word of a move --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_change_notice_mailing_explains_why_it_is_sent(staff, kickoff):
    mailing(kickoff)
    Message.objects.update(state=State.SENT, sent_at=timezone.now())
    kickoff.venue = "Stockton Civic Auditorium"
    factories.save_event(kickoff)
    word = Mailing.objects.get(template="invitation_moved")
    page = web_client.page_text(staff.get(page_of(word)))
    assert "the event moved: 3 people who were invited and had not answered are told." in page
    assert "Each mail is written and sent by a worker." in page
    invitations_writing.write_mailing(word)
    page = staff.get(page_of(word))
    assert "0 of 3 are sent" in web_client.page_text(page)
    assert "summit/invitation/" not in page.content.decode().split('id="progress"')[1]
    assert "Who was not written to yet is not told." in web_client.page_text(staff.post(page_of(word), {"stop": "1"}))
    assert "It is stopped. Who was not written to yet is not told." in press(staff, word, stop="1", confirmed="yes")
    assert "Who has no mail was not told." in web_client.page_text(staff.get(page_of(word)))
    assert Invitation.objects.count() == 3
    factories.cancel_event(kickoff)
    off = Mailing.objects.get(template="invitation_called_off")
    assert "the event was called off: 3 people who were invited and had not answered are told." in web_client.page_text(
        staff.get(page_of(off))
    )


# Unknown outcomes ------------------------------------------------------------------------------------------------


def test_staff_resolve_unknown_outcomes(staff, kickoff):
    sending = mailing(kickoff)
    first, second = became(sending, State.UNKNOWN, 2)
    assert "Outcome unknown" in web_client.page_text(staff.get(page_of(sending)))
    assert "1 message counts as sent." in press(staff, sending, arrived="1", message=[first.pk])
    assert "1 message will be sent again." in press(staff, sending, resend="1", message=[second.pk])
    assert states(sending) == ["sent", "queued", "queued"]
    assert "0 messages will be sent again." in press(staff, sending, resend="1", message=[first.pk, second.pk])
    assert states(sending) == ["sent", "queued", "queued"]


@pytest.mark.slow
def test_staff_resolve_all_unknown_outcomes_in_one_step(staff, kickoff):
    sending = mailing(kickoff, 30)
    became(sending, State.UNKNOWN, 30)
    assert "Page 1 of 2" in web_client.page_text(staff.get(page_of(sending)))
    assert "30 messages count as sent." in press(staff, sending, arrived="1", all="1")
    assert set(states(sending)) == {"sent"}


@pytest.mark.slow
@pytest.mark.parametrize("message", [[], ["~"], [str(uuid.uuid4())]])
def test_selecting_no_valid_message_resolves_nothing(staff, kickoff, message):
    sending = mailing(kickoff)
    became(sending, State.UNKNOWN)
    assert "0 messages count as sent." in press(staff, sending, arrived="1", message=message)
    assert states(sending) == ["unknown", "queued", "queued"]


def test_message_of_another_mailing_is_not_resolved(staff, kickoff):
    here, there = mailing(kickoff), mailing(factories.event(), 2)
    [other] = became(there, State.UNKNOWN)
    press(staff, here, arrived="1", message=[other.pk])
    assert states(there) == ["unknown", "queued"]


# Pace ------------------------------------------------------------------------------------------------------------


def test_send_rate_is_saved_and_recorded_in_the_history(staff, kickoff):
    sending = mailing(kickoff)
    for _twice in range(2):
        assert "At most 30 mails leave a second now." in press(staff, sending, set_rate="1", per_second="30")
    assert send_rate.get_send_rate().per_second == 30
    assert [change.changes for change in AuditEntry.objects.about(send_rate.get_send_rate())] == [
        {"per_second": [60, 30]}
    ]


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["0", "-1", "10001", "many", "", "9" * 40])
def test_send_rate_out_of_bounds_shows_a_field_error(staff, kickoff, typed):
    sending = mailing(kickoff)
    page = staff.post(page_of(sending), {"set_rate": "1", "per_second": typed})
    assert page.status_code == 422
    assert "errorlist" in page.content.decode()
    assert send_rate.get_send_rate().per_second == 60


# Who may what ----------------------------------------------------------------------------------------------------


BUTTONS = [
    {"pause": "1"},
    {"resume": "1"},
    {"stop": "1"},
    {"stop": "1", "confirmed": "yes"},
    {"arrived": "1", "all": "1"},
    {"resend": "1", "all": "1"},
    {"set_rate": "1", "per_second": "1"},
]


@pytest.mark.slow
def test_viewer_cannot_use_any_button(kickoff):
    sending = mailing(kickoff)
    became(sending, State.UNKNOWN)
    client = staff_client("view_mailing")
    page = client.get(page_of(sending))
    assert "Being sent" in web_client.page_text(page)
    assert 'class="button"' not in page.content.decode().partition("<dialog")[0]
    before = snapshots.tables(but=UNCHANGED)
    for button in BUTTONS:
        assert client.post(page_of(sending), button).status_code == 403
    assert snapshots.tables(but=UNCHANGED) == before


@pytest.mark.slow
def test_staff_without_the_permission_cannot_open_mailings(kickoff):
    sending = mailing(kickoff)
    client = staff_client("view_event", "view_rsvp", "change_rsvp", "view_message")
    for address in (LIST, page_of(sending)):
        assert client.get(address).status_code == 403
    assert client.post(page_of(sending), {"pause": "1"}).status_code == 403


def test_pages_are_closed_to_anonymous_users(kickoff):
    sending = mailing(kickoff)
    for address in (LIST, page_of(sending)):
        assert Client().get(address).status_code == 302
        assert Client().post(address, {"stop": "1", "confirmed": "yes"}).status_code == 302
    assert Invitation.objects.count() == 3


@pytest.mark.slow
def test_get_and_head_requests_change_nothing(staff, kickoff):
    sending = mailing(kickoff)
    before = snapshots.tables(but=UNCHANGED)
    for button in BUTTONS:
        for method in (staff.get, staff.head):
            assert method(page_of(sending), button).status_code == 200
    assert snapshots.tables(but=UNCHANGED) == before
    for method in (staff.put, staff.delete, staff.patch):
        assert method(page_of(sending)).status_code == 405


def test_unknown_button_is_ignored_and_missing_mailing_is_404(staff, kickoff):
    sending = mailing(kickoff)
    before = snapshots.tables(but=UNCHANGED)
    assert staff.post(page_of(sending), {"delete": "1"}).status_code == 302
    assert snapshots.tables(but=UNCHANGED) == before
    assert staff.get(f"{LIST}999999/change/").status_code == 404
    assert staff.post(f"{LIST}{sending.pk}/delete/", {"post": "yes"}).status_code == 403


def test_built_in_admin_form_cannot_change_a_mailing(staff, kickoff):
    kept = mailing(kickoff)
    address = f"{LIST}{kept.pk}%20/change/"
    fields = {
        "about": "event:1",
        "title": "T",
        "recipient_count": "9",
        "skipped_count": "0",
        "created_at_0": "2027-01-01",
    }
    before = snapshots.tables(but=UNCHANGED)
    for answer in (staff.get(address), staff.post(address, fields | {"created_at_1": "10:00"})):
        assert answer.status_code == 404
    assert snapshots.tables(but=UNCHANGED) == before
