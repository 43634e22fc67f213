"""Celery's tasks of the summit."""

from celery import shared_task

from summit import links
from summit.models import LinkRequest


@shared_task
def answer_link_request(pk: int) -> None:
    links.answer(pk)


@shared_task
def answer_link_requests() -> None:
    """Answers what was left behind while no worker was there."""
    for pk in LinkRequest.objects.order_by("pk").values_list("pk", flat=True)[:500]:
        links.answer(pk)
