"""The readiness check, for monitors. The liveness check is in imagine/core/views.py."""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from imagine.mail import dispatch, health

MAX_DELAY = 300  # seconds
MAX_HEARTBEAT_AGE = 120  # seconds


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if this process can serve requests, 503 if PostgreSQL doesn't respond.

    The state of the broker and of outgoing email doesn't change the status: RSVPs work without them, and email is sent
    later. Monitors read "broker", "mail" and "mail to many".
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
    if heartbeat is None or heartbeat > MAX_HEARTBEAT_AGE:
        return "no worker"
    return "late" if seconds_overdue() > MAX_DELAY else "ok"


def broker_state() -> str:
    try:
        with dispatch.broker.clone() as broker:
            broker.ensure_connection(max_retries=0)
    except Exception:  # whatever the transport raises
        return "down"
    return "ok"
