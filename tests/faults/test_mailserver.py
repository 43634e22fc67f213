"""The mail server refuses, hangs, hangs up or is gone: every mail arrives in the end, and none holds up another."""

import pytest

from imagine.mail.delivery import PAUSES, UNREACHABLE_PAUSE
from imagine.settings import EMAIL_TIMEOUT
from tests.faults.house import address, until
from tests.faults.mailserver import ACCEPT, LATER, NEVER, Gone

pytestmark = pytest.mark.faults

SWEPT = 10  # seconds between two sweeps
MARGIN = 10  # seconds that a shared machine may add
AFTER_ONE_TRY = PAUSES[0].total_seconds() + SWEPT + MARGIN
AFTER_NOT_REACHED = UNREACHABLE_PAUSE.total_seconds() + SWEPT + MARGIN
PUT_BACK = "SELECT 1 FROM mail_message WHERE state = 'queued' AND last_error <> ''"


def outcome(house, name: str) -> tuple[str, int, bool, str]:
    return house.sql('SELECT state, attempts, maybe_sent, last_error FROM mail_message WHERE "to" = %s', address(name))[
        0
    ]


def test_mail_put_off_with_451_arrives_once_and_holds_up_no_other(house):
    house.mail.on_recipient = lambda to: LATER if to == address("later") else ACCEPT
    guest = house.guest()
    for name in ("later", "one", "two"):
        guest.rsvp(name)
    until(lambda: house.mail.recipients() == [address("one"), address("two")], 5, "the others are sent at once")
    until(lambda: outcome(house, "later")[0] == "queued", 5, "the one waits for its next try")
    assert outcome(house, "later") == ("queued", 1, False, LATER)
    house.mail.behave()
    until(lambda: house.all_sent(3), AFTER_ONE_TRY, "it arrives by itself")
    assert outcome(house, "later") == ("sent", 2, False, "")
    assert house.mail.recipients() == [address(name) for name in ("later", "one", "two")]


def test_mail_refused_for_good_is_tried_once_and_says_why(house):
    house.mail.on_recipient = lambda to: NEVER if to == address("never") else ACCEPT
    guest = house.guest()
    page = guest.rsvp("never").location
    guest.rsvp("one")
    until(lambda: house.mail.recipients() == [address("one")], 5, "the other is sent at once")
    until(lambda: outcome(house, "never") == ("refused", 1, False, NEVER), 5, "the reason is shown")
    assert "was refused" in house.ask("GET", page).page
    house.mail.behave()
    house.ring("imagine.mail.tasks.sweep", queue="housekeeping")
    guest.rsvp("two")
    until(lambda: address("two") in house.mail.recipients(), 5, "mail flows")
    house.see_queue_move(5)
    assert house.mail.asked.count(address("never")) == 1


def test_mail_server_that_hangs_up_with_421_costs_the_next_mail_nothing(house):
    house.mail.on_recipient = lambda to: "421 4.7.0 Too busy" if to == address("busy") else ACCEPT
    guest = house.guest()
    for _name in range(2):  # the connection of each of the worker's two processes
        guest.rsvp("busy")
    until(lambda: outcome(house, "busy")[0] == "queued", 5, "it waits for its next try")
    for name in ("one", "two", "three", "four"):
        guest.rsvp(name)
    until(lambda: len(house.mail.mails) == 4, 5, "the others are sent at once")
    house.mail.behave()
    until(lambda: house.all_sent(5), AFTER_ONE_TRY, "it arrives by itself")
    assert {outcome(house, name) for name in ("one", "two", "three", "four")} == {("sent", 1, False, "")}
    assert outcome(house, "busy") == ("sent", 2, False, "")


def test_mail_hanging_in_mid_mail_holds_up_no_other_and_is_flagged(house):
    """Nobody knows whether the server had taken the mail when it fell silent: here it had."""

    def on_data(mail):
        house.mail.take(mail)
        return house.mail.hang() if mail.to == address("slow") else ACCEPT

    house.mail.on_data = on_data
    guest = house.guest()
    guest.rsvp("slow")
    until(lambda: house.mail.mails, 10, "the server hangs in mid-mail")
    for name in ("one", "two"):
        guest.rsvp(name)
    seconds = until(lambda: len(house.mail.mails) == 3, EMAIL_TIMEOUT + MARGIN, "the others are sent")
    print(f"others held up {seconds=:.1f}")
    assert outcome(house, "slow")[0] == "sending"  # still hanging, so the others did not wait for its end
    until(lambda: outcome(house, "slow")[0] == "queued", EMAIL_TIMEOUT + MARGIN, "the sender gives up")
    assert outcome(house, "slow") == ("queued", 1, True, "SMTPServerDisconnected")
    house.mail.behave()
    until(lambda: house.all_sent(3), AFTER_ONE_TRY, "it arrives by itself")
    assert outcome(house, "slow") == ("sent", 2, True, "")
    assert house.mail.recipients() == [address(name) for name in ("one", "slow", "slow", "two")]
    assert len({mail.message_id for mail in house.mail.mails}) == 3


def test_mail_server_that_hangs_before_its_greeting_then_accepts_gets_every_mail_once(house):
    house.mail.down()  # and with it the connections that were kept
    house.mail.up()
    house.mail.greeting = house.mail.hang
    guest = house.guest()
    names = [f"guest{n}" for n in range(6)]
    answers = [guest.rsvp(name) for name in names]
    assert all(answer.took_rsvp for answer in answers)
    assert max(answer.seconds for answer in answers) < 1
    until(lambda: house.sql(PUT_BACK), EMAIL_TIMEOUT + MARGIN, "a sender gives up")
    house.mail.behave()
    seconds = until(lambda: house.all_sent(6), EMAIL_TIMEOUT + AFTER_NOT_REACHED, "they arrive by themselves")
    print(f"all arrive after {seconds=:.1f}")
    assert house.mail.recipients() == [address(name) for name in names]
    assert not house.sql("SELECT 1 FROM mail_message WHERE maybe_sent")


def test_mail_server_down_then_up_gets_every_mail_once(house):
    house.mail.down()
    guest = house.guest()
    names = [f"guest{n}" for n in range(6)]
    pages = [guest.rsvp(name).location for name in names]
    until(lambda: house.sql(PUT_BACK), 10, "a sender gives up")
    assert "It may take a while" in house.ask("GET", pages[0]).page
    house.mail.up()
    seconds = until(lambda: house.all_sent(6), AFTER_NOT_REACHED, "they arrive by themselves")
    print(f"all arrive after {seconds=:.1f}")
    assert house.mail.recipients() == [address(name) for name in names]


def test_mail_server_that_was_restarted_gets_the_next_mail_at_once(house):
    guest = house.guest()
    for name in ("one", "two", "three", "four"):  # the worker's two processes keep their connections
        guest.rsvp(name)
    until(lambda: house.all_sent(4), 10, "mail flows")
    house.mail.down()
    house.mail.up()
    for name in ("five", "six", "seven", "eight"):
        guest.rsvp(name)
    until(lambda: house.all_sent(8), 5, "mail flows at once")
    assert house.sql("SELECT DISTINCT attempts, maybe_sent FROM mail_message") == [(1, False)]


def test_mail_server_that_hangs_up_in_mid_mail_gets_it_again_with_the_same_message_id(house):
    def on_data(mail):
        house.mail.behave()
        house.mail.take(mail)
        raise Gone

    house.mail.on_data = on_data
    house.guest().rsvp("dropped")
    until(lambda: outcome(house, "dropped")[:3] == ("queued", 1, True), 10, "it waits for its next try")
    until(lambda: house.all_sent(1), AFTER_ONE_TRY, "it arrives by itself")
    assert house.mail.recipients() == [address("dropped")] * 2
    assert len({mail.message_id for mail in house.mail.mails}) == 1
