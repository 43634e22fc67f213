"""Celery's tasks of the summit."""

from celery import shared_task

from imagine import bell
from imagine.models import Mailing
from summit import contact_lists, invitations, links, matching, reminders
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


@shared_task
def tie_invitations() -> None:
    invitations.tie_known()


@shared_task
def write_invitations(mailing_pk: int) -> None:
    """Hands on to another worker when there is more to write."""
    if not invitations.write(Mailing.objects.get(pk=mailing_pk)):
        bell.ring("summit.tasks.write_invitations", mailing_pk)


@shared_task
def go_on_writing() -> None:
    """Takes up what was interrupted, each mailing by a task of its own."""
    invitations.stop_the_unanswerable()
    for pk in Mailing.objects.going_on().order_by("pk").values_list("pk", flat=True):
        bell.ring("summit.tasks.write_invitations", pk)


@shared_task
def remind() -> None:
    reminders.remind()


@shared_task
def tidy_lists() -> None:
    contact_lists.tidy()
