"""What every test stands on. Servers and environment come from tests/servers.py, which is loaded before this."""

from django.conf import settings

from imagine import catalogue


def pytest_configure(config):
    """Static files straight from their folders: no collectstatic before a test. And the Spanish catalogue compiled,
    once, before xdist starts its workers."""
    if not hasattr(config, "workerinput"):
        catalogue.compile_if_newer()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
