"""A real mail server on this machine that keeps what it takes, and can be told to refuse."""

import asyncio
import socket
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller

from imagine.mail import attachments
from imagine.mail.models import Message, SendRate
from imagine.mail.queue import enqueue


class PostOffice:
    """`at_sender`, `at_recipient` and `at_data` are what it answers there instead of 250. `on_mail` is called with each
    mail that it took, before it says so; when that returns False, it hangs up without a word."""

    def __init__(self):
        self.mails: list[EmailMessage] = []
        self.at_sender = self.at_recipient = self.at_data = ""
        self.on_mail: Callable[[EmailMessage], object] = lambda mail: True
        self.visits = 0
        self.port = free_port()
        self.controller: Controller | None = None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.visits += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.at_sender:
            return self.at_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # the name is aiosmtpd's
        if self.at_recipient:
            return self.at_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.at_data:
            return self.at_data
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(mail)
        if await asyncio.to_thread(self.on_mail, mail) is False:
            server.transport.abort()
        return "250 OK"

    def open(self):
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def close(self):
        if self.controller:
            self.controller.stop()
            self.controller = None


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def new_message(idempotency_key: str = "rsvp_confirmed:17:1", **fields) -> Message:
    """One message in the queue, about whatever has a row."""
    words = {
        "kind": "rsvp_confirmed",
        "about": SendRate(pk=17),
        "recipient": "alma@example.org",
        "language": "en",
        "subject": "Your seat on April 4 is confirmed",
        "body_text": "We expect you for breakfast.\n",
        "body_html": "<p>We expect you for breakfast.</p>",
    }
    enqueue(idempotency_key=idempotency_key, **(words | fields))
    return Message.objects.get(idempotency_key=idempotency_key)


def drawing(rate: SendRate, language: str) -> bytes:
    """The attachment of a message of the kind "drawing": what the one row of the send rate says."""
    return f"%PDF {rate.per_second} {language}".encode()


def broken_drawing(rate: SendRate, language: str) -> bytes:
    raise RuntimeError("alma@example.org has no paper")


attachments.register_builder("drawing", drawing)
attachments.register_builder("broken drawing", broken_drawing)


def outcome(message: Message) -> tuple[str, int, str, bool]:
    """State, attempts, reason, and whether it may have been sent more than once."""
    message.refresh_from_db()
    return (message.state, message.attempts, message.last_error, message.possible_duplicate)
