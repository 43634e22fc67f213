"""The address of a mailbox in the settings, which load this before Django is set up."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"imaps": 993, "imap": 143}


@dataclass(frozen=True)
class Mailbox:
    is_encrypted: bool
    host: str
    port: int
    user: str
    password: str = field(repr=False)  # Django's error pages show settings
    folder: str


def parse_mailbox_url(url: str) -> Mailbox:
    """Return the mailbox at imaps://user:password@host:port/folder. Raise ValueError."""
    parts = urlsplit(url)
    user, password, folder = (unquote(part or "") for part in (parts.username, parts.password, parts.path[1:]))
    is_whole = parts.scheme in PORTS and user and password
    if not (is_whole and parts.hostname and folder.isascii() and folder.isprintable()):
        raise ValueError("This isn't the URL of a mailbox.")
    port = parts.port or PORTS[parts.scheme]
    return Mailbox(parts.scheme == "imaps", parts.hostname, port, user, password, folder or "INBOX")
