"""Links to a message's page, for those who may open it."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from imagine.core.admin.permissions import current_user_may
from imagine.mail.models import Message


def message_link(message: Message, text: str) -> SafeString:
    if not current_user_may("mail.view_message"):
        return format_html("{}", text)
    return format_html('<a href="{}">{}</a>', reverse("admin:mail_message_change", args=[message.pk]), text)
