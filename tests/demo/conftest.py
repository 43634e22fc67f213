"""A folder with a space in its name, where the demo's servers may run whoever runs the tests."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def roomy():
    """As root, PostgreSQL runs as another user, whom pytest's own temporary folders keep out."""
    top = Path(tempfile.mkdtemp(prefix="imagine-demo-"))
    top.chmod(0o711)
    yield top / "a folder"
    shutil.rmtree(top, ignore_errors=True)
