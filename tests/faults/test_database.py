"""PostgreSQL goes away during requests: a plain page says so, nothing is partly saved, and everything recovers without
intervention."""

from itertools import count

import pytest

from tests.stack import address, posting_rsvps, wait_for

pytestmark = pytest.mark.faults

BACK = 15  # seconds for recovery after PostgreSQL is back, on a busy machine
SOON = 30  # seconds, for something that takes one on a quiet machine


def restarted(stack) -> None:
    stack.postgres.stop()


def killed(stack) -> None:
    stack.postgres.kill()


@pytest.mark.parametrize("end", [restarted, killed])
def test_database_outage_gives_503_and_recovers_without_a_restart(stack, end):
    processes = [program.process.pid for program in (stack.web, stack.worker, stack.beat)]
    guest = stack.open_form()
    with posting_rsvps(guest, 3, (f"guest{n:03}" for n in count())) as answers:
        wait_for(lambda: len(answers) > 10, SOON, "RSVPs are answered")
        end(stack)
        wait_for(lambda: sum(a.status == 503 for _name, a in answers) > 5, SOON, "the requests notice")
        landing = stack.request("GET", "/imagine/")
        ready = stack.request("GET", "/imagine/health/ready/")
        alive = stack.request("GET", "/imagine/health/live/")
        stack.postgres.start()
        seconds = wait_for(lambda: stack.request("GET", "/imagine/").status == 200, BACK, "the page is back")
        first = guest.rsvp("afterwards")
    answers.append(("afterwards", first))
    print(f"back after {seconds=:.2f}")

    assert (landing.status, ready.status, alive.status) == (503, 503, 200)
    assert "<h1>Back in a moment</h1>" in landing.page
    assert "css/site.css" in landing.page
    assert landing.headers["Retry-After"] == "5"
    assert first.accepted_rsvp
    assert {answer.status for _name, answer in answers} == {302, 503}
    assert all("Back in a moment" in answer.page for _name, answer in answers if answer.status == 503)
    check_nothing_by_half(stack, answers)
    assert [program.process.pid for program in (stack.web, stack.worker, stack.beat)] == processes
    assert stack.worker.alive
    assert stack.beat.alive

    stack.wait_for_worker(30)
    stack.expire_claims()
    rsvps = len(stack.rsvp_summary())
    wait_for(lambda: stack.all_sent(rsvps), 40, "every mail is sent")
    check_mail_of_each(stack)


def test_database_crash_between_250_and_commit_sends_a_flagged_duplicate(stack):
    guest = stack.open_form()

    def on_data(received):
        stack.smtp.on_data = stack.smtp.accept
        stack.postgres.kill()
        return stack.smtp.accept(received)

    stack.smtp.on_data = on_data
    guest.rsvp("struck")
    wait_for(lambda: stack.smtp.emails and not stack.postgres.alive, SOON, "PostgreSQL is gone in mid-mail")
    stack.postgres.start()
    wait_for(lambda: stack.sql("SELECT state FROM mail_message") == [("sending",)], SOON, "the claim was never marked")
    stack.expire_claims()
    wait_for(lambda: stack.all_sent(1), 30, "the mail is sent")
    assert stack.sql("SELECT attempts, possible_duplicate FROM mail_message") == [(2, True)]
    assert stack.smtp.recipients() == [address("struck")] * 2
    assert len({received.message_id for received in stack.smtp.emails}) == 1


def check_nothing_by_half(stack, answers) -> None:
    """Every RSVP that was answered exists, and each one has all its guests and its only message."""
    standing = stack.rsvp_summary()
    whole = {(email, 2, 1) for email, _guests, _messages in standing}
    assert set(standing) == whole
    emails = {email for email, _guests, _messages in standing}
    assert {address(name) for name, answer in answers if answer.accepted_rsvp} <= emails
    assert emails <= {address(name) for name, _answer in answers}


def check_mail_of_each(stack) -> None:
    """Each RSVP's email was sent; a second copy has the same Message-ID and is flagged."""
    emails = [email for email, _guests, _messages in stack.rsvp_summary()]
    assert sorted(set(stack.smtp.recipients())) == emails
    flagged = {to for (to,) in stack.sql("SELECT recipient FROM mail_message WHERE possible_duplicate")}
    copies = [received.to for received in stack.smtp.emails]
    assert {to for to in copies if copies.count(to) > 1} <= flagged
    assert len({received.message_id for received in stack.smtp.emails}) == len(emails)
