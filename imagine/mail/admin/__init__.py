"""Stored mail in the admin: messages, addresses, and the words that staff may change."""

from imagine.mail.admin.editable_templates import TemplateOverrideAdmin
from imagine.mail.admin.messages import MessageAdmin
from imagine.mail.admin.preferences import EmailPreferenceAdmin

__all__ = ["EmailPreferenceAdmin", "MessageAdmin", "TemplateOverrideAdmin"]
