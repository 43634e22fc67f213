"""Holds, which keep a person's data from being deleted, and the record of people who were erased."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class HoldQuerySet(models.QuerySet):
    def active(self):
        return self.filter(ends_on__gte=timezone.localdate())

    def emails(self) -> list[str]:
        """Return the addresses on hold, in lower case."""
        return list(self.active().values_list("email", flat=True))


class Hold(models.Model):
    """Nothing about this person is deleted, by schedule or by staff, until the hold ends."""

    email = models.EmailField(_("email"))
    reason = models.CharField(
        _("reason"), max_length=200, help_text=_("For example, “Public records request 2027-014”.")
    )
    ends_on = models.DateField(
        _("last day"), help_text=_("You can change this later. To end the hold early, choose yesterday.")
    )
    created_by = models.CharField(_("placed by"), max_length=150, editable=False)
    created_at = models.DateTimeField(_("placed"), db_default=Now(), editable=False)

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-ends_on", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="hold_email_in_lower_case"),
            models.CheckConstraint(condition=~Q(reason=""), name="hold_has_a_reason"),
        ]

    def __str__(self):
        """Leave out the address, because Django's admin stores this in its log and in messages."""
        return str(_("hold %(number)s")) % {"number": self.pk}


class ErasureQuerySet(models.QuerySet):
    def finish(self) -> None:
        self.filter(finished_at=None).update(finished_at=Now())


class Erasure(models.Model):
    """A person who was erased. Only a keyed hash of the address is kept. It identifies the person in a restored backup,
    and tells no one who it was."""

    email_hash = models.CharField(max_length=64)
    erased_at = models.DateTimeField(_("erased"))
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    erased_by = models.CharField(_("erased by"), max_length=150, blank=True)
    counts = models.JSONField(_("records"), default=dict, help_text=_("The number of records by table."))

    objects = ErasureQuerySet.as_manager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-erased_at", "-pk"]
        permissions = [
            ("see_person", _("Can see everything about a person")),
            ("erase_person", _("Can erase a person")),
        ]
        constraints = [models.UniqueConstraint(fields=["email_hash", "erased_at"], name="erasure_once")]

    def __str__(self):
        return str(_("erasure %(number)s")) % {"number": self.pk}
