"""Every rule about invitations (docs/rules.md): who starts them, how they are written and taken back, how they are
answered. Seats are given by seats.py alone, mail is sent by imagine.bulk.

Who starts locks the event, so that two who start at once never ask one person twice. Who writes or stops locks the
mailing. Who answers locks the event, the contact's organization, the invitation, in this order.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine import addresses, bell, bulk, history, mail
from imagine.models import Change, Mailing, Message, new_token
from partners import contacts, merging
from partners.models import Contact, Organization
from summit import audiences, calendars, invitation_letters, seats
from summit.audiences import Person
from summit.models import Audience, Event, Guest, Invitation, Rsvp

BATCH = 200  # invitations that are written in one transaction
AT_ONCE = 2000  # rows in one statement
MOST_TIED = 500  # in one go
WRITE_SECONDS = 10  # then another worker goes on, so that nothing else waits for this one
WORD = Invitation._meta.get_field("word").max_length
TITLE = Mailing._meta.get_field("title").max_length

Answer = Invitation.Answer
UNSENT = [Message.State.QUEUED, Message.State.REFUSED, Message.State.GIVEN_UP]


class Refused(Exception):
    """Nobody is invited. Its text is a sentence for staff."""


class NotNow(Refused):
    """Nobody can be invited to the event as it stands."""


class Nobody(Refused):
    """There is nobody in the audience who would be invited."""


class Changed(Refused):
    """It is not the number of people any more that was confirmed; `number` is how many there are now."""

    def __init__(self, number: int):
        said = ngettext(
            "Meanwhile it is %(number)d person who would be invited. Nobody was: look once more, then confirm.",
            "Meanwhile it is %(number)d people who would be invited. Nobody was: look once more, then confirm.",
            number,
        )
        super().__init__(said % {"number": number})
        self.number = number


# Start -----------------------------------------------------------------------------------------------------------


def check(event: Event) -> None:
    """Whether people can be invited now: only while they can answer. Raises NotNow with the reason."""
    if event.cancelled_at:
        raise NotNow(_("This event was cancelled, so nobody can be invited."))
    if event.is_over:
        raise NotNow(_("This event is over, so nobody can be invited."))
    if not event.is_published:
        raise NotNow(_("This event is not published yet. Publish it first, so that the invitation’s page can be read."))
    if event.rsvps_closed:
        raise NotNow(_("RSVP for this event is closed, so nobody could answer. Give it a later end first."))
    if not event.takes_rsvps:
        raise NotNow(_("RSVP for this event is not open yet, so nobody could answer. Give it an earlier begin first."))


@transaction.atomic
def start(event: Event, audience: Audience, *, count: int, by: str) -> Mailing:
    """Invites those of an audience who are to be asked to an event: all invitations are made, in this transaction, and
    are written soon after. `count` is how many staff confirmed, `by` who. Guests who are no contacts become some.

    Raises NotNow, Nobody, and Changed when there are more or fewer by now. Twice asks nobody twice.
    """
    event = seats.lock(event.pk)
    check(event)
    asked = those_to_ask(audience, event, count)
    mailing = Mailing.objects.create(
        about=about(event), title=f"{event.title}: {audience.name}"[:TITLE], count=count, started_by=by
    )
    Invitation.objects.bulk_create(
        (Invitation(event=event, contact_id=person.contact_id, mailing=mailing) for person in asked),
        batch_size=AT_ONCE,
    )
    history.note(about(event), {"invited": ""}, {"invited": f"{audience.name}: {count}"})
    transaction.on_commit(lambda: bell.ring("summit.tasks.write_invitations", mailing.pk), robust=True)
    return mailing


def about(thing: Event | Invitation) -> str:
    """What mailings, messages and history call it."""
    return f"{thing._meta.model_name}:{thing.pk}"


def those_to_ask(audience: Audience, event: Event, count: int) -> list[Person]:
    """As many as were confirmed, all of them contacts, who cannot go before the transaction ends."""
    asked = list(audiences.people(audience, event, reason=""))
    if not asked:
        raise Nobody(_("There is nobody in this audience who would be invited."))
    if len(asked) == count and make_contacts(person for person in asked if not person.contact_id):
        asked = list(audiences.people(audience, event, reason=""))
    there = keep({person.contact_id for person in asked})
    if not len(asked) == there == count:
        raise Changed(there)
    return asked


def make_contacts(guests: Iterable[Person]) -> int:
    """Guests become contacts of the organization that their RSVP was matched with, or on their own. Says how many."""
    guests = list(guests)
    partners = dict(Rsvp.objects.filter(pk__in=[guest.rsvp_id for guest in guests]).values_list("pk", "partner_id"))
    contacts.add_many(
        Contact(
            organization_id=partners.get(guest.rsvp_id), name=guest.name, email=guest.email, language=guest.language
        )
        for guest in guests
    )
    return len(guests)


def keep(pks: set[int]) -> int:
    """Locks contacts against being merged or erased, and says how many of them are there: always in one order, as who
    merges does, too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM partners_contact WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(pks)])
        return cursor.rowcount


# Write -----------------------------------------------------------------------------------------------------------


def write(mailing: Mailing) -> bool:
    """Writes the messages of a mailing's invitations, batch by batch, for some WRITE_SECONDS; says whether all are
    written. Goes on where it was interrupted; two at once take turns; twice writes nothing twice."""
    stop_at = time.monotonic() + WRITE_SECONDS
    while write_some(mailing.pk):
        if time.monotonic() > stop_at:
            return False
    return True


@transaction.atomic
def write_some(mailing_pk: int) -> bool:
    """Writes a batch in one transaction, under the mailing's lock. Says whether there may be more."""
    going_on = Mailing.objects.going_on().select_for_update(no_key=True)
    mailing = going_on.filter(pk=mailing_pk).first()
    if mailing is None:
        return False
    to_write = mailing.invitations.filter(written_at__isnull=True)
    locked = to_write.select_for_update(skip_locked=True, of=("self",), no_key=True)
    some = list(locked.select_related("event", "contact__organization").order_by("pk")[:BATCH])
    if some and not some[0].event.takes_rsvps:
        stop(mailing)  # the event was called off or closed meanwhile: nobody could answer
        return False
    if some:
        write_batch(mailing, some)
    if not to_write.exists():
        mailing.written_at = timezone.now()
    mailing.save(update_fields=["written_at", "left_out"])
    return bool(some) and not mailing.written_at


def write_batch(mailing: Mailing, invitations: list[Invitation]) -> None:
    """Locked invitations of a locked mailing. Who does not want it any more, or has an RSVP by now, is left out."""
    event = invitations[0].event
    emails = {invitation.contact.email.lower() for invitation in invitations}
    known = addresses.of_many(emails)
    coming = set(with_rsvp(event, emails))
    asked, left_out = [], []
    for invitation in invitations:
        address = known[invitation.contact.email.lower()]
        is_wanted = address.wants_invitations and not address.refused_at and address.email not in coming
        (asked if is_wanted else left_out).append(invitation)
        invitation.mailing = mailing
    mail.queue_many(invitation_letters.written(event, asked, known))
    Invitation.objects.filter(pk__in=[invitation.pk for invitation in asked]).update(written_at=timezone.now())
    Invitation.objects.filter(pk__in=[invitation.pk for invitation in left_out]).delete()
    mailing.left_out += len(left_out)


def with_rsvp(event: Event, emails: Iterable[str]):
    """Those of these addresses, in lower case, that have an RSVP for the event."""
    standing = event.rsvps.active().order_by().annotate(address=Lower("email"))
    return standing.filter(address__in=emails).values_list("address", flat=True)


# Pause, go on, stop ----------------------------------------------------------------------------------------------


def pause(mailing: Mailing) -> None:
    """No more of its mail leaves, until it goes on. Twice changes nothing."""
    bulk.pause(mailing)


def go_on(mailing: Mailing) -> None:
    """A paused mailing goes on, a stopped one does not. Twice changes nothing."""
    bulk.go_on(mailing)


@transaction.atomic
def stop(mailing: Mailing) -> int:
    """Ends a mailing for good. Whoever was not written to yet was never invited, and can be asked again another time.
    Says how many those are; twice takes nobody back twice."""
    unsent = [pk for key in bulk.stop(mailing) if (pk := invitation_letters.of_key(key))]
    never_asked = mailing.invitations.filter(Q(pk__in=unsent) | Q(written_at__isnull=True))
    # What was answered stays: a link can be read before its mail is marked as sent.
    locked = never_asked.filter(rsvp=None, declined_at=None).select_for_update(no_key=True).order_by("pk")
    taken_back, _rows = Invitation.objects.filter(pk__in=[invitation.pk for invitation in locked]).delete()
    return taken_back


def stop_the_unanswerable() -> None:
    """Ends the mailings to events that were called off or closed since: no mail asks what nobody can answer."""
    closed = Q(event__cancelled_at__isnull=False) | Q(event__rsvp_closes_at__lte=timezone.now())
    invitations = Invitation.objects.filter(closed, mailing=OuterRef("pk"))
    unsent = Message.objects.filter(mailing=OuterRef("pk"), state=Message.State.QUEUED)
    for mailing in Mailing.objects.filter(Exists(invitations), Exists(unsent), stopped_at=None):
        stop(mailing)


# Contacts that become one, or are erased -------------------------------------------------------------------------


def join(stays: Contact, goes: Contact) -> None:
    """Two contacts become one: of two invitations to one event the one with an answer is kept, or the one that was sent
    first. The other's link opens nothing any more, and is not mailed."""
    events = goes.invitations.filter(event__invitations__contact=stays).values_list("event", flat=True)
    for event in sorted(set(events)):
        both = Invitation.objects.filter(event=event, contact__in=[stays, goes]).select_for_update(of=("self",))
        kept, dropped = sorted(both.select_related("rsvp"), key=weight, reverse=True)
        Message.objects.about(about(dropped)).filter(state=Message.State.QUEUED).delete()
        merging.rename(about(dropped), about(kept))
        dropped.delete()


def weight(invitation: Invitation) -> tuple:
    order = [Answer.OPEN, Answer.DECLINED, Answer.ACCEPTED]
    return order.index(invitation.answer), bool(invitation.written_at), -invitation.pk


def write_again(contact: Contact) -> None:
    """A contact's address was corrected: an invitation that did not reach the old one is written to the new one."""
    for invitation in contact.invitations.filter(mailing__stopped_at=None, written_at__isnull=False):
        unsent = Message.objects.filter(key=invitation_letters.key(invitation.pk), state__in=UNSENT)
        if unsent.delete()[0]:
            Invitation.objects.filter(pk=invitation.pk).update(written_at=None)
            Mailing.objects.filter(pk=invitation.mailing_id).update(written_at=None)


def forget(contact: Contact) -> None:
    """A contact is erased: its invitations go with it, and so does what was written and noted about them."""
    for invitation in contact.invitations.all():
        Message.objects.about(about(invitation)).delete()
        Change.objects.filter(about=about(invitation)).delete()


# Answer ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def accept(invitation: Invitation, rsvp: Rsvp, *, size: int, guests: Sequence[Guest] = ()) -> Rsvp:
    """A party of `size` seats comes: `rsvp` is unsaved and says what the form asked, `guests` as seats.reserve takes
    them. It is of the contact's address and organization, whatever was typed.

    An RSVP that the address has is the answer as it stands; a cancelled one comes back. An invitation that was accepted
    already stays as it is. Raises seats.Closed, seats.PartyOutOfBounds, seats.AlreadyThere when the address's RSVP
    answers another invitation, and Invitation.DoesNotExist when it was taken back.
    """
    invitation = lock(invitation)
    before = answer(invitation)
    if invitation.answer != Answer.ACCEPTED:
        invitation.rsvp = seat(invitation, rsvp, size=size, guests=guests)
    invitation.declined_at, invitation.word = None, ""
    save_answer(invitation, before)
    return invitation.rsvp


def seat(invitation: Invitation, rsvp: Rsvp, *, size: int, guests: Sequence[Guest]) -> Rsvp:
    known = invitation.rsvp or of_address(invitation)
    if known is None:
        contact = invitation.contact
        rsvp.event, rsvp.email, rsvp.partner = invitation.event, contact.email, contact.organization
        rsvp.source, rsvp.uid = Rsvp.Source.INVITATION, calendars.uid_of(invitation)
        return seats.reserve(rsvp, size=size, guests=guests)
    seats.accept_fewer(known, rsvp.accepts_fewer)
    known = seats.come_back(known, size=size, guests=guests)
    said = {name: getattr(rsvp, name) for name in ("phone", "organization", "sector", "note") if getattr(rsvp, name)}
    return seats.correct(known, **said) if said else known


@transaction.atomic
def decline(invitation: Invitation, word: str = "") -> Invitation:
    """The contact does not come, with a word or without; an RSVP that stands is cancelled. Twice declines once; another
    word takes the first one's place. Until the RSVP window closes, and with an RSVP until the event ends, as every seat
    can be given back (rule 5 of the seats). Raises seats.Closed and Invitation.DoesNotExist."""
    invitation, word = lock(invitation), word[:WORD]
    before = answer(invitation)
    if invitation.answer == Answer.DECLINED and word in {"", invitation.word}:
        return invitation
    if invitation.answer == Answer.ACCEPTED:
        seats.check_not_over(invitation.event)
        invitation.rsvp = seats.cancel(invitation.rsvp)
    else:
        seats.check_open(invitation.event)
    invitation.declined_at, invitation.word = invitation.declined_at or timezone.now(), word
    save_answer(invitation, before)
    return invitation


@transaction.atomic
def replace_link(invitation: Invitation) -> None:
    """Gives an invitation a new link, as others saw the old one, which opens nothing from now on. The new one is mailed
    at once, unless the invitation waits to be written with it, the event is over, or the address wants no invitations.
    Raises Invitation.DoesNotExist."""
    invitation = lock(invitation)
    invitation.token = new_token()
    invitation.save(update_fields=["token"])
    history.note(about(invitation), {"link": ""}, {"link": "replaced"})
    mails = Message.objects.about(about(invitation))
    mails.filter(state=Message.State.QUEUED).delete()  # they lead to the old one
    email = invitation.contact.email
    if invitation.written_at and not invitation.event.is_over and addresses.wants(email, "invitations"):
        [message] = invitation_letters.written(invitation.event, [invitation], addresses.of_many([email]))
        number = mails.filter(key__contains=":new_link:").count() + 1
        message.key, message.queue = f"{about(invitation)}:new_link:{number}", Message.Queue.DIRECT
        message.mailing = None
        mail.queue_many([message])


def tie_known() -> None:
    """Whoever was asked and made an RSVP elsewhere, with the same address, has answered by it."""
    standing = Rsvp.objects.active().filter(event=OuterRef("event"), invitation=None).order_by()
    same = standing.alias(address=Lower("email")).filter(address=Lower(OuterRef("contact__email")))
    coming = Invitation.objects.filter(rsvp=None, event__ends_at__gt=timezone.now())
    for invitation in coming.filter(Exists(same)).order_by("pk")[:MOST_TIED]:
        tie(invitation)


@transaction.atomic
def tie(invitation: Invitation) -> None:
    before = answer(invitation)
    with suppress(Invitation.DoesNotExist):
        invitation = lock(invitation)
        if invitation.answer == Answer.ACCEPTED:
            invitation.declined_at, invitation.word = None, ""
            save_answer(invitation, before)


def lock(invitation: Invitation) -> Invitation:
    """The invitation as it stands, locked to the end of the transaction, with its event, contact and RSVP. One that the
    address made elsewhere is its RSVP, too."""
    event = seats.lock(invitation.event_id)
    # Who merges organizations has their lock, and waits for invitations.
    list(Organization.objects.filter(contacts__invitations=invitation).select_for_update(no_key=True, of=("self",)))
    locked = Invitation.objects.select_for_update(no_key=True, of=("self",))
    invitation = locked.select_related("contact__organization", "rsvp", "mailing").get(pk=invitation.pk)
    invitation.event = event
    known = of_address(invitation) if not invitation.rsvp else None
    if known and not known.cancelled_at:
        invitation.rsvp = known
    if invitation.rsvp:
        invitation.rsvp.event = event
    return invitation


def of_address(invitation: Invitation) -> Rsvp | None:
    """The RSVP of the contact's address for the event, unless it answers another invitation."""
    return invitation.event.rsvps.with_email(invitation.contact.email).filter(invitation=None).first()


def answer(invitation: Invitation) -> dict:
    """What history tells of an answer."""
    return {"answer": str(invitation.answer), "word": invitation.word}


def save_answer(invitation: Invitation, before: dict) -> None:
    invitation.save(update_fields=["rsvp", "declined_at", "word"])
    history.note(about(invitation), before, answer(invitation), hidden=("word",))
