"""The roles of staff: Django groups and their permissions. User accounts and groups themselves belong to superusers."""

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

APPS = ("core", "mail", "partners", "summit", "privacy")
# An email shows a guest's personal link, and anyone with the link can act for the guest.
PERMISSIONS_TO_ACT = Q(codename="view_message")

ROLES = {
    "Community Relations": Q(),
    "Viewer": Q(codename__startswith="view_") & ~PERMISSIONS_TO_ACT,
}


@transaction.atomic
def create_roles() -> dict[str, int]:
    """Create missing groups and add missing permissions. Nothing is removed, so additions by a superuser stay. Return
    the number of permissions added by role. Run `migrate` first: it creates the permissions."""
    ours = Permission.objects.filter(content_type__app_label__in=APPS)
    given = {}
    for name, may in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        lacking = list(ours.filter(may).exclude(group=group))
        group.permissions.add(*lacking)
        given[name] = len(lacking)
    return given
