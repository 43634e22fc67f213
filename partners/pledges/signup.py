"""Store requests to start a pledge, and email their links."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext as _

from imagine.core.links import new_token
from imagine.core.relations import about_rows, foreign_keys_to
from imagine.mail import dispatch
from imagine.mail.models import Message
from partners.emails import pledge as pledge_emails
from partners.models import Contact, DuplicateCandidate, Logo, Organization, Pledge, PledgeRequest, PledgeYear
from partners.models.organizations import ContactQuerySet
from partners.organizations import contacts, profiles
from partners.pledges.links import MAX_LINKS_PER_DAY, MIN_INTERVAL, REQUEST_LIFETIME, email_link, end_requests
from partners.pledges.page_state import PledgeClosed, find_known_contact
from partners.signals import organizations_leaving

BATCH_SIZE = 500  # rows deleted in one transaction


@transaction.atomic
def request_pledge(pledge_request: PledgeRequest) -> None:
    """Store a request, to be answered by email later. Raise PledgeClosed.

    Answering it here would reveal by the response time whether the address is known.
    """
    check_any_year_open()
    pledge_request.save(force_insert=True)
    transaction.on_commit(
        lambda: dispatch.send_task("partners.tasks.answer_pledge_request", pledge_request.pk), robust=True
    )


def check_any_year_open() -> None:
    if not PledgeYear.objects.current():
        raise PledgeClosed(_("No school year is open for promises right now."))


@transaction.atomic
def answer_request_once(pk: int) -> None:
    """Answer a request unless it was answered or another worker is answering it."""
    unanswered = PledgeRequest.objects.select_for_update(skip_locked=True).filter(answered_at__isnull=True)
    if pledge_request := unanswered.filter(pk=pk).first():
        reply_to_request(pledge_request)


def reply_to_request(pledge_request: PledgeRequest) -> None:
    """Email the link of a locked request, or that of an existing pledge of the same person, to the stored address.

    If the typed name is similar to that of a contact's organization, send the link of its pledge. Otherwise the email
    also has the link to start a pledge for the typed name, since a person can belong to two organizations.
    """
    if was_answered_recently(pledge_request):
        pledge_request.delete()
        return
    contact = find_known_contact(pledge_request)
    pledge_request.answered_at, pledge_request.email = Now(), contact.email if contact else pledge_request.email
    pledge_request.save(update_fields=["answered_at", "email"])
    send_link(pledge_request, contact)


def send_link(pledge_request: PledgeRequest, contact: Contact | None) -> None:
    contacts = [contact] if contact else list(contacts_with_access(pledge_request.email))
    pledges = Pledge.objects.filter(organization__in=[contact.organization_id for contact in contacts])
    pledge = pledges.order_by("-year_id", "-changed_at").first()
    if pledge is None:
        pledge_emails.queue_start_link(pledge_request)
        return
    to = next(contact for contact in contacts if contact.organization_id == pledge.organization_id)
    try:
        email_link(pledge, to=to, pledge_request=None if contact else pledge_request)
    except Pledge.DoesNotExist:  # staff merged it into another at this moment
        send_link(pledge_request, find_known_contact(pledge_request))


@transaction.atomic
def email_lost_links(email: str) -> None:
    """Email an address the links of the newest pledges of its organizations, as often as `email_link` allows."""
    contacts = list(contacts_with_access(email).select_related("organization").order_by("organization_id", "pk"))
    pledges = [(contact.organization.pledges.order_by("-year_id").first(), contact) for contact in contacts]
    for pledge, contact in pledges:
        if pledge is not None:
            with suppress(Pledge.DoesNotExist):  # staff merged it into another at this moment
                email_link(pledge, to=contact)


@transaction.atomic
def email_started_pledge(email: str) -> None:
    """Email an address that no contact has the link of the pledge it started last, as often as `reply_to_request`
    allows. Call it before events are locked."""
    started = PledgeRequest.objects.with_email(email).order_by("-pk").first()
    if started and PledgeYear.objects.current() and not contacts_with_access(email).exists():
        values = {name: getattr(started, name) for name in ("organization", "name", "email", "language", "sector")}
        reply_to_request(PledgeRequest.objects.create(**values))


def contacts_with_access(email: str) -> ContactQuerySet:
    return Contact.objects.with_email(email).with_pledge_access().order_by("pk")


def was_answered_recently(pledge_request: PledgeRequest) -> bool:
    """Return whether this address got such an email minutes ago, or too many of them today."""
    answered = PledgeRequest.objects.with_email(pledge_request.email).filter(answered_at__gt=Now() - timedelta(days=1))
    recent = answered.filter(source="", answered_at__gt=Now() - MIN_INTERVAL)
    return (
        answered.count() >= MAX_LINKS_PER_DAY
        or recent.filter(organization__iexact=pledge_request.organization).exists()
    )


@transaction.atomic
def open_pledge_request(pledge_request: PledgeRequest) -> PledgeRequest | None:
    """Open a pledge page from another page, such as an RSVP.

    The request's `source` makes a second click open the same page. Email the request's link and return the request with
    the browser's. If the address is a contact's, only email a link and return None, because the other page doesn't
    prove whose address it is. Raise PledgeClosed.
    """
    check_any_year_open()
    if contacts_with_access(pledge_request.email).exists():
        pledge_request.source = ""
        pledge_request.save(force_insert=True)
        reply_to_request(pledge_request)
        return None
    pledge_request.browser_token = new_token()
    others = PledgeRequest.objects.filter(source=pledge_request.source).exclude(email__iexact=pledge_request.email)
    end_requests(others.select_for_update())
    PledgeRequest.objects.bulk_create([pledge_request], ignore_conflicts=True)  # a first click may have created it
    pledge_request = PledgeRequest.objects.select_for_update().get(source=pledge_request.source)
    if pledge_request.browser_token is None:  # staff replaced the link of the other page since
        pledge_request.browser_token = new_token()
        pledge_request.save(update_fields=["browser_token"])
    if not pledge_request.answered_at:
        pledge_request.answered_at = Now()
        pledge_request.save(update_fields=["answered_at"])
        pledge_emails.queue_start_link(pledge_request)
    return pledge_request


@transaction.atomic
def end_requests_of_source(source: str) -> None:
    """End requests that were made on another page for an address that was corrected since."""
    end_requests(PledgeRequest.objects.select_for_update().filter(source=source))


def lock_requests_of_sources(sources: Iterable[str]) -> None:
    """Lock requests that were made on other pages, before what those pages show is locked."""
    requests = PledgeRequest.objects.select_for_update().filter(source__in=sources)
    list(requests.order_by("pk").values_list("pk"))


@transaction.atomic
def end_browser_links(source: str) -> None:
    """Others may have seen the page on which these requests were made."""
    requests = PledgeRequest.objects.select_for_update().filter(source=source).order_by("pk")
    PledgeRequest.objects.filter(pk__in=list(requests.values_list("pk", flat=True))).update(browser_token=None)


@transaction.atomic
def email_known_address(token: str) -> None:
    """Email the right link to the address of a request that was opened from another page."""
    opened = PledgeRequest.objects.filter(browser_token=token).first()
    if opened is None:  # it was used or deleted a moment ago
        return
    values = {name: getattr(opened, name) for name in ("organization", "name", "email", "language", "sector")}
    reply_to_request(PledgeRequest.objects.create(**values))


@transaction.atomic
def delete_stale_requests(held: Collection[str] = ()) -> int:
    """Delete one batch of requests that were never used, except those that are being saved right now and those of
    people on hold. Delete the emails about old requests, also about those that were used. Return how many rows."""
    stale = PledgeRequest.objects.filter(created_at__lt=Now() - REQUEST_LIFETIME)
    stale = stale.alias(address=Lower("email")).exclude(address__in=held).order_by("pk")
    unused = list(stale.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
    about_old = about_rows(PledgeRequest, unused) | Q(
        content_type=ContentType.objects.get_for_model(PledgeRequest), created_at__lt=Now() - REQUEST_LIFETIME
    )
    old = Message.objects.filter(about_old).alias(address=Lower("recipient")).exclude(address__in=held)
    pks = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    organizations = delete_unverified_drafts(Pledge.objects.filter(requests__in=unused))
    Message.objects.filter(pk__in=pks).delete()
    PledgeRequest.objects.filter(pk__in=unused).delete()
    delete_unused_organizations(organizations)
    return len(unused) + len(pks)


def delete_requests(pks: Collection[int]) -> None:
    """Delete locked requests with the emails about them, and with their drafts whose address was never verified, which
    nothing else leads to."""
    organizations = delete_unverified_drafts(Pledge.objects.filter(requests__in=pks))
    Message.objects.filter(about_rows(PledgeRequest, pks)).delete()
    PledgeRequest.objects.filter(pk__in=pks).delete()
    delete_unused_organizations(organizations)


def delete_unverified_drafts(pledges: QuerySet[Pledge]) -> list[Organization]:
    """Delete those of these pledges whose address was never verified and that nobody signed. Return their locked
    organizations."""
    drafts = Pledge.objects.filter(pk__in=list(pledges.values_list("pk", flat=True)), verified_at=None, signed_at=None)
    owners = sorted(set(drafts.values_list("organization", flat=True)))
    if not owners:
        return []
    organizations_leaving.send(Organization, organizations=owners)
    organizations = profiles.lock_organizations(owners, to_delete=True)
    for draft in drafts.filter(organization__in=organizations).order_by("pk"):
        draft.delete()
    return list(organizations.values())


def delete_unused_organizations(organizations: Sequence[Organization]) -> None:
    """Delete those of these organizations, locked to be deleted, that have nothing."""
    unused = [organization for organization in organizations if not is_in_use(organization)]
    DuplicateCandidate.objects.of_organizations([organization.pk for organization in unused]).lock()
    for organization in unused:
        contacts.delete_organization(organization)


def is_in_use(organization: Organization) -> bool:
    """Return whether staff approved the organization, or any row of any app belongs to it. A logo doesn't count, nor
    does a possible duplicate."""
    return organization.approved_at is not None or any(
        model._base_manager.filter(**{field: organization}).exists()
        for model, field in foreign_keys_to(organization, exclude=(DuplicateCandidate, Logo))
    )
