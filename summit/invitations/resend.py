"""Mail about an invitation, sent once more by staff, or to an address that was corrected: it says what is true now."""

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.mail import delivery, preferences
from imagine.mail.bulk import control
from imagine.mail.models import Message
from imagine.mail.resend import NotAgain
from summit.emails import invitation as invitation_emails
from summit.invitations.responses import lock, may_mail_link
from summit.invitations.starting import NotNow, check
from summit.models import Invitation

State = Message.State
ASKS = {"invited", "new_link"}  # in keys: an invitation, word for word
WAITS = [State.QUEUED, State.REJECTED, State.FAILED]  # no mail server took it
WRITTEN = ["recipient", "language", "subject", "body_text", "body_html", "ics", "ics_method", "unsubscribe_url"]


@transaction.atomic
def send_again(message: Message) -> bool:
    """As mail.send_again, with what is true by now: an invitation is written anew, with today's time, place and link,
    to the contact's address of today. What is none, or may have arrived, is sent as it is while that is still true.
    Raises NotAgain, Message.DoesNotExist, and Invitation.DoesNotExist when it was taken back."""
    # Looked at once more below: whoever stops its mailing locks the message first, and then the invitation.
    if Message.objects.filter(pk=message.pk, state__in=Message.PENDING).exists():
        return False
    invitation = lock(Invitation.objects.get(pk=number_of(message)))
    message = Message.objects.select_for_update(of=("self",)).get(pk=message.pk)
    if message.state in Message.PENDING:
        return False
    check_may_go(message, invitation)
    if stays_as_it_is(message):
        return delivery.send_again(message)
    if message.state == State.SENT:
        copy(message, invitation)
        return True
    write_over(message, invitation)
    return delivery.send_again(message)


@transaction.atomic
def settle(message: Message, arrived: bool) -> bool:
    """As bulk.settle; what is not true any more is not sent again. Raises NotAgain, and Invitation.DoesNotExist."""
    if not arrived and message.idempotency_key.startswith("invitation:"):
        check_may_go(message, lock(Invitation.objects.get(pk=number_of(message))))
    return control.resolve_unknown(message, arrived)


def number_of(message: Message) -> int:
    """Of "invitation:17:invited" the 17."""
    return int(message.idempotency_key.split(":")[1])


def kind_of(message: Message) -> str:
    """Of "invitation:17:invited:again:202704041000" the "invited"; so it is when it was another's before a merge."""
    _thing, _number, *rest = message.idempotency_key.split(":")
    return next(part for part in rest if not part.startswith("was-"))


def stays_as_it_is(message: Message) -> bool:
    """What has words of its own, and what a mailbox may have already: another text under its Message-ID would not be
    shown."""
    return kind_of(message) not in ASKS or message.state == State.UNKNOWN


# What keeps it from being sent -----------------------------------------------------------------------------------


def check_may_go(message: Message, invitation: Invitation) -> None:
    if kind_of(message) in ASKS:
        check_wanted(invitation)
    if stays_as_it_is(message):
        check_true(message, invitation)


def check_wanted(invitation: Invitation) -> None:
    try:
        check(invitation.event)
    except NotNow as refused:
        raise NotAgain(str(refused)) from refused
    if invitation.answer == Invitation.Answer.ACCEPTED:
        raise NotAgain(_("They have accepted. Mail the private link of their RSVP again instead."))
    if not preferences.wants(invitation.contact.email, "invitations"):
        raise NotAgain(_("Their address wants no invitations, or refuses mail. Its page under “Addresses” says which."))


def check_true(message: Message, invitation: Invitation) -> None:
    """Whether time, place and link are still those of the message."""
    moved = invitation.event.audit_entries.filter(changes__has_any_keys=invitation_emails.MOVES)
    link = invitation.audit_entries.filter(changes__has_key="link")
    if not (moved | link).filter(created_at__gt=message.created_at).exists():
        return
    if message.state == State.UNKNOWN:
        raise NotAgain(
            _(
                "The event or the link changed since, so what it says is not true any more. Say that it arrived: then "
                "an invitation that you send again is written anew."
            )
        )
    raise NotAgain(
        _(
            "The event or the link changed since, so what it says is not true any more. Send the invitation itself "
            "again: it is written anew."
        )
    )


# To another address ----------------------------------------------------------------------------------------------


def readdress(invitation: Invitation) -> None:
    """The contact's address was corrected: the last mail of its own with the link, when it did not reach the old
    address, is written anew and sent to the new one, as replace_link would."""
    message = own_mails(invitation).select_for_update(of=("self",)).order_by("-created_at").first()
    if message and message.state in WAITS and may_mail_link(invitation):
        write_over(message, invitation)
        delivery.send_again(message)


def forget(invitation: Invitation) -> None:
    """It is written with its mailing, with the link of today: other mail with the link is not sent."""
    own_mails(invitation).filter(state__in=WAITS).delete()


def own_mails(invitation: Invitation) -> QuerySet[Message]:
    """Mail with the invitation that a person waits for: with a new link, or sent again by staff."""
    own = Q(idempotency_key__contains=":new_link:") | Q(idempotency_key__contains=":invited:again:")
    mails = Message.objects.about(invitation_emails.about(invitation)).filter(own, queue=Message.Queue.TRANSACTIONAL)
    return mails.exclude(idempotency_key__contains=":was-")


# Written anew ----------------------------------------------------------------------------------------------------


def copy(message: Message, invitation: Invitation) -> None:
    """One more, beside the one that was sent; once a minute at most."""
    fresh = invitation_emails.alone(invitation)
    fresh.idempotency_key = f"{message.idempotency_key.split(':again:')[0]}:again:{timezone.now():%Y%m%d%H%M}"
    delivery.queue_many([fresh])
    note_told(invitation)


def write_over(message: Message, invitation: Invitation) -> None:
    """In place of what was not taken by any mail server, under its key, with its mailing."""
    fresh = invitation_emails.alone(invitation)
    for name in WRITTEN:
        setattr(message, name, getattr(fresh, name))
    message.created_at = timezone.now()
    message.save(update_fields=[*WRITTEN, "created_at"])
    note_told(invitation)


def note_told(invitation: Invitation) -> None:
    """Its last mail says what is true."""
    Invitation.objects.filter(pk=invitation.pk).update(notified_version=invitation.event.schedule_version)
