"""The seat rules in plain Python, which test_seats_model.py compares with the database."""

import itertools
from dataclasses import dataclass, field

MAX_PARTY_SIZE = 6


@dataclass
class Party:
    """The expected state of one RSVP. Waitlisted parties are ordered by `waitlist_position`."""

    held: int = 0
    waiting: int = 0
    waitlist_position: int = 0
    accepts_partial: bool = False
    overbooked: int = 0

    @property
    def size(self) -> int:
        return self.held + self.waiting


@dataclass
class SeatModel:
    """The rules of docs/rules.md without a database."""

    capacity: int
    reserved: int
    parties: dict[int, Party] = field(default_factory=dict)
    positions: itertools.count = field(default_factory=lambda: itertools.count(1))

    @property
    def public(self) -> int:
        return self.capacity - self.reserved

    @property
    def available(self) -> int:
        return self.public - sum(party.held for party in self.parties.values())

    def waitlist(self) -> list[int]:
        waiting = [key for key, party in self.parties.items() if party.waiting]
        return sorted(waiting, key=lambda key: self.parties[key].waitlist_position)

    def add_seats(self, party: Party, more: int) -> None:
        """Rules 2 and 4: all requested seats, or as many as are available for a party that accepts fewer."""
        requested, available = party.waiting + more, max(self.available, 0)
        granted = requested if requested <= available else available if party.accepts_partial else 0
        if requested > granted and not party.waiting:
            party.waitlist_position = next(self.positions)
        party.held, party.waiting = party.held + granted, requested - granted

    def seats_available_to(self, party: Party) -> int:
        """Return how many of its waitlisted seats a party can have: all, or fewer if it accepts that."""
        available = max(self.available, 0)
        return party.waiting if party.waiting <= available else available if party.accepts_partial else 0

    def overbook(self, party: Party, number: int) -> None:
        """Seats added by staff beyond the available ones count as overbooked."""
        party.overbooked += max(0, number - max(self.available, 0))
        party.held += number

    def release_seats(self, party: Party, fewer: int) -> None:
        for _seat in range(fewer):
            if party.waiting:
                party.waiting -= 1
            else:
                party.held -= 1
                party.overbooked = max(0, party.overbooked - 1)

    def move_to_waitlist(self, party: Party) -> None:
        """Rule 10: all its seats become waitlisted, behind everyone else."""
        party.held, party.waiting, party.overbooked = 0, party.size, 0
        party.waitlist_position = next(self.positions)

    def promote_waitlist(self, *, except_key: int | None = None) -> list[int]:
        """Rule 3: in order, each party gets the seats available to it, except for the party that was just moved to the
        waitlist. Return the promoted parties."""
        promoted = []
        for key in self.waitlist():
            if key == except_key:
                continue
            party = self.parties[key]
            if granted := self.seats_available_to(party):
                party.held, party.waiting = party.held + granted, party.waiting - granted
                promoted.append(key)
        return promoted
