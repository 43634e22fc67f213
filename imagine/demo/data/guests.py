"""Thousands of made-up contacts for load tests, the same in every run, all at example.org, and an audience of them."""

from itertools import islice

from django.db import transaction
from django.utils import timezone

from imagine.demo.data.names import People
from partners.models import Contact, Organization
from summit.models import Audience, Rsvp

SEED = 2020
CONTACTS_PER_ORGANIZATION = 4  # contacts of one organization
EXAMPLE_DOMAIN = r"[@.]example(\.(com|net|org))?$"  # RFC 2606: email to these reaches no one
BATCH_SIZE = 2000  # rows in one statement
AUDIENCE = "Invented contacts"


class RealPeople(Exception):
    """The database has addresses that real people might read, so no made-up contacts are added."""


@transaction.atomic
def invent_contacts(number: int) -> int:
    """Create contacts up to this number, four to an organization, and an audience of them.

    Contacts of an earlier run stay. Return how many were missing. Raise RealPeople.
    """
    if any(model.objects.exclude(email__iregex=EXAMPLE_DOMAIN).exists() for model in (Contact, Rsvp)):
        raise RealPeople
    missing = set(range(number)) - existing_numbers()
    create_missing(number, missing)
    audience, _made = Audience.objects.get_or_create(name=AUDIENCE)
    audience.uploaded_contacts.set(Contact.objects.filter(email__in=map(contact_email, range(number))).order_by("pk"))
    return len(missing)


def contact_email(number: int) -> str:
    return f"contact-{number:06}@example.org"


def existing_numbers() -> set[int]:
    emails = Contact.objects.filter(email__startswith="contact-").values_list("email", flat=True)
    return {int(address[8:14]) for address in emails if address[8:14].isdecimal()}


def create_missing(number: int, missing: set[int]) -> None:
    people, now = People(SEED), timezone.now()
    slugs = [f"made-{group:06}" for group in sorted({each // CONTACTS_PER_ORGANIZATION for each in missing})]
    Organization.objects.bulk_create(
        (Organization(name=f"Delta Works {slug[5:]}", slug=slug, sector="business") for slug in slugs),
        ignore_conflicts=True,
        batch_size=BATCH_SIZE,
    )
    organizations = dict(Organization.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    contacts = (
        Contact(
            organization_id=organizations[f"made-{each // CONTACTS_PER_ORGANIZATION:06}"],
            name=name,
            email=contact_email(each),
            language="es" if each % 3 == 0 else "en",
            is_primary=each % CONTACTS_PER_ORGANIZATION == 0,
            created_at=now,
        )
        for each, name in enumerate(people.name() for _each in range(number))
        if each in missing
    )
    while some := list(islice(contacts, BATCH_SIZE)):
        Contact.objects.bulk_create(some)
