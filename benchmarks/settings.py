"""The product's own settings; only the collected static files lie in the run's folder."""

import os
from pathlib import Path

from imagine.settings import *  # noqa: F403 (these are its settings)

STATIC_ROOT = Path(os.environ["BENCHMARK_FOLDER"]) / "static"
