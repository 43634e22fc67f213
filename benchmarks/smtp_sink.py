"""`python -m benchmarks.smtp_sink`: a mail server that accepts everything.

It prints its port, then one line per email: the time of its 250 in seconds, and the recipient. A connection is a line
too, with CONNECTED instead of a recipient.
"""

import socketserver
import sys
import threading
import time

CONNECTED = "-"
turn = threading.Lock()


class Conversation(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        recipient = ""
        self.note(CONNECTED)
        self.say(b"220 sink")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
            if verb == b"DATA":
                self.say(b"354 go on")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                self.say(b"250 taken")
                self.note(recipient)
            elif verb == b"QUIT":
                return self.say(b"221 goodbye")
            else:
                self.say(b"250 fine")
        return None

    def note(self, what: str) -> None:
        with turn:
            print(f"{time.time():.6f} {what}", flush=True)

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        print(server.server_address[1], flush=True)
        sys.stderr.close()
        server.serve_forever()
