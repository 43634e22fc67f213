"""Who promises what: fields, constraints, subsets. The rules about pledges are in pledges.py."""

from partners.models.checklist import MONTHS, Grade, PromiseKind, School
from partners.models.organizations import Contact, Logo, Organization, Sector, folded, showing_of
from partners.models.pledges import LARGEST_QUANTITY, Pledge, PledgeStart, PledgeYear, Promise, Signature
from partners.models.wall import WallChange

__all__ = [
    "LARGEST_QUANTITY",
    "MONTHS",
    "Contact",
    "Grade",
    "Logo",
    "Organization",
    "Pledge",
    "PledgeStart",
    "PledgeYear",
    "Promise",
    "PromiseKind",
    "School",
    "Sector",
    "Signature",
    "WallChange",
    "folded",
    "showing_of",
]
