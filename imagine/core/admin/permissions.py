"""Permissions besides those of each model, declared by imagine.core.models.SecurityEvent."""

from django.http import HttpRequest

from imagine.core.security_events import current_user

ACT_ON_MANY = "core.act_on_many"
EXPORT_MANY = "core.export_many"
REPLACE_LINKS = "core.replace_links"


def may_replace_links(request: HttpRequest, change_permission: str) -> bool:
    """Return whether a user may replace the personal links of rows that this permission lets them change."""
    return request.user.has_perms([change_permission, REPLACE_LINKS])


def current_user_may(permission: str) -> bool:
    """Return whether the current request's user has a permission, where the admin passes no request, as to the method
    of a read-only field."""
    user = current_user()
    return user is not None and user.has_perm(permission)
