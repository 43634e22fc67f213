"""A folder with a space in its name, where the demo's servers can run for any user."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction


@pytest.fixture(scope="module")
def roomy():
    """When tests run as root, PostgreSQL runs as another user, who can't enter pytest's temporary folders."""
    top = Path(tempfile.mkdtemp(prefix="imagine-demo-"))
    top.chmod(0o711)
    yield top / "a folder"
    shutil.rmtree(top, ignore_errors=True)


@contextmanager
def rolled_back(django_db_blocker):
    """Data created here stays for all tests of a module, which roll back their own changes."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
