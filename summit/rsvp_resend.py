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
from summit.emails.kinds import SummitEmailKind
from summit.models import Reminder, Rsvp
from summit.reminders.resend import fresh_reminder

# These say what seats the party has.
STATUS_KINDS = (
    *(SummitEmailKind.RSVP_CONFIRMED, SummitEmailKind.RSVP_WAITLISTED),
    *(SummitEmailKind.RSVP_PROMOTED, SummitEmailKind.RSVP_CHANGED),
)
LINK_KINDS = (SummitEmailKind.RSVP_LINK, SummitEmailKind.RSVP_NEW_LINK)
REMINDER_KINDS = {
    SummitEmailKind.REMINDER_WEEK: Reminder.Kind.WEEK,
    SummitEmailKind.REMINDER_DAY: Reminder.Kind.DAY,
    SummitEmailKind.REMINDER_NAMES: Reminder.Kind.NAMES,
    SummitEmailKind.THANKS: Reminder.Kind.THANKS,
}
KINDS = (
    *(*STATUS_KINDS, *LINK_KINDS, *REMINDER_KINDS),
    *(SummitEmailKind.RSVP_CANCELED, SummitEmailKind.EVENT_RESCHEDULED, SummitEmailKind.EVENT_CANCELED),
)
# What an email about a new time or place says.
STATED_ABOUT_EVENT = (*invitation_emails.SCHEDULE_CHANGES, "title", "title_es", "meal")
STATED_ABOUT_RSVP = (*seats.LOGGED_FIELDS, "guests", "needs", "link")


@transaction.atomic
def resend_rsvp_email(message: Message) -> bool:
    """Raise CannotResend, and Rsvp.DoesNotExist or Message.DoesNotExist if one is gone."""
    rsvp = seats.lock_rsvp(Rsvp.objects.get(messages__pk=message.pk))
    if message.kind == SummitEmailKind.EVENT_RESCHEDULED:
        check_has_seats(rsvp)
        check_unchanged(message, rsvp)
        return requeue(message)  # it also says what was before
    return requeue(message, fresh_rsvp_email(message, rsvp))


def fresh_rsvp_email(message: Message, rsvp: Rsvp) -> Message:
    """Return the email as it should read today, unsaved, to today's address."""
    if message.kind in LINK_KINDS:
        return fresh_link(message, rsvp)
    if message.kind == SummitEmailKind.RSVP_CANCELED:
        return fresh_cancellation(message, rsvp)
    check_not_canceled(rsvp)
    if message.kind == SummitEmailKind.EVENT_CANCELED:
        if rsvp.event.is_over:
            raise CannotResend(_("The canceled event would be over by now, so guests don’t need this email."))
        return rsvp_emails.event_canceled_message(rsvp)
    if message.kind in REMINDER_KINDS:
        return fresh_reminder(rsvp, REMINDER_KINDS[SummitEmailKind(message.kind)])
    check_has_seats(rsvp)
    return rsvp_emails.status_message(rsvp, list(rsvp.guests.order_by("position")))


def fresh_link(message: Message, rsvp: Rsvp) -> Message:
    if rsvp.event.is_over:
        raise CannotResend(_("This event is over, so we can’t resend its links."))
    return rsvp_emails.rsvp_message(rsvp, message.kind, occasion=timezone.now().isoformat(), shows_party=False)


def fresh_cancellation(message: Message, rsvp: Rsvp) -> Message:
    if not rsvp.canceled_at:
        raise CannotResend(_("This guest has RSVP’d again, so this email is out of date."))
    had_seats = bool(message.ics_method)
    return rsvp_emails.next_message(
        rsvp, message.kind, method="CANCEL" if had_seats else "", had_seats=had_seats, shows_party=False
    )


def check_not_canceled(rsvp: Rsvp) -> None:
    if rsvp.canceled_at:
        raise CannotResend(_("This RSVP is canceled, so there are no seats to confirm."))


def check_has_seats(rsvp: Rsvp) -> None:
    check_not_canceled(rsvp)
    if not rsvp.event.is_editable:
        raise CannotResend(_("This event is over or canceled, so there are no seats to confirm."))


def check_unchanged(message: Message, rsvp: Rsvp) -> None:
    """Raise CannotResend if anything that an email about a new time or place says changed since it was written."""
    changed = audit.has_changed_since(message.created_at, rsvp.event, *STATED_ABOUT_EVENT)
    changed = changed or audit.has_changed_since(message.created_at, rsvp, *STATED_ABOUT_RSVP)
    if changed or message.recipient.lower() != rsvp.email.lower() or message.language != rsvp.language:
        raise CannotResend(
            _(
                "The event or the RSVP has changed, so this email is out of date. Resend the "
                "confirmation instead. We’ll write it with today’s details."
            )
        )
