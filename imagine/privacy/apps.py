from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "imagine.privacy"
    verbose_name = _("Privacy")

    def ready(self):
        # Models can be imported only now.
        from imagine.privacy import receivers  # noqa: F401 (importing it connects them)
