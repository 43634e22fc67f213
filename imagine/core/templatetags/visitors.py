from django import template

from imagine.core.rate_limit import all_visitors_are_one

register = template.Library()


@register.inclusion_tag("admin/_one_visitor.html")
def visitors_warning(user) -> dict:
    """Warn superusers, who know IT, when a proxy seems to be missing from TRUSTED_PROXIES."""
    return {"shown": user.is_superuser and all_visitors_are_one()}
