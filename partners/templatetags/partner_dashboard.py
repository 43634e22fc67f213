"""The pledges of the school year, for the start page of the admin."""

from django import template
from django.db.models import Count, Q

from partners.admin.filters import latest_year
from partners.models import Pledge, PledgeYear

register = template.Library()


@register.inclusion_tag("admin/partners/_dashboard.html")
def promises_waiting(user) -> dict:
    """Count the signed pledges and the drafts of the school year, with two queries."""
    if not user.has_perm("partners.view_pledge"):
        return {}
    year = latest_year(PledgeYear.objects.opened())
    signed = Q(signed_at__isnull=False)
    counts = {"signed": Count("pk", filter=signed), "drafts": Count("pk", filter=~signed)}
    return {"shown": True, "year": year, **Pledge.objects.filter(year=year).aggregate(**counts)}
