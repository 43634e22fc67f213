"""What can be promised and where: promise types, grades, months, schools."""

from pathlib import Path

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from imagine.core.models import AuditEntry

MONTHS = [8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7]  # from the first day of school to the summer after it
ILLUSTRATED_CODES = {
    path.stem.removeprefix("kind-") for path in Path(settings.BASE_DIR, "static", "art").glob("kind-*.svg")
}


class Grade(models.TextChoices):
    YOUNGEST = "TK-K", "TK–K"
    LOWER = "1-3", "1–3"
    MIDDLE = "4-6", "4–6"
    UPPER = "7-8", "7–8"
    HIGH = "9-12", "9–12"


class SchoolQuerySet(models.QuerySet):
    def active(self):
        return self.filter(is_retired=False)


class School(models.Model):
    """A school of the district, as in the state's list of schools."""

    class Level(models.TextChoices):
        ELEMENTARY = "elementary", _("Elementary (TK–8)")
        SECONDARY = "secondary", _("Secondary (7–12)")
        HIGH = "high", _("High school (9–12)")

    GRADES = {
        Level.ELEMENTARY: [Grade.YOUNGEST, Grade.LOWER, Grade.MIDDLE, Grade.UPPER],
        Level.SECONDARY: [Grade.UPPER, Grade.HIGH],
        Level.HIGH: [Grade.HIGH],
    }

    code = models.CharField(
        _("state code"),
        max_length=14,
        unique=True,
        validators=[RegexValidator(r"^\d{14}$", _("Enter the 14-digit state code."))],
    )
    name = models.CharField(_("name"), max_length=100)
    level = models.CharField(_("level"), max_length=10, choices=Level)
    is_charter = models.BooleanField(_("charter school"), default=False)
    is_retired = models.BooleanField(
        _("retired"),
        default=False,
        help_text=_("Partners can’t choose it anymore. Existing promises keep it."),
    )
    audit_entries = GenericRelation(AuditEntry)

    objects = SchoolQuerySet.as_manager()

    class Meta:
        verbose_name = _("school")
        verbose_name_plural = _("schools")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[0-9]{14}$"), name="school_code_has_14_digits"),
            models.CheckConstraint(
                condition=Q(level__in=["elementary", "secondary", "high"]), name="school_level_known"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def grades(self) -> list[Grade]:
        return self.GRADES[self.Level(self.level)]


class PromiseTypeQuerySet(models.QuerySet):
    def active(self):
        return self.filter(is_retired=False)


class PromiseType(models.Model):
    """An item of the checklist, in English and, optionally, Spanish."""

    class WorkBasedLearning(models.TextChoices):
        """California's continuum of work-based learning."""

        AWARENESS = "awareness", _("Career awareness")
        EXPLORATION = "exploration", _("Career exploration")
        PREPARATION = "preparation", _("Career preparation")
        TRAINING = "training", _("Career training")

    # Annotated by PromiseTypeAdmin.
    promise_count: int

    code = models.SlugField(
        _("code"),
        max_length=30,
        unique=True,
        help_text=_("A short word. You can’t change it later."),
        error_messages={"unique": _("Another promise type already has this code.")},
    )
    order = models.PositiveSmallIntegerField(_("order"), default=100)
    name = models.CharField(
        _("name"),
        max_length=120,
        help_text=_(
            "Start with a verb, like “Host tours and field trips.” The certificate will say that the partner “will "
            "host tours and field trips (6 visits).”"
        ),
    )
    name_es = models.CharField(
        _("name in Spanish"),
        max_length=120,
        blank=True,
        help_text=_(
            "Start with an infinitive, like “Recibir visitas y excursiones.” The certificate will say that the "
            "partner “se compromete a recibir visitas y excursiones (6 visitas).”"
        ),
    )
    tagline = models.CharField(_("short description"), max_length=200, blank=True)
    tagline_es = models.CharField(_("short description in Spanish"), max_length=200, blank=True)
    unit = models.CharField(
        _("unit (singular)"), max_length=40, help_text=_("What partners count, like hour, visit, or student.")
    )
    unit_plural = models.CharField(_("unit (plural)"), max_length=40)
    unit_es = models.CharField(_("unit in Spanish (singular)"), max_length=40, blank=True)
    unit_plural_es = models.CharField(_("unit in Spanish (plural)"), max_length=40, blank=True)
    example = models.CharField(_("example"), max_length=300, blank=True)
    example_es = models.CharField(_("example in Spanish"), max_length=300, blank=True)
    needs_clearance = models.BooleanField(_("needs volunteer clearance"), default=False)
    needs_insurance = models.BooleanField(_("needs a certificate of insurance"), default=False)
    requirements = models.TextField(
        _("requirements"),
        max_length=600,
        blank=True,
        help_text=_("How to get the clearance or insurance, and how long it lasts."),
    )
    requirements_es = models.TextField(_("requirements in Spanish"), max_length=600, blank=True)
    work_based_learning = models.CharField(
        _("work-based learning stage"),
        max_length=12,
        choices=WorkBasedLearning,
        blank=True,
        help_text=_("On California’s work-based learning continuum."),
    )
    is_retired = models.BooleanField(
        _("retired"),
        default=False,
        help_text=_("Partners can’t choose it anymore. Existing promises keep it."),
    )
    audit_entries = GenericRelation(AuditEntry)

    objects = PromiseTypeQuerySet.as_manager()

    class Meta:
        verbose_name = _("promise type")
        verbose_name_plural = _("promise types")
        ordering = ["order", "pk"]

    def __str__(self):
        return self.name

    def localized(self, field: str, language: str | None = None) -> str:
        """Return a field's text in `language` or the reader's, in English where there is no Spanish."""
        spanish = getattr(self, f"{field}_es") if (language or get_language()) == "es" else ""
        return spanish or getattr(self, field)

    @property
    def localized_name(self) -> str:
        return self.localized("name")

    @property
    def localized_tagline(self) -> str:
        return self.localized("tagline")

    @property
    def localized_example(self) -> str:
        return self.localized("example")

    @property
    def localized_requirements(self) -> str:
        """Return how to get clearance or insurance, or "" if neither is needed."""
        return self.localized("requirements") if self.needs_clearance or self.needs_insurance else ""

    @property
    def localized_units(self) -> str:
        return self.localized("unit_plural")

    def amount(self, quantity: int, language: str | None = None) -> str:
        """Return quantity and unit, such as "12 hours"."""
        return f"{quantity:,} {self.localized('unit' if quantity == 1 else 'unit_plural', language)}"

    @property
    def illustration(self) -> str:
        """Return the path of the illustration among the static files."""
        return f"art/kind-{self.code}.svg" if self.code in ILLUSTRATED_CODES else "art/mark.svg"
