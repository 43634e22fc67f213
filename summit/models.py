"""Events and who comes: fields, constraints, subsets. The rules about seats are in seats.py."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from imagine.folding import joined, unaccented
from imagine.models import new_token
from partners.models import Organization, Sector, folded

LARGEST_CAPACITY = 20_000
LARGEST_PARTY = 20
MOST_WORDS = 10  # of a search; more would only be slow
CODE_LETTERS, CODE_LENGTH = "ABCDEFGHJKMNPQRTUVWXY346789", 6
CODES = len(CODE_LETTERS) ** CODE_LENGTH


# As they stand: every visitor asks them, and Django takes longer to write them than they take.
AT = "SELECT * FROM summit_event WHERE is_published AND slug = %s"
NEXT_OF = """
    SELECT event.*, seats.held, seats.waiting
    FROM (
        SELECT * FROM summit_event
        WHERE is_published AND kind = %(kind)s
        ORDER BY
            ends_at > %(now)s DESC,
            CASE WHEN ends_at > %(now)s THEN cancelled_at END NULLS FIRST,
            CASE WHEN ends_at > %(now)s THEN starts_at END,
            starts_at DESC,
            id
        LIMIT 1
    ) event, LATERAL (
        SELECT coalesce(sum(held_seats), 0) AS held, coalesce(sum(waiting_seats), 0) AS waiting
        FROM summit_rsvp WHERE event_id = event.id
    ) seats
"""


class EventQuerySet(models.QuerySet):
    def published(self):
        return self.filter(is_published=True)

    def at(self, slug: str):
        """The published event at an address, None when there is none."""
        return next(iter(self.raw(AT, [slug])), None)

    def next_of(self, kind: str):
        """The coming published event of a kind with its seats, else the latest one that was; None when there is none.
        One that was called off stands behind one that was not."""
        return next(iter(self.raw(NEXT_OF, {"kind": kind, "now": timezone.now()})), None)

    def coming_summit(self):
        """The next summit that will take place, if there is one."""
        return self.upcoming().filter(kind=Event.Kind.SUMMIT, cancelled_at__isnull=True).first()

    def upcoming(self):
        return self.filter(ends_at__gt=timezone.now()).order_by("starts_at", "pk")

    def past(self):
        return self.filter(ends_at__lte=timezone.now()).order_by("-starts_at", "pk")

    def with_seats(self):
        """Adds what one query can count: `held` and `waiting` seats."""
        return self.annotate(
            held=Coalesce(Sum("rsvps__held_seats"), 0),
            waiting=Coalesce(Sum("rsvps__waiting_seats"), 0),
        )


class Event(models.Model):
    """A dated gathering with a place and a capacity."""

    class Kind(models.TextChoices):
        SUMMIT = "summit", _("summit")
        KICKOFF = "kickoff", _("kick-off")
        GATHERING = "gathering", _("gathering")

    class Meal(models.TextChoices):
        NONE = "", _("none")
        BREAKFAST = "breakfast", _("breakfast")
        LUNCH = "lunch", _("lunch")
        REFRESHMENTS = "refreshments", _("refreshments")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.SUMMIT)
    title = models.CharField(_("title"), max_length=120)
    title_es = models.CharField(_("title in Spanish"), max_length=120, blank=True)
    slug = models.SlugField(_("web address"), max_length=60, unique=True)
    school_year = models.PositiveSmallIntegerField(
        _("school year"),
        validators=[MinValueValidator(2018), MaxValueValidator(2100)],
        help_text=_("The year it begins in: 2019 for 2019–20. A spring summit belongs to the year it recruits for."),
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    venue = models.CharField(_("venue"), max_length=120)
    address = models.CharField(_("street and city"), max_length=200)
    meal = models.CharField(_("meal"), max_length=12, choices=Meal, blank=True, default=Meal.BREAKFAST)
    description = models.TextField(_("description"), blank=True)
    description_es = models.TextField(_("description in Spanish"), blank=True)
    capacity = models.PositiveIntegerField(_("capacity"), validators=[MaxValueValidator(LARGEST_CAPACITY)])
    reserved_seats = models.PositiveIntegerField(
        _("reserved seats"),
        default=0,
        validators=[MaxValueValidator(LARGEST_CAPACITY)],
        help_text=_("Kept out of public reach, for speakers and the district."),
    )
    largest_party = models.PositiveSmallIntegerField(
        _("largest party"), default=6, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PARTY)]
    )
    rsvp_opens_at = models.DateTimeField(_("RSVP opens"))
    rsvp_closes_at = models.DateTimeField(_("RSVP closes"))
    promotion_stops_hours = models.PositiveSmallIntegerField(
        _("promotion stops, hours before the start"),
        default=12,
        validators=[MaxValueValidator(24 * 14)],
        help_text=_("After that nobody is called up from the waiting list unasked; free seats are for walk-ins."),
    )
    is_published = models.BooleanField(_("published"), default=False)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True, editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="event_ends_after_it_starts",
                violation_error_message=_("An event ends after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(rsvp_closes_at__gt=F("rsvp_opens_at")),
                name="event_rsvp_closes_after_it_opens",
                violation_error_message=_("RSVP closes after it opens."),
            ),
            models.CheckConstraint(
                condition=Q(rsvp_closes_at__lte=F("ends_at")),
                name="event_rsvp_closes_by_its_end",
                violation_error_message=_("RSVP closes before the event is over."),
            ),
            models.CheckConstraint(
                condition=Q(largest_party__gte=1, largest_party__lte=LARGEST_PARTY),
                name="event_largest_party_in_bounds",
                violation_error_message=_("The largest party is too small or too large."),
            ),
            models.CheckConstraint(
                condition=Q(capacity__lte=LARGEST_CAPACITY),
                name="event_capacity_in_bounds",
                violation_error_message=_("No room in Stockton holds that many."),
            ),
        ]

    def __str__(self):
        return f"{self.title}, {timezone.localdate(self.starts_at):%Y-%m-%d}"

    def get_absolute_url(self):
        return reverse("event", args=[self.slug])

    @property
    def name(self) -> str:
        """The title in the reader's language."""
        return self.title_es if get_language() == "es" and self.title_es else self.title

    @property
    def about(self) -> str:
        """The description in the reader's language."""
        return self.description_es if get_language() == "es" and self.description_es else self.description

    @property
    def school_years(self) -> str:
        """The school year as people write it: 2019–20."""
        return f"{self.school_year}–{(self.school_year + 1) % 100:02}"

    @property
    def promotion_stops_at(self):
        return self.starts_at - timedelta(hours=self.promotion_stops_hours)

    @property
    def promotes(self) -> bool:
        """Whether freed seats still go to the waiting list by themselves."""
        return not self.cancelled_at and timezone.now() < self.promotion_stops_at

    @property
    def is_over(self) -> bool:
        return timezone.now() >= self.ends_at

    @property
    def takes_rsvps(self) -> bool:
        """Whether a new RSVP may be made now, for a seat or for the waiting list."""
        is_open = self.rsvp_opens_at <= timezone.now() < self.rsvp_closes_at
        return self.is_published and not self.cancelled_at and is_open

    @property
    def rsvps_closed(self) -> bool:
        return timezone.now() >= self.rsvp_closes_at

    @property
    def lets_guests_change(self) -> bool:
        """Whether a party may still be renamed or cancelled: until the event ends."""
        return not self.cancelled_at and not self.is_over


class RsvpQuerySet(models.QuerySet):
    def active(self):
        return self.filter(cancelled_at__isnull=True)

    def for_coming_events(self):
        return self.filter(
            event__is_published=True, event__cancelled_at__isnull=True, event__ends_at__gt=timezone.now()
        )

    def with_email(self, email: str):
        """The RSVPs of one address, whatever its case; served by the unique index."""
        return self.alias(folded_email=Lower("email")).filter(folded_email=email.lower())

    def to_match(self):
        """Those whose organization nobody has said which it is."""
        return self.filter(partner__isnull=True, has_no_partner=False).exclude(organization="")

    def found(self, words: str):
        """Those in which each word is found: in the contact's name, address or organization, or in one guest's name,
        whatever their accents and case. Served by the two indexes of what is folded."""
        found = self
        for word in words.split()[:MOST_WORDS]:
            here = {"folded_words__contains": unaccented(Value(word))}
            contacts, guests = Rsvp.objects.filter(**here), Guest.objects.filter(**here)
            found = found.filter(pk__in=contacts.order_by().values("pk").union(guests.order_by().values("rsvp")))
        return found

    def waiting_list(self):
        """The RSVPs with waiting seats, oldest wait first."""
        return self.filter(waiting_seats__gt=0).order_by("waiting_since", "pk")


class Rsvp(models.Model):
    """One party's reply to one event. Seats are written by seats.py alone."""

    class Status(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        PARTLY = "partly", _("partly waiting")
        WAITING = "waiting", _("waiting list")
        CANCELLED = "cancelled", _("cancelled")

    class Source(models.TextChoices):
        WEB = "web", _("the public page")
        STAFF = "staff", _("staff")

    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.PROTECT, related_name="rsvps")
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("e-mail"))
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    organization = models.CharField(_("organization"), max_length=120, blank=True)
    sector = models.CharField(_("sector"), max_length=12, choices=Sector, blank=True)
    partner = models.ForeignKey(
        Organization,
        verbose_name=_("partner"),
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="rsvps",
        help_text=_("Which organization it is; matching.py says so."),
    )
    has_no_partner = models.BooleanField(
        _("belongs to no partner"), default=False, db_default=False, editable=False, help_text=_("Staff said so.")
    )
    folded_organization = models.GeneratedField(
        expression=folded(F("organization")), output_field=models.TextField(), db_persist=True
    )
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES, default="en")
    source = models.CharField(_("where it came from"), max_length=8, choices=Source, default=Source.WEB)
    note = models.TextField(_("note"), max_length=1000, blank=True)
    accepts_fewer = models.BooleanField(
        _("fewer seats are fine"), default=False, help_text=_("Takes what is free and waits for the rest.")
    )

    held_seats = models.PositiveSmallIntegerField(_("held seats"), default=0, editable=False)
    waiting_seats = models.PositiveSmallIntegerField(_("waiting seats"), default=0, editable=False)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, editable=False)
    seats_over = models.PositiveSmallIntegerField(
        _("seats beyond the room"), default=0, editable=False, help_text=_("Given by staff although none was free.")
    )
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, editable=False)
    passed_over_at = models.DateTimeField(
        _("passed over"), null=True, editable=False, help_text=_("A later party was seated, as this one did not fit.")
    )
    cancelled_late = models.BooleanField(_("cancelled late"), default=False, editable=False)

    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    browser = models.CharField(max_length=64, blank=True, editable=False)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sequence = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    folded_words = models.GeneratedField(
        expression=unaccented(joined("name", "email", "organization")),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = RsvpQuerySet.as_manager()

    class Meta:
        verbose_name = _("RSVP")
        verbose_name_plural = _("RSVPs")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                F("event"),
                Lower("email"),
                name="rsvp_one_per_email_and_event",
                violation_error_message=_("This address has an RSVP for this event already."),
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at__isnull=True, held_seats__gte=0, waiting_seats__gte=0)
                & (Q(held_seats__gt=0) | Q(waiting_seats__gt=0))
                | Q(cancelled_at__isnull=False, held_seats=0, waiting_seats=0),
                name="rsvp_has_seats_unless_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(waiting_seats=0, waiting_since__isnull=True)
                | Q(waiting_seats__gt=0, waiting_since__isnull=False),
                name="rsvp_waits_since_when",
            ),
            models.CheckConstraint(condition=Q(seats_over__lte=F("held_seats")), name="rsvp_over_within_held"),
        ]
        indexes = [
            models.Index(fields=["event", "waiting_since"], condition=Q(waiting_seats__gt=0), name="rsvp_waiting_list"),
            models.Index(fields=["-created_at", "-id"], name="rsvp_newest"),
            models.Index(
                fields=["folded_organization", "created_at"],
                condition=Q(partner__isnull=True, has_no_partner=False) & ~Q(organization=""),
                name="rsvp_to_match",
            ),
            GinIndex(fields=["folded_words"], opclasses=["gin_trgm_ops"], name="rsvp_folded"),
        ]

    def __str__(self):
        """Without name or address: Django's admin keeps it in its log and in a cookie."""
        return f"RSVP {self.code}"

    def get_absolute_url(self):
        return reverse("rsvp", args=[self.token])

    @property
    def party_size(self) -> int:
        """Seats held and waited for; 0 once cancelled."""
        return self.held_seats + self.waiting_seats

    @property
    def status(self) -> str:
        return status_of(self.held_seats, self.waiting_seats, self.cancelled_at)

    @property
    def code(self) -> str:
        return door_code(self.uid)


def status_of(held_seats: int, waiting_seats: int, cancelled_at: datetime | bool | None) -> Rsvp.Status:
    if cancelled_at:
        return Rsvp.Status.CANCELLED
    if not waiting_seats:
        return Rsvp.Status.CONFIRMED
    return Rsvp.Status.PARTLY if held_seats else Rsvp.Status.WAITING


def door_code(uid: uuid.UUID) -> str:
    """What the contact says at the door: six letters and digits without look-alikes, from the RSVP's UID."""
    number, letters = uid.int, ""
    for _i in range(CODE_LENGTH):
        number, digit = divmod(number, len(CODE_LETTERS))
        letters += CODE_LETTERS[digit]
    return f"{letters[:3]}-{letters[3:]}"


def door_number(code: str) -> int | None:
    """What a UID leaves, divided by CODES, when this is its code, in any case and with or without dash; None when it is
    no code at all."""
    letters = code.strip().upper().replace("-", "")
    if len(letters) != CODE_LENGTH or not set(letters) <= set(CODE_LETTERS):
        return None
    return sum(CODE_LETTERS.index(letter) * len(CODE_LETTERS) ** place for place, letter in enumerate(letters))


class Guest(models.Model):
    """One person of a party. The first is the contact; companions are named now or later.

    An RSVP that is not cancelled has as many guests as seats held and waited for; a cancelled one keeps them, so that
    it can come back.
    """

    rsvp = models.ForeignKey(Rsvp, verbose_name=_("RSVP"), on_delete=models.CASCADE, related_name="guests")
    position = models.PositiveSmallIntegerField(_("position"), editable=False)
    name = models.CharField(_("name"), max_length=100, blank=True)
    diet = models.CharField(_("food needs"), max_length=200, blank=True)
    access = models.CharField(_("access or language needs"), max_length=200, blank=True)
    folded_words = models.GeneratedField(
        expression=unaccented(F("name")), output_field=models.TextField(), db_persist=True
    )

    class Meta:
        verbose_name = _("guest")
        verbose_name_plural = _("guests")
        ordering = ["rsvp", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["rsvp", "position"], name="guest_position_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(condition=Q(position__gte=1), name="guest_position_from_one"),
        ]
        indexes = [GinIndex(fields=["folded_words"], opclasses=["gin_trgm_ops"], name="guest_folded")]

    def __str__(self):
        return str(self.position)


class LinkRequest(models.Model):
    """Someone asked for the link of an address. Written and answered later, so that asking takes the same time whether
    the address is known or not."""

    email = models.EmailField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return str(self.pk)
