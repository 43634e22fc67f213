"""Pending work of staff, for the start page of the admin."""

from django import template
from django.db.models import Count, Q

from partners.admin.filters import latest_year
from partners.models import DuplicateCandidate, Organization, Pledge, PledgeYear

register = template.Library()


@register.inclusion_tag("admin/partners/_dashboard.html")
def promises_waiting(user) -> dict:
    """Count profiles to approve, pledges of the year and possible duplicates, as permissions allow, with four
    queries."""
    context = {"sees_promises": user.has_perm("partners.view_promise")}
    if user.has_perm("partners.view_organization"):
        context |= {
            "sees_organizations": True,
            "to_approve": Organization.objects.pending_approval().count(),
        }
    if user.has_perm("partners.view_duplicatecandidate"):
        context["possible_duplicates"] = DuplicateCandidate.objects.not_dismissed().count()
    if user.has_perm("partners.view_pledge"):
        year = latest_year(PledgeYear.objects.opened())
        signed = Q(signed_at__isnull=False)
        counts = {"signed": Count("pk", filter=signed), "drafts": Count("pk", filter=~signed)}
        context |= {"sees_pledges": True, "year": year, **Pledge.objects.filter(year=year).aggregate(**counts)}
    return context
