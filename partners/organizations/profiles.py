"""Every rule about organizations and their contacts: who is new, what changed, who may be shown."""

import hashlib
import json
import struct
from collections.abc import Sequence

from django.db import IntegrityError, transaction
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
    """What staff approve is not what they read: it was changed since. Its text is a sentence for them."""


def create_organization(**fields) -> Organization:
    """Saves a new organization with a web address made of its name. `fields` are those of the profile."""
    organization = Organization(**fields)
    insert_organizations([organization])
    audit.log_change(organization, {"name": ""}, {"name": organization.name})
    return organization


@transaction.atomic
def create_organizations(names: Sequence[str]) -> list[Organization]:
    """Saves new organizations of these names as `create` does, a few statements for a thousand."""
    made = [Organization(name=name) for name in names]
    for first in range(0, len(made), BATCH_SIZE):
        insert_organizations(made[first : first + BATCH_SIZE])
    audit.log_changes((each, {"name": ""}, {"name": each.name}) for each in made)
    return made


def insert_organizations(organizations: list[Organization]) -> None:
    """Saves new organizations with slugs made of their names, again while somebody else takes one of them first."""
    while True:
        assign_slugs(organizations)
        try:
            with transaction.atomic():
                Organization.objects.bulk_create(organizations)
            return
        except IntegrityError as error:
            if "slug" not in str(error):
                raise


def assign_slugs(organizations: list[Organization]) -> None:
    """Gives each a web address made of its name that none has, nor had before it was merged into another. One query."""
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
    """A name as part of an address, with each ending; "partner" for one without a latin letter."""
    plain = slugify(name)
    return [(plain[: MAX_LENGTH_SLUG - len(ending)].strip("-") or "partner") + ending for ending in endings]


def change_organization(organization: Organization, **fields) -> Organization:
    """Writes fields of a locked organization's profile. Staff approved what they read: when its name, what it does or
    its website becomes another by anybody else, they are asked again."""
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
    """Takes the approval back, unless a member of staff acts. Does not save; returns the fields to save."""
    if audit.current_actor().kind == AuditEntry.ActorKind.STAFF or not organization.approved_at:
        return []
    organization.approved_at, organization.approved_by = None, ""
    return ["approved_at", "approved_by"]


def profile_fingerprint(organization: Organization) -> str:
    """What staff read before they approve, in one short word that is another as soon as any of it is."""
    logo = getattr(organization, "logo", None)
    read = [getattr(organization, name) for name in sorted(REVIEWED_FIELDS)] + [str(logo and logo.changed_at)]
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()[:16]


@transaction.atomic
def approve_listing(organization: Organization, *, by: str, seen: str | None = None) -> Organization:
    """Staff let an organization be shown; it is when it wants to. Twice changes nothing. `by` is a user name, `seen`
    the face that was shown to them. Raises Unseen when it has another one now."""
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
    """Staff take their approval back. Twice changes nothing."""
    organization = lock_organization(organization.pk)
    if organization.approved_at:
        organization.approved_at, organization.approved_by = None, ""
        organization.save(update_fields=["approved_at", "approved_by"])
        audit.log_change(organization, {"approved_at": True}, {"approved_at": False})
    return organization


def lock_organization(organization_pk: int) -> Organization:
    """The organization as it stands, its row locked to the end of the transaction. All that it owns is written under
    this lock. Raises Organization.DoesNotExist when it was merged into another or erased."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_pk)


def lock_owning_organization(owned: Contact | Pledge) -> Organization:
    """The organization that a contact or a pledge belongs to by now, locked: a merge may have won the race for it.
    Raises the DoesNotExist of what it is given when that is gone."""
    name = owned._meta.get_field("organization").related_query_name()
    owners = Organization.objects.select_for_update(no_key=True, of=("self",)).order_by().filter(**{name: owned.pk})
    while (owner := owners.first()) is None:
        type(owned).objects.order_by().only("pk").get(pk=owned.pk)
    return owner


def is_new_logo(organization: Organization, png: bytes | None) -> bool:
    """Whether `png` is another logo than the organization has; b"" is none, and None says nothing of it."""
    if png is None:
        return False
    before = Logo.objects.filter(pk=organization.pk).values_list("png", flat=True).first()
    return png != bytes(before or b"")


def set_logo(organization: Organization, png: bytes | None) -> None:
    """Writes the logo of a locked organization, a PNG that the form wrote itself; b"" takes it away, None keeps it."""
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
    """The contact with this address of a locked organization, made if there is none. The first is the main one, as in
    an organization that was made just now, `is_new`."""
    if not is_new and (known := organization.contacts.with_email(email).first()):
        return known
    is_primary = is_new or not organization.contacts.filter(is_primary=True).exists()
    contact = Contact.objects.create(organization=organization, email=email, is_primary=is_primary, **fields)
    audit.log_change(contact, {"name": "", "email": ""}, field_values(contact, ["name", "email"]))
    return contact


def change_contact(contact: Contact, **fields) -> Contact:
    """Writes fields of a contact of a locked organization."""
    before = field_values(contact, list(fields))
    if changed := [name for name, value in fields.items() if before[name] != value]:
        for name in changed:
            setattr(contact, name, fields[name])
        contact.save(update_fields=changed)
        audit.log_change(contact, before, field_values(contact, list(fields)))
    return contact


def field_values(thing: Organization | Contact, names: list[str]) -> dict:
    """What history tells, as plain values by the field's name: of the approval, whether it is there."""
    return {name: getattr(thing, name) is not None if name == "approved_at" else getattr(thing, name) for name in names}
