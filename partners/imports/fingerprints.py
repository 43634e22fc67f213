"""Fingerprints of created records. Undoing an import compares them to see what was changed since."""

import hashlib
import json
from collections import defaultdict

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q, QuerySet, Value

from partners.models import Contact, Organization, Pledge, Promise
from partners.organizations import profiles
from partners.pledges.promises import PromiseData, by_type


def fingerprint(*values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:32]


def organization_fingerprint(organization: Organization) -> str:
    return fingerprint(profiles.field_values(organization, [*profiles.PROFILE_FIELDS, "approved_at"]))


def contact_fingerprint(contact: Contact) -> str:
    names = ["name", "role", "email", "phone", "language", "is_primary"]
    return fingerprint(contact.organization_id, profiles.field_values(contact, names))


def pledge_fingerprint(pledge: Pledge, promised: list[PromiseData]) -> str:
    lines = [vars(promise) for group in sorted(by_type(promised).items()) for promise in group[1]]
    return fingerprint(pledge.organization_id, pledge.year_id, pledge.version, pledge.signed_by, lines)


def pledge_fingerprints(pledges: QuerySet[Pledge]) -> dict[int, str]:
    """Return fingerprints by primary key, in two queries."""
    schools = ArrayAgg("schools", filter=Q(schools__isnull=False), default=Value([]))
    rows = Promise.objects.filter(pledge__in=pledges).order_by("position").annotate(school_pks=schools)
    promised: dict[int, list[PromiseData]] = defaultdict(list)
    fields = ("pledge", "promise_type", "quantity", "grades", "months", "school_pks", "note")
    for pledge, promise_type, quantity, grades, months, school_pks, note in rows.values_list(*fields):
        promised[pledge].append(PromiseData(promise_type, quantity, grades, months, school_pks, note))
    return {pledge.pk: pledge_fingerprint(pledge, promised[pledge.pk]) for pledge in pledges}
