"""Rules about an organization's profile, its approval, and the contacts that partners edit."""

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
REVIEWED_FIELDS = {"name", "description", "website"}  # that staff review before they approve the listing
CONTACT_FIELDS = ["name", "role", "phone", "language"]
BATCH_SIZE = 1000  # organizations per statement
SLUG_SUFFIXES = ["", *(f"-{number}" for number in range(2, 20))]  # to make the slugs of equal names unique
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
    """Create organizations with these names, with a few queries per thousand."""
    created = [Organization(name=name) for name in names]
    for first in range(0, len(created), BATCH_SIZE):
        insert_organizations(created[first : first + BATCH_SIZE])
    audit.log_changes((organization, {"name": ""}, {"name": organization.name}) for organization in created)
    return created


def insert_organizations(organizations: list[Organization]) -> None:
    """Insert new organizations. Try again with other slugs if someone else takes a slug first.

    The rows are inserted in the order of their slugs, because inserting a slug waits for any other transaction that
    inserts it.
    """
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
    """Assign a slug made from each name that no organization has, or had before it was merged, with one query."""
    candidates = [slug_candidates(organization.name, SLUG_SUFFIXES) for organization in organizations]
    slugs = list({slug for slugs in candidates for slug in slugs})
    used = Organization.objects.order_by().filter(slug__in=slugs).values_list("slug", flat=True)
    taken = set(used.union(SlugRedirect.objects.filter(slug__in=slugs).values_list("slug", flat=True)))
    for organization, own_candidates in zip(organizations, candidates, strict=True):
        free = (slug for slug in own_candidates if slug not in taken)
        organization.slug = next(free, None) or slug_candidates(organization.name, [random_suffix()])[0]
        taken.add(organization.slug)


def random_suffix() -> str:
    return f"-{get_random_string(8).lower()}"


def slug_candidates(name: str, suffixes: list[str]) -> list[str]:
    """Return the slug of a name, or "partner" if the name has no Latin letters, with each suffix."""
    slug = slugify(name)
    return [(slug[: MAX_LENGTH_SLUG - len(suffix)].strip("-") or "partner") + suffix for suffix in suffixes]


def change_organization(organization: Organization, **fields) -> Organization:
    """Write profile fields of a locked organization. Reset its approval if anyone except staff changes a reviewed
    field."""
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
    """Reset the approval unless the current actor is staff. Return the fields to save."""
    if audit.current_actor().kind == AuditEntry.ActorKind.STAFF or not organization.approved_at:
        return []
    organization.approved_at, organization.approved_by = None, ""
    return ["approved_at", "approved_by"]


def profile_fingerprint(organization: Organization) -> str:
    """Return a string that changes with anything that staff review before they approve."""
    logo = getattr(organization, "logo", None)
    values = [getattr(organization, name) for name in sorted(REVIEWED_FIELDS)] + [str(logo and logo.changed_at)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


@transaction.atomic
def approve_listing(organization: Organization, *, by: str, seen: str | None = None) -> Organization:
    """Approve the listing. Raise ProfileChanged unless `seen` is the profile's fingerprint."""
    organization = lock_organization(organization.pk)
    if not organization.approved_at:
        if seen is not None and seen != profile_fingerprint(organization):
            raise ProfileChanged(_("This profile changed after you opened it. Review it again, then approve it."))
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
    """Lock an organization before writing it or anything that it owns. Raise Organization.DoesNotExist if it was merged
    or deleted."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_pk)


def lock_organizations(organizations: Iterable[int] | QuerySet, *, to_delete: bool = False) -> dict[int, Organization]:
    """Lock organizations in the order of their primary keys. Leave out those that were merged or deleted."""
    rows = Organization.objects.select_for_update(no_key=not to_delete).filter(pk__in=organizations)
    return {row.pk: row for row in rows.order_by("pk")}


def lock_owning_organization(owned: Contact | Pledge) -> Organization:
    """Lock the current organization of a contact or pledge, which a merge may have moved. Raise the DoesNotExist of the
    contact or pledge if it was deleted."""
    name = owned._meta.get_field("organization").related_query_name()
    owners = Organization.objects.select_for_update(no_key=True, of=("self",)).order_by().filter(**{name: owned.pk})
    while (owner := owners.first()) is None:
        type(owned).objects.order_by().only("pk").get(pk=owned.pk)
    return owner


def is_new_logo(organization: Organization, png: bytes | None) -> bool:
    """Return whether `png` differs from the logo. b"" removes the logo, and None keeps it."""
    if png is None:
        return False
    current = Logo.objects.filter(pk=organization.pk).values_list("png", flat=True).first()
    return png != bytes(current or b"")


def set_logo(organization: Organization, png: bytes | None) -> None:
    """Set the logo of a locked organization. b"" removes the logo, and None keeps it."""
    if not is_new_logo(organization, png):
        return
    if png:
        width, height = struct.unpack(">II", png[16:24])  # in the header, which comes first (ISO/IEC 15948, 11.2.2)
        values = {"png": png, "width": width, "height": height, "changed_at": timezone.now()}
        Logo.objects.update_or_create(organization=organization, defaults=values)
    else:
        Logo.objects.filter(pk=organization.pk).delete()
    if fields := reset_approval(organization):
        organization.save(update_fields=fields)
        audit.log_change(organization, {"approved_at": True}, {"approved_at": False})
    audit.log_change(organization, {"logo": "…"}, {"logo": "new" if png else ""})


def get_or_add_contact(organization: Organization, *, email: str, is_new: bool = False, **fields) -> Contact:
    """Return the contact of a locked organization with this email address, or add one. The first contact becomes the
    primary contact. `is_new` means that the organization has no contacts yet."""
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


def field_values(obj: Organization | Contact, names: list[str]) -> dict:
    """Return values by field name for the change history. The value of `approved_at` is whether it is set."""
    return {name: getattr(obj, name) is not None if name == "approved_at" else getattr(obj, name) for name in names}
