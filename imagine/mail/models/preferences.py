"""Which email an address wants, and whether email to it is suppressed."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.links import new_token


class EmailPreferenceQuerySet(models.QuerySet):
    def with_email(self, email: str):
        return self.filter(email=email.lower())


class EmailPreference(models.Model):
    """The topics that an address wants, and since when mailings to it are suppressed because it bounced for good.

    The defaults apply to addresses without a row. `token` is the secret in the link to the preferences page.
    """

    email = models.EmailField(_("email"), unique=True)
    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    wants_invitations = models.BooleanField(_("invitations"), default=True)
    wants_reminders = models.BooleanField(_("reminders"), default=True)
    wants_news = models.BooleanField(_("news"), default=False)
    suppressed_at = models.DateTimeField(_("bouncing since"), null=True, blank=True, editable=False)
    suppression_reason = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    changed_at = models.DateTimeField(_("last changed"), default=timezone.now, editable=False)

    objects = EmailPreferenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("email preferences")
        verbose_name_plural = _("email preferences")
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="email_preference_in_lower_case"),
            models.CheckConstraint(
                condition=Q(suppression_reason="") | Q(suppressed_at__isnull=False),
                name="email_preference_suppression_reason",
            ),
        ]

    def __str__(self):
        """Leave out the address, because Django's admin stores this in its log and in messages."""
        return str(_("Email preferences %(number)s")) % {"number": self.pk}

    def get_absolute_url(self):
        return reverse("email_preferences", args=[self.token])

    def wants(self, topic: str) -> bool:
        return getattr(self, f"wants_{topic}")
