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
LONGEST_HANG = 60  # seconds; no test waits that long


class Gone(Exception):
    """Raised by a manner: the server closes the connection without a word."""


@dataclass
class Mail:
    to: str
    port: int  # of the sender's end of the connection
    content: Message

    @property
    def message_id(self) -> str:
        return self.content["Message-ID"]


class MailServer:
    """Listens on one port of 127.0.0.1 while it is up.

    `greeting`, `on_recipient` and `on_data` are its manners: called with nothing, the address, or the mail, each
    returns the line that is answered. Its own ones take everything. `mails` are those that it took, `asked` the
    recipients that were tried, `visits` the connections.
    """

    def __init__(self):
        self.port = free_port()
        self.listener = None
        self.behave()
        self.forget()

    def behave(self) -> None:
        """Good manners again; whoever hangs is let go without an answer."""
        if hasattr(self, "let_go"):
            self.let_go.set()
        self.let_go = threading.Event()
        self.greeting: Callable[[], str] = lambda: "220 mail.example.org"
        self.on_recipient: Callable[[str], str] = lambda address: ACCEPT
        self.on_data: Callable[[Mail], str] = self.take

    def forget(self) -> None:
        self.mails: list[Mail] = []
        self.asked: list[str] = []
        self.visits = 0

    def take(self, mail: Mail) -> str:
        self.mails.append(mail)
        return ACCEPT

    def hang(self, *_anything) -> str:
        """Says nothing until `behave` is called."""
        self.let_go.wait(LONGEST_HANG)
        raise Gone

    def recipients(self) -> list[str]:
        return sorted(mail.to for mail in self.mails)

    def up(self) -> None:
        if self.listener is None:
            self.listener = Listener(("127.0.0.1", self.port), Conversation)
            self.listener.house = self
            threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
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
        manners = self.server.house
        manners.visits += 1
        self.server.open.add(self.request)
        with contextlib.suppress(Gone):
            self.say(manners.greeting())
            self.converse(manners)
        self.server.open.discard(self.request)

    def converse(self, manners: MailServer) -> None:
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                manners.asked.append(recipient)
                self.say(manners.on_recipient(recipient))
            elif verb == "DATA":
                self.say("354 Go on")
                self.say(manners.on_data(Mail(recipient, self.client_address[1], self.content())))
            elif verb == "QUIT":
                self.say("221 Goodbye")
                return
            else:
                self.say(ACCEPT)

    def content(self) -> Message:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise Gone
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return email.message_from_bytes(b"".join(lines))

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
