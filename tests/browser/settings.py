"""The project's settings with static files collected into the tests' own folder, and a fast password hasher."""

import os
from pathlib import Path

from django.conf import global_settings

from imagine.settings import *  # noqa: F403 (these are its settings)

STATIC_ROOT = Path(os.environ["COLLECTED"])
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *global_settings.PASSWORD_HASHERS]
