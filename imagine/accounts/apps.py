from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "imagine.accounts"
    verbose_name = _("Staff accounts")

    def ready(self):
        from imagine.accounts import receivers  # noqa: F401 (importing it connects them; models can be imported now)
