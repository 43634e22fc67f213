"""Fixtures and hooks for all tests. Servers and environment come from tests/servers.py, which is loaded first."""

import gc
import signal

import pytest
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.test import TransactionTestCase
from django.utils import translation

from imagine.accounts import second_factor, sign_in
from imagine.core import translations
from tests.database import CleanDatabase

FAST_HASHER = (
    "django.contrib.auth.hashers.MD5PasswordHasher"  # the real hasher takes a quarter of a second per password
)


def pytest_configure(config):
    """Serve static files from their source folders, without collectstatic, and compile the Spanish translations once
    before xdist starts its workers."""
    if not hasattr(config, "workerinput"):
        translations.compile_catalog()
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # background jobs of a shell, such as make's, ignore Ctrl-C
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
    settings.PASSWORD_HASHERS = [FAST_HASHER]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Run the longest tests first, so that no core waits for them at the end."""
    long = {"deploy", "test_seats_model.py", "test_pages.py", "test_generated_requests.py"}
    items.sort(key=lambda item: long.isdisjoint(item.path.parts))


def pytest_collection_finish(session):
    """Keep modules and tests out of garbage collection, since they live until the end, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Restore the migrated database after tests with real transactions."""
    with django_db_blocker.unblock():
        database = CleanDatabase()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: database.restore())
        yield


@pytest.fixture(autouse=True)
def english():
    """Start each test in English, since requests leave their language active in the thread."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True, scope="session")
def short_way_in():
    """Make `Client.force_login` count as signing in with a second factor. Real sign-ins are tested in
    tests/accounts/test_sign_in.py."""

    def mark_forced_login(request, **kwargs):
        if request.resolver_match is None:
            request.session[sign_in.FACTOR] = second_factor.TOTP
            sign_in.mark_confirmed(request)

    user_logged_in.connect(mark_forced_login)
    yield
    user_logged_in.disconnect(mark_forced_login)
