"""Who promises what: fields, constraints, subsets. The rules are in partners.pledges and profiles.py."""

from partners.models.checklist import MONTHS, Grade, PromiseKind, School
from partners.models.directory import WallChange
from partners.models.duplicates import OldAddress, OldLink, Reason, TwinPair, TwinSearch
from partners.models.imports import Import, ImportRow, Made, TypedOrganization
from partners.models.organizations import Contact, Logo, Organization, Sector, folded, showing_of
from partners.models.pledges import LARGEST_QUANTITY, Pledge, PledgeStart, PledgeYear, Promise, Signature

__all__ = [
    "LARGEST_QUANTITY",
    "MONTHS",
    "Contact",
    "Grade",
    "Import",
    "ImportRow",
    "Logo",
    "Made",
    "OldAddress",
    "OldLink",
    "Organization",
    "Pledge",
    "PledgeStart",
    "PledgeYear",
    "Promise",
    "PromiseKind",
    "Reason",
    "School",
    "Sector",
    "Signature",
    "TwinPair",
    "TwinSearch",
    "TypedOrganization",
    "WallChange",
    "folded",
    "showing_of",
]
