"""Rules about an organization's profile, its approval, and its partner-edited contacts."""

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from operator import attrgetter

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.text import slugify
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.models import AuditEntry
from partners.models import Contact, Logo, Organization, Pledge, SlugRedirect

PROFILE_FIELDS = ["name", "sector", "description", "website", "phone", "address", "size", "wants_listing"]
REVIEWED_FIELDS = {"name", "description", "website"}  # what staff read before they approve
CONTACT_FIELDS = ["name", "role", "phone", "language"]
BATCH_SIZE = 1000  # new organizations in one statement
SLUG_SUFFIXES = ["", *(f"-{number}" for number in range(2, 20))]  # of the address of a name that others have, too
MAX_LENGTH_SLUG = Organization._meta.get_field("slug").max_length or 60


class ProfileChanged(RuleViolation):
    """The profile changed after staff read it."""


def create_organization(**fields) -> Organization:
    """Create an organization from profile fields, with a slug made of its name."""
    organization = Organization(**fields)
    insert_organizations([organization])
    audit.log_change(organization, {"name": ""}, {"name": organization.name})
    return organization


@transaction.atomic
def create_organizations(names: Sequence[str]) -> list[Organization]:
    """Create organizations with these names, with a few queries for a thousand."""
    made = [Organization(name=name) for name in names]
    for first in range(0, len(made), BATCH_SIZE):
        insert_organizations(made[first : first + BATCH_SIZE])
    audit.log_changes((each, {"name": ""}, {"name": each.name}) for each in made)
    return made


def insert_organizations(organizations: list[Organization]) -> None:
    """Insert new organizations; try other slugs for as long as someone else takes one first. In the order of their
    slugs, since each waits for whoever is inserting the same one."""
    while True:
        assign_slugs(organizations)
        try:
            with transaction.atomic():
                Organization.objects.bulk_create(sorted(organizations, key=attrgetter("slug")))
            return
        except IntegrityError as error:
            if "slug" not in str(error):
                raise


def assign_slugs(organizations: list[Organization]) -> None:
    """Assign a slug made of each name that no organization has, or had before it was merged. One query."""
    wanted = [slug_candidates(each.name, SLUG_SUFFIXES) for each in organizations]
    of_all = list({slug for slugs_of_one in wanted for slug in slugs_of_one})
    used = Organization.objects.order_by().filter(slug__in=of_all).values_list("slug", flat=True)
    taken = set(used.union(SlugRedirect.objects.filter(slug__in=of_all).values_list("slug", flat=True)))
    for each, slugs_of_one in zip(organizations, wanted, strict=True):
        free = (slug for slug in slugs_of_one if slug not in taken)
        each.slug = next(free, None) or slug_candidates(each.name, [random_suffix()])[0]
        taken.add(each.slug)


def random_suffix() -> str:
    return f"-{get_random_string(8).lower()}"


def slug_candidates(name: str, endings: list[str]) -> list[str]:
    """The slug of a name with each suffix, or "partner" if the name has no Latin letter."""
    plain = slugify(name)
    return [(plain[: MAX_LENGTH_SLUG - len(ending)].strip("-") or "partner") + ending for ending in endings]


def change_organization(organization: Organization, **fields) -> Organization:
    """Write profile fields of a locked organization. If anyone but staff changes what staff reviewed, its approval is
    reset."""
    before = field_values(organization, [*PROFILE_FIELDS, "approved_at"])
    changed = [name for name, value in fields.items() if getattr(organization, name) != value]
    for name in changed:
        setattr(organization, name, fields[name])
    if REVIEWED_FIELDS & set(changed):
        changed += reset_approval(organization)
    if changed:
        organization.save(update_fields=changed)
        audit.log_change(organization, before, field_values(organization, [*PROFILE_FIELDS, "approved_at"]))
    return organization


def reset_approval(organization: Organization) -> list[str]:
    """Reset the approval unless staff act. Return the fields to save."""
    if audit.current_actor().kind == AuditEntry.ActorKind.STAFF or not organization.approved_at:
        return []
    organization.approved_at, organization.approved_by = None, ""
    return ["approved_at", "approved_by"]


def profile_fingerprint(organization: Organization) -> str:
    """A short string that changes with anything staff read before they approve."""
    logo = getattr(organization, "logo", None)
    read = [getattr(organization, name) for name in sorted(REVIEWED_FIELDS)] + [str(logo and logo.changed_at)]
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()[:16]


@transaction.atomic
def approve_listing(organization: Organization, *, by: str, seen: str | None = None) -> Organization:
    """Approve the listing. Raise ProfileChanged unless `seen` is the profile's fingerprint."""
    organization = lock_organization(organization.pk)
    if not organization.approved_at:
        if seen is not None and seen != profile_fingerprint(organization):
            raise ProfileChanged(_("The profile was changed since you read it. Read it again before you approve it."))
        organization.approved_at, organization.approved_by = timezone.now(), by
        organization.save(update_fields=["approved_at", "approved_by"])
        audit.log_change(organization, {"approved_at": False}, {"approved_at": True})
    return organization


@transaction.atomic
def withdraw_approval(organization: Organization) -> Organization:
    organization = lock_organization(organization.pk)
    if organization.approved_at:
        organization.approved_at, organization.approved_by = None, ""
        organization.save(update_fields=["approved_at", "approved_by"])
        audit.log_change(organization, {"approved_at": True}, {"approved_at": False})
    return organization


def lock_organization(organization_pk: int) -> Organization:
    """Lock an organization; all that it owns is written under this lock. Raise Organization.DoesNotExist if it was
    merged or deleted."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_pk)


def lock_organizations(organizations: Iterable[int] | QuerySet, *, to_delete: bool = False) -> dict[int, Organization]:
    """Lock organizations in the order of their primary keys. Those that are gone are missing."""
    rows = Organization.objects.select_for_update(no_key=not to_delete).filter(pk__in=organizations)
    return {row.pk: row for row in rows.order_by("pk")}


def lock_owning_organization(owned: Contact | Pledge) -> Organization:
    """Lock the organization that a contact or pledge belongs to by now, since a merge may have moved it. Raise its
    DoesNotExist if it is gone."""
    name = owned._meta.get_field("organization").related_query_name()
    owners = Organization.objects.select_for_update(no_key=True, of=("self",)).order_by().filter(**{name: owned.pk})
    while (owner := owners.first()) is None:
        type(owned).objects.order_by().only("pk").get(pk=owned.pk)
    return owner


def is_new_logo(organization: Organization, png: bytes | None) -> bool:
    """Whether `png` differs from the logo; b"" means none, and None means unchanged."""
    if png is None:
        return False
    before = Logo.objects.filter(pk=organization.pk).values_list("png", flat=True).first()
    return png != bytes(before or b"")


def set_logo(organization: Organization, png: bytes | None) -> None:
    """Write the PNG of a locked organization; b"" removes the logo, and None keeps it."""
    if not is_new_logo(organization, png):
        return
    if png:
        width, height = struct.unpack(">II", png[16:24])  # ISO/IEC 15948, 11.2.2: the header comes first
        size = {"png": png, "width": width, "height": height, "changed_at": timezone.now()}
        Logo.objects.update_or_create(organization=organization, defaults=size)
    else:
        Logo.objects.filter(pk=organization.pk).delete()
    if fields := reset_approval(organization):
        organization.save(update_fields=fields)
        audit.log_change(organization, {"approved_at": True}, {"approved_at": False})
    audit.log_change(organization, {"logo": "…"}, {"logo": "new" if png else ""})


def get_or_add_contact(organization: Organization, *, email: str, is_new: bool = False, **fields) -> Contact:
    """Return the contact with this address at a locked organization, or add one. The first one becomes the primary
    contact; `is_new` says that the organization has none."""
    if not is_new and (known := organization.contacts.with_email(email).first()):
        return known
    is_primary = is_new or not organization.contacts.filter(is_primary=True).exists()
    contact = Contact.objects.create(organization=organization, email=email, is_primary=is_primary, **fields)
    audit.log_change(contact, {"name": "", "email": ""}, field_values(contact, ["name", "email"]))
    return contact


def change_contact(contact: Contact, **fields) -> Contact:
    """Write fields of a contact whose organization is locked."""
    before = field_values(contact, list(fields))
    if changed := [name for name, value in fields.items() if before[name] != value]:
        for name in changed:
            setattr(contact, name, fields[name])
        contact.save(update_fields=changed)
        audit.log_change(contact, before, field_values(contact, list(fields)))
    return contact


def field_values(thing: Organization | Contact, names: list[str]) -> dict:
    """Plain values by field name for the change history; of the approval, only whether there is one."""
    return {name: getattr(thing, name) is not None if name == "approved_at" else getattr(thing, name) for name in names}
