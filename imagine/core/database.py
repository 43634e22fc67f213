"""How long a statement or a transaction may take, for every connection; and the clock that all hosts share."""

from datetime import datetime

from django.conf import settings
from django.core.checks import Tags, Warning, register
from django.db import connection, connections


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")  # the ORM selects from tables only
        return cursor.fetchone()[0]


def set_timeouts(*, connection, **kwargs) -> None:
    """Set the timeouts of a connection that just opened; PgBouncer refuses them as options of the connection itself.

    In transaction mode they would be set for whichever server connection happens to run the statement. There the role
    must have them, which check_timeouts checks.
    """
    if settings.DATABASE_POOL_MODE == "session":
        with connection.connection.cursor() as cursor:  # the ORM knows nothing of settings
            cursor.execute(" ".join(f"SET {name} = '{value}';" for name, value in settings.DATABASE_TIMEOUTS.items()))


@register(Tags.database)
def check_timeouts(databases=None, **kwargs) -> list[Warning]:
    """Run by `migrate` and by `check --database default`."""
    return [
        Warning(
            f"PostgreSQL has no {name}, so a session could wait forever.",
            hint=f"Run this as the application's role: ALTER ROLE CURRENT_USER SET {name} = '{value}';",
            id="core.W001",
        )
        for alias in databases or ()
        for name, value in settings.DATABASE_TIMEOUTS.items()
        if is_zero(alias, name)
    ]


def is_zero(alias: str, name: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])  # as above
        return cursor.fetchone() == ("0",)
