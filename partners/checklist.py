"""Every rule about what staff put up for pledging: kinds of promises, schools, school years.

Each row is changed under its lock, and each change is in its history. A year is closed and reopened in pledges.py.
"""

from datetime import date

from django.db import transaction
from django.utils import timezone

from imagine.core import audit
from partners.models import PledgeYear, PromiseType, School

Row = PromiseType | School | PledgeYear


def lock_row(row: Row) -> Row:
    """The row as it stands, locked to the end of the transaction."""
    return type(row).objects.select_for_update(no_key=True).get(pk=row.pk)


@transaction.atomic
def add_row(row: Row) -> None:
    row.save(force_insert=True)
    audit.log_change(row, {}, row_facts(row, [field.name for field in row._meta.fields]))


@transaction.atomic
def change_row(row: Row, **fields) -> Row:
    """Writes some fields of a row, whatever else it holds now. Twice changes nothing."""
    row = lock_row(row)
    before = row_facts(row, list(fields))
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    if changed:
        row.save(update_fields=changed)
        audit.log_change(row, before, row_facts(row, list(fields)))
    return row


def retire(row: PromiseType | School) -> PromiseType | School:
    """From now on it is offered no more; what was promised of it, or for it, stays."""
    return change_row(row, is_retired=True)


def unretire(row: PromiseType | School) -> PromiseType | School:
    return change_row(row, is_retired=False)


def open_year(year: PledgeYear) -> PledgeYear:
    """Staff open a school year now that was to open later. Twice changes nothing."""
    return change_row(year, opens_on=min(year.opens_on, timezone.localdate()))


@transaction.atomic
def delete_row(row: Row) -> None:
    """Erases a row and its history. The database refuses it for one that a pledge needs."""
    row.delete()


def row_facts(row: Row, names: list[str]) -> dict:
    """What history tells of a row, as plain values by the field's name."""
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
