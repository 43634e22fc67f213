"""Resend emails about an RSVP: rewritten with today's facts, or refused with what to do instead."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend, requeue
from summit import seats
from summit.emails import invitation as invitation_emails
from summit.emails import rsvp as rsvp_emails
from summit.emails.kinds import EmailKind
from summit.models import Rsvp

# These say what seats the party has.
STATUS_KINDS = (
    *(EmailKind.RSVP_CONFIRMED, EmailKind.RSVP_WAITLISTED),
    *(EmailKind.RSVP_PROMOTED, EmailKind.RSVP_CHANGED),
)
LINK_KINDS = (EmailKind.RSVP_LINK, EmailKind.RSVP_NEW_LINK)
# These are about one change or one day: sent as they are while they are still true.
DATED_KINDS = (
    *(EmailKind.EVENT_RESCHEDULED, EmailKind.EVENT_CANCELED),
    *(EmailKind.REMINDER_WEEK, EmailKind.REMINDER_DAY, EmailKind.REMINDER_NAMES, EmailKind.THANKS),
)
KINDS = (*STATUS_KINDS, *LINK_KINDS, EmailKind.RSVP_CANCELED, *DATED_KINDS)


@transaction.atomic
def resend_rsvp_email(message: Message) -> bool:
    """Raise CannotResend, and Rsvp.DoesNotExist or Message.DoesNotExist if one is gone."""
    rsvp = seats.lock_rsvp(Rsvp.objects.get(messages__pk=message.pk))
    if message.kind in DATED_KINDS:
        check_unchanged(message, rsvp)
        return requeue(message)
    return requeue(message, fresh_email(message, rsvp))


def fresh_email(message: Message, rsvp: Rsvp) -> Message:
    """Return the email as it should read today, unsaved, to today's address."""
    if message.kind in LINK_KINDS:
        return rsvp_emails.rsvp_message(rsvp, message.kind, occasion=timezone.now().isoformat(), shows_party=False)
    if message.kind == EmailKind.RSVP_CANCELED:
        if not rsvp.canceled_at:
            raise CannotResend(_("The guest has RSVP'd again since, so this email isn't true anymore."))
        had_seats = bool(message.ics_method)
        return rsvp_emails.next_message(
            rsvp, message.kind, method="CANCEL" if had_seats else "", had_seats=had_seats, shows_party=False
        )
    if rsvp.canceled_at:
        raise CannotResend(_("This RSVP was canceled since, so there are no seats to confirm."))
    if not rsvp.event.is_editable:
        raise CannotResend(_("The event is over or was canceled, so there are no seats to confirm."))
    return rsvp_emails.status_message(rsvp, list(rsvp.guests.order_by("position")))


def check_unchanged(message: Message, rsvp: Rsvp) -> None:
    """Raise CannotResend if the event, the personal link or the address changed since the email was written."""
    moved = audit.has_changed_since(message.created_at, rsvp.event, *invitation_emails.SCHEDULE_CHANGES)
    changed = moved or audit.has_changed_since(message.created_at, rsvp, "link")
    if changed or message.recipient.lower() != rsvp.email.lower():
        raise CannotResend(
            _(
                "The event, the link or the address changed since, so this email isn't true anymore. Resend the "
                "confirmation instead: we'll write it with today's details."
            )
        )
