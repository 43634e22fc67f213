"""Every rule about seats. Nothing else writes them (docs/rules.md).

Each rule locks the event's row, then counts, then writes, so no two act on the same number: on READ COMMITTED,
PostgreSQL's default, a count after the lock sees what the winner committed. Calling a rule twice is harmless. The email
about a change is stored in the transaction of the change.

Every rule that can free seats gives them to the waitlist before it ends (rule 3): the rules about one party are wrapped
by `promotes_waitlist`; `apply_to_many`, `delete_many` and changes of capacity (summit/event_changes.py) promote once
for all that they freed.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import wraps
from inspect import unwrap
from itertools import groupby
from operator import attrgetter
from typing import Concatenate, NamedTuple, ParamSpec

from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.db.models.expressions import DatabaseDefault
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg2.extensions import AsIs

from imagine.core import audit
from imagine.core.database import database_now
from imagine.core.deletion import check_deletable
from imagine.core.errors import RuleViolation
from imagine.core.models import SecurityEventKind
from imagine.core.rows import row_values, select_row
from imagine.core.security_events import record_event
from imagine.mail.models import Message
from imagine.mail.queue import enqueue_many
from summit.emails import rsvp as rsvp_emails
from summit.models import Event, Guest, Invitation, Rsvp

P = ParamSpec("P")

SEAT_FIELDS = [
    *("held_seats", "waitlisted_seats", "waitlisted_since", "overbooked_seats"),
    *("skipped_at", "canceled_at", "canceled_late"),
]
LOGGED_FIELDS = [
    *("name", "email", "phone", "organization_name", "sector", "language", "note"),
    *("held_seats", "waitlisted_seats", "overbooked_seats", "accepts_partial"),
]
GUEST_FIELDS = ["name", "dietary_needs", "accessibility_needs"]


class RsvpClosed(RuleViolation):
    """The event doesn't accept this change now."""


class PartyOutOfBounds(RuleViolation):
    """A party without people, or larger than the event allows."""


class DuplicateRsvp(RuleViolation):
    """The email address already has an RSVP for this event: `rsvp`."""

    def __init__(self, rsvp: Rsvp):
        super().__init__(_("This email already has an RSVP for this event."))
        self.rsvp = rsvp


class NotEnoughSeats(RuleViolation):
    """Fewer seats are available than were asked for."""


# Counting and locking --------------------------------------------------------------------------------------------


def available_seats(event: Event) -> int:
    """Rule 1: capacity − reserved − held. Negative when staff lowered the capacity below what is held."""
    held = event.rsvps.aggregate(held=Sum("held_seats"))["held"] or 0
    return event.capacity - event.reserved_seats - held


def split_seats(size: int, available: int, *, accepts_partial: bool) -> tuple[int, int]:
    """Rule 2: how many of `size` seats are held right away and how many are waitlisted."""
    if size <= available:
        return size, 0
    held = max(available, 0) if accepts_partial else 0
    return held, size - held


def claimable_seats(rsvp: Rsvp) -> int:
    """How many of its waitlisted seats a party can take itself: none while seats are filled from the waitlist."""
    if not rsvp.waitlisted_seats or rsvp.event.waitlist_is_open:
        return 0
    return min(rsvp.waitlisted_seats, max(available_seats(rsvp.event), 0))


# Raw because RSVPs wait for one another under this lock, and the ORM takes several times as long over these three.
HELD_AND_EXISTING = """
    SELECT coalesce(sum(held_seats), 0),
        (SELECT id FROM summit_rsvp WHERE event_id = %(event)s AND nullif(lower(email), '') = lower(%(email)s))
    FROM summit_rsvp WHERE event_id = %(event)s
"""
INSERT_PARTY = """
    WITH rsvp AS (INSERT INTO summit_rsvp ({rsvp_columns}) VALUES %s RETURNING id),
        guests AS (INSERT INTO summit_guest ({guest_columns}) VALUES {guests})
    SELECT id FROM rsvp
"""


def lock_event(event_pk: int) -> Event:
    if not connection.in_atomic_block:  # the lock would end with the statement
        raise transaction.TransactionManagementError("lock_event() needs a transaction.")
    event = select_row(Event, "id = %s FOR NO KEY UPDATE", [event_pk])
    if event is None:
        raise Event.DoesNotExist
    return event


def held_and_existing(event: Event, email: str) -> tuple[int, int | None]:
    """How many seats are held, and the primary key of the RSVP that the address has."""
    with connection.cursor() as cursor:
        cursor.execute(HELD_AND_EXISTING, {"event": event.pk, "email": email})
        return cursor.fetchone()


def insert_party(rsvp: Rsvp, guests: Sequence[Guest]) -> None:
    """Store a new RSVP and its guests, who stay without primary keys."""
    party = row_values(rsvp)
    people = [row_values(guest) | {"rsvp_id": AsIs("(SELECT id FROM rsvp)")} for guest in guests]
    sql = INSERT_PARTY.format(
        rsvp_columns=", ".join(party), guest_columns=", ".join(people[0]), guests=", ".join(["%s"] * len(people))
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [tuple(values.values()) for values in (party, *people)])
        (rsvp.pk,) = cursor.fetchone()
    rsvp._state.adding = False
    for name in [name for name, value in vars(rsvp).items() if isinstance(value, DatabaseDefault)]:
        delattr(rsvp, name)  # loaded when it is read


def lock_events(events: QuerySet | Iterable[int]) -> list[int]:
    """Lock events in the order of their primary keys, and return those: for whoever writes RSVPs of several."""
    locked = Event.objects.select_for_update(no_key=True).filter(pk__in=events).order_by("pk")
    return list(locked.values_list("pk", flat=True))


def lock_rsvp(rsvp: Rsvp) -> Rsvp:
    """Return the RSVP as it is now, under its event's lock, which every writer of seats waits for."""
    event = lock_event(rsvp.event_id)
    rsvp = Rsvp.objects.get(pk=rsvp.pk)
    rsvp.event = event
    return rsvp


class PartyChange(NamedTuple):
    """What is logged of a party before and after a rule."""

    rsvp_pk: int
    before: dict
    after: dict

    @property
    def changes_seats(self) -> bool:
        fields = ("held_seats", "waitlisted_seats", "accepts_partial")
        return any(self.before[field] != self.after[field] for field in fields)

    @property
    def moves_to_waitlist(self) -> bool:
        return (
            self.after["held_seats"] < self.before["held_seats"]
            and self.after["waitlisted_seats"] > self.before["waitlisted_seats"]
        )


def promotes_waitlist(rule: Callable[Concatenate[Rsvp, P], None]) -> Callable[Concatenate[Rsvp, P], Rsvp]:
    """Decorate a rule about one party: run it in a transaction on the locked party, log what it changed, and promote
    waitlisted parties to the seats that it freed (rule 3). Every rule that can free a party's seats is wrapped by this.
    The decorated rule returns the party as it is afterwards."""

    @wraps(rule)
    @transaction.atomic
    def apply(rsvp: Rsvp, *args: P.args, **kwargs: P.kwargs) -> Rsvp:
        rsvp = lock_rsvp(rsvp)
        change = apply_and_log(rule, rsvp, *args, **kwargs)
        promote_if_seats_changed(rsvp.event, [change])
        rsvp.refresh_from_db(fields=[*SEAT_FIELDS, "ics_sequence"])  # seats it freed may have come back to it
        return rsvp

    return apply


def apply_to_many(rule: Callable, rsvps: Iterable[Rsvp], *args, **kwargs) -> list[tuple[Rsvp, bool | Exception]]:
    """Apply a seat rule to many parties, in one transaction for each event. Waitlisted parties are promoted once all
    are done, so that none of these is promoted in between.

    Return each party with its outcome: True if it changed, False if nothing had to, or the RuleViolation or
    Rsvp.DoesNotExist that was raised.
    """
    outcomes: list[tuple[Rsvp, bool | Exception]] = []
    for event_pk, parties in groupby(sorted(rsvps, key=attrgetter("event_id")), attrgetter("event_id")):
        changes = []
        with transaction.atomic():
            event = lock_event(event_pk)
            for rsvp in parties:
                try:
                    with transaction.atomic():
                        change = apply_and_log(unwrap(rule), lock_rsvp(rsvp), *args, **kwargs)
                except (RuleViolation, Rsvp.DoesNotExist) as error:
                    outcomes.append((rsvp, error))
                else:
                    changes.append(change)
                    outcomes.append((rsvp, change.before != change.after))
            promote_if_seats_changed(event, changes)
    return outcomes


def apply_and_log(rule: Callable, rsvp: Rsvp, *args, **kwargs) -> PartyChange:
    """Apply a rule to a locked party and log what it changed."""
    before = logged_facts(rsvp)
    rule(rsvp, *args, **kwargs)
    after = logged_facts(rsvp)
    audit.log_change(rsvp, before, after, reason=kwargs.get("override_reason", ""), hidden=("needs",))
    return PartyChange(rsvp.pk, before, after)


def logged_facts(rsvp: Rsvp) -> dict:
    guests = list(rsvp.guests.order_by("position").values_list(*GUEST_FIELDS))
    needs = [(dietary, access) for _name, dietary, access in guests]
    party_needs = (rsvp.party_dietary_needs, rsvp.party_accessibility_needs)
    return {name: getattr(rsvp, name) for name in LOGGED_FIELDS} | {
        "canceled": rsvp.canceled_at is not None,
        "guests": "; ".join(name or "–" for name, _dietary, _accessibility in guests),
        "needs": "; ".join(f"{dietary}, {access}" for dietary, access in [*needs, party_needs] if dietary or access),
    }


# Checks ----------------------------------------------------------------------------------------------------------


def check_size(event: Event, size: int, *, grows: bool = True) -> None:
    """A party that shrinks may still be larger than a maximum that was lowered since."""
    if size < 1 or (grows and size > event.max_party_size):
        raise PartyOutOfBounds(
            ngettext(
                "Each RSVP for this event is for one person.",
                "A party can have 1 to %(most)d people.",
                event.max_party_size,
            )
            % {"most": event.max_party_size}
        )


def check_open(event: Event, *, by_staff: bool = False) -> None:
    """Guests can ask for seats while RSVPs are open, staff until the event ends."""
    if not (event.accepts_rsvps or (by_staff and event.is_editable)):
        raise RsvpClosed(_("This event isn’t taking RSVPs right now."))


def check_invited(rsvp: Rsvp, *, by_staff: bool) -> None:
    if rsvp.event.invitation_only and rsvp.source != Rsvp.Source.INVITATION and not by_staff:
        raise RsvpClosed(_("This event is by invitation. To RSVP, use the link in your invitation."))


def check_editable(event: Event) -> None:
    if not event.is_editable:
        raise RsvpClosed(_("This event is over or was canceled, so nothing can be changed."))


def check_active(rsvp: Rsvp) -> None:
    check_editable(rsvp.event)
    if rsvp.canceled_at:
        raise RsvpClosed(_("This RSVP is canceled."))


# Reserving -------------------------------------------------------------------------------------------------------


@transaction.atomic
def reserve(
    rsvp: Rsvp, *, size: int, guests: Sequence[Guest] = (), by_staff: bool = False, override_reason: str = ""
) -> Rsvp:
    """Save a new RSVP for a party of `size`: its seats are held if enough are available, or else waitlisted
    (rule 2).

    `rsvp` is unsaved, with its event and contact; `guests` are unsaved, the contact first, and the rest of the party
    stays unnamed. With `override_reason` staff seat the party over capacity: flagged, counted and logged (rule 7).
    Raise RsvpClosed, PartyOutOfBounds, or DuplicateRsvp.
    """
    event = rsvp.event = lock_event(rsvp.event_id)
    check_open(event, by_staff=by_staff)
    check_invited(rsvp, by_staff=by_staff)
    check_size(event, size)
    held, existing_pk = held_and_existing(event, rsvp.email)
    # The constraint would refuse a second RSVP too (rule 8), but PostgreSQL logs a failed statement with its values.
    if existing_pk:
        raise DuplicateRsvp(event.rsvps.get(pk=existing_pk))
    add_seats(rsvp, size, available=event.capacity - event.reserved_seats - held, over_capacity=bool(override_reason))
    rsvp.ics_sequence += 1  # of its first email; the entry of an invitation that it answers had one before
    party = guests_for_seats(rsvp, list(guests))
    insert_party(rsvp, party)
    enqueue_many([rsvp_emails.status_message(rsvp, party)])
    if by_staff:
        given = {name: getattr(rsvp, name) for name in ("held_seats", "waitlisted_seats", "overbooked_seats")}
        audit.log_change(rsvp, dict.fromkeys(given, 0), given, reason=override_reason)
    return rsvp


def add_seats(rsvp: Rsvp, more: int, *, available: int, over_capacity: bool = False) -> None:
    """Ask for `more` seats, together with those already waitlisted, so that a party that wants to stay together isn't
    split. Doesn't save."""
    wanted = rsvp.waitlisted_seats + more
    if over_capacity:
        held, waitlisted = wanted, 0
    else:
        held, waitlisted = split_seats(wanted, available, accepts_partial=rsvp.accepts_partial)
    rsvp.held_seats += held
    rsvp.overbooked_seats += max(0, held - max(available, 0))
    rsvp.waitlisted_seats = waitlisted
    if not waitlisted:
        rsvp.waitlisted_since = rsvp.skipped_at = None
    elif rsvp.waitlisted_since is None:
        rsvp.waitlisted_since = database_now()


def release_seats(rsvp: Rsvp, number: int) -> None:
    """Give up `number` seats, waitlisted ones first (rule 4). Doesn't save."""
    from_waitlist = min(number, rsvp.waitlisted_seats)
    from_held = number - from_waitlist
    rsvp.waitlisted_seats -= from_waitlist
    rsvp.held_seats -= from_held
    rsvp.overbooked_seats = max(0, rsvp.overbooked_seats - from_held)
    if not rsvp.waitlisted_seats:
        rsvp.waitlisted_since = rsvp.skipped_at = None


def guests_for_seats(rsvp: Rsvp, guests: list[Guest]) -> list[Guest]:
    """One unsaved guest for each seat: the given ones in their order, then unnamed ones."""
    guests = guests[: rsvp.party_size] + [Guest() for _unnamed in range(rsvp.party_size - len(guests))]
    for position, guest in enumerate(guests, start=1):
        guest.rsvp, guest.position = rsvp, position
        guest.name = guest.name or (rsvp.name if position == 1 else "")
    return guests


# Changing the party ----------------------------------------------------------------------------------------------


@promotes_waitlist
def change_party_size(rsvp: Rsvp, *, size: int, by_staff: bool = False) -> None:
    """A party that grows keeps its seats and asks for the difference; one that shrinks gives up waitlisted seats first
    (rule 4).

    Raise PartyOutOfBounds, or RsvpClosed, also if a guest wants to grow while RSVPs aren't open.
    """
    set_party_size(rsvp, size, by_staff=by_staff)


@promotes_waitlist
def grow_party(rsvp: Rsvp, *, size: int) -> None:
    """The guest's button "Add a guest". A party that is already that large, because the button was pressed twice or
    staff were quicker, stays as it is. Raise RsvpClosed or PartyOutOfBounds."""
    if size > rsvp.party_size:
        set_party_size(rsvp, size)


@promotes_waitlist
def leave_waitlist(rsvp: Rsvp) -> None:
    """Keep the held seats and give up the waitlisted ones. A party that holds none cancels instead, so it stays as it
    is. Raise RsvpClosed."""
    check_active(rsvp)
    if rsvp.held_seats:
        set_party_size(rsvp, rsvp.held_seats)


@promotes_waitlist
def remove_guest(rsvp: Rsvp, guest_pk: int) -> None:
    """Take a guest out of the party, with one seat. The contact, or a guest who has left already, changes nothing.
    Raise RsvpClosed."""
    check_active(rsvp)
    if rsvp.guests.filter(pk=guest_pk, position__gt=1).exists():
        resize_party(rsvp, -1, leaving_pk=guest_pk)


def set_party_size(rsvp: Rsvp, size: int, *, by_staff: bool = False) -> None:
    check_active(rsvp)
    more = size - rsvp.party_size
    if more > 0:
        check_open(rsvp.event, by_staff=by_staff)
    check_size(rsvp.event, size, grows=more > 0)
    if more:
        resize_party(rsvp, more)


def resize_party(rsvp: Rsvp, more: int, *, leaving_pk: int | None = None) -> None:
    if more > 0:
        add_seats(rsvp, more, available=available_seats(rsvp.event))
    else:
        release_seats(rsvp, -more)
    rsvp.save(update_fields=SEAT_FIELDS)
    fit_guests(rsvp, leaving_pk)
    rsvp_emails.queue_changed(rsvp)


def fit_guests(rsvp: Rsvp, leaving_pk: int | None = None) -> None:
    """Make the guests as many as the seats, the contact always first. Who leaves: the given guest, then unnamed ones,
    then the last."""
    guests = list(rsvp.guests.order_by("position"))
    leave_first = sorted(guests[1:], key=lambda guest: (guest.pk != leaving_pk, bool(guest.name), -guest.position))
    gone = leave_first[: max(0, len(guests) - rsvp.party_size)]
    Guest.objects.filter(pk__in=[guest.pk for guest in gone]).delete()
    stay = [guest for guest in guests if guest not in gone]
    for position, guest in enumerate(stay, start=1):
        guest.position = position
    Guest.objects.bulk_update(stay, ["position"])
    Guest.objects.bulk_create(
        Guest(rsvp=rsvp, position=position) for position in range(len(stay) + 1, rsvp.party_size + 1)
    )


@promotes_waitlist
def update_guests(rsvp: Rsvp, details: dict[int, dict[str, str]], *, by_staff: bool = False) -> None:
    """Write names and needs, `details` by the guest's primary key; guests who have left are ignored. The first guest is
    the contact, so that name is the RSVP's too. Raise RsvpClosed if a guest asks when the event is over."""
    if not by_staff:
        check_editable(rsvp.event)
    guests = [guest for guest in rsvp.guests.all() if guest.pk in details]
    for guest in guests:
        for field, value in details[guest.pk].items():
            setattr(guest, field, value)
    Guest.objects.bulk_update(guests, GUEST_FIELDS)
    if guests and guests[0].position == 1:
        rename_contact(rsvp, guests[0].name)


def rename_contact(rsvp: Rsvp, name: str) -> None:
    if name not in {"", rsvp.name}:
        rsvp.name = name
        rsvp.save(update_fields=["name"])


@promotes_waitlist
def update_contact(rsvp: Rsvp, **fields: str) -> None:
    """Staff correct the contact's data, also of a past RSVP. The name is on the first guest's badge too."""
    for field, value in fields.items():
        setattr(rsvp, field, value)
    rsvp.save(update_fields=list(fields))
    if "name" in fields:
        rsvp.guests.filter(position=1).update(name=fields["name"])


@promotes_waitlist
def set_accepts_partial(rsvp: Rsvp, accepts_partial: bool) -> None:
    """A waitlisted party says whether fewer seats than it asked for are fine; if so, it gets the available ones
    right away."""
    check_editable(rsvp.event)
    if rsvp.accepts_partial != accepts_partial:
        rsvp.accepts_partial = accepts_partial
        rsvp.save(update_fields=["accepts_partial"])


# Canceling and coming back ---------------------------------------------------------------------------------------


@promotes_waitlist
def cancel(rsvp: Rsvp) -> None:
    """Give up every seat (rule 5); flagged as late once the waitlist has closed. Raise RsvpClosed if the event is
    over."""
    if rsvp.canceled_at:
        return
    if rsvp.event.is_over:
        raise RsvpClosed(_("This event is over, so nothing can be changed."))
    had_seats = rsvp.held_seats > 0
    release_seats(rsvp, rsvp.party_size)
    rsvp.canceled_at = timezone.now()
    rsvp.canceled_late = had_seats and not rsvp.event.canceled_at and not rsvp.event.waitlist_is_open
    rsvp.save(update_fields=SEAT_FIELDS)
    rsvp_emails.queue_canceled(rsvp, had_seats=had_seats)


@promotes_waitlist
def reinstate(rsvp: Rsvp, *, size: int | None = None, guests: Sequence[Guest] = (), by_staff: bool = False) -> None:
    """Bring a canceled RSVP back at the end of the line (rule 5), as large as it was if no `size` is given. `guests`
    are unsaved, in the order of the party, and replace the names and needs of those who were there. Raise RsvpClosed or
    PartyOutOfBounds."""
    if not rsvp.canceled_at:
        return
    size = rsvp.guests.count() if size is None else size
    check_open(rsvp.event, by_staff=by_staff)
    check_size(rsvp.event, size)
    rsvp.canceled_at, rsvp.canceled_late = None, False
    rsvp.notified_version = ""  # the email below tells all about the event
    add_seats(rsvp, size, available=available_seats(rsvp.event))
    rsvp.save(update_fields=[*SEAT_FIELDS, "notified_version"])
    fit_guests(rsvp)
    overwrite_guests(rsvp, guests)
    (rsvp_emails.queue_waitlisted if rsvp.waitlisted_seats else rsvp_emails.queue_confirmed)(rsvp)


def overwrite_guests(rsvp: Rsvp, guests: Sequence[Guest]) -> None:
    """Replace names and needs with those typed again, the contact first. A guest for whom nothing was typed stays as
    it is, and so does a name that wasn't typed."""
    typed = {
        position: guest
        for position, guest in enumerate(guests, start=1)
        if guest.name or guest.dietary_needs or guest.accessibility_needs
    }
    changed = list(rsvp.guests.filter(position__in=typed))
    for guest in changed:
        for field in GUEST_FIELDS:
            setattr(guest, field, getattr(typed[guest.position], field) or (guest.name if field == "name" else ""))
    Guest.objects.bulk_update(changed, GUEST_FIELDS)
    if 1 in typed:
        rename_contact(rsvp, typed[1].name)


# The waitlist ----------------------------------------------------------------------------------------------------


@promotes_waitlist
def move_to_waitlist(rsvp: Rsvp) -> None:
    """Staff turn the held seats into waitlisted ones, at the end of the line (rule 10). A party that holds none keeps
    its place. Raise RsvpClosed."""
    check_active(rsvp)
    if not rsvp.held_seats:
        return
    rsvp.waitlisted_seats, rsvp.held_seats, rsvp.overbooked_seats = rsvp.party_size, 0, 0
    rsvp.waitlisted_since, rsvp.skipped_at = database_now(), None
    rsvp.save(update_fields=SEAT_FIELDS)
    rsvp_emails.queue_waitlisted(rsvp, had_seats=True)


@promotes_waitlist
def promote_by_staff(rsvp: Rsvp, *, override_reason: str = "") -> None:
    """Staff seat a waitlisted party by hand, also after the waitlist has closed; with `override_reason` over capacity:
    flagged, counted and logged (rule 7). Raise NotEnoughSeats or RsvpClosed."""
    check_editable(rsvp.event)
    if not rsvp.waitlisted_seats:
        return
    available = available_seats(rsvp.event)
    seats, _waitlisted = split_seats(rsvp.waitlisted_seats, available, accepts_partial=rsvp.accepts_partial)
    if override_reason:
        seats = rsvp.waitlisted_seats
    if not seats:
        raise NotEnoughSeats(too_few_seats(rsvp, available))
    rsvp.overbooked_seats += max(0, seats - max(available, 0))
    promote_party(rsvp, seats)


def too_few_seats(rsvp: Rsvp, available: int) -> str:
    if available <= 0:
        return _("No seats are available right now.")
    text = ngettext(
        "Only %(free)d seat is available, and this party is waiting for %(waiting)d.",
        "Only %(free)d seats are available, and this party is waiting for %(waiting)d.",
        available,
    )
    return text % {"free": available, "waiting": rsvp.waitlisted_seats}


@promotes_waitlist
def take_available_seats(rsvp: Rsvp) -> None:
    """Once the waitlist has closed, a waitlisted guest who asks gets what is available, first come, first served, as a
    new RSVP would (rules 2 and 7). Raise NotEnoughSeats or RsvpClosed."""
    check_active(rsvp)
    if rsvp.event.waitlist_is_open:
        raise RsvpClosed(_("We’re still filling seats from the waitlist, so you don’t need to ask."))
    if not rsvp.waitlisted_seats:
        return
    seats = claimable_seats(rsvp)
    if not seats:
        raise NotEnoughSeats(_("No seats are available right now."))
    promote_party(rsvp, seats)


def promote_if_seats_changed(event: Event, changes: Sequence[PartyChange]) -> None:
    """Promote waitlisted parties to the seats that these changes freed, except parties that the changes themselves put
    on the waitlist: staff's decision must stand (rule 10)."""
    if any(change.changes_seats for change in changes):
        promote_waitlist(event, exclude=[change.rsvp_pk for change in changes if change.moves_to_waitlist])


def promote_waitlist(event: Event, *, exclude: Collection[int] = ()) -> list[int]:
    """Rule 3: give the available seats of a locked event to its waitlist, oldest first. A party that doesn't fit and
    doesn't accept fewer keeps its place, and the next one that fits is promoted. Return the number of seats that each
    promoted party got."""
    promoted: list[int] = []
    if not event.waitlist_is_open:
        return promoted
    skipped: list[int] = []
    available = available_seats(event)
    if available <= 0:
        return promoted
    for rsvp in event.rsvps.waitlist().exclude(pk__in=exclude):
        rsvp.event = event
        seats, _waitlisted = split_seats(rsvp.waitlisted_seats, available, accepts_partial=rsvp.accepts_partial)
        if seats:
            promote_automatically(rsvp, seats)
            promoted.append(seats)
            Rsvp.objects.filter(pk__in=skipped).update(skipped_at=timezone.now())
            available, skipped = available - seats, []
        else:
            skipped.append(rsvp.pk)
        if available <= 0:
            break
    return promoted


def promote_automatically(rsvp: Rsvp, seats: int) -> None:
    before = {"held_seats": rsvp.held_seats, "waitlisted_seats": rsvp.waitlisted_seats}
    promote_party(rsvp, seats)
    after = {"held_seats": rsvp.held_seats, "waitlisted_seats": rsvp.waitlisted_seats}
    with audit.as_actor(audit.SYSTEM):
        audit.log_change(rsvp, before, after)


def promote_party(rsvp: Rsvp, seats: int) -> None:
    """Turn `seats` waitlisted seats into held ones and email the guest."""
    rsvp.waitlisted_seats -= seats
    rsvp.held_seats += seats
    if not rsvp.waitlisted_seats:
        rsvp.waitlisted_since = rsvp.skipped_at = None
    rsvp.save(update_fields=SEAT_FIELDS)
    rsvp_emails.queue_promoted(rsvp, seats)


# Deleting --------------------------------------------------------------------------------------------------------


def delete_rsvp(rsvp: Rsvp) -> None:
    delete_many([rsvp])


def delete_many(rsvps: Iterable[Rsvp]) -> None:
    """Delete RSVPs with their guests, emails and history, in one transaction for each event. Their seats are freed as
    by canceling; the people themselves aren't emailed. Raise DeletionRefused."""
    rsvps = list(rsvps)
    check_deletable(*rsvps)
    for event_pk, parties in groupby(sorted(rsvps, key=attrgetter("event_id")), attrgetter("event_id")):
        with transaction.atomic():
            event = lock_event(event_pk)
            leaving = list(parties)
            Invitation.objects.filter(rsvp__in=leaving).lock()
            Message.objects.about_any(leaving).lock()
            for rsvp in leaving:
                record_event(SecurityEventKind.RECORD_DELETED, rsvp)
                event.rsvps.filter(pk=rsvp.pk).delete()
            promote_waitlist(event)
