"""Whether the product can serve, for monitors."""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from imagine.mail import dispatch, health

LATE_MAIL = 300  # seconds that a message may wait before outgoing mail counts as late
QUIET_QUEUE = 120  # seconds without a heartbeat before the workers count as quiet


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when this process can serve; 503 when PostgreSQL does not answer.

    The broker and outgoing mail are told but do not fail it: without them RSVPs still stand and mail follows by itself,
    so taking the web server away would only make it worse. A monitor reads "broker", "mail" and "mail to many".
    """
    try:
        state = {
            "database": "ok",
            "mail": mail_state("transactional", health.seconds_overdue),
            "mail to many": mail_state("bulk", health.bulk_seconds_overdue),
        }
    except DatabaseError:
        connection.close()
        state = {"database": "down", "mail": "unknown", "mail to many": "unknown", "broker": broker_state()}
        return JsonResponse(state, status=503)
    return JsonResponse(state | {"broker": broker_state()})


def mail_state(queue: str, seconds_overdue: Callable[[], float]) -> str:
    heartbeat = health.seconds_since_heartbeat(queue)
    if heartbeat is None or heartbeat > QUIET_QUEUE:
        return "no worker"
    return "late" if seconds_overdue() > LATE_MAIL else "ok"


def broker_state() -> str:
    try:
        with dispatch.broker.clone() as broker:
            broker.ensure_connection(max_retries=0)
    except Exception:  # whatever the transport raises: it is down, and that is the answer
        return "down"
    return "ok"
