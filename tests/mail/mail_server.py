"""An SMTP server on this machine that keeps received email, and functions that queue messages for it."""

import asyncio
import socket
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller

from imagine.mail import attachments
from imagine.mail.models import Message, SendRate
from imagine.mail.queue import enqueue


class MailServer:
    """`at_sender`, `at_recipient` and `at_data` replace the reply to that command. `on_email` is called with each
    received email before the reply; if it returns False, the connection is dropped without one."""

    def __init__(self):
        self.emails: list[EmailMessage] = []
        self.at_sender = self.at_recipient = self.at_data = ""
        self.on_email: Callable[[EmailMessage], object] = lambda email: True
        self.connection_count = 0
        self.port = free_port()
        self.controller: Controller | None = None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connection_count += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.at_sender:
            return self.at_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # aiosmtpd's name
        if self.at_recipient:
            return self.at_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.at_data:
            return self.at_data
        email = message_from_bytes(envelope.content, policy=policy.default)
        self.emails.append(email)
        if await asyncio.to_thread(self.on_email, email) is False:
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
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def new_message(idempotency_key: str = "rsvp_confirmed:17:1", **fields) -> Message:
    """Queue a message about some existing row."""
    defaults = {
        "kind": "rsvp_confirmed",
        "about": SendRate(pk=17),
        "recipient": "alma@example.org",
        "language": "en",
        "subject": "Your seat on April 4 is confirmed",
        "body_text": "We expect you for breakfast.\n",
        "body_html": "<p>We expect you for breakfast.</p>",
    }
    enqueue(idempotency_key=idempotency_key, **(defaults | fields))
    return Message.objects.get(idempotency_key=idempotency_key)


def drawing(rate: SendRate, language: str) -> bytes:
    """Build the attachment of messages of the kind "drawing" from the row of the send rate."""
    return f"%PDF {rate.per_second} {language}".encode()


def broken_drawing(rate: SendRate, language: str) -> bytes:
    raise RuntimeError("alma@example.org has no paper")


attachments.register_builder("drawing", drawing)
attachments.register_builder("broken drawing", broken_drawing)


def outcome(message: Message) -> tuple[str, int, str, bool]:
    """Return the state, attempts, error, and whether the message may have been sent more than once."""
    message.refresh_from_db()
    return (message.state, message.attempts, message.last_error, message.possible_duplicate)
