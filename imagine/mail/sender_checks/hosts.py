"""Whether bounces and replies have somewhere to go, and whether the mail server has a name."""

from ipaddress import ip_address

from imagine.mail.sender_checks.findings import Finding, missing, ok, unseen
from imagine.mail.sender_checks.lookup import Address, Lookup

MAX_ADDRESSES = 5
MAX_MAIL_HOSTS = 5


def check_domain(lookup: Lookup, domain: str, setting: str) -> list[Finding]:
    """Return nothing if there is such a domain."""
    if lookup.exists(domain):
        return []
    return [
        missing(
            f"The name server doesn't know the domain {domain} of {setting}.",
            "Check the spelling. If it's right, this machine's name server may only know the internal network: run "
            "this again with --name-server and a public one.",
        )
    ]


def check_incoming(lookup: Lookup, domain: str, what: str) -> Finding:
    """`what` arrives there: bounces or replies."""
    hosts = lookup.mail_hosts(domain)
    if hosts == [""]:
        return missing(
            f"{domain} says that it takes no email, so {what} get lost.",
            "Choose an address of a domain that takes email, or ask the IT department for one.",
        )
    if not hosts and lookup.addresses(domain):
        return ok(f"{domain} has no mail server of its own (MX), so {what} go to the host itself.")
    if not hosts:
        return missing(
            f"No server takes email for {domain}, so {what} get lost.",
            "Ask the IT department for an MX record, or choose an address of a domain that takes email.",
        )
    lost = [host for host in hosts[:MAX_MAIL_HOSTS] if not lookup.addresses(host)]
    if lost:
        return missing(
            f"{domain} names mail servers that don't exist: {', '.join(lost)}.",
            f"Ask the IT department to correct its MX records, or {what} can get lost.",
        )
    return ok(f"{domain} takes email, so {what} arrive.")


def relay_addresses(lookup: Lookup, host: str) -> tuple[list[Address], list[Finding]]:
    """Return the public addresses of the mail server, as far as it has any."""
    advice = (
        "Ask the IT department which address email leaves from, and run this again with --sending-address to check "
        "SPF and the reverse name."
    )
    try:
        found = [ip_address(host)]
    except ValueError:
        found = lookup.addresses(host)
    if not found:
        return [], [unseen(f"We can't see the address of {host}: the name server doesn't know that name.", advice)]
    public = [address for address in found if address.is_global]
    if not public:
        return [], [
            unseen(f"{host} is in the internal network, so we can't see which address email leaves from.", advice)
        ]
    return public[:MAX_ADDRESSES], []


def check_reverse_name(lookup: Lookup, address: Address) -> Finding:
    names = lookup.reverse_names(address)
    if not names:
        return missing(
            f"{address} has no reverse name (PTR). Many servers turn away email from such an address.",
            "Ask the IT department to have one set by whoever provides the address.",
        )
    for name in names[:MAX_MAIL_HOSTS]:
        if address in lookup.addresses(name):
            return ok(f"{address} has the reverse name {name}, which leads back to it.")
    return missing(
        f"The reverse name of {address}, {names[0]}, doesn't lead back to it.",
        "Ask the IT department to make the reverse name and the name's address match.",
    )
