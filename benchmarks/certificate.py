"""`python -m benchmarks.certificate`: the certificates of pledges with eight promises, each with a name of its own, so
that none is kept. Prints the median in milliseconds once warm, the first one's time, and the weight in kB.
"""

import logging
import statistics
import time

import django

MANY = 40


def measure() -> tuple[float, float, float]:
    from django.utils import timezone  # needs the settings

    from partners import certificates
    from partners.models import PromiseType, Signature
    from partners.pledges.promises import Checklist, PromiseData, signed_promise

    promised = [PromiseData(promise_type.pk, 6) for promise_type in PromiseType.objects.active()]
    known, now = Checklist.of(promised), timezone.now()
    promises = [signed_promise(one, known) for one in promised]
    times = []
    for number in range(MANY):
        content = {"organization": f"Growers’ Union {number}", "school_year": 2026, "promises": promises}
        signature = Signature(number=1, signed_by="Alma Reyes", signed_at=now, content=content)
        started = time.perf_counter()
        page = certificates.certificate_pdf(signature, ("en", "es")[number % 2])
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[1:]), times[0], len(page) / 1000


if __name__ == "__main__":
    django.setup()
    logging.disable(logging.INFO)
    print(*measure())
