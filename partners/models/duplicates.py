"""Two records that may be one organization, and the traces that a merge leaves."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from partners.models.organizations import Organization
from partners.models.pledges import Pledge


class Reason(models.TextChoices):
    """What speaks for two being one."""

    NAME = "name", _("same name")
    ALIKE = "alike", _("similar name")
    CONTACT = "contact", _("same e-mail address")
    MAIL = "mail", _("same mail domain")
    WEBSITE = "website", _("same website")


class TwinPairQuerySet(models.QuerySet):
    def open(self):
        """Those that staff have not said of that they are two."""
        return self.filter(dismissed_at__isnull=True)


class TwinPair(models.Model):
    """Two organizations that may be one. twins.search writes what speaks for it; staff may say that they are two, and
    that stands for good."""

    one = models.ForeignKey(Organization, verbose_name=_("one"), on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Organization, verbose_name=_("the other"), on_delete=models.CASCADE, related_name="+")
    likelihood = models.PositiveSmallIntegerField(_("likelihood"), help_text=_("Of 100."))
    reasons = ArrayField(models.CharField(max_length=8, choices=Reason), verbose_name=_("what speaks for it"))
    dismissed_at = models.DateTimeField(_("said to be two"), null=True, blank=True)
    dismissed_by = models.CharField(_("said by"), max_length=150, blank=True)

    objects = TwinPairQuerySet.as_manager()

    class Meta:
        verbose_name = _("likely twins")
        verbose_name_plural = _("likely twins")
        ordering = ["-likelihood", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="twinpair_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="twinpair_older_first"),
            models.CheckConstraint(condition=Q(likelihood__lte=100), name="twinpair_likelihood_of_100"),
        ]
        indexes = [
            models.Index(fields=["-likelihood", "id"], condition=Q(dismissed_at__isnull=True), name="twinpair_open")
        ]

    def __str__(self):
        return str(self.pk)


class TwinSearch(models.Model):
    """The last time that all organizations were compared, and a mark of what was compared: while it stays the same
    there is nothing to do. One row."""

    at = models.DateTimeField(default=timezone.now)
    mark = models.CharField(max_length=32)

    def __str__(self):
        return f"{self.at:%Y-%m-%d %H:%M}"


class OldAddress(models.Model):
    """The web address of an organization that was merged into another: it leads there."""

    slug = models.SlugField(max_length=60, unique=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="old_addresses")

    def __str__(self):
        return self.slug


class OldLink(models.Model):
    """The private link of a pledge that was merged into another: it opens that one."""

    token = models.CharField(max_length=32, unique=True)
    pledge = models.ForeignKey(Pledge, on_delete=models.CASCADE, related_name="old_links")

    def __str__(self):
        return str(self.pk)
