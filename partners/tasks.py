"""Celery tasks."""

from celery import shared_task

from imagine.mail import dispatch
from partners.imports import workflow as import_workflow
from partners.models import PledgeRequest
from partners.organizations import duplicates
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years


@shared_task
def answer_pledge_request(pk: int) -> None:
    pledge_signup.answer_request_once(pk)


@shared_task
def answer_pledge_requests() -> None:
    """Answer remaining requests, each in its own task, so that a failing request doesn't block the others."""
    unanswered = PledgeRequest.objects.filter(answered_at__isnull=True)
    for pk in unanswered.order_by("pk").values_list("pk", flat=True)[:500]:
        dispatch.send_task("partners.tasks.answer_pledge_request", pk)


@shared_task
def remind_drafts() -> None:
    pledge_years.remind_unchanged_drafts()


@shared_task
def scan_for_duplicates() -> None:
    duplicates.scan_organizations()


@shared_task
def run_import(pk: int) -> None:
    import_workflow.run_steps(int(pk))


@shared_task
def resume_imports() -> None:
    import_workflow.resume_abandoned_imports()
