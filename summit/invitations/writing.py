"""Write the emails of a mailing batch by batch, and withdraw invitations when it is stopped."""

import time
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone

from imagine.mail import preferences, queue
from imagine.mail.bulk import control
from imagine.mail.models import Mailing, Message
from summit.emails import invitation as invitation_emails
from summit.emails.kinds import SummitEmailKind
from summit.invitations import change_notices
from summit.models import Event, Invitation
from summit.staff_emails import writing as staff_email_writing

BATCH_SIZE = 200  # in one transaction
WRITE_SECONDS = 10  # then another task continues, so that other tasks get their turn


def write_mailing(mailing: Mailing) -> bool:
    """Write a mailing's messages for up to WRITE_SECONDS. Return whether all are written.

    Continue where an earlier call was interrupted. Two calls at once take turns, and nothing is written twice.
    """
    stop_at = time.monotonic() + WRITE_SECONDS
    is_staff_email = mailing.template == SummitEmailKind.STAFF_EMAIL
    write_batch = staff_email_writing.write_email_batch if is_staff_email else write_next_batch
    while write_batch(mailing.pk):
        if time.monotonic() > stop_at:
            return False
    return True


@transaction.atomic
def write_next_batch(mailing_pk: int) -> bool:
    """Write one batch under the mailing's lock. Return whether there may be more."""
    unrendered = Mailing.objects.unrendered().select_for_update(no_key=True)
    mailing = unrendered.filter(pk=mailing_pk).first()
    if mailing is None:
        return False
    if mailing.template != SummitEmailKind.INVITATION:
        return change_notices.write_notice_batch(mailing, BATCH_SIZE)
    to_write = mailing.invitations.filter(emailed_at__isnull=True)
    event = change_notices.event_of_mailing(mailing)
    if not event.accepts_rsvps and to_write.exists():
        stop_invitations(mailing)  # canceled or closed since: no one could answer
        return False
    locked = to_write.select_for_update(skip_locked=True, of=("self",), no_key=True)
    invitations = list(locked.select_related("contact__organization").order_by("pk")[:BATCH_SIZE])
    if invitations:
        write_locked_invitations(mailing, event, invitations)
    if not to_write.exists():
        mailing.rendered_at = timezone.now()
    mailing.save(update_fields=["rendered_at", "skipped_count"])
    return bool(invitations) and not mailing.rendered_at


def write_locked_invitations(mailing: Mailing, event: Event, invitations: list[Invitation]) -> None:
    """Write locked invitations of a locked mailing. Skip and delete those of people who have opted out or RSVP'd
    since."""
    emails = {invitation.contact.email.lower() for invitation in invitations}
    preferences_by_email = preferences.get_preferences(emails)
    coming = set(emails_with_rsvp(event, emails))
    wanted: list[Invitation] = []
    skipped: list[Invitation] = []
    for invitation in invitations:
        address = preferences_by_email[invitation.contact.email.lower()]
        is_wanted = address.wants_invitations and not address.suppressed_at and address.email not in coming
        (wanted if is_wanted else skipped).append(invitation)
        invitation.mailing, invitation.event = mailing, event
    queue.enqueue_many(invitation_emails.invitation_messages(event, wanted, preferences_by_email))
    Invitation.objects.filter(pk__in=[invitation.pk for invitation in wanted]).update(
        emailed_at=timezone.now(), notified_version=event.schedule_version
    )
    Invitation.objects.filter(pk__in=[invitation.pk for invitation in skipped]).delete()
    mailing.skipped_count += len(skipped)


def emails_with_rsvp(event: Event, emails: Iterable[str]):
    """Return those of these lowercase addresses that have an RSVP for the event."""
    active = event.rsvps.active().order_by().annotate(address=Lower("email"))
    return active.filter(address__in=emails).values_list("address", flat=True)


# Stop -----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def stop_invitations(mailing: Mailing) -> int:
    """Stop a mailing for good. People not emailed yet were never invited and can be invited later. Return their number.
    Safe to repeat."""
    change_notices.lock_invitations_of_mailing(mailing)
    recalled = control.stop_mailing(mailing)
    change_notices.restore_notified_versions(recalled)
    unsent = [pk for kind, pk in recalled if kind == SummitEmailKind.INVITATION]
    never_asked = mailing.invitations.filter(Q(pk__in=unsent) | Q(emailed_at__isnull=True))
    # Keep answered ones: people can open the link before its email is marked as sent.
    locked = never_asked.filter(rsvp=None, declined_at=None).select_for_update(no_key=True).order_by("pk")
    taken_back, _rows = Invitation.objects.filter(pk__in=[invitation.pk for invitation in locked]).delete()
    return taken_back


def stop_closed_mailings() -> None:
    """Stop mailings to events that were canceled, closed or hidden since, because no one could answer. Change notices
    stop when the event is over."""
    closed = Q(event__canceled_at__isnull=False) | Q(event__rsvp_closes_at__lte=timezone.now())
    closed |= Q(event__is_published=False)
    invitations = Invitation.objects.filter(closed, mailing=OuterRef("pk"))
    unsent = Message.objects.filter(mailing=OuterRef("pk"), state=Message.State.QUEUED)
    for mailing in Mailing.objects.filter(Exists(invitations), Exists(unsent), stopped_at=None):
        stop_invitations(mailing)
    change_notices.stop_notices_of_past_events()
