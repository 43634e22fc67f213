from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class AccountEventKind(TextChoices):
    SESSION_ENDED = "session_ended", _("Session ended")
    SECOND_FACTOR_ADDED = "second_factor_added", _("Second step added")
    SECOND_FACTOR_REMOVED = "second_factor_removed", _("Second step removed")
    SECOND_FACTOR_RESET = "second_factor_reset", _("Second step reset")
    SECOND_FACTOR_FAILED = "second_factor_failed", _("Second step failed")
    RECOVERY_CODES_CREATED = "recovery_codes_created", _("Recovery codes created")
    RECOVERY_CODE_USED = "recovery_code_used", _("Recovery code used")
