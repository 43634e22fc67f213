"""How a pledge starts: the request is stored, and its link is emailed."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from imagine.mail import dispatch
from partners.emails import pledge as pledge_emails
from partners.models import Contact, Pledge, PledgeRequest, PledgeYear
from partners.pledges.links import MAX_LINKS_PER_DAY, MIN_INTERVAL, email_link
from partners.pledges.page_state import PledgeClosed, find_known_contact

REQUEST_LIFETIME = timedelta(days=60)  # what was begun and never saved


@transaction.atomic
def request_pledge(start: PledgeRequest) -> None:
    """Store a request. It is answered by email later, so that this takes as long whether the address is known or not.
    Raise PledgeClosed."""
    check_any_year_open()
    start.email_verified = True
    start.save(force_insert=True)
    transaction.on_commit(lambda: dispatch.send_task("partners.tasks.answer_pledge_request", start.pk), robust=True)


def check_any_year_open() -> None:
    if not PledgeYear.objects.current():
        raise PledgeClosed(_("No school year is open for promises now."))


@transaction.atomic
def answer_pledge_request(start_pk: int) -> None:
    """Answer a request unless it was answered or another worker is answering it."""
    unanswered = PledgeRequest.objects.select_for_update(skip_locked=True).filter(answered_at__isnull=True)
    if start := unanswered.filter(pk=start_pk).first():
        reply_to_request(start)


def reply_to_request(start: PledgeRequest) -> None:
    """Email a locked request's link, or that of the existing pledge, to the stored address rather than the typed one.
    The pledge of a known contact's organization comes first. As a person can belong to two organizations, the email
    also offers to start one for the other name."""
    if was_answered_recently(start):
        start.delete()
        return
    contact = find_known_contact(start)
    start.answered_at, start.email = Now(), contact.email if contact else start.email
    start.save(update_fields=["answered_at", "email"])
    send_link(start, contact)


def send_link(start: PledgeRequest, contact: Contact | None) -> None:
    contacts = [contact] if contact else list(Contact.objects.with_email(start.email).order_by("pk"))
    mine = Pledge.objects.filter(organization__in=[contact.organization_id for contact in contacts])
    pledge = mine.order_by("-year_id", "-changed_at").first()
    if pledge is None:
        pledge_emails.queue_start_link(start)
        return
    to = next(contact for contact in contacts if contact.organization_id == pledge.organization_id)
    try:
        email_link(pledge, to=to, start=None if contact else start)
    except Pledge.DoesNotExist:  # in this moment staff merged it into another
        send_link(start, find_known_contact(start))


def was_answered_recently(start: PledgeRequest) -> bool:
    """Whether this address got such an email a moment ago, or too many today."""
    answered = PledgeRequest.objects.with_email(start.email).filter(answered_at__gt=Now() - timedelta(days=1))
    lately = answered.filter(email_verified=True, answered_at__gt=Now() - MIN_INTERVAL)
    return answered.count() >= MAX_LINKS_PER_DAY or lately.filter(organization__iexact=start.organization).exists()


@transaction.atomic
def open_pledge_request(start: PledgeRequest) -> PledgeRequest | None:
    """Open a pledge page from another page, such as an RSVP; the request's `source` makes a second click open the same
    one.

    Return the request to redirect to; its link is emailed, too. If the address is a contact's, only email the link and
    return None, because the other page doesn't prove whose address it is. Raise PledgeClosed.
    """
    check_any_year_open()
    if Contact.objects.with_email(start.email).exists():
        start.source = ""
        start.save(force_insert=True)
        reply_to_request(start)
        return None
    start.email_verified = False
    PledgeRequest.objects.filter(source=start.source).exclude(email__iexact=start.email).delete()
    PledgeRequest.objects.bulk_create([start], ignore_conflicts=True)  # unless a first click made it
    start = PledgeRequest.objects.select_for_update().get(source=start.source)
    if not start.answered_at:
        start.answered_at = Now()
        start.save(update_fields=["answered_at"])
        pledge_emails.queue_start_link(start)
    return start


@transaction.atomic
def email_known_address(token: str) -> None:
    """Email the right link to the address of a request whose link was shown to someone."""
    shown = PledgeRequest.objects.filter(token=token).first()
    if shown is None:  # it was used, or forgotten, a moment ago
        return
    words = {name: getattr(shown, name) for name in ("organization", "name", "email", "language", "sector")}
    reply_to_request(PledgeRequest.objects.create(**words))


@transaction.atomic
def delete_stale_requests() -> None:
    """One whose page is being saved right now stays."""
    stale = PledgeRequest.objects.filter(created_at__lt=Now() - REQUEST_LIFETIME)
    unused = list(stale.select_for_update(skip_locked=True).values_list("pk", flat=True))
    PledgeRequest.objects.filter(pk__in=unused).delete()
