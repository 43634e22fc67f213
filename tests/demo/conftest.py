"""A folder with a space in its name, where the demo's servers may run whoever runs the tests."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction


@pytest.fixture(scope="module")
def roomy():
    """As root, PostgreSQL runs as another user, whom pytest's own temporary folders keep out."""
    top = Path(tempfile.mkdtemp(prefix="imagine-demo-"))
    top.chmod(0o711)
    yield top / "a folder"
    shutil.rmtree(top, ignore_errors=True)


@contextmanager
def rolled_back(django_db_blocker):
    """What is written here stays for a module's tests, which roll back what they write themselves."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
