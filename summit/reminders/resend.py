"""What a reminder to a party says when staff resend it, or why it isn't resent."""

from datetime import datetime

from django.utils.translation import gettext as _

from imagine.core.database import database_now
from imagine.core.formatting import district_date
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from summit.emails import reminder as reminder_emails
from summit.models import Reminder, Rsvp
from summit.reminders.schedule import DUE_PERIODS, useful_until
from summit.reminders.sending import attended

Kind = Reminder.Kind


def fresh_reminder(rsvp: Rsvp, kind: Reminder.Kind) -> Message:
    """Return the reminder to a party as it should read today, unsaved. Raise CannotResend."""
    now, event = database_now(), rsvp.event
    check_event(rsvp, kind, now)
    check_party(rsvp, kind)
    day, until = district_date(event.starts_at), useful_until(kind, event, now)
    [fresh] = reminder_emails.party_reminders(event, kind, [rsvp], day=day, now=now, expires_at=until)
    return fresh


def check_event(rsvp: Rsvp, kind: Reminder.Kind, now: datetime) -> None:
    event, is_thanks = rsvp.event, kind == Kind.THANKS
    if event.canceled_at or not event.is_published:
        raise CannotResend(_("This event is canceled or no longer published, so we don’t remind its guests."))
    if now < DUE_PERIODS[kind].due(event):
        raise CannotResend(_("It’s too early to resend this. The next one goes out automatically when it’s due."))
    if is_thanks and now >= DUE_PERIODS[kind].until(event):
        raise CannotResend(_("It’s too late to send a thank-you for this event."))
    if not is_thanks and event.is_over:
        raise CannotResend(_("This event is over, so there’s nothing to remind guests of."))
    if now >= DUE_PERIODS[kind].until(event):
        raise CannotResend(
            _("It’s too late for this reminder. Resend the confirmation instead. We’ll write it with today’s details.")
        )


def check_party(rsvp: Rsvp, kind: Reminder.Kind) -> None:
    if kind == Kind.THANKS:
        if not rsvp.event.rsvps.filter(attended(rsvp.event), pk=rsvp.pk).exists():
            raise CannotResend(_("No one in this party attended, so there’s nothing to thank them for."))
    elif not rsvp.held_seats:
        raise CannotResend(_("This party has no confirmed seats now, so there’s nothing to remind them of."))
    elif kind == Kind.NAMES and not rsvp.guests.filter(position__gt=1, name="").exists():
        raise CannotResend(_("Every guest in this party has a name now, so there’s nothing to ask for."))
