"""A small SMTP server that records accepted email and can be told to fail."""

import contextlib
import email
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message

from imagine.demo.servers import free_port

ACCEPT = "250 2.0.0 OK"
TEMPORARY_FAILURE = "451 4.7.1 Please come back later"
PERMANENT_FAILURE = "550 5.1.1 There is no such mailbox"
MAX_HANG_SECONDS = 60  # no test waits that long


class Disconnect(Exception):
    """Raised in `greeting`, `on_recipient` or `on_data` to close the connection without a reply."""


@dataclass
class ReceivedEmail:
    to: str
    port: int  # the client's port
    content: Message

    @property
    def message_id(self) -> str:
        return self.content["Message-ID"]


class SmtpServer:
    """A server on one port of 127.0.0.1.

    `greeting`, `on_recipient` and `on_data` return the reply line. They are called with nothing, the address, or the
    email. By default they accept everything. `emails` are the accepted ones.
    """

    def __init__(self):
        self.port = free_port()
        self.listener = None
        self.reset_behavior()
        self.clear()

    def reset_behavior(self) -> None:
        """Accept everything again, and disconnect clients that hang."""
        if hasattr(self, "let_go"):
            self.released.set()
        self.released = threading.Event()
        self.greeting: Callable[[], str] = lambda: "220 mail.example.org"
        self.on_recipient: Callable[[str], str] = lambda address: ACCEPT
        self.on_data: Callable[[ReceivedEmail], str] = self.accept

    def clear(self) -> None:
        self.emails: list[ReceivedEmail] = []
        self.attempted_recipients: list[str] = []
        self.connection_count = 0

    def accept(self, received: ReceivedEmail) -> str:
        self.emails.append(received)
        return ACCEPT

    def hang(self, *_anything) -> str:
        """Don't reply until `reset_behavior` is called."""
        self.released.wait(MAX_HANG_SECONDS)
        raise Disconnect

    def recipients(self) -> list[str]:
        return sorted(received.to for received in self.emails)

    def start(self) -> None:
        if self.listener is None:
            self.listener = Listener(("127.0.0.1", self.port), Conversation)
            self.listener.smtp = self
            threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and all open connections."""
        if self.listener:
            self.listener.shutdown()
            self.listener.server_close()
            self.listener = None


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def server_activate(self) -> None:
        super().server_activate()
        self.open_connections: set[socket.socket] = set()

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.open_connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address) -> None:
        """Tests kill workers while they send email."""


class Conversation(socketserver.StreamRequestHandler):
    """The parts of RFC 5321 that smtplib uses."""

    def handle(self) -> None:
        smtp = self.server.smtp
        smtp.connection_count += 1
        self.server.open_connections.add(self.request)
        with contextlib.suppress(Disconnect):
            self.say(smtp.greeting())
            self.converse(smtp)
        self.server.open_connections.discard(self.request)

    def converse(self, smtp: SmtpServer) -> None:
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                smtp.attempted_recipients.append(recipient)
                self.say(smtp.on_recipient(recipient))
            elif verb == "DATA":
                self.say("354 Go on")
                self.say(smtp.on_data(ReceivedEmail(recipient, self.client_address[1], self.content())))
            elif verb == "QUIT":
                self.say("221 Goodbye")
                return
            else:
                self.say(ACCEPT)

    def content(self) -> Message:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise Disconnect
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return email.message_from_bytes(b"".join(lines))

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
