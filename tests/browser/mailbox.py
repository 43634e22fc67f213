"""The folder in which the worker writes email, read by recipient."""

import email
import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path

from imagine.demo.servers import wait_until

SEPARATOR = "-" * 79  # written by Django's file backend after each email
TIMEOUT = 30  # seconds: one sweep, on a busy machine


@dataclass
class Mailbox:
    folder: Path

    def to(self, address: str) -> list[EmailMessage]:
        """Return all complete emails to an address, oldest first."""
        files = sorted(self.folder.glob("*.log")) if self.folder.exists() else []
        sent = [part for file in files for part in file.read_text().split(f"{SEPARATOR}\n")[:-1]]
        return [
            email.message_from_string(email_text, policy=policy.default)
            for email_text in sent
            if f"\nTo: {address}\n" in email_text
        ]

    def newest(self, address: str, number: int) -> EmailMessage:
        """Wait for the `number`th email to this address and return it. It must be the last one."""
        assert wait_until(lambda: len(self.to(address)) >= number, TIMEOUT), (
            f"email {number} to {address} never arrived"
        )
        messages = self.to(address)
        assert len(messages) == number, [message["Subject"] for message in messages]
        return messages[-1]


def links(message: EmailMessage, to: str = "rsvp|promise") -> list[str]:
    """Return the personal links to these pages in an email's text and HTML."""
    bodies = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
    return [link for body in bodies for link in re.findall(rf"https?://[^\s\"<]*/(?:{to})/[\w-]{{32}}/", body)]
