"""Two organizations become one (docs/rules.md): what that would do, shown before it is done, and the doing.

What the other one owns moves to the one that is kept, whatever app it belongs to: every foreign key that points at it
is found through the models. Nothing is lost: what has no place beside what is there stays in history.
"""

import hashlib
import json
from collections.abc import Iterator
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
from imagine.mail.models import Message
from partners.models import (
    Contact,
    DuplicateCandidate,
    Logo,
    Organization,
    Pledge,
    Promise,
    Signature,
    SlugRedirect,
    TokenRedirect,
)
from partners.organizations import profiles
from partners.organizations.profiles import PROFILE_FIELDS
from partners.pledges import editing as pledge_editing
from partners.pledges import promises
from partners.pledges import years as pledge_years
from partners.pledges.promises import Checklist, PromiseData
from partners.signals import contact_merged, contacts_locked, organizations_leaving

FILLABLE_FIELDS = [
    "sector",
    "description",
    "website",
    "phone",
    "address",
    "size",
]  # the other's, where the kept one's is empty
CONTACT_FIELDS = ["name", "role", "email", "phone", "language", "is_primary"]
MAX_LENGTH_NAME = Pledge._meta.get_field("signed_by").max_length or 0
HANDLED_MODELS = (Contact, Pledge, Logo, DuplicateCandidate, Promise, Signature)  # moved by a rule of their own


class MergeRefused(RuleViolation):
    """It is not done. Its text is a sentence for staff."""


class SameOrganization(MergeRefused):
    """There are no two."""

    def __init__(self):
        super().__init__(_("This is one organization. Choose another to merge it with."))


class OrganizationGone(MergeRefused):
    """One of the two is not there any more."""

    def __init__(self):
        super().__init__(
            _("One of the two is not there any more: it was merged or erased meanwhile. Nothing was done.")
        )


class MergePlanOutdated(MergeRefused):
    """It would do something else than what was shown."""

    def __init__(self):
        super().__init__(_("One of the two was changed meanwhile. Nothing was done: look once more."))


class MergeConflict(MergeRefused):
    """Both own something of which there may be only one."""


# What it would do ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PledgeMerge:
    """Two pledges for one year become one. The signed one leads a draft, else the kept organization's; what the other
    promises of further kinds is added, unless nobody signed that and the leading one is signed. The rest of it, `left`,
    stays in history, and every signed version of both is kept."""

    leading: Pledge
    folded: Pledge

    @property
    def both_signed(self) -> bool:
        return bool(self.leading.signed_at and self.folded.signed_at)

    @cached_property
    def there(self) -> list[PromiseData]:
        return promises.promises_of_pledge(self.leading)

    @cached_property
    def others(self) -> list[PromiseData]:
        return promises.promises_of_pledge(self.folded)

    @cached_property
    def added(self) -> list[PromiseData]:
        if bool(self.leading.signed_at) != bool(self.folded.signed_at):
            return []
        promise_types = {promised.promise_type for promised in self.there}
        return [promised for promised in self.others if promised.promise_type not in promise_types]

    @cached_property
    def left(self) -> list[PromiseData]:
        return [promised for promised in self.others if promised not in (*self.added, *self.there)]

    @classmethod
    def of(cls, mine: Pledge, theirs: Pledge) -> "PledgeMerge":
        return cls(theirs, mine) if theirs.signed_at and not mine.signed_at else cls(mine, theirs)


@dataclass(frozen=True)
class MergePlan:
    """What a merge would do to these two as they stand. Reads when it is made; writes nothing."""

    kept: Organization
    other: Organization

    @cached_property
    def profile(self) -> dict:
        """The fields of the kept one that become something else."""
        mine, theirs = self.kept, self.other
        filled = {name: getattr(theirs, name) for name in FILLABLE_FIELDS if not getattr(mine, name)}
        filled["wants_listing"] = mine.wants_listing or theirs.wants_listing
        filled["created_at"] = min(mine.created_at, theirs.created_at)
        if not mine.approved_at and theirs.is_listed:
            filled |= {"approved_at": theirs.approved_at, "approved_by": theirs.approved_by}
        return {name: value for name, value in filled.items() if value != getattr(mine, name)}

    @cached_property
    def not_taken(self) -> list[str]:
        """The fields of the other that have no place beside the kept one's."""
        both = [name for name in FILLABLE_FIELDS if getattr(self.kept, name) and getattr(self.other, name)]
        return [name for name in both if getattr(self.kept, name) != getattr(self.other, name)]

    @cached_property
    def logos(self) -> tuple[bool, bool]:
        """Whether the kept one has a logo, and the other."""
        having = set(Logo.objects.filter(pk__in=[self.kept.pk, self.other.pk]).values_list("pk", flat=True))
        return self.kept.pk in having, self.other.pk in having

    @cached_property
    def contacts(self) -> tuple[list[Contact], list[Contact]]:
        mine, theirs = (list(each.contacts.order_by("-is_primary", "name", "pk")) for each in (self.kept, self.other))
        return mine, theirs

    @cached_property
    def doubles(self) -> dict[int, Contact]:
        """The kept one's contact that has the same address, by the primary key of the other's."""
        mine, theirs = self.contacts
        by_email = {contact.email.lower(): contact for contact in mine}
        return {contact.pk: by_email[contact.email.lower()] for contact in theirs if contact.email.lower() in by_email}

    @cached_property
    def years(self) -> list[tuple[Pledge | None, Pledge | None]]:
        """The pledges of both for each school year, the newest first."""
        mine, theirs = (
            {pledge.year_id: pledge for pledge in each.pledges.select_related("year")}
            for each in (self.kept, self.other)
        )
        return [(mine.get(year), theirs.get(year)) for year in sorted({*mine, *theirs}, reverse=True)]

    @cached_property
    def folds(self) -> list[PledgeMerge]:
        return [PledgeMerge.of(mine, theirs) for mine, theirs in self.years if mine and theirs]

    @cached_property
    def rest(self) -> list[tuple[str, int]]:
        """What else moves, as the other apps call it, and how much."""
        counts: dict[type[models.Model], int] = {}
        for model, field in foreign_keys_to(self.other, but=HANDLED_MODELS):
            if model._meta.app_label != "partners" and (
                number := model._base_manager.filter(**{field: self.other}).count()
            ):
                counts[model] = counts.get(model, 0) + number
        return [(str(model._meta.verbose_name_plural), number) for model, number in counts.items()]

    @cached_property
    def mark(self) -> str:
        """Another one as soon as the merge would do something else."""
        facts = [
            [
                [each.pk, each.slug, str(each.approved_at), *profiles.field_values(each, PROFILE_FIELDS).values()]
                for each in self.both
            ],
            [
                [[each.pk, *profiles.field_values(each, CONTACT_FIELDS).values()] for each in some]
                for some in self.contacts
            ],
            [[each and [each.pk, each.version, str(each.signed_at)] for each in year] for year in self.years],
            [[vars(promised) for promised in (*fold.there, *fold.others)] for fold in self.folds],
            [self.logos, [number for _name, number in self.rest]],
        ]
        return hashlib.sha256(json.dumps(facts, cls=DjangoJSONEncoder).encode()).hexdigest()[:16]

    @property
    def both(self) -> tuple[Organization, Organization]:
        return self.kept, self.other

    def told(self) -> str:
        """What history keeps of the other one, in English. Who its contacts were is in their own history."""
        with translation.override("en"):
            lost = [
                f"{field.verbose_name}: {getattr(self.other, field.name)}"
                for field in Organization._meta.fields
                if field.name in self.not_taken
            ]
            lost += ["logo"] if all(self.logos) else []
            held = [("contacts", len(self.contacts[1])), ("pledges", sum(bool(theirs) for _mine, theirs in self.years))]
            counts = ", ".join(f"{name}: {number}" for name, number in (*held, *self.rest))
        discarded = f" Not taken over: {'; '.join(lost)}." if lost else ""
        return f"{self.other.name} ({self.other.slug}), with {counts}.{discarded}"


def foreign_keys_to(
    row: models.Model, *, but: tuple[type[models.Model], ...] = ()
) -> Iterator[tuple[type[models.Model], str]]:
    """Each foreign key in any app that points at rows like this one: its model and its name."""
    for relation in row._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.related_model not in but:
            yield relation.related_model, relation.field.name


# Do it -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def merge_organizations(kept: Organization, other: Organization, *, shown: str = "") -> Organization:
    """Everything the other one owns becomes the kept one's; the other is gone, and its web address and its private
    links lead to the kept one. Nobody is written to. `shown` is the mark of the plan that staff saw.

    Raises Itself, Gone, Changed, Tangled.
    """
    organizations_leaving.send(Organization, organizations=[kept.pk, other.pk])
    plan = MergePlan(*lock_both(kept.pk, other.pk))
    if shown and shown != plan.mark:
        raise MergePlanOutdated
    kept, other = plan.both
    before, told = profiles.field_values(kept, [*PROFILE_FIELDS, "approved_at"]), plan.told()
    merge_profiles(plan)
    merge_contacts(plan)
    for mine, theirs in MergePlan(kept, other).years:
        if mine and theirs:
            merge_pledges(kept, PledgeMerge.of(mine, theirs))
        elif theirs:
            move_pledge(theirs, kept, other)
    move_references(other, kept)
    keep_dismissals(kept, other)
    reassign(other, kept)
    other.delete()
    SlugRedirect.objects.create(slug=other.slug, organization=kept)
    after = profiles.field_values(kept, [*PROFILE_FIELDS, "approved_at"])
    audit.log_change(kept, before | {"merged": ""}, after | {"merged": told})
    return kept


def lock_both(kept: int, other: int) -> tuple[Organization, Organization]:
    """Both as they stand, locked with their contacts and what other apps know of those. Nothing new can be made
    theirs."""
    if kept == other:
        raise SameOrganization
    rows = profiles.lock_organizations([kept, other], to_delete=True)
    if len(rows) < 2:
        raise OrganizationGone
    contacts = list(Contact.objects.select_for_update().filter(organization__in=rows).order_by("pk"))
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
    has_main = any(contact.is_primary for contact in mine)
    for contact in theirs:
        if has_main and contact.is_primary:
            Contact.objects.filter(pk=contact.pk).update(is_primary=False)
            contact.is_primary = False
        if contact.pk in plan.doubles:
            merge_contact(plan.doubles[contact.pk], contact)
        else:
            Contact.objects.filter(pk=contact.pk).update(organization=kept)


def merge_contact(stays: Contact, goes: Contact) -> None:
    """One person who stood in both."""
    before = profiles.field_values(stays, CONTACT_FIELDS)
    for name in ("role", "phone"):
        setattr(stays, name, getattr(stays, name) or getattr(goes, name))
    stays.is_primary = stays.is_primary or goes.is_primary
    contact_merged.send(Contact, contact=stays, duplicate=goes)
    move_references(goes, stays)
    reassign(goes, stays)
    goes.delete()
    stays.save(update_fields=CONTACT_FIELDS)
    told = ", ".join(part for part in (goes.name, goes.role, goes.email, goes.phone) if part)
    audit.log_change(stays, before | {"merged": ""}, profiles.field_values(stays, CONTACT_FIELDS) | {"merged": told})


def move_pledge(pledge: Pledge, kept: Organization, other: Organization) -> None:
    """A pledge for a year that the kept one has none for."""
    pledge.organization = kept
    pledge.save(update_fields=["organization"])
    audit.log_change(pledge, {"organization": other.name}, {"organization": kept.name})


def merge_pledges(kept: Organization, one: PledgeMerge) -> None:
    leading, folded, known = one.leading, one.folded, Checklist.of([*one.there, *one.others])
    Message.objects.about_any([leading, folded]).lock()
    before = pledge_editing.pledge_facts(leading, one.there, known)
    promises.write_promises(leading, [*one.there, *one.added], one.there)
    number = leading.signatures.aggregate(last=Max("number"))["last"] or 0
    for signature in folded.signatures.order_by("number"):
        number += 1
        folded.signatures.filter(pk=signature.pk).update(pledge=leading, number=number)
    move_references(folded, leading)
    reassign(folded, leading)
    told = describe_merged_pledge(one, known)
    folded.delete()
    take_over_facts(kept, one)
    if leading.signed_at:
        pledge_years.cancel_reminders([leading.pk])
    TokenRedirect.objects.create(token=folded.token, pledge=leading)
    after = pledge_editing.pledge_facts(leading, [*one.there, *one.added], known)
    audit.log_change(leading, before | {"merged": ""}, after | {"merged": told})
    if one.both_signed:
        pledge_editing.add_signature(leading, [*one.there, *one.added], known)


def take_over_facts(kept: Organization, one: PledgeMerge) -> None:
    """What the leading pledge takes from the other: who answers where nobody does, who signed beside who signed."""
    leading, folded = one.leading, one.folded
    leading.organization = kept
    leading.contact_id = leading.contact_id or folded.contact_id
    leading.version = max(leading.version, folded.version) + 1
    leading.created_at = min(leading.created_at, folded.created_at)
    leading.reminded_at = leading.reminded_at or folded.reminded_at
    if one.both_signed:
        sign_both(leading, folded)
    leading.save()


def sign_both(leading: Pledge, folded: Pledge) -> None:
    """Each of the two signed a part of it."""
    later = max(leading, folded, key=lambda pledge: pledge.signed_at or pledge.created_at)
    names = ", ".join(dict.fromkeys([leading.signed_by, folded.signed_by]))
    if len(names) > MAX_LENGTH_NAME:
        names = later.signed_by
    if leading.signed_role != folded.signed_role:
        leading.signed_role = later.signed_role if names == later.signed_by else ""
    leading.signed_by, leading.signed_at = names, later.signed_at


def describe_merged_pledge(one: PledgeMerge, known: Checklist) -> str:
    """The folded pledge as it was, in English."""
    folded = one.folded
    with translation.override("en"):
        lines = [
            f"{known.promise_types[each.promise_type].name}: {promises.promise_in_words(each, known)}"
            for each in one.others
        ]
        state = f"signed by {folded.signed_by}" if folded.signed_at else "not signed"
    return f"{folded.organization.name}, {state}. {' | '.join(lines)}".strip()


def move_references(goes: models.Model, stays: models.Model) -> None:
    """Every row of any app that points at the one points at the other."""
    for model, field in foreign_keys_to(
        goes, but=HANDLED_MODELS if not isinstance(goes, Contact) else (DuplicateCandidate,)
    ):
        if model._meta.auto_created:
            drop_doubles(model, field, goes, stays)
        try:
            with transaction.atomic():
                model._base_manager.filter(**{field: goes}).update(**{field: stays})
        except IntegrityError as error:
            said = _("Both have one of these, and there may be only one: %(what)s. Delete one of them first.")
            raise MergeConflict(said % {"what": model._meta.verbose_name}) from error


def drop_doubles(model: type[models.Model], field: str, goes: models.Model, stays: models.Model) -> None:
    """Both may stand in one list of many to many: once is enough."""
    [other] = [each.attname for each in model._meta.concrete_fields if each.remote_field and each.name != field]
    rows = model._base_manager
    there = rows.filter(**{field: stays}).values_list(other, flat=True)
    rows.filter(**{field: goes, f"{other}__in": list(there)}).delete()


def keep_dismissals(kept: Organization, other: Organization) -> None:
    """Who was said to be another than the one that goes is another than the one that stays."""
    for pair in DuplicateCandidate.objects.filter(dismissed_at__isnull=False).filter(
        models.Q(organization_a=other) | models.Q(organization_b=other)
    ):
        third = pair.organization_b_id if pair.organization_a_id == other.pk else pair.organization_a_id
        first, second = sorted((third, kept.pk))
        if first == second:
            continue
        said = {"dismissed_at": pair.dismissed_at, "dismissed_by": pair.dismissed_by}
        DuplicateCandidate.objects.update_or_create(
            organization_a_id=first,
            organization_b_id=second,
            defaults=said,
            create_defaults={"score": 0, "reasons": [], **said},
        )


def reassign(goes: models.Model, stays: models.Model) -> None:
    """History and messages of one thing become another's."""
    for relation in goes._meta.private_fields:
        if isinstance(relation, GenericRelation):
            getattr(goes, relation.name).update(object_id=stays.pk)
