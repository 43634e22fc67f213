"""What staff do to contacts and organizations (docs/rules.md): add, correct, erase. What partners do to their own is in
profiles.py. The organization is locked first; of a person on their own, who has none, the person."""

from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from operator import or_

from django.db import IntegrityError, transaction
from django.utils import timezone

from imagine.core import audit
from imagine.core.relations import about_rows
from imagine.mail import preferences
from imagine.mail.models import Message
from partners.models import Contact, Organization, Pledge
from partners.organizations import profiles
from partners.pledges import links as pledge_links
from partners.pledges import years as pledge_years
from partners.signals import contact_deleted, contact_email_changed, contacts_locked, organizations_leaving

BATCH_SIZE = 2000  # rows in one statement


@transaction.atomic
def add_contact(organization: Organization | None, *, email: str, is_primary: bool = False, **fields) -> Contact:
    """The contact with this address, made if there is none. The first is the main one; one that is to be takes that
    from whoever was. Without an organization it is a person on their own."""
    if organization is None:
        return get_or_add_independent_contact(email, **fields)
    organization = profiles.lock_organization(organization.pk)
    contact = profiles.get_or_add_contact(organization, email=email, **fields)
    return correct_contact(contact, is_primary=True) if is_primary else contact


def get_or_add_independent_contact(email: str, **fields) -> Contact:
    """The person on their own with this address, made if there is none."""
    people = Contact.objects.filter(organization__isnull=True).with_email(email)
    if known := people.first():
        return known
    try:
        with transaction.atomic():  # somebody else may have made them a moment ago
            contact = Contact.objects.create(email=email, **fields)
    except IntegrityError:
        return people.get()
    audit.log_change(contact, {"name": "", "email": ""}, profiles.field_values(contact, ["name", "email"]))
    return contact


@transaction.atomic
def add_contacts(people: Iterable[Contact]) -> None:
    """Saves unsaved contacts, each of the organization whose primary key it has, or on their own; an address that is
    there already stays as it is. The first of an organization without a main contact becomes it. A few statements for
    any number."""
    # In one order, since each waits for whoever is adding the same address.
    people = sorted(people, key=lambda person: (person.organization_id or 0, person.email.lower()))
    now = timezone.now()
    there = profiles.lock_organizations({person.organization_id for person in people if person.organization_id})
    led = set(Contact.objects.filter(organization__in=there, is_primary=True).values_list("organization_id", flat=True))
    for person in people:
        if person.organization_id not in there:  # none, or one that was erased meanwhile
            person.organization = None
        person.is_primary = person.organization_id is not None and person.organization_id not in led
        if person.organization_id:
            led.add(person.organization_id)
        person.created_at = now
    Contact.objects.bulk_create(people, ignore_conflicts=True, batch_size=BATCH_SIZE)
    emails = [person.email for person in people]
    made = Contact.objects.filter(email__in=emails, created_at=now)
    names = ["name", "email"]
    audit.log_changes((person, dict.fromkeys(names, ""), profiles.field_values(person, names)) for person in made)


def lock_contact(contact: Contact) -> Contact:
    """The contact as it stands, locked to the end of the transaction by its organization, whichever that is by now, or
    by itself. Raises Contact.DoesNotExist."""
    if contact.organization_id is None:
        return Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    return profiles.lock_owning_organization(contact).contacts.get(pk=contact.pk)


def lock_contacts(organization: Organization) -> list[Contact]:
    """Lock all contacts of a locked organization, and what other apps know of them, before several are changed."""
    contacts = list(organization.contacts.select_for_update().order_by("pk"))
    contacts_locked.send(Contact, contacts=contacts)
    return contacts


def keep_contacts(pks: Collection[int]) -> int:
    """Lock contacts against being merged or deleted. Return how many of them are there."""
    kept = Contact.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    return len(kept.values_list("pk"))


@transaction.atomic
def correct_contact(contact: Contact, **fields) -> Contact:
    """Writes some fields. One who becomes the main contact takes that from whoever was. To a new address goes what was
    not sent yet, and the link of the pledge that this contact answers for."""
    contact = lock_contact(contact)
    organization, before = contact.organization, contact.email
    if organization and fields.get("is_primary"):
        lock_contacts(organization)
        for other in organization.contacts.filter(is_primary=True).exclude(pk=contact.pk):
            profiles.change_contact(other, is_primary=False)
    contact = profiles.change_contact(contact, **fields)
    if contact.email != before:
        readdress_emails(contact, before)
    return contact


def readdress_emails(contact: Contact, before: str) -> None:
    """What was not sent to a locked contact's old address goes to the new one: mail about the organization's pledges,
    and what other apps say."""
    contacts_locked.send(Contact, contacts=[contact])
    contact_email_changed.send(Contact, contact=contact)
    if contact.organization is None:
        return
    mails = about(contact.organization).filter(recipient=before)
    mails.filter(queue=Message.Queue.TRANSACTIONAL).exclude(state=Message.State.SENT).update(recipient=contact.email)
    pledge_years.renew_reminders(mails)
    newest = contact.organization.pledges.order_by("-year_id").first()
    if newest and (newest.contact_id == contact.pk or (newest.contact_id is None and contact.is_primary)):
        pledge_links.email_link(newest, by_staff=True)


def about(organization: Organization):
    """The messages about an organization's pledges."""
    return Message.objects.filter(about_rows(Pledge, organization.pledges.order_by().values("pk")))


@transaction.atomic
def delete_contact(contact: Contact) -> None:
    """Erases a contact, the mail to that address and the contact's history. Its pledges stay; whoever is the main
    contact answers for them. Nobody is written to, and twice changes nothing."""
    try:
        organization = profiles.lock_owning_organization(contact) if contact.organization_id else None
    except Contact.DoesNotExist:
        return
    # Nobody invites them from here on: what would be written after this has its contact no more.
    locked = Contact.objects.select_for_update(of=("self",))
    erased = locked.filter(pk=contact.pk, organization=organization).first()
    if erased is None:
        return
    contacts_locked.send(Contact, contacts=[erased])
    delete_locked_contacts([erased])
    if organization:
        about(organization).filter(recipient=contact.email).delete()
        audit.log_change(organization, {"contact": "…"}, {"contact": ""})


@transaction.atomic
def delete_organization(organization: Organization) -> None:
    """Erases an organization with its contacts and its history. The database refuses it for one that has a pledge.
    Raises Organization.DoesNotExist."""
    organizations_leaving.send(Organization, organizations=[organization.pk])
    organization = Organization.objects.select_for_update().get(pk=organization.pk)
    delete_locked_contacts(lock_contacts(organization))
    organization.delete()


def delete_locked_contacts(contacts: Sequence[Contact]) -> None:
    """Erases locked contacts with what is written about them: their history, what other apps know, and mail to many to
    their addresses, unless those are somebody else's, too. That an address wants no mail, or refuses it, is
    remembered."""
    for contact in contacts:
        contact_deleted.send(Contact, contact=contact)
        contact.delete()
    emails = [each.email for each in contacts if not Contact.objects.with_email(each.email).exists()]
    mails = {email: Message.objects.filter(recipient__iexact=email) for email in sorted(emails)}
    reduce(or_, mails.values(), Message.objects.none()).filter(queue=Message.Queue.BULK).delete()
    for email, mails_to_it in mails.items():
        if not mails_to_it.exists():  # a guest's mail still leads to what the guest chose
            preferences.discard_preference(email)
