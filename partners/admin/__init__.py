"""Partners and their promises in the admin. Every change goes through the rules; pledges are only read here."""

from partners.admin.checklist import PledgeYearAdmin, PromiseTypeAdmin, SchoolAdmin
from partners.admin.contacts import ContactAdmin
from partners.admin.imports import ImportAdmin
from partners.admin.merging import DuplicateCandidateAdmin
from partners.admin.organizations import OrganizationAdmin
from partners.admin.pledges import PledgeAdmin, PromiseAdmin

__all__ = [
    "ContactAdmin",
    "DuplicateCandidateAdmin",
    "ImportAdmin",
    "OrganizationAdmin",
    "PledgeAdmin",
    "PledgeYearAdmin",
    "PromiseAdmin",
    "PromiseTypeAdmin",
    "SchoolAdmin",
]
