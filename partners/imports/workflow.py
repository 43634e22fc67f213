"""An import from its file to its end: who may do what to it, and its work in steps."""

import logging
import time
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.models import AuditEntry
from imagine.mail import dispatch
from partners.imports import rollback, validation, writing
from partners.models import Import, ImportedOrganization, ImportRow, PledgeYear

logger = logging.getLogger(__name__)

SMALL_FILE_SIZES = {"csv": 100_000, "xlsx": 20_000}  # bytes: such a one is read at once, while staff wait
SMALL_BATCH = 200  # organizations: so many are written or undone at once
TASK_SECONDS = 10  # that a task works before it hands on to the next one, so that mail is not held up
ABANDONED_AFTER = timedelta(seconds=60)  # after that a worker is taken for dead
MAX_ATTEMPTS = 4  # of one step
CHECKED_LIFETIME = timedelta(days=14)

State = Import.State
STEPS = {State.READING: validation.check_file, State.WRITING: writing.write_next, State.UNDOING: rollback.undo_next}


class ImportRefused(RuleViolation):
    """It is not done. Its text is a sentence for staff."""


class OrganizationChoice(NamedTuple):
    """Which organization a typed one is: one that is there, by its primary key; one that stands earlier in the file, by
    its line; or, with neither, a new one."""

    organization: int | None = None
    line: int | None = None


# What staff do ---------------------------------------------------------------------------------------------------


def start_import(content: bytes, *, file_name: str, year: PledgeYear, by: str, language: str) -> Import:
    """Takes a file in and has it read and checked. `by` is a user name; what is wrong is told in `language`."""
    run = Import.objects.create(file=content, file_name=file_name[-200:], year=year, created_by=by, language=language)
    kind = "xlsx" if content.startswith(b"PK") else "csv"
    start_work(run.pk, at_once=len(content) <= SMALL_FILE_SIZES[kind])
    return Import.objects.get(pk=run.pk)


@transaction.atomic
def answer_questions(run: Import, answers: dict[int, OrganizationChoice]) -> None:
    """Staff say which organizations are which, by the primary key of a typed one. Only what was proposed can be
    chosen."""
    run = lock_import(run, State.CHECKED)
    for typed in ImportedOrganization.objects.filter(run=run, pk__in=answers):
        which = answers[typed.pk]
        proposed = {OrganizationChoice()} | {
            OrganizationChoice(organization=pk) for pk, *_why in typed.existing_matches
        }
        if which in proposed | {OrganizationChoice(line=line) for line, *_why in typed.matches_in_file}:
            typed.organization_id, typed.duplicate_of_line, typed.is_new = (
                which.organization,
                which.line,
                which == OrganizationChoice(),
            )
            typed.save(update_fields=["organization", "duplicate_of_line", "is_new"])


def confirm_import(run: Import, *, leaves_bad: bool = False) -> None:
    """Staff have looked at a checked import: it is written. Bad rows are left out only when they say so."""
    with transaction.atomic():
        # Two at once would each make the organizations that are new to both.
        list(Import.objects.select_for_update().filter(state__in=[State.CHECKED, State.WRITING, State.UNDOING]))
        run = lock_import(run, State.CHECKED)
        if Import.objects.filter(state__in=[State.WRITING, State.UNDOING]).exists():
            raise ImportRefused(_("Another import is at work. Wait until it is done."))
        steps = run.organizations.count()
        if not steps:
            raise ImportRefused(_("There is no row that can be written."))
        if run.error_count and not leaves_bad:
            raise ImportRefused(_("There are bad rows. Correct the file, or say that they are left out."))
        run.state, run.steps, run.steps_done = State.WRITING, steps, 0
        run.save(update_fields=["state", "steps", "steps_done"])
    start_work(run.pk, at_once=steps <= SMALL_BATCH)


@transaction.atomic
def discard_import(run: Import) -> None:
    """A checked import that is not wanted after all: nothing of it was written. Its rows go."""
    discard_rows(lock_import(run, State.CHECKED))


def undo_import(run: Import) -> None:
    """Takes back what the last import made, as far as nobody changed it since. Raises Refused for an earlier one."""
    with transaction.atomic():
        list(Import.objects.select_for_update().filter(state__in=[State.CHECKED, State.WRITING, State.UNDOING]))
        run = lock_import(run, State.DONE)
        if Import.objects.last_written() != run:
            raise ImportRefused(_("Only the last import can be undone."))
        if Import.objects.filter(state=State.WRITING).exists():
            raise ImportRefused(_("Another import is at work. Wait until it is done."))
        run.state, run.steps, run.steps_done, run.not_undone = State.UNDOING, run.created_records.count(), 0, []
        run.save(update_fields=["state", "steps", "steps_done", "not_undone"])
    start_work(run.pk, at_once=run.steps <= 3 * SMALL_BATCH)


def retry_import(run: Import) -> None:
    """One that stopped because of an error tries once more."""
    Import.objects.in_progress().filter(pk=run.pk).update(attempts=0)
    start_work(run.pk, at_once=False)


def lock_import(run: Import, state: str) -> Import:
    """The import as it stands, if it still is in the state that was shown."""
    now = Import.objects.select_for_update().get(pk=run.pk)
    if now.state != state:
        said = _("This import is not as you saw it any more: %(state)s. Nothing was done.")
        raise ImportRefused(said % {"state": now.get_state_display()})
    return now


def discard_rows(run: Import) -> None:
    """Takes away a locked import's rows and says that it was dropped."""
    ImportRow.objects.filter(run=run).delete()
    ImportedOrganization.objects.filter(run=run).delete()
    run.state = State.DISCARDED
    run.save(update_fields=["state"])


# Its work --------------------------------------------------------------------------------------------------------


def start_work(pk: int, *, at_once: bool) -> None:
    """Has a worker take it up, or does a small one's work here. One that fails is tried again by the next worker."""
    if not at_once:
        transaction.on_commit(lambda: dispatch.send_task("partners.tasks.work_on_import", pk), robust=True)
        return
    try:
        run_steps(pk)
    except Exception:  # whatever it is: staff see that it stopped, and a worker tries it again
        logger.exception("import")


def run_steps(pk: int) -> None:
    """Works on an import until there is nothing to do or its time is up; then the next task goes on."""
    stop_at = time.monotonic() + TASK_SECONDS
    while claim_step(pk) and run_step(pk):
        if time.monotonic() > stop_at:
            dispatch.send_task("partners.tasks.work_on_import", pk)
            return


@transaction.atomic
def claim_step(pk: int) -> bool:
    """Counts a try, in a transaction that stays when the try fails. Not while another worker is at it, and not for
    ever: a file that kills its reader does so again."""
    runs = Import.objects.in_progress().select_for_update(skip_locked=True).filter(pk=pk, attempts__lt=MAX_ATTEMPTS)
    if not runs.values_list("pk"):
        return False
    Import.objects.filter(pk=pk).update(attempts=F("attempts") + 1, last_step_at=timezone.now())
    return True


@transaction.atomic
def run_step(pk: int) -> bool:
    """One step, whole or not at all. Says whether there is another one."""
    run = Import.objects.in_progress().select_for_update(skip_locked=True).select_related("year").filter(pk=pk).first()
    if run is None:
        return False
    with audit.as_actor(audit.Actor(AuditEntry.ActorKind.STAFF, run.created_by)), translation.override(run.language):
        STEPS[run.state](run)
    run.attempts, run.last_step_at = 0, timezone.now()
    run.save()
    return run.is_in_progress


def resume_imports() -> None:
    """Rings again for what a worker left alone, and gives up a file that cannot be read."""
    Import.objects.filter(
        state=State.READING, attempts__gte=MAX_ATTEMPTS, last_step_at__lt=timezone.now() - ABANDONED_AFTER
    ).update(state=State.REJECTED, rejection_reason=_("Reading it failed again and again."), file=None)
    left = Import.objects.in_progress().filter(
        last_step_at__lt=timezone.now() - ABANDONED_AFTER, attempts__lt=MAX_ATTEMPTS
    )
    for pk in left.order_by("pk").values_list("pk", flat=True):
        dispatch.send_task("partners.tasks.work_on_import", pk)


def discard_stale_imports() -> None:
    """Drops what was checked and never confirmed."""
    for run in Import.objects.filter(state=State.CHECKED, created_at__lt=timezone.now() - CHECKED_LIFETIME):
        with transaction.atomic():
            if still := Import.objects.select_for_update().filter(pk=run.pk, state=State.CHECKED).first():
                discard_rows(still)
