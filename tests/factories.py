"""Test data, created through the application's own rules. Tests pass only the fields they are about."""

import struct
import zlib
from datetime import timedelta

from django.utils import timezone

from imagine.mail.models import Mailing, Message
from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear, PromiseType, School
from partners.organizations import contacts, merging, profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from partners.pledges.promises import PromiseData
from summit import event_changes, seats
from summit.invitations import starting, writing
from summit.models import Audience, Event, Guest, Invitation, Rsvp

ORGANIZATION, EMAIL = "Port Gate Logistics", "alma@example.org"

# Events and RSVPs


def event(**fields) -> Event:
    """Create a published event 30 days from now with 10 seats, open for RSVPs."""
    starts_at = fields.pop("starts_at", timezone.now().replace(microsecond=0) + timedelta(days=30))
    number = Event.objects.count() + 1
    defaults = {
        "title": "Imagine Promise Summit",
        "title_es": "Cumbre Imagine Promise",
        "slug": f"summit-{number}",
        "school_year": 2027,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2, minutes=30),
        "venue": "University of the Pacific",
        "address": "3601 Pacific Avenue, Stockton, California",
        "capacity": 10,
        "rsvp_opens_at": starts_at - timedelta(days=60),
        "rsvp_closes_at": starts_at - timedelta(hours=1),
        "is_published": True,
    }
    return Event.objects.create(**(defaults | fields))


def unsaved_rsvp(event: Event, name: str = "Alma Reyes", **fields) -> Rsvp:
    """The email address counts as verified unless `fields` say otherwise, as if the emailed link had been used."""
    defaults = {"email": f"{name.lower().replace(' ', '.')}@example.org", "verified_at": timezone.now()}
    return Rsvp(event=event, name=name, **defaults | fields)


def rsvp(event: Event, name: str = "Alma Reyes", *, size: int = 1, guests: tuple[str, ...] = (), **fields) -> Rsvp:
    """Create an RSVP the way the form does: the contact is the first guest, `guests` are the names of the others."""
    party = [Guest(name=name), *(Guest(name=guest_name) for guest_name in guests)]
    return seats.reserve(unsaved_rsvp(event, name, **fields), size=size, guests=party[:size])


def save_event(event: Event) -> Event:
    """Save an event as staff do, and notify its guests."""
    saved = event_changes.save_event(event)
    notify_guests()
    return saved


def cancel_event(event: Event) -> Event:
    canceled = event_changes.cancel_event(event)
    notify_guests()
    return canceled


def notify_guests() -> None:
    """Write all pending notices, as the worker does."""
    for pk in event_changes.events_with_pending_notices():
        event_changes.notify_next_guests(pk)


def end_event(event: Event) -> None:
    """Make the event end an hour ago."""
    start = timezone.now() - timedelta(hours=3)
    Event.objects.filter(pk=event.pk).update(
        starts_at=start, ends_at=start + timedelta(hours=2), rsvp_closes_at=start, rsvp_opens_at=start - timedelta(1)
    )


def mark_event_canceled(event: Event) -> None:
    """Mark the event as canceled without notifying anyone."""
    Event.objects.filter(pk=event.pk).update(canceled_at=timezone.now())


def close_rsvp(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(rsvp_closes_at=timezone.now())


def stop_promotion(event: Event) -> None:
    """Start the event in five hours and keep RSVP open for four, so that no one is promoted anymore."""
    now = timezone.now()
    Event.objects.filter(pk=event.pk).update(
        starts_at=now + timedelta(hours=5), rsvp_closes_at=now + timedelta(hours=4)
    )


# Invitations


def audience(*, uploaded_contacts=(), promise_types=(), schools=(), **fields) -> Audience:
    created = Audience.objects.create(**({"name": f"Audience {Audience.objects.count() + 1}"} | fields))
    created.uploaded_contacts.set(uploaded_contacts)
    created.promise_types.set(promise_types)
    created.schools.set(schools)
    return created


def mailing(event: Event, count: int = 1) -> Mailing:
    return Mailing.objects.create(about=event, title=event.title, recipient_count=count)


def invitation(event: Event, contact: Contact, **fields) -> Invitation:
    """Create an invitation that isn't written yet, unless `fields` say so. Its email address counts as verified."""
    fields = {"mailing": fields.pop("mailing", None) or mailing(event), "verified_at": timezone.now()} | fields
    return Invitation.objects.create(event=event, contact=contact, **fields)


def person(name: str, of: Organization | None = None, **fields) -> Contact:
    """Create a contact, with or without an organization."""
    fields = {"email": f"{name.lower().replace(' ', '.')}@example.org"} | fields
    return contacts.add_contact(of, name=name, **fields)


def start_mailing(event: Event, *people: Contact) -> Mailing:
    """Start a mailing to these contacts without writing its messages."""
    return starting.start_invitations(event, audience(uploaded_contacts=people), count=len(people), by="office")


def write_mailing(event: Event, *people: Contact) -> Mailing:
    """Start a mailing to these contacts and queue its messages."""
    begun = start_mailing(event, *people)
    writing.write_mailing(begun)
    begun.refresh_from_db()
    return begun


def invite(event: Event, contact: Contact) -> Invitation:
    """Write an invitation to this contact. Its link was already used, so using it again saves nothing."""
    write_mailing(event, contact)
    event.invitations.filter(contact=contact).update(verified_at=timezone.now())
    return event.invitations.get(contact=contact)


# Partners and pledges


def merge(kept: Organization, other: Organization, **how) -> Organization:
    """Merge two organizations as staff do, letting every contact of both open the pledge."""
    everyone = set(Contact.objects.filter(organization__in=[kept, other]).values_list("pk", flat=True))
    return merging.merge_organizations(kept, other, **{"may_open": everyone} | how)


def deliver() -> None:
    """Mark all queued email as sent."""
    Message.objects.filter(state="queued").update(state="sent", sent_at=timezone.now())


def pledge_year(school_year: int = 2027, **fields) -> PledgeYear:
    """Get or create a school year that opened for pledges yesterday."""
    defaults = {"opens_on": timezone.localdate() - timedelta(days=1)}
    return PledgeYear.objects.get_or_create(school_year=school_year, defaults=defaults | fields)[0]


def school(name: str = "Cesar Chavez High", level: str = "high", **fields) -> School:
    code = f"{39686760000000 + School.objects.count()}"
    return School.objects.create(**({"code": code, "name": name, "level": level} | fields))


def promise_data(code: str = "tours", quantity: int = 6, *, schools: tuple[School, ...] = (), **fields) -> PromiseData:
    promise_type = PromiseType.objects.get(code=code)
    return PromiseData(promise_type.pk, quantity, schools=tuple(school.pk for school in schools), **fields)


def organization(name: str = ORGANIZATION, **fields) -> Organization:
    return profiles.create_organization(name=name, **fields)


def contact(of: Organization, email: str = EMAIL, name: str = "Alma Reyes", **fields) -> Contact:
    return profiles.get_or_add_contact(of, email=email, name=name, **fields)


def unsaved_pledge_request(
    organization: str = ORGANIZATION, email: str = EMAIL, name: str = "Alma Reyes", **fields
) -> PledgeRequest:
    return PledgeRequest(organization=organization, email=email, name=name, **fields)


def pledge_request(organization: str = ORGANIZATION, email: str = EMAIL, **fields) -> PledgeRequest:
    """Request a pledge and email its link."""
    pledge_year()
    begun = unsaved_pledge_request(organization, email, **fields)
    pledge_signup.request_pledge(begun)
    pledge_signup.answer_request_once(begun.pk)
    return PledgeRequest.objects.get(pk=begun.pk)


def pledge_data(token: str, *promises: PromiseData, **changed) -> dict:
    """Return what a browser sends after opening the page, selecting `promises` and changing profile fields. Without
    promises, the saved ones stay."""
    state = page_state.load_page_state(token)
    return {
        "version": state.version,
        "profile": state.profile | changed,
        "contact": state.contact,
        "promised": list(promises) or state.promises,
    }


def draft_pledge(
    organization: str = ORGANIZATION, email: str = EMAIL, promises: tuple[PromiseData, ...] = (), **fields
) -> Pledge:
    """Request a pledge by email and save it unsigned."""
    token = pledge_request(organization, email, **fields).token
    return pledge_editing.save_draft(token, **pledge_data(token, *(promises or [promise_data()])))


def signed_pledge(
    organization: str = ORGANIZATION, email: str = EMAIL, promises: tuple[PromiseData, ...] = (), **fields
) -> Pledge:
    """Request a pledge by email and sign it."""
    token = pledge_request(organization, email, **fields).token
    return pledge_editing.sign_pledge(
        token, **pledge_data(token, *(promises or [promise_data()])), name="Alma Reyes", role="Owner"
    )


def pledge_signed_last_year(
    organization: str = ORGANIZATION, email: str = EMAIL, promises: tuple[PromiseData, ...] = ()
) -> Pledge:
    """Sign a pledge for the previous school year, which is closed."""
    later, before = pledge_year(), pledge_year(2026)
    PledgeYear.objects.filter(pk=later.pk).update(closed_at=timezone.now())
    pledge = signed_pledge(organization, email, promises)
    PledgeYear.objects.filter(pk=later.pk).update(closed_at=None)
    close_year(before)
    return pledge


def close_year(year: PledgeYear | int = 2027) -> PledgeYear:
    year = year if isinstance(year, PledgeYear) else PledgeYear.objects.get(pk=year)
    return pledge_years.close_year(year)


def backdate_pledge(pledge: Pledge, days: int) -> None:
    """Make the last change of the pledge this many days ago."""
    Pledge.objects.filter(pk=pledge.pk).update(changed_at=timezone.now() - timedelta(days=days))


def listed_partner(organization: str = ORGANIZATION, *promises: PromiseData, **profile) -> Organization:
    """Create a partner that signed and that staff approved for the public list, with its own email address."""
    email = f"{organization.lower().replace(' ', '.')}@example.org"
    token = pledge_request(organization, email).token
    typed = pledge_data(
        token, *(promises or [promise_data()]), **({"wants_listing": True, "sector": "business"} | profile)
    )
    pledge = pledge_editing.sign_pledge(token, **typed, name="Alma Reyes", role="Owner")
    return profiles.approve_listing(pledge.organization, by="staff")


def renew_pledge(of: Organization, school_year: int, *promises: PromiseData) -> Pledge:
    """Sign the partner's pledge for a later school year, which is opened for it."""
    pledge_year(school_year)
    token = of.pledges.order_by("-year_id").first().token
    return pledge_editing.sign_pledge(token, **pledge_data(token, *promises), name="Alma Reyes")


def png(width: int = 400, height: int = 300) -> bytes:
    """Return a gray image of this size."""

    def chunk(chunk_type: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + chunk_type + data + struct.pack(">I", zlib.crc32(chunk_type + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
