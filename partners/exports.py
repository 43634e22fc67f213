"""Exports for staff: pledges with a row per promise or per organization, organizations, and coverage."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache, partial
from itertools import groupby
from operator import itemgetter

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, FilteredRelation, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from imagine.core.spreadsheets.writer import RESPONSES, Cell, csv_response
from partners.coverage import Coverage
from partners.models import Grade, Organization, PledgeYear, Promise, PromiseType, School, Sector, listing_status_of
from partners.models.organizations import OrganizationQuerySet
from partners.pledges.promises import month_name

CHUNK_SIZE = 500  # fetched at once

PARTNER = (_("school year"), _("organization"), _("sector"), _("contact"), _("e-mail"), _("phone"))
SIGNED = (_("signed by"), _("signed on"))
PROMISE = (_("kind"), _("quantity"), _("unit"), _("grades"), _("schools"), _("months"), _("clearance"))
BY_PROMISE = (*PARTNER, *PROMISE, *SIGNED, _("note"))
BY_ORGANIZATION = (*PARTNER, *SIGNED)  # and the kinds

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
OF_PROMISE = ("promise_type", "quantity", "grades", "months", "note", "where")


def file_name(what: str, file_format: str) -> str:
    return f"{what}-{timezone.localdate():%Y-%m-%d}.{file_format}"


def column_headings(words: Iterable) -> list[str]:
    return [capfirst(str(word)) for word in words]


# Pledges ---------------------------------------------------------------------------------------------------------


def promise_file(promises: QuerySet[Promise], file_format: str) -> StreamingHttpResponse:
    """One row per promise; `file_format` is a key of RESPONSES."""
    return RESPONSES[file_format](
        file_name("promises", file_format), column_headings(BY_PROMISE), promise_rows(promises)
    )


def pledge_file(promises: QuerySet[Promise], file_format: str) -> StreamingHttpResponse:
    """One row per organization and school year, one column per promise type."""
    promise_types = promise_types_of(promises)
    columns = [f"{offered.localized_name} ({offered.localized_units})" for offered in promise_types]
    rows = pledge_rows(promises, [offered.pk for offered in promise_types])
    return RESPONSES[file_format](
        file_name("pledges", file_format), [*column_headings(BY_ORGANIZATION), *columns], rows
    )


def ordered_promises(promises: QuerySet[Promise]) -> QuerySet[Promise]:
    """Newest school year first, with the contact who answers for the pledge, or else the primary contact."""
    is_primary = Q(pledge__organization__contacts__is_primary=True)
    primary_contact = FilteredRelation("pledge__organization__contacts", condition=is_primary)
    contact = {
        name: Coalesce(f"pledge__contact__{field}", f"primary_contact__{field}")
        for name, field in {"contact": "name", "email": "email", "phone": "phone"}.items()
    }
    order = ("-pledge__year_id", "pledge__organization__name", "pledge_id", "promise_type__order", "promise_type_id")
    return promises.alias(primary_contact=primary_contact).annotate(**contact).order_by(*order)


class ExportLabels:
    """Labels in the reader's language, looked up once."""

    def __init__(self):
        clearance = {True: gettext("needed"), False: ""}
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
        self.schools = lambda keys: ", ".join([schools[key] for key in keys]) or anywhere
        self.months = cache(lambda numbers: ", ".join([months[number] for number in numbers]))
        self.grades = cache(lambda bands: ", ".join([grades[band] for band in bands]))


def sector_labels() -> dict[str, str]:
    return {value: str(label) for value, label in Sector.choices} | {"": ""}


@cache
def school_years(year: int) -> str:
    return PledgeYear(school_year=year).school_years


def district_date(moment: datetime | None) -> date | None:
    """The date in the district's time zone."""
    return moment and moment.astimezone(timezone.get_default_timezone()).date()


def promise_rows(promises: QuerySet[Promise]) -> Iterator[tuple[Cell, ...]]:
    """In the language that is active now, even if the rows are read later. Three queries; a server-side cursor keeps
    memory flat."""
    places = Promise.schools.through.objects.filter(promise=OuterRef("pk")).order_by("school__name")
    rows = ordered_promises(promises).annotate(where=ArraySubquery(places.values("school")))
    return map(
        partial(promise_row, ExportLabels()), rows.values_list(*OF_PLEDGE, *OF_PROMISE).iterator(chunk_size=CHUNK_SIZE)
    )


def promise_row(words: ExportLabels, promise: tuple) -> tuple[Cell, ...]:
    """The cells under BY_PROMISE, given OF_PLEDGE and OF_PROMISE."""
    (
        _pledge, year, organization, sector, contact, email, phone, signed_by, signed_at,
        promise_type, quantity, grades, months, note, schools,
    ) = promise  # fmt: skip
    label, unit, units, clearance = words.promise_types[promise_type]
    return (
        school_years(year),
        organization,
        words.sectors[sector],
        contact,
        email,
        phone,
        label,
        quantity,
        unit if quantity == 1 else units,
        words.grades(tuple(grades)),
        words.schools(schools),
        words.months(tuple(months)),
        clearance,
        signed_by,
        district_date(signed_at),
        note,
    )


def promise_types_of(promises: QuerySet[Promise]) -> list[PromiseType]:
    """Offered promise types, and retired ones that these promises have."""
    there = Exists(promises.order_by().filter(promise_type=OuterRef("pk")))
    return list(PromiseType.objects.filter(Q(is_retired=False) | there))


def pledge_rows(promises: QuerySet[Promise], promise_types: list[int]) -> Iterator[tuple[Cell, ...]]:
    """One row per pledge with the quantity of each promise type. One query with a server-side cursor."""
    rows = (
        ordered_promises(promises).values_list(*OF_PLEDGE, "promise_type", "quantity").iterator(chunk_size=CHUNK_SIZE)
    )
    return map(partial(pledge_row, sector_labels(), promise_types), groupby(rows, itemgetter(0)))


def pledge_row(sectors: dict, promise_types: list[int], pledge: tuple[int, Iterator[tuple]]) -> tuple[Cell, ...]:
    """The cells under BY_ORGANIZATION and the promise types, given a pledge's key and its promises."""
    promises = list(pledge[1])
    _pledge, year, organization, sector, *contact, signed_by, signed_at, _promise_type, _quantity = promises[0]
    quantities = {promise_type: quantity for *_of_pledge, promise_type, quantity in promises}
    partner = (school_years(year), organization, sectors[sector], *contact)
    return (*partner, signed_by, district_date(signed_at), *map(quantities.get, promise_types))


# Coverage --------------------------------------------------------------------------------------------------------


def coverage_file(found: Coverage) -> StreamingHttpResponse:
    """One row per school, those with the fewest promises first, one column per promise type, and totals at the end."""
    words = [gettext("school"), gettext("level"), *(each.promise_type.localized_name for each in found.promise_types)]
    before = PledgeYear(school_year=found.year.pk - 1).school_years
    words += [gettext("promises"), gettext("promises in %(year)s") % {"year": before}]
    return csv_response(f"coverage-{found.year.pk}.csv", column_headings(words), coverage_rows(found))


def coverage_rows(found: Coverage) -> Iterator[tuple[Cell, ...]]:
    for place in found.places:
        yield (place.school.name, place.school.get_level_display(), *place.counts, place.promises, place.before)
    anywhere = [each.anywhere for each in found.promise_types]
    yield (gettext("Wherever it is needed most"), "", *anywhere, sum(anywhere), None)
    yield (
        gettext("All promises"),
        "",
        *(each.promises for each in found.promise_types),
        found.promises,
        found.promises_before,
    )
    yield (gettext("Quantity"), "", *(each.quantity for each in found.promise_types), None, None)
    yield (gettext("Quantity the year before"), "", *(each.quantity_before for each in found.promise_types), None, None)


# Organizations ---------------------------------------------------------------------------------------------------

ORGANIZATION = (
    _("organization"),
    _("sector"),
    _("what it does"),
    _("website"),
    _("phone"),
    _("street and city"),
    _("size"),
    _("shown in public"),
    _("contact"),
    _("role"),
    _("e-mail"),
    _("contact’s phone"),
    _("language"),
    _("known since"),
)  # and the pledge of a year
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


def organization_file(
    organizations: OrganizationQuerySet, year: PledgeYear | None, file_format: str
) -> StreamingHttpResponse:
    """One row per organization with its primary contact and its pledge for a school year."""
    pledge = gettext("Pledge for %(year)s") % {"year": year.school_years} if year else gettext("Pledge")
    rows = organization_rows(organizations, year)
    return RESPONSES[file_format](
        file_name("organizations", file_format), [*column_headings(ORGANIZATION), pledge], rows
    )


def organization_rows(organizations: OrganizationQuerySet, year: PledgeYear | None) -> Iterator[tuple[Cell, ...]]:
    """By name. One query with a server-side cursor."""
    rows = organizations.with_primary_contact().with_pledge_of(year).order_by("name", "pk")
    labels: dict[str, dict] = {
        "sector": sector_labels(),
        "size": {value: str(label) for value, label in Organization.Size.choices} | {"": ""},
        "shown": {value: str(label) for value, label in Organization.ListingStatus.choices},
        "language": dict(settings.LANGUAGES) | {None: ""},
        "pledge": {True: gettext("signed"), False: gettext("draft"), None: ""},
    }
    return map(partial(organization_row, labels), rows.values_list(*OF_ORGANIZATION).iterator(chunk_size=CHUNK_SIZE))


def organization_row(labels: dict[str, dict], organization: tuple) -> tuple[Cell, ...]:
    """The cells under ORGANIZATION, given OF_ORGANIZATION."""
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
