"""Which data of the demo fits the migrations of today."""

import json

import pytest

from imagine.demo import known_migrations
from imagine.demo.known_migrations import OUTDATED, check_migrations

TODAY = {"summit/migrations/0001_initial.py": "a1", "summit/migrations/0002_triggers.py": "b1"}
CHANGED = TODAY | {"summit/migrations/0001_initial.py": "a2"}
BEFORE = {"summit/migrations/0001_initial.py": "a1"}


@pytest.fixture
def known(tmp_path, monkeypatch):
    """The file that remembers, beside a database that exists."""
    (tmp_path / "PG_VERSION").touch()
    monkeypatch.setattr(known_migrations, "KNOWN", tmp_path / "migrations.json")
    monkeypatch.setattr(known_migrations, "migration_fingerprints", lambda: TODAY)
    return tmp_path / "migrations.json"


@pytest.mark.parametrize("made_by", [TODAY, BEFORE], ids=["unchanged", "one added"])
def test_data_that_fits_is_used_and_the_migrations_are_remembered(known, made_by):
    known.write_text(json.dumps(made_by))
    check_migrations(known.parent)
    assert json.loads(known.read_text()) == TODAY


@pytest.mark.parametrize(
    "made_by", [CHANGED, TODAY | {"gone": "c1"}, {}, None], ids=["changed", "gone", "{}", "unknown"]
)
def test_data_of_other_migrations_is_refused(known, made_by):
    if made_by is not None:
        known.write_text(json.dumps(made_by))
    with pytest.raises(SystemExit) as refused:
        check_migrations(known.parent)
    assert refused.value.code == OUTDATED
    assert "make demo-reset" in OUTDATED


def test_first_start_remembers_the_migrations(known):
    known.write_text(json.dumps(CHANGED))  # of data that is gone
    (known.parent / "PG_VERSION").unlink()
    check_migrations(known.parent)
    assert json.loads(known.read_text()) == TODAY


def test_every_app_with_tables_is_looked_at():
    apps = {name.split("/migrations/")[0] for name in known_migrations.migration_fingerprints()}
    assert {"imagine/core", "imagine/mail", "partners", "summit"} <= apps
