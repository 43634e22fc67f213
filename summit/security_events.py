from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class SummitEventKind(TextChoices):
    LINK_SHOWN = "link_shown", _("Personal link shown to staff")
