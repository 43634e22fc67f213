"""What happens to invitations when a contact is merged, gets another address or is deleted.

Before any of it, `lock_invitations_of_contacts` locks all that is known about all contacts of the transaction. Before
their organizations are locked to correct addresses, `lock_rsvps_of_contacts` locks what comes first.
"""

from collections.abc import Collection, Sequence

from imagine.core import links
from imagine.core.models import AuditEntry
from imagine.core.relations import about_rows
from imagine.mail.models import Mailing, Message
from imagine.mail.models.messages import MessageQuerySet
from partners.models import Contact
from partners.organizations import merging
from partners.pledges import signup as pledge_signup
from summit import rsvp_links, seats
from summit.emails import invitation as invitation_emails
from summit.emails import reminder as reminder_emails
from summit.emails.kinds import SummitEmailKind
from summit.invitations import change_notices, responses
from summit.invitations import resend as invitation_resend
from summit.models import Event, Invitation, Rsvp
from summit.staff_emails import writing as staff_email_writing

Answer, State = Invitation.Answer, Message.State
UNDELIVERED = [State.REJECTED, State.FAILED]
UNCERTAIN = [State.SENDING, State.UNKNOWN]


def merge_invitations(contact: Contact, duplicate: Contact) -> None:
    """Merge the invitations of two contacts. Of two to the same event, keep the one that was answered, else the one
    whose email was sent, else the first. The other one's link stops working and is no longer emailed."""
    events = duplicate.invitations.filter(event__invitations__contact=contact).values_list("event", flat=True)
    for event in sorted(set(events)):
        both = Invitation.objects.filter(event=event, contact__in=[contact, duplicate])
        kept, dropped = sorted(both.select_related("rsvp"), key=merge_priority, reverse=True)
        invitation_emails.delete_unsent_links(dropped)
        kinds = (SummitEmailKind.INVITATION, SummitEmailKind.INVITATION_NEW_LINK)
        dropped.messages.filter(kind__in=kinds).update(kind=SummitEmailKind.INVITATION_MERGED)
        merging.move_generic_relations(dropped, kept)
        dropped.delete()


def merge_priority(invitation: Invitation) -> tuple:
    order = [Answer.OPEN, Answer.DECLINED, Answer.ACCEPTED]
    return order.index(invitation.answer), delivery_progress(invitation), bool(invitation.emailed_at), -invitation.pk


def delivery_progress(invitation: Invitation) -> int:
    """Return how far an email with the invitation's link has come: 3 if it was sent, 2 if it may have been, 1 if it is
    queued, 0 if it failed or was never written."""
    messages = invitation_emails.messages_with_link(invitation).exclude(kind=SummitEmailKind.INVITATION_MERGED)
    uncertain = messages.filter(state__in=UNCERTAIN).exclude(pk__in=messages.not_handed_over().values("pk"))
    steps = {3: messages.filter(state=State.SENT), 2: uncertain, 1: messages.filter(state__in=Message.PENDING)}
    return next((number for number, found in steps.items() if found.exists()), 0)


def readdress_invitations(contact: Contact, before: str) -> None:
    """The contact's address was corrected: the links that the old one got stop working, and nothing more is sent there.
    People who haven't answered get the invitation with its new link at the new address; people who have accepted get
    the RSVP's."""
    messages = emails_about_invitations([contact])
    reminder_emails.delete_unsent_reminders(messages.filter(reminder__isnull=False, expires_at__isnull=False))
    contact.invitations.update(verified_at=None)
    for invitation in contact.invitations.select_related("event", "mailing", "rsvp", "contact__organization"):
        change_notices.rewrite_unsent_notices(invitation)
        staff_email_writing.rewrite_unsent(invitation)
        links.replace_link(invitation)
        is_written_again = reset_undelivered(invitation)
        invitation_emails.delete_unsent_links(invitation)
        invitation_resend.delete_undelivered_own_messages(invitation)
        if invitation.emailed_at and not is_written_again and is_waiting(invitation):
            responses.queue_new_invitation_link(invitation)
        if invitation.rsvp and links.is_same_address(invitation.rsvp.email, before):
            rsvp_links.follow_contact(invitation.rsvp, contact.email)


def is_waiting(invitation: Invitation) -> bool:
    return invitation.answer == Answer.OPEN and responses.link_is_useful(invitation)


def reset_undelivered(invitation: Invitation) -> bool:
    """Let an undelivered invitation be written again with its mailing. Return whether it will be."""
    if invitation.mailing.stopped_at:
        return False
    if invitation.emailed_at:
        messages = invitation.messages.filter(kind=SummitEmailKind.INVITATION, queue=Message.Queue.BULK)
        if not (messages.not_handed_over() | messages.filter(state__in=UNDELIVERED)).delete()[0]:
            return False
        Invitation.objects.filter(pk=invitation.pk).update(emailed_at=None)
        Mailing.objects.filter(pk=invitation.mailing_id).update(rendered_at=None)
    return True


def delete_invitations(contacts: Sequence[Contact]) -> None:
    """The contacts are deleted and their invitations with them: delete the messages and history about them."""
    invitations = list(Invitation.objects.filter(contact__in=contacts).values_list("pk", flat=True))
    if invitations:
        Message.objects.filter(about_rows(Invitation, invitations)).delete()
        AuditEntry.objects.filter(about_rows(Invitation, invitations)).delete()


def lock_rsvps_of_contacts(contacts: Collection[int]) -> None:
    """Lock the pledge requests made on the pages of RSVPs by invitation of these contacts, then the events they were
    invited to. The RSVPs follow a new address of the contact."""
    invitations = Invitation.objects.filter(contact__in=contacts).order_by()
    rsvps = Rsvp.objects.filter(invitation__in=invitations)
    pledge_signup.lock_requests_of_sources([rsvp_links.rsvp_source(rsvp) for rsvp in rsvps.only("pk")])
    seats.lock_events(invitations.values("event"))


def lock_invitations_of_contacts(contacts: Sequence[Contact]) -> None:
    """Lock the mailings about the events that these contacts are invited to, then the invitations, then the messages
    about them. Stopping a mailing locks in the same order."""
    invitations = Invitation.objects.filter(contact__in=contacts)
    Mailing.objects.filter(about_rows(Event, invitations.order_by().values("event"))).lock()
    invitations.lock()
    emails_about_invitations(contacts).lock()


def emails_about_invitations(contacts: Sequence[Contact]) -> MessageQuerySet:
    invitations = Invitation.objects.filter(contact__in=contacts)
    return Message.objects.filter(about_rows(Invitation, invitations.order_by().values("pk")))
