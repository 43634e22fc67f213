"""Celery's tasks of the partners."""

from celery import shared_task

from imagine import bell
from partners import imports, pledges, twins
from partners.models import PledgeStart


@shared_task
def answer_start(pk: int) -> None:
    pledges.answer(pk)


@shared_task
def answer_starts() -> None:
    """Has what was left behind answered, each by a task of its own: one that fails holds nobody up."""
    unanswered = PledgeStart.objects.filter(answered_at__isnull=True)
    for pk in unanswered.order_by("pk").values_list("pk", flat=True)[:500]:
        bell.ring("partners.tasks.answer_start", pk)


@shared_task
def remind_drafts() -> None:
    pledges.remind_drafts()


@shared_task
def tidy_starts() -> None:
    pledges.tidy_starts()


@shared_task
def find_twins() -> None:
    twins.search()


@shared_task
def work_on_import(pk: int) -> None:
    imports.work(int(pk))


@shared_task
def resume_imports() -> None:
    imports.resume()


@shared_task
def tidy_imports() -> None:
    imports.tidy()
