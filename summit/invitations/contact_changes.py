"""What becomes of invitations when a contact is merged into another, gets another address, or is deleted.

Each rule locks mailings, then invitations, then messages, as stopping a mailing does.
"""

from imagine.mail.models import Mailing, Message
from imagine.mail.queue import message_key
from partners.models import Contact
from partners.organizations import merging
from summit.emails import invitation as invitation_emails
from summit.emails import reminder as reminder_emails
from summit.emails.kinds import EmailKind
from summit.invitations import change_notices
from summit.invitations import resend as invitation_resend
from summit.models import Invitation

Answer, State = Invitation.Answer, Message.State
UNDELIVERED = [State.REJECTED, State.FAILED]
UNCERTAIN = [State.SENDING, State.UNKNOWN]


def merge_invitations(contact: Contact, duplicate: Contact) -> None:
    """Two contacts become one: of two invitations to one event the one with an answer is kept, else the one whose mail
    was sent, else the first. The other's link opens nothing any more, and is not mailed."""
    lock_invitations_of_contacts(contact, duplicate)
    events = duplicate.invitations.filter(event__invitations__contact=contact).values_list("event", flat=True)
    for event in sorted(set(events)):
        both = Invitation.objects.filter(event=event, contact__in=[contact, duplicate]).select_for_update(of=("self",))
        kept, dropped = sorted(both.select_related("rsvp"), key=merge_priority, reverse=True)
        invitation_emails.delete_unsent_links(dropped)
        kinds = (EmailKind.INVITATION, EmailKind.INVITATION_NEW_LINK)
        dropped.messages.filter(kind__in=kinds).update(kind=EmailKind.INVITATION_MERGED)
        merging.reassign(dropped, kept)
        dropped.delete()


def merge_priority(invitation: Invitation) -> tuple:
    order = [Answer.OPEN, Answer.DECLINED, Answer.ACCEPTED]
    return order.index(invitation.answer), delivery_progress(invitation), bool(invitation.emailed_at), -invitation.pk


def delivery_progress(invitation: Invitation) -> int:
    """How far mail with its link came: 3 was sent, 2 may have been, 1 waits, 0 failed or was never written."""
    messages = invitation_emails.messages_with_link(invitation).exclude(kind=EmailKind.INVITATION_MERGED)
    uncertain = messages.filter(state__in=UNCERTAIN).exclude(pk__in=messages.not_handed_over().values("pk"))
    steps = {3: messages.filter(state=State.SENT), 2: uncertain, 1: messages.filter(state__in=Message.PENDING)}
    return next((number for number, found in steps.items() if found.exists()), 0)


def readdress_invitations(contact: Contact) -> None:
    """A contact's address was corrected: an invitation that did not reach the old one is written to the new one, and so
    is a new link. What else waits to be sent about one does not go to the old one either."""
    lock_invitations_of_contacts(contact)
    for invitation in contact.invitations.select_related("event", "mailing"):
        messages = invitation.messages
        messages.filter(queue=Message.Queue.TRANSACTIONAL).exclude(state=State.SENT).update(recipient=contact.email)
        reminder_emails.delete_unsent_reminders(messages.filter(reminder__isnull=False, expires_at__isnull=False))
        change_notices.rewrite_unsent_notices(invitation)
        if reset_undelivered(invitation):
            invitation_resend.delete_unsent_own_messages(invitation)
        else:
            invitation_resend.resend_to_new_address(invitation)


def reset_undelivered(invitation: Invitation) -> bool:
    """What did not leave, or was not taken, waits to be written with its mailing. Says whether it does."""
    if invitation.mailing.stopped_at:
        return False
    if invitation.emailed_at:
        messages = Message.objects.filter(idempotency_key=message_key(EmailKind.INVITATION, invitation))
        if not (messages.not_handed_over() | messages.filter(state__in=UNDELIVERED)).delete()[0]:
            return False
        Invitation.objects.filter(pk=invitation.pk).update(emailed_at=None)
        Mailing.objects.filter(pk=invitation.mailing_id).update(rendered_at=None)
    return True


def delete_invitations(contact: Contact) -> None:
    """A contact is erased: its invitations go with it, and so does what was written and noted about them."""
    lock_invitations_of_contacts(contact)
    for invitation in contact.invitations.all():
        invitation.messages.all().delete()
        invitation.audit_entries.all().delete()


def lock_invitations_of_contacts(*contacts: Contact) -> None:
    """Lock the mailings that these contacts' invitations belong to, then the invitations."""
    mailings = Invitation.objects.filter(contact__in=contacts).values("mailing")
    list(Mailing.objects.select_for_update(no_key=True).filter(pk__in=mailings).order_by("pk").values_list("pk"))
    Invitation.objects.filter(contact__in=contacts).lock()
