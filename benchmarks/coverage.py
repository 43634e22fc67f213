"""`python -m benchmarks.coverage`: the page of coverage for a member of staff, ten times. Prints the median in
milliseconds, its queries, and its weight in kB.
"""

import logging
import statistics
import time

import django

from benchmarks.pledges import COVERED, WARM_UP

PAGE = "/imagine/admin/partners/promise/coverage/"


def measure() -> tuple[float, int, float]:
    from django.contrib.auth.models import Permission, User  # needs the loaded apps
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from benchmarks.staff import signed_in

    user, _made = User.objects.get_or_create(username="office", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_promise"))
    client = signed_in(user)

    def page(year: int):
        answer = client.get(f"{PAGE}?year={year}")
        if answer.status_code != 200:
            raise RuntimeError(f"{PAGE} answers {answer.status_code}")
        return answer

    page(WARM_UP)
    times = []
    for _time in range(10):
        started = time.perf_counter()
        answer = page(COVERED)
        times.append(1000 * (time.perf_counter() - started))
    with CaptureQueriesContext(connection) as queries:
        page(COVERED)
    return statistics.median(times), len(queries), len(answer.content) / 1000


if __name__ == "__main__":
    django.setup()
    logging.disable(logging.INFO)
    print(*measure())
