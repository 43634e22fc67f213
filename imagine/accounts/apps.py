from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "imagine.accounts"
    verbose_name = _("Staff accounts")

    def ready(self):
        # Models can be imported only now.
        from imagine.accounts import receivers  # noqa: F401 (importing it connects them)
        from imagine.accounts.security_events import AccountEventKind
        from imagine.core.models import register_security_event_kinds

        register_security_event_kinds(AccountEventKind)

        # The admin's words for Django's own models.
        auth = apps.get_app_config("auth")
        auth.verbose_name = _("Accounts and roles")
        account, role = auth.get_model("user")._meta, auth.get_model("group")._meta
        account.verbose_name, account.verbose_name_plural = _("staff account"), _("staff accounts")
        role.verbose_name, role.verbose_name_plural = _("staff role"), _("staff roles")
