"""Match the organization name typed in an RSVP with an organization (docs/rules.md): automatically if the email address
belongs to one, otherwise by staff, who get proposals. No seat, pledge or promise is read or written.

The events are locked before the organization, and that before the RSVPs, as in a merge.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import TrigramSimilarity
from django.db import transaction
from django.db.models import CharField, Count, Exists, ExpressionWrapper, Max, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Lower, RowNumber
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from partners.models import Contact, MatchReason, Organization, normalize_name
from partners.organizations import duplicates, profiles
from partners.organizations.duplicates import Match, MatchQuery
from summit import seats
from summit.models import Rsvp, RsvpQuerySet

MIN_SIMILARITY = 0.45  # of a typed name to the name of the address's organization
BATCH_SIZE = 500
MAX_EMAILS_COMPARED = 20  # for one typed name


class CannotMatch(RuleViolation):
    """Nothing was changed. The text is a sentence for staff."""


class OrganizationMissing(CannotMatch):
    """The organization no longer exists."""

    def __init__(self):
        super().__init__(_("This organization was merged or deleted in the meantime, so nothing was matched."))


class AlreadyMatched(CannotMatch):
    """Someone else has matched the RSVPs since."""

    def __init__(self):
        super().__init__(_("Someone else already matched these RSVPs, so nothing was changed."))


class NameTaken(CannotMatch):
    """There is already an organization with this name: `organization`."""

    def __init__(self, organization: Organization):
        super().__init__(_("An organization with this name already exists. Choose it, or enter a different name."))
        self.organization = organization


# Automatically ---------------------------------------------------------------------------------------------------


def match_by_email() -> int:
    """Match each RSVP whose address belongs to a contact of one organization, unless another name was typed; staff get
    that as a proposal. Return how many were matched."""
    contacts = contacts_with_rsvps_email()
    same_name = contacts.filter(organization__normalized_name=OuterRef("normalized_organization_name"))
    rsvps = Rsvp.objects.filter(Exists(contacts), organization=None, no_organization=False).annotate(
        found=ArraySubquery(contacts.values("organization")),
        found_by_name=ArraySubquery(same_name.values("organization")),
    )
    rows = list(rsvps.order_by("pk").values_list("pk", "found", "found_by_name")[:BATCH_SIZE])
    return sum(match_rsvp(pk, set(by_name if len(set(found)) > 1 else found)) for pk, found, by_name in rows)


def contacts_with_rsvps_email() -> QuerySet[Contact]:
    """In a subquery of RSVPs: the contacts with the RSVP's address at an organization that may be the one typed."""
    normalized_name = OuterRef("normalized_organization_name")
    similarity = TrigramSimilarity("organization__normalized_name", normalized_name)  # type: ignore[arg-type]
    typed = ExpressionWrapper(OuterRef("organization_name"), output_field=CharField())
    contacts = Contact.objects.order_by().filter(organization__isnull=False)
    contacts = contacts.alias(lower_email=Lower("email"), typed=typed, similarity=similarity)
    may_be_meant = Q(typed="") | Q(organization__normalized_name=normalized_name) | Q(similarity__gte=MIN_SIMILARITY)
    return contacts.filter(may_be_meant, lower_email=Lower(OuterRef("email")))


def match_rsvp(rsvp: int, organizations: set[int]) -> bool:
    if len(organizations) != 1:
        return False
    try:
        return bool(
            assign_organization(Rsvp.objects.filter(pk=rsvp, organization=None, no_organization=False), *organizations)
        )
    except OrganizationMissing:
        return False


# By staff --------------------------------------------------------------------------------------------------------


@transaction.atomic
def assign_organization(rsvps: RsvpQuerySet, organization: int, *, adds_contacts: bool = False) -> int:
    """Match these RSVPs with the organization of this primary key and, with `adds_contacts`, add their guests with a
    verified address to its contacts. Return the number of RSVPs. Raise OrganizationMissing."""
    rsvps = lock_events_of_rsvps(rsvps)
    locked = Organization.objects.select_for_update(no_key=True).filter(pk=organization).first()
    if locked is None:
        raise OrganizationMissing
    return save_match(rsvps, locked, adds_contacts=adds_contacts)


@transaction.atomic
def create_organization_for(rsvps: RsvpQuerySet, *, name: str, sector: str = "", is_sure: bool = False) -> Organization:
    """Create an organization for these RSVPs and add their guests with a verified address to its contacts. Raise
    AlreadyMatched if they have been matched, and NameTaken if there is one with the same name, unless `is_sure`."""
    rsvps = lock_events_of_rsvps(rsvps)
    if not list(rsvps.select_for_update(no_key=True).order_by("pk").values_list("pk")):
        raise AlreadyMatched
    existing = Organization.objects.filter(normalized_name=normalize_name(Value(name))).order_by("pk").first()
    if existing and not is_sure:
        raise NameTaken(existing)
    organization = profiles.create_organization(name=name, sector=sector)
    save_match(rsvps, organization, adds_contacts=True)
    return organization


@transaction.atomic
def assign_no_organization(rsvps: RsvpQuerySet) -> int:
    """Mark these RSVPs as not a partner: a parent, a neighbor, a joke. Return how many."""
    return save_match(lock_events_of_rsvps(rsvps), None, no_organization=True)


@transaction.atomic
def reopen_match(rsvps: RsvpQuerySet) -> int:
    """Undo the match of these RSVPs. Return how many."""
    return save_match(lock_events_of_rsvps(rsvps), None)


def lock_events_of_rsvps(rsvps: RsvpQuerySet) -> RsvpQuerySet:
    """Lock the events of these RSVPs. Return the RSVPs that are for one of them."""
    return rsvps.filter(event__in=seats.lock_events(rsvps.order_by().values("event")))


def save_match(
    rsvps: RsvpQuerySet,
    organization: Organization | None,
    *,
    no_organization: bool = False,
    adds_contacts: bool = False,
) -> int:
    rows = rsvps.select_related("organization").select_for_update(of=("self",), no_key=True).order_by("pk")
    for rsvp in rows:
        before = match_for_history(rsvp)
        rsvp.organization, rsvp.no_organization = organization, no_organization
        rsvp.save(update_fields=["organization", "no_organization"])
        audit.log_change(rsvp, before, match_for_history(rsvp))
        if organization and adds_contacts and rsvp.verified_at:  # otherwise anyone could have typed the address
            person = {"name": rsvp.name, "phone": rsvp.phone, "language": rsvp.language}
            profiles.get_or_add_contact(organization, email=rsvp.email, **person)
    return len(rows)


def match_for_history(rsvp: Rsvp) -> dict:
    return {
        "organization": rsvp.organization.name if rsvp.organization else "",
        "no_organization": rsvp.no_organization,
    }


# Proposals for staff ---------------------------------------------------------------------------------------------


@dataclass
class Proposal:
    organization: Organization
    score: int
    reasons: list[str]

    @property
    def why(self) -> list[str]:
        return [str(MatchReason(reason).label) for reason in self.reasons]


@dataclass
class Group:
    """The RSVPs with the same typed name, and the organizations it may be."""

    folded: str
    number: int
    rsvps: list[Rsvp] = field(default_factory=list)  # the newest ones
    proposals: list[Proposal] = field(default_factory=list)

    @property
    def newest(self) -> Rsvp:
        return self.rsvps[0]

    @property
    def emails(self) -> list[str]:
        return [rsvp.email for rsvp in self.rsvps if rsvp.email]

    @property
    def name(self) -> str:
        """The name as typed in the newest RSVP."""
        return self.newest.organization_name


def names_to_match():
    """Return each unmatched name with its number of RSVPs, newest first: rows of `normalized_organization_name`,
    `number` and `latest`."""
    names = Rsvp.objects.unmatched().order_by().values("normalized_organization_name")
    return names.annotate(number=Count("pk"), latest=Max("created_at")).order_by(
        "-latest", "normalized_organization_name"
    )


def groups_with_proposals(names: Collection[dict]) -> list[Group]:
    """Return a page of groups with proposals, in a constant number of queries."""
    found = {
        row["normalized_organization_name"]: Group(row["normalized_organization_name"], row["number"]) for row in names
    }
    newest = Window(RowNumber(), partition_by="normalized_organization_name", order_by=["-created_at", "-pk"])
    rsvps = Rsvp.objects.unmatched().filter(normalized_organization_name__in=found).alias(place=newest)
    for rsvp in rsvps.filter(place__lte=MAX_EMAILS_COMPARED).select_related("event").order_by("place"):
        found[rsvp.normalized_organization_name].rsvps.append(rsvp)
    return add_proposals([group for group in found.values() if group.rsvps])


def group_with_proposals(rsvp: Rsvp) -> Group:
    """Return the group of one RSVP with proposals, including unmatched RSVPs with the same name."""
    others = rsvps_with_same_name(rsvp)
    group = Group(rsvp.normalized_organization_name, others.count(), [rsvp])
    return add_proposals([group])[0]


def rsvps_with_same_name(rsvp: Rsvp) -> RsvpQuerySet:
    """Return the RSVPs that a decision about this one applies to: itself and, while it is unmatched, all others with
    the same name."""
    if rsvp.organization_id or rsvp.no_organization or not rsvp.organization_name:
        return Rsvp.objects.filter(pk=rsvp.pk)
    return Rsvp.objects.unmatched().filter(normalized_organization_name=rsvp.normalized_organization_name)


def add_proposals(groups: list[Group]) -> list[Group]:
    queries = [MatchQuery(key, group.folded, group.emails) for key, group in enumerate(groups)]
    matches_by_key: dict[int, list[Match]] = duplicates.find_matches(queries)
    pks = {one.organization for found in matches_by_key.values() for one in found}
    organizations = Organization.objects.in_bulk(pks)
    for key, matches in matches_by_key.items():
        groups[key].proposals = [
            Proposal(organizations[one.organization], one.score, one.reasons)
            for one in matches
            if one.organization in organizations
        ]
    return groups
