"""DKIM (RFC 6376): the key that proves a signature under an email."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from imagine.mail.sender_checks.findings import Finding, missing, ok, unseen
from imagine.mail.sender_checks.lookup import Lookup, domain_and_parents, shown

MIN_BITS = 1024
GOOD_BITS = 2048


def check_dkim(lookup: Lookup, domain: str, selectors: list[str]) -> list[Finding]:
    if not selectors:
        return [
            unseen(
                f"We can't see whether email from {domain} is signed without the name of the key, its selector.",
                "Ask the IT department whether the mail server signs with DKIM, and with which selector. Then run "
                "this again with --dkim-selector.",
            )
        ]
    return [check_key(lookup, domain, selector) for selector in selectors]


def check_key(lookup: Lookup, domain: str, selector: str) -> Finding:
    for parent in domain_and_parents(domain):
        name = f"{selector}._domainkey.{parent}"
        records = [tags for tags in map(parse_tags, lookup.texts(name)) if "p" in tags]
        if len(records) > 1:
            return missing(
                f"There are {len(records)} DKIM keys at {name}.", "Ask the IT department to keep only the one in use."
            )
        if records:
            return judge(name, records[0])
    return missing(
        f"There is no DKIM key at {selector}._domainkey.{domain}.",
        "Ask the IT department to turn on signing for this domain and publish the key.",
    )


def judge(name: str, tags: dict[str, str]) -> Finding:
    key = "".join(tags["p"].split())
    if not key:
        return missing(f"The DKIM key at {name} was revoked.", "Ask the IT department for the selector in use now.")
    if "y" in tags.get("t", "").split(":"):
        return missing(
            f"The DKIM key at {name} says that it is only a test (t=y), so receivers ignore it.",
            "Ask the IT department to take that out.",
        )
    kind = tags.get("k", "rsa").lower()
    if kind == "ed25519":
        return ok(f"There is a DKIM key at {name} (Ed25519).")
    bits = rsa_bits(key) if kind == "rsa" else None
    if bits is None:
        return missing(
            f"The DKIM key at {name} can't be read ({shown(kind)}).", "Ask the IT department to publish it again."
        )
    if bits < MIN_BITS:
        return missing(
            f"The DKIM key at {name} has {bits} bits, so receivers ignore it.",
            f"Ask the IT department for one of {GOOD_BITS} bits.",
        )
    if bits < GOOD_BITS:
        return ok(f"There is a DKIM key at {name} of {bits} bits. A new one should have {GOOD_BITS}.")
    return ok(f"There is a DKIM key at {name} of {bits} bits.")


def rsa_bits(key: str) -> int | None:
    """Return the length of a key, or None if it isn't one."""
    try:
        public_key = load_der_public_key(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return public_key.key_size if isinstance(public_key, RSAPublicKey) else None


def parse_tags(text: str) -> dict[str, str]:
    """Read "name=value; name=value", of DKIM and DMARC alike."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
