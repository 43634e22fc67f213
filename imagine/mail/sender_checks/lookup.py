"""Questions to the name server. What it answers was written by strangers."""

import time
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename

QUESTION_SECONDS = 5
TOTAL_SECONDS = 40

Address = IPv4Address | IPv6Address


class Unanswered(Exception):
    """The name server didn't answer, or answered with an error: nobody knows what is there."""


class Lookup:
    """Asks the machine's name server, or another one, each question once. Gives up 40 seconds after the first."""

    def __init__(self, name_server: str | None = None, question_seconds: float = QUESTION_SECONDS):
        self.resolver = resolver(name_server)
        self.question_seconds = question_seconds
        self.deadline = time.monotonic() + TOTAL_SECONDS
        self.answers: dict[tuple[str, str], list] = {}
        self.unknown_names: set[str] = set()

    def exists(self, name: str) -> bool:
        """Whether the name server knows a name, whatever it has there."""
        self._ask(name, "SOA")
        return name.lower() not in self.unknown_names

    def texts(self, name: str) -> list[str]:
        return [b"".join(record.strings).decode("ascii", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[Address]:
        return [ip_address(record.address) for kind in ("A", "AAAA") for record in self._ask(name, kind)]

    def mail_hosts(self, name: str) -> list[str]:
        """Return the hosts that take a domain's email, the preferred one first. A domain that takes none has "" there
        (RFC 7505)."""
        records = sorted(self._ask(name, "MX"), key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True).removesuffix(".") for record in records]

    def reverse_names(self, address: Address) -> list[str]:
        name = dns.reversename.from_address(str(address)).to_text()
        return [record.target.to_text(omit_final_dot=True) for record in self._ask(name, "PTR")]

    def _ask(self, name: str, kind: str) -> list:
        question = (name.lower().rstrip("."), kind)
        if question not in self.answers:
            self.answers[question] = self._answer(*question)
        return self.answers[question]

    def _answer(self, name: str, kind: str) -> list:
        seconds = min(self.question_seconds, self.deadline - time.monotonic())
        if seconds <= 0:
            raise Unanswered(
                f"We didn't look up {shown(name)}: the name server took too long for all questions together."
            )
        try:
            return list(self.resolver.resolve(dns.name.from_text(name), kind, lifetime=seconds, search=False))
        except dns.resolver.NXDOMAIN:
            self.unknown_names.add(name)
            return []
        except dns.resolver.NoAnswer:
            return []
        except dns.exception.Timeout as error:
            raise Unanswered(f"We couldn't look up {shown(name)} ({kind}): no answer from the name server.") from error
        except dns.resolver.NoNameservers as error:
            raise Unanswered(
                f"We couldn't look up {shown(name)} ({kind}): the name server answered with an error."
            ) from error
        except (dns.exception.DNSException, UnicodeError):  # no name that could exist
            return []


def resolver(name_server: str | None) -> dns.resolver.Resolver:
    """Raise Unanswered if this machine has no name server, and ValueError if what was given can't be one."""
    if not name_server:
        try:
            return dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            raise Unanswered("This machine has no name server.") from error
    place = urlsplit(f"//{name_server}")
    chosen = dns.resolver.Resolver(configure=False)
    chosen.nameservers = [str(ip_address(place.hostname or ""))]
    chosen.port = place.port or 53
    return chosen


def shown(text: str) -> str:
    """Return at most 80 characters of what a stranger wrote, without any that would act on a terminal."""
    safe = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text[:81])
    return safe if len(text) <= 80 else f"{safe[:80]}…"


def domain_and_parents(domain: str) -> list[str]:
    """Return a domain and those above it, without the top-level domain."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))][:8]
