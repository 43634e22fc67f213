"""The change history, the activity log and rate limit counts."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from imagine.core.relations import AboutQuerySet


class AuditEntry(models.Model):
    """One change of one object: who made it, when, and the old and new value of each field. imagine.core.audit writes
    it."""

    class ActorKind(models.TextChoices):
        GUEST = "guest", _("guest or partner")
        STAFF = "staff", _("staff")
        SYSTEM = "system", _("automatic")

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    about = GenericForeignKey()
    created_at = models.DateTimeField(_("when"), db_default=Now())
    actor_kind = models.CharField(_("who"), max_length=8, choices=ActorKind)
    actor_name = models.CharField(_("username"), max_length=150, blank=True)
    changes = models.JSONField(_("changes"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    objects = AboutQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["content_type", "object_id", "created_at"], name="audit_entry_of_one_object")]

    def __str__(self):
        return f"{self.content_type.model} {self.object_id} {self.created_at:%Y-%m-%d %H:%M}"


class SecurityEventKind(models.TextChoices):
    """What the activity log records in any app. Apps register kinds of their own."""

    SIGNED_IN = "signed_in", _("Signed in")
    SIGNED_OUT = "signed_out", _("Signed out")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
    PASSWORD_CHANGED = "password_changed", _("Password changed")
    ACCOUNT_CREATED = "account_created", _("Account created")
    ACCOUNT_CHANGED = "account_changed", _("Account changed")
    ACCOUNT_DELETED = "account_deleted", _("Account deleted")
    ROLE_CHANGED = "role_changed", _("Role changed")
    EXPORTED = "exported", _("Exported")
    SEVERAL_CHANGED = "several_changed", _("Several records changed")
    LINK_REPLACED = "link_replaced", _("Personal link replaced")
    RECORD_DELETED = "record_deleted", _("Record deleted")
    SETTING_CHANGED = "setting_changed", _("Setting changed")


_kind_classes: list[type[models.TextChoices]] = [SecurityEventKind]


def register_security_event_kinds(kinds: type[models.TextChoices]) -> None:
    """Call it in `AppConfig.ready`."""
    _kind_classes.append(kinds)


def security_event_kinds() -> list[tuple[str, str]]:
    return [choice for kinds in _kind_classes for choice in kinds.choices]


class SecurityEvent(models.Model):
    """One line of the activity log: who did something that matters for security or privacy, when and from where.
    imagine.core.security_events writes it.

    It is not the change history: AuditEntry says how the data of guests and partners changed, goes with them when they
    are deleted, and is for the office. This one has no personal data of guests and partners, and the database refuses
    to change it, or to delete what is younger than two years (migration 0004). So it has no foreign key that a deletion
    would have to follow: a deleted account keeps its name here.
    """

    created_at = models.DateTimeField(_("when"), db_default=Now())
    kind = models.CharField(_("what"), max_length=30, choices=security_event_kinds)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    user_name = models.CharField(_("who"), max_length=150, blank=True)
    network = models.CharField(_("network"), max_length=43, blank=True)
    content_type = models.ForeignKey(
        ContentType, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    object_id = models.CharField(max_length=36, null=True)  # noqa: DJ001  GenericForeignKey sets both or none
    about = GenericForeignKey()
    facts = models.JSONField(_("details"), default=dict)

    objects = AboutQuerySet.as_manager()

    class Meta:
        verbose_name = _("activity entry")
        verbose_name_plural = _("activity entries")
        default_permissions = ("view",)
        # What a role needs besides the permissions of each model. Each of these is recorded here.
        permissions = [
            ("export_many", "Can export more than 500 rows"),
            ("replace_links", "Can replace personal links"),
            ("act_on_many", "Can change several records at once"),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="security_event_created_at"),
            models.Index(fields=["content_type", "object_id"], name="security_event_of_one_object"),
        ]

    def __str__(self):
        return f"{self.pk}: {self.get_kind_display()}"


class RateLimitCount(models.Model):
    """How often something was tried in one part of a window of time, counted by imagine.core.rate_limit."""

    key = models.CharField(max_length=80)
    since = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "since"], name="rate_limit_count_once_a_window")]
        indexes = [models.Index(fields=["since"], name="rate_limit_count_by_time")]

    def __str__(self):
        return f"{self.key}: {self.count}"
