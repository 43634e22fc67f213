"""The project's settings with static files served from their source folders, without collectstatic."""

from imagine.settings import *  # noqa: F403 (these are its settings)
from imagine.settings import STORAGES

STATIC_ROOT = None
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
