"""Undo an import in steps: delete the records it created that nobody has changed since, and say why others kept.

These functions delete many records at once, with the same effects as the rules that delete a single one.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.deletion import reasons_to_keep as reasons_not_to_delete
from imagine.core.relations import foreign_keys_to
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
from partners.organizations import profiles

BATCH_SIZE = 200
MAX_REASONS = 500
IGNORED_MODELS = (DuplicateCandidate, SlugRedirect, ImportedOrganization)  # deleted with their organization

KeptRecords = dict[int, list[str]]  # name and reason by primary key


def undo_next(run: Import) -> None:
    """Undo the next batch of a locked import. After the last one its state is UNDONE."""
    for model, undo in UNDO_RULES.items():
        records = run.created_records.filter(content_type=ContentType.objects.get_for_model(model))
        batch = list(records.order_by("pk")[:BATCH_SIZE])
        if batch:
            kept = undo({record.object_id: record.fingerprint for record in batch})
            records.filter(pk__in=[record.pk for record in batch]).delete()
            run.not_undone = [*run.not_undone, *(kept[pk] for pk in sorted(kept))][:MAX_REASONS]
            for name, number in (("stayed", len(kept)), ("undone", len(batch) - len(kept))):
                run.counts[name] = run.counts.get(name, 0) + number
            run.steps_done += len(batch)
            return
    run.state = Import.State.UNDONE


def undo_pledges(created: dict[int, str]) -> KeptRecords:
    pledges = Pledge.objects.filter(pk__in=created)
    profiles.lock_organizations(pledges.order_by().values("organization"))
    current, kept = fingerprints.pledge_fingerprints(pledges), {}
    existing = list(pledges.select_related("organization", "contact"))
    held = about_people_on_hold(existing)
    for pledge in existing:
        label = _("Pledge by %(name)s") % {"name": pledge.organization.name}
        if current[pledge.pk] != created[pledge.pk]:
            kept[pledge.pk] = [label, _("changed since the import")]
        elif pledge.pk in held:
            kept[pledge.pk] = [label, _("a person has a hold")]
    deleted = current.keys() - kept.keys()
    pledges.filter(pk__in=deleted).delete()
    return kept


def undo_contacts(created: dict[int, str]) -> KeptRecords:
    contacts = Contact.objects.filter(pk__in=created)
    profiles.lock_organizations(contacts.order_by().values("organization"))
    # Locked against new invitations, too.
    locked = contacts.select_for_update(of=("self",)).select_related("organization").order_by("pk")
    existing = {contact.pk: contact for contact in locked}
    kept = records_to_keep(existing, created, fingerprints.contact_fingerprint, contact_label)
    deleted = existing.keys() - kept.keys()
    Contact.objects.filter(pk__in=deleted).delete()
    owners = {owner for pk in deleted if (owner := existing[pk].organization)}
    audit.log_changes((owner, {"contact": "…"}, {"contact": ""}) for owner in sorted(owners, key=attrgetter("pk")))
    return kept


def contact_label(contact: Contact) -> str:
    return _("Contact at %(name)s") % {"name": contact.organization}


def undo_organizations(created: dict[int, str]) -> KeptRecords:
    existing = profiles.lock_organizations(created, to_delete=True)
    kept = records_to_keep(existing, created, fingerprints.organization_fingerprint, str)
    redirects = SlugRedirect.objects.filter(organization__in=existing.keys() - kept.keys())
    for redirect in redirects.select_related("organization"):
        kept[redirect.organization_id] = [redirect.organization.name, _("another organization was merged into it")]
    deleted = existing.keys() - kept.keys()
    DuplicateCandidate.objects.of_organizations(deleted).lock()
    Organization.objects.filter(pk__in=deleted).delete()
    return kept


def records_to_keep(
    existing: Mapping[int, Model], created: dict[int, str], fingerprint: Callable, label: Callable
) -> KeptRecords:
    dependent, held = names_of_dependents(existing), about_people_on_hold(existing.values())
    kept = {}
    for pk, record in existing.items():
        if fingerprint(record) != created[pk]:
            kept[pk] = [label(record), _("changed since the import")]
        elif pk in held:
            kept[pk] = [label(record), _("a person has a hold")]
        elif pk in dependent:
            kept[pk] = [label(record), _("still in use: %(what)s") % {"what": ", ".join(sorted(dependent[pk]))}]
    return kept


def about_people_on_hold(records: Iterable[Model]) -> set[int]:
    records = list(records)
    return (
        {record.pk for record in records if reasons_not_to_delete([record])}
        if reasons_not_to_delete(records)
        else set()
    )


def names_of_dependents(existing: Mapping[int, Model]) -> dict[int, set[str]]:
    """Return the kinds of objects of any app that refer to each organization or contact."""
    found: dict[int, set[str]] = {}
    for model, field in foreign_keys_to(next(iter(existing.values()), Organization()), exclude=IGNORED_MODELS):
        for pk in model._base_manager.filter(**{f"{field}__in": existing}).values_list(field, flat=True).distinct():
            found.setdefault(pk, set()).add(str(model._meta.verbose_name_plural))
    return found


UNDO_RULES: dict[type[Model], Callable[[dict[int, str]], KeptRecords]] = {  # dependent records first
    Pledge: undo_pledges,
    Contact: undo_contacts,
    Organization: undo_organizations,
}
