"""A database of an unreleased version is refused with one sentence."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from imagine.core.apps import OLD_LAYOUT

pytestmark = pytest.mark.django_db


def test_migrate_stops_on_a_database_of_the_old_layout():
    MigrationRecorder(connection).record_applied("imagine", "0013_claims")
    with pytest.raises(CommandError) as stopped:
        call_command("migrate", verbosity=0)
    assert str(stopped.value) == OLD_LAYOUT
    assert "make demo-reset" in OLD_LAYOUT


def test_migrate_can_run_again_on_a_current_database():
    call_command("migrate", verbosity=0)
