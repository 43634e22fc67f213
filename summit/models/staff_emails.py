"""Emails that staff write to the guests of an event. The rules are in summit/staff_emails/."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.mail.models import Mailing
from summit.models.events import Event
from summit.models.invitations import Invitation
from summit.models.rsvps import Rsvp


class StaffEmail(models.Model):
    """An email in staff's own words to the guests of one event: a draft until it has a mailing.

    If `text_es` is empty, everyone gets the English text.
    """

    class Status(models.TextChoices):
        CONFIRMED = "confirmed", pgettext_lazy("RSVP", "Confirmed")
        WAITLISTED = "waitlisted", pgettext_lazy("RSVP", "Waitlisted")
        ATTENDED = "attended", pgettext_lazy("audience", "Attended")
        NO_SHOW = "no_show", _("No-show")
        INVITED = "invited", _("Invited, no answer yet")

    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.PROTECT, related_name="staff_emails")
    statuses = ArrayField(
        models.CharField(max_length=10, choices=Status), verbose_name=_("guests to email"), default=list
    )
    subject = models.CharField(_("subject"), max_length=150)
    text = models.TextField(_("text"), max_length=8000)
    subject_es = models.CharField(_("Spanish subject"), max_length=150, blank=True)
    text_es = models.TextField(_("Spanish text"), max_length=8000, blank=True)
    attachment = models.BinaryField(_("attachment"), default=bytes, editable=False)
    attachment_name = models.CharField(_("attachment"), max_length=120, blank=True, editable=False)
    mailing = models.OneToOneField(
        Mailing,
        verbose_name=_("mailing"),
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="staff_email",
    )
    written_by = models.CharField(_("last changed by"), max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    changed_at = models.DateTimeField(_("last changed"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("email to guests")
        verbose_name_plural = _("emails to guests")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(subject_es="", text_es="") | ~Q(subject_es="") & ~Q(text_es=""),
                name="staff_email_spanish_whole",
                violation_error_message=_("Enter both the Spanish subject and the Spanish text, or neither."),
            ),
        ]

    def __str__(self):
        return self.subject

    @property
    def is_draft(self) -> bool:
        return self.mailing_id is None


class StaffEmailRecipient(models.Model):
    """Someone whom staff confirmed as a recipient when they started the mailing: a party or an invitation."""

    staff_email = models.ForeignKey(StaffEmail, on_delete=models.CASCADE, related_name="recipients")
    rsvp = models.ForeignKey(Rsvp, on_delete=models.CASCADE, null=True, related_name="+")
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, null=True, related_name="+")
    written_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [
            models.UniqueConstraint(fields=["staff_email", "rsvp"], name="staff_email_once_per_party"),
            models.UniqueConstraint(fields=["staff_email", "invitation"], name="staff_email_once_per_invitation"),
            models.CheckConstraint(
                condition=Q(rsvp__isnull=False, invitation__isnull=True)
                | Q(rsvp__isnull=True, invitation__isnull=False),
                name="staff_email_recipient_one_of_two",
            ),
        ]
        indexes = [
            models.Index(
                fields=["staff_email", "id"], condition=Q(written_at__isnull=True), name="staff_email_to_write"
            ),
        ]

    def __str__(self):
        return str(self.pk)
