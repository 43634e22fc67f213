"""Mailings, and their send rate."""

from datetime import UTC, datetime

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.models import AuditEntry
from imagine.core.relations import AboutQuerySet

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class MailingQuerySet(AboutQuerySet):
    def unrendered(self):
        """Return the mailings that still have messages to render."""
        return self.filter(rendered_at__isnull=True, stopped_at__isnull=True)

    def lock(self) -> None:
        """Lock these mailings until the transaction ends: before their invitations and messages."""
        list(self.order_by("pk").select_for_update(no_key=True).values_list("pk"))


class Mailing(models.Model):
    """Messages that staff send, watch, pause, resume and stop together, such as the invitations to an event.

    `template` is the code of an editable template. `recipient_count` is the number of recipients that staff confirmed,
    `skipped_count` how many of them got no message, for example because they have unsubscribed since.
    """

    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT)
    object_id = models.PositiveBigIntegerField()
    about = GenericForeignKey()
    template = models.CharField(_("template"), max_length=40, default="invitation")
    title = models.CharField(_("title"), max_length=200)
    recipient_count = models.PositiveIntegerField(_("recipients"))
    skipped_count = models.PositiveIntegerField(_("skipped"), default=0)
    started_by = models.CharField(_("started by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("started"), default=timezone.now)
    rendered_at = models.DateTimeField(_("all emails prepared"), null=True, blank=True)
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)

    objects = MailingQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["content_type", "object_id", "-created_at"], name="mailing_about")]

    def __str__(self):
        return self.title


class SendRate(models.Model):
    """The one row with the send rate of all mailings. `next_at` is when the next message may be sent; senders lock
    the row and move it forward."""

    per_second = models.PositiveIntegerField(
        _("emails per second, at most"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("For all invitations and reminders. Confirmations go out right away."),
    )
    next_at = models.DateTimeField(default=LONG_AGO, editable=False)
    audit_entries = GenericRelation(AuditEntry)

    class Meta:
        verbose_name = _("sending speed")
        verbose_name_plural = _("sending speed")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="send_rate_only_one"),
            models.CheckConstraint(condition=Q(per_second__gte=1, per_second__lte=10_000), name="send_rate_in_bounds"),
        ]

    def __str__(self):
        return str(self.per_second)
