"""Two browsers using one account at the same moment, with real connections."""

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError

from imagine.accounts import second_factor
from tests import concurrency
from tests.accounts.people import code_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def newcomer() -> User:
    return User.objects.create_user("newcomer@example.org", is_staff=True)


def test_two_accounts_cannot_get_the_same_email_concurrently():
    def create(name: str) -> User:
        return User.objects.create_user(name, "Shared@example.org" if name == "one" else "shared@example.org")

    results = concurrency.run_at_once([lambda: create("one"), lambda: create("two")], (IntegrityError,))
    assert sorted(isinstance(result, User) for result in results) == [False, True]
    assert [User.objects.create_user(name).email for name in ("three", "four")] == ["", ""]


def test_recovery_codes_created_concurrently_are_one_set(newcomer):
    concurrency.run_at_once([lambda: second_factor.new_recovery_codes(newcomer)] * 4, ())
    assert newcomer.staticdevice_set.count() == 1
    assert second_factor.factors_of(newcomer).recovery_codes == second_factor.RECOVERY_CODES


def test_authenticator_apps_confirmed_concurrently_are_one_device(newcomer):
    def confirm() -> str:
        session = SessionBase()
        device = second_factor.new_totp(session, newcomer)
        return second_factor.confirm_totp(session, newcomer, code_of(device)).factor

    assert concurrency.run_at_once([confirm] * 4, ()) == [second_factor.TOTP] * 4
    assert newcomer.totpdevice_set.count() == 1
