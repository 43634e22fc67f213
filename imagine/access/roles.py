"""The roles of staff: Django groups, with their permissions by name. Accounts and groups belong to superusers.

Only superusers have a permission that isn't listed here, so a new model or page is closed until it is.
imagine/access/pages.py lists the pages that each role opens.
"""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

COMMUNITY_RELATIONS, CHECK_IN_DESK, VIEWER = "Community Relations", "Check-in desk", "Viewer"

VIEWER_PERMISSIONS = [
    "mail.view_emailpreference",
    "mail.view_mailing",
    "mail.view_templateoverride",
    "partners.view_contact",
    "partners.view_duplicatecandidate",
    "partners.view_import",
    "partners.view_learnedword",
    "partners.view_organization",
    "partners.view_pledge",
    "partners.view_pledgeyear",
    "partners.view_promise",
    "partners.view_promisetype",
    "partners.view_school",
    "summit.view_audience",
    "summit.view_event",
    "summit.view_guest",
    "summit.view_invitation",
    "summit.view_rsvp",
    "summit.view_staffemail",
]

COMMUNITY_RELATIONS_PERMISSIONS = [
    *VIEWER_PERMISSIONS,
    "core.act_on_many",
    "core.export_many",
    "core.replace_links",
    "core.view_securityevent",
    "mail.add_emailpreference",
    "mail.change_emailpreference",
    "mail.change_mailing",
    "mail.change_message",
    "mail.change_templateoverride",
    "mail.view_message",  # a message shows what was meant for its recipient only
    "partners.add_contact",
    "partners.add_import",
    "partners.add_organization",
    "partners.add_pledge",
    "partners.add_pledgeyear",
    "partners.add_promisetype",
    "partners.change_contact",
    "partners.change_organization",
    "partners.change_pledge",
    "partners.change_pledgeyear",
    "partners.change_promisetype",
    "partners.change_school",
    "partners.delete_contact",
    "partners.delete_learnedword",
    "partners.delete_organization",
    "partners.delete_pledge",
    "partners.delete_pledgeyear",
    "partners.delete_promisetype",
    "partners.merge_organizations",
    "privacy.add_hold",
    "privacy.change_hold",
    "privacy.erase_person",
    "privacy.see_person",
    "privacy.view_erasure",
    "privacy.view_hold",
    "summit.add_audience",
    "summit.add_event",
    "summit.add_invitation",
    "summit.add_rsvp",
    "summit.add_staffemail",
    "summit.change_audience",
    "summit.change_event",
    "summit.change_guest",
    "summit.change_invitation",
    "summit.change_rsvp",
    "summit.change_staffemail",
    "summit.delete_audience",
    "summit.delete_event",
    "summit.delete_rsvp",
    "summit.delete_staffemail",
    "summit.view_needs",  # health information of named people
]

ROLES: dict[str, list[str]] = {
    COMMUNITY_RELATIONS: COMMUNITY_RELATIONS_PERMISSIONS,
    CHECK_IN_DESK: [],  # only the pages of the check-in desk, once there are any
    VIEWER: VIEWER_PERMISSIONS,
}


@transaction.atomic
def create_roles() -> dict[str, int]:
    """Create missing groups and add missing permissions. Remove nothing, so that what a superuser added stays. Return
    the number of permissions added by role. Run `migrate` first, because it creates the permissions."""
    known, given = permissions_by_name(), {}
    for name, permissions in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        has = set(group.permissions.values_list("pk", flat=True))
        lacking = [known[permission] for permission in permissions if known[permission].pk not in has]
        group.permissions.add(*lacking)
        given[name] = len(lacking)
    return given


def permissions_by_name() -> dict[str, Permission]:
    permissions = Permission.objects.select_related("content_type")
    return {f"{permission.content_type.app_label}.{permission.codename}": permission for permission in permissions}
