"""Audiences, invitations and reminders. The rules are in summit/invitations/ and summit/reminders/."""

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.links import PersonalLink
from imagine.core.models import AuditEntry
from imagine.mail.models import Mailing, Message
from partners.models import Contact, PledgeYear, PromiseType, School, Sector
from summit.models.events import Event
from summit.models.rsvps import Rsvp

MAX_LENGTH_FILE_NAME = 200


class AudienceQuerySet(models.QuerySet):
    def with_details(self):
        """Annotate uploaded_count and fetch everything that describes an audience."""
        audiences = self.select_related("pledge_year", "attended_event").prefetch_related("promise_types", "schools")
        return audiences.annotate(uploaded_count=Count("uploaded_contacts", distinct=True))


class Audience(models.Model):
    """Whom to invite: partners, guests of an event and uploaded contacts, combined.

    Partners must match everything that is set (year, promise types, schools, sectors); one of several promise types,
    schools or sectors is enough. If nothing is set, no partners are included. audience_query.py finds who is skipped
    for an event.
    """

    class ContactScope(models.TextChoices):
        PRIMARY = "primary", _("Main contact of each organization")
        ALL = "all", _("Every contact of each organization")

    class Attendance(models.TextChoices):
        CAME = "came", pgettext_lazy("audience", "Attended")
        NO_SHOW = "no_show", _("No-show (had a seat)")
        WAITLISTED = "waitlisted", _("Stayed on the waitlist")

    # Annotated by AudienceQuerySet.with_details().
    uploaded_count: int

    name = models.CharField(_("name"), max_length=80, unique=True)
    pledge_year = models.ForeignKey(
        PledgeYear,
        verbose_name=_("school year of pledge"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    include_drafts = models.BooleanField(_("include pledges that aren’t signed yet"), default=False)
    promise_types = models.ManyToManyField(PromiseType, verbose_name=_("promise types"), blank=True, related_name="+")
    schools = models.ManyToManyField(School, verbose_name=_("schools"), blank=True, related_name="+")
    sectors = ArrayField(
        models.CharField(max_length=12, choices=Sector), verbose_name=_("sectors"), default=list, blank=True
    )
    contact_scope = models.CharField(_("contacts"), max_length=8, choices=ContactScope, default=ContactScope.PRIMARY)
    attended_event = models.ForeignKey(
        Event, verbose_name=_("event"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    attendance = ArrayField(
        models.CharField(max_length=10, choices=Attendance), verbose_name=_("attendance"), default=list, blank=True
    )
    uploaded_contacts = models.ManyToManyField(
        Contact, verbose_name=_("people from an uploaded list"), blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = AudienceQuerySet.as_manager()

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")
        ordering = ["-created_at", "-pk"]

    def __str__(self):
        return self.name


class ContactListUpload(models.Model):
    """An uploaded spreadsheet of people for an audience. A worker reads and checks it; then staff add its people or
    discard it. The file is kept until then, so that it can be read again with other columns."""

    class State(models.TextChoices):
        READING = "reading", pgettext_lazy("list", "Reading file")
        REJECTED = "rejected", pgettext_lazy("list", "This file can’t be used")
        CHECKED = "checked", pgettext_lazy("list", "Needs review")
        ADDING = "adding", pgettext_lazy("list", "Adding people")

    IN_PROGRESS = (State.READING, State.ADDING)

    audience = models.OneToOneField(
        Audience, verbose_name=_("audience"), on_delete=models.CASCADE, related_name="upload", primary_key=True
    )
    file = models.BinaryField(_("file"))
    file_name = models.CharField(_("file"), max_length=MAX_LENGTH_FILE_NAME)
    uploaded_at = models.DateTimeField(_("uploaded"), db_default=Now())
    language = models.CharField(max_length=5, choices=settings.LANGUAGES, default="en")
    state = models.CharField(_("status"), max_length=8, choices=State, default=State.READING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker has tried the current step.")
    last_step_at = models.DateTimeField(db_default=Now(), help_text="When a worker last worked on it.")
    rejection_reason = models.TextField(_("reason"), blank=True)
    options = models.JSONField(default=dict, help_text="What staff chose: the sheet, the columns, hidden rows.")
    format = models.JSONField(default=dict, help_text="How the file was read: kind, encoding, delimiter, columns.")

    class Meta:
        verbose_name = _("uploaded list")
        verbose_name_plural = _("uploaded lists")

    def __str__(self):
        return str(self.pk)

    @property
    def mark(self) -> str:
        """Different for each upload."""
        return self.uploaded_at.astimezone(UTC).isoformat()

    @property
    def is_in_progress(self) -> bool:
        return self.state in self.IN_PROGRESS


class UploadedPerson(models.Model):
    """A row of an uploaded list, or one of several people in it, and what becomes of it."""

    class Status(models.TextChoices):
        EXISTING = "existing", pgettext_lazy("row", "Existing contact")
        NEW = "new", pgettext_lazy("row", "New person")
        ERROR = "error", pgettext_lazy("row", "Error")
        REPEATED = "repeated", pgettext_lazy("row", "Listed twice")
        OPTED_OUT = "opted_out", pgettext_lazy("row", "Unsubscribed or bouncing")
        DECLINED = "declined", pgettext_lazy("row", "Doesn’t want email")

    ACCEPTED = (Status.EXISTING, Status.NEW)

    upload = models.ForeignKey(ContactListUpload, on_delete=models.CASCADE, related_name="people")
    line = models.PositiveIntegerField(_("row"))
    status = models.CharField(_("status"), max_length=9, choices=Status)
    email = models.TextField(_("email"), help_text="Or what the row says, if it has an error.")
    name = models.TextField(_("name"), blank=True)
    organization = models.TextField(_("organization"), blank=True)
    language = models.CharField(_("language"), max_length=5, blank=True)
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        indexes = [models.Index(fields=["upload", "status", "line"], name="uploadedperson_by_status")]

    def __str__(self):
        return str(self.line)


ACCEPTED = Q(rsvp__isnull=False, rsvp__canceled_at__isnull=True)
OPEN = Q(declined_at__isnull=True, rsvp__isnull=True)


class InvitationQuerySet(models.QuerySet):
    def accepted(self):
        return self.filter(ACCEPTED)

    def declined(self):
        """Those who said no, or said yes and canceled."""
        return self.exclude(ACCEPTED).exclude(OPEN)

    def unanswered(self):
        return self.filter(OPEN)

    def leading_to(self, rsvp: Rsvp):
        """Those whose page leads to an RSVP: the one that it answers, and unanswered ones to the same address."""
        same_address = Q(rsvp=None, event=rsvp.event_id, contact__email__iexact=rsvp.email)
        return self.filter(Q(rsvp=rsvp) | same_address)

    def lock(self) -> None:
        """Lock these invitations until the transaction ends: after their mailings, before their messages."""
        list(self.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk"))


class Invitation(PersonalLink):
    """An invitation of one contact to one event. It is accepted while its RSVP stands, and declined if the contact said
    no or canceled the RSVP.

    `notified_version` is the Event.schedule_version in the last email to the contact, `previous_notified_version` the
    one in the email before it.
    """

    class Answer(models.TextChoices):
        OPEN = "open", _("Not answered")
        ACCEPTED = "accepted", pgettext_lazy("invitation", "Accepted")
        DECLINED = "declined", pgettext_lazy("invitation", "Declined")

    # Annotated by the admin's list: the state of the email, None if it isn't written yet.
    email_state: str | None

    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.PROTECT, related_name="invitations")
    contact = models.ForeignKey(
        Contact, verbose_name=_("contact"), on_delete=models.CASCADE, related_name="invitations"
    )
    mailing = models.ForeignKey(
        Mailing, verbose_name=_("mailing"), on_delete=models.PROTECT, related_name="invitations", editable=False
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    emailed_at = models.DateTimeField(_("email created"), null=True, blank=True, editable=False)
    notified_version = models.CharField(max_length=16, blank=True, editable=False)
    previous_notified_version = models.CharField(max_length=16, blank=True, editable=False)
    declined_at = models.DateTimeField(_("declined"), null=True, blank=True, editable=False)
    decline_message = models.CharField(_("message"), max_length=500, blank=True, editable=False)
    rsvp = models.OneToOneField(
        Rsvp,
        verbose_name=_("RSVP"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="invitation",
        editable=False,
    )
    audit_entries = GenericRelation(AuditEntry)
    messages = GenericRelation(Message)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["contact", "event"], name="invitation_one_per_contact_and_event"),
            models.CheckConstraint(
                condition=Q(decline_message="") | Q(declined_at__isnull=False),
                name="invitation_decline_message_only_when_declined",
            ),
        ]
        indexes = [
            models.Index(fields=["mailing", "id"], condition=Q(emailed_at__isnull=True), name="invitation_to_write"),
        ]

    def __str__(self):
        """Leave out name and address, because Django's admin stores this in its log and in messages."""
        return str(_("Invitation %(number)s")) % {"number": self.pk}

    def get_absolute_url(self):
        return reverse("invitation", args=[self.token])

    @property
    def answer(self) -> Answer:
        """Needs `rsvp` to be loaded."""
        return answer_of(not self.rsvp.canceled_at if self.rsvp else None, self.declined_at)


def answer_of(stands: bool | None, declined_at: datetime | None) -> Invitation.Answer:
    """Return the answer, given whether the RSVP stands (None if there is none) and when the invitation was declined."""
    if stands:
        return Invitation.Answer.ACCEPTED
    return Invitation.Answer.DECLINED if declined_at or stands is False else Invitation.Answer.OPEN


class Reminder(models.Model):
    """One kind of reminder of an event, for the date it takes place on: whether it was sent, or why not. Its messages
    keep it from being sent twice to one person."""

    class Kind(models.TextChoices):
        WEEK = "week", _("One week before")
        DAY = "day", _("One day before")
        NAMES = "names", _("Missing guest names")
        THANKS = "thanks", _("Thank-you")
        UNANSWERED = "unanswered", _("Unanswered invitation")

    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.CASCADE, related_name="reminders")
    kind = models.CharField(_("type"), max_length=12, choices=Kind)
    event_date = models.DateField(_("event date"))
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    too_late = models.BooleanField(_("too late to be useful"), default=False)
    recipient_count = models.PositiveIntegerField(_("recipients"), default=0)
    messages = models.ManyToManyField(Message, editable=False)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["-event_date", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["event", "kind", "event_date"], name="reminder_once_per_event_and_date"),
        ]

    def __str__(self):
        return f"{self.event}: {self.get_kind_display()}"
