"""Write a checked import, some organizations per step. A step takes as many queries for many as for one."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time

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
from partners.pledges.promises import Checklist, PromiseData

BATCH_SIZE = 100  # organizations in a step
MAX_NAMES = 200  # organizations that are named in what was left out


class Chunk:
    """The imported organizations of one step, their rows, and what is created from them. `typed` has each organization
    once; `leads` maps each imported one to it."""

    def __init__(self, run: Import, typed: list[ImportedOrganization]):
        self.run = run
        self.typed = [one for one in typed if one.duplicate_of_line is None]
        self.leads = primary_by_pk(typed)
        self.rows: dict[int, list[dict]] = defaultdict(list)
        rows = run.rows.filter(imported_organization__in=self.leads, errors=[]).order_by("line")
        for pk, values in rows.values_list("imported_organization", "values"):
            self.rows[pk].append(values)
        promised = [promise_from_values(values) for rows in self.rows.values() for values in rows]
        self.known = Checklist.of(promised)
        self.organizations: dict[int, Organization] = {}  # by the typed one's primary key
        self.changes: list[tuple] = []
        self.created: list[CreatedRecord] = []
        self.counts: Counter = Counter()

    def note(self, record: Model, fingerprint: str, before: dict, after: dict) -> None:
        content_type = ContentType.objects.get_for_model(record)
        self.created.append(
            CreatedRecord(run=self.run, content_type=content_type, object_id=record.pk, fingerprint=fingerprint)
        )
        self.changes.append((record, before, after))

    def rows_of(self, lead: ImportedOrganization) -> list[dict]:
        """Its rows under all of its names."""
        return [row for pk, rows in self.rows.items() if self.leads[pk] == lead.pk for row in rows]


def primary_by_pk(typed: list[ImportedOrganization]) -> dict[int, int]:
    by_line: dict[int, int] = {}
    for one in sorted(typed, key=lambda one: one.line):
        by_line[one.line] = by_line.get(one.duplicate_of_line or 0, one.pk)
    return {one.pk: by_line[one.line] for one in typed}


def write_next(run: Import) -> None:
    """Write the next organizations of a locked import. After the last one it is done."""
    to_do = ImportedOrganization.objects.filter(run=run, is_written=False).order_by("pk")
    typed = list(to_do[:BATCH_SIZE])
    if typed:
        # Two names may be one organization: their promises make one pledge.
        same = to_do.filter(organization__in={one.organization_id for one in typed if one.organization_id})
        typed += same.exclude(pk__in=[one.pk for one in typed])
        typed += duplicates_in_file(
            typed, to_do.filter(duplicate_of_line__isnull=False).exclude(pk__in=[one.pk for one in typed])
        )
        write_organizations(run, typed)
    if run.steps_done >= run.steps or not typed:
        finish_import(run)


def duplicates_in_file(
    typed: list[ImportedOrganization], others: Iterable[ImportedOrganization]
) -> list[ImportedOrganization]:
    """Those of the others that are one of `typed` under another name, directly or through another one."""
    lines, found = {one.line for one in typed}, []
    for one in others:  # each names an earlier line
        if one.duplicate_of_line in lines:
            lines.add(one.line)
            found.append(one)
    return found


def finish_import(run: Import) -> None:
    run.rows.all().delete()
    run.organizations.all().delete()
    run.state, run.done_at = Import.State.DONE, Now()


def write_organizations(run: Import, typed: list[ImportedOrganization]) -> None:
    chunk = Chunk(run, typed)
    match_organizations(chunk)
    create_missing_organizations(chunk)
    chunk.organizations |= {pk: chunk.organizations[lead] for pk, lead in chunk.leads.items()}
    contacts = create_contacts(chunk)
    create_pledges(chunk, contacts)
    audit.log_changes(chunk.changes, reason=run.file_name[: audit.MAX_LENGTH_REASON])
    CreatedRecord.objects.bulk_create(chunk.created)
    ImportedOrganization.objects.filter(pk__in=[one.pk for one in typed]).update(is_written=True)
    run.steps_done += len(typed)
    for name, number in chunk.counts.items():
        run.counts[name] = run.counts.get(name, 0) + number


# Organizations ---------------------------------------------------------------------------------------------------


def match_organizations(chunk: Chunk) -> None:
    """Lock existing organizations. Someone may have created one with exactly this name since the check; one that is
    gone is created again."""
    same = [one.normalized_name for one in chunk.typed if one.organization_id is None]
    since = dict(
        Organization.objects.filter(normalized_name__in=same).order_by("-pk").values_list("normalized_name", "pk")
    )
    for one in chunk.typed:
        proposed = {organization for organization, *_why in one.existing_matches}
        if one.organization_id is None and since.get(one.normalized_name) not in {None, *proposed}:
            one.organization_id = since[one.normalized_name]
    wanted = {one.organization_id for one in chunk.typed if one.organization_id}
    there = profiles.lock_organizations(wanted)
    for one in chunk.typed:
        if one.organization_id in there:
            chunk.organizations[one.pk] = there[one.organization_id]
    chunk.counts["taken"] = len(chunk.organizations)


def create_missing_organizations(chunk: Chunk) -> None:
    new = [one for one in chunk.typed if one.pk not in chunk.organizations]
    made = {one.pk: Organization(**profile_from_rows(one.name, chunk.rows_of(one))) for one in new}
    profiles.insert_organizations(list(made.values()))
    for organization in made.values():
        before, after = {"name": ""}, {"name": organization.name}
        chunk.note(organization, fingerprints.organization_fingerprint(organization), before, after)
    chunk.organizations |= made
    chunk.counts["organizations"] = len(made)


def profile_from_rows(name: str, rows: list[dict]) -> dict:
    """The first row with a value counts. A phone number without an address is the organization's, not a contact's."""
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
    """Create contacts for new addresses. Return all by organization and lowercase address."""
    there = Contact.objects.filter(organization__in=chunk.organizations.values()).order_by("pk")
    contacts = {(one.organization_id or 0, one.email.lower()): one for one in there}
    with_main = {one.organization_id for one in contacts.values() if one.is_primary}
    new: dict[tuple[int, str], Contact] = {}
    for pk, rows in chunk.rows.items():
        organization = chunk.organizations[pk]
        for row in rows:
            key = (organization.pk, row["email"].lower())
            if row["email"] and key not in contacts and key not in new:
                new[key] = Contact(
                    organization=organization, is_primary=organization.pk not in with_main, **contact_from_row(row)
                )
                with_main.add(organization.pk)
    Contact.objects.bulk_create(new.values())
    for contact in new.values():
        before, after = {"name": "", "email": ""}, {"name": contact.name, "email": contact.email}
        chunk.note(contact, fingerprints.contact_fingerprint(contact), before, after)
    chunk.counts["contacts"] = len(new)
    return contacts | new


def contact_from_row(row: dict) -> dict:
    name = row["contact"] or row["signed_by"] or row["email"].partition("@")[0]
    return {"name": name, "email": row["email"], "phone": row["phone"]}


# Pledges ---------------------------------------------------------------------------------------------------------


def create_pledges(chunk: Chunk, contacts: dict[tuple[int, str], Contact]) -> None:
    """Create a signed pledge for each organization without one for this school year. Existing ones stay as they are."""
    there = set(
        Pledge.objects.filter(year=chunk.run.year, organization__in=chunk.organizations.values()).values_list(
            "organization", flat=True
        )
    )
    rows_of: dict[int, list[dict]] = defaultdict(list)
    for pk, rows in chunk.rows.items():
        organization = chunk.organizations[pk]
        if organization.pk in there:
            skip_organization(chunk, organization)
        else:
            rows_of[organization.pk] += without_repeated_types(chunk, organization, rows_of[organization.pk], rows)
    by_key = {one.pk: one for one in chunk.organizations.values()}
    new = [
        (pledge_from_rows(chunk, by_key[key], rows, contacts), [promise_from_values(row) for row in rows])
        for key, rows in rows_of.items()
    ]
    Pledge.objects.bulk_create(pledge for pledge, _promised in new)
    create_promises(new)
    Signature.objects.bulk_create(
        pledge_editing.build_signature(pledge, promised, chunk.known, number=1) for pledge, promised in new
    )
    for pledge, promised in new:
        after = pledge_editing.pledge_facts(pledge, promised, chunk.known)
        chunk.note(pledge, fingerprints.pledge_fingerprint(pledge, promised), {"language": pledge.language}, after)
    chunk.counts.update(pledges=len(new), promises=sum(len(promised) for _pledge, promised in new))


def without_repeated_types(
    chunk: Chunk, organization: Organization, before: list[dict], rows: list[dict]
) -> list[dict]:
    """If two names are one organization, the first promise of a type counts."""
    promise_types = {row["promise_type"] for row in before}
    if any(row["promise_type"] in promise_types for row in rows):
        skip_organization(chunk, organization)
    return [row for row in rows if row["promise_type"] not in promise_types]


def skip_organization(chunk: Chunk, organization: Organization) -> None:
    chunk.counts["left"] += 1
    named = chunk.run.counts.setdefault("left_names", [])
    if len(named) < MAX_NAMES:
        named.append(organization.name)


def pledge_from_rows(chunk: Chunk, organization: Organization, rows: list[dict], contacts: dict) -> Pledge:
    """A pledge signed by the person on the row with the latest date."""
    latest = max(rows, key=lambda row: row["signed_on"])
    signed_at = noon(latest["signed_on"] or chunk.run.year.opens_on.isoformat())
    answers = next((contacts[organization.pk, row["email"].lower()] for row in rows if row["email"]), None)
    return Pledge(
        organization=organization,
        year=chunk.run.year,
        contact=answers,
        language=answers.language if answers else "en",
        signed_by=latest["signed_by"],
        signed_at=min(signed_at, timezone.now()),
        created_at=min(signed_at, timezone.now()),
    )


def noon(day: str) -> datetime:
    """Noon on the district's clocks, so that it is the same day wherever it is read."""
    return timezone.make_aware(datetime.combine(date.fromisoformat(day), time(12)))


def create_promises(pairs: list[tuple[Pledge, list[PromiseData]]]) -> None:
    rows, where = [], []
    for pledge, promised in pairs:
        for one in promised:
            lists = {"grades": list(one.grades), "months": list(one.months)}
            rows.append(
                Promise(pledge=pledge, promise_type_id=one.promise_type, quantity=one.quantity, note=one.note, **lists)
            )
            where.append(one.schools)
    Promise.objects.bulk_create(rows)
    through = Promise.schools.through
    through.objects.bulk_create(
        through(promise_id=row.pk, school_id=school)
        for row, schools in zip(rows, where, strict=True)
        for school in schools
    )
