"""Mail to many, from queued to sent, against a real SMTP server."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from imagine.mail import backends, delivery, preferences, queue
from imagine.mail import tasks as mail_tasks
from imagine.mail.bulk import control
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import EmailPreference, Message, SendRate
from tests.mail.mailings import Clock, guest, letters, mailing, states
from tests.mail.post import new_message, outcome

pytestmark = pytest.mark.django_db
SENT = ("sent", 1, "", False)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(bulk_delivery, "DELIVER_SECONDS", 60)  # also on a busy machine
    SendRate.objects.update(per_second=10_000)


def due_now() -> None:
    Message.objects.update(send_after=timezone.now())


# Sent -------------------------------------------------------------------------------------------------------------


def test_deliver_sends_each_message_once(post_office):
    messages = letters(mailing())
    for _twice in range(2):
        mail_tasks.deliver_bulk()
    assert [outcome(message) for message in messages] == [SENT] * 3
    assert sorted(sent["To"] for sent in post_office.mails) == [guest(n) for n in range(3)]
    assert all(message.handed_over_at for message in Message.objects.all())


def test_transactional_and_bulk_queues_are_delivered_separately(post_office):
    letters(mailing(), 2)
    new_message(recipient="alma@example.org")
    mail_tasks.deliver()
    assert [sent["To"] for sent in post_office.mails] == ["alma@example.org"]
    new_message("rsvp:17:cancelled:2", recipient="alma@example.org")
    mail_tasks.deliver_bulk()
    assert [sent["To"] for sent in post_office.mails[1:]] == [guest(0), guest(1)]


def test_bulk_messages_without_a_mailing_are_sent(post_office):
    letters(None, 2)
    mail_tasks.deliver_bulk()
    assert states() == ["sent", "sent"]


@pytest.mark.slow
def test_many_batches_use_one_connection(post_office):
    letters(mailing(), 2 * bulk_delivery.BATCH_SIZE + 7)
    mail_tasks.deliver_bulk()
    assert set(states()) == {"sent"}
    assert (len(post_office.mails), post_office.visits) == (2 * bulk_delivery.BATCH_SIZE + 7, 1)


def test_bulk_email_can_be_written_to_files(settings, tmp_path):
    """As in the demo."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    backends.server.close()
    letters(mailing(), 3)
    bulk_delivery.deliver()
    backends.server.close()
    assert states() == ["sent"] * 3
    assert sum(file.read_text().count("Subject: Come to the kick-off") for file in tmp_path.iterdir()) == 3


def test_claim_is_limited_by_the_send_rate():
    letters(mailing(), bulk_delivery.BATCH_SIZE + 1)
    SendRate.objects.update(per_second=7)
    assert len(bulk_delivery.claim()) == 7
    SendRate.objects.update(per_second=1000)
    assert [len(bulk_delivery.claim()) for _claim in range(2)] == [51 - 7, 0]


def test_deliver_stops_at_its_time_limit_and_requeues_the_rest(post_office, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(bulk_delivery, "time", clock)
    letters(mailing(), 20)
    post_office.on_mail = lambda sent: clock.sleep(bulk_delivery.DELIVER_SECONDS)
    bulk_delivery.deliver()
    assert sorted(states()) == ["queued"] * 19 + ["sent"]
    assert set(Message.objects.filter(state="queued").values_list("attempts", "claim_id")) == {(0, None)}


def test_messages_to_one_address_are_sent_in_order(post_office):
    letters(mailing(), 1, recipient="alma@example.org", subject="First")
    letters(mailing(), 1, recipient="alma@example.org", subject="Second")
    assert [message.subject for message in bulk_delivery.claim()] == ["First"]
    assert bulk_delivery.claim() == []
    Message.objects.update(state="queued", claim_id=None, claim_expires_at=None)
    bulk_delivery.deliver()
    assert [sent["Subject"] for sent in post_office.mails] == ["First", "Second"]


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["transactional", "bulk"])
def test_due_messages_use_indexes_even_with_stale_statistics(queue):
    """They are of before ten thousand were queued. A join with what is ahead went through all of it for each row."""
    letters(mailing(), 100)
    Message.objects.update(state="sent", sent_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mail_message")
    letters(mailing(), 900, queue=queue)
    plan = Message.objects.due(queue).order_by("send_after")[:50].explain()
    assert "Index Cond: ((recipient)::text = (mail_message.recipient)::text)" in plan


# One click to end it ------------------------------------------------------------------------------------------------

HERE = "https://www.example.org/imagine/mail/token/invitations/"


def test_messages_with_an_unsubscribe_url_have_one_click_headers(post_office):
    """RFC 2369 and RFC 8058."""
    letters(mailing(), 1, unsubscribe_url=HERE)
    letters(mailing(), 1)
    bulk_delivery.deliver()
    wanted, other = post_office.mails
    assert wanted["List-Unsubscribe"] == f"<{HERE}>"
    assert wanted["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in other
    assert "List-Unsubscribe-Post" not in other


def test_resent_copy_keeps_the_unsubscribe_header(post_office):
    [message] = letters(mailing(), 1, unsubscribe_url=HERE)
    bulk_delivery.deliver()
    message.refresh_from_db()
    assert queue.resend(message)
    delivery.deliver()
    assert [sent["List-Unsubscribe"] for sent in post_office.mails] == [f"<{HERE}>"] * 2


def test_messages_to_unsubscribed_or_suppressed_addresses_are_rejected(post_office):
    quiet, dead, glad = (preferences.get_preference(guest(number)) for number in range(3))
    for address in (quiet, dead, glad):
        letters(mailing(), 1, unsubscribe_url=preferences.unsubscribe_url(address, "invitations"))
    preferences.set_topics(quiet, invitations=False)
    preferences.set_topics(glad, reminders=False)
    preferences.suppress(dead.email.upper(), "550 5.1.1 nobody")
    bulk_delivery.deliver()
    assert [sent["To"] for sent in post_office.mails] == [glad.email]
    told = Message.objects.order_by("recipient").values_list("state", "last_error", "attempts")
    assert list(told) == [("rejected", "unsubscribed", 0), ("rejected", "550 5.1.1 nobody", 0), ("sent", "", 1)]


# Refused and put off ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "said", "dead"),
    [
        ("at_recipient", "550 5.1.1 no such user", True),
        ("at_recipient", "550 5.1.10 the domain takes no mail", True),
        ("at_recipient", "550 5.2.1 mailbox disabled", True),
        ("at_recipient", "550 no such user", True),
        ("at_recipient", "550 5.7.1 blocked by policy", False),
        ("at_recipient", "550 5.1.8 your sender is unknown", False),
        ("at_recipient", "552 5.2.2 mailbox full", False),
        ("at_recipient", "552 mailbox full", False),
        ("at_recipient", "450 4.2.1 busy", False),
        ("at_data", "554 5.7.1 spam", False),
        ("at_data", "550 5.1.1 no such user", False),
    ],
)
@pytest.mark.parametrize("queue", ["transactional", "bulk"])
def test_only_permanent_mailbox_rejection_suppresses_the_address(post_office, where, said, dead, queue):
    setattr(post_office, where, said)
    new_message(recipient="Alma@example.org", queue=queue)
    (delivery if queue == "transactional" else bulk_delivery).deliver()
    refused = list(EmailPreference.objects.exclude(suppressed_at=None).values_list("email", "suppression_reason"))
    assert refused == ([("alma@example.org", said)] if dead else [])
    assert states() == ["queued" if said.startswith("4") else "rejected"]


def test_rejections_keep_the_connection_open(post_office):
    letters(mailing(), 3)
    post_office.at_recipient = "550 5.1.1 no such user"
    bulk_delivery.deliver()
    post_office.at_recipient = ""
    post_office.at_data = "554 5.7.1 spam"
    letters(mailing(), 3)
    bulk_delivery.deliver()
    post_office.at_data = ""
    letters(mailing(), 3)
    bulk_delivery.deliver()
    assert states() == ["rejected"] * 6 + ["sent"] * 3
    assert post_office.visits == 1


@pytest.mark.slow
def test_temporary_failures_back_off_and_delay_no_other_message(post_office):
    [message] = letters(mailing(), 1)
    pauses = []
    for _try in range(3):
        post_office.at_recipient = "451 4.3.0 later, please"
        due_now()
        bulk_delivery.deliver()
        message.refresh_from_db()
        pauses.append(round((message.send_after - timezone.now()).total_seconds()))
        post_office.at_recipient = ""
        letters(None, 1)
        bulk_delivery.deliver()
    assert pauses == [5, 30, 120]
    assert outcome(message) == ("queued", 3, "451 4.3.0 later, please", False)
    assert len(post_office.mails) == 3
    due_now()
    bulk_delivery.deliver()
    assert outcome(message) == ("sent", 4, "", False)


def test_retry_period_starts_with_the_first_attempt(post_office):
    """A mailing may be paused for days."""
    [message] = letters(mailing(), 1)
    Message.objects.update(retry_until=timezone.now() - timedelta(days=2))
    post_office.at_data = "451 4.3.0 later"
    bulk_delivery.deliver()
    assert outcome(message)[0] == "queued"
    assert message.retry_until > timezone.now() + timedelta(hours=23)
    Message.objects.update(send_after=timezone.now(), retry_until=timezone.now() + timedelta(seconds=3))
    bulk_delivery.deliver()
    assert outcome(message) == ("failed", 2, "451 4.3.0 later", False)


# The mail server is away --------------------------------------------------------------------------------------------


def test_server_outage_costs_no_attempts_and_all_are_sent_later(post_office):
    post_office.close()
    letters(mailing(), 5)
    bulk_delivery.deliver()
    assert set(Message.objects.values_list("state", "attempts", "last_error")) == {
        ("queued", 0, "ConnectionRefusedError")
    }
    assert delivery.server_backoff.is_active
    post_office.open()
    delivery.server_backoff.until = 0.0
    bulk_delivery.deliver()
    assert set(Message.objects.values_list("state", "attempts", "last_error")) == {("sent", 1, "")}


@pytest.mark.slow
@pytest.mark.parametrize(("said", "asked"), [("550 5.7.1 who are you", 1), ("450 4.7.1 too fast", 1)])
def test_sender_rejection_starts_the_server_backoff(post_office, said, asked):
    letters(mailing(), 5)
    post_office.at_sender = said
    bulk_delivery.deliver()
    assert delivery.server_backoff.is_active
    assert sorted(Message.objects.values_list("state", "attempts")) == [("queued", 0)] * 4 + [("queued", 1)]
    post_office.at_sender, delivery.server_backoff.until = "", 0.0
    due_now()
    bulk_delivery.deliver()
    assert states() == ["sent"] * 5


@pytest.mark.slow
def test_server_restart_between_messages_still_sends_each_once(post_office):
    letters(mailing(), 4)

    def restart_after_the_first(sent):
        if len(post_office.mails) == 1:
            post_office.at_sender = "421 4.3.2 shutting down"
        return True

    post_office.on_mail = restart_after_the_first
    bulk_delivery.deliver()
    assert sorted(states()) == ["queued"] * 3 + ["sent"]
    post_office.at_sender = ""
    due_now()
    bulk_delivery.deliver()
    assert states() == ["sent"] * 4
    assert len(post_office.mails) == 4


def test_message_without_a_reply_is_unknown_and_not_resent_automatically(post_office):
    messages = letters(mailing(), 3)
    post_office.on_mail = lambda sent: sent["To"] != guest(1)
    for _twice in range(2):
        bulk_delivery.deliver()
        mail_tasks.sweep()
    assert [outcome(message) for message in messages] == [
        SENT,
        ("unknown", 1, "SMTPServerDisconnected", False),
        SENT,
    ]
    assert sorted(sent["To"] for sent in post_office.mails) == [guest(0), guest(1), guest(2)]


def test_disconnect_before_handover_does_not_flag_a_possible_duplicate(post_office):
    message = new_message()
    post_office.at_recipient = "421 4.3.2 shutting down"
    delivery.deliver()
    assert outcome(message) == ("queued", 1, "421 4.3.2 shutting down", False)
    assert not backends.server.is_open


# Decided by staff ---------------------------------------------------------------------------------------------------


def unknown(**fields) -> Message:
    [message] = letters(mailing(**fields), 1)
    Message.objects.update(state="unknown", attempts=1, handed_over_at=timezone.now(), last_error="TimeoutError")
    message.refresh_from_db()
    return message


def test_unknown_message_that_arrived_is_marked_sent(post_office):
    message = unknown()
    assert [control.resolve_unknown(message, arrived=True) for _twice in range(2)] == [True, False]
    assert outcome(message) == ("sent", 1, "", False)
    assert message.sent_at == message.handed_over_at
    bulk_delivery.deliver()
    assert post_office.mails == []


def test_unknown_message_that_did_not_arrive_is_resent_once(post_office):
    message = unknown()
    assert [control.resolve_unknown(message, arrived=False) for _twice in range(2)] == [True, False]
    assert outcome(message) == ("queued", 0, "", True)
    bulk_delivery.deliver()
    assert control.resolve_unknown(message, arrived=False) is False
    bulk_delivery.deliver()
    assert outcome(message) == ("sent", 1, "", True)
    assert len(post_office.mails) == 1


def test_messages_of_a_stopped_mailing_cannot_be_resent(post_office):
    message = unknown(stopped_at=timezone.now())
    assert control.resolve_unknown(message, arrived=False) is False
    assert queue.requeue(message) is False
    with pytest.raises(queue.CannotResend):
        queue.resend(message)
    assert outcome(message)[0] == "unknown"
    assert control.resolve_unknown(message, arrived=True) is True
