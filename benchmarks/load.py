"""The load: requests sent over plain sockets by one thread that does next to nothing for each of them.

Each request has a connection of its own, as between nginx and gunicorn's sync workers, which close it after the answer.
"""

import gzip
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE = 60  # seconds without any answer, after which the run is given up


@dataclass(slots=True)
class Reply:
    """One answer; `seconds` go from before the connection was opened until its last byte was read."""

    seconds: float = 0.0
    raw: bytes = b""

    @property
    def status(self) -> int:
        return int(self.raw[9:12] or 0)

    def header(self, name: str) -> str:
        for line in self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
            key, _colon, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return ""

    @property
    def page(self) -> str:
        body = self.raw.partition(b"\r\n\r\n")[2]
        return (gzip.decompress(body) if self.header("content-encoding") == "gzip" else body).decode()


@dataclass(slots=True)
class Burst:
    """All answers in the order of their requests, how long they took together, and what part of a core we used."""

    replies: list[Reply]
    seconds: float
    own_share: float

    @property
    def per_second(self) -> float:
        return len(self.replies) / self.seconds

    def percentile(self, percent: int) -> float:
        """The time in seconds that `percent` of the requests did not exceed."""
        times = sorted(reply.seconds for reply in self.replies)
        return times[min(len(times) - 1, len(times) * percent // 100)]


@dataclass(slots=True)
class Call:
    place: int
    began: float
    connection: socket.socket
    parts: list[bytes] = field(default_factory=list)


def send(port: int, requests: Sequence[bytes], *, at_once: int, per_second: float = 0) -> Burst:
    """Sends all requests to 127.0.0.1: at most `at_once` are unanswered, at most `per_second` are begun each second."""
    replies = [Reply() for _request in requests]
    begun = unanswered = 0
    cpu, start = time.process_time(), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        while begun < len(requests) or unanswered:
            due = len(requests)
            if per_second:
                due = min(due, int((time.perf_counter() - start) * per_second) + 1)
            while begun < due and unanswered < at_once:
                call = Call(begun, time.perf_counter(), socket.create_connection(("127.0.0.1", port)))
                call.connection.sendall(requests[begun])
                selector.register(call.connection, selectors.EVENT_READ, call)
                begun, unanswered = begun + 1, unanswered + 1
            waits = begun < len(requests) and unanswered < at_once
            for key, _events in selector.select(1 / per_second if waits else PATIENCE) or [(None, None)]:
                if key is None:
                    if waits:
                        continue
                    raise TimeoutError(f"{unanswered} requests were not answered in {PATIENCE} seconds.")
                if answered(key.data):
                    selector.unregister(key.data.connection)
                    key.data.connection.close()
                    reply = replies[key.data.place]
                    reply.seconds = time.perf_counter() - key.data.began
                    reply.raw = b"".join(key.data.parts)
                    unanswered -= 1
    seconds = time.perf_counter() - start
    return Burst(replies, seconds, (time.process_time() - cpu) / seconds)


def answered(call: Call) -> bool:
    """Reads what is there; true when the server has closed the connection."""
    try:
        part = call.connection.recv(1 << 16)
    except ConnectionResetError:
        return True
    call.parts.append(part)
    return not part


def get(path: str, visitor: str, cookie: str = "") -> bytes:
    """A browser's request; `visitor` is the address that the proxy in front says it has."""
    return request("GET", path, visitor, cookie)


def post(path: str, visitor: str, cookie: str, body: str) -> bytes:
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return request("POST", path, visitor, cookie, form) + body.encode()


def request(method: str, path: str, visitor: str, cookie: str, more: str = "") -> bytes:
    cookies = f"Cookie: {cookie}\r\n" if cookie else ""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Forwarded-For: {visitor}\r\n"
        "User-Agent: Mozilla/5.0 (benchmark)\r\nAccept: text/html\r\nAccept-Language: en\r\n"
        f"Accept-Encoding: gzip\r\n{cookies}{more}\r\n"
    ).encode()
