"""PostgreSQL goes away while requests run: a plain page says so, nothing stands by half, and all goes on by itself."""

from itertools import count

import pytest

from tests.faults.house import address, posting, until

pytestmark = pytest.mark.faults

BACK = 5  # seconds after PostgreSQL's return in which everything answers again


def restarted(house) -> None:
    house.postgres.stop()


def killed(house) -> None:
    house.postgres.kill()


@pytest.mark.parametrize("end", [restarted, killed])
def test_database_away_gets_a_plain_503_and_everything_goes_on_without_a_restart(house, end):
    processes = [program.process.pid for program in (house.web, house.worker, house.beat)]
    guest = house.guest()
    with posting(guest, 3, (f"guest{n:03}" for n in count())) as answers:
        until(lambda: len(answers) > 10, 20, "RSVPs are answered")
        end(house)
        until(lambda: sum(a.status == 503 for _name, a in answers) > 5, 20, "the requests notice")
        landing = house.ask("GET", "/imagine/")
        ready = house.ask("GET", "/imagine/health/ready/")
        alive = house.ask("GET", "/imagine/health/live/")
        house.postgres.start()
        seconds = until(lambda: house.ask("GET", "/imagine/").status == 200, BACK, "the page is back")
        first = guest.rsvp("afterwards")
    answers.append(("afterwards", first))
    print(f"back after {seconds=:.2f}")

    assert (landing.status, ready.status, alive.status) == (503, 503, 200)
    assert "<h1>Back in a moment</h1>" in landing.page
    assert "css/site.css" in landing.page
    assert landing.headers["Retry-After"] == "5"
    assert first.took_rsvp
    assert {answer.status for _name, answer in answers} == {302, 503}
    assert all("Back in a moment" in answer.page for _name, answer in answers if answer.status == 503)
    check_nothing_by_half(house, answers)
    assert [program.process.pid for program in (house.web, house.worker, house.beat)] == processes
    assert house.worker.alive
    assert house.beat.alive

    house.see_queue_move(30)
    house.let_leases_run_out()
    rsvps = len(house.standing())
    until(lambda: house.all_sent(rsvps), 40, "every mail is sent")
    check_mail_of_each(house)


def test_database_lost_between_the_250_and_the_commit_sends_the_documented_duplicate(house):
    guest = house.guest()

    def on_data(mail):
        house.mail.on_data = house.mail.take
        house.postgres.kill()
        return house.mail.take(mail)

    house.mail.on_data = on_data
    guest.rsvp("struck")
    until(lambda: house.mail.mails and not house.postgres.alive, 10, "PostgreSQL is gone in mid-mail")
    house.postgres.start()
    until(lambda: house.sql("SELECT state FROM mail_message") == [("sending",)], 10, "the claim was never marked")
    house.let_leases_run_out()
    until(lambda: house.all_sent(1), 30, "the mail is sent")
    assert house.sql("SELECT attempts, maybe_sent FROM mail_message") == [(2, True)]
    assert house.mail.recipients() == [address("struck")] * 2
    assert len({mail.message_id for mail in house.mail.mails}) == 1


def check_nothing_by_half(house, answers) -> None:
    """An RSVP that was answered exists; each that exists has all its guests and its one message."""
    standing = house.standing()
    whole = {(email, 2, 1) for email, _guests, _messages in standing}
    assert set(standing) == whole
    emails = {email for email, _guests, _messages in standing}
    assert {address(name) for name, answer in answers if answer.took_rsvp} <= emails
    assert emails <= {address(name) for name, _answer in answers}


def check_mail_of_each(house) -> None:
    """Each has its mail; a second copy has the same Message-ID, and is flagged."""
    emails = [email for email, _guests, _messages in house.standing()]
    assert sorted(set(house.mail.recipients())) == emails
    flagged = {to for (to,) in house.sql('SELECT "to" FROM mail_message WHERE maybe_sent')}
    copies = [mail.to for mail in house.mail.mails]
    assert {to for to in copies if copies.count(to) > 1} <= flagged
    assert len({mail.message_id for mail in house.mail.mails}) == len(emails)
