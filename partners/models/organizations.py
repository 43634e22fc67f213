"""Organizations, their logos, and who the district writes to there."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, FilteredRelation, Func, Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf, Trim
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Sector(models.TextChoices):
    BUSINESS = "business", _("Business and industry")
    COLLEGE = "college", _("College or university")
    LABOR = "labor", _("Labor")
    NONPROFIT = "nonprofit", _("Nonprofit")
    FAITH = "faith", _("Faith-based")
    FAMILIES = "families", _("Parents and families")
    PUBLIC = "public", _("Public agency")


def replaced(words, pattern: str, by: str) -> Func:
    """Every match of a pattern replaced. Patterns name characters one by one, whatever locale the database has."""
    text = models.TextField()
    return Func(words, Value(pattern), Value(by), Value("g"), function="REGEXP_REPLACE", output_field=text)


def folded(name) -> models.Expression:
    """A name as two spellings of it agree: lower case, without accents, punctuation, "the", "and" or "Inc.". The
    database itself keeps it for every organization; `folded(Value("St. Brigid’s"))` folds what somebody typed."""
    text = models.TextField()
    plain = Func(name, Value("ĐđØøŁł"), Value("DdOoLl"), function="TRANSLATE", output_field=text)
    plain = Func(plain, template="NORMALIZE(%(expressions)s, NFKD)", output_field=text)  # letters and accents apart
    plain = replaced(Lower(plain), "[\u0300-\u036f'`\u2018\u2019]", "")
    plain = Trim(replaced(plain, r"[\s!-/:-@\[-_{-~\u00a1-\u00bf\u2010-\u2027]+", " "))
    filler = "(^| )((the|and|of|inc|incorporated|llc|ltd|corp|corporation|company|co)( |$))+"
    return Coalesce(NullIf(Trim(replaced(plain, filler, " ")), Value("")), plain, output_field=text)


class OrganizationQuerySet(models.QuerySet):
    def public(self):
        """Those that are shown: they asked for it, and staff approved them."""
        return self.filter(wants_public=True, approved_at__isnull=False)

    def to_approve(self):
        """Those that asked to be shown and wait for staff."""
        return self.filter(wants_public=True, approved_at__isnull=True)

    def with_main_contact(self):
        """Each with its main contact as `main`, to be asked for by field: `main__name`."""
        return self.alias(main=FilteredRelation("contacts", condition=Q(contacts__is_main=True)))

    def with_pledge_of(self, year):
        """Each with its pledge of one school year, a PledgeYear or None, as `pledge`: `pledge__signed_at`."""
        return self.alias(pledge=FilteredRelation("pledges", condition=Q(pledges__year=year)))


class Organization(models.Model):
    """A partner, or one who may become it."""

    class Showing(models.TextChoices):
        WAITING = "waiting", _("waits for approval")
        SHOWN = "shown", _("shown")
        HIDDEN = "hidden", _("not shown")

    class Size(models.TextChoices):
        FEW = "few", _("1 to 9 people")
        SOME = "some", _("10 to 49 people")
        MANY = "many", _("50 to 249 people")
        HUNDREDS = "hundreds", _("250 people or more")

    name = models.CharField(_("name"), max_length=120)
    sector = models.CharField(_("sector"), max_length=12, choices=Sector, blank=True)
    about = models.TextField(_("what it does"), max_length=1000, blank=True)
    website = models.URLField(_("website"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    address = models.CharField(_("street and city"), max_length=200, blank=True)
    size = models.CharField(_("size"), max_length=8, choices=Size, blank=True)
    wants_public = models.BooleanField(
        _("wants to be shown"), default=False, help_text=_("On the public page of partners, once staff approved it.")
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    approved_by = models.CharField(_("approved by"), max_length=150, blank=True, editable=False)
    slug = models.SlugField(_("web address"), max_length=60, unique=True)
    created_at = models.DateTimeField(_("known since"), default=timezone.now, editable=False)
    folded_name = models.GeneratedField(
        expression=folded(F("name")), output_field=models.TextField(), db_persist=True, verbose_name=_("folded name")
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="organization_has_a_name"),
            models.CheckConstraint(
                condition=Q(website="") | Q(website__iregex=r"^https?://[^\s]+$"),
                name="organization_website_is_a_web_address",
                violation_error_message=_("A web address begins with https:// or http://."),
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by="") | Q(approved_at__isnull=False),
                name="organization_approved_when",
            ),
        ]
        indexes = [
            GinIndex(fields=["folded_name"], opclasses=["gin_trgm_ops"], name="organization_twins"),
            models.Index(fields=["name", "id"], name="organization_by_name"),
            models.Index(
                fields=["sector", "name"],
                condition=Q(wants_public=True, approved_at__isnull=False),
                name="organization_public",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("partner", args=[self.slug])

    @property
    def is_public(self) -> bool:
        return self.wants_public and self.approved_at is not None

    @property
    def showing(self) -> Showing:
        return showing_of(self.wants_public, self.approved_at)


def showing_of(wants_public: bool, approved_at) -> Organization.Showing:
    """Whether an organization is shown in public, or waits for it: to be told without loading it."""
    if not wants_public:
        return Organization.Showing.HIDDEN
    return Organization.Showing.SHOWN if approved_at else Organization.Showing.WAITING


class Logo(models.Model):
    """An organization's logo, written anew as PNG by the form that took it; apart, so that no list loads it."""

    organization = models.OneToOneField(
        Organization, verbose_name=_("organization"), on_delete=models.CASCADE, related_name="logo", primary_key=True
    )
    png = models.BinaryField(_("picture"))
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        verbose_name = _("logo")
        verbose_name_plural = _("logos")

    def __str__(self):
        return str(self.pk)


class ContactQuerySet(models.QuerySet):
    def with_email(self, email: str):
        """The contacts with one address, whatever its case: one in each organization that it belongs to."""
        return self.alias(folded_email=Lower("email")).filter(folded_email=email.lower())


class Contact(models.Model):
    """A person that the district writes to: of an organization, or, without one, on their own."""

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
    email = models.EmailField(_("e-mail"))
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    is_main = models.BooleanField(_("main contact"), default=False)
    created_at = models.DateTimeField(_("known since"), default=timezone.now, editable=False)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["organization", "-is_main", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                F("organization"),
                Lower("email"),
                name="contact_one_per_email_and_organization",
                violation_error_message=_("This address is a contact of this organization already."),
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=Q(organization__isnull=True),
                name="contact_one_per_email_on_their_own",
                violation_error_message=_("This address is a contact already."),
            ),
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(is_main=True),
                name="contact_one_main_per_organization",
                violation_error_message=_("This organization has a main contact already."),
            ),
        ]
        indexes = [models.Index(Lower("email"), name="contact_by_email")]

    def __str__(self):
        """Without name or address: Django's admin keeps it in its log and in a cookie."""
        return str(_("contact %(number)s")) % {"number": self.pk}
