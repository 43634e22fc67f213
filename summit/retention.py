"""Remove what RSVPs and invitations say about people (imagine/privacy/retention.py says when).

RSVPs and guests are written under their event's lock, like everywhere (docs/rules.md).
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower, Now

from imagine.core.retention import REMOVED_NAME, hide_values
from summit import seats
from summit.models import Guest, Invitation, Rsvp

NEEDS_LIFETIME = timedelta(days=30)  # after the event, like the next two
NOTES_LIFETIME = timedelta(days=183)
NAMES_LIFETIME = timedelta(days=396)
NO_PARTY_NEEDS = {"party_dietary_needs": "", "party_accessibility_needs": ""}
BATCH_SIZE = 100  # RSVPs, in one transaction for each event
LOGGED_PERSONAL_FIELDS = (
    *("name", "email", "phone", "organization_name", "organization", "no_organization"),
    *("note", "guests", "came", "needs"),
)


def ended_before(age: timedelta, held: Collection[str]) -> QuerySet[Rsvp]:
    """Return RSVPs of events that ended longer ago than `age`, except those of people on hold."""
    ended = Rsvp.objects.personal().filter(event__ends_at__lt=Now() - age)
    return ended.alias(address=Lower("email")).exclude(address__in=held)


def clear_needs(held: Collection[str] = ()) -> int:
    """Clear dietary and accessibility needs of one batch of RSVPs. Return how many."""
    guests = Guest.objects.exclude(dietary_needs="", accessibility_needs="").values("rsvp")
    has_needs = Q(pk__in=guests) | ~Q(**NO_PARTY_NEEDS)
    return in_batch(ended_before(NEEDS_LIFETIME, held).filter(has_needs), clear_needs_of)


def clear_needs_of(rsvps: list[Rsvp]) -> None:
    Guest.objects.filter(rsvp__in=rsvps).update(dietary_needs="", accessibility_needs="")
    Rsvp.objects.filter(pk__in=[rsvp.pk for rsvp in rsvps]).update(**NO_PARTY_NEEDS)


def clear_notes(held: Collection[str] = ()) -> int:
    """Clear the notes of one batch of RSVPs, also in their history. Return how many."""
    return in_batch(ended_before(NOTES_LIFETIME, held).exclude(note=""), clear_notes_of)


def clear_notes_of(rsvps: list[Rsvp]) -> None:
    Rsvp.objects.filter(pk__in=[rsvp.pk for rsvp in rsvps]).update(note="")
    hide_values(rsvps, ["note"])


def remove_names(held: Collection[str] = ()) -> int:
    """Remove the personal data of one batch of RSVPs. Return how many."""
    return in_batch(ended_before(NAMES_LIFETIME, held), anonymize)


def anonymize_rsvps(rsvps: Iterable[Rsvp]) -> None:
    """Remove the personal data of these RSVPs, also from their history. Seats, attendance and sector stay, so that
    the event's numbers do."""
    by_event(rsvps, anonymize)


def anonymize(rsvps: list[Rsvp]) -> None:
    end_invitation_links(rsvps)
    for rsvp in rsvps:
        rsvp.name, rsvp.email = REMOVED_NAME, f"removed-{rsvp.pk}@removed.invalid"
        rsvp.phone = rsvp.organization_name = rsvp.note = ""
        rsvp.organization, rsvp.no_organization = None, False
        rsvp.renew_link()
        rsvp.anonymized_at = Now()
    fields = ["name", "email", "phone", "organization_name", "organization", "no_organization", "note", "anonymized_at"]
    Rsvp.objects.bulk_update(rsvps, [*fields, *Rsvp.LINK_FIELDS])
    Guest.objects.filter(rsvp__in=rsvps).exclude(name="").update(name=REMOVED_NAME)
    clear_needs_of(rsvps)
    hide_values(rsvps, LOGGED_PERSONAL_FIELDS)


def end_invitation_links(rsvps: list[Rsvp]) -> None:
    """Give the invitations that these RSVPs answer new links, because their pages show the party."""
    answered = Invitation.objects.filter(rsvp__in=rsvps)
    answered.lock()
    invitations = list(answered)
    for invitation in invitations:
        invitation.renew_link()
    Invitation.objects.bulk_update(invitations, Invitation.LINK_FIELDS)


def in_batch(rsvps: QuerySet[Rsvp], remove) -> int:
    batch = list(rsvps.order_by("event_id", "pk")[:BATCH_SIZE])
    by_event(batch, remove)
    return len(batch)


def by_event(rsvps: Iterable[Rsvp], remove) -> None:
    """Remove data of those RSVPs that still exist, in one transaction for each event."""
    for event_pk, parties in groupby(sorted(rsvps, key=attrgetter("event_id", "pk")), attrgetter("event_id")):
        with transaction.atomic():
            event = seats.lock_event(event_pk)
            remove(list(event.rsvps.filter(pk__in=[rsvp.pk for rsvp in parties]).order_by("pk")))


@transaction.atomic
def clear_decline_messages(held: Collection[str] = ()) -> int:
    """Clear what people wrote when they declined, for one batch of invitations. Return how many."""
    old = Invitation.objects.filter(event__ends_at__lt=Now() - NOTES_LIFETIME).exclude(decline_message="")
    old = old.alias(address=Lower("contact__email")).exclude(address__in=held)
    pks = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    batch = Invitation.objects.filter(pk__in=pks)
    batch.lock()
    return batch.update(decline_message="")
