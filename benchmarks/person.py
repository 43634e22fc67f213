"""`python -m benchmarks.person NUMBER`: everything about a person among so many emails, as many entries of the change
history, and a fifth as many RSVPs of two. Prints the seconds that the page and the JSON took, each the median of three.
"""

import logging
import statistics
import sys
import time

import django

EMAIL, NAME = "alma.reyes@example.org", "Alma Reyes"


def measure(number: int) -> tuple[float, float]:
    from django.contrib.auth.models import User  # needs the loaded apps

    from benchmarks.staff import signed_in

    rsvp = someone_known()
    multiply(rsvp, number)
    client = signed_in(User.objects.get_or_create(username="chief", is_staff=True, is_superuser=True)[0])
    page = f"/imagine/admin/privacy/erasure/person/summit.rsvp/{rsvp.pk}/"
    return seconds(client, page), seconds(client, f"{page}json/")


def seconds(client, page: str) -> float:
    times = []
    for _time in range(4):
        began = time.perf_counter()
        answer = client.get(page)
        times.append(time.perf_counter() - began)
        if answer.status_code != 200 or NAME.encode() not in answer.content:
            raise RuntimeError(f"{page} answers {answer.status_code}")
    return statistics.median(times[1:])


def someone_known():
    """A guest of three events who answers for an organization's pledge."""
    from django.utils import timezone

    from benchmarks.prepare import open_event
    from partners.models import Contact, Organization, Pledge, PledgeYear
    from summit import seats
    from summit.models import Guest, Rsvp

    organization = Organization.objects.create(name="Port Gate Logistics", slug="port-gate-logistics")
    contact = Contact.objects.create(organization=organization, name=NAME, email=EMAIL, is_primary=True)
    year, _made = PledgeYear.objects.get_or_create(school_year=2027, defaults={"opens_on": "2026-04-04"})
    Pledge.objects.create(
        organization=organization, year=year, contact=contact, signed_by=NAME, signed_at=timezone.now()
    )
    for slug in ("known-1", "known-2", "known-3"):
        fields = {"name": NAME, "email": EMAIL, "organization_name": "Port Gate"}
        guests = [Guest(name=NAME), Guest(name="Bo")]
        rsvp = seats.reserve(Rsvp(event=open_event(slug), **fields), size=2, guests=guests)
        rsvp = seats.update_contact(rsvp, note="We come by bus.")
    return rsvp


def multiply(rsvp, number: int) -> None:
    """Others have the same kinds of rows, under names of their own."""
    from django.db import connection

    from imagine.core.models import AuditEntry
    from imagine.mail.models import Message

    email, name = "'guest-' || n || '@example.org'", "'Inés Núñez ' || n"
    key = "md5('person' || n)"
    body = f"replace(replace(body_text, '{NAME}', {name}), '{EMAIL}', {email})"
    changes = f"replace(replace(changes::text, '{NAME}', {name}), '{EMAIL}', {email})::jsonb"
    other = "1000000 + n"
    own = {"email": email, "name": name, "token": key, "ics_uid": "gen_random_uuid()"}
    copy(rsvp, number // 5, **own)
    message, entry = Message.objects.filter(recipient=EMAIL).first(), AuditEntry.objects.about(rsvp).first()
    copy(message, number, id="gen_random_uuid()", recipient=email, body_text=body, idempotency_key=key, object_id=other)
    copy(entry, number, changes=changes, object_id=other)
    with connection.cursor() as cursor:
        cursor.execute(GUESTS)
        cursor.execute("ANALYZE")


def copy(row, number: int, **changed: str) -> None:
    """Insert so many copies of a row, with SQL in place of some columns."""
    from django.db import connection, transaction

    columns = [
        field.column
        for field in row._meta.concrete_fields
        if not field.generated and (not field.primary_key or field.column in changed)
    ]
    values = ", ".join(changed.get(column, column) for column in columns)
    table = row._meta.db_table
    statement = f"""
        INSERT INTO {table} ({", ".join(columns)})
        SELECT {values} FROM {table}, generate_series(1, %s) n WHERE {table}.id = %s
    """  # noqa: S608  # ours
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(statement, [number, row.pk])


GUESTS = """
    INSERT INTO summit_guest (rsvp_id, position, name, dietary_needs, accessibility_needs)
    SELECT rsvp.id, position, rsvp.name, 'vegetarian', ''
    FROM summit_rsvp rsvp, generate_series(1, 2) position
    WHERE NOT EXISTS (SELECT 1 FROM summit_guest WHERE rsvp_id = rsvp.id)
"""

if __name__ == "__main__":
    django.setup()
    logging.disable(logging.INFO)
    print(*measure(int(sys.argv[1])))
