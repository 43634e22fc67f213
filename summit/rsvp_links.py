"""Personal links that were lost or leaked (docs/rules.md): a link is only emailed to the stored address."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from imagine.core import links
from imagine.core.errors import RuleViolation
from imagine.core.formatting import short_date
from imagine.core.security_events import record_event
from imagine.mail import dispatch
from imagine.mail.models import Message
from imagine.mail.security_events import MailEventKind
from partners.models import Contact
from partners.pledges import signup as pledge_signup
from summit import seats
from summit.emails import invitation as invitation_emails
from summit.emails import reminder as reminder_emails
from summit.emails import rsvp as rsvp_emails
from summit.emails.kinds import SummitEmailKind
from summit.models import Invitation, LinkRequest, Rsvp
from summit.models.invitations import InvitationQuerySet
from summit.staff_emails import writing as staff_email_writing

MAX_PER_DAY = 10  # emails with the link of one RSVP or invitation, unless staff ask
MIN_INTERVAL = timedelta(minutes=10)  # between two such emails to one address


class NoAddress(RuleViolation):
    """The RSVP has no email address."""

    def __init__(self):
        super().__init__(_("This RSVP has no email address. You can show its personal link on the RSVP’s page."))


@transaction.atomic
def mail_rsvp_link(rsvp: Rsvp, *, by_staff: bool = False) -> bool:
    """Email the link of an RSVP to its address, at most once in ten minutes unless the last email failed, and ten times
    a day unless staff ask. Return whether it was queued."""
    rsvp = seats.lock_rsvp(rsvp)
    messages = rsvp.messages.filter(kind=SummitEmailKind.RSVP_LINK)
    if not may_mail_link(messages, rsvp.email, by_staff=by_staff):
        return False
    rsvp_emails.queue_rsvp_link(rsvp)
    return True


def may_mail_link(messages: QuerySet[Message], email: str, *, by_staff: bool = False) -> bool:
    """Return whether another email with a link may go to an address, given the earlier ones."""
    today = messages.filter(created_at__gt=Now() - timedelta(days=1)).count()
    recent = messages.filter(recipient=email, created_at__gt=Now() - MIN_INTERVAL).exclude(
        state__in=Message.UNDELIVERED
    )
    return not recent.exists() and (by_staff or today < MAX_PER_DAY)


@transaction.atomic
def mail_link_by_staff(rsvp: Rsvp) -> bool:
    """Email the link of an RSVP for staff. Raise seats.RsvpClosed if the event is over."""
    rsvp = seats.lock_rsvp(rsvp)
    if not rsvp.email:
        raise NoAddress
    if rsvp.event.is_over:
        raise seats.RsvpClosed(_("This event is over, so we can’t resend its links."))
    is_emailed = mail_rsvp_link(rsvp, by_staff=True)
    if is_emailed:
        record_event(MailEventKind.EMAIL_RESENT, rsvp)
    return is_emailed


@transaction.atomic
def change_email(rsvp: Rsvp, email: str) -> Rsvp:
    """Correct the address for staff. Unless only its case changes, the old address's links stop working, and the new
    address gets one with what is true now."""
    if not links.is_same_address(rsvp.email, email):
        pledge_signup.end_requests_of_source(rsvp_source(rsvp))
    before = seats.lock_rsvp(rsvp).email
    rsvp = seats.update_contact(rsvp, email=email)
    if links.is_same_address(before, email):
        return rsvp
    Rsvp.objects.filter(pk=rsvp.pk).update(verified_at=None)
    rsvp.verified_at = None
    end_rsvp_links(rsvp, Invitation.objects.filter(rsvp=rsvp))
    if rsvp.event.is_editable and not rsvp.canceled_at:
        rsvp_emails.queue_status(rsvp)
    elif not rsvp.event.is_over:
        rsvp_emails.queue_rsvp_link(rsvp)
    return rsvp


def follow_contact(rsvp: Rsvp, email: str) -> None:
    """The address of the contact who RSVP'd by an invitation was corrected. If the new one has an RSVP of its own, only
    end the old links. The event must be locked before the contact's organization."""
    rsvp = seats.lock_rsvp(rsvp)
    if rsvp.event.rsvps.with_email(email).exclude(pk=rsvp.pk).exists():
        end_rsvp_links(rsvp, Invitation.objects.filter(rsvp=rsvp))
    else:
        change_email(rsvp, email)


@transaction.atomic
def replace_rsvp_link(rsvp: Rsvp) -> Rsvp:
    """Give the RSVP a new link and email it. The old ones stop working in every browser."""
    end_rsvp_browser_links(rsvp)
    rsvp = seats.lock_rsvp(rsvp)  # its emails are numbered: one writer at a time
    unsent = end_rsvp_links(rsvp, Invitation.objects.leading_to(rsvp))
    rsvp_emails.queue_new_rsvp_link(rsvp)
    if not rsvp.canceled_at and rsvp.event.is_editable and not unsent.isdisjoint(SummitEmailKind.with_seats()):
        rsvp_emails.queue_status(rsvp)
    return rsvp


def end_rsvp_browser_links(rsvp: Rsvp) -> None:
    """End the links of browsers that promised from the RSVP's page."""
    pledge_signup.end_browser_links(rsvp_source(rsvp))


def rsvp_source(rsvp: Rsvp) -> str:
    """What pledge requests that were made on the RSVP's page name as their source."""
    return f"rsvp:{rsvp.pk}"


def end_rsvp_links(rsvp: Rsvp, invitations: InvitationQuerySet) -> set[str]:
    """Replace the link of a locked RSVP, and those of invitations, whose pages lead to it. Delete unsent email with the
    old links, and return its kinds."""
    invitations.lock()
    for invitation in invitations:
        links.replace_link(invitation)
        invitation_emails.delete_unsent_links(invitation)
    links.replace_link(rsvp)
    reminder_emails.recall_party_reminders(rsvp)
    staff_email_writing.rewrite_unsent(rsvp)
    unsent = rsvp.messages.filter(state=Message.State.QUEUED).exclude(
        kind=SummitEmailKind.EVENT_CANCELED
    )  # has no link
    kinds = set(unsent.values_list("kind", flat=True))
    unsent.delete()
    waiting = rsvp.messages.filter(state=Message.State.QUEUED)
    if rsvp.email:
        waiting.update(recipient=rsvp.email)
    else:
        waiting.delete()
    return kinds


@transaction.atomic
def request_links(email: str) -> None:
    """Store a request for the links of an address. Takes the same time whether the address is known or not."""
    request = LinkRequest.objects.create(email=email)
    transaction.on_commit(lambda: dispatch.send_task("summit.tasks.answer_link_request", request.pk), robust=True)


@transaction.atomic
def email_requested_links(request_pk: int) -> None:
    """Email the link of each RSVP that the address has for an upcoming event, and of each pledge that it can open. Then
    delete the request. Skip a request that another worker has or that was answered."""
    request = LinkRequest.objects.select_for_update(skip_locked=True).filter(pk=request_pk).first()
    if request is None:
        return
    pledge_signup.email_started_pledge(request.email)
    rsvps = Rsvp.objects.for_coming_events().with_email(request.email)
    for rsvp in rsvps.order_by("event_id", "pk"):  # locks events in one order
        mail_rsvp_link(rsvp)
    pledge_signup.email_lost_links(request.email)
    request.delete()


def address_proofs(contact: Contact) -> list[str]:
    """Say which emailed links of RSVPs and invitations a contact has used, and when."""
    rsvps = Rsvp.objects.with_email(contact.email).exclude(verified_at=None).order_by("-verified_at")
    invitations = contact.invitations.exclude(verified_at=None).order_by("-verified_at")
    return [
        *(_("used the link of an RSVP on %(day)s") % {"day": short_date(rsvp.verified_at)} for rsvp in rsvps),
        *(_("used the link of an invitation on %(day)s") % {"day": short_date(row.verified_at)} for row in invitations),
    ]
