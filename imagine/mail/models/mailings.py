"""Mail to many: what belongs together, how fast it leaves, who wants which, and the words that staff may change."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.models import AuditEntry, new_token


class MailingQuerySet(models.QuerySet):
    def going_on(self):
        """Those whose messages are not all written yet."""
        return self.filter(rendered_at__isnull=True, stopped_at__isnull=True)


class Mailing(models.Model):
    """Messages that belong together, such as the invitations to one event: watched, paused, gone on with, stopped.

    `kind` is the code of what is said (wordings.py). `count` is how many people staff confirmed; `left_out` how many of
    them were not written to after all, as they unsubscribed in between. The rest is counted from the messages
    (bulk.py).
    """

    about = models.CharField(_("about"), max_length=40)  # "event:17"
    template = models.CharField(_("letter"), max_length=40, default="invitation")
    title = models.CharField(_("title"), max_length=200)
    recipient_count = models.PositiveIntegerField(_("people"))
    skipped_count = models.PositiveIntegerField(_("left out since"), default=0)
    started_by = models.CharField(_("started by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("started"), default=timezone.now)
    rendered_at = models.DateTimeField(_("all written"), null=True, blank=True)
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)

    objects = MailingQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["about", "-created_at"], name="mailing_about")]

    def __str__(self):
        return self.title


class SendRate(models.Model):
    """How fast mail to many leaves: one row. `next_at` is when the next one may; senders move it on under lock."""

    per_second = models.PositiveIntegerField(
        _("mails a second, at most"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("For invitations and reminders. Confirmations do not wait for it."),
    )
    next_at = models.DateTimeField(default=timezone.now, editable=False)
    audit_entries = GenericRelation(AuditEntry)

    class Meta:
        verbose_name = _("pace of mail to many")
        verbose_name_plural = _("pace of mail to many")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="send_rate_only_one"),
            models.CheckConstraint(condition=Q(per_second__gte=1, per_second__lte=10_000), name="send_rate_in_bounds"),
        ]

    def __str__(self):
        return str(self.per_second)


class EmailPreferenceQuerySet(models.QuerySet):
    def with_email(self, email: str):
        return self.filter(email=email.lower())


class EmailPreference(models.Model):
    """A mail address that was written to beyond a direct answer: which mail it wants, whether it refuses mail for good.
    An address without a row wants what the defaults say. `token` is its link to change that."""

    email = models.EmailField(_("e-mail"), unique=True, help_text=_("In lower case."))
    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    wants_invitations = models.BooleanField(_("wants invitations"), default=True)
    wants_reminders = models.BooleanField(_("wants reminders"), default=True)
    wants_news = models.BooleanField(_("wants news"), default=False)
    suppressed_at = models.DateTimeField(_("refuses mail since"), null=True, blank=True, editable=False)
    suppression_reason = models.CharField(_("what its mail server said"), max_length=300, blank=True, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    objects = EmailPreferenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="email_preference_in_lower_case"),
            models.CheckConstraint(
                condition=Q(suppression_reason="") | Q(suppressed_at__isnull=False),
                name="email_preference_suppression_reason",
            ),
        ]

    def __str__(self):
        """Without the address: Django's admin keeps it in its log and in a cookie."""
        return str(_("address %(number)s")) % {"number": self.pk}

    def get_absolute_url(self):
        return reverse("mail_choices", args=[self.token])


class TemplateOverrideQuerySet(models.QuerySet):
    def active(self):
        return self.exclude(text="")


class TemplateOverride(models.Model):
    """Staff's own text of an editable template in one language (editable_templates.py). It is empty, and keeps only its
    history, when the default text is used again."""

    kind = models.CharField(_("letter"), max_length=40)
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES)
    subject = models.CharField(_("subject"), max_length=150, blank=True)
    text = models.TextField(_("text"), max_length=4000, blank=True)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    changed_by = models.CharField(_("changed by"), max_length=150, blank=True, editable=False)
    audit_entries = GenericRelation(AuditEntry)

    objects = TemplateOverrideQuerySet.as_manager()

    class Meta:
        verbose_name = _("words of a mail")
        verbose_name_plural = _("words of mail")
        ordering = ["kind", "language"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "language"], name="template_override_one_per_kind_and_language"),
        ]

    def __str__(self):
        return f"{self.kind} ({self.language})"
