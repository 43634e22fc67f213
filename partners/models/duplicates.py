"""Possible duplicates among organizations, and the redirects that a merge leaves behind."""

from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from partners.models.organizations import Organization


class MatchReason(models.TextChoices):
    """Why two organizations may be the same."""

    NAME = "name", _("same name")
    SIMILAR_NAME = "similar_name", _("similar name")
    EMAIL = "email", _("same email address")
    EMAIL_DOMAIN = "email_domain", _("same email domain")
    WEBSITE = "website", _("same website")


class DuplicateCandidateQuerySet(models.QuerySet):
    def dismissed(self):
        return self.filter(dismissed_at__isnull=False)

    def not_dismissed(self):
        return self.filter(dismissed_at__isnull=True)

    def of_organizations(self, pks: Iterable[int]):
        return self.filter(Q(organization_a__in=pks) | Q(organization_b__in=pks))

    def lock(self) -> None:
        """Lock these pairs by primary key, as a scan does. Deleting organizations would lock theirs in any order."""
        list(self.select_for_update().order_by("pk").values_list("pk"))


class DuplicateCandidate(models.Model):
    """Two organizations that may be the same. A scan writes the score and reasons. If staff dismiss a candidate, later
    scans keep it dismissed."""

    organization_a = models.ForeignKey(
        Organization, verbose_name=_("first organization"), on_delete=models.CASCADE, related_name="+"
    )
    organization_b = models.ForeignKey(
        Organization, verbose_name=_("second organization"), on_delete=models.CASCADE, related_name="+"
    )
    score = models.PositiveSmallIntegerField(_("match"), help_text=_("Out of 100."))
    reasons = ArrayField(models.CharField(max_length=12, choices=MatchReason), verbose_name=_("why they match"))
    dismissed_at = models.DateTimeField(_("marked not duplicates on"), null=True, blank=True)
    dismissed_by = models.CharField(_("marked by"), max_length=150, blank=True)

    objects = DuplicateCandidateQuerySet.as_manager()

    class Meta:
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        ordering = ["-score", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organization_a", "organization_b"], name="duplicatecandidate_once"),
            models.CheckConstraint(
                condition=Q(organization_a__lt=F("organization_b")), name="duplicatecandidate_older_first"
            ),
            models.CheckConstraint(condition=Q(score__lte=100), name="duplicatecandidate_score_of_100"),
        ]
        indexes = [
            models.Index(
                fields=["-score", "id"], condition=Q(dismissed_at__isnull=True), name="duplicatecandidate_open"
            )
        ]

    def __str__(self):
        return str(self.pk)


class DuplicateScan(models.Model):
    """The last comparison of all organizations, in a single row. The fingerprint of the compared data tells whether
    they need to be compared again."""

    scanned_at = models.DateTimeField(default=timezone.now)
    fingerprint = models.CharField(max_length=32)

    def __str__(self):
        return f"{self.scanned_at:%Y-%m-%d %H:%M}"


class SlugRedirect(models.Model):
    """The slug of an organization that was merged into another, to redirect to its page."""

    slug = models.SlugField(max_length=60, unique=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="slug_redirects")

    def __str__(self):
        return self.slug
