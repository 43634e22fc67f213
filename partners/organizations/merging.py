"""Merge two organizations (docs/rules.md), and plan the merge so that staff can review it first.

Everything that refers to the other organization moves to the kept one, in all apps: the foreign keys are found through
the models. Values that have no place on the kept organization are stored in its history.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from django.contrib.contenttypes.fields import GenericRelation
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models, transaction
from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.relations import foreign_keys_to
from imagine.core.security_events import record_event
from imagine.mail.models import Message
from partners.models import (
    Contact,
    DuplicateCandidate,
    Logo,
    Organization,
    Pledge,
    PledgeRequest,
    Promise,
    Signature,
    SlugRedirect,
)
from partners.organizations import profiles
from partners.organizations.profiles import PROFILE_FIELDS
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import promises
from partners.pledges import years as pledge_years
from partners.pledges.promises import Checklist, PromiseData
from partners.security_events import PartnerEventKind
from partners.signals import contact_merged, contacts_locked, organizations_leaving

FILLABLE_FIELDS = ["sector", "description", "website", "phone", "address", "size"]  # taken over if empty
CONTACT_FIELDS = ["name", "role", "email", "phone", "language", "is_primary"]
COMPARED_FIELDS = [*CONTACT_FIELDS, "may_open_pledge"]
MAX_LENGTH_NAME = Pledge._meta.get_field("signed_by").max_length or 0
# Moved separately, or ended with the links.
HANDLED_MODELS = (Contact, Pledge, PledgeRequest, Logo, DuplicateCandidate, Promise, Signature)


class MergeRefused(RuleViolation):
    """The merge can't be done. The message tells staff why."""


class SameOrganization(MergeRefused):
    def __init__(self):
        super().__init__(_("You can’t merge an organization with itself. Choose a different one."))


class OrganizationGone(MergeRefused):
    def __init__(self):
        super().__init__(_("One of these organizations was merged or deleted in the meantime. Nothing was merged."))


class MergePlanOutdated(MergeRefused):
    """The merge would do something else than what staff reviewed."""

    def __init__(self):
        super().__init__(
            _("One of these organizations changed after you opened this page. Nothing was merged. Review them again.")
        )


class MergeConflict(MergeRefused):
    """Both organizations have an object of a model that allows only one."""


# Plan ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PledgeMerge:
    """Merge two pledges for the same year.

    A signed pledge leads a draft; otherwise the kept organization's pledge leads. Promises of other types are added to
    it, except those of a draft to a signed pledge. The other promises stay in history, and the signed versions of both
    pledges are kept.
    """

    leading: Pledge
    merged: Pledge

    @property
    def both_signed(self) -> bool:
        return bool(self.leading.signed_at and self.merged.signed_at)

    @cached_property
    def leading_promises(self) -> list[PromiseData]:
        return promises.promises_of_pledge(self.leading)

    @cached_property
    def merged_promises(self) -> list[PromiseData]:
        return promises.promises_of_pledge(self.merged)

    @cached_property
    def added(self) -> list[PromiseData]:
        if bool(self.leading.signed_at) != bool(self.merged.signed_at):
            return []
        promise_types = {promise.promise_type for promise in self.leading_promises}
        return [promise for promise in self.merged_promises if promise.promise_type not in promise_types]

    @cached_property
    def result(self) -> list[PromiseData]:
        return [*self.leading_promises, *self.added]

    @classmethod
    def of(cls, mine: Pledge, theirs: Pledge) -> "PledgeMerge":
        return cls(theirs, mine) if theirs.signed_at and not mine.signed_at else cls(mine, theirs)


@dataclass(frozen=True)
class MergePlan:
    """What a merge of two organizations would do. Properties read the database once and write nothing."""

    kept: Organization
    other: Organization

    @cached_property
    def profile(self) -> dict:
        """The kept organization's fields that change, with their new values."""
        mine, theirs = self.kept, self.other
        filled = {name: getattr(theirs, name) for name in FILLABLE_FIELDS if not getattr(mine, name)}
        filled["wants_listing"] = mine.wants_listing or theirs.wants_listing
        filled["created_at"] = min(mine.created_at, theirs.created_at)
        if not mine.approved_at and theirs.is_listed:
            filled |= {"approved_at": theirs.approved_at, "approved_by": theirs.approved_by}
        return {name: value for name, value in filled.items() if value != getattr(mine, name)}

    @cached_property
    def dropped_fields(self) -> list[str]:
        """The fields of the other organization whose values are dropped."""
        in_both = [name for name in FILLABLE_FIELDS if getattr(self.kept, name) and getattr(self.other, name)]
        return [name for name in in_both if getattr(self.kept, name) != getattr(self.other, name)]

    @cached_property
    def logos(self) -> tuple[bool, bool]:
        """Whether the kept organization has a logo, and whether the other does."""
        owners = set(Logo.objects.filter(pk__in=[self.kept.pk, self.other.pk]).values_list("pk", flat=True))
        return self.kept.pk in owners, self.other.pk in owners

    @cached_property
    def contacts(self) -> tuple[list[Contact], list[Contact]]:
        mine, theirs = (list(each.contacts.order_by("-is_primary", "name", "pk")) for each in (self.kept, self.other))
        return mine, theirs

    @cached_property
    def duplicate_contacts(self) -> dict[int, Contact]:
        """The kept organization's contact with the same address, by the primary key of the other's contact."""
        mine, theirs = self.contacts
        by_email = {contact.email.lower(): contact for contact in mine}
        return {contact.pk: by_email[contact.email.lower()] for contact in theirs if contact.email.lower() in by_email}

    @cached_property
    def remaining_contacts(self) -> list[Contact]:
        """The contacts that there are afterwards, those of the kept organization first."""
        mine, theirs = self.contacts
        return [*mine, *(contact for contact in theirs if contact.pk not in self.duplicate_contacts)]

    @cached_property
    def years(self) -> list[tuple[Pledge | None, Pledge | None]]:
        """The pledges of both organizations for each school year, the newest first."""
        mine, theirs = (
            {pledge.year_id: pledge for pledge in each.pledges.select_related("year")}
            for each in (self.kept, self.other)
        )
        return [(mine.get(year), theirs.get(year)) for year in sorted({*mine, *theirs}, reverse=True)]

    @cached_property
    def pledge_merges(self) -> list[PledgeMerge]:
        return [PledgeMerge.of(mine, theirs) for mine, theirs in self.years if mine and theirs]

    @cached_property
    def other_references(self) -> list[tuple[str, int]]:
        """The names of other apps' models that refer to the other organization, with the number of objects."""
        counts: dict[type[models.Model], int] = {}
        for model, field in foreign_keys_to(self.other, exclude=HANDLED_MODELS):
            if model._meta.app_label != "partners" and (
                number := model._base_manager.filter(**{field: self.other}).count()
            ):
                counts[model] = counts.get(model, 0) + number
        return [(str(model._meta.verbose_name_plural), number) for model, number in counts.items()]

    @cached_property
    def fingerprint(self) -> str:
        """A value that changes when the merge would do something else."""
        facts = [
            [
                [each.pk, each.slug, str(each.approved_at), *profiles.field_values(each, PROFILE_FIELDS).values()]
                for each in self.both
            ],
            [
                [[contact.pk, *profiles.field_values(contact, COMPARED_FIELDS).values()] for contact in contacts]
                for contacts in self.contacts
            ],
            [[each and [each.pk, each.version, str(each.signed_at)] for each in year] for year in self.years],
            [
                [vars(promise) for promise in (*each.leading_promises, *each.merged_promises)]
                for each in self.pledge_merges
            ],
            [self.logos, [number for _name, number in self.other_references]],
        ]
        return hashlib.sha256(json.dumps(facts, cls=DjangoJSONEncoder).encode()).hexdigest()[:16]

    @property
    def both(self) -> tuple[Organization, Organization]:
        return self.kept, self.other

    def description(self) -> str:
        """Describe the other organization for history, in English. Its contacts have a history of their own."""
        with translation.override("en"):
            dropped = [
                f"{field.verbose_name}: {getattr(self.other, field.name)}"
                for field in Organization._meta.fields
                if field.name in self.dropped_fields
            ]
            dropped += ["logo"] if all(self.logos) else []
            moved = [
                ("contacts", len(self.contacts[1])),
                ("pledges", sum(bool(theirs) for _mine, theirs in self.years)),
            ]
            counts = ", ".join(f"{name}: {number}" for name, number in (*moved, *self.other_references))
        not_taken = f" Not taken over: {'; '.join(dropped)}." if dropped else ""
        return f"{self.other.name} ({self.other.slug}), with {counts}.{not_taken}"


# Merge ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def merge_organizations(
    kept: Organization, other: Organization, *, may_open: Collection[int] = (), shown: str = ""
) -> Organization:
    """Move everything to the kept organization and delete the other. Its URL redirects from then on.

    All links to the pledges of both stop working. `may_open` are the primary keys of the contacts who may open the
    pledge from now on, and are emailed the new link. `shown` is the fingerprint of the plan that staff reviewed.

    Raise SameOrganization, OrganizationGone, MergePlanOutdated or MergeConflict.
    """
    pledge_links.lock_requests_about(Pledge.objects.filter(organization__in=[kept.pk, other.pk]))
    organizations_leaving.send(Organization, organizations=[kept.pk, other.pk])
    plan = MergePlan(*lock_both(kept.pk, other.pk))
    if shown and shown != plan.fingerprint:
        raise MergePlanOutdated
    record_event(PartnerEventKind.ORGANIZATIONS_MERGED, plan.kept, merged=plan.other.pk)
    kept, other = plan.both
    before, description = profiles.field_values(kept, [*PROFILE_FIELDS, "approved_at"]), plan.description()
    merge_profiles(plan)
    merge_contacts(plan)
    for mine, theirs in MergePlan(kept, other).years:  # read again: merging contacts changes pledges
        if mine and theirs:
            merge_pledges(kept, PledgeMerge.of(mine, theirs))
        elif theirs:
            move_pledge(theirs, kept, other)
    move_references(other, kept)
    keep_dismissals(kept, other)
    move_generic_relations(other, kept)
    other.delete()
    SlugRedirect.objects.create(slug=other.slug, organization=kept)
    grant_access(kept, may_open)
    after = profiles.field_values(kept, [*PROFILE_FIELDS, "approved_at"])
    audit.log_change(kept, before | {"merged": ""}, after | {"merged": description})
    return kept


def lock_both(kept: int, other: int) -> tuple[Organization, Organization]:
    """Lock both organizations, their contacts, and what other apps have of those. Nothing can be added to them then.

    Organizations whose dismissals the kept one takes over are locked with them, since they are locked in one order.
    """
    if kept == other:
        raise SameOrganization
    dismissed = DuplicateCandidate.objects.dismissed().of_organizations([other])
    others = {pk for pair in dismissed.values_list("organization_a", "organization_b") for pk in pair}
    rows = profiles.lock_organizations({kept, other, *others}, to_delete=True)
    if kept not in rows or other not in rows:
        raise OrganizationGone
    contacts = list(Contact.objects.select_for_update().filter(organization__in=[kept, other]).order_by("pk"))
    contacts_locked.send(Contact, contacts=contacts)
    return rows[kept], rows[other]


def merge_profiles(plan: MergePlan) -> None:
    kept, other = plan.both
    for name, value in plan.profile.items():
        setattr(kept, name, value)
    kept.save(update_fields=list(plan.profile))
    has_logo, gets_logo = plan.logos
    if gets_logo and not has_logo:
        Logo.objects.filter(pk=other.pk).update(organization=kept)


def merge_contacts(plan: MergePlan) -> None:
    kept, _other = plan.both
    mine, theirs = plan.contacts
    has_primary = any(contact.is_primary for contact in mine)
    for contact in theirs:
        if has_primary and contact.is_primary:
            Contact.objects.filter(pk=contact.pk).update(is_primary=False)
            contact.is_primary = False
        if contact.pk in plan.duplicate_contacts:
            merge_contact(plan.duplicate_contacts[contact.pk], contact)
        else:
            Contact.objects.filter(pk=contact.pk).update(organization=kept)


def merge_contact(kept: Contact, other: Contact) -> None:
    before = profiles.field_values(kept, CONTACT_FIELDS)
    for name in ("role", "phone"):
        setattr(kept, name, getattr(kept, name) or getattr(other, name))
    kept.is_primary = kept.is_primary or other.is_primary
    contact_merged.send(Contact, contact=kept, duplicate=other)
    move_references(other, kept)
    move_generic_relations(other, kept)
    other.delete()
    kept.save(update_fields=CONTACT_FIELDS)
    description = ", ".join(part for part in (other.name, other.role, other.email, other.phone) if part)
    audit.log_change(
        kept, before | {"merged": ""}, profiles.field_values(kept, CONTACT_FIELDS) | {"merged": description}
    )


def grant_access(organization: Organization, may_open: Collection[int]) -> None:
    """Let only these contacts open the organization's pledge, by the new link that they are emailed."""
    contacts = list(organization.contacts.order_by("pk"))
    for contact in contacts:
        profiles.change_contact(contact, may_open_pledge=contact.pk in may_open)
        if not contact.may_open_pledge:
            pledge_links.end_requests_of_addresses([contact.email])
    organization.pledges.exclude(contact=None).exclude(contact__in=may_open).update(contact=None)
    pledge_links.end_pledge_links(organization, to=[contact for contact in contacts if contact.may_open_pledge])


def move_pledge(pledge: Pledge, kept: Organization, other: Organization) -> None:
    """Move a pledge for a year that the kept organization has none for."""
    pledge.organization = kept
    pledge.save(update_fields=["organization"])
    audit.log_change(pledge, {"organization": other.name}, {"organization": kept.name})


def merge_pledges(kept: Organization, merge: PledgeMerge) -> None:
    leading, other = merge.leading, merge.merged
    checklist = Checklist.of([*merge.leading_promises, *merge.merged_promises])
    Message.objects.about_any([leading, other]).lock()
    before = pledge_editing.pledge_facts(leading, merge.leading_promises, checklist)
    promises.write_promises(leading, merge.result, merge.leading_promises)
    number = leading.signatures.aggregate(last=Max("number"))["last"] or 0
    for signature in other.signatures.order_by("number"):
        number += 1
        other.signatures.filter(pk=signature.pk).update(pledge=leading, number=number)
    move_references(other, leading)
    move_generic_relations(other, leading)
    description = describe_merged_pledge(merge, checklist)
    other.delete()
    merge_pledge_fields(kept, merge)
    if leading.signed_at:
        pledge_years.cancel_reminders([leading.pk])
    after = pledge_editing.pledge_facts(leading, merge.result, checklist)
    audit.log_change(leading, before | {"merged": ""}, after | {"merged": description})
    if merge.both_signed:
        pledge_editing.add_signature(leading, merge.result, checklist)


def merge_pledge_fields(kept: Organization, merge: PledgeMerge) -> None:
    leading, other = merge.leading, merge.merged
    leading.organization = kept
    leading.contact_id = leading.contact_id or other.contact_id
    leading.version = max(leading.version, other.version) + 1
    leading.created_at = min(leading.created_at, other.created_at)
    leading.reminded_at = leading.reminded_at or other.reminded_at
    if merge.both_signed:
        merge_signatures(leading, other)
    leading.save()


def merge_signatures(leading: Pledge, other: Pledge) -> None:
    """Name both signers, because each of them signed a part of the pledge."""
    later = max(leading, other, key=lambda pledge: pledge.signed_at or pledge.created_at)
    names = ", ".join(dict.fromkeys([leading.signed_by, other.signed_by]))
    if len(names) > MAX_LENGTH_NAME:
        names = later.signed_by
    if leading.signed_role != other.signed_role:
        leading.signed_role = later.signed_role if names == later.signed_by else ""
    leading.signed_by, leading.signed_at = names, later.signed_at


def describe_merged_pledge(merge: PledgeMerge, checklist: Checklist) -> str:
    """Describe the merged pledge for history, in English."""
    pledge = merge.merged
    with translation.override("en"):
        lines = [
            f"{checklist.promise_types[each.promise_type].name}: {promises.promise_in_words(each, checklist)}"
            for each in merge.merged_promises
        ]
        state = f"signed by {pledge.signed_by}" if pledge.signed_at else "not signed"
    return f"{pledge.organization.name}, {state}. {' | '.join(lines)}".strip()


def move_references(other: models.Model, kept: models.Model) -> None:
    """Make all foreign keys to `other`, in any app, refer to `kept`."""
    for model, field in foreign_keys_to(
        other, exclude=HANDLED_MODELS if not isinstance(other, Contact) else (DuplicateCandidate,)
    ):
        if model._meta.auto_created:
            delete_shared_rows(model, field, other, kept)
        try:
            with transaction.atomic():
                model._base_manager.filter(**{field: other}).update(**{field: kept})
        except IntegrityError as error:
            message = _("Only one of the two organizations can have this: %(what)s. Delete one first.")
            raise MergeConflict(message % {"what": model._meta.verbose_name}) from error


def delete_shared_rows(model: type[models.Model], field: str, other: models.Model, kept: models.Model) -> None:
    """Delete `other`'s rows of a many-to-many table that `kept` has, too."""
    [target] = [each.attname for each in model._meta.concrete_fields if each.remote_field and each.name != field]
    rows = model._base_manager
    shared = rows.filter(**{field: kept}).values_list(target, flat=True)
    rows.filter(**{field: other, f"{target}__in": list(shared)}).delete()


def keep_dismissals(kept: Organization, other: Organization) -> None:
    """Dismiss the pairs of the kept organization with those that were dismissed as duplicates of the other."""
    DuplicateCandidate.objects.of_organizations([kept.pk, other.pk]).lock()
    for pair in DuplicateCandidate.objects.dismissed().of_organizations([other.pk]):
        third = pair.organization_b_id if pair.organization_a_id == other.pk else pair.organization_a_id
        first, second = sorted((third, kept.pk))
        if first == second:
            continue
        dismissal = {"dismissed_at": pair.dismissed_at, "dismissed_by": pair.dismissed_by}
        DuplicateCandidate.objects.update_or_create(
            organization_a_id=first,
            organization_b_id=second,
            defaults=dismissal,
            create_defaults={"score": 0, "reasons": [], **dismissal},
        )


def move_generic_relations(other: models.Model, kept: models.Model) -> None:
    """Make history and messages of `other` belong to `kept`."""
    for relation in other._meta.private_fields:
        if isinstance(relation, GenericRelation):
            getattr(other, relation.name).update(object_id=kept.pk)
