"""The guest list and the list of invitations as files: for each, a header and a row function over one query."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import compress

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from imagine.core.spreadsheets.writer import Cell, Export
from partners.exports import sector_labels
from summit.models import Event, Guest, Invitation, Rsvp, RsvpQuerySet, answer_of, door_code, status_of

FETCH_SIZE = 500  # rows

NEEDS = (
    *(_("food needs"), _("access or language needs")),
    *(_("food needs of anyone in the party"), _("access or language needs of anyone in the party")),
)
GUEST_HEADER = (
    _("event"),
    _("date"),
    _("guest"),
    _("guest number"),
    _("party size"),
    _("contact"),
    _("email"),
    _("phone"),
    _("organization"),
    _("sector"),
    *NEEDS,
    _("status"),
    _("seat"),
    _("waitlisted since"),
    _("RSVP date"),
    _("language"),
    _("note"),
    _("check-in code"),
)
GUEST_COLUMNS = (
    "rsvp__event",
    "name",
    "position",
    "dietary_needs",
    "accessibility_needs",
    "rsvp__party_dietary_needs",
    "rsvp__party_accessibility_needs",
    "rsvp__name",
    "rsvp__email",
    "rsvp__phone",
    "rsvp__organization_name",
    "rsvp__sector",
    "rsvp__held_seats",
    "rsvp__waitlisted_seats",
    "rsvp__waitlisted_since",
    "rsvp__canceled_at",
    "rsvp__created_at",
    "rsvp__language",
    "rsvp__note",
    "rsvp__ics_uid",
)


INVITATION_HEADER = (
    _("event"),
    _("date"),
    _("contact"),
    _("email"),
    _("organization"),
    _("sector"),
    _("language"),
    _("invited"),
    _("answer"),
    _("confirmed seats"),
    _("waitlisted seats"),
    _("declined"),
    _("message"),
)
INVITATION_COLUMNS = (
    "event",
    "contact__name",
    "contact__email",
    "contact__organization__name",
    "contact__organization__sector",
    "contact__language",
    "created_at",
    "rsvp__held_seats",
    "rsvp__waitlisted_seats",
    "declined_at",
    "decline_message",
)

Labels = Mapping[str, Mapping]

# Guests ----------------------------------------------------------------------------------------------------------


def guests_of(rsvps: RsvpQuerySet, *, include_canceled: bool = False) -> QuerySet[Guest]:
    """Return the guests of some RSVPs. Canceled ones are included only on request, because a list for the door or the
    kitchen must not count them."""
    return Guest.objects.filter(rsvp__in=rsvps if include_canceled else rsvps.active())


def guest_export(guests: QuerySet[Guest], *, with_needs: bool) -> Export:
    """Return the list of these guests. Their needs are health information, so not everyone who may have the list may
    have those."""
    shown = [with_needs or heading not in NEEDS for heading in GUEST_HEADER]
    rows = (tuple(compress(row, shown)) for row in guest_rows(guests))
    return Export("guests", list(compress(guest_header(), shown)), guests.count(), rows)


def guest_header() -> list[str]:
    return [capfirst(str(words)) for words in GUEST_HEADER]


def guest_rows(guests: QuerySet[Guest]) -> Iterator[tuple[Cell, ...]]:
    """Return one row per guest, party after party in the order they were made, the contact first.

    The language is that of the call, even if the last row is read later. Two queries; rows come through a server-side
    cursor, so memory use stays flat.
    """
    events = event_names_and_dates()
    labels: Labels = {
        "sector": sector_labels() | {None: ""},
        "state": {value: str(label) for value, label in Rsvp.Status.choices},
        "language": dict(settings.LANGUAGES),
        "seat": {True: pgettext("seat", "Confirmed"), False: pgettext("seat", "Waitlisted")},
    }
    guests = guests.filter(rsvp__event__in=events).order_by("rsvp__event_id", "rsvp_id", "position")
    return map(partial(guest_row, events, labels), guests.values_list(*GUEST_COLUMNS).iterator(chunk_size=FETCH_SIZE))


def event_names_and_dates() -> dict[int, tuple]:
    """Return the title and date of each event, in the current language."""
    return {event.pk: (event.localized_title, timezone.localdate(event.starts_at)) for event in Event.objects.all()}


def guest_row(events: dict[int, tuple], labels: Labels, guest: tuple) -> tuple[Cell, ...]:
    """Return the row under GUEST_HEADER for one guest, given as GUEST_COLUMNS. A party's first guests have its
    confirmed seats, and its contact's row has what anyone in it needs."""
    (
        event, name, position, dietary_needs, accessibility_needs, party_dietary_needs, party_accessibility_needs,
        contact, email, phone, organization, sector,
        held, waiting, since, canceled_at, created_at, language, note, uid,
    ) = guest  # fmt: skip
    return (
        *events[event],
        name,
        position,
        held + waiting,
        contact,
        email,
        phone,
        organization,
        labels["sector"][sector],
        dietary_needs,
        accessibility_needs,
        party_dietary_needs if position == 1 else "",
        party_accessibility_needs if position == 1 else "",
        labels["state"][status_of(held, waiting, canceled_at)],
        "" if canceled_at else labels["seat"][position <= held],
        since,
        created_at,
        labels["language"][language],
        note,
        door_code(uid),
    )


# Invitations -----------------------------------------------------------------------------------------------------


def invitation_export(invitations: QuerySet[Invitation]) -> Export:
    header = [capfirst(str(words)) for words in INVITATION_HEADER]
    return Export("invitations", header, invitations.count(), invitation_rows(invitations))


def invitation_rows(invitations: QuerySet[Invitation]) -> Iterator[tuple[Cell, ...]]:
    """Return one row per invitation, event after event, like `guest_rows`."""
    events = event_names_and_dates()
    labels: Labels = {
        "sector": sector_labels() | {None: ""},
        "language": dict(settings.LANGUAGES),
        "answer": {value: str(label) for value, label in Invitation.Answer.choices},
    }
    invitations = invitations.filter(event__in=events).order_by("event_id", "pk")
    return map(
        partial(invitation_row, events, labels),
        invitations.values_list(*INVITATION_COLUMNS).iterator(chunk_size=FETCH_SIZE),
    )


def invitation_row(events: dict[int, tuple], labels: Labels, invitation: tuple) -> tuple[Cell, ...]:
    """Return the row under INVITATION_HEADER for one invitation, given as INVITATION_COLUMNS. An RSVP without seats is
    canceled."""
    event, name, email, organization, sector, language, created_at, held, waiting, declined_at, decline_message = (
        invitation
    )
    answer = answer_of(None if held is None else bool(held or waiting), declined_at)
    return (
        *events[event],
        name,
        email,
        organization or "",
        labels["sector"][sector],
        labels["language"][language],
        created_at,
        labels["answer"][answer],
        held,
        waiting,
        declined_at,
        decline_message,
    )
