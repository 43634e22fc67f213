"""Rules for staff about contacts and organizations (docs/rules.md): add, correct and delete them.

profiles.py has the rules for partners. Each rule locks the organization first, or the contact if it has none.
"""

from collections.abc import Collection, Iterable, Sequence

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from imagine.core import audit, links
from imagine.core.deletion import check_deletable
from imagine.core.models import SecurityEventKind
from imagine.core.relations import about_rows
from imagine.core.security_events import record_event, record_events
from imagine.mail import preferences
from imagine.mail.models import Message, MessageQuerySet
from partners.models import Contact, DuplicateCandidate, Organization, Pledge
from partners.organizations import profiles
from partners.pledges import links as pledge_links
from partners.signals import (
    contact_email_changed,
    contact_emails_changing,
    contacts_deleted,
    contacts_locked,
    organizations_leaving,
)

BATCH_SIZE = 2000  # rows in one statement


@transaction.atomic
def add_contact(organization: Organization | None, *, email: str, is_primary: bool = False, **fields) -> Contact:
    """Return the contact with this email address, or add one. The first contact of an organization becomes the primary
    contact; `is_primary` makes it replace the current one. Without an organization, the contact is independent."""
    if organization is None:
        return get_or_add_independent_contact(email, **fields)
    organization = profiles.lock_organization(organization.pk)
    contact = profiles.get_or_add_contact(organization, email=email, **fields)
    return correct_contact(contact, is_primary=True) if is_primary else contact


def get_or_add_independent_contact(email: str, **fields) -> Contact:
    """Return the contact with this email address and no organization, or add one."""
    people = Contact.objects.filter(organization__isnull=True).with_email(email)
    if known := people.first():
        return known
    try:
        with transaction.atomic():  # someone else may add the same contact at this moment
            contact = Contact.objects.create(email=email, **fields)
    except IntegrityError:
        return people.get()
    audit.log_change(contact, {"name": "", "email": ""}, profiles.field_values(contact, ["name", "email"]))
    return contact


@transaction.atomic
def add_contacts(people: Iterable[Contact]) -> None:
    """Save new contacts, with or without an organization; skip those whose email address exists already.

    The first contact of an organization without a primary contact becomes the primary contact. The number of
    statements doesn't grow with the number of contacts.
    """
    people, now = list(people), timezone.now()
    locked = profiles.lock_organizations({person.organization_id for person in people if person.organization_id})
    primary = Contact.objects.filter(organization__in=locked, is_primary=True)
    with_primary = set(primary.values_list("organization_id", flat=True))
    for person in people:
        if person.organization_id not in locked:  # it has none, or someone has just deleted it
            person.organization = None
    # Always in the same order, because adding an address waits for any other transaction that adds it.
    people.sort(key=lambda person: (person.organization_id or 0, person.email.lower()))
    for person in people:
        person.is_primary = person.organization_id is not None and person.organization_id not in with_primary
        if person.organization_id:
            with_primary.add(person.organization_id)
        person.created_at = now
    Contact.objects.bulk_create(people, ignore_conflicts=True, batch_size=BATCH_SIZE)
    emails = [person.email for person in people]
    added = Contact.objects.filter(email__in=emails, created_at=now)
    names = ["name", "email"]
    audit.log_changes((person, dict.fromkeys(names, ""), profiles.field_values(person, names)) for person in added)


def lock_contact(contact: Contact) -> Contact:
    """Return the current contact, with its current organization locked, or itself if it has none. Raise
    Contact.DoesNotExist."""
    if contact.organization_id is None:
        return Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    return profiles.lock_owning_organization(contact).contacts.get(pk=contact.pk)


def lock_before_new_emails(pks: Collection[int]) -> None:
    """Lock what other apps write when these contacts get other addresses, before their organizations are locked."""
    contact_emails_changing.send(Contact, contacts=pks)


def lock_contacts(organization: Organization) -> list[Contact]:
    """Lock all contacts of a locked organization, and related rows of other apps, before changing several of them."""
    contacts = list(organization.contacts.select_for_update().order_by("pk"))
    contacts_locked.send(Contact, contacts=contacts)
    return contacts


def keep_contacts(pks: Collection[int]) -> int:
    """Lock contacts so that they can't be merged or deleted. Return the number of those that still exist."""
    kept = Contact.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    return len(kept.values_list("pk"))


@transaction.atomic
def correct_contact(contact: Contact, **fields) -> Contact:
    """Change fields of a contact.

    A new primary contact replaces the current one. Unless only its case changes, links that the old address got stop
    working, and the new one gets what it needs. A contact who may no longer open the pledge loses its links, too.
    Whoever has locked the organization already must have called `lock_before_new_emails` before.
    """
    if "email" in fields:
        lock_before_new_emails([contact.pk])
    contact = lock_contact(contact)
    organization, before, had_access = contact.organization, contact.email, contact.may_open_pledge
    if organization and fields.get("is_primary"):
        lock_contacts(organization)
        for other in organization.contacts.filter(is_primary=True).exclude(pk=contact.pk):
            profiles.change_contact(other, is_primary=False)
    contact = profiles.change_contact(contact, **fields)
    if not links.is_same_address(contact.email, before):
        contacts_locked.send(Contact, contacts=[contact])
        contact_email_changed.send(Contact, contact=contact, before=before)
        answers = contact.pledges.update(verified_at=None) > 0
        pledge_links.end_links_of_address(organization, before, had_access=had_access or answers)
    elif organization and had_access and not contact.may_open_pledge:
        organization.pledges.filter(contact=contact).update(contact=None)
        pledge_links.end_pledge_links(organization)
    return contact


def emails_about_pledges(organization: Organization) -> MessageQuerySet:
    """Return the emails about an organization's pledges."""
    return Message.objects.filter(about_rows(Pledge, organization.pledges.order_by().values("pk")))


@transaction.atomic
def delete_contact(contact: Contact) -> None:
    """Delete a contact with its change history and the email to its address, without notifying them.

    The primary contact takes over its pledges, with new links. A contact that is already deleted is ignored. Raise
    DeletionRefused.
    """
    try:
        organization = profiles.lock_owning_organization(contact) if contact.organization_id else None
    except Contact.DoesNotExist:
        return
    # From here on, no one can invite the contact.
    locked = Contact.objects.select_for_update(of=("self",))
    current = locked.filter(pk=contact.pk, organization=organization).first()
    if current is None:
        return
    check_deletable(current)
    contacts_locked.send(Contact, contacts=[current])
    had_access = current.may_open_pledge or current.pledges.exists()
    delete_locked_contacts([current])
    pledge_links.end_links_of_address(organization, contact.email, had_access=had_access)
    if organization:
        emails_about_pledges(organization).filter(recipient=contact.email).delete()
        audit.log_change(organization, {"contact": "…"}, {"contact": ""})


def delete_contacts(contacts: Iterable[Contact]) -> int:
    """Delete contacts like `delete_contact`, those without an organization in batches. Return how many were deleted
    already. Raise DeletionRefused."""
    contacts, missing = list(contacts), 0
    independent = [contact.pk for contact in contacts if contact.organization_id is None]
    for start in range(0, len(independent), BATCH_SIZE):
        batch = independent[start : start + BATCH_SIZE]
        missing += len(batch) - delete_independent_contacts(batch)
    for contact in contacts:
        if contact.organization_id is not None:
            delete_contact(contact)
    return missing


@transaction.atomic
def delete_independent_contacts(pks: Collection[int]) -> int:
    """Delete these contacts, except those that have an organization by now. Return how many."""
    locked = Contact.objects.select_for_update(of=("self",)).filter(pk__in=pks, organization=None)
    current = list(locked.order_by("pk"))
    check_deletable(*current)
    contacts_locked.send(Contact, contacts=current)
    delete_locked_contacts(current)
    pledge_links.end_requests_of_addresses([contact.email for contact in current])
    return len(current)


@transaction.atomic
def delete_organization(organization: Organization) -> None:
    """Delete an organization with its contacts and change history. Raise ProtectedError if it has a pledge,
    DeletionRefused, and Organization.DoesNotExist."""
    organizations_leaving.send(Organization, organizations=[organization.pk])
    organization = Organization.objects.select_for_update().get(pk=organization.pk)
    check_deletable(organization)
    record_event(SecurityEventKind.RECORD_DELETED, organization)
    delete_locked_contacts(lock_contacts(organization))
    DuplicateCandidate.objects.of_organizations([organization.pk]).lock()
    organization.delete()


def delete_locked_contacts(contacts: Sequence[Contact]) -> None:
    """Delete locked contacts with their change history, their rows in other apps and their mailings, in a number of
    statements that doesn't grow with the number of contacts.

    Keep mailings to an address that another contact has, too. Keep the preferences of an address that unsubscribed or
    bounced.
    """
    contacts_deleted.send(Contact, contacts=contacts)
    record_events(SecurityEventKind.RECORD_DELETED, contacts)
    Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).delete()
    emails = {contact.email.lower() for contact in contacts}
    others = Contact.objects.alias(lower_email=Lower("email")).filter(lower_email__in=emails)
    emails -= {email.lower() for email in others.values_list("email", flat=True)}
    messages = Message.objects.alias(lower_recipient=Lower("recipient")).filter(lower_recipient__in=emails)
    messages.filter(queue=Message.Queue.BULK).delete()
    # A guest's email still links to the preferences.
    preferences.discard_preferences(emails - {each.lower() for each in messages.values_list("recipient", flat=True)})
