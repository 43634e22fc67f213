"""`python -m benchmarks.preview NUMBER`: the page that shows an audience of so many before it is invited, for a member
of staff, ten times. Prints the median in milliseconds and its queries.
"""

import logging
import statistics
import sys
import time

import django


def measure(number: int) -> tuple[float, int]:
    from django.contrib.auth.models import User  # needs the loaded apps
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from benchmarks.prepare import open_event
    from benchmarks.staff import signed_in
    from imagine.mail import preferences
    from partners.models import Contact
    from partners.organizations import contacts
    from summit.models import Audience

    emails = [f"listed{n}@preview.example.org" for n in range(number)]
    contacts.add_contacts(Contact(name=f"Guest {n}", email=email) for n, email in enumerate(emails))
    for address in preferences.get_preferences(emails[::20]).values():
        preferences.set_topics(address, invitations=False)
    audience = Audience.objects.create(name="Everybody that there is")
    audience.uploaded_contacts.set(Contact.objects.filter(email__endswith="@preview.example.org"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = signed_in(User.objects.get_or_create(username="chief", is_staff=True, is_superuser=True)[0])
    page = f"/imagine/admin/summit/event/{open_event('previewed').pk}/invite/{audience.pk}/"
    times = []
    for _time in range(11):
        started = time.perf_counter()
        answer = client.get(page)
        times.append(1000 * (time.perf_counter() - started))
        if answer.status_code != 200:
            raise RuntimeError(f"{page} answers {answer.status_code}")
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    return statistics.median(times[1:]), len(queries)


if __name__ == "__main__":
    django.setup()
    logging.disable(logging.INFO)
    print(*measure(int(sys.argv[1])))
