"""Mailings in the admin: progress, pausing, resuming, stopping, and resolving unknown deliveries."""

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
IGNORED_TABLES = ("accounts.StaffSession",)
State = Message.State


@pytest.fixture
def kickoff(db) -> Event:
    return factories.event(kind="kickoff", title="Partner Kick-off", invitation_only=True)


def mailing(event: Event, number: int = 3) -> Mailing:
    """Create a mailing whose messages are queued."""
    return factories.write_mailing(event, *(factories.person(f"Person {n:03}") for n in range(number)))


def set_states(mailing: Mailing, state: State, number: int = 1, **fields) -> list[Message]:
    """Give this many queued messages of the mailing another state."""
    messages = list(mailing.messages.filter(state=State.QUEUED).order_by("recipient")[:number])
    times = {"handed_over_at": timezone.now(), "sent_at": timezone.now() if state == State.SENT else None}
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(state=state, **(times | fields))
    return messages


def change_url(mailing: Mailing) -> str:
    return f"{LIST}{mailing.pk}/change/"


def press_button(staff: Client, mailing: Mailing, **data) -> str:
    """Press a button on the mailing's page and return the text of the next page."""
    return web_client.page_text(staff.post(change_url(mailing), data, follow=True))


def states(mailing: Mailing) -> list[str]:
    return list(mailing.messages.order_by("recipient").values_list("state", flat=True))


# Progress --------------------------------------------------------------------------------------------------------


def test_page_shows_progress(staff, kickoff):
    queued_mailing = mailing(kickoff, 5)
    set_states(queued_mailing, State.SENT, 2)
    set_states(queued_mailing, State.REJECTED, last_error="550 5.1.1 no such mailbox")
    page = staff.get(change_url(queued_mailing))
    text = web_client.page_text(page)
    assert "Sending 2 of 5 sent" in text
    assert "Sent 2 Waiting to be sent 2 Bounced 1" in text
    assert "person.002@example.org Bounced 550 5.1.1 no such mailbox" in text
    assert '<progress id="bar" max="1" value="0.6000">' in page.content.decode()
    assert 'data-state="sending-0"' in page.content.decode()
    assert "progress.js" in page.content.decode()
    assert '<p class="visually-hidden" role="status" id="progress-status"></p>' in page.content.decode()
    assert "Refresh" in text


def test_page_shows_how_many_are_still_to_be_written(staff, kickoff):
    unwritten_mailing = factories.start_mailing(kickoff, factories.person("Alma"), factories.person("Ben"))
    text = web_client.page_text(staff.get(change_url(unwritten_mailing)))
    assert "Preparing 0 of 2 sent" in text
    assert "Not prepared yet 2" in text


def test_page_of_a_finished_mailing_stops_polling(staff, kickoff):
    done = mailing(kickoff, 1)
    set_states(done, State.SENT)
    page = staff.get(change_url(done))
    assert "Finished 1 of 1 sent" in web_client.page_text(page)
    assert "progress.js" not in page.content.decode()
    assert 'name="pause"' not in page.content.decode()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (0, "less than a minute left"),
        (70, "about 1 minute left"),
        (1000, "about 17 minutes left"),
        (9000, "about 2 hours left"),
    ],
)
def test_time_left_is_human_readable(seconds, expected):
    assert time_left(seconds) == expected


def test_list_shows_each_mailing_with_its_state(staff, kickoff):
    queued_mailing = mailing(kickoff)
    set_states(queued_mailing, State.SENT)
    set_states(queued_mailing, State.UNKNOWN)
    text = web_client.page_text(staff.get(LIST))
    assert f"{queued_mailing.title} Sending 3 1 1 office" in text


@pytest.mark.slow
def test_pages_take_as_many_queries_for_3_as_for_30(staff, kickoff, django_assert_num_queries):
    def create_mailing(number: int) -> Mailing:
        event = factories.event(invitation_only=True, capacity=100)
        new_mailing = mailing(event, number)
        for state in (State.UNKNOWN, State.REJECTED, State.SENT):
            set_states(new_mailing, state, number // 3)
        return new_mailing

    few = create_mailing(3)
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
        staff.get(change_url(few))
    many = [create_mailing(30), create_mailing(3), create_mailing(3)]
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)
        staff.get(change_url(many[0]))


# Pause, resume, stop ---------------------------------------------------------------------------------------------


def test_mailing_is_paused_and_resumed(staff, kickoff):
    queued_mailing = mailing(kickoff)
    for _twice in range(2):
        assert "Mailing paused. No more emails go out until you resume it." in press_button(
            staff, queued_mailing, pause="1"
        )
        assert "Paused 0 of 3 sent" in web_client.page_text(staff.get(change_url(queued_mailing)))
    assert not Message.objects.due("bulk").exists()
    for _twice in range(2):
        assert "Mailing resumed." in press_button(staff, queued_mailing, resume="1")
    assert Message.objects.due("bulk").count() == 3


def test_stop_asks_for_confirmation_and_removes_unsent_invitations(staff, kickoff):
    queued_mailing = mailing(kickoff)
    set_states(queued_mailing, State.SENT)
    confirmation = staff.post(change_url(queued_mailing), {"stop": "1"})
    assert "Stop this mailing?" in web_client.page_text(confirmation)
    assert "1 invitation has been sent, and it can still be answered." in web_client.page_text(confirmation)
    assert "You can’t undo this." in web_client.page_text(confirmation)
    assert Invitation.objects.count() == 3
    for _twice in range(2):
        assert "Mailing stopped. Anyone not yet emailed won’t be invited." in press_button(
            staff, queued_mailing, stop="1", confirmed="yes"
        )
    assert [each.contact.name for each in Invitation.objects.all()] == ["Person 000"]
    assert states(queued_mailing) == ["sent"]
    page = staff.get(change_url(queued_mailing)).content.decode()
    assert 'name="resume"' not in page
    press_button(staff, queued_mailing, resume="1")
    queued_mailing.refresh_from_db()
    assert queued_mailing.stopped_at


def test_page_shows_a_stopped_mailing_as_stopped(staff, kickoff):
    queued_mailing = mailing(kickoff)
    invitations_writing.stop_invitations(queued_mailing)
    assert "Stopped 0 of 3 sent" in web_client.page_text(staff.get(change_url(queued_mailing)))


# Change notices --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_change_notice_mailing_explains_why_it_is_sent(staff, kickoff):
    mailing(kickoff)
    Message.objects.update(state=State.SENT, sent_at=timezone.now())
    kickoff.venue = "Stockton Civic Auditorium"
    factories.save_event(kickoff)
    change_notices = Mailing.objects.get(template="invitation_moved")
    page = web_client.page_text(staff.get(change_url(change_notices)))
    assert (
        ", the event was rescheduled or moved. This mailing tells 3 people who were invited and hadn’t answered."
        in page
    )
    assert "Emails are being prepared and sent in the background." in page
    invitations_writing.write_mailing(change_notices)
    page = staff.get(change_url(change_notices))
    assert "0 of 3 sent" in web_client.page_text(page)
    assert "summit/invitation/" not in page.content.decode().split('id="progress"')[1]
    assert (
        "People who haven’t been emailed yet won’t be notified, and their calendars may be out of date."
        in web_client.page_text(staff.post(change_url(change_notices), {"stop": "1"}))
    )
    assert "Mailing stopped. Anyone not yet emailed won’t be notified." in press_button(
        staff, change_notices, stop="1", confirmed="yes"
    )
    assert "People who hadn’t been emailed yet won’t be." in web_client.page_text(staff.get(change_url(change_notices)))
    assert Invitation.objects.count() == 3
    factories.cancel_event(kickoff)
    cancellation = Mailing.objects.get(template="invitation_called_off")
    page = web_client.page_text(staff.get(change_url(cancellation)))
    assert ", the event was canceled. This mailing tells 3 people who were invited and hadn’t answered." in page


# Delivery unknown ------------------------------------------------------------------------------------------------


def test_staff_resolve_unknown_outcomes(staff, kickoff):
    queued_mailing = mailing(kickoff)
    first, second = set_states(queued_mailing, State.UNKNOWN, 2)
    assert "Delivery unknown" in web_client.page_text(staff.get(change_url(queued_mailing)))
    assert "1 email marked as delivered." in press_button(staff, queued_mailing, arrived="1", message=[first.pk])
    assert "1 email will be resent." in press_button(staff, queued_mailing, resend="1", message=[second.pk])
    assert states(queued_mailing) == ["sent", "queued", "queued"]
    assert "0 emails will be resent." in press_button(staff, queued_mailing, resend="1", message=[first.pk, second.pk])
    assert states(queued_mailing) == ["sent", "queued", "queued"]


@pytest.mark.slow
def test_staff_resolve_all_unknown_outcomes_in_one_step(staff, kickoff):
    queued_mailing = mailing(kickoff, 30)
    set_states(queued_mailing, State.UNKNOWN, 30)
    assert "Page 1 of 2" in web_client.page_text(staff.get(change_url(queued_mailing)))
    assert "30 emails marked as delivered." in press_button(staff, queued_mailing, arrived="1", all="1")
    assert set(states(queued_mailing)) == {"sent"}


@pytest.mark.slow
@pytest.mark.parametrize("message", [[], ["~"], [str(uuid.uuid4())]])
def test_selecting_no_valid_message_resolves_nothing(staff, kickoff, message):
    queued_mailing = mailing(kickoff)
    set_states(queued_mailing, State.UNKNOWN)
    assert "0 emails marked as delivered." in press_button(staff, queued_mailing, arrived="1", message=message)
    assert states(queued_mailing) == ["unknown", "queued", "queued"]


def test_message_of_another_mailing_is_not_resolved(staff, kickoff):
    this, another = mailing(kickoff), mailing(factories.event(), 2)
    [other] = set_states(another, State.UNKNOWN)
    press_button(staff, this, arrived="1", message=[other.pk])
    assert states(another) == ["unknown", "queued"]


# Send rate -------------------------------------------------------------------------------------------------------


def test_send_rate_is_saved_and_recorded_in_the_history(staff, kickoff):
    queued_mailing = mailing(kickoff)
    for _twice in range(2):
        assert "Sending speed saved: at most 30 emails per second." in press_button(
            staff, queued_mailing, set_rate="1", per_second="30"
        )
    assert send_rate.get_send_rate().per_second == 30
    assert [change.changes for change in AuditEntry.objects.about(send_rate.get_send_rate())] == [
        {"per_second": [60, 30]}
    ]


def test_field_of_the_send_rate_is_described_by_its_help(staff, kickoff):
    page = staff.get(change_url(mailing(kickoff))).content.decode()
    assert 'aria-describedby="id_per_second_helptext"' in page
    assert '<span class="help" id="id_per_second_helptext">For all invitations and reminders.' in page


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["0", "-1", "10001", "many", "", "9" * 40])
def test_send_rate_out_of_bounds_shows_a_field_error(staff, kickoff, rate):
    queued_mailing = mailing(kickoff)
    page = staff.post(change_url(queued_mailing), {"set_rate": "1", "per_second": rate})
    assert page.status_code == 422
    assert "errorlist" in page.content.decode()
    assert send_rate.get_send_rate().per_second == 60


# Permissions -----------------------------------------------------------------------------------------------------


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
    queued_mailing = mailing(kickoff)
    set_states(queued_mailing, State.UNKNOWN)
    client = staff_client("view_mailing")
    page = client.get(change_url(queued_mailing))
    assert "Sending 0 of 3 sent" in web_client.page_text(page)
    assert 'class="button"' not in page.content.decode().partition("<dialog")[0]
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for button in BUTTONS:
        assert client.post(change_url(queued_mailing), button).status_code == 403
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_staff_without_the_permission_cannot_open_mailings(kickoff):
    queued_mailing = mailing(kickoff)
    client = staff_client("view_event", "view_rsvp", "change_rsvp", "view_message")
    for address in (LIST, change_url(queued_mailing)):
        assert client.get(address).status_code == 403
    assert client.post(change_url(queued_mailing), {"pause": "1"}).status_code == 403


def test_pages_are_closed_to_anonymous_users(kickoff):
    queued_mailing = mailing(kickoff)
    for address in (LIST, change_url(queued_mailing)):
        assert Client().get(address).status_code == 302
        assert Client().post(address, {"stop": "1", "confirmed": "yes"}).status_code == 302
    assert Invitation.objects.count() == 3


@pytest.mark.slow
def test_get_and_head_requests_change_nothing(staff, kickoff):
    queued_mailing = mailing(kickoff)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for button in BUTTONS:
        for method in (staff.get, staff.head):
            assert method(change_url(queued_mailing), button).status_code == 200
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    for method in (staff.put, staff.delete, staff.patch):
        assert method(change_url(queued_mailing)).status_code == 405


def test_unknown_button_is_ignored_and_missing_mailing_is_404(staff, kickoff):
    queued_mailing = mailing(kickoff)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert staff.post(change_url(queued_mailing), {"delete": "1"}).status_code == 302
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert staff.get(f"{LIST}999999/change/").status_code == 404
    assert staff.post(f"{LIST}{queued_mailing.pk}/delete/", {"post": "yes"}).status_code == 403


def test_built_in_admin_form_cannot_change_a_mailing(staff, kickoff):
    mailing_row = mailing(kickoff)
    address = f"{LIST}{mailing_row.pk}%20/change/"
    fields = {
        "about": "event:1",
        "title": "T",
        "recipient_count": "9",
        "skipped_count": "0",
        "created_at_0": "2027-01-01",
    }
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for response in (staff.get(address), staff.post(address, fields | {"created_at_1": "10:00"})):
        assert response.status_code == 404
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
