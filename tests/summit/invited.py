"""Audiences and invitations for tests. Say only what the test is about."""

from imagine.models import Mailing
from partners.models import Contact
from summit.models import Audience, Event, Invitation


def audience(*, listed=(), kinds=(), schools=(), **fields) -> Audience:
    """An audience of what is said, named by itself."""
    made = Audience.objects.create(**({"name": f"Audience {Audience.objects.count() + 1}"} | fields))
    made.listed.set(listed)
    made.kinds.set(kinds)
    made.schools.set(schools)
    return made


def mailing(event: Event, count: int = 1) -> Mailing:
    return Mailing.objects.create(about=f"event:{event.pk}", title=event.title, count=count)


def invitation(event: Event, contact: Contact, **fields) -> Invitation:
    """One that was made, and not written yet unless `fields` say so."""
    fields = {"mailing": fields.pop("mailing", None) or mailing(event)} | fields
    return Invitation.objects.create(event=event, contact=contact, **fields)
