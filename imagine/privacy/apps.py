from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "imagine.privacy"
    verbose_name = _("Privacy")

    def ready(self):
        # Models can be imported only now.
        from imagine.core.models import register_security_event_kinds
        from imagine.privacy import receivers  # noqa: F401 (importing it connects them)
        from imagine.privacy.security_events import PrivacyEventKind

        register_security_event_kinds(PrivacyEventKind)
