"""What every test stands on. Servers and environment come from tests/servers.py, which is loaded before this."""

from django.conf import settings


def pytest_configure():
    """Static files straight from their folders: no collectstatic before a test."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
