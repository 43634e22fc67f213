"""The mail server rejects, hangs, disconnects or is down: every email arrives eventually, and none holds up another."""

import pytest

from imagine.mail.delivery import RETRY_PAUSES, UNREACHABLE_PAUSE
from imagine.settings import EMAIL_TIMEOUT
from tests.smtp_server import ACCEPT, PERMANENT_FAILURE, TEMPORARY_FAILURE, Disconnect
from tests.stack import address, wait_for

pytestmark = pytest.mark.faults

SWEPT = 10  # seconds between two sweeps
MARGIN = 10  # seconds that a shared machine may add
AT_ONCE = 8  # seconds, less than until the next sweep
SOON = 30
AFTER_ONE_TRY = RETRY_PAUSES[0].total_seconds() + SWEPT + MARGIN
AFTER_NOT_REACHED = UNREACHABLE_PAUSE.total_seconds() + SWEPT + MARGIN
PUT_BACK = "SELECT 1 FROM mail_message WHERE state = 'queued' AND last_error <> ''"


def outcome(stack, name: str) -> tuple[str, int, bool, str]:
    return stack.sql(
        "SELECT state, attempts, possible_duplicate, last_error FROM mail_message WHERE recipient = %s", address(name)
    )[0]


def test_email_deferred_with_451_arrives_once_and_delays_no_other(stack):
    stack.smtp.on_recipient = lambda to: TEMPORARY_FAILURE if to == address("later") else ACCEPT
    guest = stack.open_form()
    for name in ("later", "one", "two"):
        guest.rsvp(name)
    wait_for(
        lambda: stack.smtp.recipients() == [address("one"), address("two")], AT_ONCE, "the others are sent at once"
    )
    wait_for(lambda: outcome(stack, "later")[0] == "queued", SOON, "the one waits for its next try")
    assert outcome(stack, "later") == ("queued", 1, False, TEMPORARY_FAILURE)
    stack.smtp.reset_behavior()
    wait_for(lambda: stack.all_sent(3), AFTER_ONE_TRY, "it arrives by itself")
    assert outcome(stack, "later") == ("sent", 2, False, "")
    assert stack.smtp.recipients() == [address(name) for name in ("later", "one", "two")]


def test_email_rejected_permanently_is_tried_once_and_shows_the_reason(stack):
    stack.smtp.on_recipient = lambda to: PERMANENT_FAILURE if to == address("never") else ACCEPT
    guest = stack.open_form()
    page = guest.rsvp("never").location
    guest.rsvp("one")
    wait_for(lambda: stack.smtp.recipients() == [address("one")], AT_ONCE, "the other is sent at once")
    wait_for(lambda: outcome(stack, "never") == ("rejected", 1, False, PERMANENT_FAILURE), SOON, "the reason is shown")
    assert "didn’t go through" in stack.request("GET", page).page
    stack.smtp.reset_behavior()
    stack.send_task("imagine.mail.tasks.sweep", queue="housekeeping")
    guest.rsvp("two")
    wait_for(lambda: address("two") in stack.smtp.recipients(), SOON, "mail flows")
    stack.wait_for_worker(SOON)
    assert stack.smtp.attempted_recipients.count(address("never")) == 1


def test_mail_server_disconnecting_with_421_does_not_delay_the_next_email(stack):
    stack.smtp.on_recipient = lambda to: "421 4.7.0 Too busy" if to == address("busy") else ACCEPT
    guest = stack.open_form()
    for _name in range(2):  # the connection of each of the worker's two processes
        guest.rsvp("busy")
    wait_for(lambda: outcome(stack, "busy")[0] == "queued", SOON, "it waits for its next try")
    for name in ("one", "two", "three", "four"):
        guest.rsvp(name)
    wait_for(lambda: len(stack.smtp.emails) == 4, AT_ONCE, "the others are sent at once")
    stack.smtp.reset_behavior()
    wait_for(lambda: stack.all_sent(5), AFTER_ONE_TRY, "it arrives by itself")
    assert {outcome(stack, name) for name in ("one", "two", "three", "four")} == {("sent", 1, False, "")}
    assert outcome(stack, "busy") == ("sent", 2, False, "")


def test_email_hanging_during_data_delays_no_other_and_is_flagged(stack):
    """It's unknown whether the server had accepted the email when it stopped responding; here it had."""

    def on_data(email):
        stack.smtp.accept(email)
        return stack.smtp.hang() if email.to == address("slow") else ACCEPT

    stack.smtp.on_data = on_data
    guest = stack.open_form()
    guest.rsvp("slow")
    wait_for(lambda: stack.smtp.emails, SOON, "the server hangs in mid-mail")
    for name in ("one", "two"):
        guest.rsvp(name)
    seconds = wait_for(lambda: len(stack.smtp.emails) == 3, EMAIL_TIMEOUT + MARGIN, "the others are sent")
    print(f"others held up {seconds=:.1f}")
    assert outcome(stack, "slow")[0] == "sending"  # still hanging, so the others didn't wait for it
    wait_for(lambda: outcome(stack, "slow")[0] == "queued", EMAIL_TIMEOUT + MARGIN, "the sender gives up")
    assert outcome(stack, "slow") == ("queued", 1, True, "SMTPServerDisconnected")
    stack.smtp.reset_behavior()
    wait_for(lambda: stack.all_sent(3), AFTER_ONE_TRY, "it arrives by itself")
    assert outcome(stack, "slow") == ("sent", 2, True, "")
    assert stack.smtp.recipients() == [address(name) for name in ("one", "slow", "slow", "two")]
    assert len({email.message_id for email in stack.smtp.emails}) == 3


def test_mail_server_hanging_before_its_greeting_gets_every_email_once(stack):
    stack.smtp.stop()  # closes the kept connections, too
    stack.smtp.start()
    stack.smtp.greeting = stack.smtp.hang
    guest = stack.open_form()
    names = [f"guest{n}" for n in range(6)]
    answers = [guest.rsvp(name) for name in names]
    assert all(answer.accepted_rsvp for answer in answers)
    assert max(answer.seconds for answer in answers) < EMAIL_TIMEOUT / 2
    wait_for(lambda: stack.sql(PUT_BACK), EMAIL_TIMEOUT + MARGIN, "a sender gives up")
    stack.smtp.reset_behavior()
    seconds = wait_for(lambda: stack.all_sent(6), EMAIL_TIMEOUT + AFTER_NOT_REACHED, "they arrive by themselves")
    print(f"all arrive after {seconds=:.1f}")
    assert stack.smtp.recipients() == [address(name) for name in names]
    assert not stack.sql("SELECT 1 FROM mail_message WHERE possible_duplicate")


def test_mail_server_down_then_up_gets_every_email_once(stack):
    stack.smtp.stop()
    guest = stack.open_form()
    names = [f"guest{n}" for n in range(6)]
    pages = [guest.rsvp(name).location for name in names]
    wait_for(lambda: stack.sql(PUT_BACK), SOON, "a sender gives up")
    assert "This page is already up to date." in stack.request("GET", pages[0]).page
    stack.smtp.start()
    seconds = wait_for(lambda: stack.all_sent(6), AFTER_NOT_REACHED, "they arrive by themselves")
    print(f"all arrive after {seconds=:.1f}")
    assert stack.smtp.recipients() == [address(name) for name in names]


def test_restarted_mail_server_gets_the_next_email_immediately(stack):
    guest = stack.open_form()
    for name in ("one", "two", "three", "four"):  # the worker's two processes keep their connections
        guest.rsvp(name)
    wait_for(lambda: stack.all_sent(4), SOON, "mail flows")
    stack.smtp.stop()
    stack.smtp.start()
    for name in ("five", "six", "seven", "eight"):
        guest.rsvp(name)
    wait_for(lambda: stack.all_sent(8), AT_ONCE, "mail flows at once")
    assert stack.sql("SELECT DISTINCT attempts, possible_duplicate FROM mail_message") == [(1, False)]


def test_email_interrupted_by_a_disconnect_is_resent_with_the_same_message_id(stack):
    def on_data(email):
        stack.smtp.reset_behavior()
        stack.smtp.accept(email)
        raise Disconnect

    stack.smtp.on_data = on_data
    stack.open_form().rsvp("dropped")
    wait_for(lambda: outcome(stack, "dropped")[:3] == ("queued", 1, True), SOON, "it waits for its next try")
    wait_for(lambda: stack.all_sent(1), AFTER_ONE_TRY, "it arrives by itself")
    assert stack.smtp.recipients() == [address("dropped")] * 2
    assert len({email.message_id for email in stack.smtp.emails}) == 1
