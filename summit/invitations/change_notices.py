"""Notify people with an unanswered invitation when the event is rescheduled or canceled (docs/rules.md).

The entry in their calendar is wrong from then on. Whom to notify follows from what the last email to each person says:
an event that is moved back notifies only those who heard that it moved, and interrupted work is resumed. The same tasks
write these notices and invitations.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.security_events import record_event
from imagine.mail import dispatch, preferences, queue
from imagine.mail.bulk import control
from imagine.mail.models import Mailing, Message
from imagine.mail.security_events import MailEventKind
from summit.emails import change_notice as change_notice_emails
from summit.emails import invitation as invitation_emails
from summit.emails.kinds import SummitEmailKind
from summit.emails.queries import has_email, opted_out
from summit.models import Event, Invitation, Rsvp

State = Message.State
KINDS = change_notice_emails.KINDS
MAX_LENGTH_TITLE = Mailing._meta.get_field("title").max_length
MAY_HAVE_ARRIVED = (State.SENT, State.SENDING, State.UNKNOWN)


# Whom to notify --------------------------------------------------------------------------------------------------


def invitations_to_notify(event: Event, *states: State) -> QuerySet[Invitation]:
    """Return unanswered invitations whose last email says something about the event that is no longer true, without
    people who opted out. Their email is in one of these states; by default, in any but failed. After `recall_notices`,
    an outdated email that remains is with the mail server, which may still deliver it."""
    states = states or (*MAY_HAVE_ARRIVED, State.QUEUED)
    invited = has_email(Invitation, SummitEmailKind.INVITATION, SummitEmailKind.INVITATION_NEW_LINK, state__in=states)
    coming = Rsvp.objects.active().filter(event=event).alias(folded=Lower("email"))
    return (
        event.invitations.unanswered()
        .exclude(notified_version=event.schedule_version)
        .filter(invited, ~opted_out("contact__email", "invitations"))
        .filter(~Exists(coming.filter(folded=Lower(OuterRef("contact__email")))))
    )


def invitations_notified_if_saved(event: Event) -> QuerySet[Invitation]:
    """Return the invitations that `start_notices` would notify if the event were saved as it is in memory. Queued
    emails don't count: they will be rewritten or deleted."""
    queued = has_email(Invitation, *KINDS, state=State.QUEUED)
    return invitations_to_notify(event, *MAY_HAVE_ARRIVED).exclude(
        queued, previous_notified_version=event.schedule_version
    )


def ics_sequence(event: Event) -> int:
    return invitation_emails.sequence_of(event)


# Start -----------------------------------------------------------------------------------------------------------


def start_notices(event: Event) -> None:
    """Notify people of a change to the locked event, in the transaction of the change. Outdated emails that haven't
    been sent are deleted."""
    recall_notices(event)
    count = invitations_to_notify(event).count()
    if count:
        mailing = Mailing.objects.create(
            about=event,
            template=change_notice_emails.kind_of(event),
            title=mailing_title(event)[:MAX_LENGTH_TITLE],
            recipient_count=count,
            started_by=audit.current_actor().name,
        )
        record_event(MailEventKind.MAILING_CREATED, mailing, template=mailing.template, recipients=count)
        transaction.on_commit(lambda: dispatch.send_task("summit.tasks.write_invitations", mailing.pk), robust=True)


def mailing_title(event: Event) -> str:
    title = _("%(event)s: canceled") if event.canceled_at else _("%(event)s: new time or location")
    return title % {"event": event.title}


def recall_notices(event: Event) -> None:
    """Stop outdated mailings and delete what they haven't sent."""
    overtaken = Mailing.objects.about(event).filter(template__in=KINDS, stopped_at=None)
    for mailing in overtaken.order_by("pk").select_for_update(no_key=True):
        recalled = control.recall(mailing)
        restore_notified_versions(recalled)
        if recalled or not mailing.rendered_at:
            mailing.stopped_at = timezone.now()
            mailing.save(update_fields=["stopped_at"])
            record_event(MailEventKind.MAILING_STOPPED, mailing)


def restore_notified_versions(messages: Iterable[tuple[str, int | None]]) -> None:
    """Undo that these messages, by kind and invitation, were written, because they were deleted before they were
    sent."""
    pks = [pk for kind, pk in messages if pk and kind in KINDS]
    if pks:
        Invitation.objects.filter(pk__in=pks).update(notified_version=F("previous_notified_version"))


# Write -----------------------------------------------------------------------------------------------------------


def write_notice_batch(mailing: Mailing, size: int) -> bool:
    """Write the next messages of a locked mailing. Return whether there may be more."""
    event = event_of_mailing(mailing)
    if event.is_over:
        stop_notices(mailing)
        return False
    to_write = invitations_to_notify(event)
    locked = to_write.select_for_update(skip_locked=True, of=("self",), no_key=True)
    invitations = list(locked.select_related("contact__organization").order_by("pk")[:size])
    for invitation in invitations:
        invitation.event = event
    queue.enqueue_many(
        change_notice_emails.change_notice_messages(
            event, invitations, preferences_of_contacts(invitations), mailing=mailing, sequence=ics_sequence(event)
        )
    )
    pks = [invitation.pk for invitation in invitations]
    Invitation.objects.filter(pk__in=pks).update(
        previous_notified_version=F("notified_version"), notified_version=event.schedule_version
    )
    if not to_write.exists():
        mailing.rendered_at = timezone.now()
        mailing.skipped_count = max(0, mailing.recipient_count - mailing.messages.count())
        mailing.save(update_fields=["rendered_at", "skipped_count"])
    return bool(invitations) and not mailing.rendered_at


def preferences_of_contacts(invitations: list[Invitation]) -> dict:
    return preferences.get_preferences(invitation.contact.email for invitation in invitations)


def lock_invitations_of_mailing(mailing: Mailing) -> None:
    """Lock a mailing, then the invitations to its event. Answering an invitation locks it before its messages, too."""
    Mailing.objects.filter(pk=mailing.pk).lock()
    event_of_mailing(mailing).invitations.lock()


def event_of_mailing(mailing: Mailing) -> Event:
    return Event.objects.get(pk=mailing.object_id)


# Delete and stop -------------------------------------------------------------------------------------------------


def delete_unsent_notices(invitation: Invitation) -> None:
    """The invitation was answered: delete the notices about it that haven't been sent."""
    unsent_notices(invitation).delete()


def rewrite_unsent_notices(invitation: Invitation) -> None:
    """The contact's address changed: write the notices that haven't been sent to the new address."""
    unsent = unsent_notices(invitation).filter(mailing__stopped_at=None)
    rows = list(unsent.values_list("kind", "object_id", "mailing"))
    unsent.delete()
    restore_notified_versions([(kind, pk) for kind, pk, _mailing in rows])
    Mailing.objects.filter(pk__in=[mailing for *_message, mailing in rows]).update(rendered_at=None)


def unsent_notices(invitation: Invitation) -> QuerySet[Message]:
    return invitation.messages.not_handed_over().filter(mailing__template__in=KINDS)


@transaction.atomic
def stop_notices(mailing: Mailing) -> None:
    """Stop a mailing for good. Safe to repeat."""
    lock_invitations_of_mailing(mailing)
    restore_notified_versions(control.stop_mailing(mailing))


def stop_notices_of_past_events() -> None:
    unsent = Message.objects.filter(mailing=OuterRef("pk"), state=State.QUEUED)
    under_way = Mailing.objects.filter(Exists(unsent), template__in=KINDS, stopped_at=None)
    for mailing in under_way:
        if event_of_mailing(mailing).is_over:
            stop_notices(mailing)
