"""A small DNS server on 127.0.0.1 (UDP and TCP) that answers from records set by a test."""

import contextlib
import socketserver
import threading

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

FAILS = object()  # the server answers with SERVFAIL
SILENT = object()  # the server doesn't answer
LONGEST_CHAIN = 30


class NameServer:
    """`records` maps a name and type to record data in zone file format: {("example.org", "MX"): ["10 a.b."]}."""

    def __init__(self):
        self.records = {}
        self.questions: list[tuple[str, str]] = []
        self.tcp, self.udp = servers_on_one_port()
        self.port = self.tcp.server_address[1]
        for server in (self.tcp, self.udp):
            server.names = self
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        for server in (self.tcp, self.udp):
            server.shutdown()
            server.server_close()

    def text(self, name: str, *texts: str | bytes) -> None:
        """Add TXT records, split into strings of 255 bytes."""
        self.records[name, "TXT"] = [quoted(text.encode() if isinstance(text, str) else text) for text in texts]

    def answer(self, wire: bytes) -> dns.message.Message | None:
        question = dns.message.from_wire(wire)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        self.questions.append((name, kind))
        response = dns.message.make_response(question, recursion_available=True)
        for _step in range(LONGEST_CHAIN):
            found = self.records.get((name, kind), [])
            if found is SILENT:
                return None
            if found is FAILS:
                response.set_rcode(dns.rcode.SERVFAIL)
                return response
            alias = self.records.get((name, "CNAME"))
            if found or not alias:
                break
            response.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "CNAME", alias))
            name = alias[0].removesuffix(".")
        if found:
            response.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, found))
        elif not any(known == name for known, _kind in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


def servers_on_one_port() -> tuple[socketserver.TCPServer, socketserver.UDPServer]:
    while True:
        tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), OverTcp)
        try:
            return tcp, socketserver.ThreadingUDPServer(tcp.server_address, OverUdp)
        except OSError:  # the UDP port is taken
            tcp.server_close()


class OverUdp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, connection = self.request
        if response := self.server.names.answer(wire):
            try:
                reply = response.to_wire(max_size=512)
            except dns.exception.TooBig:
                response.answer.clear()
                response.flags |= dns.flags.TC
                reply = response.to_wire()
            connection.sendto(reply, self.client_address)


class OverTcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            length = int.from_bytes(self.rfile.read(2), "big")
            if response := self.server.names.answer(self.rfile.read(length)):
                reply = response.to_wire()
                self.wfile.write(len(reply).to_bytes(2, "big") + reply)


def quoted(text: bytes) -> str:
    """Return TXT record data in zone file format."""
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in piece) + '"' for piece in pieces)
