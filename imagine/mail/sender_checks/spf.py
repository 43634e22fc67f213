"""SPF (RFC 7208): which servers may send email of a domain."""

import re
from dataclasses import dataclass
from ipaddress import ip_network

from imagine.mail.sender_checks.findings import Finding, Missing, missing, ok, unseen
from imagine.mail.sender_checks.lookup import Address, Lookup, shown

MAX_LOOKUPS = 10
MAX_MAIL_HOSTS = 10
LOOKUP_TERMS = {"include", "a", "mx", "ptr", "exists", "redirect"}
TERM = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^/\s]+))?(?:/(?P<prefix>\d{1,3}))?(?://(?P<prefix6>\d{1,3}))?",
    re.IGNORECASE | re.ASCII,
)
MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(\S*)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Term:
    qualifier: str
    name: str
    value: str = ""
    prefix: str = ""
    prefix6: str = ""

    @property
    def has_macro(self) -> bool:
        return "%" in self.value


def check_spf(lookup: Lookup, domain: str, addresses: list[Address], *, sure: bool) -> list[Finding]:
    """`sure` if email is known to leave from these addresses; otherwise they are those of the mail server."""
    record = SpfRecord(lookup, domain)
    try:
        record.follow()
        count = f"{record.lookups} of at most {MAX_LOOKUPS} lookups"
        found = [ok(f"{domain} has one SPF record, and reading it takes {count}."), ending(record)]
        return found + [coverage(record, address, sure) for address in addresses]
    except Missing as problem:
        return [problem.finding]


def ending(record: "SpfRecord") -> Finding:
    qualifier = record.default(record.domain)
    if qualifier in {"-", "~"}:
        return ok(f"The SPF record ends in {qualifier}all, so receivers know that no other servers are ours.")
    if qualifier == "+":
        return missing(
            f"The SPF record of {record.domain} ends in +all: anyone may send email in the district's name.",
            "Ask the IT department to end it in -all or ~all.",
        )
    return missing(
        f"The SPF record of {record.domain} says nothing about servers that it doesn't list.",
        "Ask the IT department to end it in -all or ~all.",
    )


def coverage(record: "SpfRecord", address: Address, sure: bool) -> Finding:
    result = record.evaluate(record.domain, address)
    if result == "+":
        return ok(f"The SPF record covers {address}.")
    if record.unfollowed:
        return unseen(
            f"We can't see whether the SPF record of {record.domain} covers {address}, because it has parts that "
            "depend on each email.",
            "Ask the IT department.",
        )
    sentence = f"The SPF record of {record.domain} doesn't cover {address}"
    if sure:
        return missing(f"{sentence}.", "Ask the IT department to add it, or the include of the mail service.")
    return missing(
        f"{sentence}, the address of the mail server.",
        "Ask the IT department which address email leaves from. If it's another one, run this again with "
        "--sending-address; otherwise have it added to the record.",
    )


class SpfRecord:
    """A domain's record with everything that it includes."""

    def __init__(self, lookup: Lookup, domain: str):
        self.lookup = lookup
        self.domain = domain
        self.lookups = 0
        self.unfollowed = False

    def follow(self) -> None:
        """Read all of it. Raise Missing if receivers would give up on it."""
        self._follow(self.domain, inside=())

    def _follow(self, domain: str, inside: tuple[str, ...]) -> None:
        if domain.lower() in inside:
            raise Missing(
                f"The SPF record of {self.domain} includes that of {shown(domain)}, which includes itself, so "
                "receivers ignore all of it.",
                "Ask the IT department to take out the include that leads back.",
            )
        for term in self.terms(domain):
            if term.name in LOOKUP_TERMS:
                self.lookups += 1
            if self.lookups > MAX_LOOKUPS:
                raise Missing(
                    f"Reading the SPF record of {self.domain} takes more than {MAX_LOOKUPS} lookups, so receivers "
                    "ignore all of it.",
                    "Ask the IT department to take out includes that are no longer needed.",
                )
            if term.has_macro or term.name == "ptr":
                self.unfollowed = True
            elif term.name in {"include", "redirect"}:
                self._follow(term.value, (*inside, domain.lower()))

    def terms(self, domain: str) -> list[Term]:
        """Raise Missing unless there is exactly one record that can be read."""
        records = [text for text in self.lookup.texts(domain) if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]
        own = domain == self.domain
        place = domain if own else f"The SPF record of {self.domain} includes {shown(domain)}, which"
        if not records:
            raise Missing(
                f"{place} has no SPF record." if own else f"{place} has none, so receivers ignore all of it.",
                "Ask the IT department to publish one, a TXT record like: v=spf1 mx include:the-mail-service -all"
                if own
                else "Ask the IT department to take that out.",
            )
        if len(records) > 1:
            raise Missing(
                f"{place} has {len(records)} SPF records, so receivers ignore all of {'them' if own else 'it'}.",
                f"Ask {'the IT department' if own else 'that service'} to combine them into one.",
            )
        terms = [self._term(word) for word in records[0].split()[1:] if not is_other_modifier(word)]
        if [term.name for term in terms].count("redirect") > 1:  # RFC 7208, 6
            raise Missing(
                f"{place} has more than one redirect= in its SPF record, so receivers ignore all of it.",
                "Ask the IT department to keep one.",
            )
        has_all = any(term.name == "all" for term in terms)
        return [term for term in terms if term.name != "redirect"] if has_all else terms

    def _term(self, word: str) -> Term:
        if match := TERM.fullmatch(word):
            parts = {name: value or "" for name, value in match.groupdict().items()}
            term = Term(**{**parts, "name": parts["name"].lower(), "qualifier": parts["qualifier"] or "+"})
            if is_valid_term(term):
                return term
        if (match := MODIFIER.fullmatch(word)) and match[1].lower() == "redirect" and match[2]:
            return Term("", "redirect", match[2])
        raise Missing(
            f"The SPF record of {self.domain} has a part that can't be read ({shown(word)}), so receivers ignore all "
            "of it.",
            "Ask the IT department to correct it.",
        )

    def default(self, domain: str) -> str:
        """Return the qualifier of "all", or "" if there is none."""
        terms = self.terms(domain)
        for term in terms:
            if term.name == "all":
                return term.qualifier
        target = redirect_target(terms)
        return self.default(target) if target else ""

    def evaluate(self, domain: str, address: Address) -> str:
        """Return the qualifier for email from this address: + pass, - fail, ~ softfail, ? neutral."""
        terms = self.terms(domain)
        for term in terms:
            if term.name != "redirect" and self._matches(term, domain, address):
                return term.qualifier
        target = redirect_target(terms)
        return self.evaluate(target, address) if target else "?"

    def _matches(self, term: Term, domain: str, address: Address) -> bool:
        if term.has_macro or term.name == "ptr":
            return False
        target = term.value or domain
        match term.name:
            case "all":
                return True
            case "include":
                return self.evaluate(target, address) == "+"
            case "ip4" | "ip6":
                return address in network(term)
            case "exists":
                return bool(self.lookup.addresses(target))
            case "a":
                hosts = [target]
            case _:
                hosts = self.lookup.mail_hosts(target)[:MAX_MAIL_HOSTS]
        prefix = term.prefix6 if address.version == 6 else term.prefix
        nearby = ip_network(f"{address}/{prefix or address.max_prefixlen}", strict=False)
        return any(found in nearby for host in hosts for found in self.lookup.addresses(host))


def redirect_target(terms: list[Term]) -> str:
    return next((term.value for term in terms if term.name == "redirect" and not term.has_macro), "")


def is_other_modifier(word: str) -> bool:
    """Whether it is a modifier that changes nothing about who may send, such as exp=."""
    match = MODIFIER.fullmatch(word)
    return match is not None and match[1].lower() != "redirect"


def is_valid_term(term: Term) -> bool:
    if term.name in {"include", "exists"}:
        return bool(term.value)
    if int(term.prefix or 0) > (128 if term.name == "ip6" else 32) or int(term.prefix6 or 0) > 128:
        return False
    if term.name in {"ip4", "ip6"}:
        try:
            return network(term).version == int(term.name[2:])
        except ValueError:
            return False
    return True


def network(term: Term):
    return ip_network(f"{term.value}/{term.prefix}" if term.prefix else term.value, strict=False)
