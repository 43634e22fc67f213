"""Celery tasks."""

from celery import shared_task

from imagine.mail import dispatch
from imagine.mail.models import Mailing
from summit import date_alerts, event_changes, organization_matching, rsvp_links
from summit.invitations import contact_import, responses, writing
from summit.models import DateAlert, LinkRequest
from summit.reminders import sending as reminder_sending
from summit.staff_emails import writing as staff_email_writing


@shared_task
def answer_link_request(pk: int) -> None:
    rsvp_links.email_requested_links(pk)


@shared_task
def answer_link_requests() -> None:
    """Answer leftover requests, each in its own task, so that one that fails doesn't block the others."""
    for pk in LinkRequest.objects.order_by("pk").values_list("pk", flat=True)[:500]:
        dispatch.send_task("summit.tasks.answer_link_request", pk)


@shared_task
def answer_date_alert(pk: int) -> None:
    date_alerts.email_alert_link(pk)


@shared_task
def answer_date_alerts() -> None:
    """Answer leftover requests, each in its own task."""
    for pk in DateAlert.objects.unanswered().order_by("pk").values_list("pk", flat=True)[:500]:
        dispatch.send_task("summit.tasks.answer_date_alert", pk)


@shared_task
def announce_summit_date() -> None:
    date_alerts.announce_date()


@shared_task
def match_rsvps() -> None:
    organization_matching.match_by_email()


@shared_task
def link_rsvps_to_invitations() -> None:
    responses.link_existing_rsvps()


@shared_task
def write_invitations(mailing_pk: int) -> None:
    """Write the next batch of a mailing's emails. If more are left, another task writes them."""
    if not writing.write_mailing(Mailing.objects.get(pk=mailing_pk)):
        dispatch.send_task("summit.tasks.write_invitations", mailing_pk)


@shared_task
def work_on_contact_list(audience_pk: int) -> None:
    contact_import.work_on_upload(audience_pk)


@shared_task
def resume_contact_lists() -> None:
    contact_import.resume_abandoned_uploads()


@shared_task
def notify_guests(event_pk: int) -> None:
    """Write the next batch of emails about a changed event. If more are left, another task writes them."""
    if not event_changes.notify_next_guests(event_pk):
        dispatch.send_task("summit.tasks.notify_guests", event_pk)


@shared_task
def resume_interrupted_mailings() -> None:
    """Send a task for each mailing, and for each changed event, that still has emails to write, in case its own task
    was lost; stop mailings whose events no longer take RSVPs."""
    for pk in event_changes.events_with_pending_notices():
        dispatch.send_task("summit.tasks.notify_guests", pk)
    writing.stop_closed_mailings()
    staff_email_writing.withdraw_outdated()
    for pk in Mailing.objects.unrendered().order_by("pk").values_list("pk", flat=True):
        dispatch.send_task("summit.tasks.write_invitations", pk)


@shared_task
def send_reminders() -> None:
    reminder_sending.send_due_reminders()
