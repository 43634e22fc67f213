"""DMARC (RFC 7489): what receivers do with email that neither SPF nor DKIM proves."""

import re

from imagine.mail.sender_checks.dkim import parse_tags
from imagine.mail.sender_checks.findings import Finding, missing, ok
from imagine.mail.sender_checks.lookup import Lookup, domain_and_parents, shown


def check_dmarc(lookup: Lookup, domain: str) -> list[Finding]:
    for parent in domain_and_parents(domain):
        records = [text for text in lookup.texts(f"_dmarc.{parent}") if re.match(r"v=DMARC1\s*(;|$)", text)]
        if len(records) > 1:
            return [
                missing(
                    f"There are {len(records)} DMARC records at _dmarc.{parent}, so receivers ignore all of them.",
                    "Ask the IT department to combine them into one.",
                )
            ]
        if records:
            tags = parse_tags(records[0])
            return [policy(tags, domain, parent), alignment(tags, domain), reports(tags, parent)]
    return [
        missing(
            f"{domain} has no DMARC record, nor has a domain above it. Anyone can send email in its name, and large "
            "mail services may turn ours away.",
            f"Ask the IT department to publish a TXT record at _dmarc.{domain}, at first with p=none and rua=.",
        )
    ]


def policy(tags: dict[str, str], domain: str, parent: str) -> Finding:
    place = f"The DMARC record at _dmarc.{parent}"
    value = (tags.get("sp") if parent != domain else None) or tags.get("p", "")
    share = tags.get("pct", "100")
    if value.lower() in {"quarantine", "reject"} and share == "100":
        return ok(f"{place} asks receivers to {value.lower()} email that isn't proven.")
    if value.lower() in {"quarantine", "reject"}:
        return missing(
            f"{place} applies to {shown(share)} percent of email only.", "Ask the IT department to take out pct=."
        )
    if value.lower() == "none":
        return missing(
            f"{place} says p=none: receivers deliver forged email all the same.",
            "When the reports show that all of the district's email passes, ask the IT department for p=quarantine.",
        )
    return missing(f"{place} has no policy that can be read.", "Ask the IT department to set p=quarantine.")


def alignment(tags: dict[str, str], domain: str) -> Finding:
    """Say which proofs count. Every email has MAIL_FROM both on the envelope and in From."""
    is_strict = tags.get("adkim", "").lower() == "s"
    signature = f"of {domain} itself (adkim=s)" if is_strict else f"of {domain} or a domain above it"
    return ok(
        f"Email has {domain} on the envelope and in From, so its SPF record counts for DMARC, unless the mail server "
        f"changes the envelope. A DKIM signature counts if it is {signature}."
    )


def reports(tags: dict[str, str], parent: str) -> Finding:
    if tags.get("rua", "").lower().startswith("mailto:"):
        return ok(f"Receivers send their reports on email from {parent} to {shown(tags['rua'][len('mailto:') :])}.")
    return missing(
        f"The DMARC record at _dmarc.{parent} asks for no reports (rua), so no one sees when email fails.",
        "Ask the IT department to add rua=mailto: and an address that someone or a service reads.",
    )
