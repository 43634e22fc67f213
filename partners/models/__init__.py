"""The partners' models. Only the rules in partners.organizations, pledges, imports and checklist write them."""

from partners.models.checklist import MONTHS, Grade, PromiseType, School
from partners.models.directory import DirectoryVersion
from partners.models.duplicates import DuplicateCandidate, DuplicateScan, MatchReason, SlugRedirect
from partners.models.imports import CreatedRecord, Import, ImportedOrganization, ImportRow
from partners.models.organizations import (
    Contact,
    Logo,
    Organization,
    Sector,
    listing_status_of,
    normalize_name,
)
from partners.models.pledges import (
    MAX_PROMISES_PER_TYPE,
    MAX_QUANTITY,
    Pledge,
    PledgeRequest,
    PledgeYear,
    Promise,
    Signature,
)
from partners.models.words import LearnedWord

__all__ = [
    "MAX_PROMISES_PER_TYPE",
    "MAX_QUANTITY",
    "MONTHS",
    "Contact",
    "CreatedRecord",
    "DirectoryVersion",
    "DuplicateCandidate",
    "DuplicateScan",
    "Grade",
    "Import",
    "ImportRow",
    "ImportedOrganization",
    "LearnedWord",
    "Logo",
    "MatchReason",
    "Organization",
    "Pledge",
    "PledgeRequest",
    "PledgeYear",
    "Promise",
    "PromiseType",
    "School",
    "Sector",
    "Signature",
    "SlugRedirect",
    "listing_status_of",
    "normalize_name",
]
