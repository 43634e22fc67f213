"""What every test stands on. Servers and environment come from tests/servers.py, which is loaded before this."""

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

FAST_HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"  # the real one takes a quarter of a second each time


def pytest_configure(config):
    """Static files straight from their folders: no collectstatic before a test. And the Spanish catalogue compiled,
    once, before xdist starts its workers."""
    if not hasattr(config, "workerinput"):
        translations.compile_catalog()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, as in make, ignore Ctrl-C
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
    settings.PASSWORD_HASHERS = [FAST_HASHER]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The longest first, so that at the end no core waits for them."""
    long = {"benchmarks", "deploy", "test_seats_model.py", "test_pages.py", "test_generated_requests.py"}
    items.sort(key=lambda item: long.isdisjoint(item.path.parts))


def pytest_collection_finish(session):
    """Modules and tests stay to the end, so the garbage collector skips them, and looks at others less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """After a test with transactions of its own, the database is as the migrations left it."""
    with django_db_blocker.unblock():
        database = CleanDatabase()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: database.restore())
        yield


@pytest.fixture(autouse=True)
def english():
    """A request leaves its language behind in its thread; each test begins in English."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True, scope="session")
def short_way_in():
    """`Client.force_login` signs in as if with a second factor. What goes through a page has to use one:
    tests/accounts/test_sign_in.py."""

    def mark_forced_login(request, **kwargs):
        if request.resolver_match is None:
            request.session[sign_in.FACTOR] = second_factor.TOTP
            sign_in.confirm(request)

    user_logged_in.connect(mark_forced_login)
    yield
    user_logged_in.disconnect(mark_forced_login)
