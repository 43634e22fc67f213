"""Write the emails of a mailing batch by batch to the people confirmed, and withdraw what is outdated."""

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.mail import queue
from imagine.mail.models import Mailing, Message
from imagine.mail.queue import CannotResend, requeue
from summit import seats
from summit.emails import staff_email as staff_emails
from summit.emails.kinds import SummitEmailKind
from summit.models import Event, Invitation, Rsvp, StaffEmail, StaffEmailRecipient
from summit.staff_emails.recipients import find_recipients

BATCH_SIZE = 200  # in one transaction


@transaction.atomic
def write_email_batch(mailing_pk: int) -> bool:
    """Write one batch under the locks of event and mailing. Return whether there may be more.

    People who canceled, answered, unsubscribed or got another status since staff confirmed them are skipped.
    """
    email = StaffEmail.objects.defer("attachment").get(mailing=mailing_pk)
    email.event = seats.lock_event(email.event_id)
    mailing = Mailing.objects.unrendered().select_for_update(no_key=True).filter(pk=mailing_pk).first()
    if mailing is None:
        return False
    to_write = email.recipients.filter(written_at__isnull=True)
    batch = list(to_write.order_by("pk")[:BATCH_SIZE])
    people = [person for person in find_recipients(email, batch) if not person.reason]
    queue.enqueue_many(staff_emails.staff_email_messages(email, people, mailing=mailing))
    email.recipients.filter(pk__in=[each.pk for each in batch]).update(written_at=timezone.now())
    if not to_write.exists():
        mailing.rendered_at = timezone.now()
        mailing.skipped_count = max(0, mailing.recipient_count - mailing.messages.count())
        mailing.save(update_fields=["rendered_at", "skipped_count"])
    return mailing.rendered_at is None


# Outdated ----------------------------------------------------------------------------------------------------------


def rewrite_unsent(about: Rsvp | Invitation) -> None:
    """Write the unsent emails to a party, or about an invitation, again, because the address or the link changed. Call
    it in the transaction of the change."""
    name = "rsvp" if isinstance(about, Rsvp) else "invitation"
    rewrite(StaffEmailRecipient.objects.filter(**{name: about}))


def rewrite_unsent_of_event(event: Event) -> None:
    """Write what hasn't been sent again, because it says when and where the event was to take place before a change."""
    rewrite(StaffEmailRecipient.objects.filter(staff_email__event=event))


def withdraw_outdated() -> None:
    """Delete unsent emails to parties that canceled, and to people who answered their invitation."""
    answered = Q(invitation__declined_at__isnull=False) | Q(invitation__rsvp__isnull=False)
    outdated = StaffEmailRecipient.objects.filter(Q(rsvp__canceled_at__isnull=False) | answered)
    with transaction.atomic():
        rewrite(outdated)


def rewrite(recipients: QuerySet[StaffEmailRecipient]) -> None:
    """Delete unsent emails to these recipients. The worker writes them again, but for people who are no longer to be
    emailed."""
    unsent = Message.objects.not_handed_over().filter(kind=SummitEmailKind.STAFF_EMAIL, possible_duplicate=False)
    under_way = StaffEmail.objects.filter(
        Exists(unsent.filter(mailing=OuterRef("mailing"))), mailing__stopped_at=None, recipients__in=recipients
    )
    for email in under_way.defer("attachment").distinct().order_by("mailing"):
        mailing = Mailing.objects.filter(pk__in=[email.mailing_id])
        mailing.lock()
        for name, model in {"rsvp": Rsvp, "invitation": Invitation}.items():
            mine = email.recipients.filter(pk__in=recipients, written_at__isnull=False)
            about = {"content_type": ContentType.objects.get_for_model(model), "object_id__in": mine.values(name)}
            messages = dict(unsent.filter(mailing=email.mailing_id, **about).lock().values_list("pk", "object_id"))
            Message.objects.filter(pk__in=messages).delete()
            mine.filter(**{f"{name}__in": list(messages.values())}).update(written_at=None)
        mailing.filter(stopped_at=None).update(rendered_at=None)


# Resend ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def resend_staff_email(message: Message) -> bool:
    """Resend an email to a guest with today's address and link. Raise CannotResend."""
    email = StaffEmail.objects.filter(mailing=message.mailing_id).defer("attachment").select_related("event").first()
    if email is None or message.about is None:
        raise CannotResend(_("Resend the first email to this guest instead: this one is a copy."))
    rows = email.recipients.filter(rsvp=message.object_id if isinstance(message.about, Rsvp) else None)
    rows = rows.filter(invitation=message.object_id if isinstance(message.about, Invitation) else None)
    people = [person for person in find_recipients(email, list(rows)) if not person.reason]
    if not people:
        raise CannotResend(
            _("This guest canceled, answered, or unsubscribed since this email was written, so it isn’t resent.")
        )
    [fresh] = staff_emails.staff_email_messages(email, people, mailing=None)
    return requeue(message, fresh)
