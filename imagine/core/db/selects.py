"""Rows of models by statements that are kept as they stand (imagine.core.db.prepared): what every visitor asks,
Django takes longer to write than PostgreSQL to answer."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from imagine.core.db import prepared

Row = TypeVar("Row", bound=Model)


def found(
    model: type[Row],
    *calls: tuple[str, Sequence],
    related: Sequence[str] = (),
    also: Sequence[str] = (),
    anew: bool = False,
) -> list[Row]:
    """The rows that prepared.run returns as those of a model: its columns come first, then those of each `related` row
    by the name of its key, and last what is `also` known of each."""
    rows = []
    for values in map(iter, prepared.run(*calls, anew=anew)):
        row = taken(model, values)
        for name in related:
            setattr(row, name, taken(model._meta.get_field(name).related_model, values))
        vars(row).update(zip(also, values, strict=True))
        rows.append(row)
    return rows


def taken(model: type[Row], values: Iterator) -> Row | None:
    """A row from the next values; None when there was none to join."""
    names = [field.attname for field in model._meta.concrete_fields]
    row = model.from_db(DEFAULT_DB_ALIAS, names, list(islice(values, len(names))))
    return None if row.pk is None else row


def first(model: type[Row], *calls: tuple[str, Sequence], also: Sequence[str] = (), anew: bool = False) -> Row | None:
    """The first of what is `found`, None when there is no row."""
    return next(iter(found(model, *calls, also=also, anew=anew)), None)


@lru_cache
def with_columns(statement: str, *models: type[Model]) -> str:
    """A statement with the columns of each model in place of its "{}"."""
    return statement.format(*map(columns, models))


def columns(model: type[Model]) -> str:
    return ", ".join(f'{model._meta.db_table}."{field.column}"' for field in model._meta.concrete_fields)
