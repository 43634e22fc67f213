import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from tests.accounts.people import PASSWORD


@pytest.fixture
def roles(db):
    call_command("make_roles", verbosity=0)


@pytest.fixture
def clerk(roles) -> User:
    """A member of staff who has a password and nothing else."""
    user = User.objects.create_user("clerk@example.org", "clerk@example.org", PASSWORD, is_staff=True, first_name="Ana")
    user.groups.add(Group.objects.get(name="Community Relations"))
    return user
