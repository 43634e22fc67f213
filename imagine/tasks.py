"""Celery's tasks: each takes an id, or nothing, and calls one function. Running one twice does no harm."""

from celery import shared_task

from imagine import bulk, limits, mail


@shared_task
def deliver() -> None:
    mail.deliver()


@shared_task
def deliver_bulk() -> None:
    bulk.deliver()


@shared_task
def sweep() -> None:
    bulk.sweep()
    mail.sweep()


@shared_task
def beat_heart(queue: str) -> None:
    mail.beat_heart(queue)


@shared_task
def tidy() -> None:
    limits.forget_old_tallies()
