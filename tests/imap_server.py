"""A small in-memory IMAP server with one mailbox, with the commands imaplib uses (RFC 9051)."""

import base64
import contextlib
import re
import socket
import socketserver
import threading

USER, PASSWORD = "bounces@example.org", "p@ss wörd"


class ImapServer:
    """`emails` maps UIDs to emails, and `deleted` has the UIDs marked as deleted but not expunged. `refuses` names a
    command answered with NO, `hangs_up_at` one that ends the connection, and `damaged` has UIDs that can't be fetched.
    With `say_nothing` the server doesn't even greet."""

    def __init__(self):
        self.emails: dict[int, bytes] = {}
        self.deleted: set[int] = set()
        self.damaged: set[int] = set()
        self.commands: list[str] = []
        self.uid_validity, self.next_uid = 7, 1
        self.capabilities = "IMAP4rev1 AUTH=PLAIN"
        self.capabilities_after_sign_in = f"{self.capabilities} UIDPLUS"
        self.refuses = self.hangs_up_at = ""
        self.say_nothing = False

    def deliver(self, *emails: bytes) -> None:
        for email in emails:
            self.emails[self.next_uid] = email.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            self.next_uid += 1

    def start(self) -> None:
        self.listener = Listener(("127.0.0.1", 0), Conversation)
        self.listener.imap = self
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.listener.shutdown()
        self.listener.server_close()


class Listener(socketserver.ThreadingTCPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, request, client_address) -> None:
        """Tests make clients hang up."""


class Conversation(socketserver.StreamRequestHandler):
    wbufsize = -1
    is_signed_in = False

    def handle(self) -> None:
        if self.server.imap.say_nothing:
            self.rfile.readline()
            return
        self.say(f"* OK [CAPABILITY {self.server.imap.capabilities}] ready")
        self.wfile.flush()
        with contextlib.suppress(OSError):
            while line := self.rfile.readline().decode().strip():
                if not self.answer(line):
                    return
                self.wfile.flush()

    def answer(self, line: str) -> bool:
        imap = self.server.imap
        tag, command = line.split(" ", 1)
        words = command.split(" ")
        name = " ".join(words[:2]) if words[0] == "UID" else words[0]
        imap.commands.append(name)
        if imap.hangs_up_at == name:
            self.request.shutdown(socket.SHUT_RDWR)
            return False
        done = imap.refuses != name and getattr(self, name.replace(" ", "_"))(command)
        self.say(f"{tag} {'NO refused' if done is False else 'OK done'}")
        return name != "LOGOUT"

    def say(self, line: str | bytes) -> None:
        self.wfile.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    # Commands: each returns False to refuse ------------------------------------------------------------------------

    def CAPABILITY(self, _command: str) -> None:  # the protocol's command names
        imap = self.server.imap
        self.say(f"* CAPABILITY {imap.capabilities_after_sign_in if self.is_signed_in else imap.capabilities}")

    def LOGOUT(self, _command: str) -> None:
        self.say("* BYE")

    def AUTHENTICATE(self, _command: str) -> bool:
        self.say("+ ")
        self.wfile.flush()
        given = base64.b64decode(self.rfile.readline()).decode()
        self.is_signed_in = given == f"\0{USER}\0{PASSWORD}"
        return self.is_signed_in

    def SELECT(self, command: str) -> bool:
        self.say(f"* {len(self.server.imap.emails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.server.imap.uid_validity}] valid")
        return command == 'SELECT "INBOX"'

    def UID_SEARCH(self, command: str) -> None:
        """UID SEARCH UID 5:* also finds the newest email if its UID is lower."""
        emails, first = self.server.imap.emails, int(re.search(r"UID (\d+):\*", command)[1])
        found = {uid for uid in emails if uid >= first} | ({max(emails)} if emails else set())
        self.say(" ".join(["* SEARCH", *map(str, sorted(found, reverse=True))]))

    def UID_FETCH(self, command: str) -> bool:
        uid = int(command.split(" ")[2])
        if uid in self.server.imap.damaged:
            return False
        if email := self.server.imap.emails.get(uid):
            content = email.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if "HEADER.FIELDS" in command else email
            if part := re.search(r"<0\.(\d+)>", command):
                content = content[: int(part[1])]
            what = command.partition("(")[2].rstrip(")").replace(".PEEK", "")
            self.say(f"* {uid} FETCH (UID {uid} {what} {{{len(content)}}}")
            self.say(content + b")")
        return True

    def UID_STORE(self, command: str) -> None:
        assert r"+FLAGS.SILENT (\Deleted)" in command
        self.server.imap.deleted.add(int(command.split(" ")[2]))

    def UID_EXPUNGE(self, command: str) -> None:
        uid = int(command.split(" ")[2])
        if uid in self.server.imap.deleted:
            del self.server.imap.emails[uid]
            self.server.imap.deleted.discard(uid)
