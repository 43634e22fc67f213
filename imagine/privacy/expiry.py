"""Delete what several apps store about people, when retention.py says so."""

from collections.abc import Collection
from datetime import timedelta

from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Cast, Lower, Now
from django.utils import timezone

from imagine.core import retention as core_retention
from imagine.core.relations import about_rows
from imagine.mail import preferences
from imagine.mail.models import EmailPreference, Message
from imagine.privacy.models import Hold
from partners.models import Contact, Organization, Pledge, PledgeRequest
from partners.organizations import contacts
from summit.models import Event, Invitation, Rsvp

CONTACT_LIFETIME = timedelta(days=548)
HOLD_LIFETIME = timedelta(days=2 * 365)  # after it ends
BATCH_SIZE = 50  # contacts, each deleted in its own transaction


def delete_unused_contacts(held: Collection[str] = ()) -> int:
    """Delete one batch of old contacts whose organization has no pledge and whose address has no RSVP and no invitation
    to an upcoming event. Return how many."""
    address = Lower(OuterRef("email"))
    with_rsvp = Rsvp.objects.personal().alias(address=Lower("email")).filter(address=address)
    invited = Invitation.objects.filter(contact=OuterRef("pk"), event__ends_at__gt=Now())
    old = Contact.objects.filter(created_at__lt=Now() - CONTACT_LIFETIME)
    old = old.exclude(Exists(Pledge.objects.filter(organization=OuterRef("organization"))))
    old = old.exclude(Exists(with_rsvp)).exclude(Exists(invited))
    batch = list(old.alias(address=Lower("email")).exclude(address__in=held).order_by("pk")[:BATCH_SIZE])
    for contact in batch:
        contacts.delete_contact(contact)
    return len(batch)


def delete_unused_preferences(held: Collection[str] = ()) -> int:
    """Delete one batch of preferences that no one chose, for addresses that nothing else uses. Return how many."""
    unused = EmailPreference.objects.exclude(email__in=held).exclude(preferences.chosen())
    for rows, address in (
        (Rsvp.objects.personal(), "email"),
        (Contact.objects.all(), "email"),
        (PledgeRequest.objects.all(), "email"),
        (Message.objects.all(), "recipient"),
    ):
        rows = rows.order_by().alias(address=Lower(address)).filter(address=OuterRef("email"))
        unused = unused.filter(~Exists(rows))  # an anti join; NOT IN compares each with each once it is large
    return core_retention.delete_batch(unused)


def delete_old_history(held: Collection[str] = ()) -> int:
    """Delete one batch of old change history, except that of people on hold and of recent events, whose calendar
    entries count it. Return how many rows."""
    recent = Event.objects.filter(ends_at__gt=Now() - core_retention.HISTORY_LIFETIME)
    exclude = about_rows(Event, recent.order_by().values("pk"))
    for model, rows in records_of(held).items():
        exclude |= about_rows(model, rows.order_by().values("pk"))
    return core_retention.delete_old_entries(exclude)


def delete_old_log(held: Collection[str] = ()) -> int:
    """Delete one batch of old entries of the admin's log, except those about people on hold. Return how many."""
    exclude = Q(pk__in=[])
    for model, rows in records_of(held).items():
        pks = rows.order_by().annotate(text=Cast("pk", CharField())).values("text")
        exclude |= Q(content_type=ContentType.objects.get_for_model(model), object_id__in=pks)
    return core_retention.delete_old_log_entries(exclude)


def delete_old_holds() -> int:
    return Hold.objects.filter(ends_on__lt=timezone.localdate() - HOLD_LIFETIME).delete()[0]


def records_of(held: Collection[str]) -> dict[type[Model], QuerySet]:
    """Return the records about people on hold whose history is kept."""
    people = Contact.objects.alias(address=Lower("email")).filter(address__in=held)
    return {
        Rsvp: Rsvp.objects.alias(address=Lower("email")).filter(address__in=held),
        Contact: people,
        Invitation: Invitation.objects.filter(contact__in=people),
        Organization: Organization.objects.filter(contacts__in=people),
        Pledge: Pledge.objects.filter(organization__contacts__in=people),
    }
