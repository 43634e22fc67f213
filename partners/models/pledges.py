"""Pledges: an organization's promises for one school year, and every signed version of them."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.links import FormLink, PersonalLink
from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from partners.models.checklist import MONTHS, Grade, PromiseType, School
from partners.models.organizations import Contact, Organization

MAX_QUANTITY = 100_000
MAX_PROMISES_PER_TYPE = 5  # in one pledge


class PledgeYearQuerySet(models.QuerySet):
    def opened(self):
        """Filter for years that have opened, whether closed again or not."""
        return self.filter(opens_on__lte=timezone.localdate())

    def open(self):
        return self.opened().filter(closed_at__isnull=True)

    def current(self):
        """Return the latest open school year, or None."""
        return self.open().order_by("-school_year").first()


class PledgeYear(models.Model):
    """A school year that partners pledge for. Staff open and close it."""

    # Annotated by PledgeYearAdmin.
    signed_count: int
    draft_count: int

    school_year = models.PositiveSmallIntegerField(
        _("school year"),
        primary_key=True,
        validators=[MinValueValidator(2018), MaxValueValidator(2100)],
        help_text=_("The year it starts: 2027 for 2027–28."),
        error_messages={"unique": _("This school year already exists.")},
    )
    opens_on = models.DateField(_("opens on"))
    announced_deadline = models.DateField(
        _("announced deadline"),
        null=True,
        blank=True,
        help_text=_("The date partners see. The school year stays open until you close it."),
    )
    closed_at = models.DateTimeField(_("closed on"), null=True, blank=True, editable=False)
    audit_entries = GenericRelation(AuditEntry)

    objects = PledgeYearQuerySet.as_manager()

    class Meta:
        verbose_name = _("school year")
        verbose_name_plural = _("school years")
        ordering = ["-school_year"]
        constraints = [
            models.CheckConstraint(
                condition=Q(school_year__gte=2018, school_year__lte=2100), name="pledgeyear_school_year_in_bounds"
            ),
            models.CheckConstraint(
                condition=Q(announced_deadline__isnull=True) | Q(announced_deadline__gte=F("opens_on")),
                name="pledgeyear_deadline_after_opening",
                violation_error_message=_("Choose a deadline on or after the opening date."),
            ),
        ]

    def __str__(self):
        return self.school_years

    @property
    def school_years(self) -> str:
        """Return the school year as people write it, such as 2019–20."""
        return f"{self.school_year}–{(self.school_year + 1) % 100:02}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None and self.opens_on <= timezone.localdate()


class PledgeQuerySet(models.QuerySet):
    def drafts(self):
        return self.filter(signed_at__isnull=True, year__closed_at__isnull=True)

    def signed(self):
        return self.filter(signed_at__isnull=False)


class Pledge(PersonalLink):
    """An organization's promises for one school year. Only partners.pledges writes pledges.

    Each save increments the version, so that concurrent edits are noticed. A signed pledge can only be changed by
    signing it again.
    """

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("pledge", "Draft")
        SIGNED = "signed", pgettext_lazy("pledge", "Signed")
        CLOSED = "closed", _("Year closed")

    # Annotated by PledgeAdmin and OrganizationAdmin.
    promise_count: int | None

    organization = models.ForeignKey(
        Organization, verbose_name=_("organization"), on_delete=models.PROTECT, related_name="pledges"
    )
    year = models.ForeignKey(
        PledgeYear, verbose_name=_("school year"), on_delete=models.PROTECT, related_name="pledges"
    )
    contact = models.ForeignKey(
        Contact,
        verbose_name=_("contact"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="pledges",
        help_text=_("The person who has the personal link."),
    )
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    signed_by = models.CharField(_("signed by"), max_length=100, blank=True, editable=False)
    signed_role = models.CharField(_("signer’s role"), max_length=100, blank=True, editable=False)
    signed_at = models.DateTimeField(_("signed on"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("started on"), default=timezone.now, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    reminded_at = models.DateTimeField(_("reminded on"), null=True, blank=True, editable=False)
    audit_entries = GenericRelation(AuditEntry)
    messages = GenericRelation(Message)

    objects = PledgeQuerySet.as_manager()

    class Meta:
        verbose_name = _("pledge")
        verbose_name_plural = _("pledges")
        ordering = ["-year_id", "-changed_at", "-pk"]  # "year" would use the ordering of PledgeYear
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "year"],
                name="pledge_one_per_organization_and_year",
                violation_error_message=_("This organization already has a pledge for this school year."),
            ),
            models.CheckConstraint(
                condition=Q(signed_at__isnull=True, signed_by="", signed_role="")
                | Q(signed_at__isnull=False) & ~Q(signed_by=""),
                name="pledge_signed_by_whom_and_when",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="pledge_version_from_one"),
        ]
        indexes = [
            models.Index(fields=["-year", "-changed_at", "-id"], name="pledge_newest"),
            models.Index(
                fields=["changed_at"],
                condition=Q(signed_at__isnull=True, reminded_at__isnull=True),
                name="pledge_draft_to_remind",
            ),
        ]

    def __str__(self):
        return f"{self.organization}, {self.school_years}"

    def get_absolute_url(self):
        return reverse("pledge", args=[self.token])

    @property
    def is_verified(self) -> bool:
        """Whether a link that was emailed to its contact was used."""
        return self.verified_at is not None

    @property
    def school_years(self) -> str:
        return PledgeYear(school_year=self.year_id).school_years

    @property
    def state(self) -> str:
        if self.year.closed_at:
            return self.State.CLOSED
        return self.State.SIGNED if self.signed_at else self.State.DRAFT


class Promise(models.Model):
    """What an organization promises of one promise type. Empty grades or months mean any; empty schools mean wherever
    it is needed most.

    A pledge can have several promises of a type, such as two tours at one school and three anywhere. `position` counts
    them from 1.
    """

    pledge = models.ForeignKey(Pledge, verbose_name=_("pledge"), on_delete=models.CASCADE, related_name="promises")
    promise_type = models.ForeignKey(
        PromiseType, verbose_name=_("promise type"), on_delete=models.PROTECT, related_name="promises"
    )
    position = models.PositiveSmallIntegerField(_("position"), default=1, db_default=1, editable=False)
    quantity = models.PositiveIntegerField(
        _("quantity"), validators=[MinValueValidator(1), MaxValueValidator(MAX_QUANTITY)]
    )
    grades = ArrayField(
        models.CharField(max_length=4, choices=Grade), verbose_name=_("grades"), default=list, blank=True
    )
    months = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("months"), default=list, blank=True)
    schools = models.ManyToManyField(School, verbose_name=_("schools"), blank=True, related_name="promises")
    note = models.CharField(_("note"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("promise")
        verbose_name_plural = _("promises")
        ordering = ["pledge_id", "promise_type__order", "promise_type_id", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["pledge", "promise_type", "position"], name="promise_position_once_per_pledge_and_type"
            ),
            models.CheckConstraint(
                condition=Q(position__gte=1, position__lte=MAX_PROMISES_PER_TYPE), name="promise_position_in_bounds"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY), name="promise_quantity_in_bounds"
            ),
            models.CheckConstraint(condition=Q(grades__contained_by=list(Grade.values)), name="promise_grades_known"),
            models.CheckConstraint(condition=Q(months__contained_by=MONTHS), name="promise_months_of_a_school_year"),
        ]

    def __str__(self):
        return f"{self.promise_type}: {self.amount}"

    @property
    def amount(self) -> str:
        """Return quantity and unit in the reader's language, such as "12 hours"."""
        return self.promise_type.amount(self.quantity)


class Signature(models.Model):
    """A signed version of a pledge. `content` keeps names and wording as they were when it was signed."""

    pledge = models.ForeignKey(Pledge, verbose_name=_("pledge"), on_delete=models.CASCADE, related_name="signatures")
    number = models.PositiveIntegerField(_("number"))
    signed_by = models.CharField(_("signed by"), max_length=100)
    signed_role = models.CharField(_("signer’s role"), max_length=100, blank=True)
    signed_at = models.DateTimeField(_("signed on"), default=timezone.now)
    content = models.JSONField(_("signed content"))

    class Meta:
        verbose_name = _("signed version")
        verbose_name_plural = _("signed versions")
        ordering = ["pledge_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["pledge", "number"], name="signature_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="signature_number_from_one"),
            models.CheckConstraint(condition=~Q(signed_by=""), name="signature_has_a_name"),
        ]

    def __str__(self):
        return str(self.number)


class PledgeRequestQuerySet(models.QuerySet):
    def with_email(self, email: str):
        return self.alias(lower_email=Lower("email")).filter(lower_email=email.lower())


class PledgeRequest(FormLink):
    """A request to start a pledge. The organization is created when the page behind its link is first saved.

    The request made on another page, `source`, such as "rsvp:17", has a link for that browser, too. That link can save
    a draft, `pledge`, but only the emailed one can sign it: then there is a contact, and the request is deleted.
    """

    organization = models.CharField(_("organization"), max_length=120)
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("email"))
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    sector = models.CharField(max_length=12, blank=True)
    pledge = models.ForeignKey(Pledge, on_delete=models.CASCADE, null=True, related_name="requests")
    role = models.CharField(max_length=100, blank=True, default="")
    phone = models.CharField(max_length=30, blank=True, default="")
    source = models.CharField(max_length=40, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = PledgeRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source"], condition=~Q(source=""), name="pledgerequest_once_per_source")
        ]
        indexes = [
            models.Index(Lower("email"), name="pledgerequest_by_email"),
            models.Index(fields=["id"], condition=Q(answered_at__isnull=True), name="pledgerequest_unanswered"),
        ]

    def __str__(self):
        return str(self.pk)

    def get_absolute_url(self):
        return reverse("pledge", args=[self.token])
