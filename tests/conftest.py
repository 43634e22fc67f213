"""What every test stands on. Servers and environment come from tests/servers.py, which is loaded before this."""

import pytest
from django.conf import settings
from django.utils import translation

from imagine.core import translations


def pytest_configure(config):
    """Static files straight from their folders: no collectstatic before a test. And the Spanish catalogue compiled,
    once, before xdist starts its workers."""
    if not hasattr(config, "workerinput"):
        translations.compile_if_newer()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


@pytest.fixture(autouse=True)
def english():
    """A request leaves its language behind in its thread; each test begins in English."""
    with translation.override("en"):
        yield
