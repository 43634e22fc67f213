"""Imported spreadsheets: their rows, the decisions of staff, and the records that they created."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from partners.models.organizations import Organization
from partners.models.pledges import PledgeYear


class ImportQuerySet(models.QuerySet):
    def in_progress(self):
        """Filter for imports that a worker still has to work on."""
        return self.filter(state__in=Import.IN_PROGRESS)

    def last_written(self):
        """Return the newest import that wasn't undone, or None. Only this import can be undone."""
        return self.filter(state__in=[Import.State.DONE, Import.State.UNDOING]).order_by("-completed_at", "-pk").first()


class Import(models.Model):
    """A spreadsheet of partners and pledges for one school year. It is read, checked as a whole, confirmed, written,
    and can be undone. The file is kept until then, to read it again with other columns; its rows until they are
    written."""

    class State(models.TextChoices):
        READING = "reading", pgettext_lazy("import", "Reading file")
        REJECTED = "rejected", pgettext_lazy("import", "Rejected")
        CHECKED = "checked", pgettext_lazy("import", "Needs review")
        WRITING = "writing", pgettext_lazy("import", "Importing")
        DONE = "done", pgettext_lazy("import", "Imported")
        UNDOING = "undoing", pgettext_lazy("import", "Undoing")
        UNDONE = "undone", pgettext_lazy("import", "Undone")
        DISCARDED = "discarded", pgettext_lazy("import", "Discarded")

    IN_PROGRESS = (State.READING, State.WRITING, State.UNDOING)

    year = models.ForeignKey(PledgeYear, verbose_name=_("school year"), on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(_("file"), max_length=200)
    created_by = models.CharField(_("uploaded by"), max_length=150)
    language = models.CharField(max_length=5, choices=settings.LANGUAGES, default="en")
    created_at = models.DateTimeField(_("uploaded on"), db_default=Now())
    last_step_at = models.DateTimeField(db_default=Now(), help_text="When a worker last worked on it.")
    completed_at = models.DateTimeField(_("imported on"), null=True)
    state = models.CharField(_("status"), max_length=9, choices=State, default=State.READING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker has tried the current step.")
    file = models.BinaryField(null=True)
    rejection_reason = models.TextField(_("reason"), blank=True)
    options = models.JSONField(default=dict, help_text="What staff chose: the sheet, hidden rows.")
    format = models.JSONField(default=dict, help_text="How the file was read: kind, encoding, delimiter, columns.")
    row_count = models.PositiveIntegerField(_("rows"), default=0)
    error_count = models.PositiveIntegerField(_("rows with errors"), default=0)
    steps = models.PositiveIntegerField(default=0, help_text="Organizations to write, or records to undo.")
    steps_done = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="How many records were created, matched, skipped or undone.")
    not_undone = models.JSONField(default=list, help_text="What undoing left in place, and why.")

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(completed_at__isnull=False) | ~Q(state__in=["done", "undoing", "undone"]),
                name="import_done_when",
            ),
            models.CheckConstraint(condition=Q(steps_done__lte=F("steps")), name="import_steps_in_bounds"),
        ]
        indexes = [
            models.Index(
                fields=["last_step_at"],
                condition=Q(state__in=["reading", "writing", "undoing"]),
                name="import_in_progress",
            )
        ]

    def __str__(self):
        return self.file_name

    @property
    def is_in_progress(self) -> bool:
        return self.state in self.IN_PROGRESS


class ImportedOrganization(models.Model):
    """An organization named in the file. It is new, exists already, or is the same as an earlier organization of the
    file with another name."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="organizations")
    normalized_name = models.TextField()
    name = models.CharField(_("organization"), max_length=120)
    line = models.PositiveIntegerField(_("row"))
    existing_matches = models.JSONField(
        default=list, help_text="Existing organizations that it may be: primary key, score, reasons."
    )
    matches_in_file = models.JSONField(
        default=list, help_text="Organizations earlier in the file that it may be: line, score, reasons."
    )
    needs_review = models.BooleanField(default=False, help_text="Whether staff are asked which one it is.")
    organization = models.ForeignKey(Organization, on_delete=models.SET_NULL, null=True, related_name="+")
    duplicate_of_line = models.PositiveIntegerField(null=True, help_text="The line of the earlier one that it is.")
    is_new = models.BooleanField(default=True)
    is_written = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "normalized_name"], name="importedorganization_once")]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(is_written=False), name="importedorganization_to_write"),
            models.Index(fields=["run", "line"], condition=Q(needs_review=True), name="importedorganization_to_review"),
        ]

    def __str__(self):
        return self.name


class ImportRow(models.Model):
    """A row of the file: its values, or its errors."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField(_("row"))
    name = models.TextField(_("organization"))
    normalized_name = models.TextField(default="")
    imported_organization = models.ForeignKey(
        ImportedOrganization, on_delete=models.CASCADE, null=True, related_name="rows"
    )
    values = models.JSONField(default=dict)
    errors = ArrayField(models.CharField(max_length=300), default=list)

    class Meta:
        indexes = [
            models.Index(fields=["run", "line"], name="importrow_by_line"),
            models.Index(fields=["run", "line"], condition=~Q(errors=[]), name="importrow_with_errors"),
        ]

    def __str__(self):
        return str(self.line)


class CreatedRecord(models.Model):
    """A record that an import created, with its fingerprint at that time, to find out whether it was changed since."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="created_records")
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.PositiveBigIntegerField()
    record = GenericForeignKey()
    fingerprint = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "content_type", "object_id"], name="createdrecord_once")]

    def __str__(self):
        return str(self.pk)
