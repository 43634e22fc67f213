"""Stored email: messages, mailings, preferences by address, and editable templates."""

from imagine.mail.models.mailings import Mailing, SendRate
from imagine.mail.models.messages import (
    KEEP_TRYING,
    MAX_LENGTH_SUBJECT,
    Message,
    MessageQuerySet,
    QueueHeartbeat,
    default_retry_until,
)
from imagine.mail.models.preferences import EmailPreference
from imagine.mail.models.reports import ReportMailbox
from imagine.mail.models.templates import TemplateOverride

__all__ = [
    "KEEP_TRYING",
    "MAX_LENGTH_SUBJECT",
    "EmailPreference",
    "Mailing",
    "Message",
    "MessageQuerySet",
    "QueueHeartbeat",
    "ReportMailbox",
    "SendRate",
    "TemplateOverride",
    "default_retry_until",
]
