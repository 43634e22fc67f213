from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class MailEventKind(TextChoices):
    EMAIL_VIEWED = "email_viewed", _("Email viewed as its recipient sees it")
    MAILING_CREATED = "mailing_created", _("Mailing created")
    MAILING_APPROVED = "mailing_approved", _("Mailing approved")
    MAILING_PAUSED = "mailing_paused", _("Mailing paused")
    MAILING_RESUMED = "mailing_resumed", _("Mailing resumed")
    MAILING_STOPPED = "mailing_stopped", _("Mailing stopped")
    EMAIL_RESENT = "email_resent", _("Email resent")
    BOUNCE_MARKED = "bounce_marked", _("Address marked as bouncing")
    BOUNCE_CLEARED = "bounce_cleared", _("Address marked as working")
