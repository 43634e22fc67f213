"""Bulk email from queue to delivery, over a real SMTP server."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from imagine.mail import backends, delivery, preferences, queue
from imagine.mail import tasks as mail_tasks
from imagine.mail.bulk import control
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import EmailPreference, Message, SendRate
from tests.mail.mail_server import new_message, outcome
from tests.mail.mailings import Clock, guest, mailing, queue_messages, states

pytestmark = pytest.mark.django_db
SENT = ("sent", 1, "", False)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(bulk_delivery, "DELIVER_SECONDS", 60)  # also on a busy machine
    SendRate.objects.update(per_second=10_000)


def due_now() -> None:
    Message.objects.update(send_after=timezone.now())


# Sent -------------------------------------------------------------------------------------------------------------


def test_deliver_sends_each_message_once(mail_server):
    messages = queue_messages(mailing())
    for _twice in range(2):
        mail_tasks.deliver_bulk()
    assert [outcome(message) for message in messages] == [SENT] * 3
    assert sorted(sent["To"] for sent in mail_server.emails) == [guest(n) for n in range(3)]
    assert all(message.handed_over_at for message in Message.objects.all())


def test_transactional_and_bulk_queues_are_delivered_separately(mail_server):
    queue_messages(mailing(), 2)
    new_message(recipient="alma@example.org")
    mail_tasks.deliver()
    assert [sent["To"] for sent in mail_server.emails] == ["alma@example.org"]
    new_message("rsvp:17:cancelled:2", recipient="alma@example.org")
    mail_tasks.deliver_bulk()
    assert [sent["To"] for sent in mail_server.emails[1:]] == [guest(0), guest(1)]


def test_bulk_messages_without_a_mailing_are_sent(mail_server):
    queue_messages(None, 2)
    mail_tasks.deliver_bulk()
    assert states() == ["sent", "sent"]


@pytest.mark.slow
def test_many_batches_use_one_connection(mail_server):
    queue_messages(mailing(), 2 * bulk_delivery.BATCH_SIZE + 7)
    mail_tasks.deliver_bulk()
    assert set(states()) == {"sent"}
    assert (len(mail_server.emails), mail_server.connection_count) == (2 * bulk_delivery.BATCH_SIZE + 7, 1)


def test_bulk_email_can_be_written_to_files(settings, tmp_path):
    """The demo does this."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    backends.server.close()
    queue_messages(mailing(), 3)
    bulk_delivery.deliver_batches()
    backends.server.close()
    assert states() == ["sent"] * 3
    assert sum(file.read_text().count("Subject: Come to the kick-off") for file in tmp_path.iterdir()) == 3


def test_claim_is_limited_by_the_send_rate():
    queue_messages(mailing(), bulk_delivery.BATCH_SIZE + 1)
    SendRate.objects.update(per_second=7)
    assert len(bulk_delivery.claim_batch()) == 7
    SendRate.objects.update(per_second=1000)
    assert [len(bulk_delivery.claim_batch()) for _claim in range(2)] == [51 - 7, 0]


def test_deliver_stops_at_its_time_limit_and_requeues_the_rest(mail_server, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(bulk_delivery, "time", clock)
    queue_messages(mailing(), 20)
    mail_server.on_email = lambda sent: clock.sleep(bulk_delivery.DELIVER_SECONDS)
    bulk_delivery.deliver_batches()
    assert sorted(states()) == ["queued"] * 19 + ["sent"]
    assert set(Message.objects.filter(state="queued").values_list("attempts", "claim_id")) == {(0, None)}


def test_messages_to_one_address_are_sent_in_order(mail_server):
    queue_messages(mailing(), 1, recipient="alma@example.org", subject="First")
    queue_messages(mailing(), 1, recipient="alma@example.org", subject="Second")
    assert [message.subject for message in bulk_delivery.claim_batch()] == ["First"]
    assert bulk_delivery.claim_batch() == []
    Message.objects.update(state="queued", claim_id=None, claim_expires_at=None)
    bulk_delivery.deliver_batches()
    assert [sent["Subject"] for sent in mail_server.emails] == ["First", "Second"]


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["transactional", "bulk"])
def test_due_messages_use_indexes_even_with_stale_statistics(queue):
    """The statistics are older than the ten thousand queued messages. A join once read all of them for each row."""
    queue_messages(mailing(), 100)
    Message.objects.update(state="sent", sent_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mail_message")
    queue_messages(mailing(), 900, queue=queue)
    plan = Message.objects.due(queue).order_by("send_after")[:50].explain()
    assert "Index Cond: ((recipient)::text = (mail_message.recipient)::text)" in plan


# One-click unsubscribe --------------------------------------------------------------------------------------------

UNSUBSCRIBE_URL = "https://www.example.org/imagine/mail/token/invitations/"


def test_messages_with_an_unsubscribe_url_have_one_click_headers(mail_server):
    """RFC 2369 and RFC 8058."""
    queue_messages(mailing(), 1, unsubscribe_url=UNSUBSCRIBE_URL)
    queue_messages(mailing(), 1)
    bulk_delivery.deliver_batches()
    with_link, other = mail_server.emails
    assert with_link["List-Unsubscribe"] == f"<{UNSUBSCRIBE_URL}>"
    assert with_link["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in other
    assert "List-Unsubscribe-Post" not in other


def test_resent_copy_keeps_the_unsubscribe_header(mail_server):
    [message] = queue_messages(mailing(), 1, unsubscribe_url=UNSUBSCRIBE_URL)
    bulk_delivery.deliver_batches()
    message.refresh_from_db()
    assert queue.resend(message)
    delivery.deliver_messages()
    assert [sent["List-Unsubscribe"] for sent in mail_server.emails] == [f"<{UNSUBSCRIBE_URL}>"] * 2


def test_messages_to_unsubscribed_or_suppressed_addresses_are_rejected(mail_server):
    unsubscribed, bounced, subscribed = (preferences.get_preference(guest(number)) for number in range(3))
    for address in (unsubscribed, bounced, subscribed):
        queue_messages(mailing(), 1, unsubscribe_url=preferences.unsubscribe_url(address, "invitations"))
    preferences.set_topics(unsubscribed, invitations=False)
    preferences.set_topics(subscribed, reminders=False)
    preferences.suppress(bounced.email.upper(), "550 5.1.1 nobody")
    bulk_delivery.deliver_batches()
    assert [sent["To"] for sent in mail_server.emails] == [subscribed.email]
    outcomes = Message.objects.order_by("recipient").values_list("state", "last_error", "attempts")
    assert list(outcomes) == [("rejected", "unsubscribed", 0), ("rejected", "550 5.1.1 nobody", 0), ("sent", "", 1)]


# Rejections and retries -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "reply", "bounced"),
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
def test_only_permanent_mailbox_rejection_suppresses_the_address(mail_server, stage, reply, bounced, queue):
    setattr(mail_server, stage, reply)
    new_message(recipient="Alma@example.org", queue=queue)
    (delivery.deliver_messages if queue == "transactional" else bulk_delivery.deliver_batches)()
    suppressed = list(EmailPreference.objects.exclude(suppressed_at=None).values_list("email", "suppression_reason"))
    assert suppressed == ([("alma@example.org", reply)] if bounced else [])
    assert states() == ["queued" if reply.startswith("4") else "rejected"]


def test_rejections_keep_the_connection_open(mail_server):
    queue_messages(mailing(), 3)
    mail_server.at_recipient = "550 5.1.1 no such user"
    bulk_delivery.deliver_batches()
    mail_server.at_recipient = ""
    mail_server.at_data = "554 5.7.1 spam"
    queue_messages(mailing(), 3)
    bulk_delivery.deliver_batches()
    mail_server.at_data = ""
    queue_messages(mailing(), 3)
    bulk_delivery.deliver_batches()
    assert states() == ["rejected"] * 6 + ["sent"] * 3
    assert mail_server.connection_count == 1


@pytest.mark.slow
def test_temporary_failures_back_off_and_delay_no_other_message(mail_server):
    [message] = queue_messages(mailing(), 1)
    pauses = []
    for _try in range(3):
        mail_server.at_recipient = "451 4.3.0 later, please"
        due_now()
        bulk_delivery.deliver_batches()
        message.refresh_from_db()
        pauses.append(round((message.send_after - timezone.now()).total_seconds()))
        mail_server.at_recipient = ""
        queue_messages(None, 1)
        bulk_delivery.deliver_batches()
    assert pauses == [5, 30, 120]
    assert outcome(message) == ("queued", 3, "451 4.3.0 later, please", False)
    assert len(mail_server.emails) == 3
    due_now()
    bulk_delivery.deliver_batches()
    assert outcome(message) == ("sent", 4, "", False)


def test_retry_period_starts_with_the_first_attempt(mail_server):
    """A mailing may be paused for days."""
    [message] = queue_messages(mailing(), 1)
    Message.objects.update(retry_until=timezone.now() - timedelta(days=2))
    mail_server.at_data = "451 4.3.0 later"
    bulk_delivery.deliver_batches()
    assert outcome(message)[0] == "queued"
    assert message.retry_until > timezone.now() + timedelta(hours=23)
    Message.objects.update(send_after=timezone.now(), retry_until=timezone.now() + timedelta(seconds=3))
    bulk_delivery.deliver_batches()
    assert outcome(message) == ("failed", 2, "451 4.3.0 later", False)


# Mail server unavailable ------------------------------------------------------------------------------------------


def test_server_outage_costs_no_attempts_and_all_are_sent_later(mail_server):
    mail_server.close()
    queue_messages(mailing(), 5)
    bulk_delivery.deliver_batches()
    assert set(Message.objects.values_list("state", "attempts", "last_error")) == {
        ("queued", 0, "ConnectionRefusedError")
    }
    assert delivery.server_backoff.is_active
    mail_server.open()
    delivery.server_backoff.until = 0.0
    bulk_delivery.deliver_batches()
    assert set(Message.objects.values_list("state", "attempts", "last_error")) == {("sent", 1, "")}


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "attempts"), [("550 5.7.1 who are you", 1), ("450 4.7.1 too fast", 1)])
def test_sender_rejection_starts_the_server_backoff(mail_server, reply, attempts):
    queue_messages(mailing(), 5)
    mail_server.at_sender = reply
    bulk_delivery.deliver_batches()
    assert delivery.server_backoff.is_active
    assert sorted(Message.objects.values_list("state", "attempts")) == [("queued", 0)] * 4 + [("queued", 1)]
    mail_server.at_sender, delivery.server_backoff.until = "", 0.0
    due_now()
    bulk_delivery.deliver_batches()
    assert states() == ["sent"] * 5


@pytest.mark.slow
def test_server_restart_between_messages_still_sends_each_once(mail_server):
    queue_messages(mailing(), 4)

    def restart_after_the_first(sent):
        if len(mail_server.emails) == 1:
            mail_server.at_sender = "421 4.3.2 shutting down"
        return True

    mail_server.on_email = restart_after_the_first
    bulk_delivery.deliver_batches()
    assert sorted(states()) == ["queued"] * 3 + ["sent"]
    mail_server.at_sender = ""
    due_now()
    bulk_delivery.deliver_batches()
    assert states() == ["sent"] * 4
    assert len(mail_server.emails) == 4


def test_message_without_a_reply_is_unknown_and_not_resent_automatically(mail_server):
    messages = queue_messages(mailing(), 3)
    mail_server.on_email = lambda sent: sent["To"] != guest(1)
    for _twice in range(2):
        bulk_delivery.deliver_batches()
        mail_tasks.sweep()
    assert [outcome(message) for message in messages] == [
        SENT,
        ("unknown", 1, "SMTPServerDisconnected", False),
        SENT,
    ]
    assert sorted(sent["To"] for sent in mail_server.emails) == [guest(0), guest(1), guest(2)]


def test_disconnect_before_handover_does_not_flag_a_possible_duplicate(mail_server):
    message = new_message()
    mail_server.at_recipient = "421 4.3.2 shutting down"
    delivery.deliver_messages()
    assert outcome(message) == ("queued", 1, "421 4.3.2 shutting down", False)
    assert not backends.server.is_open


# Delivery unknown -------------------------------------------------------------------------------------------------


def unknown(**fields) -> Message:
    [message] = queue_messages(mailing(**fields), 1)
    Message.objects.update(state="unknown", attempts=1, handed_over_at=timezone.now(), last_error="TimeoutError")
    message.refresh_from_db()
    return message


def test_unknown_message_that_arrived_is_marked_sent(mail_server):
    message = unknown()
    assert [control.resolve_unknown(message, arrived=True) for _twice in range(2)] == [True, False]
    assert outcome(message) == ("sent", 1, "", False)
    assert message.sent_at == message.handed_over_at
    bulk_delivery.deliver_batches()
    assert mail_server.emails == []


def test_unknown_message_that_did_not_arrive_is_resent_once(mail_server):
    message = unknown()
    assert [control.resolve_unknown(message, arrived=False) for _twice in range(2)] == [True, False]
    assert outcome(message) == ("queued", 0, "", True)
    bulk_delivery.deliver_batches()
    assert control.resolve_unknown(message, arrived=False) is False
    bulk_delivery.deliver_batches()
    assert outcome(message) == ("sent", 1, "", True)
    assert len(mail_server.emails) == 1


def test_messages_of_a_stopped_mailing_cannot_be_resent(mail_server):
    message = unknown(stopped_at=timezone.now())
    assert control.resolve_unknown(message, arrived=False) is False
    assert queue.requeue(message) is False
    with pytest.raises(queue.CannotResend):
        queue.resend(message)
    assert outcome(message)[0] == "unknown"
    assert control.resolve_unknown(message, arrived=True) is True
