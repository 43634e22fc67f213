from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImagineConfig(AppConfig):
    name = "imagine"
    verbose_name = _("Mail")
