"""Attachments are built when the email is sent, so that nobody who presses a button waits for one and no file is stored
twice. Each app registers a builder for its kinds when it is ready."""

import logging
from collections.abc import Callable
from typing import Any

from imagine.mail.models import Message

logger = logging.getLogger(__name__)

Builder = Callable[[Any, str], bytes | None]
_builders: dict[str, Builder] = {}


class AttachmentFailed(Exception):
    """The attachment could not be built now."""


def register(kind: str, builder: Builder) -> None:
    """`builder` takes the attached object and the email's language."""
    _builders[kind] = builder


def build(message: Message) -> bytes | None:
    """Return the content; None if what was attached has been deleted. Raise AttachmentFailed."""
    if message.attached is None:
        return None
    try:
        return _builders[message.attachment_kind](message.attached, message.language)
    except Exception as error:  # whatever it was, the email waits and staff see the reason
        logger.exception("attachment", extra={"message_id": str(message.pk)})
        raise AttachmentFailed(type(error).__name__) from error
