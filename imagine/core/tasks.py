from celery import shared_task

from imagine.core import rate_limit


@shared_task
def tidy() -> None:
    rate_limit.forget_old_tallies()
