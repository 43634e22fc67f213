"""Celery's tasks: each takes an id, or nothing, and calls one function. Running one twice does no harm."""

from celery import shared_task

from imagine.mail import delivery, health
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.reports import mailbox


@shared_task
def deliver() -> None:
    delivery.deliver_messages()


@shared_task
def deliver_bulk() -> None:
    bulk_delivery.deliver_batches()


@shared_task
def sweep() -> None:
    bulk_delivery.release_abandoned()
    delivery.requeue_abandoned()


@shared_task
def heartbeat(queue: str) -> None:
    health.record_heartbeat(queue)


@shared_task
def read_delivery_reports() -> None:
    mailbox.read_mailbox()
