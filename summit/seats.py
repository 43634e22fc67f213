"""Every rule about seats, and nothing else writes them (docs/rules.md).

Each function locks the event's row first, then counts, then writes; so two of them never act on the same number. On
READ COMMITTED, PostgreSQL's default, the count after the lock sees what the winner committed. Each may be called twice
without harm. The messages that tell of a change are written in the same transaction.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import wraps
from itertools import groupby
from operator import attrgetter

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core import audit
from imagine.core.db import prepared
from imagine.core.db.selects import first, with_columns
from imagine.mail import delivery
from imagine.mail.models import Message
from summit.emails import invitation as invitation_emails
from summit.emails import reminder as reminder_emails
from summit.emails import rsvp as rsvp_emails
from summit.invitations import change_notices
from summit.models import Event, Guest, Rsvp

SEATS = [
    "held_seats",
    "waitlisted_seats",
    "waitlisted_since",
    "overbooked_seats",
    "skipped_at",
    "canceled_at",
    "canceled_late",
]


# What of an event says whether somebody may be called up.
ROOM = ["capacity", "reserved_seats", "starts_at", "waitlist_closes_hours_before"]


FACTS = [
    *("name", "email", "phone", "organization_name", "sector", "language", "note"),
    *("held_seats", "waitlisted_seats", "overbooked_seats", "accepts_partial"),
]


# As they stand: Django takes longer to write them than they take.
LOCKED = "SELECT * FROM summit_event WHERE id = %s FOR NO KEY UPDATE"
LOCK = "SELECT FROM summit_event WHERE id = %s FOR NO KEY UPDATE"
HELD = "SELECT coalesce(sum(held_seats), 0) FROM summit_rsvp WHERE event_id = %s"
FOR_NEW = """
    SELECT
        {},
        nextval('summit_rsvp_id_seq'),
        (SELECT id FROM summit_rsvp WHERE event_id = summit_event.id AND lower(email) = lower(%s)),
        (SELECT coalesce(sum(held_seats), 0) FROM summit_rsvp WHERE event_id = summit_event.id)
    FROM summit_event WHERE id = %s
"""


class Refused(Exception):
    """A rule says no. Its text is a sentence for the person who asked, in their language."""


class Closed(Refused):
    """The event takes no such change now."""


class PartyOutOfBounds(Refused):
    """A party of nobody, or larger than the event allows."""


class AlreadyThere(Refused):
    """The address has an RSVP for this event; it is in `rsvp`, and nothing was changed."""

    def __init__(self, rsvp: Rsvp):
        super().__init__(_("This address has an RSVP for this event already."))
        self.rsvp = rsvp


class NoRoom(Refused):
    """Fewer seats are free than were asked for, and nobody said that this is fine."""


# Look ------------------------------------------------------------------------------------------------------------


def free_seats(event: Event) -> int:
    """Rule 1: capacity − reserved − held. Negative when staff lowered the capacity below what is held."""
    [(held,)] = prepared.run((HELD, [event.pk]))
    return event.capacity - event.reserved_seats - held


def divide(size: int, free: int, *, accepts_partial: bool) -> tuple[int, int]:
    """Rule 2: how many of `size` seats are held at once and how many are waited for, with `free` seats there."""
    if size <= free:
        return size, 0
    held = max(free, 0) if accepts_partial else 0
    return held, size - held


def seats_to_take(rsvp: Rsvp) -> int:
    """How many of the seats that a party waits for it may take by its own button: none while the list is served."""
    if not rsvp.waitlisted_seats or rsvp.event.waitlist_is_open:
        return 0
    return min(rsvp.waitlisted_seats, max(free_seats(rsvp.event), 0))


def lock(event_pk: int) -> Event:
    """The event as it stands, its row locked to the end of the transaction."""
    try:
        return Event.objects.raw(LOCKED, [event_pk])[0]
    except IndexError:
        raise Event.DoesNotExist from None


def lock_for_new(rsvp: Rsvp) -> Event:
    """The event of an RSVP that is not there yet, locked, with what is asked under the lock: the `next_key`, the key of
    the RSVP `known` at this address (rule 8), or None, and the seats that are `held`."""
    asked = (with_columns(FOR_NEW, Event), [rsvp.email, rsvp.event_id])
    event = first(Event, (LOCK, [rsvp.event_id]), asked, also=("next_key", "known", "held"))
    if event is None:
        raise Event.DoesNotExist
    return event


def locked_party(rule: Callable) -> Callable:
    """Decorates a rule about one party: it runs in one transaction, on the party as it stands under its event's lock.
    What it changes goes into the party's history, what it frees to the waiting list (rule 3). Returns the party as it
    stands afterwards."""

    @wraps(rule)
    @transaction.atomic
    def apply(rsvp: Rsvp, *args, **kwargs) -> Rsvp:
        rsvp = lock_party(rsvp)
        before, after = follow(rule, rsvp, *args, **kwargs)
        serve_line(rsvp.event, [(rsvp.pk, before, after)])
        rsvp.refresh_from_db(fields=[*SEATS, "ics_sequence"])  # its own free seats may have come back to it
        return rsvp

    apply.rule = rule
    return apply


def together(apply: Callable, rsvps: Iterable[Rsvp], *args, **kwargs) -> list[tuple[Rsvp, bool | Exception]]:
    """Applies a rule about one party to many, in one transaction for each event. The waiting list is served once, when
    all of them are done, so that none of them is called up in between.

    Returns each party with what became of it: True when it changed, False when it was so already, or the Refused or
    Rsvp.DoesNotExist that it met, which changed nothing of it.
    """
    outcomes = []
    for event_pk, parties in groupby(sorted(rsvps, key=attrgetter("event_id")), attrgetter("event_id")):
        changes = []
        with transaction.atomic():
            event = lock(event_pk)
            for rsvp in parties:
                try:
                    with transaction.atomic():
                        before, after = follow(apply.rule, lock_party(rsvp), *args, **kwargs)
                except (Refused, Rsvp.DoesNotExist) as refused:
                    outcomes.append((rsvp, refused))
                else:
                    changes.append((rsvp.pk, before, after))
                    outcomes.append((rsvp, before != after))
            serve_line(event, changes)
    return outcomes


def follow(rule: Callable, rsvp: Rsvp, *args, **kwargs) -> tuple[dict, dict]:
    """Does what a rule says to a locked party, with a line in its history. Returns its facts before and after."""
    before = facts(rsvp)
    rule(rsvp, *args, **kwargs)
    after = facts(rsvp)
    audit.log_change(rsvp, before, after, reason=kwargs.get("beyond", ""), hidden=("needs",))
    return before, after


def serve_line(event: Event, changes: Iterable[tuple[int, dict, dict]]) -> None:
    """Gives the waiting list what these changes of parties freed. Whoever was put on it by them is not called up by the
    same act: then staff's word would not have stood for a moment."""
    moved = [
        (pk, before, after)
        for pk, before, after in changes
        if any(before[name] != after[name] for name in ("held_seats", "waitlisted_seats", "accepts_partial"))
    ]
    put_back = [
        pk
        for pk, before, after in moved
        if after["held_seats"] < before["held_seats"] and after["waitlisted_seats"] > before["waitlisted_seats"]
    ]
    if moved:
        call_up(event, but=put_back)


def facts(rsvp: Rsvp) -> dict:
    """What history tells of an RSVP, as plain values by the field's name."""
    guests = list(rsvp.guests.order_by("position").values_list("name", "dietary_needs", "accessibility_needs"))
    return {name: getattr(rsvp, name) for name in FACTS} | {
        "canceled": rsvp.canceled_at is not None,
        "guests": "; ".join(name or "–" for name, _diet, _access in guests),
        "needs": "; ".join(
            f"{dietary_needs}, {accessibility_needs}"
            for _name, dietary_needs, accessibility_needs in guests
            if dietary_needs or accessibility_needs
        ),
    }


def lock_party(rsvp: Rsvp) -> Rsvp:
    """The RSVP as it stands under its event's lock; every writer of seats waits for the same lock."""
    event = lock(rsvp.event_id)
    rsvp = Rsvp.objects.get(pk=rsvp.pk)
    rsvp.event = event
    return rsvp


def check_size(event: Event, size: int, *, grows: bool = True) -> None:
    """A party that shrinks may still be larger than an event whose largest party was lowered since."""
    if size < 1 or (grows and size > event.max_party_size):
        raise PartyOutOfBounds(
            ngettext("A party here is one person.", "A party here is one to %(most)d people.", event.max_party_size)
            % {"most": event.max_party_size}
        )


def check_address(rsvp: Rsvp) -> None:
    """Rule 8, on an event locked for this RSVP. The constraint would refuse a second one too, but a statement that
    fails is written into PostgreSQL's log, with all that was typed."""
    if rsvp.event.known:
        known = Rsvp.objects.get(pk=rsvp.event.known)
        known.event = rsvp.event
        raise AlreadyThere(known)


def check_open(event: Event, *, by_staff: bool = False) -> None:
    """Whether seats may be asked for now: guests inside the RSVP window, staff until the event ends."""
    if not (event.accepts_rsvps or (by_staff and event.is_editable)):
        raise Closed(_("This event does not take RSVPs now."))


def check_invited(rsvp: Rsvp, *, by_staff: bool) -> None:
    """To an event for invited partners only there is no way but the invitation, or staff."""
    if rsvp.event.invitation_only and rsvp.source != Rsvp.Source.INVITATION and not by_staff:
        raise Closed(_("This event is for invited partners. To answer, use the link in your invitation."))


def check_not_over(event: Event) -> None:
    if not event.is_editable:
        raise Closed(_("This event is over or was cancelled, so nothing can be changed now."))


# Guests' and staff's changes -------------------------------------------------------------------------------------


@transaction.atomic
def reserve(rsvp: Rsvp, *, size: int, guests: Sequence[Guest] = (), by_staff: bool = False, beyond: str = "") -> Rsvp:
    """Saves a new RSVP for a party of `size` seats: held if they fit, else waiting (rule 2).

    `rsvp` is unsaved and carries event and contact; `guests` are unsaved, the contact first, the rest of the party
    stays unnamed. `beyond` is staff's reason for seating the party although no seat is free: flagged, counted and kept
    in its history (rule 7). Raises Closed, PartyOutOfBounds, or AlreadyThere with the RSVP that the address has.
    """
    event = rsvp.event = lock_for_new(rsvp)
    check_open(event, by_staff=by_staff)
    check_invited(rsvp, by_staff=by_staff)
    check_size(event, size)
    check_address(rsvp)
    take(rsvp, size, free=event.capacity - event.reserved_seats - event.held, beyond=bool(beyond))
    rsvp.pk = event.next_key
    rsvp.ics_sequence += 1  # its first letter's; an invitation's entry that it answers had one before
    party = seated(rsvp, list(guests))
    delivery.queue_many([rsvp_emails.first(rsvp, party)], after=[rsvp, *party])
    if by_staff:
        given = {
            "held_seats": rsvp.held_seats,
            "waitlisted_seats": rsvp.waitlisted_seats,
            "overbooked_seats": rsvp.overbooked_seats,
        }
        audit.log_change(rsvp, dict.fromkeys(given, 0), given, reason=beyond)
    return rsvp


def take(rsvp: Rsvp, more: int, *, free: int, beyond: bool = False) -> None:
    """Adds `more` seats to what the RSVP holds and waits for, with `free` seats there. One that waits already asks for
    all of that at once, so that a party that wants to stay together is not split. Does not save."""
    wanted = rsvp.waitlisted_seats + more
    held, waiting = (wanted, 0) if beyond else divide(wanted, free, accepts_partial=rsvp.accepts_partial)
    rsvp.held_seats += held
    rsvp.overbooked_seats += max(0, held - max(free, 0))
    rsvp.waitlisted_seats = waiting
    if not waiting:
        rsvp.waitlisted_since = rsvp.skipped_at = None
    elif rsvp.waitlisted_since is None:
        rsvp.waitlisted_since = timezone.now()


def give_back(rsvp: Rsvp, fewer: int) -> None:
    """Takes `fewer` seats away, those waited for first (rule 4). Does not save."""
    from_waiting = min(fewer, rsvp.waitlisted_seats)
    rsvp.waitlisted_seats -= from_waiting
    rsvp.held_seats -= fewer - from_waiting
    rsvp.overbooked_seats = max(0, rsvp.overbooked_seats - (fewer - from_waiting))
    if not rsvp.waitlisted_seats:
        rsvp.waitlisted_since = rsvp.skipped_at = None


def seated(rsvp: Rsvp, guests: list[Guest]) -> list[Guest]:
    """One guest for each seat, unsaved: the given ones in their order, then unnamed ones."""
    guests = guests[: rsvp.party_size] + [Guest() for _nobody in range(rsvp.party_size - len(guests))]
    for position, guest in enumerate(guests, start=1):
        guest.rsvp, guest.position = rsvp, position
        guest.name = guest.name or (rsvp.name if position == 1 else "")
    return guests


@locked_party
def change_party(rsvp: Rsvp, *, size: int, by_staff: bool = False) -> Rsvp:
    """Gives the party `size` seats. One that grows keeps what it holds and asks for the difference; one that shrinks
    gives up waiting seats first (rule 4), and what it frees goes to the waiting list (rule 3).

    Raises Closed, also when a guest wants to grow outside the RSVP window, and PartyOutOfBounds.
    """
    fit_party(rsvp, size, by_staff=by_staff)


@locked_party
def grow(rsvp: Rsvp, *, size: int) -> Rsvp:
    """The guest's button "Bring one more": makes the party at least `size`. One that is as large already, because the
    button was pressed twice or staff were quicker, stays as it is. Raises Closed and PartyOutOfBounds."""
    if size > rsvp.party_size:
        fit_party(rsvp, size)


@locked_party
def stop_waiting(rsvp: Rsvp) -> Rsvp:
    """Keeps the seats that are held and gives up the wait for more. A party that holds none cancels instead, so it
    stays as it is. Raises Closed."""
    check_party(rsvp)
    if rsvp.held_seats:
        fit_party(rsvp, rsvp.held_seats)


@locked_party
def remove_guest(rsvp: Rsvp, guest_pk: int) -> Rsvp:
    """Takes one companion out of the party, with one seat. A guest who has left already, or the contact, changes
    nothing. Raises Closed."""
    check_party(rsvp)
    if rsvp.guests.filter(pk=guest_pk, position__gt=1).exists():
        resize(rsvp, -1, leaves=guest_pk)


def fit_party(rsvp: Rsvp, size: int, *, by_staff: bool = False) -> None:
    check_party(rsvp)
    more = size - rsvp.party_size
    if more > 0:
        check_open(rsvp.event, by_staff=by_staff)
    check_size(rsvp.event, size, grows=more > 0)
    if more:
        resize(rsvp, more)


def check_party(rsvp: Rsvp) -> None:
    check_not_over(rsvp.event)
    if rsvp.canceled_at:
        raise Closed(_("This RSVP is cancelled."))


def resize(rsvp: Rsvp, more: int, *, leaves: int | None = None) -> None:
    if more > 0:
        take(rsvp, more, free=free_seats(rsvp.event))
    else:
        give_back(rsvp, -more)
    rsvp.save(update_fields=SEATS)
    fit_guests(rsvp, leaves)
    rsvp_emails.changed(rsvp)


def fit_guests(rsvp: Rsvp, leaves: int | None = None) -> None:
    """Makes the guests as many as the seats, the contact always first. Who leaves: the given guest, then unnamed ones,
    then the last."""
    guests = list(rsvp.guests.order_by("position"))
    leave = sorted(guests[1:], key=lambda guest: (guest.pk != leaves, bool(guest.name), -guest.position))
    gone = leave[: max(0, len(guests) - rsvp.party_size)]
    Guest.objects.filter(pk__in=[guest.pk for guest in gone]).delete()
    stay = [guest for guest in guests if guest not in gone]
    for position, guest in enumerate(stay, start=1):
        guest.position = position
    Guest.objects.bulk_update(stay, ["position"])
    Guest.objects.bulk_create(
        Guest(rsvp=rsvp, position=position) for position in range(len(stay) + 1, rsvp.party_size + 1)
    )


@locked_party
def name_guests(rsvp: Rsvp, details: dict[int, dict[str, str]], *, by_staff: bool = False) -> Rsvp:
    """Writes names and needs of guests, `details` by the guest's primary key. The first guest is the contact, so that
    name is the RSVP's too. Guests that have left are passed over. Raises Closed to a guest once the event is over."""
    if not by_staff:
        check_not_over(rsvp.event)
    guests = [guest for guest in rsvp.guests.all() if guest.pk in details]
    for guest in guests:
        for field, value in details[guest.pk].items():
            setattr(guest, field, value)
    Guest.objects.bulk_update(guests, ["name", "dietary_needs", "accessibility_needs"])
    if guests and guests[0].position == 1 and guests[0].name not in {"", rsvp.name}:
        rsvp.name = guests[0].name
        rsvp.save(update_fields=["name"])


@locked_party
def correct(rsvp: Rsvp, **fields: str) -> Rsvp:
    """Staff correct what is known of the contact, by the RSVP's field; the name is on the first guest's badge too. Also
    possible for an RSVP of the past."""
    for field, value in fields.items():
        setattr(rsvp, field, value)
    rsvp.save(update_fields=list(fields))
    if "name" in fields:
        rsvp.guests.filter(position=1).update(name=fields["name"])


@locked_party
def accept_partial(rsvp: Rsvp, fewer: bool) -> Rsvp:
    """A waiting party says that fewer seats than it asked for are fine, or no longer. Free ones are its at once."""
    check_not_over(rsvp.event)
    if rsvp.accepts_partial != fewer:
        rsvp.accepts_partial = fewer
        rsvp.save(update_fields=["accepts_partial"])


@locked_party
def cancel(rsvp: Rsvp) -> Rsvp:
    """Gives back every seat (rule 5); late, once promotion has stopped, is flagged. Possible until the event ends, else
    raises Closed. A second time changes nothing."""
    if rsvp.canceled_at:
        return
    if rsvp.event.is_over:
        raise Closed(_("This event is over, so nothing can be changed now."))
    had_seats = rsvp.held_seats > 0
    give_back(rsvp, rsvp.party_size)
    rsvp.canceled_at = timezone.now()
    rsvp.canceled_late = had_seats and not rsvp.event.canceled_at and not rsvp.event.waitlist_is_open
    rsvp.save(update_fields=SEATS)
    rsvp_emails.cancelled(rsvp, had_seats=had_seats)


@locked_party
def to_waiting_list(rsvp: Rsvp) -> Rsvp:
    """Staff put a party on the waiting list: the seats that it holds become seats that it waits for, at the end of the
    queue (rule 10). One that holds none keeps its place. Raises Closed."""
    check_party(rsvp)
    if not rsvp.held_seats:
        return
    rsvp.waitlisted_seats, rsvp.held_seats, rsvp.overbooked_seats = rsvp.party_size, 0, 0
    rsvp.waitlisted_since, rsvp.skipped_at = timezone.now(), None
    rsvp.save(update_fields=SEATS)
    rsvp_emails.waiting(rsvp, had_seats=True)


@locked_party
def come_back(rsvp: Rsvp, *, size: int, guests: Sequence[Guest] = (), by_staff: bool = False) -> Rsvp:
    """Revives a cancelled RSVP for `size` seats, at the end of the queue (rule 5). One that is not cancelled stays as
    it is. `guests` are unsaved, in the order of the party, and take the names and needs of those who stood there.
    Raises Closed and PartyOutOfBounds."""
    revive(rsvp, size=size, guests=guests, by_staff=by_staff)


@locked_party
def bring_back(rsvp: Rsvp) -> Rsvp:
    """Staff revive a cancelled RSVP as large as it was. Raises what come_back raises."""
    revive(rsvp, size=rsvp.guests.count(), by_staff=True)


def revive(rsvp: Rsvp, *, size: int, by_staff: bool, guests: Sequence[Guest] = ()) -> None:
    if not rsvp.canceled_at:
        return
    check_open(rsvp.event, by_staff=by_staff)
    check_size(rsvp.event, size)
    rsvp.canceled_at, rsvp.canceled_late = None, False
    take(rsvp, size, free=free_seats(rsvp.event))
    rsvp.save(update_fields=SEATS)
    fit_guests(rsvp)
    write_over(rsvp, guests)
    (rsvp_emails.waiting if rsvp.waitlisted_seats else rsvp_emails.confirmed)(rsvp)


def write_over(rsvp: Rsvp, guests: Sequence[Guest]) -> None:
    """Names and needs of a party as they were typed anew, the contact first; whom nobody named keeps the name."""
    typed = {position: guest for position, guest in enumerate(guests, start=1) if guest.name}
    changed = list(rsvp.guests.filter(position__in=typed))
    for guest in changed:
        new = typed[guest.position]
        guest.name, guest.dietary_needs, guest.accessibility_needs = (
            new.name,
            new.dietary_needs,
            new.accessibility_needs,
        )
    Guest.objects.bulk_update(changed, ["name", "dietary_needs", "accessibility_needs"])
    if 1 in typed and typed[1].name != rsvp.name:
        rsvp.name = typed[1].name
        rsvp.save(update_fields=["name"])


@locked_party
def promote(rsvp: Rsvp, *, beyond: str = "") -> Rsvp:
    """Staff seat a waiting party by hand, also after promotion has stopped (rule 7). `beyond` is the reason for seating
    it although no seat is free: flagged, counted and kept in its history. Raises NoRoom and Closed; a party that does
    not wait stays as it is."""
    check_not_over(rsvp.event)
    if not rsvp.waitlisted_seats:
        return
    free = free_seats(rsvp.event)
    seats = (
        rsvp.waitlisted_seats
        if beyond
        else divide(rsvp.waitlisted_seats, free, accepts_partial=rsvp.accepts_partial)[0]
    )
    if not seats and free <= 0:
        raise NoRoom(_("No seat is free right now."))
    if not seats:
        only = ngettext(
            "Only %(free)d seat is free, and this party waits for %(waiting)d.",
            "Only %(free)d seats are free, and this party waits for %(waiting)d.",
            free,
        )
        raise NoRoom(only % {"free": free, "waiting": rsvp.waitlisted_seats})
    rsvp.overbooked_seats += max(0, seats - max(free, 0))
    move_up(rsvp, seats)


@locked_party
def take_free_seats(rsvp: Rsvp) -> Rsvp:
    """Once promotion has stopped nobody is called up unasked, but a waiting guest who is awake and asks gets what is
    free, whoever asks first, as a new RSVP would (rules 2 and 7). Before that the list is served in its order. Raises
    NoRoom and Closed."""
    check_party(rsvp)
    if rsvp.event.waitlist_is_open:
        raise Closed(_("The waiting list moves by itself: you need not ask."))
    if not rsvp.waitlisted_seats:
        return
    seats = seats_to_take(rsvp)
    if not seats:
        raise NoRoom(_("No seat is free right now."))
    move_up(rsvp, seats)


def call_up(event: Event, *, but: Collection[int] = ()) -> None:
    """Rule 3: gives the free seats of a locked event to its waiting list, oldest wait first. A party that does not fit
    whole and did not say that fewer is fine keeps its place; the next that fits is served. Nobody whose primary key is
    in `but` is called."""
    if not event.waitlist_is_open:
        return
    free, passed_over = free_seats(event), []
    if free <= 0:
        return
    for rsvp in event.rsvps.waitlist().exclude(pk__in=but):
        rsvp.event = event
        seats = divide(rsvp.waitlisted_seats, free, accepts_partial=rsvp.accepts_partial)[0]
        if seats:
            before = {"held_seats": rsvp.held_seats, "waitlisted_seats": rsvp.waitlisted_seats}
            move_up(rsvp, seats)
            with audit.as_actor(audit.SYSTEM):
                after = {"held_seats": rsvp.held_seats, "waitlisted_seats": rsvp.waitlisted_seats}
                audit.log_change(rsvp, before, after)
            Rsvp.objects.filter(pk__in=passed_over).update(skipped_at=timezone.now())
            free, passed_over = free - seats, []
        else:
            passed_over.append(rsvp.pk)
        if free <= 0:
            return


def move_up(rsvp: Rsvp, seats: int) -> None:
    """Turns `seats` waiting seats into held ones and tells the guest."""
    rsvp.waitlisted_seats -= seats
    rsvp.held_seats += seats
    if not rsvp.waitlisted_seats:
        rsvp.waitlisted_since = rsvp.skipped_at = None
    rsvp.save(update_fields=SEATS)
    rsvp_emails.moved_up(rsvp, seats)


def delete(rsvp: Rsvp) -> None:
    """Erases an RSVP with its guests, messages and history; its seats are freed as by cancelling, and nobody is written
    to."""
    delete_together([rsvp])


def delete_together(rsvps: Iterable[Rsvp]) -> None:
    """Erases many, in one transaction for each event; the waiting list is served once all of them are gone."""
    for event_pk, parties in groupby(sorted(rsvps, key=attrgetter("event_id")), attrgetter("event_id")):
        with transaction.atomic():
            event = lock(event_pk)
            for rsvp in parties:
                Message.objects.about(f"rsvp:{rsvp.pk}").delete()
                event.rsvps.filter(pk=rsvp.pk).delete()
            call_up(event)


# The event's own changes -----------------------------------------------------------------------------------------


@transaction.atomic
def save_event(event: Event) -> Event:
    """Saves what staff changed. More room is given to the waiting list at once; less throws nobody out (rule 1). When
    the time or the place of a coming event moved, every party is told, and invitations and reminders that have not left
    are written anew."""
    if event.pk is None:
        event.save()
        return event
    before = lock(event.pk)
    event.canceled_at = before.canceled_at
    event.save()
    audit.log_change(event, event_facts(before), event_facts(event))
    if is_told(before, event):
        for rsvp in parties(event):
            rsvp_emails.event_moved(rsvp, before)
        invitation_emails.write_anew(event)
        reminder_emails.take_back(before)
        change_notices.begin(event)
    if any(getattr(before, name) != getattr(event, name) for name in ROOM):
        call_up(event)
    return event


def is_told(before: Event, event: Event) -> bool:
    """Whether every party is told when `before` becomes `event`: time or place of a coming event moved."""
    moved = any(getattr(before, f) != getattr(event, f) for f in ("starts_at", "ends_at", "venue", "address"))
    return moved and event.is_editable


@transaction.atomic
def cancel_event(event: Event) -> Event:
    """Calls the event off and tells every party; invitations and reminders that have not left never do. The RSVPs stay
    as they are, as a record. Raises Closed when it is over; a second time changes nothing."""
    event = lock(event.pk)
    if event.canceled_at:
        return event
    if event.is_over:
        raise Closed(_("This event is over, so it cannot be cancelled."))
    event.canceled_at = timezone.now()
    event.save(update_fields=["canceled_at"])
    audit.log_change(event, {"canceled": False}, {"canceled": True})
    for rsvp in parties(event):
        rsvp_emails.event_cancelled(rsvp)
    invitation_emails.write_anew(event)
    reminder_emails.take_back(event)
    change_notices.begin(event)
    return event


def event_facts(event: Event) -> dict:
    """What history tells of an event, as plain values by the field's name."""
    names = [field.name for field in Event._meta.fields if field.name not in {"id", "canceled_at"}]
    values = {name: getattr(event, name) for name in names}
    return {name: in_zone(value) if isinstance(value, datetime) else value for name, value in values.items()}


def in_zone(moment: datetime) -> str:
    """A time in the district's zone, to the second, as staff typed it."""
    return f"{timezone.localtime(moment, timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S}"


def parties(event: Event) -> Iterator[Rsvp]:
    """The RSVPs of an event that are not cancelled, with their guests, each knowing the event as it is in memory."""
    for rsvp in event.rsvps.active().order_by("pk").prefetch_related("guests"):
        rsvp.event = event
        yield rsvp
