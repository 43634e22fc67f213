from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SummitConfig(AppConfig):
    name = "summit"
    verbose_name = _("Events and RSVPs")

    def ready(self):
        # Models can be imported only now.
        from imagine.mail import resend
        from summit import receivers  # noqa: F401 (importing it connects them)
        from summit.invitations import resend as invitation_resend

        resend.RULES["invitation"] = invitation_resend.send_again
