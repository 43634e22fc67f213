"""The seat rules once more, in plain Python: what test_seats_model.py holds the database against."""

import itertools
from dataclasses import dataclass, field

MAX_PARTY_SIZE = 6


@dataclass
class Party:
    """What one RSVP should be; `place` orders the waiting list."""

    held: int = 0
    waiting: int = 0
    place: int = 0
    fewer: bool = False
    over: int = 0

    @property
    def size(self) -> int:
        return self.held + self.waiting


@dataclass
class SeatModel:
    """The rules of docs/rules.md, without a database."""

    capacity: int
    reserved: int
    parties: dict[int, Party] = field(default_factory=dict)
    places: itertools.count = field(default_factory=lambda: itertools.count(1))

    @property
    def public(self) -> int:
        return self.capacity - self.reserved

    @property
    def free(self) -> int:
        return self.public - sum(party.held for party in self.parties.values())

    def line(self) -> list[int]:
        waiting = [key for key, party in self.parties.items() if party.waiting]
        return sorted(waiting, key=lambda key: self.parties[key].place)

    def ask(self, party: Party, more: int) -> None:
        """Rules 2 and 4: all that is wanted, or for the modest what there is."""
        wanted, free = party.waiting + more, max(self.free, 0)
        gets = wanted if wanted <= free else free if party.fewer else 0
        if wanted > gets and not party.waiting:
            party.place = next(self.places)
        party.held, party.waiting = party.held + gets, wanted - gets

    def would_get(self, party: Party) -> int:
        """Of the seats that it waits for: all, or for the modest what there is."""
        free = max(self.free, 0)
        return party.waiting if party.waiting <= free else free if party.fewer else 0

    def seat(self, party: Party, number: int) -> None:
        """Staff insist: what the room does not have is counted as over."""
        party.over += max(0, number - max(self.free, 0))
        party.held += number

    def leave(self, party: Party, fewer: int) -> None:
        for _seat in range(fewer):
            if party.waiting:
                party.waiting -= 1
            else:
                party.held -= 1
                party.over = max(0, party.over - 1)

    def put_back(self, party: Party) -> None:
        """Rule 10: all that it holds becomes what it waits for, behind everyone."""
        party.held, party.waiting, party.over = 0, party.size, 0
        party.place = next(self.places)

    def settle(self, *, but: int | None = None) -> list[int]:
        """Rule 3: down the line, each gets what it would take, except who was put back just now. Returns who moved
        up."""
        moved_up = []
        for key in self.line():
            if key == but:
                continue
            party = self.parties[key]
            if gets := self.would_get(party):
                party.held, party.waiting = party.held + gets, party.waiting - gets
                moved_up.append(key)
        return moved_up
