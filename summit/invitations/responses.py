"""Accept or decline an invitation, as often as people change their minds, and replace its link."""

from collections.abc import Sequence
from contextlib import suppress

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower
from django.utils import timezone

from imagine.core import audit, links
from imagine.mail import preferences
from imagine.mail.queue import enqueue_many, message_key
from partners.models import Organization
from summit import rsvp_links, seats
from summit.calendar import entries as calendar_entries
from summit.emails import invitation as invitation_emails
from summit.emails.kinds import SummitEmailKind
from summit.invitations import change_notices
from summit.models import Guest, Invitation, Rsvp

Answer = Invitation.Answer
BATCH_SIZE = 500
DETAILS = ("phone", "organization_name", "sector", "note", "party_dietary_needs", "party_accessibility_needs")
MAX_LENGTH_MESSAGE = Invitation._meta.get_field("decline_message").max_length


@transaction.atomic
def accept_invitation(invitation: Invitation, rsvp: Rsvp, *, size: int, guests: Sequence[Guest] = ()) -> Rsvp:
    """Accept an invitation with a party of `size`. `rsvp` is unsaved and has what the form asked; `guests` are those of
    seats.reserve. Its address and organization are the contact's, whatever was typed.

    If the address already has an RSVP, that RSVP is the answer; a canceled one is reinstated. An invitation that was
    already accepted stays as it is. Raise seats.RsvpClosed, seats.PartyOutOfBounds, seats.DuplicateRsvp if the
    address's RSVP answers another invitation, and Invitation.DoesNotExist if the invitation was withdrawn.
    """
    invitation = lock_invitation(invitation)
    before = answer_for_history(invitation)
    accepted = invitation.rsvp
    if accepted is None or invitation.answer != Answer.ACCEPTED:
        accepted = invitation.rsvp = reserve_for_invitation(invitation, rsvp, size=size, guests=guests)
    invitation.declined_at, invitation.decline_message = None, ""
    save_answer(invitation, before)
    return accepted


def reserve_for_invitation(invitation: Invitation, rsvp: Rsvp, *, size: int, guests: Sequence[Guest]) -> Rsvp:
    existing = invitation.rsvp or rsvp_of_contact(invitation)
    if existing is None:
        contact = invitation.contact
        rsvp.event, rsvp.email, rsvp.organization = invitation.event, contact.email, contact.organization
        rsvp.source, rsvp.ics_uid = Rsvp.Source.INVITATION, calendar_entries.uid_of(invitation)
        rsvp.ics_sequence = invitation_emails.sequence_of(invitation.event)  # the RSVP's emails continue from here
        rsvp.verified_at = timezone.now()  # the invitation's link was emailed to the same address
        return seats.reserve(rsvp, size=size, guests=guests)
    links.verify(existing)
    seats.set_accepts_partial(existing, rsvp.accepts_partial)
    changes = {name: getattr(rsvp, name) for name in DETAILS if getattr(rsvp, name)}
    if changes:
        existing = seats.update_contact(existing, **changes)
    return seats.reinstate(existing, size=size, guests=guests)


@transaction.atomic
def decline_invitation(invitation: Invitation, message: str = "") -> Invitation:
    """Decline an invitation, with a message or without, and cancel its RSVP. Safe to repeat; another message replaces
    the first.

    Possible until RSVP closes or, with an RSVP, until the event ends, because seats can always be given back (rule 5 of
    the seats). Raise seats.RsvpClosed and Invitation.DoesNotExist.
    """
    invitation, message = lock_invitation(invitation), message[:MAX_LENGTH_MESSAGE]
    before = answer_for_history(invitation)
    if invitation.answer == Answer.DECLINED and message in {"", invitation.decline_message}:
        return invitation
    if invitation.rsvp and invitation.answer == Answer.ACCEPTED:
        seats.check_editable(invitation.event)
        invitation.rsvp = seats.cancel(invitation.rsvp)
    else:
        seats.check_open(invitation.event)
    invitation.declined_at, invitation.decline_message = invitation.declined_at or timezone.now(), message
    save_answer(invitation, before)
    return invitation


@transaction.atomic
def replace_invitation_link(invitation: Invitation) -> None:
    """Give an invitation a new link, because others saw the old one, which stops working. Its page leads to an RSVP
    once there is one, so the link of that is replaced, too. Email the new link now, unless the invitation will be
    written with it anyway, the event is over or canceled, or the address has opted out. Raise
    Invitation.DoesNotExist."""
    if rsvp := invitation.rsvp or rsvp_of_contact(invitation):
        rsvp_links.end_rsvp_browser_links(rsvp)  # pledge requests are locked before the event
    invitation = lock_invitation(invitation)
    if rsvp := invitation.rsvp or rsvp_of_contact(invitation):
        rsvp_links.replace_rsvp_link(rsvp)
        return
    links.replace_link(invitation)
    invitation_emails.delete_unsent_links(invitation)  # they have the old link
    if invitation.emailed_at and link_is_useful(invitation):
        queue_new_invitation_link(invitation)


def queue_new_invitation_link(invitation: Invitation) -> None:
    """Email the invitation with its new link now, with what is true now."""
    message = invitation_emails.single_invitation_message(invitation)
    message.kind = SummitEmailKind.INVITATION_NEW_LINK
    message.idempotency_key = message_key(message.kind, invitation, timezone.now().isoformat())
    enqueue_many([message])
    Invitation.objects.filter(pk=invitation.pk).update(notified_version=invitation.event.schedule_version)


def link_is_useful(invitation: Invitation) -> bool:
    """Return whether an email with the link helps: the event is neither over nor canceled, and the address hasn't opted
    out."""
    return invitation.event.is_editable and preferences.may_email(invitation.contact.email, "invitations")


def link_existing_rsvps() -> None:
    """Link invitations to RSVPs that were made with the same address on the public page or by phone: they are
    answers."""
    active = Rsvp.objects.active().filter(event=OuterRef("event"), invitation=None).order_by()
    same = active.alias(address=Lower("email")).filter(address=Lower(OuterRef("contact__email")))
    coming = Invitation.objects.filter(rsvp=None, event__ends_at__gt=timezone.now())
    for invitation in coming.filter(Exists(same)).order_by("pk")[:BATCH_SIZE]:
        link_existing_rsvp(invitation)


@transaction.atomic
def link_existing_rsvp(invitation: Invitation) -> None:
    before = answer_for_history(invitation)
    with suppress(Invitation.DoesNotExist):
        invitation = lock_invitation(invitation)
        if invitation.answer == Answer.ACCEPTED:
            invitation.declined_at, invitation.decline_message = None, ""
            save_answer(invitation, before)


def lock_invitation(invitation: Invitation) -> Invitation:
    """Return the locked invitation with its event, contact and RSVP, which may be one that the address made
    elsewhere."""
    event = seats.lock_event(invitation.event_id)
    # Merging locks organizations before invitations.
    of_contact = Organization.objects.filter(contacts__invitations=invitation).order_by("pk")
    list(of_contact.select_for_update(no_key=True, of=("self",)))
    locked = Invitation.objects.select_for_update(no_key=True, of=("self",))
    invitation = locked.select_related("contact__organization", "rsvp", "mailing").get(pk=invitation.pk)
    invitation.event = event
    existing = rsvp_of_contact(invitation) if not invitation.rsvp else None
    if existing and not existing.canceled_at:
        invitation.rsvp = existing
    if invitation.rsvp:
        invitation.rsvp.event = event
    return invitation


def rsvp_of_contact(invitation: Invitation) -> Rsvp | None:
    """Return the RSVP of the contact's address for the event, unless it answers another invitation."""
    return invitation.event.rsvps.with_email(invitation.contact.email).filter(invitation=None).first()


def answer_for_history(invitation: Invitation) -> dict:
    return {"answer": str(invitation.answer), "decline_message": invitation.decline_message}


def save_answer(invitation: Invitation, before: dict) -> None:
    invitation.save(update_fields=["rsvp", "declined_at", "decline_message"])
    change_notices.delete_unsent_notices(invitation)
    audit.log_change(invitation, before, answer_for_history(invitation), hidden=("decline_message",))
