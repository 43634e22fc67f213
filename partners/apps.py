from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartnersConfig(AppConfig):
    name = "partners"
    verbose_name = _("Partners and promises")

    def ready(self):
        # Models can be imported only now.
        from partners import receivers  # noqa: F401 (importing it registers what it has)
