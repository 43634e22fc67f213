"""Organizations, their logos, and their contacts."""

from datetime import datetime

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, FilteredRelation, Func, Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf, Trim
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.models import AuditEntry


class Sector(models.TextChoices):
    BUSINESS = "business", _("Business and industry")
    COLLEGE = "college", _("College or university")
    LABOR = "labor", _("Labor")
    NONPROFIT = "nonprofit", _("Nonprofit")
    FAITH = "faith", _("Faith-based")
    FAMILIES = "families", _("Parents and families")
    PUBLIC = "public", _("Public agency")


def _replace_all(expression, pattern: str, replacement: str) -> Func:
    """Replace all matches of a pattern. Patterns list characters, because classes depend on the database's locale."""
    text = models.TextField()
    arguments = (expression, Value(pattern), Value(replacement), Value("g"))
    return Func(*arguments, function="REGEXP_REPLACE", output_field=text)


def normalize_name(expression) -> models.Expression:
    """Return a name in lowercase without accents, punctuation, "the", "and" or "Inc.", to compare spellings.

    The database stores this for every organization. Use `normalize_name(Value("St. Brigid’s"))` for typed text.
    """
    text = models.TextField()
    plain: Func = Func(expression, Value("ĐđØøŁł"), Value("DdOoLl"), function="TRANSLATE", output_field=text)
    plain = Func(plain, template="NORMALIZE(%(expressions)s, NFKD)", output_field=text)  # splits off the accents
    plain = _replace_all(Lower(plain), "[\u0300-\u036f'`\u2018\u2019]", "")
    plain = Trim(_replace_all(plain, r"[\s!-/:-@\[-_{-~\u00a1-\u00bf\u2010-\u2027]+", " "))
    filler = "(^| )((the|and|of|inc|incorporated|llc|ltd|corp|corporation|company|co)( |$))+"
    return Coalesce(NullIf(Trim(_replace_all(plain, filler, " ")), Value("")), plain, output_field=text)


class OrganizationQuerySet(models.QuerySet):
    def listed(self):
        """Filter for organizations in the public directory: they asked to be listed, and staff approved them."""
        return self.filter(wants_listing=True, approved_at__isnull=False)

    def pending_approval(self):
        """Filter for organizations that asked to be listed and aren't approved yet."""
        return self.filter(wants_listing=True, approved_at__isnull=True)

    def with_primary_contact(self):
        """Make fields of the primary contact available as `primary_contact__name`."""
        return self.alias(primary_contact=FilteredRelation("contacts", condition=Q(contacts__is_primary=True)))

    def with_pledge_of(self, year):
        """Make fields of the pledge for `year`, a PledgeYear or None, available as `pledge__signed_at`."""
        return self.alias(pledge=FilteredRelation("pledges", condition=Q(pledges__year=year)))


class Organization(models.Model):
    """A partner or possible partner."""

    class ListingStatus(models.TextChoices):
        PENDING = "pending", _("Pending approval")
        LISTED = "listed", pgettext_lazy("profile", "Approved")
        UNLISTED = "unlisted", pgettext_lazy("profile", "Not listed")

    class Size(models.TextChoices):
        FEW = "few", _("1 to 9 people")
        SOME = "some", _("10 to 49 people")
        MANY = "many", _("50 to 249 people")
        HUNDREDS = "hundreds", _("250 people or more")

    # Annotated by OrganizationAdmin.
    primary_contact_name: str | None
    pledge_pk: int | None
    pledge_signed_at: datetime | None

    name = models.CharField(_("name"), max_length=120)
    sector = models.CharField(_("sector"), max_length=12, choices=Sector, blank=True)
    description = models.TextField(_("description"), max_length=1000, blank=True)
    website = models.URLField(_("website"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    address = models.CharField(_("street address"), max_length=200, blank=True)
    size = models.CharField(_("size"), max_length=8, choices=Size, blank=True)
    wants_listing = models.BooleanField(
        _("wants to be listed"),
        default=False,
        help_text=_("The profile appears in the public directory once it’s approved and a pledge is signed."),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    approved_by = models.CharField(_("approved by"), max_length=150, blank=True, editable=False)
    # Pledge requests from before this open nothing of the organization.
    links_replaced_at = models.DateTimeField(null=True, editable=False)
    slug = models.SlugField(_("web address"), max_length=60, unique=True)
    created_at = models.DateTimeField(_("added on"), default=timezone.now, editable=False)
    normalized_name = models.GeneratedField(
        expression=normalize_name(F("name")),
        output_field=models.TextField(),
        db_persist=True,
        verbose_name=_("name for matching"),
    )
    audit_entries = GenericRelation(AuditEntry)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        permissions = [("merge_organizations", "Can merge organizations")]
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="organization_has_a_name"),
            models.CheckConstraint(
                condition=Q(website="") | Q(website__iregex=r"^https?://[^\s]+$"),
                name="organization_website_is_a_web_address",
                violation_error_message=_("Enter a web address that starts with https:// or http://."),
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by="") | Q(approved_at__isnull=False),
                name="organization_approved_when",
            ),
        ]
        indexes = [
            GinIndex(fields=["normalized_name"], opclasses=["gin_trgm_ops"], name="organization_similar_names"),
            models.Index(fields=["name", "id"], name="organization_by_name"),
            models.Index(
                fields=["sector", "name"],
                condition=Q(wants_listing=True, approved_at__isnull=False),
                name="organization_listed",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("partner", args=[self.slug])

    @property
    def is_listed(self) -> bool:
        return self.wants_listing and self.approved_at is not None

    @property
    def listing_status(self) -> ListingStatus:
        return listing_status_of(self.wants_listing, self.approved_at)


def listing_status_of(wants_listing: bool, approved_at: datetime | None) -> Organization.ListingStatus:
    if not wants_listing:
        return Organization.ListingStatus.UNLISTED
    return Organization.ListingStatus.LISTED if approved_at else Organization.ListingStatus.PENDING


class Logo(models.Model):
    """An organization's logo as a PNG, in its own table so that lists of organizations don't load it."""

    organization = models.OneToOneField(
        Organization, verbose_name=_("organization"), on_delete=models.CASCADE, related_name="logo", primary_key=True
    )
    png = models.BinaryField(_("image"))
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        verbose_name = _("logo")
        verbose_name_plural = _("logos")

    def __str__(self):
        return str(self.pk)


class ContactQuerySet(models.QuerySet):
    def with_pledge_access(self):
        """Filter for contacts whom the link of their organization's pledge may be emailed."""
        return self.filter(may_open_pledge=True)

    def with_email(self, email: str):
        """Filter by email address, ignoring case. There is at most one contact per organization."""
        return self.alias(lower_email=Lower("email")).filter(lower_email=email.lower())


class Contact(models.Model):
    """A person whom the district emails, of an organization or independent."""

    # Annotated by ContactAdmin.
    preference_pk: int | None
    wants_invitations: bool | None
    suppressed_at: datetime | None

    organization = models.ForeignKey(
        Organization,
        verbose_name=_("organization"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="contacts",
    )
    name = models.CharField(_("name"), max_length=100)
    role = models.CharField(_("role"), max_length=100, blank=True)
    email = models.EmailField(_("email"))
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    is_primary = models.BooleanField(_("main contact"), default=False)
    may_open_pledge = models.BooleanField(
        _("can open the pledge"),
        default=True,
        db_default=True,
        help_text=_("Can get the organization’s personal pledge link by email."),
    )
    created_at = models.DateTimeField(_("added on"), default=timezone.now, editable=False)
    audit_entries = GenericRelation(AuditEntry)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["organization", "-is_primary", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                F("organization"),
                Lower("email"),
                name="contact_one_per_email_and_organization",
                violation_error_message=_(
                    "This organization already has a contact with this email. Enter a different one."
                ),
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=Q(organization__isnull=True),
                name="contact_one_per_email_on_their_own",
                violation_error_message=_("Another contact already has this email. Enter a different one."),
            ),
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(is_primary=True),
                name="contact_one_primary_per_organization",
                violation_error_message=_("This organization already has a main contact."),
            ),
        ]
        indexes = [models.Index(Lower("email"), name="contact_by_email")]

    def __str__(self):
        """Return no personal data, because the admin stores this in its log and in messages."""
        return str(_("contact %(number)s")) % {"number": self.pk}
