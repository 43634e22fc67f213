"""Texts that staff saved for editable email templates."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.models import AuditEntry


class TemplateOverrideQuerySet(models.QuerySet):
    def active(self):
        return self.exclude(text="")


class TemplateOverride(models.Model):
    """Staff's text for an editable template in one language. It is empty if the default text is used; the row stays for
    its history."""

    template = models.CharField(_("template"), max_length=40)
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES)
    subject = models.CharField(_("subject"), max_length=150, blank=True)
    text = models.TextField(_("text"), max_length=4000, blank=True)
    changed_at = models.DateTimeField(_("last changed"), default=timezone.now, editable=False)
    changed_by = models.CharField(_("last changed by"), max_length=150, blank=True, editable=False)
    audit_entries = GenericRelation(AuditEntry)

    objects = TemplateOverrideQuerySet.as_manager()

    class Meta:
        verbose_name = _("email template")
        verbose_name_plural = _("email templates")
        ordering = ["template", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["template", "language"], name="template_override_one_per_template_and_language"
            ),
        ]

    def __str__(self):
        return f"{self.template} ({self.language})"
