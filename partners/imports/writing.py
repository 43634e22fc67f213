"""Write a checked import, some organizations per step. A step takes as many queries for many as for one."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time
from operator import attrgetter

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from imagine.core import audit
from partners.imports import fingerprints
from partners.imports.cell_parsers import promise_from_values
from partners.models import (
    Contact,
    CreatedRecord,
    Import,
    ImportedOrganization,
    Organization,
    Pledge,
    Promise,
    Signature,
)
from partners.organizations import profiles
from partners.pledges import editing as pledge_editing
from partners.pledges.promises import Checklist, PromiseData, by_position

BATCH_SIZE = 100  # organizations per step
MAX_NAMES = 200  # of skipped organizations


class Chunk:
    """The imported organizations of one step, their rows, and the records created from them.

    `imported` leaves out duplicates in the file; `primaries` maps each imported organization to the one it
    duplicates, or to itself.
    """

    def __init__(self, run: Import, imported: list[ImportedOrganization]):
        self.run = run
        self.imported = [each for each in imported if each.duplicate_of_line is None]
        self.primaries = primary_by_pk(imported)
        self.rows: dict[int, list[dict]] = defaultdict(list)
        rows = run.rows.filter(imported_organization__in=self.primaries, errors=[]).order_by("line")
        for pk, values in rows.values_list("imported_organization", "values"):
            self.rows[pk].append(values)
        promises = [promise_from_values(values) for rows in self.rows.values() for values in rows]
        self.checklist = Checklist.of(promises)
        self.organizations: dict[int, Organization] = {}  # by the imported organization's primary key
        self.changes: list[tuple] = []
        self.created: list[CreatedRecord] = []
        self.counts: Counter = Counter()

    def add_created(self, record: Model, fingerprint: str, before: dict, after: dict) -> None:
        content_type = ContentType.objects.get_for_model(record)
        self.created.append(
            CreatedRecord(run=self.run, content_type=content_type, object_id=record.pk, fingerprint=fingerprint)
        )
        self.changes.append((record, before, after))

    def rows_of(self, primary: ImportedOrganization) -> list[dict]:
        """Return an organization's rows, including those of its duplicates."""
        return [row for pk, rows in self.rows.items() if self.primaries[pk] == primary.pk for row in rows]


def primary_by_pk(imported: list[ImportedOrganization]) -> dict[int, int]:
    by_line: dict[int, int] = {}
    for each in sorted(imported, key=attrgetter("line")):
        by_line[each.line] = by_line.get(each.duplicate_of_line or 0, each.pk)
    return {each.pk: by_line[each.line] for each in imported}


def write_next(run: Import) -> None:
    """Write the next batch of a locked import. After the last one its state is DONE."""
    pending = ImportedOrganization.objects.filter(run=run, is_written=False).order_by("pk")
    batch = list(pending[:BATCH_SIZE])
    if batch:
        # Two names may mean the same organization: their promises belong to one pledge.
        same = pending.filter(organization__in={each.organization_id for each in batch if each.organization_id})
        batch += same.exclude(pk__in=[each.pk for each in batch])
        duplicates = pending.filter(duplicate_of_line__isnull=False).exclude(pk__in=[each.pk for each in batch])
        batch += duplicates_in_file(batch, duplicates)
        write_organizations(run, batch)
    if run.steps_done >= run.steps or not batch:
        finish_import(run)


def duplicates_in_file(
    imported: list[ImportedOrganization], others: Iterable[ImportedOrganization]
) -> list[ImportedOrganization]:
    """Return the others that duplicate one of `imported`, directly or through another duplicate."""
    lines, found = {each.line for each in imported}, []
    for other in others:  # each refers to an earlier line
        if other.duplicate_of_line in lines:
            lines.add(other.line)
            found.append(other)
    return found


def finish_import(run: Import) -> None:
    run.rows.all().delete()
    run.organizations.all().delete()
    run.state, run.completed_at = Import.State.DONE, Now()


def write_organizations(run: Import, imported: list[ImportedOrganization]) -> None:
    chunk = Chunk(run, imported)
    match_organizations(chunk)
    create_missing_organizations(chunk)
    chunk.organizations |= {pk: chunk.organizations[primary] for pk, primary in chunk.primaries.items()}
    contacts = create_contacts(chunk)
    create_pledges(chunk, contacts)
    audit.log_changes(chunk.changes, reason=run.file_name[: audit.MAX_LENGTH_REASON])
    CreatedRecord.objects.bulk_create(chunk.created)
    ImportedOrganization.objects.filter(pk__in=[each.pk for each in imported]).update(is_written=True)
    run.steps_done += len(imported)
    for name, number in chunk.counts.items():
        run.counts[name] = run.counts.get(name, 0) + number


# Organizations ---------------------------------------------------------------------------------------------------


def match_organizations(chunk: Chunk) -> None:
    """Lock the chosen organizations, and those with the same name as a new one that were created since the check.

    A chosen organization that was deleted since is created again.
    """
    new_names = [each.normalized_name for each in chunk.imported if each.organization_id is None]
    with_name = Organization.objects.filter(normalized_name__in=new_names).order_by("-pk")
    created_since = dict(with_name.values_list("normalized_name", "pk"))
    for each in chunk.imported:
        proposed = {organization for organization, *_why in each.existing_matches}
        if each.organization_id is None and created_since.get(each.normalized_name) not in {None, *proposed}:
            each.organization_id = created_since[each.normalized_name]
    organizations = profiles.lock_organizations(
        {each.organization_id for each in chunk.imported if each.organization_id}
    )
    for each in chunk.imported:
        if each.organization_id in organizations:
            chunk.organizations[each.pk] = organizations[each.organization_id]
    chunk.counts["taken"] = len(chunk.organizations)


def create_missing_organizations(chunk: Chunk) -> None:
    new = [each for each in chunk.imported if each.pk not in chunk.organizations]
    created = {each.pk: Organization(**profile_from_rows(each.name, chunk.rows_of(each))) for each in new}
    profiles.insert_organizations(list(created.values()))
    for organization in created.values():
        before, after = {"name": ""}, {"name": organization.name}
        chunk.add_created(organization, fingerprints.organization_fingerprint(organization), before, after)
    chunk.organizations |= created
    chunk.counts["organizations"] = len(created)


def profile_from_rows(name: str, rows: list[dict]) -> dict:
    """Use the first row with a value. A phone number without an address is the organization's, not a contact's."""
    return {
        "name": name,
        "sector": first_value(rows, "sector"),
        "website": first_value(rows, "website"),
        "phone": first_value([row for row in rows if not row["email"]], "phone"),
    }


def first_value(rows: list[dict], name: str) -> str:
    return next((row[name] for row in rows if row[name]), "")


# Contacts --------------------------------------------------------------------------------------------------------


def create_contacts(chunk: Chunk) -> dict[tuple[int, str], Contact]:
    """Create contacts for new addresses. Return all contacts by organization and lower-case address."""
    existing = Contact.objects.filter(organization__in=chunk.organizations.values()).order_by("pk")
    contacts = {(contact.organization_id or 0, contact.email.lower()): contact for contact in existing}
    with_primary = {contact.organization_id for contact in contacts.values() if contact.is_primary}
    new: dict[tuple[int, str], Contact] = {}
    for pk, rows in chunk.rows.items():
        organization = chunk.organizations[pk]
        for row in rows:
            key = (organization.pk, row["email"].lower())
            if row["email"] and key not in contacts and key not in new:
                new[key] = Contact(
                    organization=organization, is_primary=organization.pk not in with_primary, **contact_from_row(row)
                )
                with_primary.add(organization.pk)
    Contact.objects.bulk_create(new.values())
    for contact in new.values():
        before, after = {"name": "", "email": ""}, {"name": contact.name, "email": contact.email}
        chunk.add_created(contact, fingerprints.contact_fingerprint(contact), before, after)
    chunk.counts["contacts"] = len(new)
    return contacts | new


def contact_from_row(row: dict) -> dict:
    name = row["contact"] or row["signed_by"] or row["email"].partition("@")[0]
    return {"name": name, "email": row["email"], "phone": row["phone"]}


# Pledges ---------------------------------------------------------------------------------------------------------


def create_pledges(chunk: Chunk, contacts: dict[tuple[int, str], Contact]) -> None:
    """Create a signed pledge for each organization without one for this school year. Existing ones stay as they are."""
    existing = Pledge.objects.filter(year=chunk.run.year, organization__in=chunk.organizations.values())
    pledged = set(existing.values_list("organization", flat=True))
    rows_of: dict[int, list[dict]] = defaultdict(list)
    for pk, rows in chunk.rows.items():
        organization = chunk.organizations[pk]
        if organization.pk in pledged:
            skip_organization(chunk, organization)
        else:
            rows_of[organization.pk] += without_repeated_types(chunk, organization, rows_of[organization.pk], rows)
    by_pk = {organization.pk: organization for organization in chunk.organizations.values()}
    new = [
        (pledge_from_rows(chunk, by_pk[pk], rows, contacts), [promise_from_values(row) for row in rows])
        for pk, rows in rows_of.items()
    ]
    Pledge.objects.bulk_create(pledge for pledge, _promises in new)
    create_promises(new)
    Signature.objects.bulk_create(
        pledge_editing.build_signature(pledge, promises, chunk.checklist, number=1) for pledge, promises in new
    )
    for pledge, promises in new:
        after = pledge_editing.pledge_facts(pledge, promises, chunk.checklist)
        chunk.add_created(
            pledge, fingerprints.pledge_fingerprint(pledge, promises), {"language": pledge.language}, after
        )
    chunk.counts.update(pledges=len(new), promises=sum(len(promises) for _pledge, promises in new))


def without_repeated_types(
    chunk: Chunk, organization: Organization, before: list[dict], rows: list[dict]
) -> list[dict]:
    """Drop promises of a type that the organization has promised already, under another name in the file."""
    promise_types = {row["promise_type"] for row in before}
    if any(row["promise_type"] in promise_types for row in rows):
        skip_organization(chunk, organization)
    return [row for row in rows if row["promise_type"] not in promise_types]


def skip_organization(chunk: Chunk, organization: Organization) -> None:
    chunk.counts["left"] += 1
    names = chunk.run.counts.setdefault("left_names", [])
    if len(names) < MAX_NAMES:
        names.append(organization.name)


def pledge_from_rows(chunk: Chunk, organization: Organization, rows: list[dict], contacts: dict) -> Pledge:
    """Return a pledge signed by the person in the row with the latest date."""
    latest = max(rows, key=lambda row: row["signed_on"])
    signed_at = noon(latest["signed_on"] or chunk.run.year.opens_on.isoformat())
    contact = next((contacts[organization.pk, row["email"].lower()] for row in rows if row["email"]), None)
    return Pledge(
        organization=organization,
        year=chunk.run.year,
        contact=contact,
        language=contact.language if contact else "en",
        signed_by=latest["signed_by"],
        signed_at=min(signed_at, timezone.now()),
        created_at=min(signed_at, timezone.now()),
    )


def noon(day: str) -> datetime:
    """Return noon in the district's time zone, which is the same day in almost every other."""
    return timezone.make_aware(datetime.combine(date.fromisoformat(day), time(12)))


def create_promises(pairs: list[tuple[Pledge, list[PromiseData]]]) -> None:
    rows, schools = [], []
    for pledge, promises in pairs:
        for (_promise_type, position), promise in by_position(promises).items():
            lists = {"grades": list(promise.grades), "months": list(promise.months)}
            rows.append(
                Promise(
                    pledge=pledge,
                    promise_type_id=promise.promise_type,
                    position=position,
                    quantity=promise.quantity,
                    note=promise.note,
                    **lists,
                )
            )
            schools.append(promise.schools)
    Promise.objects.bulk_create(rows)
    through = Promise.schools.through
    through.objects.bulk_create(
        through(promise_id=row.pk, school_id=school)
        for row, row_schools in zip(rows, schools, strict=True)
        for school in row_schools
    )
