"""RSVPs: parties and their guests. The rules about seats are in seats.py."""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Lower, Now, NullIf
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.links import FormLink
from imagine.core.models import AuditEntry
from imagine.core.text_normalization import join_columns, unaccented
from imagine.mail.models import Message
from partners.models import Organization, Sector, normalize_name
from summit.models.events import Event

MAX_SEARCH_WORDS = 10  # more would only be slow
CODE_LETTERS, CODE_LENGTH = "ABCDEFGHJKMNPQRTUVWXY346789", 6
CODE_COUNT = len(CODE_LETTERS) ** CODE_LENGTH


def lower_address(column: str) -> NullIf:
    """Return an address in lower case, or NULL for an RSVP without one: a caller may have none."""
    return NullIf(Lower(column), Value(""))


class RsvpQuerySet(models.QuerySet):
    def active(self):
        return self.filter(canceled_at__isnull=True)

    def personal(self):
        """RSVPs whose personal data wasn't removed."""
        return self.filter(anonymized_at__isnull=True)

    def for_coming_events(self):
        return self.filter(event__is_published=True, event__canceled_at__isnull=True, event__ends_at__gt=timezone.now())

    def with_email(self, email: str):
        """The RSVPs of an address, ignoring case. Uses the unique index."""
        return self.alias(lower_email=lower_address("email")).filter(lower_email=email.lower())

    def unmatched(self):
        """RSVPs whose organization isn't matched yet."""
        return self.filter(organization__isnull=True, no_organization=False).exclude(organization_name="")

    def search(self, text: str):
        """RSVPs in which each word is found: in the contact's name, address or organization, or in a guest's name,
        ignoring accents and case. Uses the trigram indexes."""
        found = self
        for word in text.split()[:MAX_SEARCH_WORDS]:
            here = {"search_text__contains": unaccented(Value(word))}
            contacts, guests = Rsvp.objects.filter(**here), Guest.objects.filter(**here)
            found = found.filter(pk__in=contacts.order_by().values("pk").union(guests.order_by().values("rsvp")))
        return found

    def waitlist(self):
        """Waitlisted RSVPs, longest wait first."""
        return self.filter(waitlisted_seats__gt=0).order_by("waitlisted_since", "pk")

    def ahead_of(self, rsvp: "Rsvp"):
        """Waitlisted RSVPs of a waitlisted one's event that have waited longer."""
        earlier = Q(waitlisted_since__lt=rsvp.waitlisted_since) | Q(
            waitlisted_since=rsvp.waitlisted_since, pk__lt=rsvp.pk
        )
        return self.waitlist().filter(earlier, event=rsvp.event_id)


class Rsvp(FormLink):
    """One party's answer to one event. Only seats.py writes seats."""

    LINK_FIELDS = (*FormLink.LINK_FIELDS, "browser_hash")

    class Status(models.TextChoices):
        CONFIRMED = "confirmed", pgettext_lazy("RSVP", "Confirmed")
        PARTIALLY_CONFIRMED = "partially_confirmed", pgettext_lazy("RSVP", "Partly confirmed")
        WAITLISTED = "waitlisted", pgettext_lazy("RSVP", "Waitlisted")
        CANCELED = "canceled", pgettext_lazy("RSVP", "Canceled")

    class Source(models.TextChoices):
        WEB = "web", _("Event page")
        INVITATION = "invited", _("Invitation")
        STAFF = "staff", _("Staff")

    # No index of its own: that of rsvp_one_per_email_and_event begins with it.
    event = models.ForeignKey(
        Event, verbose_name=_("event"), on_delete=models.PROTECT, related_name="rsvps", db_index=False
    )
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("email"), blank=True)  # empty if someone phoned who has none
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    organization_name = models.CharField(_("organization"), max_length=120, blank=True)
    sector = models.CharField(_("sector"), max_length=12, choices=Sector, blank=True)
    organization = models.ForeignKey(
        Organization,
        verbose_name=_("partner"),
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="rsvps",
    )
    no_organization = models.BooleanField(_("not a partner"), default=False, db_default=False, editable=False)
    normalized_organization_name = models.GeneratedField(
        expression=normalize_name(F("organization_name")), output_field=models.TextField(), db_persist=True
    )
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    source = models.CharField(_("source"), max_length=8, choices=Source, default=Source.WEB)
    note = models.TextField(_("note"), max_length=1000, blank=True)
    # What anyone in the party needs, without saying who; each guest has needs, too.
    party_dietary_needs = models.CharField(
        _("food needs of anyone in the party"), max_length=200, blank=True, default="", db_default=""
    )
    party_accessibility_needs = models.CharField(
        _("access or language needs of anyone in the party"), max_length=200, blank=True, default="", db_default=""
    )
    accepts_partial = models.BooleanField(
        _("accepts fewer seats"), default=False, help_text=_("Takes the available seats now and waits for the rest.")
    )

    held_seats = models.PositiveSmallIntegerField(_("confirmed seats"), default=0, editable=False)
    waitlisted_seats = models.PositiveSmallIntegerField(_("waitlisted seats"), default=0, editable=False)
    waitlisted_since = models.DateTimeField(_("waitlisted since"), null=True, editable=False)
    overbooked_seats = models.PositiveSmallIntegerField(
        _("seats over capacity"),
        default=0,
        editable=False,
        help_text=_("Confirmed by staff when no seats were available."),
    )
    canceled_at = models.DateTimeField(_("canceled"), null=True, editable=False)
    skipped_at = models.DateTimeField(
        _("skipped"),
        null=True,
        editable=False,
        help_text=_("The last time a later party got seats because this one needs more."),
    )
    canceled_late = models.BooleanField(_("canceled late"), default=False, editable=False)

    browser_hash = models.CharField(max_length=64, blank=True, editable=False)
    ics_uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    ics_sequence = models.PositiveIntegerField(default=0, editable=False)
    # The Event.schedule_version that the party was notified of; empty until the event changes.
    notified_version = models.CharField(max_length=16, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    anonymized_at = models.DateTimeField(_("personal data removed"), null=True, editable=False)
    search_text = models.GeneratedField(
        expression=unaccented(join_columns("name", "email", "organization_name")),
        output_field=models.TextField(),
        db_persist=True,
    )
    audit_entries = GenericRelation(AuditEntry)
    messages = GenericRelation(Message)

    objects = RsvpQuerySet.as_manager()

    class Meta:
        verbose_name = _("RSVP")
        verbose_name_plural = _("RSVPs")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                F("event"),
                lower_address("email"),
                name="rsvp_one_per_email_and_event",
                violation_error_message=_("This email already has an RSVP for this event."),
            ),
            models.CheckConstraint(
                condition=Q(canceled_at__isnull=True, held_seats__gte=0, waitlisted_seats__gte=0)
                & (Q(held_seats__gt=0) | Q(waitlisted_seats__gt=0))
                | Q(canceled_at__isnull=False, held_seats=0, waitlisted_seats=0),
                name="rsvp_has_seats_unless_canceled",
            ),
            models.CheckConstraint(
                condition=Q(waitlisted_seats=0, waitlisted_since__isnull=True)
                | Q(waitlisted_seats__gt=0, waitlisted_since__isnull=False),
                name="rsvp_waitlisted_since_iff_waitlisted",
            ),
            models.CheckConstraint(
                condition=Q(overbooked_seats__lte=F("held_seats")), name="rsvp_overbooked_within_held"
            ),
        ]
        indexes = [
            models.Index(
                fields=["event", "waitlisted_since"], condition=Q(waitlisted_seats__gt=0), name="rsvp_waitlist"
            ),
            models.Index(fields=["-created_at", "-id"], name="rsvp_newest"),
            models.Index(
                fields=["normalized_organization_name", "created_at"],
                condition=Q(organization__isnull=True, no_organization=False) & ~Q(organization_name=""),
                name="rsvp_to_match",
            ),
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="rsvp_search"),
        ]

    def __str__(self):
        """Leave out name and address, because Django's admin stores this in its log and in messages."""
        return f"RSVP {self.code}"

    def get_absolute_url(self):
        return reverse("rsvp", args=[self.link_token])

    def renew_link(self):
        super().renew_link()
        self.browser_hash = ""

    @property
    def has_mailbox(self) -> bool:
        return bool(self.email)

    @property
    def may_be_quoted(self) -> bool:
        """Whether email may repeat what was typed in the RSVP besides the name. A stranger may have typed the address,
        until a link that was emailed to it is used."""
        return self.verified_at is not None or self.source == self.Source.STAFF

    @property
    def party_size(self) -> int:
        """Held and waitlisted seats; 0 once canceled."""
        return self.held_seats + self.waitlisted_seats

    @property
    def status(self) -> str:
        return status_of(self.held_seats, self.waitlisted_seats, self.canceled_at)

    @property
    def code(self) -> str:
        return door_code(self.ics_uid)


def status_of(held_seats: int, waitlisted_seats: int, canceled_at: datetime | bool | None) -> Rsvp.Status:
    if canceled_at:
        return Rsvp.Status.CANCELED
    if not waitlisted_seats:
        return Rsvp.Status.CONFIRMED
    return Rsvp.Status.PARTIALLY_CONFIRMED if held_seats else Rsvp.Status.WAITLISTED


def door_code(uid: uuid.UUID) -> str:
    """Return the code that guests say at the door: six letters and digits without look-alikes, made from the RSVP's
    UID."""
    number, code = uid.int, ""
    for _i in range(CODE_LENGTH):
        number, digit = divmod(number, len(CODE_LETTERS))
        code += CODE_LETTERS[digit]
    return f"{code[:3]}-{code[3:]}"


def door_number(code: str) -> int | None:
    """Return the remainder of the UID divided by CODE_COUNT that has this code, in any case and with or without its
    dash; None if it isn't a code."""
    letters = code.strip().upper().replace("-", "")
    if len(letters) != CODE_LENGTH or not set(letters) <= set(CODE_LETTERS):
        return None
    return sum(CODE_LETTERS.index(letter) * len(CODE_LETTERS) ** place for place, letter in enumerate(letters))


class Guest(models.Model):
    """One person of a party. The first is the contact; the others are named now or later.

    An RSVP has as many guests as held and waitlisted seats. A canceled one keeps them, so that it can be reinstated.
    """

    rsvp = models.ForeignKey(  # guest_position_once has the index
        Rsvp, verbose_name=_("RSVP"), on_delete=models.CASCADE, related_name="guests", db_index=False
    )
    position = models.PositiveSmallIntegerField(_("position"), editable=False)
    name = models.CharField(_("name"), max_length=100, blank=True)
    dietary_needs = models.CharField(_("food needs"), max_length=200, blank=True)
    accessibility_needs = models.CharField(_("access or language needs"), max_length=200, blank=True)
    checked_in_at = models.DateTimeField(_("checked in"), null=True, blank=True, editable=False)
    search_text = models.GeneratedField(
        expression=unaccented(F("name")), output_field=models.TextField(), db_persist=True
    )

    class Meta:
        verbose_name = _("guest")
        verbose_name_plural = _("guests")
        permissions = [("view_needs", "Can see food, access, and language needs")]
        ordering = ["rsvp", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["rsvp", "position"], name="guest_position_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(condition=Q(position__gte=1), name="guest_position_from_one"),
        ]
        indexes = [GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="guest_search")]

    def __str__(self):
        return str(self.position)


class LinkRequest(models.Model):
    """A request for the links of an address. It is answered later, so that asking takes the same time whether the
    address is known or not."""

    email = models.EmailField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self):
        return str(self.pk)
