from celery import shared_task

from imagine.core import rate_limit


@shared_task
def delete_old_counts() -> None:
    rate_limit.delete_old_counts()
