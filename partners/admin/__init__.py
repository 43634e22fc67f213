"""The admin of partners and their promises. Changes go through the rules, and pledges are read-only."""

from partners.admin.checklist import PledgeYearAdmin, PromiseTypeAdmin, SchoolAdmin
from partners.admin.contacts import ContactAdmin
from partners.admin.imports import ImportAdmin
from partners.admin.merging import DuplicateCandidateAdmin
from partners.admin.organizations import OrganizationAdmin
from partners.admin.pledges import PledgeAdmin, PromiseAdmin
from partners.admin.words import LearnedWordAdmin

__all__ = [
    "ContactAdmin",
    "DuplicateCandidateAdmin",
    "ImportAdmin",
    "LearnedWordAdmin",
    "OrganizationAdmin",
    "PledgeAdmin",
    "PledgeYearAdmin",
    "PromiseAdmin",
    "PromiseTypeAdmin",
    "SchoolAdmin",
]
