"""`python -m benchmarks.exports csv|xlsx|baseline EVENT`: stream one guest list and throw it away. Print seconds,
growth of the process in MB beyond its largest size before, and bytes.
"""

import contextlib
import csv
import os
import resource
import sys
import time
from collections.abc import Callable

import psycopg2

WARM_UP = "few"  # an event to warm up with
BASELINE = """
    SELECT e.title, e.starts_at, g.name, g.position, g.dietary_needs, g.accessibility_needs,
        r.party_dietary_needs, r.party_accessibility_needs, r.name, r.email, r.phone, r.organization_name, r.sector,
        r.held_seats, r.waitlisted_seats, r.waitlisted_since, r.canceled_at, r.created_at, r.language, r.note,
        r.ics_uid
    FROM summit_guest g JOIN summit_rsvp r ON r.id = g.rsvp_id JOIN summit_event e ON e.id = r.event_id
    WHERE e.slug = %s AND r.canceled_at IS NULL ORDER BY r.event_id, g.rsvp_id, g.position
"""


def baseline(slug: str) -> int:
    """The same rows in the same order, as they are, through a cursor that PostgreSQL keeps."""
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, open(os.devnull, "w") as nothing:
        cursor = connection.cursor("rows")
        cursor.execute(BASELINE, [slug])
        writer = csv.writer(nothing)
        return sum(writer.writerow(row) for row in cursor)


def product(kind: str) -> Callable[[str], int]:
    import django

    django.setup()

    from imagine.core.spreadsheets import writer  # these need the loaded apps
    from summit import exports
    from summit.models import Rsvp

    def export(slug: str) -> int:
        guests = exports.guests_of(Rsvp.objects.filter(event__slug=slug))
        response = writer.export_response(exports.guest_export(guests, with_needs=True), f"guests.{kind}", kind)
        size = sum(len(block) for block in response.streaming_content)
        response.close()
        return size

    return export


def largest() -> float:
    """This program's largest size so far, in MB."""
    with contextlib.suppress(OSError), open("/proc/self/status") as lines:
        # Linux counts what the parent had before it became this program into ru_maxrss, but not here.
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    _module, kind, slug = sys.argv
    export = baseline if kind == "baseline" else product(kind)
    export(WARM_UP)
    before, started = largest(), time.perf_counter()
    size = export(slug)
    print(time.perf_counter() - started, largest() - before, size)
