"""Resend emails about an invitation, for staff or to a corrected address, with what is true now."""

from django.db import transaction
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.mail import preferences
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend, requeue
from summit.emails import invitation as invitation_emails
from summit.emails.kinds import SummitEmailKind
from summit.invitations.responses import lock_invitation
from summit.invitations.starting import EventNotInvitable, check_invitable
from summit.models import Invitation

State = Message.State
INVITATION_KINDS = (
    SummitEmailKind.INVITATION,
    SummitEmailKind.INVITATION_NEW_LINK,
    SummitEmailKind.INVITATION_MERGED,
)  # with the same text
KINDS = (
    *INVITATION_KINDS,
    *(SummitEmailKind.INVITATION_LINK, SummitEmailKind.INVITATION_UNANSWERED),
    *(SummitEmailKind.INVITATION_MOVED, SummitEmailKind.INVITATION_CANCELED),
)
UNTIL_ANSWERED = (
    SummitEmailKind.INVITATION_UNANSWERED,
    SummitEmailKind.INVITATION_MOVED,
    SummitEmailKind.INVITATION_CANCELED,
)
NOT_ACCEPTED = [State.QUEUED, State.REJECTED, State.FAILED]  # by a mail server


@transaction.atomic
def resend_invitation_email(message: Message) -> bool:
    """Resend an email about an invitation. The invitation itself is rewritten with today's time, place, link and
    address. Other emails, and those that may have arrived, are sent as they are if they're still true. Raise
    CannotResend, Message.DoesNotExist, or Invitation.DoesNotExist."""
    invitation = lock_invitation(Invitation.objects.get(messages__pk=message.pk))
    check_can_resend(message, invitation)
    if keeps_its_text(message):
        return requeue(message)
    if is_queued := requeue(message, rewritten_message(message, invitation)):
        mark_notified(invitation)
    return is_queued


def keeps_its_text(message: Message) -> bool:
    """Return whether a message has its own text, or may already be in a mailbox, which wouldn't show another text under
    the same Message-ID."""
    return message.kind not in INVITATION_KINDS or message.state == State.UNKNOWN


def rewritten_message(message: Message, invitation: Invitation) -> Message:
    """Return the invitation as it should read today, unsaved."""
    written = invitation_emails.single_invitation_message(invitation)
    if message.kind == SummitEmailKind.INVITATION_NEW_LINK:
        written.kind = message.kind
    return written


# Checks ---------------------------------------------------------------------------------------------------------


def check_can_resend(message: Message, invitation: Invitation) -> None:
    if message.kind in INVITATION_KINDS:
        check_wanted(invitation)
    else:
        check_not_over(message, invitation)
    if keeps_its_text(message):
        check_unchanged_since(message, invitation)


def check_not_over(message: Message, invitation: Invitation) -> None:
    if invitation.event.is_over:
        raise CannotResend(_("The event is over, so this email is no longer useful."))
    if message.kind in UNTIL_ANSWERED and invitation.answer != Invitation.Answer.OPEN:
        raise CannotResend(_("They’ve answered the invitation, so this email is out of date."))
    if message.kind == SummitEmailKind.INVITATION_UNANSWERED:
        check_event_invitable(invitation)


def check_event_invitable(invitation: Invitation) -> None:
    try:
        check_invitable(invitation.event)
    except EventNotInvitable as refused:
        raise CannotResend(str(refused)) from refused


def check_wanted(invitation: Invitation) -> None:
    check_event_invitable(invitation)
    if invitation.answer == Invitation.Answer.ACCEPTED:
        raise CannotResend(_("They’ve accepted this invitation. Resend the link to their RSVP instead."))
    if not preferences.may_email(invitation.contact.email, "invitations"):
        raise CannotResend(
            _("This address unsubscribed from invitations, or it bounces. Look it up under “Email preferences”.")
        )


def check_unchanged_since(message: Message, invitation: Invitation) -> None:
    """Raise CannotResend unless time, place and link are still those of the message."""
    moved = audit.has_changed_since(message.created_at, invitation.event, *invitation_emails.SCHEDULE_CHANGES)
    if not moved and not audit.has_changed_since(message.created_at, invitation, "link"):
        return
    if message.state == State.UNKNOWN:
        raise CannotResend(
            _(
                "This email may have been delivered, and the event or the link has changed since. Mark it as delivered "
                "first. Then you can resend the invitation with today’s details."
            )
        )
    raise CannotResend(
        _(
            "The event or the link has changed, so this email is out of date. Resend the invitation instead. We’ll "
            "write it with today’s details."
        )
    )


def delete_undelivered_own_messages(invitation: Invitation) -> None:
    """Delete emails of the invitation that were sent outside its mailing (with a new link, or resent by staff) and that
    no mail server accepted. They have an old link."""
    kinds = (SummitEmailKind.INVITATION, SummitEmailKind.INVITATION_NEW_LINK)
    own = invitation.messages.filter(kind__in=kinds, queue=Message.Queue.TRANSACTIONAL)
    own.filter(state__in=NOT_ACCEPTED).delete()


def mark_notified(invitation: Invitation) -> None:
    """Remember that the last email says what is true."""
    Invitation.objects.filter(pk=invitation.pk).update(notified_version=invitation.event.schedule_version)
