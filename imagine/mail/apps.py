from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailConfig(AppConfig):
    name = "imagine.mail"
    verbose_name = _("Email")

    def ready(self):
        # Models can be imported only now.
        from imagine.core.models import register_security_event_kinds
        from imagine.mail.security_events import MailEventKind

        register_security_event_kinds(MailEventKind)
