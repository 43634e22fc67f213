"""Celery's tasks of the summit."""

from celery import shared_task

from imagine import bell
from summit import links, matching
from summit.models import LinkRequest


@shared_task
def answer_link_request(pk: int) -> None:
    links.answer(pk)


@shared_task
def answer_link_requests() -> None:
    """Has what was left behind answered, each request by a task of its own: one that fails holds nobody up."""
    for pk in LinkRequest.objects.order_by("pk").values_list("pk", flat=True)[:500]:
        bell.ring("summit.tasks.answer_link_request", pk)


@shared_task
def match_partners() -> None:
    matching.match_known()
