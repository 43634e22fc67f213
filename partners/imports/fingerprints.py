"""A short word for how a thing is, another one as soon as anybody changed it: what undoing an import looks at."""

import hashlib
import json
from collections import defaultdict

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q, QuerySet, Value

from partners.models import Contact, Organization, Pledge, Promise
from partners.organizations import profiles
from partners.pledges.promises import Promised


def mark(*facts) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def of_organization(organization: Organization) -> str:
    return mark(profiles.facts(organization, [*profiles.PROFILE, "approved_at"]))


def of_contact(contact: Contact) -> str:
    names = ["name", "role", "email", "phone", "language", "is_primary"]
    return mark(contact.organization_id, profiles.facts(contact, names))


def of_pledge(pledge: Pledge, promised: list[Promised]) -> str:
    lines = sorted((vars(one) for one in promised), key=lambda one: one["promise_type"])
    return mark(pledge.organization_id, pledge.year_id, pledge.version, pledge.signed_by, lines)


def of_pledges(pledges: QuerySet[Pledge]) -> dict[int, str]:
    """By primary key how each stands: two queries."""
    schools = ArrayAgg("schools", filter=Q(schools__isnull=False), default=Value([]))
    rows = Promise.objects.filter(pledge__in=pledges).order_by().annotate(where=schools)
    promised = defaultdict(list)
    for pledge, *row in rows.values_list("pledge", "promise_type", "quantity", "grades", "months", "where", "note"):
        promised[pledge].append(Promised(*row))
    return {pledge.pk: of_pledge(pledge, promised[pledge.pk]) for pledge in pledges}
