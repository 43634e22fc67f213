"""Stored emails, and the heartbeats of the queues that send them."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from imagine.core.formatting import clock, short_date
from imagine.core.relations import AboutQuerySet
from imagine.mail.models.mailings import Mailing

KEEP_TRYING = timedelta(days=1)
MAX_LENGTH_SUBJECT = 200


def default_retry_until():
    return Now() + KEEP_TRYING


class MessageQuerySet(AboutQuerySet):
    def sendable(self):
        """Exclude messages that have expired, or whose mailing is paused or stopped."""
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(unexpired, mailing__paused_at__isnull=True, mailing__stopped_at__isnull=True)

    def due(self, queue: str):
        """Return the messages of a queue that can be sent now, at most one per recipient.

        A message waits for older ones to the same recipient, so that the newest email is also the last one they get.
        It doesn't wait for messages that aren't sendable, such as those of a paused mailing.

        A correlated subquery, because PostgreSQL plans NOT EXISTS as a join by statistics that may be from before ten
        thousand messages were queued, and then takes minutes.
        """
        waiting = Message.objects.filter(queue=queue)
        if queue == Message.Queue.BULK:
            waiting, self = waiting.sendable(), self.sendable()
        ahead = waiting.filter(
            state__in=Message.PENDING, recipient=OuterRef("recipient"), created_at__lt=OuterRef("created_at")
        )
        first = self.alias(ahead=Subquery(ahead.order_by().values("pk")[:1])).filter(ahead__isnull=True)
        return first.filter(queue=queue, state=Message.State.QUEUED, send_after__lte=Now())

    def not_handed_over(self):
        """Return bulk email that no mail server has seen, so it can be recalled. Senders commit `handed_over_at` before
        they transmit, so this holds after any crash."""
        claimed = Q(state=Message.State.SENDING, handed_over_at__isnull=True)
        return self.filter(claimed | Q(state=Message.State.QUEUED), queue=Message.Queue.BULK)

    def abandoned(self):
        """Return messages whose claim expired before the sender recorded the outcome."""
        return self.filter(state=Message.State.SENDING, claim_expires_at__lt=Now())

    def lock(self, *, skip_locked: bool = False):
        """Lock these messages in the order of their primary keys and return them as they are then."""
        locked = self.select_for_update(of=("self",), skip_locked=skip_locked).order_by("pk")
        return Message.objects.filter(pk__in=list(locked.values_list("pk", flat=True)))

    def delete(self):
        """Lock the rows first: a condition such as `not_handed_over` must still hold when they are deleted."""
        with transaction.atomic(savepoint=False):
            pks = list(self.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
            return super(MessageQuerySet, Message.objects.filter(pk__in=pks)).delete()

    def undelivered(self):
        """Return messages that won't arrive unless staff do something."""
        return self.filter(state__in=Message.UNDELIVERED)

    def to_handle(self):
        """Return undelivered messages about which staff haven't done anything yet."""
        return self.undelivered().filter(handled_at__isnull=True)

    def visible_to(self, user):
        """Exclude email about staff accounts, which belong to superusers."""
        return self if user.is_superuser else self.exclude(content_type__app_label="auth")


class Message(models.Model):
    """One email to one address.

    `kind` is a code of the app that queued it, `about` the object it is about. The unique `idempotency_key` keeps the
    same email from being queued twice; it is never parsed. `attachments.py` builds the attachment when the message is
    sent.
    """

    class State(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("email", "Queued")
        SENDING = "sending", pgettext_lazy("email", "Sending")
        SENT = "sent", pgettext_lazy("email", "Sent")
        REJECTED = "rejected", pgettext_lazy("email", "Bounced")
        UNKNOWN = "unknown", _("Delivery unknown")
        FAILED = "failed", pgettext_lazy("email", "Failed")

    PENDING = (State.QUEUED, State.SENDING)
    UNDELIVERED = (State.REJECTED, State.UNKNOWN, State.FAILED)
    CAN_BE_HANDLED = (State.REJECTED, State.FAILED)

    class Queue(models.TextChoices):
        TRANSACTIONAL = "transactional", _("Individual")
        BULK = "bulk", _("Bulk")

    class Topic(models.TextChoices):
        """What people can unsubscribe from. A direct answer has none."""

        INVITATIONS = "invitations"
        REMINDERS = "reminders"
        NEWS = "news"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    idempotency_key = models.CharField(_("unique key"), max_length=120)
    kind = models.CharField(max_length=40)
    content_type = models.ForeignKey(
        ContentType,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,  # message_about has it
    )
    object_id = models.PositiveBigIntegerField(null=True)
    about = GenericForeignKey()
    queue = models.CharField(_("type"), max_length=16, choices=Queue, default=Queue.TRANSACTIONAL)
    mailing = models.ForeignKey(
        Mailing, verbose_name=_("mailing"), on_delete=models.PROTECT, null=True, blank=True, related_name="messages"
    )
    recipient = models.EmailField(_("to"))
    language = models.CharField(_("language"), max_length=5, choices=settings.LANGUAGES)
    subject = models.CharField(_("subject"), max_length=MAX_LENGTH_SUBJECT)
    body_text = models.TextField(_("text"))
    body_html = models.TextField(_("HTML"))
    ics = models.TextField(_("calendar file"), blank=True)
    ics_method = models.CharField(_("calendar method"), max_length=10, blank=True)
    topic = models.CharField(max_length=12, choices=Topic, blank=True)
    unsubscribe_url = models.CharField(_("unsubscribe link"), max_length=200, blank=True)
    attachment_kind = models.CharField(max_length=40, blank=True)
    attachment_content_type = models.ForeignKey(
        ContentType,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,  # nothing looks for these
    )
    attachment_object_id = models.PositiveBigIntegerField(null=True)
    attached = GenericForeignKey("attachment_content_type", "attachment_object_id")
    attachment_name = models.CharField(_("attachment"), max_length=120, blank=True)
    state = models.CharField(_("status"), max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    send_after = models.DateTimeField(_("send after"), db_default=Now())
    # For bulk email. The app that queued it deletes it after this.
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    retry_until = models.DateTimeField(_("retry until"), db_default=Now() + KEEP_TRYING)
    claim_id = models.UUIDField(_("claim"), null=True, blank=True)
    claim_expires_at = models.DateTimeField(_("claimed until"), null=True, blank=True)
    handed_over_at = models.DateTimeField(_("last sent to the mail server"), null=True, blank=True)  # bulk email only
    created_at = models.DateTimeField(_("created"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    bounced_at = models.DateTimeField(_("bounced"), null=True, blank=True)  # after it was sent, by a delivery report
    complained_at = models.DateTimeField(_("marked as spam"), null=True, blank=True)
    # When staff dealt with a bounce or failure, so that it no longer waits for them.
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    possible_duplicate = models.BooleanField(_("may have been sent more than once"), default=False)
    last_error = models.CharField(_("reason"), max_length=300, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("one email", "email")
        verbose_name_plural = _("sent email")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="message_idempotency_key_once"),
            models.CheckConstraint(
                condition=Q(state="sending", claim_id__isnull=False, claim_expires_at__isnull=False)
                | (~Q(state="sending") & Q(claim_id__isnull=True, claim_expires_at__isnull=True)),
                name="message_claim_only_while_sending",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(state="rejected", bounced_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="message_sent_at_only_when_sent",
            ),
            models.CheckConstraint(
                condition=Q(state="rejected") | Q(bounced_at__isnull=True), name="message_bounced_is_rejected"
            ),
            models.CheckConstraint(
                condition=Q(handled_at__isnull=True) | Q(state__in=["rejected", "failed"]),
                name="message_handled_only_when_undelivered",
            ),
            models.CheckConstraint(
                condition=Q(attachment_kind="", attachment_name="") | ~Q(attachment_kind="") & ~Q(attachment_name=""),
                name="message_attachment_has_a_name",
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "send_after"], condition=Q(state="queued"), name="message_due_in_queue"),
            models.Index(fields=["claim_expires_at"], condition=Q(state="sending"), name="message_claimed"),
            models.Index(fields=["-created_at"], name="message_newest"),
            models.Index(fields=["content_type", "object_id"], name="message_about"),
            models.Index(fields=["recipient"], condition=Q(state__in=["queued", "sending"]), name="message_pending"),
            models.Index(
                fields=["send_after"],
                condition=Q(state__in=["rejected", "unknown", "failed"]),
                name="message_undelivered",
            ),
        ]

    def __str__(self):
        """Leave out subject and address, because Django's admin stores this in messages for staff."""
        if not isinstance(self.created_at, datetime):  # not saved yet
            return self.idempotency_key
        when = {"date": short_date(self.created_at), "time": clock(self.created_at)}
        return str(_("Email of %(date)s, %(time)s")) % when


class QueueHeartbeat(models.Model):
    """When a worker last ran a task of a queue. This detects workers that are connected but take no tasks."""

    queue = models.CharField(max_length=20, primary_key=True)
    recorded_at = models.DateTimeField()

    def __str__(self):
        return self.queue
