"""The readiness check, for monitors. The liveness check is in imagine/core/views.py."""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from imagine.core.rate_limit import all_visitors_are_one, is_from_this_machine
from imagine.mail import dispatch, health
from imagine.mail.reports import mailbox

MAX_DELAY = 300  # seconds
MAX_HEARTBEAT_AGE = 120  # seconds


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if this process can serve requests, 503 if PostgreSQL doesn't respond.

    A monitor on the same machine also reads how the database, the broker, outgoing email and the visitors' addresses
    are. Email and broker don't change the status: RSVPs work without them, and email is sent later.
    """
    is_local = is_from_this_machine(request)
    try:
        state = database_state() | (visitors_state() if is_local else {})
    except DatabaseError:
        connection.close()
        unknown = ("email", "mailings", "visitors", *(["bounces"] if mailbox.is_configured() else []))
        state = {"database": "down", **dict.fromkeys(unknown, "unknown")}
    is_ready = state["database"] == "ok"
    facts = {"ready": is_ready} | (state | {"broker": broker_state()} if is_local else {})
    return JsonResponse(facts, status=200 if is_ready else 503)


def database_state() -> dict[str, str]:
    """Return what the database knows. Raise DatabaseError if it doesn't respond."""
    return {
        "database": "ok",
        "email": mail_state("transactional", health.seconds_overdue),
        "mailings": mail_state("bulk", health.bulk_seconds_overdue),
    } | reports_state()


def reports_state() -> dict[str, str]:
    """Return whether the mailbox for delivery reports was read lately, if there is one."""
    return {"bounces": "late" if health.reports_are_late() else "ok"} if mailbox.is_configured() else {}


def visitors_state() -> dict[str, str]:
    return {"visitors": "one address" if all_visitors_are_one() else "ok"}


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
