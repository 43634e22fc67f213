from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class PartnerEventKind(TextChoices):
    ORGANIZATIONS_MERGED = "organizations_merged", _("Organizations merged")
