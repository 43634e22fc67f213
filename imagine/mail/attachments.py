"""Build attachments when their email is sent, so that no request waits for them and no file is stored twice.

Each app registers builders for its kinds of attachments in its AppConfig.ready().
"""

import logging
from collections.abc import Callable
from typing import Any

from imagine.mail.models import Message

logger = logging.getLogger(__name__)

Builder = Callable[[Any, str], bytes | None]
_builders: dict[str, Builder] = {}


class AttachmentFailed(Exception):
    """The attachment couldn't be built this time."""


def register_builder(kind: str, builder: Builder) -> None:
    """Register a function of the attached object and the email's language that returns the content."""
    _builders[kind] = builder


def build_attachment(message: Message) -> bytes | None:
    """Return the content, or None if the attached object has been deleted. Raise AttachmentFailed."""
    if message.attached is None:
        return None
    try:
        return _builders[message.attachment_kind](message.attached, message.language)
    except Exception as error:  # the email is retried, and staff see the reason
        logger.exception("attachment", extra={"message_id": str(message.pk)})
        raise AttachmentFailed(type(error).__name__) from error
