import importlib

import pytest
from django.apps import apps

from tests.mail.conftest import post_office
from tests.summit.conftest import staff

__all__ = ["eight_promise_types", "post_office", "staff"]


@pytest.fixture
def eight_promise_types(transactional_db):
    """The kinds that a migration brings, put back: a test with transactions of its own empties every table after it.
    Not serialized_rollback, which clashes with other such tests over content types."""
    importlib.import_module("partners.migrations.0002_eight_promise_types").add(apps, None)
