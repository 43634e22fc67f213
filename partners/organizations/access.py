"""Who may open the pledge of two organizations once they are merged, for staff to decide."""

from collections.abc import Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from imagine.core.formatting import short_date
from partners.models import Contact
from partners.organizations.merging import MergePlan
from partners.signals import address_proofs_asked

# Having an address there says nothing about where a person works.
MAIL_PROVIDERS = {
    *("aol.com", "att.net", "comcast.net", "gmail.com", "hotmail.com", "icloud.com", "live.com", "mac.com", "me.com"),
    *("msn.com", "outlook.com", "pacbell.net", "proton.me", "protonmail.com", "sbcglobal.net", "yahoo.com"),
}


class AccessLine(NamedTuple):
    """A contact who could be emailed the new link, where the address was verified, and whether to propose it."""

    contact: Contact
    proofs: list[str]
    is_proposed: bool


def access_lines(plan: MergePlan) -> Iterator[AccessLine]:
    """Yield all contacts that there are afterwards. Those of the kept organization are proposed if they have access
    today, others if their address is at the same domain."""
    mine, _theirs = plan.contacts
    domains = {domain_of_contact(contact) for contact in mine} - MAIL_PROVIDERS
    for contact in plan.remaining_contacts:
        is_ours = contact.organization_id == plan.kept.pk or domain_of_contact(contact) in domains
        yield AccessLine(contact, proofs_of(contact), is_ours and contact.may_open_pledge)


def domain_of_contact(contact: Contact) -> str:
    return contact.email.rpartition("@")[2].lower()


def proofs_of(contact: Contact) -> list[str]:
    """Say which emailed links the contact has used, and when."""
    proofs: list[str] = [
        _("used the %(year)s pledge link on %(day)s")
        % {"year": pledge.school_years, "day": short_date(pledge.verified_at)}
        for pledge in contact.pledges.exclude(verified_at=None).order_by("-verified_at")
    ]
    for _receiver, found in address_proofs_asked.send(Contact, contact=contact):
        proofs += found or []
    return proofs
