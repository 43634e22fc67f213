"""What a private link opens, and how its organization is locked before anything is written."""

import hashlib
import json
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Value
from django.utils import timezone
from django.utils.translation import gettext as _

from imagine.core.errors import RuleViolation
from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear, TokenRedirect, normalize_name
from partners.organizations import profiles
from partners.organizations.profiles import CONTACT_FIELDS, PROFILE_FIELDS
from partners.pledges import promises
from partners.pledges.promises import PromiseData

# Raw, because the ORM can't lock a row FOR SHARE.
CURRENT_YEAR_FOR_SHARE = """
    SELECT * FROM partners_pledgeyear WHERE opens_on <= %s AND closed_at IS NULL
    ORDER BY school_year DESC LIMIT 1 FOR SHARE
"""
MIN_NAME_SIMILARITY = 0.45  # from here on a name is taken for that of an organization that the same address answers for


class LinkNotFound(RuleViolation):
    """The link opens nothing: it never did, or staff replaced it."""


class PledgeClosed(RuleViolation):
    """No school year is open for it now."""


class AddressAlreadyKnown(RuleViolation):
    """The address belongs to a contact already, and who asks did not show that this mailbox is theirs. The link was
    mailed there."""


@dataclass(frozen=True)
class PageState:
    """What a private link opens: the pledge of an organization for a school year, written or only proposed.

    `pledge` is None until it is saved for the first time; then `organization` may be None too, and `before` is the last
    pledge, whose promises are proposed. `year` is None when none was ever opened.
    """

    token: str
    year: PledgeYear | None
    organization: Organization | None
    pledge: Pledge | None
    before: Pledge | None
    start: PledgeRequest | None
    contact_row: Contact | None
    profile: dict
    contact: dict
    promises: list[PromiseData]

    @property
    def is_open(self) -> bool:
        """Whether it may be saved now."""
        return self.year is not None and self.year.is_open

    @property
    def is_signed(self) -> bool:
        return self.pledge is not None and self.pledge.signed_at is not None

    @property
    def version(self) -> str:
        """What the page carries and sends back: another one as soon as anybody, staff too, changed what it shows."""
        number = self.pledge.version if self.pledge else 0
        shown = json.dumps([self.profile, self.contact, [vars(one) for one in self.promises]], sort_keys=True)
        return f"{number}-{hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def load_page_state(token: str) -> PageState:
    """What a link opens. An older pledge's link leads to the organization's newest one, and to a proposal for the
    school year that has been opened since. Writes nothing. Raises Missing."""
    year = PledgeYear.objects.current()
    pledge = Pledge.objects.select_related("organization").filter(token=token).first()
    if pledge:
        pledges = pledges_of_organization(pledge.organization)
        if token not in {each.token for each in pledges}:  # in this moment staff merged two or replaced the link
            return load_page_state(token)
        return page_state_for(token, year, pledge.organization, pledges)
    start = PledgeRequest.objects.filter(token=token).first()
    if start is None:
        return load_page_state(redirected_token(token))
    return page_state_for_request(start, year, find_known_contact(start) if start.email_verified else None)


def redirected_token(token: str) -> str:
    """The link of the pledge into which staff merged the one with this link. Raises Missing."""
    now = TokenRedirect.objects.filter(token=token).values_list("pledge__token", flat=True).first()
    if now is None:
        raise LinkNotFound(_("This link opens nothing any more."))
    return now


def pledges_of_organization(organization: Organization) -> list[Pledge]:
    return list(organization.pledges.select_related("year", "contact").order_by("year_id"))


def page_state_for_request(start: PledgeRequest, year: PledgeYear | None, known: Contact | None) -> PageState:
    if known:
        return page_state_for(
            start.token, year, known.organization, pledges_of_organization(known.organization), start, known
        )
    return page_state_for(start.token, year, None, [], start)


def page_state_for(
    token: str,
    year: PledgeYear | None,
    organization: Organization | None,
    pledges: list[Pledge],
    start: PledgeRequest | None = None,
    contact: Contact | None = None,
) -> PageState:
    """What a link opens while `year` is the current one. `pledges` are the organization's, the newest last."""
    newest = pledges[-1] if pledges else None
    is_there = newest is not None and (year is None or newest.year_id >= year.pk)
    pledge, before = (newest, None) if is_there else (None, newest)
    if pledge and year and pledge.year_id == year.pk:
        pledge.year = year
    contact = contact or (newest and newest.contact)
    return PageState(
        token=token,
        year=pledge.year if pledge else year,
        organization=organization,
        pledge=pledge,
        before=before,
        start=start,
        contact_row=contact,
        profile=profile_of(organization, start),
        contact={name: getattr(contact or start, name, "") for name in CONTACT_FIELDS},
        promises=promises.promises_of_pledge(pledge)
        if pledge
        else promises.proposed_promises(before)
        if before
        else [],
    )


def profile_of(organization: Organization | None, start: PledgeRequest | None) -> dict:
    known = organization or Organization(name=start.organization, sector=start.sector)
    return profiles.field_values(known, PROFILE_FIELDS)


def find_known_contact(start: PledgeRequest) -> Contact | None:
    """The contact that begins: one with this address, of an organization with a name like the typed one."""
    if not Contact.objects.with_email(start.email).exists():  # as for nearly everybody who begins: names take longer
        return None
    alike = TrigramSimilarity("organization__normalized_name", normalize_name(Value(start.organization)))
    contacts = Contact.objects.with_email(start.email).annotate(alike=alike).filter(alike__gte=MIN_NAME_SIMILARITY)
    return contacts.select_related("organization").order_by("-alike", "pk").first()


def lock_page_state(token: str) -> PageState:
    """The sheet as it stands, its organization locked and its school year held open."""
    locked = Organization.objects.select_for_update(no_key=True, of=("self",))
    organization = locked.filter(pledges__token=token).first()
    if organization is None:
        return lock_pledge_request(token)
    pledges = pledges_of_organization(organization)
    if token not in {pledge.token for pledge in pledges}:  # while it waited, staff merged two or replaced the link
        return lock_page_state(token)
    return page_state_for(token, lock_current_year_for_share(), organization, pledges)


def lock_pledge_request(token: str) -> PageState:
    """The same for a link that no pledge has yet. Whoever begins with one address waits for each other: then the second
    finds what the first made. Raises Known, and Missing."""
    email = PledgeRequest.objects.filter(token=token).values_list("email", flat=True).first() or ""
    requests = PledgeRequest.objects.select_for_update().with_email(email).order_by("pk")
    start = next((each for each in requests if each.token == token), None)
    if start is None:
        return lock_page_state(token if Pledge.objects.filter(token=token).exists() else redirected_token(token))
    known = find_known_contact(start)
    if known and not start.email_verified:
        raise AddressAlreadyKnown(_("This address is a partner’s already. We have sent its link there."))
    if known:
        organization = Organization.objects.select_for_update(no_key=True).filter(pk=known.organization_id).first()
        if organization is None:  # staff merged it into its twin
            return lock_page_state(token)
        known.organization = organization
    return page_state_for_request(start, lock_current_year_for_share(), known)


def lock_current_year_for_share() -> PledgeYear | None:
    """The current school year. Many may hold it at once, but none while it is being closed: closing waits for them, and
    they for it."""
    return next(iter(PledgeYear.objects.raw(CURRENT_YEAR_FOR_SHARE, [timezone.localdate()])), None)


def check_year_open(sheet: PageState) -> None:
    if not sheet.is_open:
        raise PledgeClosed(_("This school year is closed, so nothing can be changed now."))
