"""Audiences and invitations for tests. Say only what the test is about."""

from imagine.mail.models import Mailing
from partners.models import Contact, Organization
from partners.organizations import contacts
from summit.invitations import starting, writing
from summit.models import Audience, Event, Invitation


def audience(*, uploaded_contacts=(), kinds=(), schools=(), **fields) -> Audience:
    """An audience of what is said, named by itself."""
    made = Audience.objects.create(**({"name": f"Audience {Audience.objects.count() + 1}"} | fields))
    made.uploaded_contacts.set(uploaded_contacts)
    made.kinds.set(kinds)
    made.schools.set(schools)
    return made


def mailing(event: Event, count: int = 1) -> Mailing:
    return Mailing.objects.create(about=f"event:{event.pk}", title=event.title, recipient_count=count)


def invitation(event: Event, contact: Contact, **fields) -> Invitation:
    """One that was made, and not written yet unless `fields` say so."""
    fields = {"mailing": fields.pop("mailing", None) or mailing(event)} | fields
    return Invitation.objects.create(event=event, contact=contact, **fields)


def person(name: str, of: Organization | None = None, **fields) -> Contact:
    """A contact of an organization, or on their own."""
    fields = {"email": f"{name.lower().replace(' ', '.')}@example.org"} | fields
    return contacts.add(of, name=name, **fields)


def started(event: Event, *people: Contact) -> Mailing:
    """A mailing to these people, whose messages are not written yet."""
    return starting.start(event, audience(uploaded_contacts=people), count=len(people), by="office")


def written(event: Event, *people: Contact) -> Mailing:
    """A mailing to these people whose messages wait to be sent."""
    begun = started(event, *people)
    writing.write(begun)
    begun.refresh_from_db()
    return begun


def to(event: Event, contact: Contact) -> Invitation:
    """An invitation to this contact, written."""
    written(event, contact)
    return event.invitations.get(contact=contact)
