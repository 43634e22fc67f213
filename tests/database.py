"""A database that is emptied between tests with real transactions."""

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from imagine.core.models import SecurityEvent

APPEND_ONLY = SecurityEvent._meta.db_table


class CleanDatabase:
    """The test database as migrated, with a copy of the rows that migrations insert."""

    def __init__(self):
        with connection.cursor() as cursor:
            self.tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
            filled = [table for table in self.tables if has_rows(cursor, table)]
            cursor.execute("CREATE SCHEMA initial")
            for table in filled:
                cursor.execute(f"CREATE TABLE initial.{table} AS TABLE {table}")
        statements = [f"ALTER TABLE {APPEND_ONLY} DISABLE TRIGGER USER"]
        statements += [f"DELETE FROM {table}" for table in self.tables]
        statements += [f"INSERT INTO {table} TABLE initial.{table}" for table in filled]
        statements += [f"ALTER TABLE {APPEND_ONLY} ENABLE TRIGGER USER"]
        self.restoring = "; ".join(statements)
        ContentType.objects.get_for_models(*apps.get_models())  # so that no test counts these queries

    def restore(self) -> None:
        """Delete what tests wrote, and restore the migrations' rows. Django's flush truncates every table, which takes
        forty times as long. The lock keeps the processes of a running site from writing in the meantime."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(self.tables)}")
            cursor.execute(self.restoring)


def has_rows(cursor, table: str) -> bool:
    cursor.execute(f"SELECT FROM {table} LIMIT 1")
    return cursor.fetchone() is not None
