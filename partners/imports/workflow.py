"""The states of an import, what staff can do in each of them, and the work in steps."""

import logging
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Now
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.deletion import check_deletable
from imagine.core.errors import RuleViolation
from imagine.core.models import AuditEntry
from imagine.core.spreadsheets.reader import is_quick
from imagine.mail import dispatch
from partners.imports import undo, validation, writing
from partners.imports.learned_words import learn_headings
from partners.models import Import, ImportedOrganization, ImportRow, LearnedWord, PledgeYear
from partners.organizations import profiles

logger = logging.getLogger(__name__)

SMALL_BATCH = 200  # organizations; fewer are written or undone in the request
TASK_SECONDS = 10  # after which a task lets another one continue, so that emails don't wait for it
ABANDONED_AFTER = timedelta(seconds=60)
MAX_ATTEMPTS = 4  # per step
CHECKED_LIFETIME = timedelta(days=14)
FILE_NAME_LIFETIME = timedelta(days=183)
REMOVED_FILE_NAME = "–"

State = Import.State
STEPS = {State.READING: validation.check_file, State.WRITING: writing.write_next, State.UNDOING: undo.undo_next}


class ImportRefused(RuleViolation):
    """The import isn't in the right state, or not the last one."""


class OrganizationChoice(NamedTuple):
    """The organization that staff chose for an imported one: an existing one, one on an earlier line, or a new one."""

    organization: int | None = None
    line: int | None = None


# Actions of staff ------------------------------------------------------------------------------------------------


def start_import(content: bytes, *, file_name: str, year: PledgeYear, by: str, language: str) -> Import:
    """Store a file and start reading it. Error messages are in `language`; `by` is a username."""
    run = Import.objects.create(file=content, file_name=file_name[-200:], year=year, created_by=by, language=language)
    start_work(run.pk, at_once=is_quick(content))
    return Import.objects.get(pk=run.pk)


@transaction.atomic
def answer_questions(run: Import, answers: dict[int, OrganizationChoice]) -> None:
    """Store the staff's choices by the imported organization's primary key. Only proposed ones count."""
    run = lock_import(run, State.CHECKED)
    answered = []
    for imported in ImportedOrganization.objects.filter(run=run, pk__in=answers):
        choice = answers[imported.pk]
        if choice in proposed_choices(imported):
            imported.organization_id, imported.duplicate_of_line = choice
            imported.is_new = choice == OrganizationChoice()
            answered.append(imported)
    profiles.lock_organizations({each.organization_id for each in answered if each.organization_id})
    ImportedOrganization.objects.bulk_update(answered, ["organization", "duplicate_of_line", "is_new"])


def proposed_choices(imported: ImportedOrganization) -> set[OrganizationChoice]:
    existing = {OrganizationChoice(organization=pk) for pk, *_why in imported.existing_matches}
    in_file = {OrganizationChoice(line=line) for line, *_why in imported.matches_in_file}
    return {OrganizationChoice(), *existing, *in_file}


def confirm_import(run: Import, *, skip_errors: bool = False) -> None:
    """Start writing a checked import. Raise ImportRefused if it has rows with errors, unless they are to be skipped."""
    with transaction.atomic():
        run = lock_import_and_rivals(run, State.CHECKED)
        if Import.objects.filter(state__in=[State.WRITING, State.UNDOING]).exists():
            raise ImportRefused(_("Another import is running. Wait until it’s finished, then try again."))
        steps = run.organizations.count()
        if not steps:
            raise ImportRefused(
                _("There’s nothing to import, because every row has an error. Fix the file and upload it again.")
            )
        if run.error_count and not skip_errors:
            raise ImportRefused(
                _("Some rows have errors. Fix them in the file and upload it again, or check the box to skip them.")
            )
        run.state, run.steps, run.steps_done, run.file = State.WRITING, steps, 0, None
        run.save(update_fields=["state", "steps", "steps_done", "file"])
    start_work(run.pk, at_once=steps <= SMALL_BATCH)


@transaction.atomic
def discard_import(run: Import) -> None:
    """Discard a checked import and its rows. Raise ImportRefused or DeletionRefused."""
    run = lock_import(run, State.CHECKED)
    check_deletable(run)
    discard_rows(run)


def read_import_again(run: Import, *, fields: Mapping[str, str], sheet: str = "", with_hidden: bool = False) -> None:
    """Read the file again, with another sheet or other columns: `fields` by heading, which we remember for the next
    file. Raise ImportRefused."""
    with transaction.atomic():
        run = lock_import(run, State.CHECKED, State.REJECTED)
        if run.file is None:
            raise ImportRefused(_("This file is no longer stored. Upload it again."))
        learn_headings(LearnedWord.Kind.PROMISES_HEADING, fields)
        ImportRow.objects.filter(run=run).delete()
        ImportedOrganization.objects.filter(run=run).delete()
        run.options = {"name": sheet, "with_hidden": with_hidden}
        run.state, run.attempts, run.row_count, run.error_count, run.rejection_reason = State.READING, 0, 0, 0, ""
        run.save(update_fields=["options", "state", "attempts", "row_count", "error_count", "rejection_reason"])
    start_work(run.pk, at_once=is_quick(bytes(run.file)))


def undo_import(run: Import) -> None:
    """Start undoing the last import. Raise ImportRefused for an earlier one."""
    with transaction.atomic():
        run = lock_import_and_rivals(run, State.DONE)
        if Import.objects.last_written() != run:
            raise ImportRefused(_("You can only undo the most recent import."))
        if Import.objects.filter(state=State.WRITING).exists():
            raise ImportRefused(_("Another import is running. Wait until it’s finished, then try again."))
        run.state, run.steps, run.steps_done, run.not_undone = State.UNDOING, run.created_records.count(), 0, []
        run.save(update_fields=["state", "steps", "steps_done", "not_undone"])
    start_work(run.pk, at_once=run.steps <= 3 * SMALL_BATCH)


def retry_import(run: Import) -> None:
    """Retry an import that stopped because of an error."""
    Import.objects.in_progress().filter(pk=run.pk).update(attempts=0)
    start_work(run.pk, at_once=False)


def lock_import_and_rivals(run: Import, state: str) -> Import:
    """Lock an import and those that could run beside it, because two at once would both create an organization that is
    new to both. Raise ImportRefused unless it is in `state`."""
    rivals = Q(state__in=[State.CHECKED, State.WRITING, State.UNDOING])
    list(Import.objects.select_for_update().filter(rivals | Q(pk=run.pk)).order_by("pk").values_list("pk"))
    return lock_import(run, state)


def lock_import(run: Import, *states: str) -> Import:
    """Lock an import. Raise ImportRefused unless it is in one of these states."""
    run = Import.objects.select_for_update().get(pk=run.pk)
    if run.state not in states:
        message = _("This import’s status changed to “%(state)s” in the meantime. Nothing was done.")
        raise ImportRefused(message % {"state": run.get_state_display()})
    return run


def discard_rows(run: Import) -> None:
    ImportRow.objects.filter(run=run).delete()
    ImportedOrganization.objects.filter(run=run).delete()
    run.state, run.file = State.DISCARDED, None
    run.save(update_fields=["state", "file"])


# Work in steps ---------------------------------------------------------------------------------------------------


def start_work(pk: int, *, at_once: bool) -> None:
    """Run a small import here, a large one in a task. If it fails here, a worker tries again."""
    if not at_once:
        transaction.on_commit(lambda: dispatch.send_task("partners.tasks.run_import", pk), robust=True)
        return
    try:
        run_steps(pk)
    except Exception:  # staff see that it stopped, and a worker tries again
        logger.exception("import")


def run_steps(pk: int) -> None:
    """Run steps until there are none left, or until TASK_SECONDS are over and another task continues."""
    stop_at = time.monotonic() + TASK_SECONDS
    while claim_step(pk) and run_step(pk):
        if time.monotonic() > stop_at:
            dispatch.send_task("partners.tasks.run_import", pk)
            return


@transaction.atomic
def claim_step(pk: int) -> bool:
    """Count an attempt in a transaction of its own, so that it counts even if the step kills its worker."""
    runs = Import.objects.in_progress().select_for_update(skip_locked=True).filter(pk=pk, attempts__lt=MAX_ATTEMPTS)
    if not runs.values_list("pk"):
        return False
    Import.objects.filter(pk=pk).update(attempts=F("attempts") + 1, last_step_at=Now())
    return True


@transaction.atomic
def run_step(pk: int) -> bool:
    """Run one step, all or nothing. Return whether there is another one."""
    run = Import.objects.in_progress().select_for_update(skip_locked=True).select_related("year").filter(pk=pk).first()
    if run is None:
        return False
    with audit.as_actor(audit.Actor(AuditEntry.ActorKind.STAFF, run.created_by)), translation.override(run.language):
        STEPS[run.state](run)
    run.attempts, run.last_step_at = 0, Now()
    run.save()
    return run.is_in_progress


def resume_abandoned_imports() -> None:
    """Wake workers for abandoned imports, and give up files that can't be read."""
    Import.objects.filter(
        state=State.READING, attempts__gte=MAX_ATTEMPTS, last_step_at__lt=Now() - ABANDONED_AFTER
    ).update(
        state=State.REJECTED,
        rejection_reason=_(
            "We tried several times and couldn’t read this file. Save it again as CSV or .xlsx, then upload it."
        ),
        file=None,
    )
    abandoned = Import.objects.in_progress().filter(last_step_at__lt=Now() - ABANDONED_AFTER, attempts__lt=MAX_ATTEMPTS)
    for pk in abandoned.order_by("pk").values_list("pk", flat=True):
        dispatch.send_task("partners.tasks.run_import", pk)


def discard_stale_imports(held: Collection[str] = ()) -> int:
    """Discard imports that were checked and never confirmed, unless they name people on hold. Return how many."""
    stale = Import.objects.filter(state=State.CHECKED, created_at__lt=Now() - CHECKED_LIFETIME)
    naming_held = ImportRow.objects.alias(address=Lower(KT("values__email"))).filter(address__in=held)
    discarded = 0
    for run in stale.exclude(pk__in=naming_held.values("run")):
        with transaction.atomic():
            if still := Import.objects.select_for_update().filter(pk=run.pk, state=State.CHECKED).first():
                discard_rows(still)
                discarded += 1
    Import.objects.filter(state=State.REJECTED, created_at__lt=Now() - CHECKED_LIFETIME).update(file=None)
    return discarded


@transaction.atomic
def remove_file_names() -> int:
    """Remove the names of files imported long ago, which often contain people's names, also from the history of what
    they changed. Return how many."""
    old = Import.objects.filter(created_at__lt=Now() - FILE_NAME_LIFETIME).exclude(file_name=REMOVED_FILE_NAME)
    runs = list(old.exclude(state__in=Import.IN_PROGRESS).select_for_update().order_by("pk"))
    reasons = [run.file_name[: audit.MAX_LENGTH_REASON] for run in runs]
    AuditEntry.objects.filter(reason__in=reasons, content_type__app_label="partners").update(reason="")
    return Import.objects.filter(pk__in=[run.pk for run in runs]).update(file_name=REMOVED_FILE_NAME, not_undone=[])
