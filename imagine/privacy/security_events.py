from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class PrivacyEventKind(TextChoices):
    PERSON_ERASED = "person_erased", _("Person erased")
