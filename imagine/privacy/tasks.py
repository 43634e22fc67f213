"""Celery tasks."""

from celery import shared_task

from imagine.mail import dispatch
from imagine.privacy import erasing, retention


@shared_task
def erase_again() -> None:
    """Erase people again who came back with a restored backup, and finish interrupted erasures."""
    erasing.finish_erasures()


@shared_task
def carry_out_retention(period: str) -> None:
    """Carry out the retention rules of a period. If that takes long, another task continues."""
    if not retention.carry_out(period):
        dispatch.send_task("imagine.privacy.tasks.carry_out_retention", period)
