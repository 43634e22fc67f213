"""The folder where the worker puts mail, read as its recipients would."""

import email
import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path

from imagine.demo.servers import wait_until

BETWEEN = "-" * 79  # what Django's file backend writes after each mail
PATIENCE = 30  # seconds: one sweep and a busy machine


@dataclass
class Mailbox:
    folder: Path

    def to(self, address: str) -> list[EmailMessage]:
        """Every whole mail to an address, oldest first."""
        files = sorted(self.folder.glob("*.log")) if self.folder.exists() else []
        sent = [part for file in files for part in file.read_text().split(f"{BETWEEN}\n")[:-1]]
        return [email.message_from_string(one, policy=policy.default) for one in sent if f"\nTo: {address}\n" in one]

    def newest(self, address: str, number: int) -> EmailMessage:
        """The mail that is the `number`th to this address, once it has come; the last one, too."""
        assert wait_until(lambda: len(self.to(address)) >= number, PATIENCE), f"mail {number} to {address} never came"
        messages = self.to(address)
        assert len(messages) == number, [message["Subject"] for message in messages]
        return messages[-1]


def links(message: EmailMessage, to: str = "rsvp|promise") -> list[str]:
    """The private links of a mail to these pages: of its text, and of its HTML."""
    bodies = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
    return [link for body in bodies for link in re.findall(rf"https?://[^\s\"<]*/(?:{to})/[\w-]{{32}}/", body)]
