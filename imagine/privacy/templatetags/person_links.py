"""Links from a record's page in the admin to everything about the person it belongs to."""

from django import template
from django.contrib.auth.models import User
from django.db.models import Model

from imagine.privacy.people import ADDRESS_OF, person_of

register = template.Library()


@register.inclusion_tag("admin/privacy/_person_links.html")
def person_links(row: Model | None, user: User) -> dict:
    """`row` is the record of the page, None where one is added."""
    if row is None or row.pk is None or type(row) not in ADDRESS_OF or person_of(row) is None:
        return {}
    return {
        "label": row._meta.label_lower,
        "pk": row.pk,
        "can_see": user.has_perm("privacy.see_person"),
        "can_erase": user.has_perm("privacy.erase_person"),
    }
