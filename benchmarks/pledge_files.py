"""`python -m benchmarks.pledge_files csv|xlsx|baseline`: stream the pledge list and throw it away. Print seconds,
growth of the process in MB beyond its largest size before, and bytes.
"""

import csv
import os
import sys
import time
from collections.abc import Callable

import psycopg2

from benchmarks.exports import largest
from benchmarks.pledges import MANY, WARM_UP

BASELINE = """
    SELECT p.year_id, o.name, o.sector, c.name, c.email, c.phone, k.name, m.quantity, k.unit_plural, m.grades,
        (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM partners_promise_schools ms
            JOIN partners_school s ON s.id = ms.school_id WHERE ms.promise_id = m.id),
        m.months, k.needs_clearance, p.signed_by, p.signed_at, m.note
    FROM partners_promise m JOIN partners_pledge p ON p.id = m.pledge_id
    JOIN partners_organization o ON o.id = p.organization_id JOIN partners_contact c ON c.id = p.contact_id
    JOIN partners_promisetype k ON k.id = m.promise_type_id
    WHERE p.year_id = ANY(%s) ORDER BY p.year_id DESC, o.name, p.id, k.order, k.id
"""


def baseline(years: list[int]) -> int:
    """The same rows in the same order, as they are, through a cursor that PostgreSQL keeps."""
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, open(os.devnull, "w") as nothing:
        cursor = connection.cursor("rows")
        cursor.execute(BASELINE, [years])
        writer = csv.writer(nothing)
        return sum(writer.writerow(row) for row in cursor)


def product(kind: str) -> Callable[[list[int]], int]:
    import django

    django.setup()

    from imagine.core.spreadsheets import writer  # these need the loaded apps
    from partners import exports
    from partners.models import Promise

    def export(years: list[int]) -> int:
        promises = exports.promise_export(Promise.objects.filter(pledge__year__in=years))
        response = writer.export_response(promises, f"promises.{kind}", kind)
        size = sum(len(block) for block in response.streaming_content)
        response.close()
        return size

    return export


if __name__ == "__main__":
    export = baseline if sys.argv[1] == "baseline" else product(sys.argv[1])
    export([WARM_UP])
    before, started = largest(), time.perf_counter()
    size = export(MANY)
    print(time.perf_counter() - started, largest() - before, size)
