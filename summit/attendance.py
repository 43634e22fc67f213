"""Who came (docs/rules.md): staff note it for each guest, from the day of the event on. No seat depends on it."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from summit import seats
from summit.models import Event, Guest, Rsvp


class CheckInNotOpen(RuleViolation):
    """Nobody can have come to it yet, or ever."""


class NoSeatHeld(RuleViolation):
    """A party that holds no seat. Who is let in all the same gets seats first."""


def can_check_in(event: Event, now: datetime | None = None) -> bool:
    """From the morning of its day in the district: doors open before an event starts."""
    zone = timezone.get_default_timezone()
    today = timezone.localdate(now or timezone.now(), zone)
    return not event.canceled_at and today >= timezone.localdate(event.starts_at, zone)


@transaction.atomic
def check_in_party(rsvp: Rsvp) -> bool:
    """All of the party who hold a seat came; who was noted before keeps the moment. Says whether that is new. Raises
    NotNow, NoSeat, and seats.RsvpClosed for a cancelled party."""
    rsvp = lock_for_check_in(rsvp)
    if not rsvp.held_seats:
        raise NoSeatHeld(_("This party holds no seat. Give it seats first, then note that it came."))
    return save_check_ins(rsvp, {guest.pk: True for guest in rsvp.guests.filter(position__lte=rsvp.held_seats)})


@transaction.atomic
def mark_no_show(rsvp: Rsvp) -> bool:
    """Mark that nobody of the party came. Return whether anything changed. Raise the errors of `check_in_party`."""
    rsvp = lock_for_check_in(rsvp)
    return save_check_ins(rsvp, {guest.pk: False for guest in rsvp.guests.all()})


@transaction.atomic
def set_checked_in(rsvp: Rsvp, checked_in: dict[int, bool]) -> bool:
    """Some guests came and others did not, by the guest's primary key; who has left the party is passed over. Says
    whether anything is new. Raises as `check_in_party` does."""
    return save_check_ins(lock_for_check_in(rsvp), checked_in)


def lock_for_check_in(rsvp: Rsvp) -> Rsvp:
    """The party as it stands, locked, when it can be noted of it that it came."""
    rsvp = seats.lock_rsvp(rsvp)
    if rsvp.event.canceled_at:
        raise CheckInNotOpen(_("This event was called off, so nobody came to it."))
    if not can_check_in(rsvp.event):
        raise CheckInNotOpen(_("Who came can be noted from the day of the event on."))
    if rsvp.canceled_at:
        raise seats.RsvpClosed(_("This RSVP is cancelled."))
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
    """Who of them came, for the history."""
    return "; ".join(guest.name or f"{guest.position}" for guest in guests if guest.checked_in_at)
