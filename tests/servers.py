"""A pytest plugin (`-p tests.servers`) that provides PostgreSQL, a broker and settings before pytest-django loads.

The first pytest process starts PostgreSQL; xdist workers find it in the environment and create their own databases.
Each process starts its own broker, so that no Celery worker takes another process's tasks.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest

from imagine.demo.servers import Postgres, ServerError, Valkey

SETTINGS = {
    "SECRET_KEY": "only-for-the-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SITE_URL": "http://127.0.0.1:8000",
    "MAIL_FROM": "Imagine Promise <imagine@example.org>",
    "MAIL_REPLY_TO": "community@example.org",
    "MAIL_POSTAL_ADDRESS": "701 N. Madison Street, Stockton, CA 95202",
}


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config):
    """Run before pytest-django's own hook, which loads the settings."""
    try:
        early_config.add_cleanup(prepare_environment())
    except ServerError as error:
        raise pytest.UsageError(str(error)) from None
    return (yield)


def prepare_environment():
    """Set environment variables that aren't set, starting servers as needed. Return a function that stops them. It may
    run twice."""
    folder = Path(tempfile.mkdtemp(prefix="imagine-tests-"))
    folder.chmod(0o711)  # when tests run as root, PostgreSQL runs as another user
    running = []

    def stop():
        while running:
            server = running.pop()
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ["EMAIL_URL"] = f"file://{quote(str(folder / 'mail'))}"
    if "DATABASE_URL" not in os.environ:
        running.append(Postgres(folder / "postgres", durable=False))
        running[-1].start()
        os.environ["DATABASE_URL"] = running[-1].url
    if os.environ.get("REDIS_URL") == os.environ.get(
        "STARTED_REDIS_URL"
    ):  # not set, or inherited from the first process
        running.append(Valkey(folder / "valkey"))
        running[-1].start()
        os.environ["REDIS_URL"] = os.environ["STARTED_REDIS_URL"] = running[-1].url
    return stop
