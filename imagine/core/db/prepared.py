"""Statements that PostgreSQL reads and plans once for each connection, and that go to it together.

For a row or two, to read a statement takes PostgreSQL longer than to run it, and to write it takes Django as long
again. Where many visitors wait its text is kept, and what follows without a question in between goes in one trip.
Django's log and its tests see such a trip as one query.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

MOST_KEPT = 500  # statements; each is one of ours, some for as many rows as a party has guests
known: WeakKeyDictionary = WeakKeyDictionary()  # what each open connection has read


class Statement(NamedTuple):
    name: str
    prepare: str
    call: str


def run(*calls: tuple[str, Sequence], anew: bool = False) -> list[tuple]:
    """Runs statements one after the other, each with its values for "%s", as if each had been sent by itself: on READ
    COMMITTED each sees what was committed before it began. Outside of a transaction all are one. Returns the rows of
    the last one. A statement's text is fixed: whatever varies is a value. Raises what Django's cursor raises.

    A plan is kept until PostgreSQL has looked at the tables again, mostly within a minute. Of a table that fills in
    seconds it may be the wrong one: then the statements are read and planned `anew`.
    """
    connection, values = connections[DEFAULT_DB_ALIAS], [value for _text, values in calls for value in values]
    with connection.cursor() as cursor:  # first of all: it may find the old connection dead, and open another
        if anew:
            cursor.execute("; ".join(text for text, _values in calls), values)
        else:
            statements = [statement(text) for text, _values in calls]
            learn(connection, statements)
            cursor.execute("; ".join(each.call for each in statements), values)
        return cursor.fetchall() if cursor.description else []


@lru_cache(maxsize=MOST_KEPT)
def statement(text: str) -> Statement:
    first, *others = text.split("%s")
    name = f"imagine_{sha256(text.encode()).hexdigest()[:16]}"
    numbered = first + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))
    places = f" ({', '.join(['%s'] * len(others))})" if others else ""
    return Statement(name, f"PREPARE {name} AS {numbered}", f"EXECUTE {name}{places}")


def learn(connection: BaseDatabaseWrapper, statements: Sequence[Statement]) -> None:
    """Has an open connection read what it does not know yet. That stays, also when the transaction is rolled back."""
    names = known.setdefault(connection.connection, set())
    for new in statements:
        if new.name not in names:
            with connection.wrap_database_errors, connection.connection.cursor() as cursor:
                cursor.execute(new.prepare)
            names.add(new.name)
