from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from imagine.accounts import single_sign_on
from tests.accounts.district import CLIENT_ID, CLIENT_SECRET, GROUPS, District, running_district
from tests.accounts.people import PASSWORD


@pytest.fixture
def roles(db):
    call_command("make_roles", verbosity=0)


@pytest.fixture
def clerk(roles) -> User:
    """Create a member of staff with a password and nothing else."""
    user = User.objects.create_user("clerk@example.org", "clerk@example.org", PASSWORD, is_staff=True, first_name="Ana")
    user.groups.add(Group.objects.get(name="Community Relations"))
    return user


@pytest.fixture
def district(settings, roles) -> Iterator[District]:
    with running_district() as district:
        settings.OIDC_ISSUER, settings.OIDC_GROUPS = district.address, GROUPS
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        yield district
    single_sign_on._provider.cache_clear()
    single_sign_on.keys.cache_clear()
