"""The seat rules against a model of them in plain Python, step by step, in sequences that Hypothesis invents.

SEAT_SEQUENCES says how many sequences of 40 steps; `make quick` takes one.
"""

import itertools
import os
from collections.abc import Callable

import pytest
from django.db import transaction
from django.db.models import Count, Q
from hypothesis import HealthCheck, seed, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from imagine.mail.models import Message
from summit import seats
from summit.emails import rsvp as rsvp_emails
from summit.models import Rsvp
from tests import factories
from tests.summit.seat_model import MAX_PARTY_SIZE, Party, SeatModel

SEQUENCES = int(os.environ.get("SEAT_SEQUENCES", "40"))
PARTS = 4  # side by side under xdist, each with a seed of its own
STEPS = 41  # the first makes the event

sizes = strategies.integers(min_value=1, max_value=MAX_PARTY_SIZE)
rooms = strategies.integers(min_value=2, max_value=16)
reserves = strategies.integers(min_value=0, max_value=3)
numbers = strategies.integers(min_value=0, max_value=99)


# The machine -------------------------------------------------------------------------------------------------------

WHAT_TO_COMPARE = (
    "pk",
    "held_seats",
    "waitlisted_seats",
    "overbooked_seats",
    "accepts_partial",
    Q(canceled_at__isnull=False),
    "waitlisted_since",
    "people",
)
Wanted = Callable[[Party], bool]
told: list[tuple[int, str]] = []


def anyone(party: Party) -> bool:
    return True


def active(party: Party) -> bool:
    return party.size > 0


def not_largest(party: Party) -> bool:
    return 0 < party.size < MAX_PARTY_SIZE


def in_company(party: Party) -> bool:
    return party.size > 1


def waiting(party: Party) -> bool:
    return party.waiting > 0


def seated(party: Party) -> bool:
    return party.held > 0


def cancelled(party: Party) -> bool:
    return party.size == 0


def when_there_is(wanted: Wanted):
    """The step needs a party of that kind."""
    return precondition(lambda self: any(map(wanted, self.room.parties.values())))


def while_few(step):
    """Not too many parties: else the room is full most of the time, and the rules have nothing to decide."""
    return precondition(lambda self: len(self.room.parties) < 5)(step)


def note(rsvp: Rsvp, kind: str, *, occasion: int, **_words) -> Message:
    told.append((rsvp.pk, kind.removeprefix("rsvp_")))
    return Message(idempotency_key=f"{kind}:{rsvp.pk}:{occasion}", recipient=rsvp.email)


class Seats(RuleBasedStateMachine):
    """Does the same to PostgreSQL and to the model, and compares all there is after each step."""

    def __init__(self):
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @initialize(capacity=rooms, reserved=reserves)
    def begin(self, capacity, reserved):
        self.event = factories.event(capacity=capacity, reserved_seats=reserved, max_party_size=MAX_PARTY_SIZE)
        self.room, self.letters, self.numbers = SeatModel(capacity, reserved), [], itertools.count()
        told.clear()
        self.bearable = 0  # seats held above the room that no override explains
        self.put_back, self.before = None, self.standing()

    def standing(self) -> tuple[tuple, dict]:
        """What an act must change before the waiting list is served."""
        parties = self.room.parties.items()
        return (self.room.capacity, self.room.reserved), {
            key: (party.held, party.waiting, party.fewer) for key, party in parties
        }

    def stirred(self) -> bool:
        """A new party asks for what is free like anyone; it calls nobody up."""
        (room_before, parties_before), (room, parties) = self.before, self.standing()
        return room != room_before or any(parties.get(key) != party for key, party in parties_before.items())

    def some(self, number: int, wanted: Wanted) -> tuple[Rsvp, Party]:
        """One of the wanted parties, as its private link would name it, and what it should be."""
        keys = [key for key, party in self.room.parties.items() if wanted(party)]
        key = keys[number % len(keys)]
        return Rsvp(pk=key, event=self.event), self.room.parties[key]

    # What guests do

    @while_few
    @rule(size=sizes, fewer=strategies.sampled_from([False, False, True]))
    def reserve(self, size, fewer):
        email = f"{next(self.numbers)}@example.org"
        rsvp = factories.rsvp(self.event, email=email, size=size, accepts_partial=fewer)
        party = self.room.parties[rsvp.pk] = Party(fewer=fewer)
        self.room.ask(party, size)
        self.letters.append((rsvp.pk, "waitlisted" if party.waiting else "confirmed"))

    @when_there_is(active)
    @rule(number=numbers, size=sizes)
    def change_party(self, number, size):
        self.resize(*self.some(number, active), size)

    @when_there_is(not_largest)
    @rule(number=numbers)
    def bring_one_more(self, number):
        rsvp, party = self.some(number, not_largest)
        self.resize(rsvp, party, party.size + 1)

    def resize(self, rsvp, party, size):
        seats.change_party_size(rsvp, size=size)
        if size == party.size:
            return
        if size > party.size:
            self.room.ask(party, size - party.size)
        else:
            self.room.leave(party, party.size - size)
        self.letters.append((rsvp.pk, "changed"))

    @when_there_is(in_company)
    @rule(number=numbers)
    def remove_guest(self, number):
        rsvp, party = self.some(number, in_company)
        seats.remove_guest(rsvp, rsvp.guests.get(position=2).pk)
        self.room.leave(party, 1)
        self.letters.append((rsvp.pk, "changed"))

    @when_there_is(anyone)
    @rule(number=numbers, fewer=strategies.booleans())
    def accept_partial(self, number, fewer):
        rsvp, party = self.some(number, anyone)
        seats.set_accepts_partial(rsvp, fewer)
        party.fewer = fewer

    @when_there_is(anyone)
    @rule(number=numbers)
    def cancel(self, number):
        rsvp, party = self.some(number, anyone)
        seats.cancel(rsvp)
        if party.size:
            self.room.leave(party, party.size)
            self.letters.append((rsvp.pk, "canceled"))

    @when_there_is(cancelled)
    @rule(number=numbers, size=sizes)
    def come_back(self, number, size):
        rsvp, party = self.some(number, cancelled)
        seats.reinstate(rsvp, size=size)
        self.room.ask(party, size)
        self.letters.append((rsvp.pk, "waitlisted" if party.waiting else "confirmed"))

    # What staff do

    @rule(capacity=rooms, reserved=reserves)
    def save_event(self, capacity, reserved):
        self.event.capacity, self.event.reserved_seats = capacity, reserved
        factories.save_event(self.event)
        before = max(self.room.public, 0)
        self.room.capacity, self.room.reserved = capacity, reserved
        self.bearable += max(0, before - max(self.room.public, 0))

    @when_there_is(waiting)
    @rule(number=numbers)
    def promote_beyond_the_room(self, number):
        rsvp, party = self.some(number, waiting)
        seats.promote_by_staff(rsvp, override_reason="The superintendent asked")
        self.room.seat(party, party.waiting)
        party.waiting = 0
        self.letters.append((rsvp.pk, "promoted"))

    @when_there_is(waiting)
    @rule(number=numbers)
    def promote(self, number):
        """Whoever could be seated was seated already, but for those who were put back."""
        rsvp, party = self.some(number, waiting)
        gets = self.room.would_get(party)
        if not gets:
            with pytest.raises(seats.NotEnoughSeats):
                seats.promote_by_staff(rsvp)
            return
        seats.promote_by_staff(rsvp)
        party.held, party.waiting = party.held + gets, party.waiting - gets
        self.letters.append((rsvp.pk, "promoted"))

    @when_there_is(seated)
    @rule(number=numbers)
    def move_to_waitlist(self, number):
        rsvp, party = self.some(number, seated)
        seats.move_to_waitlist(rsvp)
        self.room.put_back(party)
        self.put_back = rsvp.pk
        self.letters.append((rsvp.pk, "waitlisted"))

    @while_few
    @rule(size=strategies.integers(min_value=1, max_value=2))
    def reserve_beyond_the_room(self, size):
        rsvp = factories.unsaved_rsvp(self.event, email=f"{next(self.numbers)}@example.org")
        seats.reserve(rsvp, size=size, by_staff=True, override_reason="The superintendent asked")
        self.room.parties[rsvp.pk] = Party()
        self.room.seat(self.room.parties[rsvp.pk], size)
        self.letters.append((rsvp.pk, "confirmed"))

    @when_there_is(anyone)
    @rule(number=numbers)
    def delete(self, number):
        rsvp, _party = self.some(number, anyone)
        seats.delete_rsvp(rsvp)
        del self.room.parties[rsvp.pk]

    # What holds after each step

    @invariant()
    def everything_is_as_the_model_says(self):
        if self.stirred():
            self.letters += [(key, "promoted") for key in self.room.settle(but=self.put_back)]
        self.put_back, self.before = None, self.standing()
        assert told == self.letters
        told.clear()
        self.letters.clear()

        rows = list(self.event.rsvps.annotate(people=Count("guests")).values_list(*WHAT_TO_COMPARE))
        assert {pk: held_and_so_on for pk, *held_and_so_on, _since, _people in rows} == {
            key: [party.held, party.waiting, party.over, party.fewer, party.size == 0]
            for key, party in self.room.parties.items()
        }
        line = sorted((since, pk) for pk, *_rest, since, _people in rows if since)
        assert [pk for _since, pk in line] == self.room.line()
        assert all(people == held + waits for _pk, held, waits, *_rest, off, _since, people in rows if not off)

        # Rule 9, in numbers of the database alone: nothing but an override or a smaller room seats too many.
        held, over = (sum(row[column] for row in rows) for column in (1, 3))
        excess = max(0, held - over - max(0, self.event.capacity - self.event.reserved_seats))
        assert excess <= self.bearable
        self.bearable = excess


@pytest.mark.django_db
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))])
def test_seat_rules_match_a_simple_model(part, monkeypatch):
    # Of the letters only their rendering is left out, which tests/summit/test_emails.py shows: it is most of the time.
    monkeypatch.setattr(rsvp_emails, "rsvp_message", note)
    run_state_machine_as_test(
        seed(part)(type("Seats", (Seats,), {})),
        settings=settings(
            max_examples=-(-SEQUENCES // PARTS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
        _min_steps=STEPS,  # else one in three ends early
    )
