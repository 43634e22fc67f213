"""The roles of staff: Django groups, and what each may do. User accounts and groups themselves belong to superusers."""

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

APPS = ("core", "mail", "partners", "summit")
# A message shows a guest's private link, and whoever has that acts for the guest.
PERMISSIONS_TO_ACT = Q(codename="view_message")

ROLES = {
    "Community Relations": Q(),
    "Viewer": Q(codename__startswith="view_") & ~PERMISSIONS_TO_ACT,
}


@transaction.atomic
def create_roles() -> dict[str, int]:
    """Makes the groups that are missing and gives each what it lacks; nothing is taken away, so that what a superuser
    added stays. Returns how many permissions were given, by role. Permissions are there once `migrate` has run."""
    ours = Permission.objects.filter(content_type__app_label__in=APPS)
    given = {}
    for name, may in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        lacking = list(ours.filter(may).exclude(group=group))
        group.permissions.add(*lacking)
        given[name] = len(lacking)
    return given
