"""Promises as plain values: what is typed, what stands, what is wrong with them, and how they are written down."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from django.db.models import Prefetch
from django.utils import translation
from django.utils.dates import MONTHS_3
from django.utils.text import capfirst
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from partners.models import MAX_QUANTITY, MONTHS, Grade, Pledge, Promise, PromiseType, School

GRADES = Grade.values


def in_order(values: Iterable, order: list) -> tuple:
    return tuple(sorted(set(values), key=lambda value: order.index(value) if value in order else len(order)))


@dataclass(frozen=True)
class PromiseData:
    """One ticked kind: primary keys of kind and schools, grades and months as stored. However they were ticked, two
    that say the same are equal."""

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
    """What is wrong with one field of one kind, as a sentence for who ticked it."""

    promise_type: int
    field: str
    words: str


class Checklist(NamedTuple):
    """The kinds and schools that some promises name."""

    promise_types: dict[int, PromiseType]
    schools: dict[int, School]

    @classmethod
    def of(cls, promises: Iterable[PromiseData]) -> "Checklist":
        promises = list(promises)
        ticked = {promised.promise_type for promised in promises}
        named = {school for promised in promises for school in promised.schools}
        promise_types = PromiseType.objects.filter(pk__in=ticked)
        schools = School.objects.filter(pk__in=named)
        return cls(
            {promise_type.pk: promise_type for promise_type in promise_types}, {school.pk: school for school in schools}
        )


# Read ------------------------------------------------------------------------------------------------------------


def promises_of_pledge(pledge: Pledge) -> list[PromiseData]:
    """What a pledge promises, in the order of the checklist: two queries."""
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
    """What a pledge promised, as it may be promised again: without what was retired since."""
    promises = promises_of_pledge(pledge)
    known = Checklist.of(promises)
    return [
        PromiseData(
            one.promise_type, one.quantity, one.grades, one.months, tuple(offered(one.schools, known)), one.note
        )
        for one in promises
        if not known.promise_types[one.promise_type].is_retired
    ]


def offered(schools: Iterable[int], known: Checklist) -> list[int]:
    return [school for school in schools if not known.schools[school].is_retired]


# Check -----------------------------------------------------------------------------------------------------------


def find_problems(promises: list[PromiseData], known: Checklist, *, kept: Iterable[PromiseData] = ()) -> list[Problem]:
    """All that is wrong with promises; nothing when they may be written. What stands in the pledge already, `kept`, may
    stay there though it was retired since."""
    kept = {promised.promise_type: promised for promised in kept}
    found, seen = [], set()
    for promised in promises:
        before = kept.get(promised.promise_type)
        wrong = [*promise_type_problems(promised, known, before, seen), *field_problems(promised)]
        wrong += school_problems(promised, known, before)
        found += [Problem(promised.promise_type, field, words) for field, words in wrong]
        seen.add(promised.promise_type)
    return found


def promise_type_problems(promised: PromiseData, known: Checklist, before: PromiseData | None, seen: set[int]):
    promise_type = known.promise_types.get(promised.promise_type)
    if promise_type is None or (promise_type.is_retired and not before):
        yield "promise_type", _("This is not on the checklist any more.")
    elif promised.promise_type in seen:
        yield "promise_type", _("This is ticked twice.")


def field_problems(promised: PromiseData):
    if not 1 <= promised.quantity <= MAX_QUANTITY:
        said = _("How many? Write a whole number from 1 to %(most)s.")
        yield "quantity", said % {"most": f"{MAX_QUANTITY:,}"}
    if not set(promised.grades) <= set(GRADES):
        yield "grades", _("Choose grades of this list.")
    if not set(promised.months) <= set(MONTHS):
        yield "months", _("Choose months of this list.")
    if len(promised.note) > Promise._meta.get_field("note").max_length:
        yield "note", _("Shorten the note, please.")


def school_problems(promised: PromiseData, known: Checklist, before: PromiseData | None):
    kept = before.schools if before else ()
    schools = [known.schools.get(pk) for pk in promised.schools]
    if any(school is None or (school.is_retired and school.pk not in kept) for school in schools):
        yield "schools", _("Choose schools of this list.")
        return
    others = [school.name for school in schools if promised.grades and not set(school.grades) & set(promised.grades)]
    if others:
        said = ngettext(
            "%(schools)s does not teach these grades. Choose another school or other grades.",
            "%(schools)s do not teach these grades. Choose other schools or other grades.",
            len(others),
        )
        yield "schools", said % {"schools": ", ".join(others)}


# Write -----------------------------------------------------------------------------------------------------------


def write_promises(pledge: Pledge, promises: list[PromiseData], before: list[PromiseData]) -> None:
    """Makes a locked pledge promise exactly this. A promise that stays keeps its row."""
    now, then = ({one.promise_type: one for one in some} for some in (promises, before))
    if gone := then.keys() - now.keys():
        pledge.promises.filter(promise_type__in=gone).delete()
    changed = [one for one in promises if then.get(one.promise_type) != one]
    rows = Promise.objects.bulk_create(
        (
            Promise(
                pledge=pledge,
                promise_type_id=one.promise_type,
                quantity=one.quantity,
                grades=list(one.grades),
                months=list(one.months),
                note=one.note,
            )
            for one in changed
        ),
        update_conflicts=True,
        unique_fields=["pledge", "promise_type"],
        update_fields=["quantity", "grades", "months", "note"],
    )
    write_schools(list(zip(rows, changed, strict=True)), then)


def write_schools(pairs: list[tuple[Promise, PromiseData]], then: dict[int, PromiseData]) -> None:
    """The schools of promises that are for others than they were."""
    through = Promise.schools.through
    moved = [(row, one) for row, one in pairs if one.schools != schools_of(then.get(one.promise_type))]
    if old := [row.pk for row, one in moved if schools_of(then.get(one.promise_type))]:
        through.objects.filter(promise__in=old).delete()
    through.objects.bulk_create(through(promise=row, school_id=school) for row, one in moved for school in one.schools)


def schools_of(promised: PromiseData | None) -> tuple[int, ...]:
    return promised.schools if promised else ()


# Say -------------------------------------------------------------------------------------------------------------


def month_name(number: int) -> str:
    """A month's short name as it stands alone in the reader's language: Oct, oct."""
    return month_name_in(get_language(), number)


@lru_cache
def month_name_in(language: str, number: int) -> str:
    with translation.override(language):
        name = str(MONTHS_3[number])
    return name if language == "es" else capfirst(name)


def schools_in_words(promised: PromiseData, known: Checklist) -> str:
    """Its schools by name, or that none was chosen."""
    names = sorted(known.schools[pk].name for pk in promised.schools if pk in known.schools)
    return ", ".join(names) or _("wherever it is needed most")


def promise_in_words(promised: PromiseData, known: Checklist) -> str:
    """A promise in one line, without its kind: 6 visits; 1–3, 4–6; Oct, Mar; Cesar Chavez High; a note."""
    parts = [
        known.promise_types[promised.promise_type].amount(promised.quantity),
        ", ".join(Grade(grade).label for grade in promised.grades),
        ", ".join(month_name(number) for number in promised.months),
        schools_in_words(promised, known),
        promised.note,
    ]
    return "; ".join(part for part in parts if part)


def signed_promise(promised: PromiseData, known: Checklist) -> dict:
    """A promise as a signed version keeps it: every word in both languages, and no key to what may change."""
    promise_type = known.promise_types[promised.promise_type]
    words = {
        f"{name}{ending}": said
        for ending, language in (("", "en"), ("_es", "es"))
        for name, said in {
            "name": promise_type.localized("name", language),
            "unit": promise_type.localized("unit" if promised.quantity == 1 else "unit_plural", language),
        }.items()
    }
    return {
        "promise_type": promise_type.code,
        **words,
        "quantity": promised.quantity,
        "grades": list(promised.grades),
        "months": list(promised.months),
        "schools": sorted(known.schools[pk].name for pk in promised.schools),
        "note": promised.note,
        "needs_clearance": promise_type.needs_clearance,
    }


def localized_field(kept: dict, field: str, language: str | None = None) -> str:
    """The "name" or "unit" of a promise that a signed version keeps, in a language, else the reader's."""
    return kept[f"{field}_es" if (language or get_language()) == "es" else field]


def signed_amount(kept: dict) -> str:
    """How much a signed version promises: 6 visits."""
    return f"{kept['quantity']:,} {localized_field(kept, 'unit')}"
