"""Load what the page behind a personal link shows, and lock it before saving."""

import hashlib
import json
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core.errors import RuleViolation
from imagine.core.links import LinkNotFound, find_by_link
from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear, normalize_name
from partners.organizations import profiles
from partners.organizations.profiles import CONTACT_FIELDS, PROFILE_FIELDS
from partners.pledges import promises
from partners.pledges.promises import PromiseData

# Raw SQL, because the ORM can't lock a row FOR SHARE. With FOR UPDATE, only one person could save at a time; eight
# concurrent saves took up to 1.6 times as long.
CURRENT_YEAR_FOR_SHARE = """
    SELECT * FROM partners_pledgeyear WHERE opens_on <= %s AND closed_at IS NULL
    ORDER BY school_year DESC LIMIT 1 FOR SHARE
"""
MIN_NAME_SIMILARITY = 0.45  # to match a typed name with the organization of a contact with the same email address


class PledgeClosed(RuleViolation):
    """The school year is closed, or no school year is open."""


class AddressAlreadyKnown(RuleViolation):
    """The email address belongs to a contact, and the visitor hasn't proved to be that contact. The link is emailed."""


@dataclass(frozen=True)
class PageState:
    """The data of the page behind a personal link: an organization's pledge for a school year, saved or only proposed.

    `pledge` is None until the page is first saved. Then `organization` may be None, too, and `previous_pledge` is the
    pledge whose promises are proposed. `year` is None if no year is open. `is_emailed_link` is whether the link was
    only ever emailed, so that its reader owns the address. By another link, a draft can be saved but not signed.
    """

    token: str
    year: PledgeYear | None
    organization: Organization | None
    pledge: Pledge | None
    previous_pledge: Pledge | None
    pledge_request: PledgeRequest | None
    is_emailed_link: bool
    answering_contact: Contact | None
    profile: dict
    contact: dict
    promises: list[PromiseData]

    @property
    def is_open(self) -> bool:
        return self.year is not None and self.year.is_open

    @property
    def is_signed(self) -> bool:
        return self.pledge is not None and self.pledge.signed_at is not None

    @property
    def saved_promises(self) -> list[PromiseData]:
        """Return the promises of the pledge, without proposed ones."""
        return self.promises if self.pledge else []

    @property
    def version(self) -> str:
        """Return a token for the form, which changes as soon as anyone, including staff, changes a value of the
        page."""
        number = self.pledge.version if self.pledge else 0
        shown = json.dumps([self.profile, self.contact, [vars(promise) for promise in self.promises]], sort_keys=True)
        return f"{number}-{hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def load_page_state(token: str) -> PageState:
    """Load the page state of a link.

    The link of an earlier pledge opens the organization's newest one, or a proposal once a newer school year is open.
    Raise LinkNotFound.
    """
    year = PledgeYear.objects.current()
    pledge = Pledge.objects.select_related("organization").filter(token=token).first()
    if pledge:
        pledges = pledges_of_organization(pledge.organization)
        if token not in {each.token for each in pledges}:  # staff merged it or replaced the link at this moment
            raise LinkNotFound
        return page_state_for(token, year, pledge.organization, pledges, is_emailed_link=True)
    request = find_by_link(PledgeRequest.objects.select_related("pledge__organization"), token)
    contact = known_contact_of(request)
    organization = organization_of(request, contact)
    check_not_replaced(request, organization)
    return page_state_for_request(request, year, organization, contact)


def known_contact_of(request: PledgeRequest) -> Contact | None:
    """Return the contact that a request leads to. Only the emailed link leads to one, and not once there is a draft."""
    is_emailed_link = request.opened_with == request.token
    return find_known_contact(request) if is_emailed_link and request.pledge is None else None


def organization_of(request: PledgeRequest, contact: Contact | None) -> Organization | None:
    if request.pledge:
        return request.pledge.organization
    return contact.organization if contact else None


def check_not_replaced(request: PledgeRequest, organization: Organization | None) -> None:
    """Raise LinkNotFound if the links of the organization were replaced after the request was made, or if another link
    of the draft was used that had been emailed."""
    if request.pledge_id and Pledge.objects.filter(pk=request.pledge_id).exclude(verified_at=None).exists():
        raise LinkNotFound
    if organization and organization.links_replaced_at and organization.links_replaced_at >= request.created_at:
        raise LinkNotFound


def pledges_of_organization(organization: Organization) -> list[Pledge]:
    """Return the pledges, oldest first."""
    return list(organization.pledges.select_related("year", "contact").order_by("year_id"))


def page_state_for_request(
    request: PledgeRequest, year: PledgeYear | None, organization: Organization | None, contact: Contact | None
) -> PageState:
    return page_state_for(
        request.opened_with,
        year,
        organization,
        pledges_of_organization(organization) if organization else [],
        request=request,
        contact=contact,
        is_emailed_link=request.opened_with == request.token,
    )


def page_state_for(
    token: str,
    year: PledgeYear | None,
    organization: Organization | None,
    pledges: list[Pledge],
    *,
    request: PledgeRequest | None = None,
    contact: Contact | None = None,
    is_emailed_link: bool = False,
) -> PageState:
    """Build the page state, given the current `year` and the organization's pledges, oldest first."""
    newest = pledges[-1] if pledges else None
    is_current = newest is not None and (year is None or newest.year_id >= year.pk)
    pledge, previous = (newest, None) if is_current else (None, newest)
    if pledge and year and pledge.year_id == year.pk:
        pledge.year = year
    if contact is None and newest is not None:
        contact = newest.contact
    return PageState(
        token=token,
        year=pledge.year if pledge else year,
        organization=organization,
        pledge=pledge,
        previous_pledge=previous,
        pledge_request=request,
        is_emailed_link=is_emailed_link,
        answering_contact=contact,
        profile=initial_profile(organization, request),
        contact={name: getattr(contact or request, name, "") for name in CONTACT_FIELDS},
        promises=initial_promises(pledge, previous),
    )


def initial_profile(organization: Organization | None, request: PledgeRequest | None) -> dict:
    if organization is None and request is not None:
        organization = Organization(name=request.organization, sector=request.sector)
    return profiles.field_values(organization or Organization(), PROFILE_FIELDS)


def initial_promises(pledge: Pledge | None, previous: Pledge | None) -> list[PromiseData]:
    if pledge:
        return promises.promises_of_pledge(pledge)
    return promises.proposed_promises(previous) if previous else []


def find_known_contact(request: PledgeRequest) -> Contact | None:
    """Return the contact with the request's email address and access to the pledge whose organization's name is most
    similar to the typed one, or None."""
    known = Contact.objects.with_email(request.email).with_pledge_access()
    if not known.exists():  # the usual case; comparing names takes longer
        return None
    typed = normalize_name(Value(request.organization))
    similarity = TrigramSimilarity("organization__normalized_name", typed)  # type: ignore[arg-type]  # any expression
    contacts = (
        known.alias(similarity=similarity).filter(similarity__gte=MIN_NAME_SIMILARITY).select_related("organization")
    )
    return contacts.order_by("-similarity", "pk").first()


def lock_page_state(token: str) -> PageState:
    """Load the page state of a link with its organization locked, and prevent its school year from being closed.

    Raise LinkNotFound and AddressAlreadyKnown.
    """
    locked = Organization.objects.select_for_update(no_key=True, of=("self",))
    organization = locked.filter(pledges__token=token).first()
    if organization is None:
        return lock_pledge_request(token)
    pledges = pledges_of_organization(organization)
    if token not in {pledge.token for pledge in pledges}:  # staff merged it or replaced the link while we waited
        raise LinkNotFound
    year = lock_current_year_for_share()
    return page_state_for(token, year, organization, pledges, is_emailed_link=True)


def lock_pledge_request(token: str) -> PageState:
    """Do the same for a link without a pledge. Lock all requests from the same address, so that a concurrent save finds
    the organization that the first one created."""
    is_token = Q(token=token) | Q(browser_token=token)
    email = PledgeRequest.objects.filter(is_token).values_list("email", flat=True).first() or ""
    requests = PledgeRequest.objects.select_for_update(of=("self",)).select_related("pledge").with_email(email)
    request = next((each for each in requests.order_by("pk") if token in (each.token, each.browser_token)), None)
    if request is None:
        if Pledge.objects.filter(token=token).exists():  # another save used the request while we waited
            return lock_page_state(token)
        raise LinkNotFound
    request.opened_with = token
    if token != request.token and find_known_contact(request):
        raise AddressAlreadyKnown(_("This email address already belongs to a partner. We’ve emailed the link to it."))
    contact = known_contact_of(request)
    organization = organization_of(request, contact)
    if organization:
        locked = Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk).first()
        if locked is None:  # staff merged it while we waited
            return lock_page_state(token)
        check_not_replaced(request, locked)
        organization = locked
        if contact:
            contact.organization = locked
    return page_state_for_request(request, lock_current_year_for_share(), organization, contact)


def lock_current_year_for_share() -> PledgeYear | None:
    """Return the current school year, locked so that it can't be closed while several pledges can be saved, or None."""
    return next(iter(PledgeYear.objects.raw(CURRENT_YEAR_FOR_SHARE, [timezone.localdate()])), None)


def check_year_open(state: PageState) -> None:
    if not state.is_open:
        raise PledgeClosed(_("Promises for this school year are closed, so they can’t be changed."))
