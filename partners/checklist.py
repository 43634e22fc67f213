"""Rules about what can be pledged: promise types, schools and school years.

Each change locks the row and is logged in the change history. partners.pledges.years closes and reopens a year.
"""

from datetime import date
from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from imagine.core import audit
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from partners.models import PledgeYear, PromiseType, School

Row = PromiseType | School | PledgeYear
R = TypeVar("R", PromiseType, School, PledgeYear)
Retirable = TypeVar("Retirable", PromiseType, School)


def lock_row(row: R) -> R:
    return type(row).objects.select_for_update(no_key=True).get(pk=row.pk)


@transaction.atomic
def add_row(row: Row) -> None:
    row.save(force_insert=True)
    audit.log_change(row, {}, row_facts(row, [field.name for field in row._meta.fields]))
    record_event(SecurityEventKind.SETTING_CHANGED, row, fields=["added"])


@transaction.atomic
def change_row(row: R, **fields) -> R:
    """Lock a row and write the given fields."""
    row = lock_row(row)
    before = row_facts(row, list(fields))
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    if changed:
        row.save(update_fields=changed)
        audit.log_change(row, before, row_facts(row, list(fields)))
        record_event(SecurityEventKind.SETTING_CHANGED, row, fields=changed)
    return row


def retire(row: Retirable) -> Retirable:
    """Stop offering a promise type or school. Existing promises keep it."""
    return change_row(row, is_retired=True)


def unretire(row: Retirable) -> Retirable:
    return change_row(row, is_retired=False)


def open_year(year: PledgeYear) -> PledgeYear:
    """Open a school year today instead of later."""
    return change_row(year, opens_on=min(year.opens_on, timezone.localdate()))


@transaction.atomic
def delete_row(row: Row) -> None:
    """Delete a row. Raise ProtectedError if a pledge refers to it."""
    record_event(SecurityEventKind.SETTING_CHANGED, row, fields=["deleted"])
    row.delete()


def row_facts(row: Row, names: list[str]) -> dict:
    """Return values by field name for the change history."""
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
