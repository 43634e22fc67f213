"""A small SMTP server that records what it took, and misbehaves as it is told."""

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
LATER = "451 4.7.1 Please come back later"
NEVER = "550 5.1.1 There is no such mailbox"
MAX_HANG = 60  # seconds; no test waits that long


class Disconnect(Exception):
    """Raised by one of the three: the server closes the connection without a word."""


@dataclass
class Mail:
    to: str
    port: int  # of the sender's end of the connection
    content: Message

    @property
    def message_id(self) -> str:
        return self.content["Message-ID"]


class SmtpServer:
    """Listens on one port of 127.0.0.1 from `start` to `stop`.

    `greeting`, `on_recipient` and `on_data` decide what it answers: called with nothing, the address, or the mail,
    each returns a line. By default they accept everything. `mails` are those that it accepted.
    """

    def __init__(self):
        self.port = free_port()
        self.listener = None
        self.reset_behavior()
        self.clear()

    def reset_behavior(self) -> None:
        """Accepts everything again; whoever hangs is let go without an answer."""
        if hasattr(self, "let_go"):
            self.let_go.set()
        self.let_go = threading.Event()
        self.greeting: Callable[[], str] = lambda: "220 mail.example.org"
        self.on_recipient: Callable[[str], str] = lambda address: ACCEPT
        self.on_data: Callable[[Mail], str] = self.accept

    def clear(self) -> None:
        self.mails: list[Mail] = []
        self.attempted_recipients: list[str] = []
        self.connection_count = 0

    def accept(self, mail: Mail) -> str:
        self.mails.append(mail)
        return ACCEPT

    def hang(self, *_anything) -> str:
        """Says nothing until `reset_behavior` is called."""
        self.let_go.wait(MAX_HANG)
        raise Disconnect

    def recipients(self) -> list[str]:
        return sorted(mail.to for mail in self.mails)

    def start(self) -> None:
        if self.listener is None:
            self.listener = Listener(("127.0.0.1", self.port), Conversation)
            self.listener.smtp = self
            threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Closes the port, and every connection that is open."""
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
        self.open: set[socket.socket] = set()

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address) -> None:
        """A worker that was killed in mid-mail is what these tests are about."""


class Conversation(socketserver.StreamRequestHandler):
    """RFC 5321 as far as smtplib speaks it."""

    def handle(self) -> None:
        smtp = self.server.smtp
        smtp.connection_count += 1
        self.server.open.add(self.request)
        with contextlib.suppress(Disconnect):
            self.say(smtp.greeting())
            self.converse(smtp)
        self.server.open.discard(self.request)

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
                self.say(smtp.on_data(Mail(recipient, self.client_address[1], self.content())))
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
