"""Rows of models by statements that are kept as they stand (imagine.prepared): what every visitor asks, Django takes
longer to write than PostgreSQL to answer."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from imagine import prepared

Row = TypeVar("Row", bound=Model)


def found(model: type[Row], *calls: tuple[str, Sequence], also: Sequence[str] = ()) -> list[Row]:
    """The rows that prepared.run returns as those of a model: its columns come first, and after them what is `also`
    known of each."""
    names = [field.attname for field in model._meta.concrete_fields]
    rows = []
    for values in prepared.run(*calls):
        row = model.from_db(DEFAULT_DB_ALIAS, names, values[: len(names)])
        vars(row).update(zip(also, values[len(names) :], strict=True))
        rows.append(row)
    return rows


def first(model: type[Row], *calls: tuple[str, Sequence], also: Sequence[str] = ()) -> Row | None:
    """The first of what is `found`, None when there is no row."""
    return next(iter(found(model, *calls, also=also)), None)


@lru_cache
def with_columns(statement: str, *models: type[Model]) -> str:
    """A statement with the columns of each model in place of its "{}"."""
    return statement.format(*map(columns, models))


def columns(model: type[Model]) -> str:
    return ", ".join(f'{model._meta.db_table}."{field.column}"' for field in model._meta.concrete_fields)
