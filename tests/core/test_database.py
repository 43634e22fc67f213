"""Every database session has timeouts, with and without a pooler."""

import contextlib

import pytest
from django.core.checks import Tags, run_checks
from django.db import connections

pytestmark = pytest.mark.django_db

TIMEOUTS = {"lock_timeout": "10s", "statement_timeout": "20s", "idle_in_transaction_session_timeout": "30s"}


@contextlib.contextmanager
def new_connection():
    connection = connections.create_connection("default")
    try:
        yield connection
    finally:
        connection.close()


def timeouts() -> dict[str, str]:
    with new_connection() as connection, connection.cursor() as cursor:
        values = {}
        for name in TIMEOUTS:
            cursor.execute("SELECT current_setting(%s)", [name])
            values[name] = cursor.fetchone()[0]
        return values


def warnings(monkeypatch) -> list[str]:
    with new_connection() as connection, monkeypatch.context() as patch:
        patch.setattr("imagine.core.database.connections", {"default": connection})
        return [warning.hint for warning in run_checks(tags=[Tags.database], databases=["default"])]


def test_each_new_connection_has_the_timeouts(monkeypatch):
    assert timeouts() == TIMEOUTS
    assert warnings(monkeypatch) == []


def test_transaction_mode_requires_timeouts_on_the_role(monkeypatch, settings):
    settings.DATABASE_POOL_MODE = "transaction"
    assert set(timeouts().values()) == {"0"}
    hints = warnings(monkeypatch)
    assert len(hints) == 3
    with new_connection() as connection, connection.cursor() as cursor:
        try:
            for hint in hints:
                cursor.execute(hint.partition(": ")[2])
            assert timeouts() == TIMEOUTS
            assert warnings(monkeypatch) == []
        finally:
            cursor.execute("ALTER ROLE CURRENT_USER RESET ALL")


def test_readme_has_the_statements_for_transaction_mode(settings):
    readme = (settings.BASE_DIR / "README.md").read_text()
    for name, value in settings.DATABASE_TIMEOUTS.items():
        assert f"ALTER ROLE imagine SET {name} = '{value}';" in readme
