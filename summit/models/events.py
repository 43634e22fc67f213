import hashlib
from copy import copy
from datetime import datetime, timedelta

from django.contrib.contenttypes.fields import GenericRelation
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from imagine.core.formatting import short_date
from imagine.core.models import AuditEntry
from imagine.core.rows import select_row

MAX_CAPACITY = 20_000
MAX_PARTY_SIZE = 20
# Raw because each visit of the landing page asks it, and the ORM spends as long writing it as everything else on the
# page takes: 1.4 of 2.8 ms.
NEXT_EVENT = """
    WITH event AS (
        SELECT * FROM summit_event
        WHERE kind = %(kind)s AND is_published AND NOT invitation_only
        ORDER BY
            ends_at <= %(now)s, canceled_at IS NOT NULL AND ends_at > %(now)s,
            CASE WHEN ends_at > %(now)s THEN starts_at END, starts_at DESC, id
        LIMIT 1
    )
    SELECT event.*, seats.* FROM event, LATERAL (
        SELECT coalesce(sum(held_seats), 0) AS held_seats, coalesce(sum(waitlisted_seats), 0) AS waitlisted_seats
        FROM summit_rsvp WHERE event_id = event.id
    ) seats
"""
FEW_LEFT_SHARE = 0.1  # of the public seats


class EventQuerySet(models.QuerySet):
    def published(self):
        return self.filter(is_published=True)

    def public(self):
        """Published events that aren't by invitation only."""
        return self.published().filter(invitation_only=False)

    def find_published(self, slug: str) -> "Event | None":
        return select_row(Event, "slug = %s AND is_published", [slug])

    def next_of(self, kind: str) -> "Event | None":
        """Return the next public event of a kind with its seats, or the latest past one. A canceled event comes after
        those that will take place."""
        events = Event.objects.raw(NEXT_EVENT, {"kind": kind, "now": timezone.now()})
        return next(iter(events), None)

    def coming_summit(self) -> "Event | None":
        return self.upcoming().filter(kind=Event.Kind.SUMMIT, canceled_at__isnull=True).first()

    def upcoming(self):
        return self.filter(ends_at__gt=timezone.now()).order_by("starts_at", "pk")

    def past(self):
        return self.filter(ends_at__lte=timezone.now()).order_by("-starts_at", "pk")

    def with_seats(self):
        """Annotate held_seats and waitlisted_seats."""
        return self.annotate(
            held_seats=Coalesce(Sum("rsvps__held_seats"), 0),
            waitlisted_seats=Coalesce(Sum("rsvps__waitlisted_seats"), 0),
        )


class Event(models.Model):
    """A dated gathering with a place and a capacity."""

    class Kind(models.TextChoices):
        SUMMIT = "summit", _("Summit")
        KICKOFF = "kickoff", _("Kickoff")
        GATHERING = "gathering", _("Gathering")

    class Meal(models.TextChoices):
        NONE = "", pgettext_lazy("meal", "None")
        BREAKFAST = "breakfast", _("Breakfast")
        LUNCH = "lunch", _("Lunch")
        REFRESHMENTS = "refreshments", _("Refreshments")

    class State(models.TextChoices):
        """The state of an event for someone who may want to come."""

        SOON = "soon"
        OPEN = "open"
        FEW = "few"
        FULL = "full"
        CLOSED = "closed"
        CANCELED = "canceled"
        PAST = "past"

    # Annotated by EventQuerySet.with_seats() and next_of().
    held_seats: int
    waitlisted_seats: int

    kind = models.CharField(_("event type"), max_length=12, choices=Kind, default=Kind.SUMMIT)
    title = models.CharField(_("title"), max_length=120)
    title_es = models.CharField(_("Spanish title"), max_length=120, blank=True)
    slug = models.SlugField(_("web address"), max_length=60, unique=True)
    school_year = models.PositiveSmallIntegerField(
        _("school year"),
        validators=[MinValueValidator(2018), MaxValueValidator(2100)],
        help_text=_(
            "The year it starts in: 2027 for 2027–28. For a spring summit, use the year it recruits partners for."
        ),
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    venue = models.CharField(_("venue"), max_length=120)
    address = models.CharField(_("street and city"), max_length=200)
    meal = models.CharField(_("meal"), max_length=12, choices=Meal, blank=True, default=Meal.BREAKFAST)
    description = models.TextField(_("description"), blank=True)
    description_es = models.TextField(_("Spanish description"), blank=True)
    capacity = models.PositiveIntegerField(_("capacity"), validators=[MaxValueValidator(MAX_CAPACITY)])
    reserved_seats = models.PositiveIntegerField(
        _("reserved seats"),
        default=0,
        validators=[MaxValueValidator(MAX_CAPACITY)],
        help_text=_("Not offered to the public, such as seats for speakers and district staff."),
    )
    max_party_size = models.PositiveSmallIntegerField(
        _("maximum party size"), default=6, validators=[MinValueValidator(1), MaxValueValidator(MAX_PARTY_SIZE)]
    )
    rsvp_opens_at = models.DateTimeField(_("RSVPs open"))
    rsvp_closes_at = models.DateTimeField(_("RSVPs close"))
    waitlist_closes_hours_before = models.PositiveSmallIntegerField(
        _("waitlist closes (hours before start)"),
        default=12,
        validators=[MaxValueValidator(24 * 14)],
        help_text=_("After that, no one moves off the waitlist automatically. Open seats go to whoever asks first."),
    )
    is_published = models.BooleanField(_("published"), default=False)
    invitation_only = models.BooleanField(
        _("by invitation only"),
        default=False,
        db_default=False,
        help_text=_("The event page has no RSVP form. Invited guests RSVP with the link in their invitation."),
    )
    canceled_at = models.DateTimeField(_("canceled"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, db_default=Now(), editable=False)

    notices_pending_since = models.DateTimeField(null=True, editable=False)  # of a change
    audit_entries = GenericRelation(AuditEntry)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="event_ends_after_it_starts",
                violation_error_message=_("Choose an end time after the event starts."),
            ),
            models.CheckConstraint(
                condition=Q(rsvp_closes_at__gt=F("rsvp_opens_at")),
                name="event_rsvp_closes_after_it_opens",
                violation_error_message=_("Choose a closing time after RSVPs open."),
            ),
            models.CheckConstraint(
                condition=Q(rsvp_closes_at__lte=F("ends_at")),
                name="event_rsvp_closes_by_its_end",
                violation_error_message=_("RSVPs can’t stay open after the event ends. Choose an earlier time."),
            ),
            models.CheckConstraint(
                condition=Q(max_party_size__gte=1, max_party_size__lte=MAX_PARTY_SIZE),
                name="event_max_party_size_in_bounds",
                violation_error_message=_("The maximum party size is too small or too large."),
            ),
            models.CheckConstraint(
                condition=Q(capacity__lte=MAX_CAPACITY),
                name="event_capacity_in_bounds",
                violation_error_message=_("The capacity is too large."),
            ),
        ]

    def __str__(self):
        return f"{self.title}, {short_date(self.starts_at)}"

    def get_absolute_url(self):
        return reverse("event", args=[self.slug])

    @property
    def localized_title(self) -> str:
        return self.title_es if get_language() == "es" and self.title_es else self.title

    @property
    def localized_description(self) -> str:
        return self.description_es if get_language() == "es" and self.description_es else self.description

    @property
    def school_years(self) -> str:
        """The school year as people write it: 2019–20."""
        return f"{self.school_year}–{(self.school_year + 1) % 100:02}"

    @property
    def waitlist_closes_at(self) -> datetime:
        return self.starts_at - timedelta(hours=self.waitlist_closes_hours_before)

    @property
    def waitlist_is_open(self) -> bool:
        """Whether freed seats still go to the waitlist automatically."""
        return not self.canceled_at and timezone.now() < self.waitlist_closes_at

    @property
    def schedule_version(self) -> str:
        """Changes whenever the time or place does, or the event is canceled."""
        facts = (self.starts_at.timestamp(), self.ends_at.timestamp(), self.venue, self.address)
        return hashlib.sha256(repr((*facts, self.canceled_at is not None)).encode()).hexdigest()[:16]

    @property
    def is_over(self) -> bool:
        return timezone.now() >= self.ends_at

    @property
    def accepts_rsvps(self) -> bool:
        """Whether someone can RSVP now, for a seat or for the waitlist."""
        is_open = self.rsvp_opens_at <= timezone.now() < self.rsvp_closes_at
        return self.is_published and not self.canceled_at and is_open

    @property
    def rsvp_is_closed(self) -> bool:
        return timezone.now() >= self.rsvp_closes_at

    @property
    def is_editable(self) -> bool:
        """Whether parties can still change or cancel: until the event ends."""
        return not self.canceled_at and not self.is_over

    # These need EventQuerySet.with_seats() or next_of().

    @property
    def public_seats(self) -> int:
        return max(0, self.capacity - self.reserved_seats)

    @property
    def available_seats(self) -> int:
        return max(0, self.public_seats - self.held_seats)

    @property
    def taken_seats(self) -> int:
        return self.public_seats - self.available_seats

    @property
    def state(self) -> State:
        if self.canceled_at:
            return self.State.CANCELED
        if self.is_over:
            return self.State.PAST
        if not self.accepts_rsvps:
            return self.State.CLOSED if self.rsvp_is_closed else self.State.SOON
        if not self.available_seats:
            return self.State.FULL
        return self.State.FEW if self.available_seats <= self.public_seats * FEW_LEFT_SHARE else self.State.OPEN


class EventVersion(models.Model):
    """The time and place of an event before it was changed: what guests know until they are notified."""

    FIELDS = ("starts_at", "ends_at", "venue", "address")

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="versions")
    version = models.CharField(max_length=16)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    venue = models.CharField(max_length=120)
    address = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "version"], name="event_version_once")]

    def __str__(self):
        return self.version

    def applied_to(self, event: Event) -> Event:
        """Return the event as it was in this version."""
        earlier = copy(event)
        for field in self.FIELDS:
            setattr(earlier, field, getattr(self, field))
        return earlier
