"""Stored mail: messages, mailings, what each address wants, and the words that staff may change."""

from imagine.mail.models.mailings import EmailPreference, Mailing, SendRate, TemplateOverride
from imagine.mail.models.messages import KEEP_TRYING, Message, QueueHeartbeat, default_retry_until

__all__ = [
    "KEEP_TRYING",
    "EmailPreference",
    "Mailing",
    "Message",
    "QueueHeartbeat",
    "SendRate",
    "TemplateOverride",
    "default_retry_until",
]
