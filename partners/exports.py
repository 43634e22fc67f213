"""Exports for staff: pledges with a row per promise or per organization, organizations, and coverage."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import groupby
from operator import itemgetter

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, FilteredRelation, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from imagine.core.formatting import district_date
from imagine.core.spreadsheets.writer import Cell, Export
from partners.coverage import Coverage
from partners.models import Grade, Organization, PledgeYear, Promise, PromiseType, School, Sector, listing_status_of
from partners.models.organizations import OrganizationQuerySet
from partners.pledges.promises import month_name

CHUNK_SIZE = 500  # rows fetched at once

PARTNER = (_("school year"), _("organization"), _("sector"), _("contact"), _("email"), _("phone"))
SIGNED = (_("signed by"), _("signed on"))
PROMISE = (
    _("promise type"),
    _("quantity"),
    _("unit"),
    _("grades"),
    _("schools"),
    _("months"),
    _("volunteer clearance"),
)
BY_PROMISE = (*PARTNER, *PROMISE, *SIGNED, _("note"))
BY_ORGANIZATION = (*PARTNER, *SIGNED)  # followed by the promise types

OF_PLEDGE = (
    "pledge",
    "pledge__year",
    "pledge__organization__name",
    "pledge__organization__sector",
    "contact",
    "email",
    "phone",
    "pledge__signed_by",
    "pledge__signed_at",
)
OF_PROMISE = ("promise_type", "quantity", "grades", "months", "note", "school_pks")


def column_headings(labels: Iterable) -> list[str]:
    return [capfirst(str(label)) for label in labels]


# Pledges ---------------------------------------------------------------------------------------------------------


def promise_export(promises: QuerySet[Promise]) -> Export:
    """Return a list with one row per promise."""
    return Export("promises", column_headings(BY_PROMISE), promises.count(), promise_rows(promises))


def pledge_export(promises: QuerySet[Promise]) -> Export:
    """Return a list with one row per organization and school year, and one column per promise type."""
    promise_types = promise_types_of(promises)
    columns = [f"{promise_type.localized_name} ({promise_type.localized_units})" for promise_type in promise_types]
    rows = pledge_rows(promises, [promise_type.pk for promise_type in promise_types])
    number = promises.order_by().values("pledge").distinct().count()
    return Export("pledges", [*column_headings(BY_ORGANIZATION), *columns], number, rows)


def ordered_promises(promises: QuerySet[Promise]) -> QuerySet[Promise]:
    """Order promises by school year, newest first, and annotate the contact of the pledge, or else the primary
    contact."""
    is_primary = Q(pledge__organization__contacts__is_primary=True)
    primary_contact = FilteredRelation("pledge__organization__contacts", condition=is_primary)
    contact = {
        name: Coalesce(f"pledge__contact__{field}", f"primary_contact__{field}")
        for name, field in {"contact": "name", "email": "email", "phone": "phone"}.items()
    }
    by_pledge = ("-pledge__year_id", "pledge__organization__name", "pledge_id")
    in_pledge = ("promise_type__order", "promise_type_id", "position")
    return promises.alias(primary_contact=primary_contact).annotate(**contact).order_by(*by_pledge, *in_pledge)


class ExportLabels:
    """The labels in the active language, looked up once per file."""

    def __init__(self):
        clearance = {True: pgettext("clearance", "Required"), False: ""}
        self.promise_types = {
            promise_type.pk: (
                promise_type.localized_name,
                promise_type.localized("unit"),
                promise_type.localized_units,
                clearance[promise_type.needs_clearance],
            )
            for promise_type in PromiseType.objects.all()
        }
        schools = dict(School.objects.values_list("pk", "name"))
        months = {number: month_name(number) for number in range(1, 13)}
        grades = dict(Grade.choices)
        anywhere = gettext("wherever it is needed most")
        self.sectors = sector_labels()
        self.schools = lambda pks: ", ".join([schools[pk] for pk in pks]) or anywhere
        self.months = cache(lambda numbers: ", ".join([months[number] for number in numbers]))
        self.grades = cache(lambda bands: ", ".join([grades[band] for band in bands]))


def sector_labels() -> dict[str, str]:
    return {value: str(label) for value, label in Sector.choices} | {"": ""}


@cache
def school_years_label(year: int) -> str:
    return PledgeYear(school_year=year).school_years


def promise_rows(promises: QuerySet[Promise]) -> Iterator[tuple[Cell, ...]]:
    """Return rows in the currently active language, even if they are read later.

    There are three queries. A server-side cursor limits the memory used.
    """
    schools = Promise.schools.through.objects.filter(promise=OuterRef("pk")).order_by("school__name")
    rows = ordered_promises(promises).annotate(school_pks=ArraySubquery(schools.values("school")))
    return map(
        partial(promise_row, ExportLabels()), rows.values_list(*OF_PLEDGE, *OF_PROMISE).iterator(chunk_size=CHUNK_SIZE)
    )


def promise_row(labels: ExportLabels, promise: tuple) -> tuple[Cell, ...]:
    """Return the cells for BY_PROMISE, given the values of OF_PLEDGE and OF_PROMISE."""
    (
        _pledge, year, organization, sector, contact, email, phone, signed_by, signed_at,
        promise_type, quantity, grades, months, note, school_pks,
    ) = promise  # fmt: skip
    label, unit, units, clearance = labels.promise_types[promise_type]
    return (
        school_years_label(year),
        organization,
        labels.sectors[sector],
        contact,
        email,
        phone,
        label,
        quantity,
        unit if quantity == 1 else units,
        labels.grades(tuple(grades)),
        labels.schools(school_pks),
        labels.months(tuple(months)),
        clearance,
        signed_by,
        signed_at and district_date(signed_at),
        note,
    )


def promise_types_of(promises: QuerySet[Promise]) -> list[PromiseType]:
    """Return the offered promise types, and retired ones that these promises have."""
    has_promise = Exists(promises.order_by().filter(promise_type=OuterRef("pk")))
    return list(PromiseType.objects.filter(Q(is_retired=False) | has_promise))


def pledge_rows(promises: QuerySet[Promise], promise_types: list[int]) -> Iterator[tuple[Cell, ...]]:
    """Return one row per pledge with the quantity of each promise type, from one query with a server-side cursor."""
    rows = (
        ordered_promises(promises).values_list(*OF_PLEDGE, "promise_type", "quantity").iterator(chunk_size=CHUNK_SIZE)
    )
    return map(partial(pledge_row, sector_labels(), promise_types), groupby(rows, itemgetter(0)))


def pledge_row(sectors: dict, promise_types: list[int], pledge: tuple[int, Iterator[tuple]]) -> tuple[Cell, ...]:
    """Return the cells for BY_ORGANIZATION and the promise types, given a pledge's primary key and its promises."""
    promises = list(pledge[1])
    _pledge, year, organization, sector, *contact, signed_by, signed_at, _promise_type, _quantity = promises[0]
    quantities = Counter[int]()
    for *_of_pledge, promise_type, quantity in promises:
        quantities[promise_type] += quantity
    partner = (school_years_label(year), organization, sectors[sector], *contact)
    return (*partner, signed_by, signed_at and district_date(signed_at), *map(quantities.get, promise_types))


# Coverage --------------------------------------------------------------------------------------------------------


def coverage_export(coverage: Coverage) -> Export:
    """Return a list with one row per school, those with the fewest promises first, one column per promise type, and
    totals at the end."""
    promise_types = [column.promise_type.localized_name for column in coverage.promise_types]
    before = PledgeYear(school_year=coverage.year.pk - 1).school_years
    headings = [gettext("school"), gettext("level"), *promise_types]
    headings += [gettext("promises"), gettext("promises in %(year)s") % {"year": before}]
    rows = list(coverage_rows(coverage))
    return Export(f"coverage-{coverage.year.pk}", column_headings(headings), len(rows), rows)


def coverage_rows(coverage: Coverage) -> Iterator[tuple[Cell, ...]]:
    for row in coverage.schools:
        yield (row.school.name, row.school.get_level_display(), *row.counts, row.promises, row.before)
    anywhere = [column.anywhere for column in coverage.promise_types]
    yield (gettext("Wherever it is needed most"), "", *anywhere, sum(anywhere), None)
    yield (
        gettext("All promises"),
        "",
        *(column.promises for column in coverage.promise_types),
        coverage.promises,
        coverage.promises_before,
    )
    yield (gettext("Quantity"), "", *(column.quantity for column in coverage.promise_types), None, None)
    yield (
        gettext("Quantity the year before"),
        "",
        *(column.quantity_before for column in coverage.promise_types),
        None,
        None,
    )


# Organizations ---------------------------------------------------------------------------------------------------

ORGANIZATION = (
    _("organization"),
    _("sector"),
    _("description"),
    _("website"),
    _("phone"),
    _("street address"),
    _("size"),
    _("directory status"),
    _("contact"),
    _("role"),
    _("email"),
    _("contact phone"),
    _("language"),
    _("added on"),
)  # followed by the pledge of a year
OF_ORGANIZATION = (
    "name",
    "sector",
    "description",
    "website",
    "phone",
    "address",
    "size",
    "wants_listing",
    "approved_at",
    "primary_contact__name",
    "primary_contact__role",
    "primary_contact__email",
    "primary_contact__phone",
    "primary_contact__language",
    "created_at",
    "pledge__pk",
    "pledge__signed_at",
)


def organization_export(organizations: OrganizationQuerySet, year: PledgeYear | None) -> Export:
    """Return a list with one row per organization, its primary contact and its pledge for a school year."""
    pledge = gettext("Pledge for %(year)s") % {"year": year.school_years} if year else gettext("Pledge")
    rows = organization_rows(organizations, year)
    return Export("organizations", [*column_headings(ORGANIZATION), pledge], organizations.count(), rows)


def organization_rows(organizations: OrganizationQuerySet, year: PledgeYear | None) -> Iterator[tuple[Cell, ...]]:
    """Return one row per organization, ordered by name, from one query with a server-side cursor."""
    rows = organizations.with_primary_contact().with_pledge_of(year).order_by("name", "pk")
    labels: dict[str, dict] = {
        "sector": sector_labels(),
        "size": {value: str(label) for value, label in Organization.Size.choices} | {"": ""},
        "shown": {value: str(label) for value, label in Organization.ListingStatus.choices},
        "language": dict(settings.LANGUAGES) | {None: ""},
        "pledge": {True: pgettext("pledge", "Signed"), False: pgettext("pledge", "Draft"), None: ""},
    }
    return map(partial(organization_row, labels), rows.values_list(*OF_ORGANIZATION).iterator(chunk_size=CHUNK_SIZE))


def organization_row(labels: dict[str, dict], organization: tuple) -> tuple[Cell, ...]:
    """Return the cells for ORGANIZATION and the pledge, given the values of OF_ORGANIZATION."""
    (
        name, sector, description, website, phone, address, size, wants_listing, approved_at,
        contact, role, email, contact_phone, language, created_at, pledge, signed_at,
    ) = organization  # fmt: skip
    return (
        name,
        labels["sector"][sector],
        description,
        website,
        phone,
        address,
        labels["size"][size],
        labels["shown"][listing_status_of(wants_listing, approved_at)],
        contact,
        role,
        email,
        contact_phone,
        labels["language"][language],
        district_date(created_at),
        labels["pledge"][signed_at is not None if pledge else None],
    )
