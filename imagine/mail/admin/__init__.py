"""Stored mail in the admin: messages, addresses, and the words that staff may change."""

from imagine.mail.admin.editable_templates import WordingAdmin
from imagine.mail.admin.messages import MessageAdmin
from imagine.mail.admin.preferences import AddressAdmin

__all__ = ["AddressAdmin", "MessageAdmin", "WordingAdmin"]
