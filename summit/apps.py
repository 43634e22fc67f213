from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SummitConfig(AppConfig):
    name = "summit"
    verbose_name = _("Events and RSVPs")

    def ready(self):
        # Models can't be imported earlier.
        from summit import receivers  # noqa: F401 (importing it connects them)
