"""Members of staff for tests of the admin."""

from django.contrib.auth.models import Permission, User
from django.test import Client


def clerk(*permissions: str) -> Client:
    """The browser of a member of staff who may do these things."""
    user = User.objects.create(username="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client
