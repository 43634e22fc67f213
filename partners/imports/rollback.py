"""What an import made is taken back, many things a step: only what nobody changed since. What stays is told, with the
reason. The rules that erase one thing do the same as these, which erase many."""

from collections.abc import Callable, Mapping
from operator import attrgetter

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils.translation import gettext as _

from imagine.core import audit
from partners.imports import fingerprints
from partners.models import (
    Contact,
    DuplicateCandidate,
    Import,
    ImportedOrganization,
    Organization,
    Pledge,
    SlugRedirect,
)
from partners.organizations import merging, profiles

BATCH_SIZE = 200
MAX_REASONS = 500  # things that stayed and are named
IGNORED_MODELS = (DuplicateCandidate, SlugRedirect, ImportedOrganization)  # what only points at an organization

KeptRecords = dict[int, list[str]]  # by primary key: how it is called, why it stays


def undo_next(run: Import) -> None:
    """Takes back the next things of a locked import; after the last it is undone."""
    for model, take_back in UNDO_RULES.items():
        created = run.created_records.filter(content_type=ContentType.objects.get_for_model(model))
        some = list(created.order_by("pk")[:BATCH_SIZE])
        if some:
            stay = take_back({each.object_id: each.fingerprint for each in some})
            created.filter(pk__in=[each.pk for each in some]).delete()
            run.not_undone = [*run.not_undone, *(stay[pk] for pk in sorted(stay))][:MAX_REASONS]
            for name, number in (("stayed", len(stay)), ("undone", len(some) - len(stay))):
                run.counts[name] = run.counts.get(name, 0) + number
            run.steps_done += len(some)
            return
    run.state = Import.State.UNDONE


def undo_pledges(made: dict[int, str]) -> KeptRecords:
    pledges = Pledge.objects.filter(pk__in=made)
    profiles.lock_organizations(pledges.order_by().values("organization"))
    now, stay = fingerprints.pledge_fingerprints(pledges), {}
    for pledge in pledges.select_related("organization"):
        if now[pledge.pk] != made[pledge.pk]:
            stay[pledge.pk] = [_("Pledge of %(name)s") % {"name": pledge.organization.name}, _("it was changed since")]
    gone = now.keys() - stay.keys()
    pledges.filter(pk__in=gone).delete()
    return stay


def undo_contacts(made: dict[int, str]) -> KeptRecords:
    contacts = Contact.objects.filter(pk__in=made)
    profiles.lock_organizations(contacts.order_by().values("organization"))
    # Also against being invited from here on.
    locked = contacts.select_for_update(of=("self",)).select_related("organization").order_by("pk")
    there = {contact.pk: contact for contact in locked}
    stay = reasons_to_keep(
        there, made, fingerprints.contact_fingerprint, lambda one: _("Contact of %(name)s") % {"name": one.organization}
    )
    gone = there.keys() - stay.keys()
    Contact.objects.filter(pk__in=gone).delete()
    owners = {owner for pk in gone if (owner := there[pk].organization)}
    audit.log_changes((owner, {"contact": "…"}, {"contact": ""}) for owner in sorted(owners, key=attrgetter("pk")))
    return stay


def undo_organizations(made: dict[int, str]) -> KeptRecords:
    there = profiles.lock_organizations(made, to_delete=True)
    stay = reasons_to_keep(there, made, fingerprints.organization_fingerprint, str)
    for old in SlugRedirect.objects.filter(organization__in=there.keys() - stay.keys()).select_related("organization"):
        stay[old.organization_id] = [old.organization.name, _("another was merged into it")]
    gone = there.keys() - stay.keys()
    Organization.objects.filter(pk__in=gone).delete()
    return stay


def reasons_to_keep(there: Mapping[int, Model], made: dict[int, str], mark: Callable, name: Callable) -> KeptRecords:
    hanging = dependents(there)
    stay = {}
    for pk, thing in there.items():
        if mark(thing) != made[pk]:
            stay[pk] = [name(thing), _("it was changed since")]
        elif pk in hanging:
            stay[pk] = [name(thing), _("it has: %(what)s") % {"what": ", ".join(sorted(hanging[pk]))}]
    return stay


def dependents(there: Mapping[int, Model]) -> dict[int, set[str]]:
    """What belongs to each by now, whatever app it is of."""
    found: dict[int, set[str]] = {}
    for model, field in merging.foreign_keys_to(next(iter(there.values()), Organization()), but=IGNORED_MODELS):
        for pk in model._base_manager.filter(**{f"{field}__in": there}).values_list(field, flat=True).distinct():
            found.setdefault(pk, set()).add(str(model._meta.verbose_name_plural))
    return found


UNDO_RULES: dict[type[Model], Callable[[dict[int, str]], KeptRecords]] = {  # what hangs on something else goes first
    Pledge: undo_pledges,
    Contact: undo_contacts,
    Organization: undo_organizations,
}
