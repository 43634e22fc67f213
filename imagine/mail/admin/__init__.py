"""Email in the admin: messages, mailings, preferences and editable templates."""

from imagine.mail.admin.editable_templates import TemplateOverrideAdmin
from imagine.mail.admin.mailings import MailingAdmin
from imagine.mail.admin.messages import MessageAdmin
from imagine.mail.admin.preferences import EmailPreferenceAdmin

__all__ = ["EmailPreferenceAdmin", "MailingAdmin", "MessageAdmin", "TemplateOverrideAdmin"]
