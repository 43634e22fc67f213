"""The audit log, rate limit counts, and the secrets of personal links."""

import secrets

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from imagine.core.relations import AboutQuerySet


def new_token() -> str:
    """Return the secret of a personal link: 192 random bits as 32 characters that need no quoting in a URL."""
    return secrets.token_urlsafe(24)


class AuditEntry(models.Model):
    """One change of one object: who, when, and each field from what to what. imagine.core.audit writes it."""

    class ActorKind(models.TextChoices):
        GUEST = "guest", _("the guest, by link")
        STAFF = "staff", _("staff")
        SYSTEM = "system", _("by itself")

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    about = GenericForeignKey()
    created_at = models.DateTimeField(db_default=Now())
    actor_kind = models.CharField(max_length=8, choices=ActorKind)
    actor_name = models.CharField(max_length=150, blank=True)
    changes = models.JSONField()
    reason = models.CharField(max_length=300, blank=True)

    objects = AboutQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["content_type", "object_id", "created_at"], name="audit_entry_of_one_object")]

    def __str__(self):
        return f"{self.content_type.model} {self.object_id} {self.created_at:%Y-%m-%d %H:%M}"


class RateLimitCount(models.Model):
    """How often something was tried in one window of time, counted by imagine.core.rate_limit."""

    key = models.CharField(max_length=80)
    since = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "since"], name="rate_limit_count_once_a_window")]

    def __str__(self):
        return f"{self.key}: {self.count}"
