"""Promises as plain values: what is typed, what stands, what is wrong with them, and how they are written down."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q, Value
from django.utils.dates import MONTHS_3
from django.utils.text import capfirst
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from partners.models import LARGEST_QUANTITY, MONTHS, Grade, Pledge, Promise, PromiseKind, School

FIELDS = ["quantity", "grades", "months", "note"]


def in_order(values: Iterable, order: list) -> tuple:
    return tuple(sorted(set(values), key=lambda value: order.index(value) if value in order else len(order)))


@dataclass(frozen=True)
class Promised:
    """One ticked kind: primary keys of kind and schools, grades and months as stored. However they were ticked, two
    that say the same are equal."""

    kind: int
    quantity: int
    grades: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    schools: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self):
        object.__setattr__(self, "grades", in_order(self.grades, Grade.values))
        object.__setattr__(self, "months", in_order(self.months, MONTHS))
        object.__setattr__(self, "schools", tuple(sorted(set(self.schools))))


class Problem(NamedTuple):
    """What is wrong with one field of one kind, as a sentence for who ticked it."""

    kind: int
    field: str
    words: str


class Checklist(NamedTuple):
    """The kinds and schools that some promises name."""

    kinds: dict[int, PromiseKind]
    schools: dict[int, School]

    @classmethod
    def of(cls, promises: Iterable[Promised]) -> "Checklist":
        promises = list(promises)
        kinds = PromiseKind.objects.filter(pk__in={promised.kind for promised in promises})
        named = {school for promised in promises for school in promised.schools}
        schools = School.objects.filter(pk__in=named) if named else []
        return cls({kind.pk: kind for kind in kinds}, {school.pk: school for school in schools})


# Read ------------------------------------------------------------------------------------------------------------


def of(pledge: Pledge) -> list[Promised]:
    """What a pledge promises, in the order of the checklist: one query."""
    schools = ArrayAgg("schools", filter=Q(schools__isnull=False), default=Value([]))
    rows = pledge.promises.order_by("kind__order", "kind_id").annotate(where=schools)
    return [Promised(*row) for row in rows.values_list("kind", "quantity", "grades", "months", "where", "note")]


def proposal(pledge: Pledge) -> list[Promised]:
    """What a pledge promised, as it may be promised again: without what was retired since."""
    promises = of(pledge)
    known = Checklist.of(promises)
    return [
        Promised(one.kind, one.quantity, one.grades, one.months, tuple(offered(one.schools, known)), one.note)
        for one in promises
        if not known.kinds[one.kind].is_retired
    ]


def offered(schools: Iterable[int], known: Checklist) -> list[int]:
    return [school for school in schools if not known.schools[school].is_retired]


# Check -----------------------------------------------------------------------------------------------------------


def problems(promises: list[Promised], known: Checklist, *, kept: Iterable[Promised] = ()) -> list[Problem]:
    """All that is wrong with promises; nothing when they may be written. What stands in the pledge already, `kept`, may
    stay there though it was retired since."""
    kept = {promised.kind: promised for promised in kept}
    found, seen = [], set()
    for promised in promises:
        before = kept.get(promised.kind)
        wrong = [*kind_problems(promised, known, before, seen), *field_problems(promised)]
        wrong += school_problems(promised, known, before)
        found += [Problem(promised.kind, field, words) for field, words in wrong]
        seen.add(promised.kind)
    return found


def kind_problems(promised: Promised, known: Checklist, before: Promised | None, seen: set[int]):
    kind = known.kinds.get(promised.kind)
    if kind is None or (kind.is_retired and not before):
        yield "kind", _("This is not on the checklist any more.")
    elif promised.kind in seen:
        yield "kind", _("This is ticked twice.")


def field_problems(promised: Promised):
    if not 1 <= promised.quantity <= LARGEST_QUANTITY:
        said = _("How many? Write a whole number from 1 to %(most)s.")
        yield "quantity", said % {"most": f"{LARGEST_QUANTITY:,}"}
    if not set(promised.grades) <= set(Grade.values):
        yield "grades", _("Choose grades of this list.")
    if not set(promised.months) <= set(MONTHS):
        yield "months", _("Choose months of this list.")
    if len(promised.note) > Promise._meta.get_field("note").max_length:
        yield "note", _("Shorten the note, please.")


def school_problems(promised: Promised, known: Checklist, before: Promised | None):
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


def write(pledge: Pledge, promises: list[Promised], before: list[Promised]) -> None:
    """Makes a locked pledge promise exactly this. A promise that stays keeps its row."""
    now, then = ({one.kind: one for one in some} for some in (promises, before))
    if gone := then.keys() - now.keys():
        pledge.promises.filter(kind__in=gone).delete()
    rows = [
        Promise(pledge=pledge, kind_id=one.kind, **{field: listed(getattr(one, field)) for field in FIELDS})
        for one in promises
        if then.get(one.kind) != one
    ]
    Promise.objects.bulk_create(rows, update_conflicts=True, unique_fields=["pledge", "kind"], update_fields=FIELDS)
    send_to_schools([row for row in rows if now[row.kind_id].schools != schools_of(then.get(row.kind_id))], now, then)


def send_to_schools(rows: list[Promise], now: dict[int, Promised], then: dict[int, Promised]) -> None:
    places = Promise.schools.through.objects
    if old := [row for row in rows if row.kind_id in then]:
        places.filter(promise__in=old).delete()
    places.bulk_create(
        Promise.schools.through(promise_id=row.pk, school_id=school)
        for row in rows
        for school in now[row.kind_id].schools
    )


def schools_of(promised: Promised | None) -> tuple[int, ...]:
    return promised.schools if promised else ()


def listed(value):
    return list(value) if isinstance(value, tuple) else value


# Say -------------------------------------------------------------------------------------------------------------


def month(number: int) -> str:
    """A month's short name as it stands alone in the reader's language: Oct, oct."""
    name = str(MONTHS_3[number])
    return name if get_language() == "es" else capfirst(name)


def where(promised: Promised, known: Checklist) -> str:
    """Its schools by name, or that none was chosen."""
    names = sorted(known.schools[pk].name for pk in promised.schools if pk in known.schools)
    return ", ".join(names) or _("wherever it is needed most")


def in_words(promised: Promised, known: Checklist) -> str:
    """A promise in one line, without its kind: 6 visits; 1–3, 4–6; Oct, Mar; Cesar Chavez High; a note."""
    parts = [
        known.kinds[promised.kind].amount(promised.quantity),
        ", ".join(Grade(grade).label for grade in promised.grades),
        ", ".join(month(number) for number in promised.months),
        where(promised, known),
        promised.note,
    ]
    return "; ".join(part for part in parts if part)


def in_full(promised: Promised, known: Checklist) -> dict:
    """A promise as a signed version keeps it: every word in both languages, and no key to what may change."""
    kind = known.kinds[promised.kind]
    words = {
        f"{name}{ending}": said
        for ending, language in (("", "en"), ("_es", "es"))
        for name, said in {
            "name": kind.worded("name", language),
            "unit": kind.worded("unit" if promised.quantity == 1 else "unit_plural", language),
        }.items()
    }
    return {
        "kind": kind.code,
        **words,
        "quantity": promised.quantity,
        "grades": list(promised.grades),
        "months": list(promised.months),
        "schools": sorted(known.schools[pk].name for pk in promised.schools),
        "note": promised.note,
        "needs_clearance": kind.needs_clearance,
    }


def worded(kept: dict, field: str, language: str | None = None) -> str:
    """The "name" or "unit" of a promise that a signed version keeps, in a language, else the reader's."""
    return kept[f"{field}_es" if (language or get_language()) == "es" else field]


def kept_amount(kept: dict) -> str:
    """How much a signed version promises: 6 visits."""
    return f"{kept['quantity']:,} {worded(kept, 'unit')}"
