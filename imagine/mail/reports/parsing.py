"""Read delivery reports (RFC 3464) and complaints (RFC 5965): which of our messages, which address, and what happened.

Anyone can send us a report, so this only reads what it says. imagine/mail/reports/recording.py decides whether it is
true.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message as Part
from email.parser import HeaderParser
from email.policy import Compat32
from enum import StrEnum
from uuid import UUID

from imagine.mail.mime import find_message_pk

MAX_SIZE = 256 * 1024  # bytes of a report that are read; the returned message comes last and may be cut off
# A message may nest parts so deeply, or have so many, that reading it takes minutes.
MAX_BOUNDARIES, MAX_DELIMITERS = 40, 400
MAX_HEADER = 2000  # letters
DELIMITER = re.compile(rb"[\r\n]--")
MAX_RECIPIENTS = 20
MAX_DIAGNOSTIC = 1000  # letters
RETURNED_TYPES = {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}
COMPLAINT_TYPES = {"abuse", "fraud", "opt-out"}


class NotAReport(Exception):
    """This isn't a report in a format that we know."""


class ShortHeaders(Compat32):
    """Cut off long headers: reading the parameters of a Content-Type of 250 kB takes Python minutes."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MAX_HEADER]


SHORT_HEADERS = ShortHeaders()


@dataclass(frozen=True)
class Report:
    """What a report says about one address that one of our messages was sent to.

    `addresses` are the names the report has for it, in lower case: the address the message was sent to, and the one it
    was forwarded to. `status` is an enhanced status code such as 5.1.1 (RFC 3463).
    """

    class Kind(StrEnum):
        FAILED = "failed"
        DELAYED = "delayed"
        OTHER = "other"
        COMPLAINT = "complaint"

    kind: Kind
    message_pk: UUID
    addresses: frozenset[str]
    status: str = ""
    diagnostic: str = ""


def read_reports(content: bytes) -> list[Report]:
    """Return what a report says, one entry for each address. Raise NotAReport."""
    parts = report_parts(content)
    pk = find_message_pk(str(returned_headers(parts).get("Message-ID", "")))
    if pk is None:
        raise NotAReport("It returns no message of ours.")
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return [parse_delivery_report(pk, fields) for fields in submessages(part)[1 : 1 + MAX_RECIPIENTS]]
        if part.get_content_type() == "message/feedback-report":
            return list(complaints(pk, part, returned_headers(parts)))
    raise NotAReport("It has no part for machines.")


def report_parts(content: bytes) -> list[Part]:
    """Return the parts of a multipart/report. A report inside of another message isn't one: someone forwarded it."""
    content = content[:MAX_SIZE]
    if content.lower().count(b"boundary") > MAX_BOUNDARIES or len(DELIMITER.findall(content)) > MAX_DELIMITERS:
        raise NotAReport("It has too many parts.")
    try:
        message = message_from_bytes(content, policy=SHORT_HEADERS)
    except (RecursionError, ValueError, LookupError, AttributeError, IndexError, TypeError) as error:
        raise NotAReport("It can't be read.") from error
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        raise NotAReport("It isn't a multipart/report.")
    return submessages(message)


def submessages(part: Part) -> list[Part]:
    return [item for item in part.get_payload() if isinstance(item, Part)] if part.is_multipart() else []


def returned_headers(parts: list[Part]) -> Part:
    """Return the headers of the message that the report is about."""
    for part in parts:
        if part.get_content_type() in RETURNED_TYPES:
            if messages := submessages(part):
                return messages[0]
            return HeaderParser(policy=SHORT_HEADERS).parsestr(text_of(part))
    raise NotAReport("It doesn't return the message.")


def text_of(part: Part) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


def parse_delivery_report(pk: UUID, fields: Part) -> Report:
    action = words(fields, "Action").partition(" ")[0].lower()
    kind = Report.Kind(action) if action in {"failed", "delayed"} else Report.Kind.OTHER
    status = re.match(r"[245]\.\d{1,3}\.\d{1,3}", words(fields, "Status"))
    addresses = {address_in(words(fields, name)) for name in ("Final-Recipient", "Original-Recipient")} - {""}
    diagnostic = words(fields, "Diagnostic-Code")[:MAX_DIAGNOSTIC]
    return Report(kind, pk, frozenset(addresses), status[0] if status else "", diagnostic)


def complaints(pk: UUID, part: Part, returned: Part) -> Iterator[Report]:
    """A complaint names the address that complained, or else returns the message with its To header."""
    [fields, *_others] = submessages(part) or [Part()]
    if words(fields, "Feedback-Type").lower() not in COMPLAINT_TYPES:
        raise NotAReport("It isn't a complaint.")
    named = [str(value) for value in fields.get_all("Original-Rcpt-To", [])]
    for value in named[:MAX_RECIPIENTS] or [words(returned, "To")]:
        yield Report(Report.Kind.COMPLAINT, pk, frozenset({address_in(value)} - {""}))


def words(fields: Part, name: str) -> str:
    return " ".join(str(fields.get(name, "")).split())


def address_in(value: str) -> str:
    """Return the address in "rfc822; <Alma@example.org>" or "Alma Reyes <Alma@example.org>", in lower case."""
    kind, semicolon, rest = value.partition(";")
    if semicolon and kind.strip().lower() not in {"rfc822", "utf-8"}:
        return ""
    address = rest if semicolon else value
    if angled := re.search(r"<([^<>]*)>", address):
        address = angled[1]
    return address.strip().lower()


# JSON ------------------------------------------------------------------------------------------------------------

JSON_KINDS = {"bounce": Report.Kind.FAILED, "complaint": Report.Kind.COMPLAINT}


def read_json_report(content: bytes) -> list[Report]:
    """Return what a report in JSON says: an object with the texts kind ("bounce" or "complaint"), message_id and
    recipient, and for a bounce also status and diagnostic. Raise NotAReport."""
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotAReport("It isn't JSON.") from error
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise NotAReport("It isn't an object of texts.")
    pk = find_message_pk(given.get("message_id", ""))
    kind = JSON_KINDS.get(given.get("kind", ""))
    if pk is None or kind is None:
        raise NotAReport("It isn't a bounce or complaint about a message of ours.")
    addresses = frozenset({address_in(given.get("recipient", ""))} - {""})
    return [Report(kind, pk, addresses, given.get("status", ""), given.get("diagnostic", "")[:MAX_DIAGNOSTIC])]
