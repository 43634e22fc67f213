"""People who asked to be told when the next summit has a date."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from imagine.core.links import PersonalLink
from imagine.mail.models import Message


class DateAlertQuerySet(models.QuerySet):
    def with_email(self, email: str):
        return self.filter(email=email.lower())

    def waiting(self):
        """Confirmed by the mailbox, and not told yet."""
        return self.filter(verified_at__isnull=False, told_at__isnull=True)

    def unanswered(self):
        return self.filter(Q(answered_at__isnull=True) | Q(answered_at__lt=models.F("asked_at")))


class DateAlert(PersonalLink):
    """A request for one email, once the next summit is published. It counts once the emailed link was used; `asked_at`
    is when the form was last sent, and `answered_at` when we last emailed the link."""

    email = models.EmailField(_("email"), unique=True)
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    asked_at = models.DateTimeField(_("asked"), db_default=Now())
    answered_at = models.DateTimeField(_("link emailed"), null=True, editable=False)
    told_at = models.DateTimeField(_("told"), null=True, editable=False)
    messages = GenericRelation(Message)

    objects = DateAlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("date alert")
        verbose_name_plural = _("date alerts")
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="datealert_email_in_lower_case"),
            models.CheckConstraint(
                condition=Q(told_at__isnull=True) | Q(verified_at__isnull=False), name="datealert_told_only_if_verified"
            ),
        ]

    def __str__(self):
        return str(self.pk)

    def get_absolute_url(self):
        return reverse("date_alert", args=[self.token])

    @property
    def is_waiting(self) -> bool:
        return self.verified_at is not None and self.told_at is None
