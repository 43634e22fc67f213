"""Which passwords are refused, and how passwords and recovery codes are stored."""

import pytest
from django.conf import global_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hasher, make_password
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django_otp.plugins.otp_static.models import StaticToken

import imagine.settings
from imagine.accounts import second_factor


@pytest.mark.parametrize("password", ["eleven char", "password1234", "918273645546", "clerk@example.org"])
def test_passwords_that_are_easy_to_guess_are_refused(password):
    with pytest.raises(ValidationError):
        validate_password(password, User(username="clerk@example.org", email="clerk@example.org"))


def test_long_password_is_accepted():
    validate_password("eight channels meet")


@pytest.mark.slow
def test_passwords_are_stored_as_slow_hashes(settings):
    settings.PASSWORD_HASHERS = getattr(imagine.settings, "PASSWORD_HASHERS", global_settings.PASSWORD_HASHERS)
    assert isinstance(get_hasher(), PBKDF2PasswordHasher)
    assert get_hasher().iterations >= 600_000
    assert "channels" not in make_password("eight channels meet")


@pytest.mark.django_db
def test_recovery_codes_are_stored_as_hashes(clerk):
    codes = second_factor.new_recovery_codes(clerk)
    stored = " ".join(StaticToken.objects.values_list("token", flat=True))
    assert len(stored.split()) == len(codes) == 10
    assert [code for code in codes if code in stored or code.replace("-", "") in stored] == []
