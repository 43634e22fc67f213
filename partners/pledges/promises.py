"""Promises as plain values: load, check, write and describe them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Prefetch, Q
from django.utils import translation
from django.utils.dates import MONTHS_3
from django.utils.text import capfirst
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from partners.models import MAX_PROMISES_PER_TYPE, MAX_QUANTITY, MONTHS, Grade, Pledge, Promise, PromiseType, School

GRADES = Grade.values
MAX_LENGTH_NOTE = Promise._meta.get_field("note").max_length or 0


def in_order(values: Iterable, order: list) -> tuple:
    return tuple(sorted(set(values), key=lambda value: order.index(value) if value in order else len(order)))


@dataclass(frozen=True)
class PromiseData:
    """A promise as plain values, with its promise type and schools by primary key. The order of grades, months and
    schools doesn't matter."""

    promise_type: int
    quantity: int
    grades: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    schools: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self):
        object.__setattr__(self, "grades", in_order(self.grades, GRADES))
        object.__setattr__(self, "months", in_order(self.months, MONTHS))
        object.__setattr__(self, "schools", tuple(sorted(set(self.schools))))


class Problem(NamedTuple):
    """An error in a field of a promise, with a message for the person who filled it in. `position` counts the promises
    of a type from 1."""

    promise_type: int
    position: int
    field: str
    message: str


class Checklist(NamedTuple):
    """The promise types and schools that some promises refer to, by primary key."""

    promise_types: dict[int, PromiseType]
    schools: dict[int, School]

    @classmethod
    def of(cls, promises: Iterable[PromiseData]) -> "Checklist":
        promises = list(promises)
        promise_types = PromiseType.objects.filter(pk__in={promise.promise_type for promise in promises})
        schools = School.objects.filter(pk__in={school for promise in promises for school in promise.schools})
        return cls({each.pk: each for each in promise_types}, {each.pk: each for each in schools})


Group = tuple[PromiseData, ...]  # the promises of one type in a pledge, in their order


def by_type(promises: Iterable[PromiseData]) -> dict[int, Group]:
    groups: dict[int, Group] = {}
    for promise in promises:
        groups[promise.promise_type] = (*groups.get(promise.promise_type, ()), promise)
    return groups


# Read ------------------------------------------------------------------------------------------------------------


def promises_of_pledge(pledge: Pledge) -> list[PromiseData]:
    """Return the promises in the order of the checklist, with two queries."""
    return [
        PromiseData(
            promise.promise_type_id,
            promise.quantity,
            tuple(promise.grades),
            tuple(promise.months),
            tuple(school.pk for school in promise.schools.all()),
            promise.note,
        )
        for promise in pledge.promises.prefetch_related(Prefetch("schools", School.objects.order_by().only("pk")))
    ]


def proposed_promises(pledge: Pledge) -> list[PromiseData]:
    """Return the promises of an earlier pledge, without retired promise types and schools."""
    promises = promises_of_pledge(pledge)
    checklist = Checklist.of(promises)
    return [
        replace(
            promise, schools=tuple(school for school in promise.schools if not checklist.schools[school].is_retired)
        )
        for promise in promises
        if not checklist.promise_types[promise.promise_type].is_retired
    ]


# Check -----------------------------------------------------------------------------------------------------------


def find_problems(
    promises: list[PromiseData], checklist: Checklist, *, kept: Iterable[PromiseData] = ()
) -> list[Problem]:
    """Check promises before they are written. Saved promises, in `kept`, may keep retired promise types and schools."""
    before, positions = by_type(kept), Counter[int]()
    problems = []
    for promise in promises:
        positions[promise.promise_type] += 1
        position, saved = positions[promise.promise_type], before.get(promise.promise_type, ())
        found = [
            *promise_type_problems(promise, checklist, saved, position),
            *field_problems(promise),
            *school_problems(promise, checklist, saved),
        ]
        problems += [Problem(promise.promise_type, position, field, message) for field, message in found]
    return problems


Found = Iterator[tuple[str, str]]  # field, message


def promise_type_problems(promise: PromiseData, checklist: Checklist, saved: Group, position: int) -> Found:
    promise_type = checklist.promise_types.get(promise.promise_type)
    if promise_type is None or (promise_type.is_retired and not saved):
        yield "promise_type", _("This promise type is no longer offered.")
    elif position > MAX_PROMISES_PER_TYPE:
        message = _("You can make up to %(most)s promises of one type. Remove one.")
        yield "promise_type", message % {"most": MAX_PROMISES_PER_TYPE}


def field_problems(promise: PromiseData) -> Found:
    if not 1 <= promise.quantity <= MAX_QUANTITY:
        message = _("Enter a whole number from 1 to %(most)s.")
        yield "quantity", message % {"most": f"{MAX_QUANTITY:,}"}
    if not set(promise.grades) <= set(GRADES):
        yield "grades", _("Choose grades from the list.")
    if not set(promise.months) <= set(MONTHS):
        yield "months", _("Choose months from the list.")
    if len(promise.note) > MAX_LENGTH_NOTE:
        yield "note", _("Shorten the note to %(most)s characters or fewer.") % {"most": MAX_LENGTH_NOTE}


def school_problems(promise: PromiseData, checklist: Checklist, saved: Group) -> Found:
    kept = {school for each in saved for school in each.schools}
    schools = [checklist.schools[pk] for pk in promise.schools if pk in checklist.schools]
    if len(schools) < len(promise.schools) or any(school.is_retired and school.pk not in kept for school in schools):
        yield "schools", _("Choose schools from the list.")
        return
    others = [school.name for school in schools if promise.grades and not set(school.grades) & set(promise.grades)]
    if others:
        message = ngettext(
            "%(schools)s doesn’t have these grades. Choose a different school or different grades.",
            "%(schools)s don’t have these grades. Choose different schools or different grades.",
            len(others),
        )
        yield "schools", message % {"schools": ", ".join(others)}


# Write -----------------------------------------------------------------------------------------------------------


def write_promises(pledge: Pledge, promises: list[PromiseData], before: list[PromiseData]) -> None:
    """Replace the promises of a locked pledge. Update the rows that stay."""
    current, previous = by_position(promises), by_position(before)
    if removed := previous.keys() - current.keys():
        places = (Q(promise_type=promise_type, position=position) for promise_type, position in removed)
        pledge.promises.filter(reduce(or_, places)).delete()
    changed = {place: promise for place, promise in current.items() if previous.get(place) != promise}
    rows = Promise.objects.bulk_create(
        (
            Promise(
                pledge=pledge,
                promise_type_id=promise_type,
                position=position,
                quantity=promise.quantity,
                grades=list(promise.grades),
                months=list(promise.months),
                note=promise.note,
            )
            for (promise_type, position), promise in changed.items()
        ),
        update_conflicts=True,
        unique_fields=["pledge", "promise_type", "position"],
        update_fields=["quantity", "grades", "months", "note"],
    )
    before_changed = [schools_of(previous.get(place)) for place in changed]
    write_schools(list(zip(rows, changed.values(), before_changed, strict=True)))


def by_position(promises: Iterable[PromiseData]) -> dict[tuple[int, int], PromiseData]:
    """Return the promises by their type and position."""
    return {
        (promise_type, position): promise
        for promise_type, group in by_type(promises).items()
        for position, promise in enumerate(group, start=1)
    }


def write_schools(changed: list[tuple[Promise, PromiseData, tuple[int, ...]]]) -> None:
    """Write the schools of these promises, given those from before, if they changed."""
    through = Promise.schools.through
    moved = [(row, promise.schools, before) for row, promise, before in changed if promise.schools != before]
    if outdated := [row.pk for row, _schools, before in moved if before]:
        through.objects.filter(promise__in=outdated).delete()
    through.objects.bulk_create(
        through(promise=row, school_id=school) for row, schools, _before in moved for school in schools
    )


def schools_of(promise: PromiseData | None) -> tuple[int, ...]:
    return promise.schools if promise else ()


# Describe --------------------------------------------------------------------------------------------------------


def month_name(number: int) -> str:
    """Return a month's short name in the reader's language, such as "Oct" or "oct"."""
    return month_name_in(get_language() or "en", number)


@lru_cache
def month_name_in(language: str, number: int) -> str:
    with translation.override(language):
        name = str(MONTHS_3[number])
    return name if language == "es" else capfirst(name)


def schools_in_words(promise: PromiseData, checklist: Checklist) -> str:
    names = sorted(checklist.schools[pk].name for pk in promise.schools if pk in checklist.schools)
    return ", ".join(names) or _("wherever it is needed most")


def promise_in_words(promise: PromiseData, checklist: Checklist) -> str:
    """Describe a promise in one line, such as "6 visits; 1–3, 4–6; Oct, Mar; Cesar Chavez High; a note"."""
    parts = [
        checklist.promise_types[promise.promise_type].amount(promise.quantity),
        ", ".join(Grade(grade).label for grade in promise.grades),
        ", ".join(month_name(number) for number in promise.months),
        schools_in_words(promise, checklist),
        promise.note,
    ]
    return "; ".join(part for part in parts if part)


def promises_in_words(promises: Iterable[PromiseData], checklist: Checklist) -> str:
    """Describe the promises of one type in one line, joined by a plus sign, or return "" if there are none."""
    return " + ".join(promise_in_words(promise, checklist) for promise in promises)


def signed_promise(promise: PromiseData, checklist: Checklist) -> dict:
    """Return a promise for a signed version: names in both languages, and no keys of rows that may change."""
    promise_type = checklist.promise_types[promise.promise_type]
    unit = "unit" if promise.quantity == 1 else "unit_plural"
    return {
        "promise_type": promise_type.code,
        "name": promise_type.localized("name", "en"),
        "unit": promise_type.localized(unit, "en"),
        "name_es": promise_type.localized("name", "es"),
        "unit_es": promise_type.localized(unit, "es"),
        "quantity": promise.quantity,
        "grades": list(promise.grades),
        "months": list(promise.months),
        "schools": sorted(checklist.schools[pk].name for pk in promise.schools),
        "note": promise.note,
        "needs_clearance": promise_type.needs_clearance,
    }


def localized_field(kept: dict, field: str, language: str | None = None) -> str:
    """Return the "name" or "unit" of a signed promise in `language` or the reader's."""
    return kept[f"{field}_es" if (language or get_language()) == "es" else field]


def signed_amount(kept: dict) -> str:
    """Return quantity and unit of a signed promise, such as "6 visits"."""
    return f"{kept['quantity']:,} {localized_field(kept, 'unit')}"
