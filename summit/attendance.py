"""Check-in (docs/rules.md): staff check in guests from the day of the event on. No seat depends on it."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from summit import seats
from summit.models import Event, Guest, Rsvp


class CheckInNotOpen(RuleViolation):
    """No one can be checked in: the event's day hasn't come, or the event was canceled."""


class NoSeatHeld(RuleViolation):
    """The party has no confirmed seat. Staff confirm its seats before checking it in."""


def can_check_in(event: Event, now: datetime | None = None) -> bool:
    """Return whether the event's day has begun in the district; doors open before an event starts."""
    zone = timezone.get_default_timezone()
    today = timezone.localdate(now or timezone.now(), zone)
    return not event.canceled_at and today >= timezone.localdate(event.starts_at, zone)


@transaction.atomic
def check_in_party(rsvp: Rsvp) -> bool:
    """Check in every guest of the party with a confirmed seat; guests already checked in keep their time. Return
    whether anything changed. Raise CheckInNotOpen, NoSeatHeld, or seats.RsvpClosed if the party canceled."""
    rsvp = lock_for_check_in(rsvp)
    if not rsvp.held_seats:
        raise NoSeatHeld(_("This party has no confirmed seats. Confirm its seats, then mark it as attended."))
    return save_check_ins(rsvp, {guest.pk: True for guest in rsvp.guests.filter(position__lte=rsvp.held_seats)})


@transaction.atomic
def mark_no_show(rsvp: Rsvp) -> bool:
    """Mark the whole party as a no-show. Return whether anything changed. Raise the same errors as
    `check_in_party`."""
    rsvp = lock_for_check_in(rsvp)
    return save_check_ins(rsvp, {guest.pk: False for guest in rsvp.guests.all()})


@transaction.atomic
def set_checked_in(rsvp: Rsvp, checked_in: dict[int, bool]) -> bool:
    """Check guests in or out, by primary key; guests who left the party are skipped. Return whether anything changed.
    Raise the same errors as `check_in_party`."""
    return save_check_ins(lock_for_check_in(rsvp), checked_in)


def lock_for_check_in(rsvp: Rsvp) -> Rsvp:
    """Return the locked party if its guests can be checked in."""
    rsvp = seats.lock_rsvp(rsvp)
    if rsvp.event.canceled_at:
        raise CheckInNotOpen(_("This event was canceled, so you can’t take attendance."))
    if not can_check_in(rsvp.event):
        raise CheckInNotOpen(_("You can take attendance starting on the day of the event."))
    if rsvp.canceled_at:
        raise seats.RsvpClosed(_("This RSVP is canceled."))
    return rsvp


def save_check_ins(rsvp: Rsvp, checked_in: dict[int, bool]) -> bool:
    guests = list(rsvp.guests.order_by("position"))
    before, now = checked_in_names(guests), timezone.now()
    changed = [
        guest
        for guest in guests
        if checked_in.get(guest.pk, guest.checked_in_at is not None) != bool(guest.checked_in_at)
    ]
    for guest in changed:
        guest.checked_in_at = now if checked_in[guest.pk] else None
    Guest.objects.bulk_update(changed, ["checked_in_at"])
    audit.log_change(rsvp, {"came": before}, {"came": checked_in_names(guests)})
    return bool(changed)


def checked_in_names(guests: list[Guest]) -> str:
    """Return the names of the guests who are checked in, for the history."""
    return "; ".join(guest.name or f"{guest.position}" for guest in guests if guest.checked_in_at)
