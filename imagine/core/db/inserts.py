"""A few new rows of several tables, written in one trip to the database. Many are for `bulk_create`."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model

from imagine.core.db import prepared

FEW = 10  # rows of one table; above that, one statement for any number is faster than one for each number


def insert(*rows: Model, if_new: Sequence[Model] = ()) -> None:
    """Writes unsaved rows in their order, then those that are written only `if_new`: one that a constraint refuses is
    passed over. Nothing is read back: a row that another refers to has its key before. Belongs inside the transaction
    of what belongs together. Raises IntegrityError."""
    calls = [*statements(rows, ""), *statements(if_new, " ON CONFLICT DO NOTHING")]
    if calls:
        prepared.run(*calls)
    mark(*rows, *if_new)


def mark(*rows: Model) -> None:
    """Has rows know that they are written."""
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def insert_one(row: Model, *, unless: str = "") -> bool:
    """Writes one unsaved row and gives it the key that the database chose. Returns whether it did: not when another row
    has the same in the unique column `unless`. Raises IntegrityError."""
    end = f" ON CONFLICT ({unless}) DO NOTHING" if unless else ""
    calls = statements([row], f"{end} RETURNING {row._meta.pk.column}")
    for (row.pk,) in prepared.run(*calls):
        mark(row)
    return not row._state.adding


def statements(rows: Sequence[Model], end: str) -> list[tuple[str, list]]:
    """One for each run of rows of one table, with its values."""
    connection, found = connections[DEFAULT_DB_ALIAS], []
    for (model, has_key), group in groupby(rows, lambda row: (type(row), row.pk is not None)):
        same = list(group)
        fields, head, places = wording(model, has_key)
        values = [field.get_db_prep_save(getattr(row, field.attname), connection) for row in same for field in fields]
        found.append((head + ", ".join([places] * len(same)) + end, values))
    return found


@lru_cache
def wording(model: type[Model], has_key: bool) -> tuple[list[Field], str, str]:
    """The fields that are written, the statement up to its values, and the places of one row's."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    fields = [field for field in fields if has_key or not field.primary_key]
    name = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = ", ".join(name(field.column) for field in fields)
    head = f"INSERT INTO {name(model._meta.db_table)} ({columns}) VALUES "  # noqa: S608 (names of models of ours)
    return fields, head, f"({', '.join(['%s'] * len(fields))})"
