"""The project's settings, with static files collected into a folder of the tests' own."""

import os
from pathlib import Path

from imagine.settings import *  # noqa: F403 (these are its settings)

STATIC_ROOT = Path(os.environ["COLLECTED"])
