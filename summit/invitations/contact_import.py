"""Import a spreadsheet of people into an audience, checked as a whole first (docs/rules.md).

A worker reads the file and stores what it found; then staff review it, and its people are added. Existing contacts are
recognized by address alone. Other people become contacts of their organization, or without one.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower, Now
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.core.deletion import check_deletable
from imagine.core.errors import RuleViolation
from imagine.core.spreadsheets.errors import Unreadable
from imagine.core.spreadsheets.reader import is_quick, read_all_text
from imagine.mail import dispatch
from partners.imports import cell_parsers
from partners.imports.learned_words import learn_headings, learned_headings
from partners.models import Contact, LearnedWord, Organization, normalize_name
from partners.organizations import contacts, profiles
from summit.invitations import contact_list_reading
from summit.invitations.contact_list_reading import CheckedList, ContactRow, ListOptions
from summit.models import Audience, ContactListUpload, UploadedPerson
from summit.models.invitations import MAX_LENGTH_FILE_NAME

logger = logging.getLogger(__name__)

KEEP_UPLOADS = timedelta(days=1)
QUICK_NUMBER = 500  # people; more are added by a worker
BATCH_SIZE = 2000
MAX_ATTEMPTS = 3
ABANDONED_AFTER = timedelta(seconds=60)
TASK = "summit.tasks.work_on_contact_list"
State, Status = ContactListUpload.State, UploadedPerson.Status


class ContactImportRefused(RuleViolation):
    """No one was imported. The message tells staff why."""


# Add ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_to_audience(audience: Audience, checked: CheckedList) -> int:
    """Add the people of a checked file to an audience. Return how many uploaded contacts it has now.

    People who aren't contacts become contacts of the organization with the same normalized name, which is created if
    needed. Safe to repeat.
    """
    rows = {row.address: row for row in checked.accepted}
    contacts_found = contacts_by_address(rows)
    missing = [row for address, row in rows.items() if address not in contacts_found]
    if missing:
        organizations = organizations_by_name({row.organization for row in missing if row.organization})
        contacts.add_contacts(new_contact(row, organizations) for row in missing)
        contacts_found = contacts_by_address(rows)
    contacts.keep_contacts({pk for candidates in contacts_found.values() for pk, _organization in candidates})
    contacts_found = contacts_by_address(rows)  # again, because a merge may have come first
    names = normalized_names({row.organization for row in rows.values() if row.organization})
    people = {
        contact_in_organization(contacts_found[address], names.get(row.organization, ""))
        for address, row in rows.items()
        if address in contacts_found
    }
    audience.uploaded_contacts.add(*people)
    return audience.uploaded_contacts.count()


def contacts_by_address(addresses: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """Return the contacts with these lowercase addresses: primary keys and normalized names of their organizations, in
    the order in which an audience would choose them."""
    found = Contact.objects.alias(address=Lower("email")).filter(address__in=list(addresses))
    rows = found.order_by("-is_primary", "pk").values_list("email", "pk", "organization__normalized_name")
    by_address: dict[str, list[tuple[int, str]]] = {}
    for email, pk, organization in rows:
        by_address.setdefault(email.lower(), []).append((pk, organization or ""))
    return by_address


def contact_in_organization(candidates: list[tuple[int, str]], organization: str) -> int:
    """Return the contact of an address in the organization named in the file, or the first contact."""
    return next((pk for pk, name in candidates if organization and name == organization), candidates[0][0])


def new_contact(row: ContactRow, organizations: dict[str, int]) -> Contact:
    """Someone without a name in the file is named after the organization, or after the address before its @."""
    return Contact(
        organization_id=organizations.get(row.organization),
        name=row.name or row.organization[: cell_parsers.max_length(Contact, "name")] or row.email.partition("@")[0],
        email=row.email,
        language=row.language or settings.LANGUAGE_CODE,
    )


def organizations_by_name(names: set[str]) -> dict[str, int]:
    """Return the primary key of the organization with each name, creating missing organizations."""
    plain_names = normalized_names(names)
    rows = Organization.objects.filter(normalized_name__in=set(plain_names.values())).order_by("-pk")
    existing = dict(rows.values_list("normalized_name", "pk"))  # the oldest, if several have the name
    profiles.lock_organizations(existing.values())  # before new ones are made, as imports do
    new = {plain_names[name]: name for name in sorted(names, reverse=True) if plain_names[name] not in existing}
    created = profiles.create_organizations(sorted(new.values()))
    existing |= {plain_names[organization.name]: organization.pk for organization in created}
    return {name: existing[plain_names[name]] for name in names}


def normalized_names(names: set[str]) -> dict[str, str]:
    """Return each name as the database normalizes it, by name.

    Raw, because the ORM can't select from a list of values: with an expression for each name, 20,000 took 20 seconds.
    """
    compiler = Organization.objects.all().query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(normalize_name(RawSQL("name", ())))
    select = f"SELECT name, {sql} FROM unnest(%s::text[]) AS name"  # noqa: S608  # nosec B608  # ours
    with connection.cursor() as cursor:
        cursor.execute(select, [*parameters, list(names)])
        return dict(cursor.fetchall())


# Uploads that staff review first ---------------------------------------------------------------------------------


def store_upload(audience: Audience, file: bytes, name: str, *, language: str = "en") -> None:
    """Store an uploaded list and have it read. A second upload replaces the first. Raise DeletionRefused."""
    with transaction.atomic():
        check_deletable(*ContactListUpload.objects.select_for_update().filter(pk=audience.pk))
        ContactListUpload.objects.filter(pk=audience.pk).delete()
        ContactListUpload.objects.create(
            audience=audience, file=file, file_name=name[-MAX_LENGTH_FILE_NAME:], language=language
        )
    start_list_work(audience.pk, at_once=is_quick(file))


def read_again(
    audience: Audience, *, seen: str, fields: Mapping[str, str], sheet: str = "", with_hidden: bool = False
) -> None:
    """Read the stored list again, with another sheet or other columns: `fields` by heading, which we remember for the
    next list. Raise ContactImportRefused if the list was changed since."""
    with transaction.atomic():
        upload = lock_upload(audience, seen)
        if upload is None or upload.is_in_progress:
            raise ContactImportRefused(_("This list was already added or discarded. Nothing has changed."))
        learn_headings(LearnedWord.Kind.CONTACTS_HEADING, fields)
        upload.state, upload.attempts = State.READING, 0
        upload.options = {"sheet": sheet, "with_hidden": with_hidden}
        upload.save(update_fields=["state", "options", "attempts"])
    start_list_work(audience.pk, at_once=is_quick(bytes(upload.file)))


def import_upload(audience: Audience, *, seen: str, skip_rejected: bool) -> int:
    """Import the stored list into its audience and delete it, here or in a worker. Return the number of people.

    `seen` is the mark of the list that staff reviewed. Raise ContactImportRefused if the list has changed since, or has
    rejected rows and staff didn't choose to skip them.
    """
    with transaction.atomic():
        upload = lock_upload(audience, seen)
        if upload is None or upload.state != State.CHECKED:
            raise ContactImportRefused(_("This list was already added or discarded. Nothing has changed."))
        if not skip_rejected and upload.people.filter(status=Status.ERROR).exists():
            raise ContactImportRefused(
                _("Check the box to skip the rows with errors, or correct the file and upload it again.")
            )
        number = upload.people.filter(status__in=UploadedPerson.ACCEPTED).count()
        if not number:
            raise ContactImportRefused(_("No one in this list can be added."))
        if number <= QUICK_NUMBER:
            return add_people(upload)
        upload.state, upload.attempts = State.ADDING, 0
        upload.save(update_fields=["state", "attempts"])
    start_list_work(audience.pk, at_once=False)
    return number


@transaction.atomic
def discard_upload(audience: Audience, *, seen: str) -> None:
    """Delete the stored list of an audience. Safe to repeat. Raise ContactImportRefused if it isn't the list with the
    mark `seen`, and DeletionRefused."""
    if upload := lock_upload(audience, seen):
        check_deletable(upload)
        upload.delete()


def lock_upload(audience: Audience, seen: str) -> ContactListUpload | None:
    upload = ContactListUpload.objects.select_for_update().filter(pk=audience.pk).first()
    if upload and seen != upload.mark:
        raise ContactImportRefused(
            _("Someone else uploaded another list in the meantime. Nothing has changed. Review this list first.")
        )
    return upload


def discard_stale_uploads(held: Collection[str] = ()) -> int:
    """Delete lists that staff did nothing with for a day, unless they name people on hold. Return how many."""
    stale = ContactListUpload.objects.filter(uploaded_at__lt=Now() - KEEP_UPLOADS)
    if held:
        stale = stale.exclude(pk__in=[upload.pk for upload in stale if names_anyone(upload, held)])
    number = stale.count()
    stale.delete()
    return number


def names_anyone(upload: ContactListUpload, emails: Collection[str]) -> bool:
    """Whether one of these addresses, in lower case, is in a cell of the file, hidden or not. A file that can't be read
    may name them."""
    try:
        text = "\n".join(read_all_text(bytes(upload.file))).lower()
    except Unreadable:
        return True
    return any(email in text for email in emails)


# Work on uploads -------------------------------------------------------------------------------------------------


def start_list_work(pk: int, *, at_once: bool) -> None:
    """Work on a small list here, on a large one in a task. If it fails here, a worker tries again."""
    if not at_once:
        transaction.on_commit(lambda: dispatch.send_task(TASK, pk), robust=True)
        return
    try:
        work_on_upload(pk)
    except Exception:  # staff see that it is being read, and a worker tries again
        logger.exception("contact list")


def work_on_upload(pk: int) -> None:
    """Read a list, or add its people."""
    if not claim_work(pk):
        return
    with transaction.atomic():
        waiting = ContactListUpload.objects.filter(pk=pk, state__in=ContactListUpload.IN_PROGRESS)
        upload = waiting.select_for_update(skip_locked=True).first()
        if upload is None:
            return
        with translation.override(upload.language):
            if upload.state == State.READING:
                read_upload(upload)
            else:
                add_people(upload)


@transaction.atomic
def claim_work(pk: int) -> bool:
    """Count an attempt in a transaction of its own, so that it counts even if it kills its worker."""
    waiting = ContactListUpload.objects.filter(
        pk=pk, state__in=ContactListUpload.IN_PROGRESS, attempts__lt=MAX_ATTEMPTS
    )
    if not waiting.select_for_update(skip_locked=True).values_list("pk"):
        return False
    ContactListUpload.objects.filter(pk=pk).update(attempts=F("attempts") + 1, last_step_at=Now())
    return True


def read_upload(upload: ContactListUpload) -> None:
    """Read and check a locked list, and store what was found."""
    UploadedPerson.objects.filter(upload=upload).delete()
    options = ListOptions(**upload.options, fields=learned_headings(LearnedWord.Kind.CONTACTS_HEADING))
    try:
        checked = contact_list_reading.check_contact_list(bytes(upload.file), upload.file_name, options)
    except Unreadable as error:
        upload.state, upload.rejection_reason = State.REJECTED, str(error)
        upload.format = getattr(error, "description", {})
    else:
        upload.state, upload.rejection_reason, upload.format = State.CHECKED, "", checked.format
        UploadedPerson.objects.bulk_create(uploaded_people(upload, checked), batch_size=BATCH_SIZE)
    upload.save(update_fields=["state", "rejection_reason", "format"])


def uploaded_people(upload: ContactListUpload, checked: CheckedList) -> Iterable[UploadedPerson]:
    accepted = ((Status.EXISTING, checked.existing), (Status.NEW, checked.new), (Status.OPTED_OUT, checked.opted_out))
    for status, rows in accepted:
        for row in rows:
            yield UploadedPerson(upload=upload, status=status, **row._asdict())
    skipped = (
        (Status.ERROR, checked.rejected),
        (Status.REPEATED, checked.repeated),
        (Status.DECLINED, checked.declined),
    )
    for skipped_status, skipped_rows in skipped:
        for line, what, why in skipped_rows:
            yield UploadedPerson(upload=upload, status=skipped_status, line=line, email=what, reason=why)


def add_people(upload: ContactListUpload) -> int:
    """Add the people of a locked list, except those who unsubscribed since it was read, and delete the list."""
    people = upload.people.filter(status__in=UploadedPerson.ACCEPTED).order_by("line", "pk")
    rows = [ContactRow(*row) for row in people.values_list("line", "email", "name", "organization", "language")]
    checked = CheckedList(upload.file_name)
    contact_list_reading.classify_rows(checked, {row.address: row for row in rows})
    if checked.accepted:
        add_to_audience(upload.audience, checked)
    upload.delete()
    return len(checked.accepted)


def resume_abandoned_uploads() -> None:
    """Wake workers for lists whose worker died, and give up those that can't be read."""
    abandoned = ContactListUpload.objects.filter(
        state__in=ContactListUpload.IN_PROGRESS, last_step_at__lt=Now() - ABANDONED_AFTER
    )
    abandoned.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=State.REJECTED,
        rejection_reason=_(
            "We tried several times and couldn’t read this file. Save it again as CSV or .xlsx, then upload it."
        ),
    )
    for pk in abandoned.filter(attempts__lt=MAX_ATTEMPTS).order_by("pk").values_list("pk", flat=True):
        dispatch.send_task(TASK, pk)
