"""Word to whoever was invited and has not answered, when the event moves or is called off (docs/rules.md).

Their calendar holds an entry that is wrong from then on. Who is to be told is found by what the last mail to each says:
so an event that moves back tells only those who heard that it moved, and what was interrupted goes on. The mailing is
written by the same tasks as invitations.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.mail import dispatch, preferences, queue
from imagine.mail.bulk import control
from imagine.mail.models import Mailing, Message
from summit.emails import change_notice as change_notice_emails
from summit.emails import invitation as invitation_emails
from summit.emails.kinds import EmailKind
from summit.emails.queries import emailed, unwilling
from summit.models import Event, Invitation, Rsvp

State = Message.State
KINDS = change_notice_emails.KINDS
TITLE = Mailing._meta.get_field("title").max_length
ARRIVED = (State.SENT, State.SENDING, State.UNKNOWN)  # or may have


# To whom ---------------------------------------------------------------------------------------------------------


def to_tell(event: Event, *states: State) -> QuerySet[Invitation]:
    """Invitations whose last mail says something else of the event than is true, and that are not answered. Nobody who
    wants no invitations or refuses mail. Their mail is in one of these states; if none is said it did not fail: after
    `take_back` what still says it as it was is in the mail server's hands, who may put it off."""
    states = states or (*ARRIVED, State.QUEUED)
    asked = emailed(Invitation, EmailKind.INVITATION, EmailKind.INVITATION_NEW_LINK, state__in=states)
    comes = Rsvp.objects.active().filter(event=event).alias(folded=Lower("email"))
    return (
        event.invitations.unanswered()
        .exclude(notified_version=event.schedule_version)
        .filter(asked, ~unwilling("contact__email", "invitations"))
        .filter(~Exists(comes.filter(folded=Lower(OuterRef("contact__email")))))
    )


def asked(event: Event) -> QuerySet[Invitation]:
    """Whom `begin` would have told if the event were saved as it is in memory: for the question before it. What waits
    to be sent is not counted: it is written anew, or never leaves."""
    waits = emailed(Invitation, *KINDS, state=State.QUEUED)
    return to_tell(event, *ARRIVED).exclude(waits, previous_notified_version=event.schedule_version)


def sequence(event: Event) -> int:
    return invitation_emails.sequence_of(event)


# Begin -----------------------------------------------------------------------------------------------------------


def begin(event: Event) -> None:
    """The locked event moved or was called off, in this transaction: what tells of it as it was and has not left never
    does, and a mailing begins to those who are to be told."""
    take_back(event)
    count = to_tell(event).count()
    if count:
        mailing = Mailing.objects.create(
            about=event,
            template=change_notice_emails.kind_of(event),
            title=title(event)[:TITLE],
            recipient_count=count,
            started_by=audit.current_actor().name,
        )
        transaction.on_commit(lambda: dispatch.send_task("summit.tasks.write_invitations", mailing.pk), robust=True)


def title(event: Event) -> str:
    said = _("%(event)s: called off") if event.canceled_at else _("%(event)s: new time or place")
    return said % {"event": event.title}


def take_back(event: Event) -> None:
    """Ends the mailings that are overtaken, and have not left whole."""
    overtaken = Mailing.objects.about(event).filter(template__in=KINDS, stopped_at=None)
    for mailing in overtaken.order_by("pk").select_for_update(no_key=True):
        recalled = control.recall(mailing)
        unsay(recalled)
        if recalled or not mailing.rendered_at:
            mailing.stopped_at = timezone.now()
            mailing.save(update_fields=["stopped_at"])


def unsay(messages: Iterable[tuple[str, int | None]]) -> None:
    """What these messages, by kind and invitation, say was never said, as they were deleted before they left."""
    pks = [pk for kind, pk in messages if pk and kind in KINDS]
    if pks:
        Invitation.objects.filter(pk__in=pks).update(notified_version=F("previous_notified_version"))


# Write -----------------------------------------------------------------------------------------------------------


def write_batch(mailing: Mailing, size: int) -> bool:
    """Writes the next messages of a locked mailing. Says whether there may be more."""
    event = event_of(mailing)
    if event.is_over:
        stop(mailing)
        return False
    to_write = to_tell(event)
    locked = to_write.select_for_update(skip_locked=True, of=("self",), no_key=True)
    some = list(locked.select_related("contact__organization").order_by("pk")[:size])
    for invitation in some:
        invitation.event = event
    queue.enqueue_many(
        change_notice_emails.written(event, some, known(some), mailing=mailing, sequence=sequence(event))
    )
    pks = [invitation.pk for invitation in some]
    Invitation.objects.filter(pk__in=pks).update(
        previous_notified_version=F("notified_version"), notified_version=event.schedule_version
    )
    if not to_write.exists():
        mailing.rendered_at = timezone.now()
        mailing.skipped_count = max(0, mailing.recipient_count - mailing.messages.count())
        mailing.save(update_fields=["rendered_at", "skipped_count"])
    return bool(some) and not mailing.rendered_at


def known(invitations: list[Invitation]) -> dict:
    return preferences.of_many(invitation.contact.email for invitation in invitations)


def lock_invitations(mailing: Mailing) -> None:
    """Lock a mailing, then the invitations to its event: whoever answers one locks it before its messages, too."""
    Mailing.objects.select_for_update().get(pk=mailing.pk)
    event_of(mailing).invitations.lock()


def event_of(mailing: Mailing) -> Event:
    return Event.objects.get(pk=mailing.object_id)


# What nobody needs to be told any more ---------------------------------------------------------------------------


def drop(invitation: Invitation) -> None:
    """It was answered, by a page or with an RSVP that says it all: what was to be told does not leave."""
    waiting(invitation).delete()


def write_again(invitation: Invitation) -> None:
    """Its contact's address was corrected: what has not left is written to the new one."""
    unsent = waiting(invitation).filter(mailing__stopped_at=None)
    rows = list(unsent.values_list("kind", "object_id", "mailing"))
    unsent.delete()
    unsay([(kind, pk) for kind, pk, _mailing in rows])
    Mailing.objects.filter(pk__in=[mailing for *_message, mailing in rows]).update(rendered_at=None)


def waiting(invitation: Invitation) -> QuerySet[Message]:
    return invitation.messages.not_handed_over().filter(mailing__template__in=KINDS)


@transaction.atomic
def stop(mailing: Mailing) -> None:
    """Ends a mailing for good. Twice changes nothing."""
    lock_invitations(mailing)
    unsay(control.stop(mailing))


def stop_the_late() -> None:
    """Ends the mailings of events that are over."""
    unsent = Message.objects.filter(mailing=OuterRef("pk"), state=State.QUEUED)
    under_way = Mailing.objects.filter(Exists(unsent), template__in=KINDS, stopped_at=None)
    for mailing in under_way:
        if event_of(mailing).is_over:
            stop(mailing)
