"""Several statements in one trip to PostgreSQL. Django's log and its tests see such a trip as one query."""

from collections.abc import Sequence

from django.db import connection


def run(*calls: tuple[str, Sequence], anew: bool = False) -> list[tuple]:
    """Run statements one after the other, each with its values for "%s", and return the rows of the last one.

    On READ COMMITTED each sees what was committed before it began. Outside of a transaction all are one. Raise what
    Django's cursor raises. Nothing is prepared, so `anew` changes nothing any more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "; ".join(text for text, _values in calls), [value for _text, values in calls for value in values]
        )
        return cursor.fetchall() if cursor.description else []
