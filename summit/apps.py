from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SummitConfig(AppConfig):
    name = "summit"
    verbose_name = _("Events and RSVPs")

    def ready(self):
        # Models can be imported only now.
        from imagine.core.models import register_security_event_kinds
        from summit import receivers  # noqa: F401 (importing it connects them)
        from summit.invitations import mailing_kinds
        from summit.security_events import SummitEventKind
        from summit.staff_emails import attachments

        register_security_event_kinds(SummitEventKind)
        mailing_kinds.register_mailing_kinds()
        attachments.register_attachments()
