"""A spreadsheet on its way into the tables: what was read, what staff decided, what it made."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from partners.models.organizations import Organization
from partners.models.pledges import PledgeYear


class ImportQuerySet(models.QuerySet):
    def at_work(self):
        """Those that a worker has something to do for."""
        return self.filter(state__in=Import.AT_WORK)

    def last_done(self):
        """The one that may be undone, or None: the newest that stands."""
        return self.filter(state__in=[Import.State.DONE, Import.State.UNDOING]).order_by("-done_at", "-pk").first()


class Import(models.Model):
    """One spreadsheet of partners and pledges for one school year: read, checked whole, confirmed, written, perhaps
    undone. imports.py writes it. The file goes when it was read, its rows when they were written."""

    class State(models.TextChoices):
        READING = "reading", _("being read")
        REFUSED = "refused", _("cannot be read")
        CHECKED = "checked", _("checked, nothing written")
        WRITING = "writing", _("being written")
        DONE = "done", _("imported")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")
        DROPPED = "dropped", _("dropped")

    AT_WORK = (State.READING, State.WRITING, State.UNDOING)

    year = models.ForeignKey(PledgeYear, verbose_name=_("school year"), on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(_("file"), max_length=200)
    made_by = models.CharField(_("by"), max_length=150)
    language = models.CharField(max_length=5, choices=settings.LANGUAGES, default="en")
    created_at = models.DateTimeField(_("begun"), default=timezone.now)
    touched_at = models.DateTimeField(default=timezone.now, help_text="When a worker last did something for it.")
    done_at = models.DateTimeField(_("written on"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.READING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker began to read it.")
    file = models.BinaryField(null=True)
    refusal = models.CharField(_("reason"), max_length=300, blank=True)
    format = models.JSONField(default=dict, help_text="How the file was read: kind, encoding, delimiter, columns.")
    rows_read = models.PositiveIntegerField(_("rows"), default=0)
    rows_bad = models.PositiveIntegerField(_("bad rows"), default=0)
    steps = models.PositiveIntegerField(default=0, help_text="Organizations that have to be worked through.")
    steps_done = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="How much of what was made, found there, or undone.")
    stayed = models.JSONField(default=list, help_text="What undoing left, and why.")

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(done_at__isnull=False) | ~Q(state__in=["done", "undoing", "undone"]),
                name="import_done_when",
            ),
            models.CheckConstraint(condition=Q(steps_done__lte=F("steps")), name="import_steps_in_bounds"),
        ]
        indexes = [
            models.Index(
                fields=["touched_at"], condition=Q(state__in=["reading", "writing", "undoing"]), name="import_at_work"
            )
        ]

    def __str__(self):
        return self.file_name

    @property
    def is_at_work(self) -> bool:
        return self.state in self.AT_WORK


class TypedOrganization(models.Model):
    """One organization as an import's rows name it, and which it is: one that is there, one that stands earlier in the
    file under another name, or a new one."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="organizations")
    folded_name = models.TextField()
    name = models.CharField(_("organization"), max_length=120)
    line = models.PositiveIntegerField(_("line"))
    likely = models.JSONField(default=list, help_text="Organizations it may be, with likelihood and reasons.")
    is_question = models.BooleanField(default=False, help_text="Whether staff are asked which it is.")
    alike = models.JSONField(
        default=list, help_text="Those earlier in the file that it may be, by their lines, with likelihood and reasons."
    )
    partner = models.ForeignKey(Organization, on_delete=models.SET_NULL, null=True, related_name="+")
    same_line = models.PositiveIntegerField(null=True, help_text="The line of the earlier one that it is.")
    is_new = models.BooleanField(default=True)
    is_done = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "folded_name"], name="typedorganization_once")]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(is_done=False), name="typedorganization_to_do"),
            models.Index(fields=["run", "line"], condition=Q(is_question=True), name="typedorganization_question"),
        ]

    def __str__(self):
        return self.name


class ImportRow(models.Model):
    """One row of the file: what it says, and what is wrong with it."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField(_("line"))
    name = models.TextField(_("organization"))
    folded_name = models.TextField(default="")
    organization = models.ForeignKey(TypedOrganization, on_delete=models.CASCADE, null=True, related_name="rows")
    values = models.JSONField(default=dict)
    problems = ArrayField(models.CharField(max_length=300), default=list)
    remarks = ArrayField(models.CharField(max_length=300), default=list)

    class Meta:
        indexes = [
            models.Index(fields=["run", "line"], name="importrow_by_line"),
            models.Index(fields=["run", "line"], condition=~Q(problems=[]), name="importrow_bad"),
        ]

    def __str__(self):
        return str(self.line)


class Made(models.Model):
    """One thing that an import made, and a mark of how it was then: by that it is known whether somebody changed it."""

    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="made")
    about = models.CharField(max_length=40)
    mark = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "about"], name="made_once")]

    def __str__(self):
        return self.about
